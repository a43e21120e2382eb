//! filedelete through its raw table, on names in a temporary directory.

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
    run(ops(), &TestJob::new(ops(), 1), path, IOE_KIND_REGULAR, what)
}

#[test]
fn it_says_what_it_is() {
    let flags = IOE_F_SYNC | IOE_F_FAKE | IOE_F_PER_FILE | IOE_F_NOEXTEND;
    assert_eq!((ops().flags, ops().n_options), (flags, 0));
    assert!(ops().getevents.is_none() && ops().commit.is_none());
}

#[test]
fn a_request_removes_the_name_once() {
    let dir = tempfile::tempdir().expect("a directory");
    for name in [OsStr::new("plain"), OsStr::from_bytes(b"odd\xff\n name")] {
        let path = dir.path().join(name);
        fs::write(&path, "content").expect("a file");
        let came = on(&path, &[IOE_OP_WRITE, IOE_OP_READ]);
        assert_eq!(came, Came::To(vec![0, libc::ENOENT]), "{name:?}");
        assert!(!path.exists());
    }
}

#[test]
fn a_link_goes_and_what_it_leads_to_stays() {
    let dir = tempfile::tempdir().expect("a directory");
    let (link, kept) = (dir.path().join("link"), dir.path().join("kept"));
    fs::write(&kept, "content").expect("a file");
    std::os::unix::fs::symlink(&kept, &link).expect("a link");
    assert_eq!(on(&link, &[IOE_OP_WRITE]), Came::To(vec![0]));
    assert!(kept.exists() && fs::symlink_metadata(&link).is_err());
}

#[test]
fn what_is_no_file_is_refused_or_stays() {
    let dir = tempfile::tempdir().expect("a directory");
    on(&dir.path().join("no/such/file"), &[IOE_OP_WRITE]).refused("No such file or directory");
    let job = TestJob::new(ops(), 1);
    run(ops(), &job, dir.path(), IOE_KIND_CHAR, &[]).refused("regular files, and this is none");
    assert_eq!(on(dir.path(), &[IOE_OP_WRITE]), Came::To(vec![libc::EISDIR]));
    assert!(dir.path().is_dir());
}
