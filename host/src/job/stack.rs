//! Engines over engines: the engines that a job's engine names by options of type ENGINE, and
//! theirs.
//!
//! Called by `engines`, to know what to look up next, and by `one_job`. Each engine of a stack has
//! a label, by which a job file reaches its options: its name, and NAME-2, NAME-3 for further ones
//! of one name. A bare key belongs to the outermost engine that knows it.

use super::checks::Said;
use super::diagnostic::{push_once, Diagnostic, Place, STATUS_BAD_ENGINE};
use super::engine_options;
use super::engines::{Catalogue, EngineWish, FoundEngine};
use super::entries::Entry;
use super::options;
use super::raw::RawItem;
use super::spec::{EngineSpec, InnerEngine};
use super::suggest::did_you_mean;
use super::value::Reading;
use crate::catalogue::{EngineInfo, EngineOption, EngineOptionKind, EngineValue};

/// Engines that stand one over the other, at most: one that names itself by default has no end.
const ENGINES_MAX: usize = 8;

/// One engine of a stack.
pub(crate) struct Level<'a> {
    /// What its options are reached by.
    pub(crate) label: String,
    /// Where it comes from.
    pub(crate) found: &'a FoundEngine,
    /// Itself.
    pub(crate) info: &'a EngineInfo,
    /// The engine that named it and by which option; none for the job's own engine.
    over: Option<(usize, usize)>,
    /// Indexed like the engine's table.
    pub(crate) values: Vec<Option<(EngineValue, Said)>>,
}

/// An engine that was named and is not there.
pub(crate) struct Gap {
    /// What was asked for.
    pub(crate) wish: EngineWish,
    /// Where; none: the option's default.
    place: Option<Place>,
    /// The option and its engine.
    option: String,
    /// There are too many already.
    endless: bool,
}

/// A job's engines, the outermost first.
#[derive(Default)]
pub(crate) struct Stack<'a> {
    pub(crate) levels: Vec<Level<'a>>,
    pub(crate) gaps: Vec<Gap>,
}

impl<'a> Stack<'a> {
    /// The engine that was found for the job, and all that it stands on.
    pub(crate) fn explore(
        entries: &[Entry<'_>],
        catalogue: &'a Catalogue,
        found: &'a FoundEngine,
    ) -> Stack<'a> {
        let mut stack = Stack::default();
        stack.push(found, None, entries, catalogue);
        stack
    }

    fn push(
        &mut self,
        found: &'a FoundEngine,
        over: Option<(usize, usize)>,
        entries: &[Entry<'_>],
        catalogue: &'a Catalogue,
    ) {
        let Some(info) = found.info() else { return };
        let level = self.levels.len();
        let label = self.label(&info.name);
        self.levels.push(Level {
            label,
            found,
            info,
            over,
            values: vec![None; info.options.len()],
        });
        for (at, option) in info.options.iter().enumerate() {
            if option.kind != EngineOptionKind::Engine {
                continue;
            }
            let Some((asked, place)) = self.asked(level, at, option, entries) else { continue };
            let wish = EngineWish { asked, pin: None };
            let endless = self.levels.len() >= ENGINES_MAX;
            match catalogue.answer(&wish) {
                Some(Ok(inner)) if !endless => {
                    self.push(inner, Some((level, at)), entries, catalogue);
                }
                _ => {
                    let option = format!("option `{}` of engine {}", option.name, info.name);
                    self.gaps.push(Gap { wish, place, option, endless });
                }
            }
        }
    }

    fn label(&self, name: &str) -> String {
        let taken = |label: &str| self.levels.iter().any(|level| level.label == label);
        let mut label = name.to_owned();
        let mut number = 2;
        while taken(&label) {
            label = format!("{name}-{number}");
            number += 1;
        }
        label
    }

    /// Which engine the job wants there, and where it says so.
    fn asked(
        &self,
        level: usize,
        at: usize,
        option: &EngineOption,
        entries: &[Entry<'_>],
    ) -> Option<(String, Option<Place>)> {
        let is_it = |entry: &&Entry<'_>| {
            let key = &entry.option.key;
            options::find(key).is_none() && self.address(key) == Address::Option(level, at)
        };
        let text = |item: &RawItem, entry: &Entry<'_>| {
            let mut reading = Reading { dialect: entry.dialect, remarks: &mut Vec::new() };
            match engine_options::parse(option, item, &mut reading).ok()? {
                EngineValue::Text(text) => Some(text),
                _ => None,
            }
        };
        match entries.iter().rev().find(is_it) {
            // What cannot be read is told when it is applied.
            Some(entry) => {
                let item = &entry.option.item;
                Some((text(item, entry)?, Some(item.place.clone())))
            }
            None => Some((option.default.clone()?, None)),
        }
    }

    /// Whose option a key is.
    pub(crate) fn address(&self, key: &str) -> Address {
        let at = |level: &Level<'_>, key| engine_options::find(&level.info.options, key);
        match key.split_once('.') {
            None => {
                let mut levels = self.levels.iter().enumerate();
                let found = levels.find_map(|(n, level)| Some((n, at(level, key)?)));
                found.map_or(Address::Unknown, |(level, at)| Address::Option(level, at))
            }
            Some((label, key)) => {
                let level = self.levels.iter().position(|level| level.label == label);
                let Some(level) = level else { return Address::Elsewhere };
                at(&self.levels[level], key)
                    .map_or(Address::NoneOf(level), |at| Address::Option(level, at))
            }
        }
    }

