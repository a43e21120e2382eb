//! dirstat through its raw table, on names in a temporary directory.

use crate::ioe_plugin_entry_v1;
use iodyno_engine_api::abi::*;
use iodyno_engine_api::testing::{self, TestJob};
use iodyno_engine_support::fileops::testing::{run, Came};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

fn ops() -> &'static ioe_ops {
    testing::ops(ioe_plugin_entry_v1)
}

fn on(path: &Path, what: &[u32]) -> Came {
    run(ops(), &TestJob::new(ops(), 1), path, IOE_KIND_NONE, what)
}

#[test]
fn it_says_what_it_is() {
    let flags = IOE_F_SYNC | IOE_F_FAKE | IOE_F_PER_FILE;
    assert_eq!((ops().flags, ops().n_options), (flags, 1));
    assert!(ops().getevents.is_none() && ops().commit.is_none());
}

fn with(stat_type: u64) -> TestJob {
    TestJob::new(ops(), 1).set("stat_type", ioe_value_v { u: stat_type })
}

#[test]
fn it_is_made_before_and_looked_at_again_and_again() {
    let dir = tempfile::tempdir().expect("a directory");
    for name in [OsStr::new("plain"), OsStr::from_bytes(b"odd\xff\n name")] {
        let path = dir.path().join(name);
        for stat_type in 0..3 {
            let what = [IOE_OP_READ, IOE_OP_WRITE, IOE_OP_READ];
            let came = run(ops(), &with(stat_type), &path, IOE_KIND_NONE, &what);
            assert_eq!(came, Came::To(vec![0; 3]), "{name:?} {stat_type}");
        }
        assert!(path.is_dir(), "{name:?}");
    }
}

#[test]
fn what_is_no_directory_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("file");
    fs::write(&path, "content").expect("a file");
    on(&path, &[IOE_OP_READ]).refused("directories, and this is none");
    on(&dir.path().join("no/such"), &[IOE_OP_READ]).refused("No such file or directory");
    on(Path::new("/dev/null/dir"), &[IOE_OP_READ]).refused("Not a directory");
}
