//! The guide, `docs/engines.md`: its examples are files that are compiled, and this compares them
//! word for word (`IODYNO_BLESS=1` copies them in); the asynchronous one is driven here. Must not
//! hold example code of its own: what the guide shows stands in files that somebody builds.

#[path = "guide/deferred.rs"]
mod deferred;

use deferred::Deferred;
use iodyno_engine_api::abi::*;
use iodyno_engine_api::testing::{request, TestHost, TestJob};
use iodyno_engine_api::vtable::Table;
use std::path::Path;
use std::ptr::null_mut;

const MARK: &str = "<!-- file: ";

/// The guide with the files that it names between its fences.
fn with_files(guide: &str, root: &Path) -> String {
    let mut text = String::new();
    let mut lines = guide.lines();
    while let Some(line) = lines.next() {
        text.push_str(line);
        text.push('\n');
        let Some(name) = line.strip_prefix(MARK).and_then(|l| l.strip_suffix(" -->")) else {
            continue;
        };
        let file =
            std::fs::read_to_string(root.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
        let fence = lines.next().unwrap_or_default();
        assert!(fence.starts_with("```"), "{name}: no fence behind it");
        text.push_str(&format!("{fence}\n{file}```\n"));
        assert!(lines.by_ref().any(|l| l == "```"), "{name}: its fence is not closed");
    }
    text
}

#[test]
fn the_guide_shows_what_is_compiled() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let path = root.join("docs/engines.md");
    let guide = std::fs::read_to_string(&path).unwrap();
    assert_eq!(guide.matches(MARK).count(), 3);
    let expected = with_files(&guide, &root);
    if std::env::var_os("IODYNO_BLESS").is_some_and(|v| v == "1") {
        std::fs::write(&path, expected).unwrap();
    } else {
        assert!(guide == expected, "docs/engines.md: stale; IODYNO_BLESS=1 copies the files in");
    }
}

#[test]
fn the_asynchronous_example_keeps_the_contract() {
    let ops = Table::<Deferred>::OPS;
    let (host, job) = (TestHost::new(), TestJob::new(ops, 2));
    let job = job.set("delay", ioe_value_v { u: 2_000_000 });
    let i = host.open(ops, &job).unwrap();
    let mut ios: Vec<_> =
        (0..3).map(|_| request(IOE_OP_READ, null_mut(), 0, &mut [0; 16])).collect();
    let answers: Vec<i32> = ios.iter_mut().map(|io| i.queue(io)).collect();
    assert_eq!(answers, [IOE_Q_QUEUED, IOE_Q_QUEUED, IOE_Q_BUSY]);
    assert_eq!(i.commit(), 0);
    assert!(i.getevents(1, 2, 0).unwrap().is_empty(), "timeout 0 does not wait");
    assert_eq!(i.getevents(2, 2, -1).unwrap().len(), 2);
    assert_eq!(i.queue(&mut ios[2]), IOE_Q_QUEUED);
    assert_eq!(i.commit(), 0);
    assert!(i.getevents(1, 2, 1_000).unwrap().len() <= 1);
    while i.getevents(0, 2, 1_000_000).unwrap().is_empty() {}
}

#[test]
fn the_asynchronous_example_is_interrupted_once() {
    let ops = Table::<Deferred>::OPS;
    let (host, job) = (TestHost::new(), TestJob::new(ops, 1));
    let job = job.set("delay", ioe_value_v { u: 200_000_000 });
    let i = host.open(ops, &job).unwrap();
    let mut io = request(IOE_OP_READ, null_mut(), 0, &mut [0; 16]);
    assert_eq!((i.queue(&mut io), i.commit()), (IOE_Q_QUEUED, 0));
    // SAFETY: the instance lives.
    unsafe { ops.terminate.unwrap()(i.inst) };
    assert!(i.getevents(1, 1, -1).unwrap().is_empty(), "the interrupted wait ends at once");
    assert_eq!(i.getevents(1, 1, -1).unwrap().len(), 1, "the next one waits for its unit");
}
