//! `iodyno engines` and `iodyno engines show`: which engines are here, and what can this one do?
//!
//! Called by `cli::main`. Asks `plugin::find` and prints; runs no job. The list ends with status 0
//! where there is at least one usable engine, 5 where there are only broken plugins, 2 where there
//! is nothing at all; `show` with the status of what is wrong with that one engine.

use super::args::{EngineSearch, EnginesArgs, EnginesCommand};
use crate::catalogue::{EngineInfo, EngineOption, EngineOptionKind as Kind, PluginInfo, Trust};
use crate::plugin::{find, Found, PluginError, Search};
use crate::sys::facts;
use iodyno_engine_api::abi::{
    IOE_F_DISKLESS, IOE_F_FAKE, IOE_F_MUST_MEM, IOE_F_NOEXTEND, IOE_F_NOIO, IOE_F_PER_FILE,
    IOE_F_PIPE, IOE_F_RAW, IOE_F_SETS_ISSUE, IOE_F_SYNC, IOE_F_UNIDIR,
};
use serde_json::{json, Value};
use std::fmt::Write as _;
use std::io::Write as _;

/// Lists engines or shows one; the answer is the exit status.
///
/// # Errors
/// Standard output cannot be written.
pub fn engines(args: &EnginesArgs) -> anyhow::Result<u8> {
    match &args.command {
        None => list(&args.search, args.json),
        Some(EnginesCommand::Show { engine, search, json }) => show(engine, search, *json),
    }
}

impl From<&EngineSearch> for Search {
    fn from(args: &EngineSearch) -> Self {
        Self {
            engine_path: args.engine_path.clone(),
            allow_untrusted: args.allow_untrusted_engines,
        }
    }
}

fn list(search: &EngineSearch, as_json: bool) -> anyhow::Result<u8> {
    let search = Search::from(search);
    let (plugins, broken) = search.all();
    warn_of_loader_environment()?;
    let mut stderr = std::io::stderr().lock();
    for plugin in &plugins {
        for warning in &plugin.warnings {
            writeln!(stderr, "iodyno: warning: {}: {warning}", plugin.path.display())?;
        }
    }
    for error in &broken {
        writeln!(stderr, "iodyno: unusable plugin: {error}")?;
    }
    if plugins.is_empty() && broken.is_empty() {
        let dirs: Vec<String> =
            search.directories().iter().map(|dir| dir.display().to_string()).collect();
        writeln!(stderr, "iodyno: no engines in {} (--engine-path DIR)", dirs.join(", "))?;
    }
    let text = if as_json { pretty(&list_json(&plugins, &broken))? } else { table(&plugins) };
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(match (plugins.is_empty(), broken.is_empty()) {
        (false, _) => 0,
        (true, false) => 5,
        (true, true) => 2,
    })
}

fn show(asked: &str, search: &EngineSearch, as_json: bool) -> anyhow::Result<u8> {
    let found = match Search::from(search).engine(asked, None) {
        Ok(found) => found,
        Err(error) => {
            writeln!(std::io::stderr(), "iodyno: {error}")?;
            return Ok(error.status());
        }
    };
    warn_of_loader_environment()?;
    let text = if as_json { pretty(&engine_json(&found))? } else { page(&found) };
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(0)
}

fn warn_of_loader_environment() -> anyhow::Result<()> {
    for warning in loader_warnings() {
        writeln!(std::io::stderr(), "iodyno: warning: {warning}")?;
    }
    Ok(())
}

/// What the environment does to the loading of plugins, in words.
pub(super) fn loader_warnings() -> Vec<String> {
    let words = |(name, value)| format!("{name}={value} is set and changes what is loaded");
    facts::loader_environment().into_iter().map(words).chain(find::ignored_path()).collect()
}

fn pretty(value: &Value) -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(value)? + "\n")
}

fn list_json(plugins: &[PluginInfo], broken: &[PluginError]) -> Value {
    let engines: Vec<Value> = plugins
        .iter()
        .flat_map(|plugin| plugin.engines.iter().map(move |engine| (plugin, engine)))
        .map(|(plugin, engine)| one_json(plugin, engine))
        .collect();
    let broken: Vec<Value> = broken
        .iter()
        .map(|error| json!({ "error": error.to_string(), "status": error.status() }))
        .collect();
    json!({ "engines": engines, "unusable": broken })
}

fn engine_json(found: &Found) -> Value {
    one_json(&found.plugin, &found.plugin.engines[found.engine])
}

fn one_json(plugin: &PluginInfo, engine: &EngineInfo) -> Value {
    json!({
        "name": engine.name,
        "help": engine.help,
        "id": plugin.id,
        "vendor": plugin.vendor,
        "version": plugin.version,
        "license": plugin.license,
        "url": plugin.url,
        "abi": format!("{}.{}", plugin.abi_major, plugin.abi_minor),
        "need_minor": plugin.need_minor,
        "flags": flag_words(engine.flags),
        "callbacks": engine.callbacks,
        "options": engine.options,
        "path": plugin.path,
        "sha256": plugin.sha256,
        "build_id": plugin.build_id,
        "pinned": plugin.pinned,
        "pinned_by": plugin.pinned_by,
        "trust": plugin.trust,
        "layout_checked": plugin.layout_checked,
        "warnings": plugin.warnings,
    })
}

