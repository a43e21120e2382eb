//! The engine: its targets, the commands of their requests, and what becomes of these.
//!
//! Runs on the worker's thread. What is in flight, how it is submitted and waited for is
//! `support::uring`'s. Commands are written straight into the ring's entries; what the kernel reads
//! later, such as the range of a trim, lies in the request's private memory. Must not allocate or
//! lock between start and end.

use crate::command::{Command, Op, Range, BLOCKS_MAX, RANGE_BLOCKS_MAX};
use crate::entry::{Answered, Entry};
use crate::identify::{self, Controller};
use crate::node::Node;
use crate::options::{Settings, OPTIONS};
use crate::status::Status;
use crate::target::{Early, Target};
use iodyno_engine_api::abi::*;
use iodyno_engine_api::engine::{
    CancelFn, CapsFn, DetailsFn, ExtensionFn, FileFn, OpenFn, PlainFn, ReapFn,
};
use iodyno_engine_api::{
    Answer, Caps, Engine, Error, Failed, File, Host, Io, Job, Opened, Reaped, Request, Unit,
};
use iodyno_engine_support::uring::buffers::{self, FixesBuffers};
use iodyno_engine_support::uring::kernel::{ENTRIES_MAX, SQE_ASYNC};
use iodyno_engine_support::uring::requests::{Core, OnRing};
use iodyno_engine_support::uring::ring::{Ring, TaskRun, Wish};
use iodyno_engine_support::uring::words::no_ring;
use std::ffi::{c_void, CStr};
use std::fmt;

/// Bit per operation that there is a command for.
const OPS: u64 = 1 << IOE_OP_READ
    | 1 << IOE_OP_WRITE
    | 1 << IOE_OP_TRIM
    | 1 << IOE_OP_FSYNC
    | 1 << IOE_OP_FDATASYNC
    | 1 << IOE_OP_SYNC_RANGE
    | 1 << IOE_OP_WRITE_ZEROES;

/// What a request keeps while it is in flight, and until its failure was told.
#[repr(C)]
struct Private {
    /// Of a trim; the kernel reads it.
    range: Range,
    /// Bytes of the request that its command is about.
    covered: u64,
    lba: u64,
    /// Its piece of the metadata buffers.
    slot: Option<u32>,
    /// `None`: no command was sent.
    op: Option<Op>,
}

/// An instance: one ring.
pub(crate) struct IoUringCmd {
    core: Core<Entry, Answered>,
    settings: Settings,
    max_bs: u64,
    op_mask: u32,
    until_async: u32,
    /// By the file's index.
    targets: Vec<Option<Box<Target>>>,
    /// `md_per_io_size` bytes for each request in flight; pieces that nobody has.
    metadata: Vec<u8>,
    free_slots: Vec<u32>,
}

