//! What is said to a rig and what it says: wishes, requests, answers, and which check each rule of
//! the contract belongs to. Used by `rig` and all checks that make requests. Plain data; drives
//! nothing.

use super::super::check::Finding;
use super::super::stand::Value;
use iodyno_engine_api::abi::*;

/// Which check each rule belongs to.
pub(in super::super) mod rules {
    pub(in super::super::super) const INIT: &str = "instance.once";
    pub(in super::super::super) const OPEN: &str = "target.open";
    pub(in super::super::super) const STATUS: &str = "queue.status";
    pub(in super::super::super) const RESID: &str = "queue.resid";
    pub(in super::super::super) const ERRNO: &str = "queue.errno";
    pub(in super::super::super) const BUSY: &str = "queue.busy";
    pub(in super::super::super) const ONCE: &str = "units.once";
    pub(in super::super::super) const COUNT: &str = "getevents.count";
    pub(in super::super::super) const BOUNDS: &str = "buffer.bounds";
    pub(in super::super::super) const SOURCE: &str = "buffer.source";
    pub(in super::super::super) const INPUTS: &str = "units.inputs";
    pub(in super::super::super) const PRIVATE: &str = "units.private";
    pub(in super::super::super) const COMMIT: &str = "commit.batches";
    pub(in super::super::super) const NOTHING: &str = "getevents.nothing";
    pub(in super::super::super) const MIN: &str = "getevents.min";
    pub(in super::super::super) const TIMEOUT: &str = "getevents.timeout";
    pub(in super::super::super) const INTR: &str = "getevents.intr";
    pub(in super::super::super) const CANCEL: &str = "cancel.answers";
    pub(in super::super::super) const DATA: &str = "data.read-after-write";
}

/// `IOE_OP_*` that an ordinary job issues, as a mask.
const USUAL_OPS: u32 = 1 << IOE_OP_READ | 1 << IOE_OP_WRITE | 1 << IOE_OP_FSYNC;

/// What a rig is to be.
#[derive(Clone, Debug)]
pub(in super::super) struct RigWish {
    /// Units, and the job's iodepth.
    pub depth: u32,
    /// Units that exist beyond the iodepth: to see what happens when one too many is offered.
    pub spare: u32,
    /// Bytes of each buffer.
    pub bs: usize,
    /// Files.
    pub files: u32,
    /// Bytes of each file.
    pub file_bytes: u64,
    /// `IOE_OP_*` as a mask: what the job says that it will issue.
    pub ops: u32,
    /// Opened for reading alone.
    pub read_only: bool,
    /// O_DIRECT.
    pub direct: bool,
    /// Clones of the job, and which one this is.
    pub clone: (u32, u32),
    /// Values of the engine's options; none = as set by the user, or defaults.
    pub values: Option<Vec<Value>>,
}

impl Default for RigWish {
    fn default() -> Self {
        RigWish {
            depth: 1,
            spare: 0,
            bs: 4096,
            files: 1,
            file_bytes: 1 << 20,
            ops: USUAL_OPS,
            read_only: false,
            direct: false,
            clone: (1, 0),
            values: None,
        }
    }
}

/// A request to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Request {
    /// `IOE_OP_*`.
    pub op: u32,
    /// `IOE_IO_*`.
    pub flags: u64,
    /// Number of the file.
    pub file: u32,
    /// Bytes from the file's beginning.
    pub offset: u64,
    /// Bytes.
    pub len: u64,
}

impl Request {
    /// One of file 0 without flags.
    pub(in super::super) fn new(op: u32, offset: u64, len: u64) -> Request {
        Request { op, flags: 0, file: 0, offset, len }
    }

    /// Reading.
    pub(in super::super) fn read(offset: u64, len: u64) -> Request {
        Request::new(IOE_OP_READ, offset, len)
    }

    /// Writing.
    pub(in super::super) fn write(offset: u64, len: u64) -> Request {
        Request::new(IOE_OP_WRITE, offset, len)
    }
}

/// What `queue` said, within the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Taken {
    /// Done.
    Completed(Done),
    /// The engine has it.
    Queued,
    /// Not now.
    Busy,
    /// Not at all: positive errno.
    Refused(i32),
}

/// A finished piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Done {
    /// Which unit.
    pub index: usize,
    /// What was asked for.
    pub request: Request,
    /// Bytes not transferred.
    pub resid: u64,
    /// 0 or an errno.
    pub error: i32,
    /// The engine's own status.
    pub vendor_status: u32,
}

impl Done {
    /// Fails with words unless it went well and whole.
    pub(in super::super) fn whole(&self) -> Result<(), Finding> {
        if self.error == 0 && self.resid == 0 {
            return Ok(());
        }
        Err(Finding::fail(format!("{}: {}", describe(&self.request), self.how())))
    }

    /// How it went, in words.
    pub(in super::super) fn how(&self) -> String {
        match self.error {
            0 => format!("{} of {} bytes left over", self.resid, self.request.len),
            errno => std::io::Error::from_raw_os_error(errno).to_string(),
        }
    }
}

/// A request in words.
pub(in super::super) fn describe(request: &Request) -> String {
    const NAMES: [&str; 7] =
        ["read", "write", "trim", "fsync", "fdatasync", "sync_file_range", "write_zeroes"];
    let name = NAMES.get(request.op as usize).copied().unwrap_or("operation");
    format!("{name} of {} bytes at {}", request.len, request.offset)
}
