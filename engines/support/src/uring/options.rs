//! Rows of the option tables that are the same for every engine with a ring, and their reading
//! where it takes more than a look.
//!
//! An engine lists the rows that it offers in its own table; `hipri` and `nonvectored` are its own,
//! for they mean what its entries are. Touches no ring.

use super::files::Registering;
use iodyno_engine_api::abi::ioe_option;
use iodyno_engine_api::{Error, Job, Opt};

/// Registers the buffers.
pub const FIXEDBUFS: &ioe_option =
    &Opt::boolean(c"fixedbufs", c"map the buffers once, before the start").default(c"0").build();
/// Registers the files; read by [`registering`].
pub const REGISTERFILES: &ioe_option = &Opt::boolean(
    c"registerfiles",
    c"register the files, so that requests need no look-up; if not given: those that can be",
)
.build();
/// A kernel thread submits; read by [`sqpoll`].
pub const SQTHREAD_POLL: &ioe_option =
    &Opt::boolean(c"sqthread_poll", c"a kernel thread submits (SQPOLL); implies registerfiles")
        .default(c"0")
        .build();
/// The processor of that thread; read by [`sqpoll`].
pub const SQTHREAD_POLL_CPU: &ioe_option =
    &Opt::uint(c"sqthread_poll_cpu", c"the processor of that thread; needs sqthread_poll")
        .range(0, 65535)
        .build();
/// Some requests are forced to the kernel's workers; read by [`force_async`].
pub const FORCE_ASYNC: &ioe_option =
    &Opt::uint(c"force_async", c"every Nth request goes to the kernel's workers at once; 0: none")
        .default(c"0")
        .range(0, u32::MAX as i64)
        .build();
/// The rings of a process share one back end.
pub const ATTACH_WQ: &ioe_option =
    &Opt::boolean(c"attach_wq", c"share one back end with the other jobs of the same process")
        .default(c"0")
        .build();

/// Whether files are registered. A kernel thread that submits, if there is one, wants them to be.
pub fn registering(job: &Job, has_thread: bool) -> Result<Registering, Error> {
    Ok(match job.boolean("registerfiles")? {
        None if !has_thread => Registering::IfPossible,
        Some(false) if !has_thread => Registering::Off,
        _ => Registering::On,
    })
}

/// Whether a kernel thread submits, and on which processor, if the job names one.
///
/// # Errors
/// A processor without a thread.
pub fn sqpoll(job: &Job) -> Result<Option<Option<u32>>, Error> {
    let asked = job.boolean("sqthread_poll")?.unwrap_or(false);
    match (asked, job.uint("sqthread_poll_cpu")?) {
        (true, cpu) => Ok(Some(cpu.map(narrow).transpose()?)),
        (false, None) => Ok(None),
        (false, Some(_)) => {
            Err(refused("sqthread_poll_cpu needs sqthread_poll=1: there is no thread"))
        }
    }
}

/// Every so manieth request is forced to a worker; 0: none.
///
/// # Errors
/// A number that does not fit, which the host does not pass on.
pub fn force_async(job: &Job) -> Result<u32, Error> {
    narrow(job.uint("force_async")?.unwrap_or(0))
}

/// A number of a table that has to fit where the kernel takes it.
///
/// # Errors
/// It does not.
pub fn narrow(n: u64) -> Result<u32, Error> {
    u32::try_from(n).map_err(|_| refused(format!("{n} is above {}", u32::MAX)))
}

fn refused(words: impl Into<String>) -> Error {
    Error::new(libc::EINVAL, words)
}
