//! `iodyno check`: does this plugin keep to the contract?
//!
//! Finds the file, lets `conformance` run its checks, prints what was found. The exit status is 0
//! without a fail, a crash or a timeout, else 5; 2 where there was nothing to check.

use super::args::CheckArgs;
use super::check_list;
use crate::catalogue::{EngineInfo, EngineOptionKind, EngineValue, PluginInfo};
use crate::conformance::check::{Judged, Level};
use crate::conformance::list;
use crate::conformance::report::{self, Heading};
use crate::conformance::runner::{self, Session};
use crate::conformance::stand::Below;
use crate::conformance::sweep;
use crate::job;
use crate::plugin::load::LoadRequest;
use crate::plugin::{PluginError, Search};
use anyhow::{bail, Context};
use std::io::{IsTerminal, Write};
use std::path::Path;

/// Checks a plugin; the answer is the exit status.
///
/// # Errors
/// Bad usage, or a report that cannot be written.
pub(super) fn check(args: &CheckArgs) -> anyhow::Result<u8> {
    if args.list {
        let text = if args.markdown { check_list::markdown() } else { check_list::plain() };
        return print(text.as_bytes());
    }
    let search = Search::from(&args.search);
    // Without one clap has answered already.
    let plugin = args.plugin.as_deref().unwrap_or_default();
    let (file, overlooked) = match search.file(plugin) {
        Ok(found) => found,
        Err(error) => return refuse(&error),
    };
    if let Some(rule) = overlooked {
        note(&format!("warning: {plugin}: not trusted, used because you said so: {rule}"));
    }
    let known = search.plugin(&file.path).ok();
    let session = session(args, &file, known.as_ref())?;
    let heading = Heading {
        path: file.path.display().to_string(),
        sha256: file.sha256.clone(),
        plugin: known.map(|plugin| (plugin.id, plugin.version)),
        seed: session.seed,
    };
    let rows = run(&session)?;
    write_reports(args, &heading, &rows)?;
    Ok(if runner::bad(&rows) == 0 { 0 } else { 5 })
}

fn refuse(error: &PluginError) -> anyhow::Result<u8> {
    note(&error.to_string());
    Ok(error.status())
}

fn note(words: &str) {
    // Where standard error is gone, the status alone must tell.
    let _gone = writeln!(std::io::stderr(), "iodyno: {words}");
}

fn session(
    args: &CheckArgs,
    file: &LoadRequest,
    known: Option<&PluginInfo>,
) -> anyhow::Result<Session> {
    let mut engines = known.map(|plugin| plugin.engines.clone()).unwrap_or_default();
    if let Some(name) = &args.engine {
        let names: Vec<String> = engines.iter().map(|engine| engine.name.clone()).collect();
        engines.retain(|engine| engine.name == *name);
        if engines.is_empty() && !names.is_empty() {
            bail!("--engine {name}: the plugin has no such engine; it has {}", names.join(", "));
        }
    }
    let sets = args.sets.iter().map(|set| key_and_value(set, &engines));
    let sets = sets.collect::<anyhow::Result<Vec<_>>>()?;
    let below = below(&Search::from(&args.search), &mut engines, &sets)?;
    let only = args.only.as_deref().unwrap_or("");
    let only = regex_lite::Regex::new(only).with_context(|| format!("--only {only}"))?;
    let level = match args.level {
        1 => Level::Load,
        2 => Level::Instance,
        3 => Level::Requests,
        _ => Level::Stress,
    };
    let checks = list::chosen(level, |id| only.is_match(id));
    if checks.is_empty() {
        bail!("--only {only}: matches no check of this level (iodyno check --list shows them)");
    }
    Ok(Session {
        path: file.path.clone(),
        sha256: file.sha256.clone(),
        engines,
        checks,
        target: args.target.clone(),
        sets,
        below,
        seed: args.seed.unwrap_or_else(runner::fresh_seed),
        in_process: args.in_process,
    })
}

fn key_and_value(set: &str, engines: &[EngineInfo]) -> anyhow::Result<(String, String)> {
    let (key, value) =
        set.split_once('=').with_context(|| format!("--set {set}: KEY=VALUE is expected"))?;
    let key = key.trim();
    let options = engines.iter().flat_map(|engine| &engine.options);
    let own: Vec<_> =
        options.filter(|o| o.name == key || o.alias.as_deref() == Some(key)).collect();
    if key.contains('.') {
        // An option of an engine below: `below` knows which.
        return Ok((key.to_owned(), value.to_owned()));
    }
    if !engines.is_empty() && own.is_empty() {
        bail!("--set {key}: no engine of the plugin has this option");
    }
    let mut value = value.to_owned();
    if !value.is_empty() && own.iter().any(|option| option.kind == EngineOptionKind::Path) {
        // Children stand elsewhere.
        let path = std::path::absolute(&value).with_context(|| format!("--set {set}"))?;
        value = path.into_os_string().into_string().unwrap_or(value);
    }
    Ok((key.to_owned(), value))
}

