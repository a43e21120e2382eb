//! The option table of io_uring, and its reading into [`Settings`].
//!
//! The table is what `iodyno engines show io_uring` prints. `engine` calls [`Settings::read`] once
//! at init; what cannot go together is refused there, in words. Touches no ring and no kernel.

use iodyno_engine_api::abi::ioe_option;
use iodyno_engine_api::{choice, Error, Job, Opt};
use iodyno_engine_support::priority::{self, Priority};
use iodyno_engine_support::uring::files::Registering;
use iodyno_engine_support::uring::{options as uring, ring::TaskRun};

const AUTO: u64 = 0;
const DEFER: u64 = 1;
const COOP: u64 = 2;
const PLAIN: u64 = 3;

/// The rows, for `Engine::OPTIONS`.
pub(crate) const OPTIONS: &[&ioe_option] = &[
    &Opt::boolean(c"hipri", c"poll the device for completions (IOPOLL); needs direct=1")
        .default(c"0")
        .build(),
    uring::FIXEDBUFS,
    uring::REGISTERFILES,
    uring::SQTHREAD_POLL,
    uring::SQTHREAD_POLL_CPU,
    &Opt::int(c"nonvectored", c"1: READ and WRITE; 0: READV and WRITEV; -1: what is better")
        .default(c"-1")
        .range(-1, 1)
        .build(),
    &Opt::boolean(c"uncached", c"buffered requests leave nothing in the page cache (Linux 6.14)")
        .default(c"0")
        .build(),
    &Opt::boolean(c"nowait", c"a request that would have to wait ends with EAGAIN (RWF_NOWAIT)")
        .default(c"0")
        .build(),
    uring::FORCE_ASYNC,
    uring::ATTACH_WQ,
    &Opt::choice(
        c"taskrun",
        c"when the kernel finishes a request's work in the job's thread",
        &[
            &choice(c"auto", AUTO, c"the latest that the kernel can"),
            &choice(c"defer", DEFER, c"in waits for completions (DEFER_TASKRUN, Linux 6.1)"),
            &choice(c"coop", COOP, c"at the next system call (COOP_TASKRUN, Linux 5.19)"),
            &choice(c"plain", PLAIN, c"at once, interrupting the thread"),
        ],
    )
    .default(c"auto")
    .build(),
    priority::PERCENTAGE,
    priority::CLASS,
    priority::LEVEL,
    priority::BSSPLIT,
];

/// What an instance is asked to be.
pub(crate) struct Settings {
    pub(crate) hipri: bool,
    pub(crate) fixed_buffers: bool,
    pub(crate) register_files: Registering,
    /// A kernel thread submits; on this processor.
    pub(crate) sqpoll: Option<Option<u32>>,
    pub(crate) vectored: bool,
    pub(crate) uncached: bool,
    pub(crate) nowait: bool,
    /// Every so manieth request is forced to a worker; 0: none.
    pub(crate) force_async: u32,
    pub(crate) attach: bool,
    pub(crate) task_run: TaskRun,
    pub(crate) priority: Option<Priority>,
}

fn refused(words: impl Into<String>) -> Error {
    Error::new(libc::EINVAL, words)
}

impl Settings {
    pub(crate) fn read(job: &Job) -> Result<Settings, Error> {
        let on = |name| Ok::<bool, Error>(job.boolean(name)?.unwrap_or(false));
        let sqpoll = uring::sqpoll(job)?;
        let settings = Settings {
            hipri: on("hipri")?,
            fixed_buffers: on("fixedbufs")?,
            register_files: uring::registering(job, sqpoll.is_some())?,
            sqpoll,
            vectored: job.int("nonvectored")? == Some(0),
            uncached: on("uncached")?,
            nowait: on("nowait")?,
            force_async: uring::force_async(job)?,
            attach: on("attach_wq")?,
            task_run: task_run(job)?,
            priority: Priority::read(job)?,
        };
        settings.fit(job).map(|()| settings)
    }

    /// What cannot go together.
    fn fit(&self, job: &Job) -> Result<(), Error> {
        if self.hipri && !job.direct() {
            return Err(refused("hipri needs direct=1: only direct requests can be polled for"));
        }
        if self.uncached && job.direct() {
            return Err(refused("uncached is about buffered requests, and direct=1 has none"));
        }
        if self.sqpoll.is_some() && matches!(self.task_run, TaskRun::Defer | TaskRun::Coop) {
            let words = "taskrun=defer and taskrun=coop are about the thread that submits, which \
                         with sqthread_poll=1 is the kernel's own";
            return Err(refused(words));
        }
        if self.fixed_buffers && self.vectored {
            return Err(refused("fixedbufs has no vectored form: leave nonvectored=0 out"));
        }
        Ok(())
    }
}

fn task_run(job: &Job) -> Result<TaskRun, Error> {
    match job.uint("taskrun")?.unwrap_or(AUTO) {
        AUTO => Ok(TaskRun::Auto),
        DEFER => Ok(TaskRun::Defer),
        COOP => Ok(TaskRun::Coop),
        PLAIN => Ok(TaskRun::Plain),
        other => Err(refused(format!("taskrun: no choice has value {other}"))),
    }
}
