//! null through its raw table: both ways of completion, depth, order, capabilities.

use crate::ioe_plugin_entry_v1;
use iodyno_engine_api::abi::*;
use iodyno_engine_api::testing::{self, file, request, TestHost, TestInstance, TestJob};
use std::ptr::null_mut;

fn ops() -> &'static ioe_ops {
    testing::ops(ioe_plugin_entry_v1)
}

fn flags_of(i: &TestInstance<'_>) -> u64 {
    let mut caps = ioe_caps {
        struct_size: size_of::<ioe_caps>() as u32,
        max_depth: 0,
        flags: i.ops.flags,
        ops: 0,
        max_transfer: 0,
        mem_align: 0,
        reserved: 0,
    };
    // SAFETY: the instance lives.
    assert_eq!(unsafe { i.ops.get_caps.unwrap()(i.inst, &mut caps) }, 0);
    assert_eq!(caps.ops, 0x7f);
    caps.flags
}

#[test]
fn completion_follows_depth_and_option() {
    for (depth, completion, sync) in [
        (1, None, true),
        (2, None, false),
        (1, Some(0), true),
        (32, Some(0), false),
        (32, Some(1), true),
        (1, Some(2), false),
    ] {
        let (host, mut job) = (TestHost::new(), TestJob::new(ops(), depth));
        if let Some(u) = completion {
            job = job.set("completion", ioe_value_v { u });
        }
        let i = host.open(ops(), &job).unwrap();
        let expected = IOE_F_DISKLESS | IOE_F_FAKE | if sync { IOE_F_SYNC } else { 0 };
        assert_eq!(flags_of(&i), expected, "{depth} {completion:?}");
        let mut io = request(IOE_OP_READ, null_mut(), 0, &mut [0; 16]);
        assert_eq!(i.queue(&mut io), if sync { IOE_Q_COMPLETED } else { IOE_Q_QUEUED });
        assert_eq!((io.resid, io.error), (0, 0));
        assert_eq!(i.commit(), 0);
        assert_eq!(i.getevents(0, 4, 0).unwrap().len(), usize::from(!sync));
    }
    let (host, job) = (TestHost::new(), TestJob::new(ops(), 1));
    let job = job.set("completion", ioe_value_v { u: 9 });
    assert_eq!(host.open(ops(), &job).map(|_| ()), Err(-libc::EINVAL));
}

#[test]
fn units_come_back_once_in_order_and_only_after_commit() {
    let (host, job) = (TestHost::new(), TestJob::new(ops(), 5));
    let i = host.open(ops(), &job).unwrap();
    let mut ios: Vec<_> = (0..6).map(|_| request(IOE_OP_WRITE, null_mut(), 0, &mut [])).collect();
    let units: Vec<*mut ioe_io> = ios.iter_mut().map(|io| &raw mut **io).collect();
    let mut next = 0;
    // Odd batches against a ring of eight, so that it wraps at every place.
    for batch in (1..=5).cycle().take(50) {
        for _ in 0..batch {
            assert_eq!(i.queue(&mut ios[next % 6]), IOE_Q_QUEUED);
            next += 1;
        }
        assert_eq!(i.getevents(0, 5, 0).unwrap().len(), 0, "not committed");
        assert_eq!(i.commit(), 0);
        let first = i.getevents(1, 2, -1).unwrap();
        let rest = i.getevents(0, 5, 1_000_000_000).unwrap();
        let expected: Vec<_> = (next - batch..next).map(|n| units[n % 6]).collect();
        assert_eq!(first.len(), batch.min(2));
        assert_eq!([first, rest].concat(), expected);
    }
}

#[test]
fn one_more_than_the_depth_is_busy() {
    for depth in [2, 3, 4, 7] {
        let (host, job) = (TestHost::new(), TestJob::new(ops(), depth));
        let i = host.open(ops(), &job).unwrap();
        let mut ios: Vec<_> =
            (0..=depth).map(|_| request(IOE_OP_READ, null_mut(), 0, &mut [])).collect();
        let answers: Vec<i32> = ios.iter_mut().map(|io| i.queue(io)).collect();
        assert_eq!(answers.iter().filter(|a| **a == IOE_Q_QUEUED).count(), depth as usize);
        assert_eq!(answers.last(), Some(&IOE_Q_BUSY));
        i.commit();
        assert_eq!(i.getevents(depth, depth, -1).unwrap().len(), depth as usize);
        assert_eq!(i.queue(ios.last_mut().unwrap()), IOE_Q_QUEUED, "room again");
        i.commit();
        assert_eq!(i.getevents(1, 1, -1).unwrap().len(), 1);
    }
}

#[test]
fn a_target_needs_no_descriptor() {
    let (host, job) = (TestHost::new(), TestJob::new(ops(), 1));
    let i = host.open(ops(), &job).unwrap();
    let mut target = file(-1, IOE_KIND_NONE);
    // SAFETY: the instance lives, the file is whole.
    assert_eq!(unsafe { ops().open_file.unwrap()(i.inst, &mut *target) }, IOE_OPENED);
    assert_eq!(target.fd, -1);
}
