//! The option table of sg, and its reading into [`Settings`].
//!
//! The table is what `iodyno engines show sg` prints; names and values are fio's. `engine` calls
//! [`Settings::read`] once at init. Makes no system call.

use crate::cdb::Transfer;
use iodyno_engine_api::abi::{ioe_option, IOE_OP_WRITE};
use iodyno_engine_api::{choice, Error, Job, Opt};

const WRITE: u64 = 0;
const WRITE_AND_VERIFY: u64 = 1;
const WRITE_SAME: u64 = 2;
const WRITE_SAME_NDOB: u64 = 3;
const WRITE_STREAM: u64 = 4;
const VERIFY_00: u64 = 5;
const VERIFY_01: u64 = 6;
const VERIFY_11: u64 = 7;

/// The rows, for `Engine::OPTIONS`.
pub(crate) const OPTIONS: &[&ioe_option] = &[
    &Opt::boolean(c"hipri", c"poll for the completion of reads and writes, where a driver can")
        .default(c"0")
        .build(),
    &Opt::boolean(c"readfua", c"reads force unit access").default(c"0").build(),
    &Opt::boolean(c"writefua", c"writes force unit access").default(c"0").build(),
    &Opt::choice(
        c"sg_write_mode",
        c"the command that a write is",
        &[
            &choice(c"write", WRITE, c"WRITE(10) or (16)"),
            &choice(c"write_and_verify", WRITE_AND_VERIFY, c"WRITE AND VERIFY(10) or (16)"),
            &choice(c"verify", WRITE_AND_VERIFY, c"an old name of write_and_verify"),
            &choice(c"write_same", WRITE_SAME, c"WRITE SAME(16): the first block, everywhere"),
            &choice(c"same", WRITE_SAME, c"an old name of write_same"),
            &choice(c"write_same_ndob", WRITE_SAME_NDOB, c"WRITE SAME(16) without data"),
            &choice(c"write_stream", WRITE_STREAM, c"WRITE STREAM(16), to stream_id"),
            &choice(c"verify_bytchk_00", VERIFY_00, c"VERIFY of the medium; writes nothing"),
            &choice(c"verify_bytchk_01", VERIFY_01, c"VERIFY against the data; writes nothing"),
            &choice(c"verify_bytchk_11", VERIFY_11, c"VERIFY against the first block, everywhere"),
        ],
    )
    .default(c"write")
    .build(),
    &Opt::uint(c"stream_id", c"stream of write_stream; 0 = one that is opened for the run")
        .range(0, 0xffff)
        .default(c"0")
        .build(),
];

/// What an instance is asked to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) hipri: bool,
    pub(crate) readfua: bool,
    /// The command of a write; a stream's number is the device's where `opens_stream`.
    pub(crate) write: Transfer,
    /// A stream is to be opened: none was named.
    pub(crate) opens_stream: bool,
}

impl Settings {
    pub(crate) fn read(job: &Job) -> Result<Settings, Error> {
        let on = |name| Ok::<bool, Error>(job.boolean(name)?.unwrap_or(false));
        let fua = on("writefua")?;
        let mode = job.uint("sg_write_mode")?.unwrap_or(WRITE);
        let stream = job.uint("stream_id")?.unwrap_or(0);
        let stream = u16::try_from(stream)
            .map_err(|_| Error::new(libc::EINVAL, "stream_id: streams have numbers up to 65535"))?;
        if stream != 0 && mode != WRITE_STREAM {
            let words =
                "stream_id is about sg_write_mode=write_stream, which the job does not ask \
                         for";
            return Err(Error::new(libc::EINVAL, words));
        }
        let write = match mode {
            WRITE => Transfer::Write { fua },
            WRITE_AND_VERIFY => Transfer::WriteAndVerify,
            WRITE_SAME => Transfer::WriteSame { ndob: false },
            WRITE_SAME_NDOB => Transfer::WriteSame { ndob: true },
            WRITE_STREAM => Transfer::WriteStream { fua, stream },
            VERIFY_00 => Transfer::Verify { bytchk: 0 },
            VERIFY_01 => Transfer::Verify { bytchk: 1 },
            VERIFY_11 => Transfer::Verify { bytchk: 3 },
            other => {
                return Err(Error::new(libc::EINVAL, format!("sg_write_mode: no mode {other}")))
            }
        };
        if fua && !matches!(write, Transfer::Write { .. } | Transfer::WriteStream { .. }) {
            let words = "writefua=1: of the commands of sg_write_mode only write and write_stream \
                         can force unit access";
            return Err(Error::new(libc::EINVAL, words));
        }
        let writes = job.op_mask() & (1 << IOE_OP_WRITE) != 0;
        let opens_stream = mode == WRITE_STREAM && stream == 0 && writes;
        Ok(Settings { hipri: on("hipri")?, readfua: on("readfua")?, write, opens_stream })
    }
}