    /// What the engine is to the rest of the house: itself, with the nature of those below.
    pub(crate) fn merged(&self) -> Option<EngineInfo> {
        let (outer, inner) = self.levels.split_first()?;
        Some(inner.iter().fold(outer.info.clone(), |sum, level| sum.over(level.info)))
    }

    /// Says which of the engines below are not there.
    pub(crate) fn tell_gaps(
        &self,
        catalogue: &Catalogue,
        engine_place: &Place,
        out: &mut Vec<Diagnostic>,
    ) {
        for gap in &self.gaps {
            let place = gap.place.as_ref().unwrap_or(engine_place);
            let asked = &gap.wish.asked;
            let error = match catalogue.answer(&gap.wish) {
                _ if gap.endless => {
                    let names: Vec<&str> =
                        self.levels.iter().map(|level| level.info.name.as_str()).collect();
                    let message = format!(
                        "{}: more than {ENGINES_MAX} engines stand one over the other: {}, {asked}",
                        gap.option,
                        names.join(" over "),
                    );
                    let help = "an engine that stands on itself by default has to be told by its \
                                label, such as NAME-2, what to stand on";
                    Diagnostic::error(message).help(help)
                }
                Some(Err(failure)) => {
                    let told = failure.message.contains("did you mean");
                    let guess = (failure.status != STATUS_BAD_ENGINE && !told)
                        .then(|| did_you_mean(asked, catalogue.known_names()))
                        .flatten();
                    let message = format!("{}: {}", gap.option, failure.message);
                    let error = Diagnostic::error(message).status(failure.status);
                    error.maybe_help(guess).maybe_help(failure.help.clone())
                }
                _ => Diagnostic::error(format!("{}: `{asked}` was not looked up", gap.option)),
            };
            push_once(out, error.at(place));
        }
    }

    /// The engines that one engine stands on, as the run needs them; `spec` makes one of a level.
    pub(crate) fn inner(
        &self,
        over: usize,
        spec: &dyn Fn(usize, Vec<InnerEngine>) -> EngineSpec,
    ) -> Vec<InnerEngine> {
        let levels = self.levels.iter().enumerate();
        levels
            .filter_map(|(n, level)| Some((n, level.over.filter(|(of, _)| *of == over)?.1)))
            .map(|(n, option)| InnerEngine { option, engine: spec(n, self.inner(n, spec)) })
            .collect()
    }
}

/// Whose option a key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    /// That of the engine with this number: the option with that one.
    Option(usize, usize),
    /// It names that engine, which has no such option.
    NoneOf(usize),
    /// It names an engine that the job does not use.
    Elsewhere,
    /// No engine of the job has it.
    Unknown,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::fixtures::resolved;
    use crate::job::{exit_status, render, Overrides, Source};

    fn spec(lines: &str) -> Result<EngineSpec, String> {
        let sources = [Source::new("job.fio", format!("[a]\nsize=1m\n{lines}\n"))];
        match resolved(&sources, &Overrides::default()) {
            Ok(mut resolved) => Ok(resolved.spec.jobs.remove(0).engine),
            Err(told) => {
                assert_ne!(exit_status(&told), 0);
                Err(render(&told, &sources, false))
            }
        }
    }

    #[test]
    fn engines_below_have_their_own_options() {
        let engine = spec(
            "ioengine=wrap\ninner=wrap\nshare=1\nwrap-2.inner=null\nwrap-2.share=2\nlatency=5us",
        )
        .unwrap();
        assert_eq!(engine.shown(), "wrap over wrap over null");
        let [outer, middle, inner] = engine.all()[..] else { panic!("{engine:?}") };
        assert_eq!(outer.options[1], EngineValue::Uint(1));
        assert_eq!(middle.options[1], EngineValue::Uint(2));
        assert_eq!(inner.options, [EngineValue::Uint(5000)]);
        assert_eq!((outer.inner[0].option, middle.inner[0].option), (0, 0));
        // Whoever stands on an engine without paths has none either.
        assert_eq!(outer.flags & inner.flags, inner.flags & !1, "{outer:?}");
    }

    #[test]
    fn several_engines_below_one() {
        let engine = spec("ioengine=wrap\nextra=null\nnull.latency=1us").unwrap();
        assert_eq!(engine.shown(), "wrap over psync and null");
        assert_eq!((engine.inner[0].option, engine.inner[1].option), (0, 2));
        assert_eq!(spec("ioengine=wrap").unwrap().shown(), "wrap over psync");
        assert_eq!(spec("ioengine=psync").unwrap().inner, []);
    }

    #[test]
    fn what_is_not_there_is_told_with_its_place() {
        for (lines, words) in [
            (
                "ioengine=wrap\ninner=psynk",
                &["option `inner` of engine wrap", "`psynk`", "4:7"][..],
            ),
            ("ioengine=wrap\ninner=broken", &["is not an ELF file", "job.fio:4:7"]),
            ("ioengine=wrap\ninner=needy", &["engine needy needs option `host`"]),
            ("ioengine=wrap\npsync.x=1", &["engine psync has no option `x`", "job.fio:4:1"]),
            ("ioengine=wrap\nextra=null\nlatency=x", &["latency", "job.fio:5:9"]),
            ("ioengine=wrap\nshare=1\nshare=2", &["share"]),
            ("ioengine=endless", &["more than 8 engines", "job.fio:3:10"]),
        ] {
            let told = spec(lines).unwrap_err();
            for word in words {
                assert!(told.contains(word), "{lines}: {word}: {told}");
            }
        }
        assert!(spec("ioengine=endless\ninner=endless\nendless-2.inner=psync").is_ok());
    }
}