impl Engine for IoUringCmd {
    const NAME: &'static CStr = c"io_uring_cmd";
    const HELP: &'static CStr = c"NVMe commands to /dev/ngXnY, through a ring";
    const FLAGS: u64 = IOE_F_RAW | IOE_F_NOEXTEND;
    const OPTIONS: &'static [&'static ioe_option] = OPTIONS;
    const IO_PRIVATE_SIZE: u32 = size_of::<Private>() as u32;
    const GET_CAPS: Option<CapsFn<Self>> = Some(Self::get_caps);
    const OPEN_FILE: Option<OpenFn<Self>> = Some(Self::open_file);
    const CLOSE_FILE: Option<FileFn<Self>> = Some(Self::close);
    const GET_FILE_SIZE: Option<FileFn<Self>> = Some(Self::get_file_size);
    const START: Option<PlainFn<Self>> = Some(Self::start);
    const COMMIT: Option<PlainFn<Self>> = Some(Self::commit);
    const GETEVENTS: Option<ReapFn<Self>> = Some(Self::getevents);
    const CANCEL: Option<CancelFn<Self>> = Some(Self::cancel);
    const TERMINATE: bool = true;
    const ERRDETAILS: Option<DetailsFn<Self>> = Some(Self::errdetails);
    const EXTENSION: Option<ExtensionFn> = Some(extension);

    fn init(host: Host, job: &Job) -> Result<Self, Error> {
        let settings = Settings::read(job)?;
        let depth = job.iodepth().max(1);
        if depth > ENTRIES_MAX {
            let words = format!("iodepth {depth}: a ring holds {ENTRIES_MAX} requests at most");
            return Err(Error::new(libc::EINVAL, words));
        }
        let wish = Wish {
            // One more for the entry that ends waits.
            entries: (depth + 1).min(ENTRIES_MAX),
            iopoll: settings.hipri,
            sqpoll: settings.sqpoll,
            task_run: TaskRun::Auto,
            attach: None,
        };
        let newer = "commands of 128 bytes need Linux 5.19, and polling for them (hipri) 6.1";
        let ring = Ring::new(&wish).map_err(|why| no_ring(why, settings.sqpoll, newer))?;
        Ok(IoUringCmd {
            core: Core::new(host, ring, depth, settings.register_files, !settings.hipri)?,
            settings,
            max_bs: job.max_bs(),
            op_mask: job.op_mask(),
            until_async: settings.force_async,
            targets: Vec::new(),
            metadata: vec![0; settings.metadata as usize * depth as usize],
            free_slots: (0..depth).filter(|_| settings.metadata > 0).collect(),
        })
    }

    #[inline]
    fn queue<'a>(&mut self, io: Io<'a>) -> Answer<'a> {
        if self.core.in_flight == self.core.depth {
            return io.busy();
        }
        // Before the entry, which takes a piece of the metadata buffers.
        if !self.core.make_room() {
            return io.busy();
        }
        let entry = match self.entry(&io) {
            Ok(entry) => entry,
            Err(early) => return io.finish(early),
        };
        // SAFETY: the entry points to the request, its buffer and its private part. By Queued, the
        // answer below, the host leaves these alone until the unit was handed back, which happens
        // after the completion was read or the entry taken back.
        unsafe { self.core.ring.push(entry) };
        self.core.in_flight += 1;
        let (unit, answer) = io.keep();
        unit.into_raw();
        answer
    }
}

/// The command that an operation is.
#[inline(always)]
fn op_of(io: &Request, settings: &Settings) -> Result<Op, Early> {
    Ok(match io.op() {
        IOE_OP_READ => Op::Read,
        IOE_OP_WRITE => settings.write,
        IOE_OP_TRIM => Op::DatasetManagement,
        IOE_OP_FSYNC | IOE_OP_FDATASYNC | IOE_OP_SYNC_RANGE => Op::Flush,
        IOE_OP_WRITE_ZEROES => Op::WriteZeroes,
        _ => return Err(Err(libc::EOPNOTSUPP)),
    })
}

/// The request's own memory.
///
/// # Safety
/// The request is this engine's, its private memory is not null, and no other reference to that is
/// alive.
#[inline(always)]
unsafe fn private_of<'a>(io: &Request) -> &'a mut Private {
    // SAFETY: IO_PRIVATE_SIZE bytes, 64-byte aligned, zeroed by the host: all zeroes are a Private,
    // whose options are written for each request before they are read; the caller has the rest.
    unsafe { &mut *io.private().cast::<Private>() }
}

impl IoUringCmd {
    fn get_caps(&mut self, caps: &mut Caps<'_>) -> Result<(), Error> {
        caps.set_ops(OPS);
        caps.set_max_depth(ENTRIES_MAX);
        Ok(())
    }

    /// What the controller of a file calls itself.
    pub(crate) fn controller(&self, index: u32) -> Option<&Controller> {
        self.targets.get(index as usize)?.as_ref().map(|target| &target.node.controller)
    }

    fn open_file(&mut self, file: &mut File<'_>) -> Result<Opened, Error> {
        let node = Node::open(file)?;
        let target = Target::new(node, &self.settings, self.max_bs, self.op_mask)?;
        file.set_fd(target.node.fd());
        self.core.files.opened(file);
        let index = file.index() as usize;
        if self.targets.len() <= index {
            self.targets.resize_with(index + 1, || None);
        }
        self.targets[index] = Some(Box::new(target));
        Ok(Opened::ByEngine)
    }

    fn close(&mut self, file: &mut File<'_>) -> Result<(), Error> {
        self.close_file(file)?;
        if let Some(target) = self.targets.get_mut(file.index() as usize) {
            *target = None;
        }
        file.set_fd(-1);
        Ok(())
    }