/// The engines that those under check may stand on, whose nature they take on, by their options of
/// type ENGINE as they are set and by default. One that is a default alone may be missing.
fn below(
    search: &Search,
    engines: &mut [EngineInfo],
    sets: &[(String, String)],
) -> anyhow::Result<Vec<Below>> {
    let mut all: Vec<Below> = Vec::new();
    let mut labels = Vec::new();
    let options = |(n, engine): (usize, &EngineInfo)| {
        engine.options.clone().into_iter().map(move |option| (n, option)).collect::<Vec<_>>()
    };
    for (n, option) in engines.iter().enumerate().flat_map(options).collect::<Vec<_>>() {
        if option.kind != EngineOptionKind::Engine {
            continue;
        }
        let own = |key: &str| key == option.name || option.alias.as_deref() == Some(key);
        let set = sets.iter().rev().find(|(key, _)| own(key)).map(|(_, value)| value.as_str());
        for (asked, wanted) in [(set, true), (option.default.as_deref(), set.is_none())] {
            let Some(asked) = asked.filter(|asked| all.iter().all(|b| b.asked != **asked)) else {
                continue;
            };
            let mut chain = vec![engines[n].name.clone()];
            let found = below_of(search, asked, sets, &mut chain);
            labels.extend(chain);
            match found {
                Ok((found, info)) => {
                    if wanted {
                        engines[n] = engines[n].over(&info);
                    }
                    all.push(found);
                }
                Err(error) if wanted => {
                    return Err(error.context(format!("{}={asked}", option.name)))
                }
                Err(_) => {}
            }
        }
    }
    let label = |key: &str| key.split_once('.').map(|(label, _)| label.to_owned());
    match sets.iter().find_map(|(key, _)| label(key).filter(|label| !labels.contains(label))) {
        Some(label) => {
            bail!("--set {label}.KEY=VALUE: no engine {label} is below the one under check")
        }
        None => Ok(all),
    }
}

/// One engine that is stood on, with what that stands on. `labels` are those of the engines above,
/// to which its own and those below are added.
fn below_of(
    search: &Search,
    asked: &str,
    sets: &[(String, String)],
    labels: &mut Vec<String>,
) -> anyhow::Result<(Below, EngineInfo)> {
    const ENGINES_MAX: usize = 8;
    if labels.len() > ENGINES_MAX {
        bail!(
            "more than {ENGINES_MAX} engines stand one over the other: {}",
            labels.join(" over ")
        );
    }
    let found = search.engine(asked, None)?;
    let Some(info) = found.plugin.engines.get(found.engine) else { bail!("it has no engine") };
    let numbered = (2..).map(|number| format!("{}-{number}", info.name));
    let mut names = std::iter::once(info.name.clone()).chain(numbered);
    let label = names.find(|label| !labels.contains(label)).unwrap_or_default();
    labels.push(label.clone());
    let own = |key: &str| info.options.iter().any(|option| option.name == key);
    let of_it = |key: &str| key.split_once('.').is_some_and(|(of, key)| of == label && !own(key));
    if let Some((key, value)) = sets.iter().find(|(key, _)| of_it(key)) {
        bail!("--set {key}={value}: engine {} has no option of this name", info.name);
    }
    let (mut values, mut inner, mut merged) = (Vec::new(), Vec::new(), info.clone());
    for (at, option) in info.options.iter().enumerate() {
        let key = format!("{label}.{}", option.name);
        let set = sets.iter().rev().find(|(other, _)| *other == key).map(|(_, value)| value);
        let value = set.or(option.default.as_ref()).map(|text| job::engine_value(option, text));
        let value = value.transpose().map_err(|why| anyhow::anyhow!("{key}: {why}"))?;
        if let (EngineOptionKind::Engine, Some(EngineValue::Text(asked))) = (option.kind, &value) {
            let (below, info) = below_of(search, asked, sets, labels)?;
            merged = merged.over(&info);
            inner.push((at as u32, below));
        }
        values.push(value.unwrap_or(EngineValue::Unset));
    }
    let (path, sha256) = (found.plugin.path.clone(), found.plugin.sha256.clone());
    let (asked, engine) = (asked.to_owned(), info.name.clone());
    Ok((Below { asked, path, sha256, engine, values, below: inner }, merged))
}

/// Shows on a terminal which check is running; in-process, where it may be the last word, always.
fn run(session: &Session) -> anyhow::Result<Vec<Judged>> {
    let terminal = std::io::stderr().is_terminal();
    let total = session.checks.len();
    let mut told = |number: usize, id: &str| {
        let mut stderr = std::io::stderr();
        let _gone = match (session.in_process, terminal) {
            (true, _) => writeln!(stderr, "iodyno: {id}"),
            (false, true) => write!(stderr, "\r\x1b[K[{}/{total}] {id}", number + 1),
            (false, false) => Ok(()),
        };
    };
    sweep::on_signals().context("heed signals")?;
    let rows = runner::run(session, &mut told);
    if terminal && !session.in_process {
        let _gone = write!(std::io::stderr(), "\r\x1b[K");
    }
    rows.map_err(anyhow::Error::msg)
}

fn write_reports(args: &CheckArgs, heading: &Heading, rows: &[Judged]) -> anyhow::Result<()> {
    let mut text = report::text(heading, rows);
    if let Some(path) = &args.json {
        let json = serde_json::to_string_pretty(&report::json(heading, rows))? + "\n";
        if path == Path::new("-") {
            text = json;
        } else {
            write(path, json.as_bytes())?;
        }
    }
    if let Some(path) = &args.junit {
        write(path, &report::junit(heading, rows)?)?;
    }
    print(text.as_bytes()).map(drop)
}

fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    std::fs::write(path, bytes).with_context(|| format!("write {}", path.display()))
}

fn print(bytes: &[u8]) -> anyhow::Result<u8> {
    std::io::stdout().lock().write_all(bytes)?;
    Ok(0)
}
