//! Files that fuzzing left behind: seeds, and every input that once broke a parser.
//!
//! Unit tests of the host run their fuzzing functions over them, so that what was found once is
//! looked at in every test run, without the fuzzer. Must not skip: an empty corpus is a failure.

use std::panic::{catch_unwind, AssertUnwindSafe};
use std::path::Path;
use std::time::{Duration, Instant};

/// Longer than any input takes, also where it is not optimized and the machine is busy.
const PATIENCE: Duration = Duration::from_secs(20);

/// Hands every file of `fuzz/corpus/TARGET` to `check`. Panics where it does, and where it takes
/// too long, with the file's name.
#[track_caller]
pub fn each(target: &str, check: fn(&[u8])) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the root");
    let dir = root.join("fuzz/corpus").join(target);
    let files = std::fs::read_dir(&dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display()));
    let mut count = 0;
    for file in files {
        let path = file.expect("the corpus is readable").path();
        let bytes = std::fs::read(&path).expect("the corpus is readable");
        let begin = Instant::now();
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| check(&bytes))) {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or_default();
            panic!("{}: {text}", path.display());
        }
        let took = begin.elapsed();
        assert!(took < PATIENCE, "{} took {took:?}", path.display());
        count += 1;
    }
    assert!(count > 0, "{} is empty", dir.display());
}
