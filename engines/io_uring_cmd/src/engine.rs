//! The engine: its targets, the commands of their requests, and what becomes of these.
//!
//! Runs on the worker's thread. What is in flight, how it is submitted and waited for is
//! `support::uring`'s. Commands are written straight into the ring's entries; what the kernel reads
//! later, such as the range of a trim, lies in the request's private memory. Must not allocate or
//! lock between start and end.

use crate::command::{Command, Op, Protection, Range, BLOCKS_MAX};
use crate::entry::{Answered, Entry};
use crate::identify::{self, Controller};
use crate::node::Node;
use crate::options::{Settings, OPTIONS};
use crate::protection::{Fault, Tags};
use crate::status::Status;
use crate::target::{Early, Target};
use crate::trims::Trims;
use iodyno_engine_api::abi::*;
use iodyno_engine_api::engine::{
    CancelFn, CapsFn, DetailsFn, ExtensionFn, FileFn, OpenFn, PlainFn, ReapFn,
};
use iodyno_engine_api::host::Level;
use iodyno_engine_api::{
    Answer, Caps, Engine, Error, File, Host, Io, Job, Opened, Reaped, Request, Unit,
};
use iodyno_engine_support::errno::Errno;
use iodyno_engine_support::uring::buffers::{self, FixesBuffers};
use iodyno_engine_support::uring::kernel::{ENTRIES_MAX, SQE_ASYNC};
use iodyno_engine_support::uring::requests::{Core, OnRing};
use iodyno_engine_support::uring::ring::{Ring, TaskRun, Wish};
use iodyno_engine_support::uring::share;
use iodyno_engine_support::uring::words::no_ring;
use std::ffi::{c_void, CStr};

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
pub(crate) struct Private {
    /// Of a trim alone, of a transfer that is named by a vector; the kernel reads them.
    pub(crate) range: Range,
    vector: libc::iovec,
    /// Bytes of the request that its command is about.
    pub(crate) covered: u64,
    pub(crate) lba: u64,
    /// The next request of the same command: several trims are one.
    pub(crate) next: *mut ioe_io,
    /// Its command's list of ranges.
    pub(crate) list: Option<u32>,
    /// Its piece of the metadata buffers.
    slot: Option<u32>,
    /// `None`: no command was sent.
    pub(crate) op: Option<Op>,
    /// What was wrong with protection information that is checked here.
    pub(crate) fault: Option<Fault>,
}

/// An instance: one ring.
pub(crate) struct IoUringCmd {
    pub(crate) core: Core<Entry, Answered>,
    pub(crate) settings: Settings,
    max_bs: u64,
    op_mask: u32,
    until_async: u32,
    /// By the file's index.
    pub(crate) targets: Vec<Option<Box<Target>>>,
    pub(crate) trims: Trims,
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
    const COMMIT: Option<PlainFn<Self>> = Some(Self::commit_all);
    const GETEVENTS: Option<ReapFn<Self>> = Some(Self::reap);
    const CANCEL: Option<CancelFn<Self>> = Some(Self::cancel_any);
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
        let ring = if settings.attach { share::attached(&wish) } else { Ring::new(&wish) };
        let ring = ring.map_err(|why| no_ring(why, settings.sqpoll, newer))?;
        Ok(IoUringCmd {
            core: Core::new(host, ring, depth, settings.register_files, !settings.hipri)?,
            settings,
            max_bs: job.max_bs(),
            op_mask: job.op_mask(),
            until_async: settings.force_async,
            targets: Vec::new(),
            trims: Trims::new(depth, job.op_mask() & 1 << IOE_OP_TRIM != 0),
            metadata: vec![0; settings.metadata as usize * depth as usize],
            free_slots: (0..depth).filter(|_| settings.metadata > 0).collect(),
        })
    }

    #[inline]
    fn queue<'a>(&mut self, io: Io<'a>) -> Answer<'a> {
        if self.core.in_flight == self.core.depth {
            return io.busy();
        }
        if io.op() == IOE_OP_TRIM {
            return self.take_trim(io);
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
        IOE_OP_FSYNC | IOE_OP_FDATASYNC | IOE_OP_SYNC_RANGE => Op::Flush,
        IOE_OP_WRITE_ZEROES => Op::WriteZeroes,
        _ => return Err(Err(libc::EOPNOTSUPP)),
    })
}

