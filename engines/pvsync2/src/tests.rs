//! pvsync2 through its raw table: options, what a target lacks, and flags that reach the kernel.

use crate::ioe_plugin_entry_v1;
use iodyno_engine_api::abi::*;
use iodyno_engine_api::testing::{self, file, request, TestHost, TestJob};
use std::fs::File;
use std::os::fd::AsRawFd;

fn ops() -> &'static ioe_ops {
    testing::ops(ioe_plugin_entry_v1)
}
use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

const YES: ioe_value_v = ioe_value_v { u: 1 };

/// Opens an instance and a target with these options: what each of the two answers, and the words.
fn opened(path: &Path, direct: bool, options: &[(&str, u64)]) -> (i32, Vec<(i32, String)>) {
    let (host, mut job) = (TestHost::new(), TestJob::new(ops(), 1));
    for (name, u) in options {
        job = job.set(name, ioe_value_v { u: *u });
    }
    job.raw().direct = u32::from(direct);
    job.raw().max_bs = 4096;
    let i = match host.open(ops(), &job) {
        Ok(i) => i,
        Err(status) => return (status, host.errors()),
    };
    let name = CString::new(path.as_os_str().as_bytes()).unwrap();
    let mut target = file(-1, IOE_KIND_REGULAR);
    target.name = name.as_ptr();
    target.open_flags |= if direct { IOE_OPEN_DIRECT } else { 0 };
    // SAFETY: the instance lives, the file is whole, its name lives until both are gone.
    let status = unsafe { ops().open_file.unwrap()(i.inst, &mut *target) };
    drop(i);
    (status, host.errors())
}

#[test]
fn options_that_contradict_are_refused() {
    let f = tempfile::NamedTempFile::new().unwrap();
    for (direct, option, words) in [
        (false, "atomic", "atomic=1 needs direct=1"),
        (true, "uncached", "which direct=1 bypasses"),
    ] {
        let (status, errors) = opened(f.path(), direct, &[(option, 1)]);
        assert_eq!(status, -libc::EINVAL, "{option}");
        assert!(errors[0].1.contains(words), "{errors:?}");
    }
}

#[test]
fn without_effect_is_warned_of() {
    for (name, u, words) in [
        ("hipri", 1, "no effect without direct=1"),
        ("hipri_percentage", 50, "no effect without hipri=1"),
    ] {
        let (host, job) = (TestHost::new(), TestJob::new(ops(), 1));
        let job = job.set(name, ioe_value_v { u });
        host.open(ops(), &job).unwrap();
        let lines = host.lines();
        assert!(lines[0].0 == IOE_LOG_WARN && lines[0].1.contains(words), "{lines:?}");
    }
    let (host, job) = (TestHost::new(), TestJob::new(ops(), 1));
    host.open(ops(), &job).unwrap();
    assert_eq!(host.lines(), []);
}

#[test]
fn what_a_target_lacks_is_told_by_its_name_and_nothing_is_touched() {
    let dir = tempfile::tempdir().unwrap();
    let there = dir.path().join("there");
    std::fs::write(&there, [7; 5000]).unwrap();
    let names = || std::fs::read_dir(dir.path()).unwrap().count();
    for option in ["hipri", "nowait", "uncached", "atomic"] {
        for path in [there.clone(), dir.path().join("absent")] {
            for direct in [false, true] {
                let (status, errors) = opened(&path, direct, &[(option, 1)]);
                let words = errors.first().map(|(_, words)| words.as_str()).unwrap_or_default();
                match status {
                    IOE_OPEN_HOST => assert!(errors.is_empty(), "{option}: {errors:?}"),
                    _ => assert!(words.starts_with(&format!("{option}=1")), "{option}: {words:?}"),
                }
                assert_eq!(std::fs::read(&there).unwrap(), [7; 5000]);
                assert_eq!(names(), 1);
            }
        }
    }
    // No file system is below procfs: every kernel lacks it there.
    let (status, errors) = opened(Path::new("/proc/version"), false, &[("uncached", 1)]);
    assert_eq!(status, -libc::EOPNOTSUPP);
    assert!(errors[0].1.starts_with("uncached=1: /proc/version: no RWF_DONTCACHE"), "{errors:?}");
}

/// Requests of one instance: bytes done and errno of each.
fn run(f: &File, job: &TestJob, op: u32, count: u64) -> Vec<(u64, i32)> {
    let host = TestHost::new();
    let i = host.open(ops(), job).unwrap();
    let mut target = file(f.as_raw_fd(), IOE_KIND_REGULAR);
    let mut buf = [5; 512];
    let each = (0..count).map(|n| {
        let mut io = request(op, &mut *target, n * 512, &mut buf);
        assert_eq!(i.queue(&mut io), IOE_Q_COMPLETED);
        (io.len - io.resid, io.error)
    });
    each.collect()
}

#[test]
fn without_options_it_reads_and_writes() {
    let f = tempfile::tempfile().unwrap();
    let job = TestJob::new(ops(), 1);
    assert_eq!(run(&f, &job, IOE_OP_WRITE, 3), [(512, 0); 3]);
    assert_eq!(run(&f, &job, IOE_OP_READ, 4), [(512, 0), (512, 0), (512, 0), (0, 0)]);
    assert_eq!(run(&f, &job, IOE_OP_ENGINE, 1), [(0, libc::EOPNOTSUPP)]);
}

#[test]
fn flags_reach_the_kernel() {
    // procfs lacks most flags on every kernel: there a flag shows.
    let version = File::open("/proc/version").unwrap();
    let plain = TestJob::new(ops(), 1);
    assert_eq!(run(&version, &plain, IOE_OP_READ, 1)[0].1, 0);
    let uncached = TestJob::new(ops(), 1).set("uncached", YES);
    assert_eq!(run(&version, &uncached, IOE_OP_READ, 1), [(0, libc::EOPNOTSUPP)]);
    // Without O_DIRECT no file takes an atomic write; reads do not carry the flag.
    let f = tempfile::tempfile().unwrap();
    let mut atomic = TestJob::new(ops(), 1).set("atomic", YES);
    atomic.raw().direct = 1;
    assert_eq!(run(&f, &atomic, IOE_OP_WRITE, 1), [(0, libc::EOPNOTSUPP)]);
    assert_eq!(run(&f, &atomic, IOE_OP_READ, 1), [(0, 0)]);
}
