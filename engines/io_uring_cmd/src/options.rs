//! The option table of io_uring_cmd, and its reading into [`Settings`].
//!
//! The table is what `iodyno engines show io_uring_cmd` prints; names and values are fio's.
//! `engine` calls [`Settings::read`] once at init; what cannot go together is refused there, in
//! words. Touches no ring and no kernel.

use crate::command::{Op, APPTAG, GUARD, REFTAG};
use iodyno_engine_api::abi::ioe_option;
use iodyno_engine_api::{choice, Error, Job, Opt};
use iodyno_engine_support::uring::files::Registering;
use iodyno_engine_support::uring::options as uring;

const NVME: u64 = 0;

const WRITE: u64 = 0;
const UNCOR: u64 = 1;
const ZEROES: u64 = 2;
const VERIFY: u64 = 3;
const COMPARE: u64 = 4;

const READ: u64 = 0;
const COMPARED: u64 = 1;

/// The rows, for `Engine::OPTIONS`.
pub(crate) const OPTIONS: &[&ioe_option] = &[
    &Opt::choice(
        c"cmd_type",
        c"the kind of commands",
        &[&choice(c"nvme", NVME, c"NVMe, to /dev/ngXnY")],
    )
    .default(c"nvme")
    .build(),
    &Opt::boolean(c"hipri", c"poll the device for completions (IOPOLL)").default(c"0").build(),
    uring::FIXEDBUFS,
    uring::REGISTERFILES,
    uring::SQTHREAD_POLL,
    uring::SQTHREAD_POLL_CPU,
    &Opt::int(c"nonvectored", c"0: data is named by a vector (NVME_URING_CMD_IO_VEC); -1, 1: not")
        .default(c"-1")
        .range(-1, 1)
        .build(),
    uring::ATTACH_WQ,
    uring::FORCE_ASYNC,
    &Opt::boolean(c"readfua", c"reads force unit access").default(c"0").build(),
    &Opt::boolean(c"writefua", c"writes force unit access").default(c"0").build(),
    &Opt::choice(
        c"write_mode",
        c"the command that a write is",
        &[
            &choice(c"write", WRITE, c"Write"),
            &choice(c"uncor", UNCOR, c"Write Uncorrectable; no data is sent"),
            &choice(c"zeroes", ZEROES, c"Write Zeroes; no data is sent"),
            &choice(c"verify", VERIFY, c"Verify; no data is sent, nothing is written"),
            &choice(c"compare", COMPARE, c"Compare with the data; nothing is written"),
        ],
    )
    .default(c"write")
    .build(),
    &Opt::choice(
        c"verify_mode",
        c"the command that a read of the verification is",
        &[
            &choice(c"read", READ, c"Read; what was read is compared here"),
            &choice(c"compare", COMPARED, c"Compare; refused, see write_mode=compare"),
        ],
    )
    .default(c"read")
    .build(),
    &Opt::boolean(c"deac", c"blocks that Write Zeroes zeroes may be deallocated")
        .default(c"0")
        .build(),
    &Opt::uint(c"md_per_io_size", c"bytes of a separate metadata buffer for each request")
        .range(0, 1 << 20)
        .default(c"0")
        .build(),
    &Opt::uint(c"pi_act", c"1: the device makes and takes off protection information; 0: iodyno")
        .range(0, 1)
        .default(c"1")
        .build(),
    &Opt::text(c"pi_chk", c"what the device checks: GUARD, REFTAG, APPTAG, separated by commas")
        .build(),
    &Opt::uint(c"apptag", c"application tag of the protection information")
        .range(0, 0xffff)
        .default(c"4660")
        .build(),
    &Opt::uint(c"apptag_mask", c"bits of the application tag that are compared")
        .range(0, 0xffff)
        .default(c"65535")
        .build(),
];

