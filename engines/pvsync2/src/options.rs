//! The option table of pvsync2, and its reading into flags.
//!
//! `engine` asks here, in `init`, which flags requests carry. Options that contradict the job are
//! refused with words; what would have no effect is warned of. No system calls.

use iodyno_engine_api::abi::ioe_option;
use iodyno_engine_api::host::Level;
use iodyno_engine_api::{Error, Host, Job, Opt};
use iodyno_engine_support::kernel::Flags;

/// The rows, for `Engine::OPTIONS`.
pub(crate) const OPTIONS: &[&ioe_option] = &[
    &Opt::boolean(c"hipri", c"poll for the completion (RWF_HIPRI)").default(c"0").build(),
    &Opt::uint(c"hipri_percentage", c"share of the requests that hipri is for, by chance")
        .default(c"100")
        .range(0, 100)
        .build(),
    &Opt::boolean(c"nowait", c"end with EAGAIN instead of waiting (RWF_NOWAIT)")
        .default(c"0")
        .build(),
    &Opt::boolean(c"uncached", c"leave nothing in the page cache (RWF_DONTCACHE)")
        .default(c"0")
        .build(),
    &Opt::boolean(c"atomic", c"no write is torn by a crash (RWF_ATOMIC); needs direct=1")
        .default(c"0")
        .build(),
];

/// Reads the job's options.
pub(crate) fn read(host: &Host, job: &Job) -> Result<Flags, Error> {
    let mut flags = Flags::read(job)?;
    let percent = job.uint("hipri_percentage")?.unwrap_or(100).min(100) as u32;
    match job.boolean("hipri")?.unwrap_or(false) {
        true => {
            if !job.direct() {
                host.log(Level::Warn, "hipri=1 has no effect without direct=1");
            }
            flags.hipri_percent = percent;
        }
        false if percent != 100 => {
            host.log(Level::Warn, "hipri_percentage has no effect without hipri=1");
        }
        false => {}
    }
    if flags.hipri_percent == 100 {
        flags.always |= libc::RWF_HIPRI;
    }
    Ok(flags)
}
