//! Does the host admit the plugin at all? The file, read and not run; its loading; and, after all
//! that its tables say, the host's own way of taking it: what every other check rests on. Must not
//! make an instance.

use super::super::check::{Check, Finding, Level, Outcome, DEADLINE};
use super::super::stand::Stand;
use crate::plugin::preflight;

/// What comes before the entry.
pub(super) const FILE: &[Check] = &[
    Check {
        id: "file.elf",
        rule:
            "A plugin is a whole ELF shared object of this machine with the entry symbol, without \
               an executable stack and without text relocations.",
        level: Level::Load,
        rests_on: &[],
        deadline: DEADLINE,
        run: elf,
    },
    Check {
        id: "file.exports",
        rule:
            "A plugin exports its entry (in Rust, its layout too) and nothing else: what another \
               library of the process calls the same would take its place.",
        level: Level::Load,
        rests_on: &["file.elf"],
        deadline: DEADLINE,
        run: exports,
    },
    Check {
        id: "file.build-id",
        rule: "A plugin bears a build id, by which reports tell one build of it from another.",
        level: Level::Load,
        rests_on: &["file.elf"],
        deadline: DEADLINE,
        run: build_id,
    },
    Check {
        id: "load.opens",
        rule: "The loader finds every library and every symbol that the plugin needs, and its \
               constructors return.",
        level: Level::Load,
        rests_on: &["file.elf"],
        deadline: DEADLINE,
        run: opens,
    },
];

/// What comes after the tables.
pub(super) const WHOLE: &[Check] = &[Check {
    id: "load.admitted",
    rule: "The host takes the plugin as a run does, an exported layout of its types agrees, and \
           setup succeeds.",
    level: Level::Load,
    rests_on: &[
        "file.elf",
        "load.opens",
        "entry.answers",
        "tables.strings",
        "tables.callbacks",
        "tables.options",
    ],
    deadline: DEADLINE,
    run: admitted,
}];

fn read(stand: &Stand) -> Result<Vec<u8>, Finding> {
    std::fs::read(stand.path()).map_err(|e| Finding::fail(format!("read: {e}")))
}

fn elf(stand: &Stand) -> Outcome {
    preflight::examine(&read(stand)?, false).map(drop).map_err(|why| Finding::fail(why.to_string()))
}

/// Symbols of the linker's, which every library has that old ones made.
const OF_THE_LINKER: [&str; 5] = ["_init", "_fini", "_edata", "_end", "__bss_start"];

fn exports(stand: &Stand) -> Outcome {
    let names = preflight::exports(&read(stand)?).map_err(|why| Finding::fail(why.to_string()))?;
    let ours = |name: &str| name.starts_with("ioe_plugin_entry_v") || name.starts_with("iodyno_");
    let more: Vec<&str> = names
        .iter()
        .map(String::as_str)
        .filter(|name| !ours(name) && !OF_THE_LINKER.contains(name))
        .collect();
    let Some(first) = more.first() else { return Ok(()) };
    Err(Finding::warn(format!(
        "exports {} symbols more, such as {first} (compile with -fvisibility=hidden; IOE_EXPORT \
         keeps the entry visible)",
        more.len()
    )))
}

fn build_id(stand: &Stand) -> Outcome {
    let facts = preflight::examine(&read(stand)?, false);
    match facts.map_err(|why| Finding::fail(why.to_string()))?.build_id {
        Some(_) => Ok(()),
        None => Err(Finding::warn("has none (link it with --build-id)")),
    }
}

fn opens(stand: &Stand) -> Outcome {
    stand.gate().map(drop)
}

fn admitted(stand: &Stand) -> Outcome {
    stand.plugin().map(drop)
}
