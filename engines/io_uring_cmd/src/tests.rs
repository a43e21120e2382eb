//! io_uring_cmd without a device: its table, what is refused, in which words. Commands and statuses
//! have tests of their own beside them; devices are met in the laboratory (`scripts/vm`).

use crate::engine::IoUringCmd;
use crate::ioe_plugin_entry_v1;
use crate::node::Node;
use crate::target::Target;
use iodyno_engine_api::abi::*;
use iodyno_engine_api::testing::{file, request, TestHost, TestInstance, TestJob};
use iodyno_engine_api::vtable;
use iodyno_tests::require;
use std::ffi::CString;
use std::fs::File;
use std::os::fd::AsRawFd;
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
    assert_eq!(o.n_options, 19);
    assert!(o.getevents.is_some() && o.cancel.is_some() && o.terminate.is_some());
    let extension = o.get_extension.expect("extensions");
    // SAFETY: C strings, and no instance, as the contract allows.
    let knows = |id: &std::ffi::CStr| !unsafe { extension(null_mut(), id.as_ptr()) }.is_null();
    assert!(knows(c"iodyno.identify/1") && knows(c"iodyno.iomem/1"));
    assert!(!knows(c"iodyno.identify/2"));
}

#[test]
fn what_is_no_device_is_refused_and_nothing_is_made() {
    require!(io_uring);
    let here = tempfile::tempdir().expect("a directory");
    let path = |name: &str| here.path().join(name).to_str().expect("UTF-8").to_owned();
    std::fs::write(path("file"), "data").expect("a file");
    symlink(path("file"), path("link")).expect("a link");
    let (host, job) = (TestHost::new(), TestJob::new(ops(), 4));
    let instance = host.open(ops(), &job).expect("an instance");
    for (name, errno, words) in [
        (path("file"), libc::ENOTBLK, "no device: engine io_uring_cmd sends NVMe commands"),
        (path("link"), libc::ENOTBLK, "no device: engine io_uring_cmd sends NVMe commands"),
        (path("."), libc::ENOTBLK, "no device"),
        (
            path("missing"),
            libc::ENOENT,
            "it does not exist, and engine io_uring_cmd makes no files",
        ),
        (path("file/below"), libc::ENOENT, "it does not exist"),
        ("/dev/null".into(), libc::ENOTTY, "a character device, but none of an NVMe namespace's"),
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
    require!(io_uring);
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
    require!(io_uring);
    let refused = |options: &[(&str, u64)]| {
        let host = TestHost::new();
        let job = options.iter().fold(TestJob::new(ops(), 1), |job, (name, value)| {
            job.set(name, ioe_value_v { u: *value })
        });
        let status = host.open(ops(), &job).err();
        status.map(|status| (status, host.errors()[0].1.clone()))
    };
    for mode in 0..=4 {
        assert_eq!(refused(&[("write_mode", mode)]), None, "mode {mode}");
    }
    for (options, words) in [
        (&[("write_mode", 3), ("writefua", 1)][..], "Verify writes nothing that could be forced"),
        (&[("write_mode", 9)], "write_mode: no choice has value 9"),
        (&[("sqthread_poll_cpu", 0)], "sqthread_poll_cpu needs sqthread_poll=1"),
        (&[("apptag", 65536)], "apptag: 65536 is above 65535"),
        (&[("nonvectored", 0), ("fixedbufs", 1)], "takes no vectors of fixedbufs=1"),
        (&[("verify_mode", 1)], "verify_mode=compare: iodyno compares what was read itself"),
    ] {
        let (status, said) = refused(options).expect("a refusal");
        assert!([-libc::EINVAL, -libc::EOPNOTSUPP].contains(&status), "{status}: {said}");
        assert!(said.contains(words), "{said}");
    }
    let host = TestHost::new();
    let job = TestJob::new(ops(), 1).set_text("pi_chk", "GUARD,CRC");
    assert!(host.open(ops(), &job).is_err());
    assert!(host.errors()[0].1.contains("\"CRC\" is none of"), "{:?}", host.errors());
    let job = TestJob::new(ops(), 1).set_text("pi_chk", "guard, RefTag,APPTAG");
    assert!(host.open(ops(), &job).is_ok());
}

/// What becomes of trims at these offsets in KiB, 4 KiB each, in one commit, to something that is
/// no NVMe device: errnos, in the order of the requests.
fn trimmed(node: &File, offsets_kib: &[u64], together: bool) -> Vec<i32> {
    let host = TestHost::new();
    let job = TestJob::new(ops(), 16);
    let mut job = job;
    job.raw().op_mask = 1 << IOE_OP_TRIM;
    let instance = host.open(ops(), &job).expect("an instance");
    let mut target = file(node.as_raw_fd(), IOE_KIND_CHAR);
    let fd = node.try_clone().expect("another descriptor").into();
    // SAFETY: the instance is this engine's, alive, and nobody else calls it now.
    unsafe {
        vtable::enter::<IoUringCmd, ()>(instance.inst, "test", (), |engine, _| {
            engine.targets = vec![Some(Box::new(Target::fake(Node::fake(fd))))];
        });
    }
    let mut units: Vec<_> = offsets_kib
        .iter()
        .map(|offset| {
            let mut io = request(IOE_OP_TRIM, &mut *target, offset << 10, &mut []);
            io.len = 4096;
            let mut private = Box::new([0_u128; 16]);
            assert!(ops().io_private_size as usize <= size_of_val(&*private));
            io.engine_data = private.as_mut_ptr().cast();
            (io, private)
        })
        .collect();
    for (io, _) in &mut units {
        assert_eq!(instance.queue(io), IOE_Q_QUEUED);
    }
    assert_eq!(instance.getevents(0, 16, 0), Ok(vec![]), "nothing was committed");
    assert_eq!(instance.commit(), 0);
    // All, or three at a time: what has ended together need not go back together.
    let (min, max) = if together { (units.len() as u32, 16) } else { (1, 3) };
    let mut back = Vec::new();
    while back.len() < units.len() {
        let some = instance.getevents(min, max, 10_000_000_000).expect("some");
        assert!(some.len() >= min as usize, "{} came back in 10 s", some.len());
        assert!(!some.is_empty(), "lost after {}", back.len());
        back.extend(some);
    }
    assert_eq!(instance.getevents(0, 16, 0), Ok(vec![]), "each comes back once");
    back.sort_unstable();
    back.dedup();
    assert_eq!(back.len(), units.len(), "each comes back once");
    units.iter().map(|(io, _)| io.error).collect()
}

#[test]
fn each_trim_of_a_command_gets_an_answer_of_its_own() {
    require!(io_uring);
    let here = tempfile::tempdir().expect("a directory");
    let plain = File::create(here.path().join("file")).expect("a file");
    let null = File::open("/dev/null").expect("/dev/null");
    for offsets in [&[0][..], &[0, 4], &[8, 0, 4, 32, 16], &[0, 8, 16, 24, 32, 40, 48, 56, 64]] {
        let refused = vec![libc::EOPNOTSUPP; offsets.len()];
        for together in [false, true] {
            assert_eq!(trimmed(&plain, offsets, together), refused, "a file takes no commands");
            // Newer kernels let /dev/null take all commands.
            let taken = trimmed(&null, offsets, together);
            assert!(taken == vec![0; offsets.len()] || taken == refused, "{taken:?}");
        }
    }
}
