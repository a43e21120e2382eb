//! Directories that checks make, and that are gone afterwards: also where a signal ends the control
//! process.
//!
//! `place` makes and removes them here, `cli` asks once for signals to be heeded. SIGKILL cannot
//! be: what it leaves lies in the temporary directory, under the process's number. Must not remove
//! what was not made here.

use crate::sys::inherit;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

/// What is there now. Whoever makes or removes one holds the lock.
static MADE: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

fn made() -> MutexGuard<'static, Vec<PathBuf>> {
    MADE.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// A new directory in `parent`, for this user alone.
pub(super) fn make_directory(parent: &Path) -> io::Result<PathBuf> {
    let mut made = made();
    for number in 0_u32.. {
        let dir = parent.join(format!("iodyno-check-{}-{number}", std::process::id()));
        match fs::DirBuilder::new().mode(0o700).create(&dir) {
            Ok(()) => {
                made.push(dir.clone());
                return Ok(dir);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// Removes what `make_directory` made, with all that is in it.
pub(super) fn remove_directory(dir: &Path) {
    let mut made = made();
    if let Some(at) = made.iter().position(|known| known == dir) {
        made.swap_remove(at);
        // What cannot be removed now is in the way of nobody.
        let _left = fs::remove_dir_all(dir);
    }
}

/// From now on SIGINT, SIGTERM and SIGHUP end the process as ever, and the directories go first.
///
/// # Errors
/// The signals cannot be heeded.
pub fn on_signals() -> io::Result<()> {
    let mut wanted = vec![SIGINT, SIGTERM];
    if !inherit::is_ignored(SIGHUP) {
        wanted.push(SIGHUP);
    }
    let mut signals = signal_hook::iterator::Signals::new(wanted)?;
    let wait = move || {
        let Some(signal) = signals.forever().next() else { return };
        // Never given back: no check begins any more.
        let made = made();
        made.iter().for_each(|dir| sweep(dir));
        let _ended = signal_hook::low_level::emulate_default_handler(signal);
    };
    std::thread::Builder::new().name("iodyno-signals".to_owned()).spawn(wait).map(drop)
}

/// A child may be at work there; it ends with this process.
fn sweep(dir: &Path) {
    const TRIES: u32 = 50;
    for _ in 0..TRIES {
        match fs::remove_dir_all(dir) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                std::thread::sleep(Duration::from_millis(2));
            }
            _ => return,
        }
    }
}