/// Flags as a person says them.
fn flag_words(flags: u64) -> Vec<String> {
    const WORDS: [(u64, &str); 11] = [
        (IOE_F_SYNC, "synchronous"),
        (IOE_F_RAW, "raw"),
        (IOE_F_DISKLESS, "diskless"),
        (IOE_F_NOEXTEND, "cannot extend files"),
        (IOE_F_UNIDIR, "one direction"),
        (IOE_F_PIPE, "no offsets"),
        (IOE_F_FAKE, "moves no data"),
        (IOE_F_NOIO, "no I/O"),
        (IOE_F_SETS_ISSUE, "stamps issue times"),
        (IOE_F_PER_FILE, "one request a file"),
        (IOE_F_MUST_MEM, "own buffers"),
    ];
    let mut words: Vec<String> = WORDS
        .iter()
        .filter(|(bit, _)| flags & bit != 0)
        .map(|(_, word)| (*word).to_owned())
        .collect();
    if flags & IOE_F_SYNC == 0 {
        words.insert(0, "asynchronous".to_owned());
    }
    let known = WORDS.iter().fold(0, |all, (bit, _)| all | bit);
    if flags & !known != 0 {
        words.push(format!("unknown {:#x}", flags & !known));
    }
    words
}

fn table(plugins: &[PluginInfo]) -> String {
    let mut rows = vec![["ENGINE", "PLUGIN", "VERSION", "FLAGS", "FILE"].map(str::to_owned)];
    for plugin in plugins {
        for engine in &plugin.engines {
            rows.push([
                engine.name.clone(),
                plugin.id.clone(),
                plugin.version.clone(),
                flag_words(engine.flags).join(", "),
                plugin.path.display().to_string(),
            ]);
        }
    }
    if rows.len() == 1 {
        return String::new();
    }
    let widths: Vec<usize> = (0..5)
        .map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0))
        .collect();
    let mut text = String::new();
    for row in rows {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        text += cells.join("  ").trim_end();
        text.push('\n');
    }
    text
}

fn page(found: &Found) -> String {
    let plugin = &found.plugin;
    let engine = &plugin.engines[found.engine];
    let trust = match &plugin.trust {
        Trust::Trusted => "trusted".to_owned(),
        Trust::Overridden(rule) => format!("not trusted, allowed by you: {rule}"),
    };
    let pinned = match plugin.pinned_by.as_slice() {
        [] => "no".to_owned(),
        by => format!("by {}; loaded from a sealed copy", by.join(" and ")),
    };
    let mut abi = format!("{}.{}", plugin.abi_major, plugin.abi_minor);
    if plugin.layout_checked {
        abi += " (exported layout compatible)";
    }
    let mut facts = vec![
        ("engine", engine.name.clone()),
        ("help", engine.help.clone()),
        ("plugin", plugin.id.clone()),
        ("vendor", plugin.vendor.clone()),
        ("version", plugin.version.clone()),
        ("license", plugin.license.clone().unwrap_or_default()),
        ("url", plugin.url.clone().unwrap_or_default()),
        ("abi", abi),
        ("flags", flag_words(engine.flags).join(", ")),
        ("callbacks", engine.callbacks.join(", ")),
        ("file", plugin.path.display().to_string()),
        ("sha256", plugin.sha256.clone()),
        ("build id", plugin.build_id.clone().unwrap_or_default()),
        ("pinned", pinned),
        ("trust", trust),
    ];
    facts.extend(plugin.warnings.iter().map(|warning| ("warning", warning.clone())));
    let mut text = String::new();
    for (name, value) in facts.iter().filter(|(_, value)| !value.is_empty()) {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name:9}  {value}");
    }
    let shown: Vec<&EngineOption> = engine.options.iter().filter(|o| !o.hidden).collect();
    if shown.is_empty() {
        text += "options    none\n";
    } else {
        text += "options\n";
        for option in shown {
            text += &option_lines(option);
        }
    }
    text
}

fn option_lines(option: &EngineOption) -> String {
    let mut head = format!("  {}={}", option.name, kind_word(option));
    if let Some(alias) = &option.alias {
        let _ = write!(head, "  (or {alias})");
    }
    match &option.default {
        _ if option.required => head += "  required",
        Some(default) => {
            let _ = write!(head, "  default {default}");
        }
        None => {}
    }
    if let Some((min, max)) = option.range {
        let unit = match option.kind {
            Kind::Size => " bytes",
            Kind::TimeNs => " ns",
            _ => "",
        };
        let _ = write!(head, "  {min} to {max}{unit}");
    }
    match option.step {
        0 => {}
        1 => head += "  power of two",
        step => {
            let _ = write!(head, "  multiple of {step}");
        }
    }
    if option.deprecated {
        head += "  deprecated";
    }
    head.push('\n');
    if !option.help.is_empty() {
        let _ = writeln!(head, "      {}", option.help);
    }
    for choice in &option.choices {
        let _ = writeln!(head, "      {}  {}", choice.name, choice.help);
    }
    head
}

