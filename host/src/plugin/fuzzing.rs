//! The doors for the fuzzer into what a stranger's file and a stranger's code may say: the bytes of
//! a plugin, and the report of a probe, into which a plugin may have written.
//!
//! Called by `fuzz/fuzz_targets` and by the tests below, over the same corpus. Compiled for these
//! two only.

use super::preflight::{examine, exports, Facts};
use super::probe;
use crate::sys::spawn::{End, Ended};
use std::path::Path;

/// More than the longest message says that a file's words were taken over as they stand.
const MESSAGE_BYTES_MAX: usize = 2000;

/// A plugin's bytes. Whatever is fit to be pinned is fit without, and says the same.
pub fn preflight(data: &[u8]) {
    let [free, pinned] = [false, true].map(|pinned| examine(data, pinned));
    for answer in [&free, &pinned] {
        match answer {
            Ok(Facts { build_id }) => {
                let id = build_id.as_deref().unwrap_or_default();
                assert!(id.len() <= 2 * data.len(), "a build id from nowhere");
                assert!(id.len() <= MESSAGE_BYTES_MAX, "a build id of {} digits", id.len());
            }
            Err(unfit) => {
                let message = unfit.to_string();
                assert!(message.len() <= MESSAGE_BYTES_MAX, "{} bytes", message.len());
                assert!(!message.contains(char::is_control), "{message:?}");
            }
        }
    }
    if pinned.is_ok() {
        assert_eq!(free, pinned);
    }
    if free.is_ok() {
        assert!(exports(data).is_ok_and(|names| !names.is_empty()));
    }
}

/// What came out of a probe's pipe.
pub fn report(data: &[u8]) {
    let prints = b"loading\x1b[2J".to_vec();
    for end in [End::Exited(0), End::Signalled(6), End::TimedOut] {
        let ended = Ended { report: data.to_vec(), prints: prints.clone(), end };
        match probe::interpret(Path::new("/x.so"), &ended) {
            Ok(description) => {
                let text = serde_json::to_string(&description).expect("it can be written again");
                let again = serde_json::from_str(&text).expect("it can be read again");
                assert_eq!(description, again);
            }
            Err(error) => {
                let message = error.to_string();
                assert!(!message.contains(char::is_control), "{message:?}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn corpus_of_preflight() {
        iodyno_tests::corpus::each("preflight", super::preflight);
    }

    #[test]
    fn corpus_of_report() {
        iodyno_tests::corpus::each("report", super::report);
    }
}
