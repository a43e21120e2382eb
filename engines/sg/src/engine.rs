//! The engine: its targets, the taking of requests, and their words.
//!
//! Runs on the worker's thread. A request to a block device is one SG_IO and ends here; one to
//! /dev/sgN goes on in `flight`. Commands live in the private memory of their requests: a request
//! costs no allocation and no lock.

use crate::block_device::execute;
use crate::cdb::Transfer;
use crate::device::{measure, Device};
use crate::flight::Flight;
use crate::header::Packet;
use crate::identify::{self, Identity};
use crate::node::Kind;
use crate::options::{Settings, OPTIONS};
use crate::outcome::{judge, tell, words, Verdict};
use crate::request::{arm_unmap, done, packet_of, prepare, range};
use crate::sense::Sense;
use iodyno_engine_api::abi::*;
use iodyno_engine_api::engine::{
    CancelFn, CapsFn, DetailsFn, ExtensionFn, FileFn, OpenFn, PlainFn, ReapFn,
};
use iodyno_engine_api::host::Level;
use iodyno_engine_api::{Answer, Caps, Engine, Error, Failed, File, Host, Io, Job, Opened};
use iodyno_engine_support::errno::Errno;
use std::ffi::CStr;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

const OPS: u64 = 1 << IOE_OP_READ
    | 1 << IOE_OP_WRITE
    | 1 << IOE_OP_TRIM
    | 1 << IOE_OP_FSYNC
    | 1 << IOE_OP_FDATASYNC
    | 1 << IOE_OP_SYNC_RANGE
    | 1 << IOE_OP_WRITE_ZEROES;
/// A command is sent again so often when the device had something to say first: a reset and what
/// came of it are several things. As often as the kernel does for a disk.
pub(crate) const RETRIES_MAX: u32 = 5;

/// One warning of an `iodepth` in vain is enough for all workers of a process.
static TOLD_OF_DEPTH: AtomicBool = AtomicBool::new(false);

/// How a command ended: bytes done, or errno and vendor status.
pub(crate) type Settled = Result<u64, (Errno, u32)>;

/// An instance.
pub(crate) struct Sg {
    pub(crate) host: Host,
    settings: Settings,
    pub(crate) depth: usize,
    direct: bool,
    max_bs: u64,
    op_mask: u32,
    /// By the file's index.
    pub(crate) devices: Vec<Option<Box<Device>>>,
    pub(crate) flight: Flight,
}

impl Engine for Sg {
    const NAME: &'static CStr = c"sg";
    const HELP: &'static CStr = c"SCSI commands through /dev/sgN or the ioctl SG_IO";
    const FLAGS: u64 = IOE_F_RAW | IOE_F_NOEXTEND;
    const OPTIONS: &'static [&'static ioe_option] = OPTIONS;
    const IO_PRIVATE_SIZE: u32 = size_of::<Packet>() as u32;
    const GET_CAPS: Option<CapsFn<Self>> = Some(Self::get_caps);
    const OPEN_FILE: Option<OpenFn<Self>> = Some(Self::open_file);
    const CLOSE_FILE: Option<FileFn<Self>> = Some(Self::close_file);
    const GET_FILE_SIZE: Option<FileFn<Self>> = Some(Self::get_file_size);
    const COMMIT: Option<PlainFn<Self>> = Some(Self::commit);
    const GETEVENTS: Option<ReapFn<Self>> = Some(Self::getevents);
    const CANCEL: Option<CancelFn<Self>> = Some(Self::cancel);
    const TERMINATE: bool = true;
    const ERRDETAILS: Option<DetailsFn<Self>> = Some(Self::errdetails);
    const EXTENSION: Option<ExtensionFn> = Some(identify::extension);

    fn init(host: Host, job: &Job) -> Result<Self, Error> {
        let settings = Settings::read(job)?;
        let depth = job.iodepth().max(1) as usize;
        Ok(Sg {
            flight: Flight::new(&host, depth)?,
            host,
            settings,
            depth,
            direct: job.direct(),
            max_bs: job.max_bs(),
            op_mask: job.op_mask(),
            devices: Vec::new(),
        })
    }

    #[inline]
    fn queue<'a>(&mut self, io: Io<'a>) -> Answer<'a> {
        let index = io.file().map_or(usize::MAX, |file| file.index() as usize);
        let Some(Some(device)) = self.devices.get(index) else {
            return io.finish(Err(libc::EBADF));
        };
        if io.private().is_null() {
            return io.finish(Err(libc::EFAULT));
        }
        let is_char = device.node.kind == Kind::Char;
        if is_char && self.flight.len() >= self.depth {
            return io.busy();
        }
        // SAFETY: the request is ours for the length of this call, and this is the one reference.
        let packet = unsafe { packet_of(io.as_ptr()) };
        packet.clear();
        let prepared = match io.op() {
            IOE_OP_TRIM if is_char => match prepare_trim(&io, device, packet) {
                Ok(_) => return self.flight.take_trim(io),
                Err(early) => Err(early),
            },
            IOE_OP_TRIM => prepare_trim(&io, device, packet).map(|(lba, blocks)| {
                let limits = device.unmap;
                self.flight.list.clear();
                self.flight.list.add(lba, blocks, limits);
                arm_unmap(packet, self.flight.list.finish());
            }),
            _ => prepare(&io, device, packet, &self.settings, self.direct),
        };
        match prepared {
            Err(early) => io.finish(early),
            Ok(()) if is_char => self.submit(io, index, packet),
            Ok(()) => self.execute(io, index, packet),
        }
    }
}

