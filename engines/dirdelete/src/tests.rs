//! dirdelete through its raw table, on names in a temporary directory.

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
fn it_is_made_before_and_a_request_removes_it_once() {
    let dir = tempfile::tempdir().expect("a directory");
    for name in [OsStr::new("plain"), OsStr::from_bytes(b"odd\xff\n name")] {
        let path = dir.path().join(name);
        assert_eq!(on(&path, &[]), Came::To(vec![]));
        assert!(path.is_dir(), "{name:?}: made when it is opened");
        let came = on(&path, &[IOE_OP_WRITE, IOE_OP_READ]);
        assert_eq!(came, Came::To(vec![0, libc::ENOENT]), "{name:?}");
        assert!(!path.exists());
    }
}

#[test]
fn what_holds_something_stays() {
    let dir = tempfile::tempdir().expect("a directory");
    fs::write(dir.path().join("file"), "content").expect("a file");
    assert_eq!(on(dir.path(), &[IOE_OP_WRITE]), Came::To(vec![libc::ENOTEMPTY]));
    assert!(dir.path().join("file").exists());
}

#[test]
fn what_is_no_directory_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("file");
    fs::write(&path, "content").expect("a file");
    on(&path, &[IOE_OP_WRITE]).refused("directories, and this is none");
    std::os::unix::fs::symlink(dir.path(), dir.path().join("link")).expect("a link");
    on(&dir.path().join("link"), &[IOE_OP_WRITE]).refused("directories, and this is none");
    on(&dir.path().join("no/such"), &[IOE_OP_WRITE]).refused("No such file or directory");
}
