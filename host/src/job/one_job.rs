//! One job on its way from options to a [`JobSpec`]: the engine first, then every option in the
//! order in which it acts, then what they make together.
//!
//! Driven by `resolve`, once for each job.

use super::checks::{Judged, Said};
use super::diagnostic::{push_once, Diagnostic, Place, STATUS_BAD_ENGINE};
use super::draft::Draft;
use super::effective::{EffectiveJob, EffectiveOption, Provenance};
use super::engine_options;
use super::engines::Catalogue;
use super::entries::{self, Entry, Speaker};
use super::expand::Environment;
use super::options::known::FIO_ENGINES;
use super::options::{self, JobOption, Scope};
use super::overrides::SetOption;
use super::raw::RawRun;
use super::refusals;
use super::resolve::{given, last, wish};
use super::spec::{EngineSpec, InnerEngine, JobSpec, Origin};
use super::stack::{Address, Level, Stack};
use super::suggest::did_you_mean;
use super::value::Reading;
use crate::catalogue::{EngineInfo, EngineOption, EngineValue};

/// The option of an engine without I/O by which it ends with the I/O of other jobs.
const EXIT_ON_IO_DONE: &str = "exit_on_io_done";

/// Options that are the other side of one that is shown.
const TWINS: [&str; 3] = ["rwmixwrite", "buffered", "cpumask"];

/// See the module.
pub(crate) struct Job<'a> {
    raw: &'a RawRun,
    index: usize,
    name: &'a str,
    catalogue: &'a Catalogue,
    pub(crate) draft: Draft,
    /// In the order in which it was said.
    said: Vec<Said>,
    engine_place: Option<Place>,
    /// Its engine, and those below.
    engines: Stack<'a>,
    /// Its engine, with the nature of those below.
    engine: Option<EngineInfo>,
}

