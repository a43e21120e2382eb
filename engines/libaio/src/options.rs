//! The option table of libaio, and its reading into [`Settings`].
//!
//! The table is what `iodyno engines show libaio` prints. `engine` calls [`Settings::read`] once at
//! init; what cannot go together is refused there, in words. Makes no system call.

use iodyno_engine_api::abi::{ioe_option, IOE_OP_WRITE};
use iodyno_engine_api::{Error, Job, Opt};
use iodyno_engine_support::kernel::Flags;
use iodyno_engine_support::priority::{self, Priority};

/// The rows, for `Engine::OPTIONS`.
pub(crate) const OPTIONS: &[&ioe_option] = &[
    &Opt::boolean(
        c"userspace_reap",
        c"take completions from the ring in memory, where they lie; if not given: where it can be",
    )
    .build(),
    &Opt::boolean(c"nowait", c"a request that would have to wait ends with EAGAIN (RWF_NOWAIT)")
        .default(c"0")
        .build(),
    &Opt::boolean(c"uncached", c"buffered requests leave nothing in the page cache (Linux 6.14)")
        .default(c"0")
        .build(),
    &Opt::boolean(c"atomic", c"writes are done as a whole or not at all (Linux 6.11, direct=1)")
        .default(c"0")
        .build(),
    priority::PERCENTAGE,
    priority::CLASS,
    priority::LEVEL,
    priority::BSSPLIT,
];

/// What an instance is asked to be.
pub(crate) struct Settings {
    /// None: where the ring can be read.
    pub(crate) userspace_reap: Option<bool>,
    pub(crate) flags: Flags,
    pub(crate) priority: Option<Priority>,
}

impl Settings {
    pub(crate) fn read(job: &Job) -> Result<Settings, Error> {
        let flags = Flags::read(job)?;
        if flags.writes & libc::RWF_ATOMIC != 0 && job.op_mask() & (1 << IOE_OP_WRITE) == 0 {
            let words = "atomic=1 is about writes, and the job does none";
            return Err(Error::new(libc::EINVAL, words));
        }
        let userspace_reap = job.boolean("userspace_reap")?;
        Ok(Settings { userspace_reap, flags, priority: Priority::read(job)? })
    }
}
