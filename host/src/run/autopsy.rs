//! What a dead cell's crash record adds to what is said of its death: the place in the code, and
//! whose thread it was.
//!
//! Called by `loss` when a cell is buried. Words alone: decides neither who is told of nor how the
//! run ends. A record that does not fit the wait status is none: plugins may scribble.

use super::control::Control;
use super::process::Death;
use crate::sys::crash_report::{Crash, Owner};
use crate::sys::spawn::signal_name;

/// A crash, seen from one case of lost workers.
#[derive(Debug, Default)]
pub(super) struct Finding {
    /// Goes behind "the cell was killed by SIGSEGV".
    pub words: String,
    /// Where the code was, if it was this case's.
    pub address: Option<String>,
    /// What could not be accessed, if it was this case's.
    pub data_address: Option<String>,
}

impl Control<'_> {
    /// What the cell's record says of this death.
    pub(super) fn autopsy(&self, cell: u32, death: &Death) -> Option<Crash> {
        let signal = death.signal.as_deref()?;
        self.pages.crash(cell).filter(|crash| signal_name(crash.signal) == signal)
    }

    /// What it means for these workers, who waited for a plugin to be loaded, or did not.
    pub(super) fn finding(&self, crash: Option<&Crash>, workers: &[u32], loading: bool) -> Finding {
        let Some(crash) = crash else { return Finding::default() };
        if let Some(sender) = crash.sender {
            return Finding { words: format!(", sent by process {sender},"), ..Finding::default() };
        }
        let place = place(crash);
        if crash.sent && crash.signal != libc::SIGABRT {
            let words = format!(", sent by something in it at {place},");
            return Finding { words, ..Finding::default() };
        }
        match crash.owner {
            Owner::Worker(id) if !workers.is_empty() && !workers.contains(&id) => {
                match self.plan.workers.get(id as usize) {
                    Some(_) => {
                        let job = &self.job(id).name;
                        let words = format!(" (by a thread of job {job}, at {place})");
                        Finding { words, ..Finding::default() }
                    }
                    None => Finding::default(),
                }
            }
            Owner::Main if !loading && !workers.is_empty() => {
                let words = format!(" (not by a worker's thread, at {place})");
                Finding { words, ..Finding::default() }
            }
            Owner::Other => mine(crash, format!(" at {place} (in a thread that is no worker's)")),
            Owner::Worker(_) | Owner::Main => mine(crash, format!(" at {place}")),
        }
    }
}

fn mine(crash: &Crash, words: String) -> Finding {
    let data_address = crash.data_address.map(|address| format!("{address:#x}"));
    let words = match &data_address {
        Some(address) => format!("{words}, which accessed address {address},"),
        None => words,
    };
    Finding { words, address: Some(place(crash)), data_address }
}

/// "libc.so.6+0x8ac1c, called from libfoo.so+0x1234".
fn place(crash: &Crash) -> String {
    match &crash.caller {
        Some(caller) => format!("{}, called from {caller}", crash.at),
        None => crash.at.to_string(),
    }
}