impl<'a> Job<'a> {
    pub(crate) fn new(
        raw: &'a RawRun,
        index: usize,
        name: &'a str,
        catalogue: &'a Catalogue,
    ) -> Job<'a> {
        let mut job = Job {
            raw,
            index,
            name,
            catalogue,
            draft: Draft::new(),
            said: Vec::new(),
            engine_place: None,
            engines: Stack::default(),
            engine: None,
        };
        job.imply_stonewall();
        job
    }

    /// Job files run one after another, as in fio.
    fn imply_stonewall(&mut self) {
        let section = &self.raw.sections[self.index];
        let earlier = &self.raw.sections[..self.index];
        let first_of_file = !earlier.iter().any(|s| s.job.is_some() && s.source == section.source);
        if first_of_file && earlier.iter().any(|s| s.job.is_some()) {
            self.draft.process.stonewall = true;
            self.said.push(Said {
                name: "stonewall",
                place: section.place.clone(),
                speaker: Speaker::Section(self.index),
                from: Provenance::Implied("a job file waits for the one before".to_owned()),
            });
        }
    }

    fn section_place(&self) -> &'a Place {
        &self.raw.sections[self.index].place
    }

    fn engine(&self) -> Option<&EngineInfo> {
        self.engine.as_ref()
    }

    pub(crate) fn said(&self, name: &str) -> Option<&Said> {
        self.said.iter().rev().find(|said| said.name == name)
    }

    pub(crate) fn find_engine(&mut self, sets: &[SetOption], out: &mut Vec<Diagnostic>) {
        let entries = entries::of_job(self.raw, self.index, sets);
        let place = last(&entries, "ioengine").map(|entry| entry.option.item.place.clone());
        self.engine_place.clone_from(&place);
        // What cannot be read is told when it is applied.
        let Some(wish) = wish(&entries) else { return };
        let place = place.as_ref().unwrap_or(self.section_place());
        match self.catalogue.answer(&wish) {
            Some(Ok(found)) => {
                self.engines = Stack::explore(&entries, self.catalogue, found);
                self.engine = self.engines.merged();
                self.engines.tell_gaps(self.catalogue, place, out);
            }
            Some(Err(failure)) => {
                let guess = (failure.status != STATUS_BAD_ENGINE)
                    .then(|| self.instead_of(&wish.asked, &failure.message))
                    .flatten();
                let error = Diagnostic::error(&failure.message).status(failure.status).at(place);
                push_once(out, error.maybe_help(guess).maybe_help(failure.help.clone()));
            }
            None => {
                let message = format!("engine `{}` was not looked up", wish.asked);
                push_once(out, Diagnostic::error(message).at(place));
            }
        }
    }

    /// What to say of an engine that is not there, beyond what the message says.
    fn instead_of(&self, asked: &str, message: &str) -> Option<String> {
        if FIO_ENGINES.contains(&asked) {
            let here = "fio has an engine of that name, which is not there yet in this version of \
                        iodyno (`iodyno engines` lists what is)";
            return Some(here.to_owned());
        }
        let told = message.contains("did you mean");
        (!told).then(|| did_you_mean(asked, self.catalogue.known_names())).flatten()
    }

    pub(crate) fn apply(&mut self, entry: &Entry<'a>, out: &mut Vec<Diagnostic>) {
        match options::find(&entry.option.key) {
            Some(option) => self.apply_core(option, entry, out),
            None => self.apply_engine(entry, out),
        }
    }

    fn apply_core(
        &mut self,
        option: &'static JobOption,
        entry: &Entry<'_>,
        out: &mut Vec<Diagnostic>,
    ) {
        if let Some(error) = refusals::misplaced(option, entry) {
            push_once(out, error);
            return;
        }
        let mut remarks = Vec::new();
        let mut reading = Reading { dialect: entry.dialect, remarks: &mut remarks };
        let item = &entry.option.item;
        match option.kind.parse(item, &mut reading) {
            Ok(value) => {
                (option.apply)(&mut self.draft, &value);
                self.said.push(Said {
                    name: option.name,
                    place: entry.option.key_place.clone(),
                    speaker: entry.speaker,
                    from: entry.provenance(&self.raw.sources),
                });
            }
            Err(_) if (option.later)(&item.value.as_typed(",")) => {
                push_once(out, refusals::later_value(entry));
            }
            Err(fault) => push_once(out, refusals::bad_value(entry, fault)),
        }
        refusals::push_remarks(entry, &remarks, out);
    }

    fn apply_engine(&mut self, entry: &Entry<'_>, out: &mut Vec<Diagnostic>) {
        // Without its engine nobody knows what the job's other keys are.
        let Some(engine) = self.engines.levels.first().map(|level| level.info) else { return };
        let written = entry.option.key.as_str();
        let (prefix, key) = written.split_once('.').unwrap_or(("", written));
        let (level, at) = match self.engines.address(written) {
            Address::Option(level, at) => (level, at),
            Address::NoneOf(level) => {
                let engine = self.engines.levels[level].info;
                return push_once(out, refusals::no_such_option(entry, key, engine));
            }
            Address::Elsewhere => {
                if let Some(told) = refusals::of_other_engine(entry, prefix, key, self.catalogue) {
                    push_once(out, told);
                }
                return;
            }
            Address::Unknown => {
                let error = refusals::unknown(entry, self.name, engine, self.catalogue, out);
                return push_once(out, error);
            }
        };
        let Level { info: engine, values, .. } = &mut self.engines.levels[level];
        let option = &engine.options[at];
        if let Some((_, before)) = &values[at] {
            if before.speaker == entry.speaker
                && !matches!(entry.speaker, Speaker::CommandLine { .. })
            {
                let message = format!("`{}` is given twice in one section", option.name);
                let error = Diagnostic::error(message).at(&entry.option.key_place);
                push_once(out, error.related(&before.place, "the first").label("the second"));
                return;
            }
        }
        let mut remarks = Vec::new();
        let mut reading = Reading { dialect: entry.dialect, remarks: &mut remarks };
        match engine_options::parse(option, &entry.option.item, &mut reading) {
            Ok(value) => {
                let said = Said {
                    name: "",
                    place: entry.option.key_place.clone(),
                    speaker: entry.speaker,
                    from: entry.provenance(&self.raw.sources),
                };
                values[at] = Some((value, said));
            }
            Err(fault) => push_once(out, refusals::bad_value(entry, fault)),
        }
        refusals::push_remarks(entry, &remarks, out);
        if option.deprecated {
            let message =
                format!("option `{}` of engine {} is deprecated", option.name, engine.name);
            let warning = Diagnostic::warning(message).at(&entry.option.key_place);
            push_once(out, warning.note(option.help.clone()));
        }
    }

    pub(crate) fn finish_engine_options(&mut self, out: &mut Vec<Diagnostic>) {
        let levels = self.engines.levels.iter();
        let all = levels.flat_map(|level| {
            level.info.options.iter().zip(&level.values).map(move |both| (level, both))
        });
        for (level, (option, value)) in all {
            if value.is_some() {
                continue;
            }
            let engine = level.info;
            let place = self.engine_place.as_ref().unwrap_or(self.section_place());
            if option.required && option.default.is_none() {
                let message = format!(
                    "engine {} needs option `{}`, which job {} does not give",
                    engine.name, option.name, self.name
                );
                push_once(
                    out,
                    Diagnostic::error(message)
                        .at(place)
                        .help(format!("{}: {}", option.name, option.help)),
                );
            }
            if let Err(fault) = engine_options::default(option) {
                let message = format!(
                    "engine {}: the default of its option `{}` is wrong: {}",
                    engine.name, option.name, fault.message
                );
                push_once(out, Diagnostic::error(message).status(STATUS_BAD_ENGINE).at(place));
            }
        }
    }

    pub(crate) fn judged<'j>(&'j self, readonly: bool, env: &'j Environment) -> Judged<'j> {
        Judged {
            name: self.name,
            draft: &self.draft,
            said: &self.said,
            section: self.section_place(),
            engine: self.engine(),
            ends_with_io: self.ends_with_io(),
            readonly,
            env,
        }
    }

    /// None where the engine is missing: an error was told.
    pub(crate) fn spec(&self, sets: &[SetOption], env: &Environment) -> Option<JobSpec> {
        let engine = self.engine()?;
        let draft = &self.draft;
        let mut load = draft.load();
        load.randrepeat |= self.said("randseed").is_some();
        let below = self.engines.inner(0, &|level, inner| self.engine_spec(level, inner));
        let nodes: Vec<u32> = env.nodes.iter().map(|(node, _)| *node).collect();
        Some(JobSpec {
            name: self.name.to_owned(),
            description: draft.description.clone(),
            origin: self.origin(),
            given: self.given(sets),
            engine: EngineSpec {
                asked: draft.engine_asked.clone(),
                pin: draft.engine_pin.clone(),
                flags: engine.flags,
                whole_files: engine.whole_files,
                no_io: engine.no_io,
                ends_with_io: self.ends_with_io(),
                timeout: draft.engine_timeout,
                ..self.engine_spec(0, below)
            },
            load,
            content: draft.content.clone(),
            target: draft.target(),
            depth: draft.depth(),
            time: draft.time(),
            pace: draft.pace(),
            process: draft.process(&nodes),
            verify: draft.verify(),
            errors: draft.errors.clone(),
            report: draft.report.clone(),
        })
    }

    /// One engine of the stack, as it is itself.
    fn engine_spec(&self, level: usize, inner: Vec<InnerEngine>) -> EngineSpec {
        let Level { found, info, values, .. } = &self.engines.levels[level];
        let options = info.options.iter().zip(values).map(|(option, value)| match value {
            Some((value, _)) => value.clone(),
            None => engine_options::default(option).unwrap_or(EngineValue::Unset),
        });
        EngineSpec {
            asked: info.name.clone(),
            name: info.name.clone(),
            plugin_id: found.plugin.id.clone(),
            plugin: found.plugin.path.clone(),
            sha256: found.plugin.sha256.clone(),
            pin: None,
            sealed: found.plugin.pinned,
            flags: info.flags,
            whole_files: info.whole_files,
            no_io: info.no_io,
            ends_with_io: false,
            options: options.collect(),
            secrets: secrets(&info.options),
            timeout: None,
            inner,
        }
    }

    /// An engine that could go on for ever (it has fio's option for that case), told to end with
    /// the I/O of others, or told nothing about its end.
    fn ends_with_io(&self) -> bool {
        let Some(engine) = self.engine().filter(|engine| engine.no_io) else { return false };
        let Some(at) = engine_options::find(&engine.options, EXIT_ON_IO_DONE) else { return false };
        let is_set = |value: &EngineValue| *value == EngineValue::Uint(1);
        let asked =
            self.engines.levels[0].values[at].as_ref().is_some_and(|(value, _)| is_set(value));
        asked || self.draft.time.runtime.is_none()
    }

    fn origin(&self) -> Origin {
        match self.section_place() {
            Place::File { source, span } => self.raw.sources[*source].origin(span.start),
            Place::Argument { text, .. } => Origin { file: text.clone(), line: 0 },
        }
    }

    /// The section as typed; what the command line says stands in place of it.
    fn given(&self, sets: &[SetOption]) -> Vec<(String, String)> {
        let mut all: Vec<(String, String)> = Vec::new();
        for entry in entries::of_job(self.raw, self.index, sets) {
            if matches!(entry.speaker, Speaker::Global(_)) {
                continue;
            }
            let (key, value) = given(entry.option, self.catalogue);
            let same = |other: &str| match (options::find(other), options::find(&key)) {
                (Some(a), Some(b)) => a.name == b.name,
                _ => other == key,
            };
            match all.iter_mut().find(|(other, _)| same(other)) {
                Some(before) => *before = (key, value),
                None => all.push((key, value)),
            }
        }
        all
    }

    pub(crate) fn effective(&self, spec: &JobSpec) -> EffectiveJob {
        let mut lines = Vec::new();
        let of_job = options::all().filter(|option| {
            matches!(option.scope, Scope::Job | Scope::Name) && !TWINS.contains(&option.name)
        });
        for option in of_job {
            let from = match option.name {
                "name" => Provenance::Section(spec.origin.clone()),
                name => self.from(name),
            };
            let value = (option.show)(spec);
            lines.push(EffectiveOption {
                key: option.name.to_owned(),
                value,
                unset: option.unset,
                from,
            });
        }
        for (level, engine) in self.engines.levels.iter().zip(spec.engine.all()) {
            let values = engine.options.iter().zip(&level.values);
            for (option, (value, said)) in level.info.options.iter().zip(values) {
                let from = said.as_ref().map_or(Provenance::Default, |(_, said)| said.from.clone());
                let shown = if option.secret { None } else { engine_options::show(option, value) };
                let unset = match (option.secret, value) {
                    (true, EngineValue::Unset) | (false, _) => "the engine decides",
                    (true, _) => "given, but secret",
                };
                lines.push(EffectiveOption {
                    key: format!("{}.{}", level.label, option.name),
                    value: shown,
                    unset,
                    from,
                });
            }
        }
        EffectiveJob { name: spec.name.clone(), options: lines }
    }

    /// Who set an option, or the one that it shares its value with.
    fn from(&self, name: &str) -> Provenance {
        let twins: &[&str] = match name {
            "bs" | "bsrange" => &["bs", "bsrange", "bssplit"],
            "rwmixread" => &["rwmixread", "rwmixwrite"],
            "direct" => &["direct", "buffered"],
            "cpus_allowed" => &["cpus_allowed", "cpumask"],
            other => &[other],
        };
        let said = self.said.iter().rev().find(|said| twins.contains(&said.name));
        said.map_or(Provenance::Default, |said| said.from.clone())
    }
}

fn secrets(table: &[EngineOption]) -> Vec<usize> {
    let indexed = table.iter().enumerate();
    indexed.filter(|(_, option)| option.secret).map(|(index, _)| index).collect()
}
