//! The child of `iodyno check`: runs one check and reports what it found.
//!
//! Called by `cli` for the hidden command `__check`. What counts is the report alone; a child that
//! ends without one was ended by the plugin. Prints nothing.

use super::check::{Finding, Outcome};
use super::list;
use super::place::Place;
use super::stand::{Below, Stand};
use crate::plugin::load::LoadRequest;
use crate::sys::footprint::share_one_heap;
use crate::sys::inherit;
use crate::sys::shm::SharedMemory;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::AtomicU64;

/// What a child is to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Order {
    /// Which check.
    pub id: String,
    /// The plugin's file, absolute.
    pub path: PathBuf,
    /// Its digest when it was found.
    pub sha256: String,
    /// Which engine; none = none is needed.
    pub engine: Option<String>,
    /// Where files go.
    pub place: Place,
    /// Its working directory, for what an engine puts where it stands; none = as it is. Nobody
    /// goes there in the control process.
    pub directory: Option<PathBuf>,
    /// Values of the engine's options.
    pub sets: Vec<(String, String)>,
    /// Engines that it may stand on.
    pub below: Vec<Below>,
    /// What random choices begin with.
    pub seed: u64,
}

/// What a child reports: the finding; none = all is as it should be.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Report {
    /// Where there is one.
    pub finding: Option<Finding>,
}

/// Carries an order out in this process.
pub fn carry_out(order: &Order, crumb: &'static AtomicU64) -> Outcome {
    let Some(check) = list::by_id(&order.id) else {
        return Err(Finding::skip(format!("no check is called {}", order.id)));
    };
    let request =
        LoadRequest { path: order.path.clone(), sha256: order.sha256.clone(), pinned: false };
    let (engine, place) = (order.engine.clone(), order.place.clone());
    let (sets, below) = (order.sets.clone(), order.below.clone());
    let stand = Stand::new(request, engine, place, sets, below, order.seed, crumb);
    let looked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| (check.run)(&stand)));
    looked.unwrap_or_else(|_| Err(Finding::fail("the check itself panicked: a bug of iodyno's")))
}

/// The child's whole life. Returns only where it could not even begin.
pub fn child_main(order: &str) -> ExitCode {
    // Threads that overlap make the C library begin heaps, whose own words would be taken for
    // memory that instances have left.
    share_one_heap();
    match begin() {
        Ok(Some((mut report, crumb))) => {
            let Ok(order) = serde_json::from_str::<Order>(order) else { inherit::exit_now(2) };
            let gone_there = order.directory.as_ref().map_or(Ok(()), std::env::set_current_dir);
            let finding = match gone_there {
                Ok(()) => carry_out(&order, crumb).err(),
                Err(error) => Some(Finding::skip(format!("its working directory: {error}"))),
            };
            let told = serde_json::to_vec(&Report { finding }).is_ok_and(|mut line| {
                line.push(b'\n');
                report.write_all(&line).is_ok()
            });
            // What a plugin printed may still lie in a buffer.
            inherit::flush_c_streams();
            inherit::exit_now(i32::from(!told));
        }
        Ok(None) => ExitCode::FAILURE,
        Err(error) => {
            // Caught by the parent, and shown as what the child printed.
            let _ = writeln!(io::stderr(), "the check cannot begin: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The report's pipe is standard output, the breadcrumb's memory standard input.
fn begin() -> io::Result<Option<(File, &'static AtomicU64)>> {
    let report = File::from(inherit::take(1)?);
    let memory = SharedMemory::from_fd(inherit::take(0)?);
    let crumb = memory.map::<AtomicU64>(0)?;
    inherit::detach_stdio()?;
    inherit::let_crashes_kill();
    Ok(inherit::live_and_die_with_parent(&report)?.then_some((report, crumb)))
}