/// What an instance is asked to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) hipri: bool,
    pub(crate) fixed_buffers: bool,
    pub(crate) register_files: Registering,
    /// A kernel thread submits; on this processor.
    pub(crate) sqpoll: Option<Option<u32>>,
    /// Data is named by a vector.
    pub(crate) vectored: bool,
    pub(crate) attach: bool,
    /// Every so manieth request is forced to a worker; 0: none.
    pub(crate) force_async: u32,
    pub(crate) read_fua: bool,
    pub(crate) write_fua: bool,
    /// The command of a write.
    pub(crate) write: Op,
    pub(crate) deallocate: bool,
    pub(crate) metadata: u32,
    pub(crate) pi_act: bool,
    /// PRCHK.
    pub(crate) pi_check: u8,
    pub(crate) apptag: u16,
    pub(crate) apptag_mask: u16,
}

fn refused(words: impl Into<String>) -> Error {
    Error::new(libc::EINVAL, words)
}

impl Settings {
    pub(crate) fn read(job: &Job) -> Result<Settings, Error> {
        let on = |name| Ok::<bool, Error>(job.boolean(name)?.unwrap_or(false));
        let sqpoll = uring::sqpoll(job)?;
        let write = match job.uint("write_mode")?.unwrap_or(WRITE) {
            WRITE => Op::Write,
            UNCOR => Op::WriteUncorrectable,
            ZEROES => Op::WriteZeroes,
            VERIFY => Op::Verify,
            COMPARE => Op::Compare,
            other => return Err(refused(format!("write_mode: no choice has value {other}"))),
        };
        let write_fua = on("writefua")?;
        if write_fua && !matches!(write, Op::Write | Op::WriteZeroes) {
            let words = format!("writefua=1: {} writes nothing that could be forced", write.name());
            return Err(refused(words));
        }
        if job.uint("verify_mode")? == Some(COMPARED) {
            let words =
                "verify_mode=compare: iodyno compares what was read itself (leave it away; \
                         write_mode=compare sends Compare with the job's own data)";
            return Err(Error::new(libc::EOPNOTSUPP, words));
        }
        let (vectored, fixed_buffers) = (job.int("nonvectored")? == Some(0), on("fixedbufs")?);
        if vectored && fixed_buffers {
            return Err(refused("nonvectored=0: the kernel takes no vectors of fixedbufs=1"));
        }
        Ok(Settings {
            hipri: on("hipri")?,
            fixed_buffers,
            vectored,
            attach: on("attach_wq")?,
            register_files: uring::registering(job, sqpoll.is_some())?,
            sqpoll,
            force_async: uring::force_async(job)?,
            read_fua: on("readfua")?,
            write_fua,
            write,
            deallocate: on("deac")?,
            metadata: uring::narrow(job.uint("md_per_io_size")?.unwrap_or(0))?,
            pi_act: job.uint("pi_act")? != Some(0),
            pi_check: checks(job)?,
            apptag: tag(job, "apptag", 0x1234)?,
            apptag_mask: tag(job, "apptag_mask", 0xffff)?,
        })
    }
}

fn tag(job: &Job, name: &str, default: u64) -> Result<u16, Error> {
    let tag = job.uint(name)?.unwrap_or(default);
    u16::try_from(tag).map_err(|_| refused(format!("{name}: {tag} is above 65535")))
}

/// pi_chk as bits.
fn checks(job: &Job) -> Result<u8, Error> {
    let Some(text) = job.text("pi_chk")? else { return Ok(0) };
    let text = text.to_str().map_err(|_| refused("pi_chk: is not UTF-8"))?;
    let bit = |word: &str| match word.trim().to_ascii_uppercase().as_str() {
        "GUARD" => Ok(GUARD),
        "APPTAG" => Ok(APPTAG),
        "REFTAG" => Ok(REFTAG),
        _ => Err(refused(format!("pi_chk: \"{word}\" is none of GUARD, REFTAG, APPTAG"))),
    };
    text.split(',').try_fold(0, |bits, word| Ok(bits | bit(word)?))
}