/// As much of a trim as a command of the device may cover: first block and number of blocks.
fn prepare_trim(
    io: &Io<'_>,
    device: &Device,
    packet: &mut Packet,
) -> Result<(u64, u64), Result<u64, Errno>> {
    let (lba, blocks) = range(io, device)?;
    let blocks = blocks.min(device.unmap.blocks);
    packet.covered = blocks * u64::from(device.capacity.block_bytes);
    Ok((lba, blocks))
}

impl Sg {
    fn get_caps(&mut self, caps: &mut Caps<'_>) -> Result<(), Error> {
        caps.set_ops(OPS);
        Ok(())
    }

    /// What the device of a file calls itself.
    pub(crate) fn identity(&self, index: u32) -> Option<&Identity> {
        self.devices.get(index as usize)?.as_ref().map(|device| &device.identity)
    }

    fn open_file(&mut self, file: &mut File<'_>) -> Result<Opened, Error> {
        let device = Device::open(file, &self.settings, self.depth)?;
        self.check_size(&device)?;
        let is_in_vain = device.node.kind == Kind::Block && self.depth > 1;
        if is_in_vain && !TOLD_OF_DEPTH.swap(true, Ordering::Relaxed) {
            let words = format!(
                "{}: SG_IO is one command at a time, whatever iodepth says; the disk's node \
                 /dev/sgN takes {} at once",
                device.node.name, self.depth
            );
            self.host.log(Level::Warn, &words);
        }
        file.set_fd(device.fd());
        let index = file.index() as usize;
        if self.devices.len() <= index {
            self.devices.resize_with(index + 1, || None);
        }
        self.devices[index] = Some(Box::new(device));
        self.flight.watch(&self.devices);
        Ok(Opened::ByEngine)
    }

    /// A request that no command of this device can carry is refused before the first.
    fn check_size(&self, device: &Device) -> Result<(), Error> {
        let (reads, writes) = (1 << IOE_OP_READ, 1 << IOE_OP_WRITE);
        let writes_little =
            matches!(device.write, Transfer::WriteSame { .. } | Transfer::Verify { bytchk: 0 | 3 });
        let carrying = if writes_little { reads } else { reads | writes };
        match device.node.transfer_max() {
            Some(max) if self.op_mask & carrying != 0 && self.max_bs > max => {
                let words = format!(
                    "{}: bs of {} bytes: a command to this device transfers {max} bytes at most \
                     (lower bs)",
                    device.node.name, self.max_bs
                );
                Err(Error::new(libc::EINVAL, words))
            }
            _ => Ok(()),
        }
    }

    fn close_file(&mut self, file: &mut File<'_>) -> Result<(), Error> {
        let slot = self.devices.get_mut(file.index() as usize);
        let Some(mut device) = slot.and_then(Option::take) else { return Ok(()) };
        self.flight.watch(&self.devices);
        file.set_fd(-1);
        for note in device.last_words() {
            self.host.log(Level::Warn, &note);
        }
        Ok(())
    }