    fn get_file_size(&mut self, file: &mut File<'_>) -> Result<(), Error> {
        let open = self.targets.get(file.index() as usize).and_then(Option::as_ref);
        let namespace = match open {
            Some(target) => target.node.namespace,
            None => Node::open(file)?.namespace,
        };
        file.set_size(namespace.bytes(), namespace.block_bytes());
        Ok(())
    }

    /// The ring's entry for a request.
    #[inline(always)]
    fn entry(&mut self, io: &Request) -> Result<Entry, Early> {
        let index = io.file().map_or(usize::MAX, |file| file.index() as usize);
        let Some(Some(target)) = self.targets.get(index) else { return Err(Err(libc::EBADF)) };
        if io.private().is_null() {
            return Err(Err(libc::EFAULT));
        }
        // SAFETY: the request is ours for the length of the call, and this is the one reference.
        let private = unsafe { private_of(io) };
        (private.op, private.slot) = (None, None);
        let op = op_of(io, &self.settings)?;
        let mut fixed = None;
        let mut command = match op {
            Op::Flush => {
                (private.lba, private.covered) = (0, io.len());
                Command::flush(target.nsid)
            }
            Op::DatasetManagement => {
                let (lba, blocks) = target.range(io)?;
                let blocks = blocks.min(RANGE_BLOCKS_MAX);
                private.range = Range::new(lba, blocks).ok_or(Err(libc::EINVAL))?;
                (private.lba, private.covered) = (lba, blocks << target.block_shift);
                Command::deallocate_range(target.nsid, (&raw const private.range) as u64)
            }
            _ => {
                let (lba, blocks) = target.range(io)?;
                let blocks = blocks.min(BLOCKS_MAX);
                (private.lba, private.covered) = (lba, blocks << target.block_shift);
                let command = Command::range(op, target.nsid, lba, blocks);
                let mut command = command.ok_or(Err(libc::EINVAL))?;
                if op.has_data() {
                    // At most 2^16 blocks of at most 2^31 bytes: what is too long is refused.
                    let bytes = u32::try_from(private.covered).map_err(|_| Err(libc::EINVAL))?;
                    (command.addr, command.data_len) = (io.buf_ptr() as u64, bytes);
                    fixed = self.core.buffers.find(command.addr, bytes);
                }
                command
            }
        };
        let settings = &self.settings;
        let fua = match io.op() {
            IOE_OP_READ => settings.read_fua || io.flags() & IOE_IO_FUA != 0,
            IOE_OP_WRITE => settings.write_fua || io.flags() & IOE_IO_FUA != 0,
            _ => false,
        };
        if fua {
            command = command.force_unit_access();
        }
        if op == Op::WriteZeroes && settings.deallocate {
            command = command.deallocate();
        }
        if io.flags() & IOE_IO_HIPRI != 0 && !settings.hipri {
            // A ring polls for all of its requests or for none.
            return Err(Err(libc::EOPNOTSUPP));
        }
        if let Some(protection) = &target.protection {
            if !matches!(op, Op::Flush | Op::DatasetManagement | Op::WriteUncorrectable) {
                command = command.protected(protection, private.lba);
            }
        }
        if target.metadata > 0 && op.has_data() {
            let slot = self.free_slots.pop().ok_or(Err(libc::EIO))?;
            private.slot = Some(slot);
            let blocks = (private.covered >> target.block_shift) as u32; // at most 2^16
            let start = slot as usize * settings.metadata as usize;
            command.metadata = self.metadata[start..].as_mut_ptr() as u64;
            command.metadata_len = (blocks * target.metadata).min(settings.metadata);
        }
        private.op = Some(op);
        let Core { files, ring, host, .. } = &mut self.core;
        let file = files.name(ring, host, io);
        let entry = Entry::new(command, file, fixed, io.as_ptr() as u64);
        Ok(entry.flagged(self.async_flag()))
    }

    /// IOSQE_ASYNC for every Nth.
    #[inline(always)]
    fn async_flag(&mut self) -> u8 {
        if self.settings.force_async == 0 {
            return 0;
        }
        self.until_async -= 1;
        if self.until_async > 0 {
            return 0;
        }
        self.until_async = self.settings.force_async;
        SQE_ASYNC
    }