fn kind_word(option: &EngineOption) -> &'static str {
    match option.kind {
        Kind::Bool => "BOOL",
        Kind::Int | Kind::Uint => "INT",
        Kind::Size => "SIZE",
        Kind::TimeNs => "TIME",
        Kind::Float => "FLOAT",
        Kind::Str => "TEXT",
        Kind::Path => "PATH",
        Kind::Enum => "CHOICE",
        Kind::Flagset => "CHOICE[,CHOICE]...",
        Kind::Engine => "ENGINE",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::EngineChoice;

    #[test]
    fn flags_in_words() {
        assert_eq!(flag_words(IOE_F_SYNC | IOE_F_FAKE), ["synchronous", "moves no data"]);
        assert_eq!(flag_words(0), ["asynchronous"]);
        assert_eq!(flag_words(1 << 31), ["asynchronous", "unknown 0x80000000"]);
    }

    fn found() -> Found {
        let option = EngineOption {
            name: "delay".to_owned(),
            alias: Some("lag".to_owned()),
            kind: Kind::TimeNs,
            default: Some("0".to_owned()),
            help: "wait this long".to_owned(),
            group: None,
            range: Some((0, 1000)),
            step: 2,
            choices: Vec::new(),
            required: false,
            secret: false,
            hidden: false,
            deprecated: false,
        };
        let choice = |name: &str| EngineChoice {
            name: name.to_owned(),
            value: 1,
            help: "does it".to_owned(),
        };
        let mode = EngineOption {
            name: "mode".to_owned(),
            alias: None,
            kind: Kind::Enum,
            default: None,
            required: true,
            range: None,
            step: 0,
            choices: vec![choice("fast"), choice("slow")],
            ..option.clone()
        };
        let hidden = EngineOption { name: "secret".to_owned(), hidden: true, ..option.clone() };
        let engine = EngineInfo {
            passed_on: 0,
            name: "demo".to_owned(),
            help: "shows things".to_owned(),
            flags: IOE_F_SYNC,
            synchronous: true,
            diskless: false,
            whole_files: false,
            no_io: false,
            fake: false,
            stream: false,
            callbacks: vec!["init".to_owned(), "queue".to_owned()],
            options: vec![option, mode, hidden],
        };
        let plugin = PluginInfo {
            path: "/opt/libiodyno_engine_demo.so".into(),
            sha256: "ab".repeat(32),
            build_id: None,
            pinned: false,
            pinned_by: Vec::new(),
            trust: Trust::Overridden("anyone may write it".to_owned()),
            id: "org.example.demo".to_owned(),
            vendor: "Example".to_owned(),
            version: "1.2".to_owned(),
            license: Some("MIT".to_owned()),
            url: None,
            abi_major: 1,
            abi_minor: 0,
            need_minor: 0,
            layout_checked: true,
            engines: vec![engine],
            warnings: vec!["odd".to_owned()],
        };
        Found { plugin, engine: 0 }
    }

    #[test]
    fn a_page_about_one_engine() {
        insta::assert_snapshot!(page(&found()), @r"
        engine     demo
        help       shows things
        plugin     org.example.demo
        vendor     Example
        version    1.2
        license    MIT
        abi        1.0 (exported layout compatible)
        flags      synchronous
        callbacks  init, queue
        file       /opt/libiodyno_engine_demo.so
        sha256     abababababababababababababababababababababababababababababababab
        pinned     no
        trust      not trusted, allowed by you: anyone may write it
        warning    odd
        options
          delay=TIME  (or lag)  default 0  0 to 1000 ns  multiple of 2
              wait this long
          mode=CHOICE  required
              wait this long
              fast  does it
              slow  does it
        ");
    }

    #[test]
    fn a_table_of_engines() {
        insta::assert_snapshot!(table(&[found().plugin]), @r"
        ENGINE  PLUGIN            VERSION  FLAGS        FILE
        demo    org.example.demo  1.2      synchronous  /opt/libiodyno_engine_demo.so
        ");
        assert_eq!(table(&[]), "");
    }

    #[test]
    fn json_has_every_fact() {
        let value = engine_json(&found());
        assert_eq!(value["abi"], "1.0");
        assert_eq!(value["options"][0]["name"], "delay");
        assert_eq!(value["trust"]["overridden"], "anyone may write it");
        let list = list_json(&[found().plugin], &[]);
        assert_eq!(list["engines"][0], value);
    }
}