    fn get_file_size(&mut self, file: &mut File<'_>) -> Result<(), Error> {
        let open = self.devices.get(file.index() as usize).and_then(Option::as_ref);
        let capacity = match open {
            Some(device) => device.capacity,
            None => measure(file)?,
        };
        file.set_size(capacity.bytes(), capacity.block_bytes);
        Ok(())
    }

    /// Sends a command to a block device and waits for its end.
    fn execute<'a>(&mut self, mut io: Io<'a>, index: usize, packet: &mut Packet) -> Answer<'a> {
        let settled = loop {
            let fd = self.devices[index].as_ref().map_or(-1, |device| device.fd());
            // SAFETY: queue() armed it, in the request's private memory, which does not move; its
            // data is the request's buffer, or the list, which nobody touches during the call.
            if let Err(errno) = unsafe { execute(fd, packet) } {
                packet.call_errno = errno;
                break Err((errno, 0));
            }
            if let Some(settled) = self.settle(index, packet) {
                break settled;
            }
        };
        match settled {
            Ok(done) => io.finish(Ok(done)),
            Err((errno, vendor_status)) => {
                io.set_vendor_status(vendor_status);
                io.finish(Err(errno))
            }
        }
    }

    /// How a command ended; `None`: it is to be sent again.
    #[inline]
    pub(crate) fn settle(&mut self, index: usize, packet: &mut Packet) -> Option<Settled> {
        let device = self.devices[index].as_mut()?;
        let block_bytes = device.capacity.block_bytes;
        let all = |packet: &Packet| Some(done(packet, block_bytes).map_err(|errno| (errno, 0)));
        if packet.hdr.is_plain() {
            return all(packet);
        }
        match judge(packet) {
            Verdict::Good => all(packet),
            Verdict::Recovered => {
                device.told.recovered += 1;
                if device.told.recovered == 1 {
                    device.told.first_recovered = words(packet);
                }
                all(packet)
            }
            Verdict::Again(sense) if packet.retries < RETRIES_MAX => {
                packet.retries += 1;
                self.note_attention(index, &sense);
                None
            }
            Verdict::Again(sense) => Some(Err((libc::EIO, sense.status()))),
            // The kernel has no word of its own for what a device that was removed cuts off.
            Verdict::Failed { errno, vendor_status } => match packet.hdr.host_status {
                1.. if device.node.is_gone() => Some(Err((libc::ENODEV, vendor_status))),
                _ => Some(Err((errno, vendor_status))),
            },
        }
    }

    #[cold]
    fn note_attention(&mut self, index: usize, sense: &Sense) {
        let Some(Some(device)) = self.devices.get_mut(index) else { return };
        device.told.attentions += 1;
        if device.told.attentions == 1 {
            let words = format!("{}: {sense}; the command is sent again", device.node.name);
            self.host.log(Level::Warn, &words);
        }
    }

    fn errdetails(&mut self, io: &Failed<'_>, out: &mut dyn fmt::Write) -> fmt::Result {
        let index = io.file().map_or(usize::MAX, |file| file.index() as usize);
        let device = self.devices.get(index).and_then(Option::as_ref);
        let Some(device) = device.filter(|_| !io.private().is_null()) else {
            return out.write_str("its device is not open");
        };
        // SAFETY: the request was handed back and not yet used again: nobody has its packet.
        let packet = unsafe { packet_of(io.as_ptr()) };
        if packet.hdr.cmd_len > 0 {
            tell(packet, out)?;
            let is_gone = io.error() == libc::ENODEV && device.node.is_gone();
            return out.write_str(if is_gone { "; the device was removed" } else { "" });
        }
        let block_bytes = device.capacity.block_bytes;
        match io.error() {
            libc::EINVAL => write!(
                out,
                "no command was sent: offset and length have to be multiples of the device's \
                 blocks of {block_bytes} bytes"
            ),
            libc::ENOSPC => {
                let bytes = device.capacity.bytes();
                write!(out, "no command was sent: the device ends after {bytes} bytes")
            }
            libc::EOPNOTSUPP => out.write_str("engine sg has no command for this operation"),
            errno => write!(out, "{}", std::io::Error::from_raw_os_error(errno)),
        }
    }
}