    #[cold]
    fn failed(&mut self, mut unit: Unit, res: i32, reaped: &mut Reaped<'_>) {
        let errno = match Status::of_completion(res) {
            Some(status) => {
                unit.set_vendor_status(status.vendor());
                status.errno()
            }
            // The driver's word for a command that it gave up: the controller was reset or is gone.
            None if res == -libc::EINTR || res == -libc::EIO => match self.is_gone(&unit) {
                true => libc::ENODEV,
                false => libc::EIO,
            },
            None => -res,
        };
        reaped.push(unit, Err(errno));
    }

    fn is_gone(&self, io: &Request) -> bool {
        let index = io.file().map_or(usize::MAX, |file| file.index() as usize);
        self.targets.get(index).and_then(Option::as_ref).is_none_or(|target| target.node.is_gone())
    }

    fn errdetails(&mut self, io: &Failed<'_>, out: &mut dyn fmt::Write) -> fmt::Result {
        let index = io.file().map_or(usize::MAX, |file| file.index() as usize);
        let target = self.targets.get(index).and_then(Option::as_ref);
        let Some(target) = target.filter(|_| !io.private().is_null()) else {
            return out.write_str("its device is not open");
        };
        // SAFETY: the request was handed back and not yet used again: nobody has its memory.
        let private = unsafe { private_of(io) };
        let why = std::io::Error::from_raw_os_error(io.error());
        let Some(op) = private.op else {
            let block_bytes = target.node.namespace.block_bytes();
            return match io.error() {
                libc::EINVAL => write!(
                    out,
                    "no command was sent: offset and length have to be multiples of the \
                     device's blocks of {block_bytes} bytes"
                ),
                libc::ENOSPC => {
                    let bytes = target.node.namespace.bytes();
                    write!(out, "no command was sent: the device ends after {bytes} bytes")
                }
                libc::EOPNOTSUPP => {
                    out.write_str("engine io_uring_cmd has no command for this operation")
                }
                _ => write!(out, "{why}"),
            };
        };
        let (blocks, lba) = (private.covered >> target.block_shift, private.lba);
        match op {
            Op::Flush => out.write_str("Flush: ")?,
            _ => write!(out, "{} of {blocks} blocks from LBA {lba}: ", op.name())?,
        }
        match (io.vendor_status(), io.error()) {
            (0, libc::ENODEV) => out.write_str("the device was removed"),
            (0, libc::EIO) => {
                out.write_str("the driver gave the command up: the controller was reset, or failed")
            }
            (0, libc::EACCES | libc::EPERM) => {
                write!(out, "{why} (the kernel lets root send it, or who may write to the node)")
            }
            (0, libc::EOPNOTSUPP) if self.settings.hipri => {
                write!(out, "{why} (hipri: the driver needs poll queues: nvme.poll_queues=N)")
            }
            (0, libc::EINVAL) => write!(
                out,
                "{why} (the kernel refuses the command: is it longer than the device's queue \
                 takes, or the buffer not aligned?)"
            ),
            (0, _) => write!(out, "{why}"),
            (status, _) => write!(out, "{}", Status::of_vendor(status)),
        }
    }
}

impl OnRing for IoUringCmd {
    type Entry = Entry;
    type Answer = Answered;

    #[inline(always)]
    fn core(&mut self) -> &mut Core<Entry, Answered> {
        &mut self.core
    }

    #[inline(always)]
    fn completed(&mut self, unit: Unit, answer: Answered, reaped: &mut Reaped<'_>) {
        self.core.in_flight -= 1;
        // SAFETY: the unit is ours until it is handed back below, and entry() took no unit without
        // private memory.
        let private = unsafe { private_of(&unit) };
        if let Some(slot) = private.slot.take() {
            self.free_slots.push(slot);
        }
        match answer.cqe.res {
            0 if private.covered == unit.len() => reaped.push_all(unit),
            0 => reaped.push(unit, Ok(private.covered)),
            res => self.failed(unit, res, reaped),
        }
    }
}

impl FixesBuffers for IoUringCmd {
    fn wants_fixed(&self) -> bool {
        self.settings.fixed_buffers
    }
}

/// `Engine::EXTENSION`.
fn extension(id: &CStr) -> *const c_void {
    match id.to_bytes() {
        b"iodyno.iomem/1" => buffers::iomem::<IoUringCmd>(),
        b"iodyno.identify/1" => identify::table(),
        _ => std::ptr::null(),
    }
}
