//! Does the host admit the plugin at all? The file, read and not run; loading, entry, negotiation,
//! tables: what every other check rests on.

use super::super::check::{Check, Finding, Level, Outcome, DEADLINE};
use super::super::stand::Stand;
use crate::plugin::preflight;

pub(super) const CHECKS: &[Check] = &[
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
        id: "load.admitted",
        rule: "Its constructors return, its entry answers the plugin's struct, and magic, sizes, \
               versions, layout and tables fit; setup succeeds.",
        level: Level::Load,
        rests_on: &["file.elf"],
        deadline: DEADLINE,
        run: admitted,
    },
];

fn elf(stand: &Stand) -> Outcome {
    let bytes = std::fs::read(stand.path()).map_err(|e| Finding::fail(format!("read: {e}")))?;
    preflight::examine(&bytes, false).map(drop).map_err(|why| Finding::fail(why.to_string()))
}

fn admitted(stand: &Stand) -> Outcome {
    stand.plugin().map(drop)
}
