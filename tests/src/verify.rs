//! What the tests of verification share: where their targets lie, random jobs' dice, and what
//! `scripts/test verify` prints of them.
//!
//! Called by tests. Knows nothing of stamps.

use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::Mutex;
use tempfile::{Builder, TempDir};

/// A directory for targets that no disk need be waited for; where there is none in memory, one
/// under the system's temporary directory.
pub fn quick_dir() -> TempDir {
    let mut builder = Builder::new();
    builder.prefix("iodyno-test-");
    let memory = Path::new("/dev/shm");
    let dir = if memory.is_dir() { builder.tempdir_in(memory) } else { builder.tempdir() };
    dir.or_else(|_| builder.tempdir()).expect("a temporary directory can be made")
}

/// splitmix64: the jobs are the same on every machine.
#[derive(Debug)]
pub struct Dice(pub u64);

impl Dice {
    /// A number below this one.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }

    /// One of the words.
    pub fn one_of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.below(words.len() as u64) as usize]
    }

    /// True so many times of a hundred.
    pub fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// Adds lines to the file named by IODYNO_VERIFY_TABLE, of which `scripts/test` makes a table; else
/// prints them, past the test harness, which keeps back what a test that passes prints.
pub fn announce(lines: &[String]) {
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    match std::env::var_os("IODYNO_VERIFY_TABLE") {
        Some(path) => {
            let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
            let mut file = file.expect("IODYNO_VERIFY_TABLE names a file that can be appended to");
            file.write_all(text.as_bytes()).expect("the table takes lines");
        }
        None => {
            let _ = std::io::stderr().write_all(text.as_bytes());
        }
    }
}

/// Runs the cases, as many at once as there are cores. The answer: those that failed, by number,
/// and why.
pub fn side_by_side<T: Sync>(
    cases: &[T],
    run: impl Fn(&T) -> Result<(), String> + Sync,
) -> Vec<(usize, String)> {
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let workers = std::thread::available_parallelism().map_or(2, |cores| cores.get());
    let serve = || loop {
        let at = next.fetch_add(1, Relaxed);
        let Some(case) = cases.get(at) else { return };
        if let Err(why) = run(case) {
            failed.lock().expect("nobody panics with it").push((at, why));
        }
    };
    std::thread::scope(|scope| (0..workers).for_each(|_| drop(scope.spawn(serve))));
    let mut failed = failed.into_inner().expect("nobody panicked with it");
    failed.sort();
    failed
}
