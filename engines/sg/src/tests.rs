//! sg without a device: its table, what is refused, in which words. Commands, sense data and lists
//! have tests of their own beside them; devices are met in the laboratory (`scripts/vm`).

use crate::ioe_plugin_entry_v1;
use iodyno_engine_api::abi::*;
use iodyno_engine_api::testing::{file, request, TestHost, TestInstance, TestJob};
use std::ffi::CString;
use std::os::unix::fs::symlink;
use std::ptr::null_mut;

fn ops() -> &'static ioe_ops {
    let host = TestHost::new();
    // SAFETY: a whole host table; plugin and ops table are constants.
    unsafe { &**(*ioe_plugin_entry_v1(host.table(), null_mut(), 0)).engines }
}

/// What `open_file` and `get_file_size` say of a name: the same, errno and words.
fn refusal(instance: &TestInstance<'_>, path: &str) -> (i32, String) {
    let name = CString::new(path).expect("a name");
    let mut target = file(-1, IOE_KIND_REGULAR);
    target.name = name.as_ptr();
    target.open_flags |= IOE_OPEN_CREATE;
    let (open, size) = (ops().open_file.expect("open"), ops().get_file_size.expect("size"));
    // SAFETY: a living instance, and a whole file that outlives the calls.
    let statuses =
        unsafe { [size(instance.inst, &mut *target), open(instance.inst, &mut *target)] };
    let told = instance.host.errors();
    let last = &told[told.len() - 2..];
    assert_eq!(last[0], last[1], "{path}: two answers to one question");
    assert_eq!(statuses, [-last[0].0; 2], "{path}");
    last[0].clone()
}

#[test]
fn it_says_what_it_is() {
    let o = ops();
    assert_eq!(o.flags, IOE_F_RAW | IOE_F_NOEXTEND);
    assert_eq!(o.n_options, 5);
    assert!(o.getevents.is_some() && o.cancel.is_some() && o.terminate.is_some());
    assert!(o.io_private_size >= 88 + 16 + 96);
    let extension = o.get_extension.expect("extensions");
    // SAFETY: C strings, and no instance, as the contract allows.
    let knows = |id: &std::ffi::CStr| !unsafe { extension(null_mut(), id.as_ptr()) }.is_null();
    assert!(knows(c"iodyno.identify/1") && !knows(c"iodyno.identify/2"));
    assert!(knows(c"iodyno.zbd/1") && !knows(c"iodyno.zbd/2"));
}

#[test]
fn what_is_no_device_is_refused_and_nothing_is_made() {
    let here = tempfile::tempdir().expect("a directory");
    let path = |name: &str| here.path().join(name).to_str().expect("UTF-8").to_owned();
    std::fs::write(path("file"), "data").expect("a file");
    symlink(path("file"), path("link")).expect("a link");
    let (host, job) = (TestHost::new(), TestJob::new(ops(), 4));
    let instance = host.open(ops(), &job).expect("an instance");
    for (name, errno, words) in [
        (path("file"), libc::ENOTBLK, "no device: engine sg sends SCSI commands"),
        (path("link"), libc::ENOTBLK, "no device: engine sg sends SCSI commands"),
        (path("."), libc::ENOTBLK, "no device"),
        (path("missing"), libc::ENOENT, "it does not exist, and engine sg makes no files"),
        (path("file/below"), libc::ENOENT, "it does not exist"),
        ("/dev/null".into(), libc::ENOTTY, "a character device, but none of the sg driver's"),
    ] {
        let (found, said) = refusal(&instance, &name);
        assert_eq!(found, errno, "{name}: {said}");
        assert!(said.starts_with(&format!("{name}: {words}")), "{said}");
    }
    assert!(!here.path().join("missing").exists());
    assert_eq!(std::fs::read(path("file")).expect("the file"), b"data");
}

#[test]
fn a_request_to_a_target_that_is_not_open_ends_with_an_errno() {
    let (host, job) = (TestHost::new(), TestJob::new(ops(), 1));
    let instance = host.open(ops(), &job).expect("an instance");
    let mut target = file(-1, IOE_KIND_BLOCK);
    let mut data = vec![0; 4096];
    let mut io = request(IOE_OP_READ, &mut *target, 0, &mut data);
    assert_eq!(instance.queue(&mut io), IOE_Q_COMPLETED);
    assert_eq!(io.error, libc::EBADF);
    assert_eq!(instance.commit(), 0);
    assert_eq!(instance.getevents(0, 1, 0), Ok(vec![]));
}

#[test]
fn options_that_contradict_are_refused() {
    let refused = |mode: u64, stream: u64| {
        let host = TestHost::new();
        let job = TestJob::new(ops(), 1)
            .set("sg_write_mode", ioe_value_v { u: mode })
            .set("stream_id", ioe_value_v { u: stream });
        let status = host.open(ops(), &job).err();
        status.map(|status| (status, host.errors()[0].1.clone()))
    };
    for mode in 0..=7 {
        assert_eq!(refused(mode, 0), None, "mode {mode}");
    }
    assert_eq!(refused(4, 7), None);
    let (status, words) = refused(0, 7).expect("no stream to write to");
    assert_eq!(status, -libc::EINVAL);
    assert!(words.contains("stream_id is about sg_write_mode=write_stream"), "{words}");
    let (host, job) = (TestHost::new(), TestJob::new(ops(), 1));
    let job = job.set("sg_write_mode", ioe_value_v { u: 2 });
    let job = job.set("writefua", ioe_value_v { u: 1 });
    assert_eq!(host.open(ops(), &job).err(), Some(-libc::EINVAL));
    assert!(host.errors()[0].1.contains("only write and write_stream"), "{:?}", host.errors());
    assert!(refused(8, 0).is_some());
    assert!(refused(4, 1 << 16).is_some());
}