/// The command for a request that is no trim, with the address of its data, without metadata.
#[inline(always)]
fn command_of(
    io: &Request,
    op: Op,
    target: &Target,
    settings: &Settings,
    private: &mut Private,
) -> Result<Command, Early> {
    if op == Op::Flush {
        (private.lba, private.covered) = (0, io.len());
        return Ok(Command::flush(target.nsid));
    }
    let (lba, blocks) = target.range(io)?;
    let blocks = blocks.min(BLOCKS_MAX);
    (private.lba, private.covered) = (lba, blocks << target.block_shift);
    let mut command = Command::range(op, target.nsid, lba, blocks).ok_or(Err(libc::EINVAL))?;
    if op.has_data() {
        // At most 2^16 blocks of at most 2^31 bytes: what is too long is refused.
        let bytes = u32::try_from(private.covered).map_err(|_| Err(libc::EINVAL))?;
        (command.addr, command.data_len) = (io.buf_ptr() as u64, bytes);
    }
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
    match (&target.protection, op) {
        (None, _) | (_, Op::WriteUncorrectable) => {}
        // Nothing comes along that could be checked.
        (Some(protection), Op::WriteZeroes) => {
            command = command.protected(&Protection { check: 0, ..*protection }, lba);
        }
        // It looks at what is there: nothing to be made, or the device refuses.
        (Some(protection), Op::Verify) => {
            command = command.protected(&Protection { act: false, ..*protection }, lba);
        }
        (Some(protection), _) => command = command.protected(protection, lba),
    }
    Ok(command)
}

/// The request's own memory.
///
/// # Safety
/// The request is this engine's, its private memory is not null, and no other reference to that is
/// alive.
#[inline(always)]
pub(crate) unsafe fn private_of<'a>(io: &Request) -> &'a mut Private {
    // SAFETY: IO_PRIVATE_SIZE bytes, 64-byte aligned, zeroed by the host: all zeroes are a Private,
    // whose options are written by clear() before they are read; the caller has the rest.
    unsafe { &mut *io.private().cast::<Private>() }
}

impl Private {
    /// Forgets the request before.
    #[inline(always)]
    pub(crate) fn clear(&mut self) {
        self.next = std::ptr::null_mut();
        (self.op, self.slot, self.list, self.fault) = (None, None, None, None);
    }
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
        let writes = self.op_mask & (1 << IOE_OP_WRITE) != 0;
        if writes && target.may_lack(self.settings.write) {
            let words = format!(
                "{}: write_mode: the controller does not say that it knows {}",
                target.node.name,
                self.settings.write.name()
            );
            self.core.host.log(Level::Warn, &words);
        }
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

