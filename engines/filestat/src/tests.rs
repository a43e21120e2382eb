//! filestat through its raw table, on names in a temporary directory.

use crate::ioe_plugin_entry_v1;
use iodyno_engine_api::abi::*;
use iodyno_engine_api::testing::{self, TestHost, TestJob};
use iodyno_engine_support::fileops::testing::{run, Came};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

fn ops() -> &'static ioe_ops {
    testing::ops(ioe_plugin_entry_v1)
}

fn on(path: &Path, what: &[u32]) -> Came {
    run(ops(), &TestJob::new(ops(), 1), path, IOE_KIND_REGULAR, what)
}

#[test]
fn it_says_what_it_is() {
    let flags = IOE_F_SYNC | IOE_F_FAKE | IOE_F_PER_FILE | IOE_F_NOEXTEND;
    assert_eq!((ops().flags, ops().n_options), (flags, 1));
    assert!(ops().getevents.is_none() && ops().commit.is_none());
}

fn with(stat_type: u64) -> TestJob {
    TestJob::new(ops(), 1).set("stat_type", ioe_value_v { u: stat_type })
}

#[test]
fn a_request_looks_at_the_file_again_and_again() {
    let dir = tempfile::tempdir().expect("a directory");
    for name in [OsStr::new("plain"), OsStr::from_bytes(b"odd\xff\n name")] {
        let path = dir.path().join(name);
        fs::write(&path, "content").expect("a file");
        for stat_type in 0..3 {
            let what = [IOE_OP_READ, IOE_OP_WRITE, IOE_OP_READ];
            let came = run(ops(), &with(stat_type), &path, IOE_KIND_REGULAR, &what);
            assert_eq!(came, Came::To(vec![0; 3]), "{name:?} {stat_type}");
        }
        assert_eq!(fs::read(&path).expect("it is there"), b"content");
    }
}

#[test]
fn only_lstat_sees_a_link_that_leads_nowhere() {
    let dir = tempfile::tempdir().expect("a directory");
    let link = dir.path().join("link");
    std::os::unix::fs::symlink("nowhere", &link).expect("a link");
    for (stat_type, errno) in [(0, libc::ENOENT), (1, 0), (2, libc::ENOENT)] {
        let came = run(ops(), &with(stat_type), &link, IOE_KIND_REGULAR, &[IOE_OP_READ]);
        assert_eq!(came, Came::To(vec![errno]), "{stat_type}");
    }
}

#[test]
fn what_is_no_file_or_not_there_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    on(&dir.path().join("none"), &[IOE_OP_READ]).refused("No such file or directory");
    let job = TestJob::new(ops(), 1);
    run(ops(), &job, dir.path(), IOE_KIND_PIPE, &[]).refused("regular files, and this is none");
    let host = TestHost::new();
    assert!(host.open(ops(), &with(3)).is_err());
    assert!(host.errors()[0].1.contains("no choice has value 3"), "{:?}", host.errors());
}
