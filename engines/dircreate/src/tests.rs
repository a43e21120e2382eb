//! dircreate through its raw table, on names in a temporary directory.

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
    assert_eq!((ops().flags, ops().n_options), (flags, 0));
    assert!(ops().getevents.is_none() && ops().commit.is_none());
}

#[test]
fn a_request_makes_a_directory_once() {
    let dir = tempfile::tempdir().expect("a directory");
    for name in [OsStr::new("plain"), OsStr::from_bytes(b"odd\xff\n name")] {
        let path = dir.path().join(name);
        let came = on(&path, &[IOE_OP_WRITE, IOE_OP_READ]);
        assert_eq!(came, Came::To(vec![0, libc::EEXIST]), "{name:?}");
        assert!(fs::symlink_metadata(&path).expect("it is there").is_dir());
    }
}

#[test]
fn what_is_in_the_way_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    on(dir.path(), &[IOE_OP_WRITE]).refused("is there already, and the job is to make it");
    on(&dir.path().join("no/such"), &[IOE_OP_WRITE]).refused("No such file or directory");
    on(Path::new("/dev/null/dir"), &[IOE_OP_WRITE]).refused("Not a directory");
}