    /// The ring's entry for a request that is no trim.
    #[inline(always)]
    fn entry(&mut self, io: &Io<'_>) -> Result<Entry, Early> {
        let index = io.file().map_or(usize::MAX, |file| file.index() as usize);
        let Some(Some(target)) = self.targets.get(index) else { return Err(Err(libc::EBADF)) };
        if io.private().is_null() {
            return Err(Err(libc::EFAULT));
        }
        // SAFETY: the request is ours for the length of the call, and this is the one reference.
        let private = unsafe { private_of(io) };
        private.clear();
        let settings = &self.settings;
        if io.flags() & IOE_IO_HIPRI != 0 && !settings.hipri {
            // A ring polls for all of its requests or for none.
            return Err(Err(libc::EOPNOTSUPP));
        }
        let op = op_of(io, settings)?;
        let mut command = command_of(io, op, target, settings, private)?;
        let mut fixed = None;
        if op.has_data() {
            if target.metadata > 0 {
                let slot = self.free_slots.pop().ok_or(Err(libc::EIO))?;
                private.slot = Some(slot);
                let blocks = (private.covered >> target.block_shift) as usize; // at most 2^16
                let start = slot as usize * settings.metadata as usize;
                let metadata = &mut self.metadata[start..][..blocks * target.metadata as usize];
                if op != Op::Read {
                    metadata.fill(0);
                    if let Some(layout) = &target.layout {
                        let data = &io.buf()[..private.covered as usize];
                        layout.generate(data, metadata, private.lba, settings.apptag);
                    }
                }
                command.metadata = metadata.as_mut_ptr() as u64;
                command.metadata_len = metadata.len() as u32; // below md_per_io_size
            }
            if settings.vectored {
                let (iov_base, iov_len) = (command.addr as *mut c_void, command.data_len as usize);
                private.vector = libc::iovec { iov_base, iov_len };
                (command.addr, command.data_len) = ((&raw const private.vector) as u64, 1);
            } else {
                fixed = self.core.buffers.find(command.addr, command.data_len);
            }
        }
        private.op = Some(op);
        let is_vectored = settings.vectored && op.has_data();
        let Core { files, ring, host, .. } = &mut self.core;
        let file = files.name(ring, host, io);
        let entry = Entry::new(command, file, fixed, io.as_ptr() as u64);
        let entry = if is_vectored { entry.vectored() } else { entry };
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

    /// The errno of a completion that is no success, and the vendor's status.
    #[cold]
    pub(crate) fn errno_of(&self, unit: &Unit, res: i32) -> (Errno, u32) {
        let errno = match Status::of_completion(res) {
            Some(status) => return (status.errno(), status.vendor()),
            // The driver's word for a command that it gave up: the controller was reset or is gone.
            None if res == -libc::EINTR || res == -libc::EIO => match self.is_gone(unit) {
                true => libc::ENODEV,
                false => libc::EIO,
            },
            None => -res,
        };
        (errno, 0)
    }

    /// Checks what was read, where that is left to us. Called when the command has succeeded.
    #[inline(never)]
    fn check(&self, unit: &Unit, private: &mut Private, slot: u32) -> Result<(), Errno> {
        let index = unit.file().map_or(usize::MAX, |file| file.index() as usize);
        let Some(Some(target)) = self.targets.get(index) else { return Ok(()) };
        let Some(layout) = target.layout.filter(|_| private.op == Some(Op::Read)) else {
            return Ok(());
        };
        let settings = &self.settings;
        let start = slot as usize * settings.metadata as usize;
        let data = &unit.buf()[..private.covered as usize];
        let tags =
            Tags { app: settings.apptag, app_mask: settings.apptag_mask, check: settings.pi_check };
        private.fault = layout.check(data, &self.metadata[start..], private.lba, tags);
        private.fault.map_or(Ok(()), |_| Err(libc::EILSEQ))
    }

    fn is_gone(&self, io: &Request) -> bool {
        let index = io.file().map_or(usize::MAX, |file| file.index() as usize);
        self.targets.get(index).and_then(Option::as_ref).is_none_or(|target| target.node.is_gone())
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
    fn completed(&mut self, mut unit: Unit, answer: Answered, reaped: &mut Reaped<'_>) {
        // SAFETY: the unit is ours until it is handed back below, and none is taken without private
        // memory.
        let private = unsafe { private_of(&unit) };
        let res = answer.cqe.res;
        if private.op == Some(Op::DatasetManagement) {
            return self.trimmed(unit, res, reaped);
        }
        self.core.in_flight -= 1;
        let mut done = Ok(private.covered);
        if let Some(slot) = private.slot.take() {
            if res == 0 && self.settings.pi_check != 0 {
                done = self.check(&unit, private, slot).map(|()| private.covered);
            }
            self.free_slots.push(slot);
        }
        match (res, done) {
            (0, Ok(done)) if done == unit.len() => reaped.push_all(unit),
            (0, done) => reaped.push(unit, done),
            (res, _) => {
                let (errno, vendor_status) = self.errno_of(&unit, res);
                unit.set_vendor_status(vendor_status);
                reaped.push(unit, Err(errno));
            }
        }
    }

    #[inline(always)]
    fn completions(&self, requests: u32) -> u32 {
        if self.trims.share() {
            requests.min(1)
        } else {
            requests
        }
    }

    fn taken_back(&mut self, unit: Unit, errno: Errno, reaped: &mut Reaped<'_>) {
        // SAFETY: as in completed().
        let private = unsafe { private_of(&unit) };
        self.trims.back(!private.next.is_null());
        if let Some(slot) = private.slot.take() {
            self.free_slots.push(slot);
        }
        self.finish_chain(unit, Err((errno, 0)), reaped);
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
