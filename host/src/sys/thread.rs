//! The calling thread: its id, its CPUs, what it has used. Called by a worker at the ends of its
//! phases, and once for its CPUs. Speaks of the calling thread only: what another thread uses is
//! none of its business, and nothing here is for the data plane.

use rustix::thread::{
    gettid, sched_getaffinity, sched_setaffinity, set_current_timer_slack, CpuSet,
};
use std::num::NonZeroU64;

/// Kernel id of the calling thread.
pub fn tid() -> u32 {
    gettid().as_raw_nonzero().get() as u32
}

/// Binds the calling thread to `cpus`: to all of them, though the kernel would leave out those that
/// are switched off or beyond a control group's set.
pub fn bind_to_cpus(cpus: &[u32]) -> rustix::io::Result<()> {
    let mut set = CpuSet::new();
    for &cpu in cpus {
        if cpu as usize >= CpuSet::MAX_CPU {
            return Err(rustix::io::Errno::INVAL);
        }
        set.set(cpu as usize);
    }
    sched_setaffinity(None, &set)?;
    match sched_getaffinity(None)? == set {
        true => Ok(()),
        false => Err(rustix::io::Errno::INVAL),
    }
}

/// Lets the calling thread's sleeps end when they are to end: by default the kernel may wake it
/// 50 us later, to spare itself wakeups. Where it cannot be had, sleeps are that much less precise.
pub fn sleep_precisely() {
    let _unsupported = set_current_timer_slack(NonZeroU64::new(1));
}

/// What a thread has used so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// CPU time in user space, microseconds.
    pub user_us: u64,
    /// CPU time in the kernel, microseconds.
    pub system_us: u64,
    /// Context switches, voluntary or not.
    pub switches: u64,
    /// Of these: those that the thread did not ask for.
    pub involuntary: u64,
    /// Major page faults.
    pub major_faults: u64,
    /// Minor page faults.
    pub minor_faults: u64,
}

impl Usage {
    /// Of the calling thread.
    pub fn of_thread() -> Usage {
        let mut raw = std::mem::MaybeUninit::<libc::rusage>::zeroed();
        // SAFETY: RUSAGE_THREAD is a valid `who`, and the pointer is to a whole rusage; the call
        // cannot fail with these arguments, and zeroed bytes are a valid rusage in any case.
        let raw = unsafe {
            libc::getrusage(libc::RUSAGE_THREAD, raw.as_mut_ptr());
            raw.assume_init()
        };
        let us = |t: libc::timeval| t.tv_sec as u64 * 1_000_000 + t.tv_usec as u64;
        Usage {
            user_us: us(raw.ru_utime),
            system_us: us(raw.ru_stime),
            switches: (raw.ru_nvcsw + raw.ru_nivcsw) as u64,
            involuntary: raw.ru_nivcsw as u64,
            major_faults: raw.ru_majflt as u64,
            minor_faults: raw.ru_minflt as u64,
        }
    }

    /// What was used since `earlier`.
    pub fn since(&self, earlier: &Usage) -> Usage {
        Usage {
            user_us: self.user_us.saturating_sub(earlier.user_us),
            system_us: self.system_us.saturating_sub(earlier.system_us),
            switches: self.switches.saturating_sub(earlier.switches),
            involuntary: self.involuntary.saturating_sub(earlier.involuntary),
            major_faults: self.major_faults.saturating_sub(earlier.major_faults),
            minor_faults: self.minor_faults.saturating_sub(earlier.minor_faults),
        }
    }
}
