//! The option table of libaio, and its reading into [`Settings`].
//!
//! The table is what `iodyno engines show libaio` prints. `engine` calls [`Settings::read`] once at
//! init; what cannot go together is refused there, in words. Makes no system call.

use iodyno_engine_api::abi::{ioe_option, IOE_OP_WRITE};
use iodyno_engine_api::{Error, Job, Opt};
use iodyno_engine_support::kernel::Flags;
use iodyno_engine_support::priority::Priority;

/// The rows, for `Engine::OPTIONS`.
pub(crate) const OPTIONS: &[&ioe_option] = &[
    &Opt::boolean(c"userspace_reap", c"take completions from the ring in memory, where they lie")
        .default(c"0")
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
    &Opt::text(c"cmdprio_percentage", c"percent of requests with a priority: all, or READ,WRITE")
        .build(),
    &Opt::text(c"cmdprio_class", c"class of that priority, 0 to 3, as in ionice; default 1")
        .build(),
    &Opt::text(c"cmdprio", c"level of that priority, 0 (highest) to 7; default 0").build(),
    &Opt::text(c"cmdprio_bssplit", c"by size: BS/PERCENT[/CLASS/LEVEL]:..., all, or READ,WRITE")
        .build(),
];

/// What an instance is asked to be.
pub(crate) struct Settings {
    pub(crate) userspace_reap: bool,
    pub(crate) flags: Flags,
    pub(crate) priority: Option<Priority>,
}

impl Settings {
    pub(crate) fn read(job: &Job) -> Result<Settings, Error> {
        let on = |name| Ok::<bool, Error>(job.boolean(name)?.unwrap_or(false));
        let refused = |words: &str| Err(Error::new(libc::EINVAL, words));
        let mut flags = Flags::default();
        if on("nowait")? {
            flags.always |= libc::RWF_NOWAIT;
        }
        if on("uncached")? {
            if job.direct() {
                return refused("uncached=1 is about the page cache, which direct=1 bypasses");
            }
            flags.always |= libc::RWF_DONTCACHE;
        }
        if on("atomic")? {
            if !job.direct() {
                return refused("atomic=1 needs direct=1: cached writes may be torn");
            }
            if job.op_mask() & (1 << IOE_OP_WRITE) == 0 {
                return refused("atomic=1 is about writes, and the job does none");
            }
            flags.writes |= libc::RWF_ATOMIC;
        }
        let userspace_reap = on("userspace_reap")?;
        Ok(Settings { userspace_reap, flags, priority: Priority::read(job)? })
    }
}
