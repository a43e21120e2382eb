//! The engine: which mode of fallocate(2) serves which request.
//!
//! Runs on the worker's thread and answers Completed to everything. Opens its files itself, since
//! fallocate wants a descriptor that may be written to, also where the job only reads. Must not
//! touch a buffer.

use iodyno_engine_api::abi::*;
use iodyno_engine_api::engine::{CapsFn, DetailsFn, FileFn, OpenFn};
use iodyno_engine_api::{Answer, Caps, Engine, Error, Failed, File, Host, Io, Job, Opened};
use iodyno_engine_support::errno::Errno;
use iodyno_engine_support::{fd, path, whole::whole};
use std::ffi::CStr;
use std::fmt;

/// An instance.
pub(crate) struct Falloc {
    /// Bit per operation that the job will issue.
    issues: u32,
}

/// Bit per operation.
const OPS: u64 = 1 << IOE_OP_READ
    | 1 << IOE_OP_WRITE
    | 1 << IOE_OP_TRIM
    | 1 << IOE_OP_FSYNC
    | 1 << IOE_OP_FDATASYNC;

impl Engine for Falloc {
    const NAME: &'static CStr = c"falloc";
    const HELP: &'static CStr = c"fallocate as requests: allocate, keep the size, punch holes";
    const FLAGS: u64 = IOE_F_SYNC | IOE_F_FAKE;
    const GET_CAPS: Option<CapsFn<Self>> = Some(Self::get_caps);
    const OPEN_FILE: Option<OpenFn<Self>> = Some(Self::open_file);
    const CLOSE_FILE: Option<FileFn<Self>> = Some(Self::close_file);
    const ERRDETAILS: Option<DetailsFn<Self>> = Some(Self::errdetails);

    fn init(_host: Host, job: &Job) -> Result<Self, Error> {
        Ok(Falloc { issues: job.op_mask() })
    }

    #[inline]
    fn queue<'a>(&mut self, io: Io<'a>) -> Answer<'a> {
        let len = io.len();
        let result = match io.op() {
            IOE_OP_FSYNC | IOE_OP_FDATASYNC => whole(&io),
            op => allocate(op, io.fd(), io.offset(), len),
        };
        io.finish(result.map(|()| len))
    }
}

/// The mode of fallocate that serves an operation.
#[inline]
fn allocate(op: u32, at: i32, offset: u64, len: u64) -> Result<(), Errno> {
    match op {
        IOE_OP_READ => fd::allocate_keeping(at, offset, len),
        IOE_OP_WRITE => fd::allocate(at, offset, len),
        IOE_OP_TRIM => fd::punch_hole(at, offset, len),
        _ => Err(libc::EOPNOTSUPP),
    }
}

/// What each operation asks of a file system.
const MODES: [(u32, &str); 3] = [
    (IOE_OP_READ, "allocate behind the end of a file (reads)"),
    (IOE_OP_WRITE, "allocate (writes)"),
    (IOE_OP_TRIM, "punch holes (trims)"),
];

impl Falloc {
    /// Whether the file system can do what the job will ask for. Tried on a nameless file beside
    /// the target; where there are no such files, on the first byte of the target, which the job is
    /// to allocate in: but no hole is punched there, and the first trim tells.
    fn judge(&self, name: &CStr, target: i32) -> Result<(), Error> {
        let nameless = path::open_nameless(name);
        let at = nameless.unwrap_or(target);
        let mut asked = MODES.iter().filter(|(op, _)| {
            self.issues & 1 << op != 0 && (nameless.is_ok() || *op != IOE_OP_TRIM)
        });
        let lacking = asked.find(|(op, _)| allocate(*op, at, 0, 1) == Err(libc::EOPNOTSUPP));
        nameless.into_iter().for_each(path::close);
        let Some((_, what)) = lacking else { return Ok(()) };
        let name = name.to_string_lossy();
        Err(Error::new(libc::EOPNOTSUPP, format!("{name}: its file system cannot {what}")))
    }

    fn errdetails(&mut self, failed: &Failed<'_>, out: &mut dyn fmt::Write) -> fmt::Result {
        match (failed.op(), failed.error()) {
            (IOE_OP_READ | IOE_OP_WRITE | IOE_OP_TRIM, libc::EOPNOTSUPP) => {
                out.write_str("the file system has no fallocate for that")
            }
            (_, libc::EOPNOTSUPP) => out.write_str("falloc has reads, writes, trims and syncs"),
            _ => Ok(()),
        }
    }

    fn get_caps(&mut self, caps: &mut Caps<'_>) -> Result<(), Error> {
        caps.set_ops(OPS);
        Ok(())
    }

    fn open_file(&mut self, file: &mut File<'_>) -> Result<Opened, Error> {
        if file.kind() != IOE_KIND_REGULAR {
            let name = file.name().to_string_lossy();
            let why = "falloc allocates blocks of regular files, and this is none";
            return Err(Error::new(libc::EINVAL, format!("{name}: {why} (name a file)")));
        }
        let fd = path::open(file).map_err(|errno| path::failed("open", file.name(), errno))?;
        self.judge(file.name(), fd).inspect_err(|_| path::close(fd))?;
        file.set_fd(fd);
        Ok(Opened::ByEngine)
    }

    fn close_file(&mut self, file: &mut File<'_>) -> Result<(), Error> {
        path::close(file.fd());
        file.set_fd(-1);
        Ok(())
    }
}
