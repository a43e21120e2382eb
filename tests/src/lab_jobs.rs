//! Scripts for cases of the laboratory: a job on a device, and what it has to leave there.
//!
//! Called by `tests/tests/lab_*.rs` for engines that a block device, or its other node, is given
//! to. Data is judged in the guest by `cmp`, everything else by judges, from the run's document.

use crate::lab::Lab;
use crate::{Outcome, Scene};

/// Engines for every block device.
pub const ENGINES: [&str; 3] = ["psync", "libaio", "io_uring"];

/// Bytes of a request of these jobs.
pub const BLOCK: usize = 4096;

const MIB: usize = 1 << 20;

/// What the first 3 MiB of a device hold before a case writes to the second.
const BEFORE: u8 = 0xee;

/// The pattern of a buffer: no two neighbours are alike, and no shift by a sector shows nothing.
fn pattern() -> Vec<u8> {
    (0..251_u32).map(|n| (n * 7 + 3) as u8).collect()
}

/// The same three MiB after the second was written in blocks.
fn expected() -> Vec<u8> {
    let block: Vec<u8> = pattern().into_iter().cycle().take(BLOCK).collect();
    [vec![BEFORE; MIB], block.repeat(MIB / BLOCK), vec![BEFORE; MIB]].concat()
}

/// A guest with the files that cases compare with: /root/pattern, before, expected.
pub fn lab(scene: &Scene, options: &[&str]) -> Lab {
    let files = [
        scene.file("pattern", pattern()),
        scene.file("before", vec![BEFORE; 3 * MIB]),
        scene.file("expected", expected()),
    ];
    let named = files.map(|file| format!("{file}:/root/{}", file.rsplit('/').next().unwrap_or("")));
    let files = named.iter().flat_map(|file| ["--file", file]);
    Lab::new(&files.chain(options.iter().copied()).collect::<Vec<_>>())
}

/// How the table calls a device: what the device mapper makes stands in a directory of its own.
pub fn label(device: &str) -> String {
    device.replace("mapper/", "dm-")
}

/// A script that runs a job of these lines on a device or a node, which has to be there.
pub fn job(device: &str, engine: &str, lines: &str) -> String {
    format!(
        "test -b /dev/{device} || test -c /dev/{device} || exit 90\ncat >job.fio <<'END'\n[a]\n\
         ioengine={engine}\nfilename=/dev/{device}\ndirect=1\nbs=4k\n{lines}\nEND\n\
         iodyno run job.fio --output-format json"
    )
}

/// The same between filling the device and comparing it; a difference is status 91.
pub fn compared(device: &str, engine: &str, lines: &str) -> String {
    let job = job(device, engine, &format!("buffer_pattern='/root/pattern'\n{lines}"));
    format!("{}\n{job} || exit $?\n{}", filled(device), same(device, "expected"))
}

/// A script that fills the first 3 MiB of a device.
pub fn filled(device: &str) -> String {
    format!("dd if=/root/before of=/dev/{device} bs=1M conv=fsync 2>/dev/null || exit 92")
}

/// A script that compares them with a file; a difference is status 91.
pub fn same(device: &str, file: &str) -> String {
    format!(
        "blockdev --flushbufs /dev/{device}\n\
         cmp -n {} /root/{file} /dev/{device} >&2 || exit 91",
        3 * MIB
    )
}

/// A clean run that made so many requests in a direction.
pub fn made(direction: &'static str, count: u64) -> impl Fn(&Outcome) {
    move |outcome| {
        assert_eq!(outcome.status, 0, "{outcome}");
        let document = outcome.document();
        document.assert_no_errors();
        assert_eq!(document.ios(0, direction), count, "{outcome}");
        assert_eq!(document.bytes(0, direction), count * BLOCK as u64, "{outcome}");
    }
}

/// A run that ended with an error: its errno, and words that are on the screen and in the document.
pub fn failed(errno: u64, words: &'static [&'static str]) -> impl Fn(&Outcome) {
    move |outcome| {
        assert_eq!(outcome.status, 1, "{outcome}");
        let document = outcome.document();
        assert_eq!(document.number("/jobs/0/error"), errno, "{outcome}");
        let told = document.errors();
        for word in words {
            assert!(outcome.stderr.contains(word), "{word:?} is missing:\n{outcome}");
            assert!(told.contains(word), "{word:?} is not in the document:\n{outcome}");
        }
    }
}

/// A run that went on: so many requests failed, the first with this errno, and the others of a
/// direction brought so many bytes.
pub fn went_on(
    direction: &'static str,
    errno: u64,
    failures: u64,
    others: u64,
) -> impl Fn(&Outcome) {
    move |outcome| {
        assert_eq!(outcome.status, 1, "{outcome}");
        let document = outcome.document();
        assert_eq!(document.number("/jobs/0/total_err"), failures, "{outcome}");
        assert_eq!(document.number("/jobs/0/first_error"), errno, "{outcome}");
        assert_eq!(document.ios(0, direction), failures + others, "{outcome}");
        assert_eq!(document.bytes(0, direction), others * BLOCK as u64, "{outcome}");
    }
}
