//! acme-sg: ACME's engine for iodyno. It sends SCSI commands to a disk by SG_IO, tells the report
//! what the disk says of itself, and explains errors as ACME's manual does.
//!
//! This file is what iodyno calls; `device` opens a disk, `scsi` sends a command. One value of
//! [`AcmeSg`] is one instance, used by one thread. After `open_file` nothing allocates or prints.

mod device;
mod scsi;
#[cfg(test)]
mod tests;

use device::Device;
use iodyno_engine_api::abi::*;
use iodyno_engine_api::engine::{CapsFn, DetailsFn, ExtensionFn, FileFn, OpenFn};
use iodyno_engine_api::{vtable, Answer, Caps, Engine, Error, Failed, File, Host, Io, Job};
use iodyno_engine_api::{Opened, Opt};
use scsi::{again, Command, Data, Failure};
use std::ffi::{c_void, CStr, CString};
use std::fmt;
use std::os::fd::AsRawFd;

iodyno_engine_api::export_plugin! {
    id: "example.acme.sg", // reverse DNS of a domain that is yours: acme.example
    vendor: "ACME",
    version: env!("CARGO_PKG_VERSION"),
    license: env!("CARGO_PKG_LICENSE"),
    url: env!("CARGO_PKG_REPOSITORY"),
    engines: [AcmeSg],
}

const READ_16: u8 = 0x88;
const WRITE_16: u8 = 0x8a;
const SYNCHRONIZE_CACHE_16: u8 = 0x91;
/// What ACME's adapter takes in one command.
const TRANSFER_MAX: u64 = 1 << 20;

struct AcmeSg {
    log_page: u8,
    retries: u64,
    /// By the file's number; `None` while it is closed.
    devices: Vec<Option<Device>>,
}

impl Engine for AcmeSg {
    const NAME: &'static CStr = c"acme-sg";
    const HELP: &'static CStr = c"SCSI commands to ACME disks, /dev/sgN or /dev/sdX";
    const FLAGS: u64 = IOE_F_SYNC | IOE_F_RAW | IOE_F_NOEXTEND;
    const OPTIONS: &'static [&'static ioe_option] = &[
        &Opt::uint(c"acme_log_page", c"log page for the report; 0 = none")
            .default(c"13") // temperature; ACME's own would be one of 48 to 62
            .range(0, 0x3f)
            .build(),
        &Opt::uint(c"acme_retries", c"how often to repeat what a reset or the bus has spoilt")
            .default(c"3")
            .range(0, 100)
            .build(),
    ];
    /// How a request failed, for the words that `errdetails` is asked for later.
    const IO_PRIVATE_SIZE: u32 = size_of::<Failure>() as u32;
    const GET_CAPS: Option<CapsFn<Self>> = Some(Self::get_caps);
    const OPEN_FILE: Option<OpenFn<Self>> = Some(Self::open_file);
    const GET_FILE_SIZE: Option<FileFn<Self>> = Some(Self::get_file_size);
    const CLOSE_FILE: Option<FileFn<Self>> = Some(Self::close_file);
    const ERRDETAILS: Option<DetailsFn<Self>> = Some(Self::errdetails);
    const EXTENSION: Option<ExtensionFn> = Some(extension);

    fn init(_host: Host, job: &Job) -> Result<Self, Error> {
        Ok(AcmeSg {
            log_page: job.uint("acme_log_page")?.unwrap_or(0) as u8, // 0x3f at most
            retries: job.uint("acme_retries")?.unwrap_or(0),
            devices: Vec::new(),
        })
    }

    fn queue<'a>(&mut self, mut io: Io<'a>) -> Answer<'a> {
        let result = self.perform(&mut io);
        if let Err(failure) = result {
            // SAFETY: IO_PRIVATE_SIZE bytes, 64-byte aligned, this request's alone; a Failure is
            // plain data, and errdetails() reads nothing else there.
            unsafe { io.private().cast::<Failure>().write(failure) };
            io.set_vendor_status(failure.vendor_status());
        }
        io.finish(result.map_err(|failure| failure.as_errno()))
    }
}

impl AcmeSg {
    fn get_caps(&mut self, caps: &mut Caps<'_>) -> Result<(), Error> {
        let transfers = 1 << IOE_OP_READ | 1 << IOE_OP_WRITE;
        caps.set_ops(transfers | 1 << IOE_OP_FSYNC | 1 << IOE_OP_FDATASYNC);
        caps.set_max_transfer(TRANSFER_MAX);
        Ok(())
    }

    fn open_file(&mut self, file: &mut File<'_>) -> Result<Opened, Error> {
        let (device, index) = (Device::open(file, self.log_page)?, file.index() as usize);
        file.set_fd(device.fd.as_raw_fd());
        if self.devices.len() <= index {
            self.devices.resize_with(index + 1, || None);
        }
        self.devices[index] = Some(device);
        Ok(Opened::ByEngine)
    }

    fn get_file_size(&mut self, file: &mut File<'_>) -> Result<(), Error> {
        let device = match self.devices.get(file.index() as usize) {
            Some(Some(device)) => device,
            _ => &Device::open(file, 0)?, // asked for before it is opened
        };
        file.set_size(device.blocks * u64::from(device.block_bytes), device.block_bytes);
        Ok(())
    }

    fn close_file(&mut self, file: &mut File<'_>) -> Result<(), Error> {
        if let Some(device) = self.devices.get_mut(file.index() as usize) {
            *device = None; // closes the descriptor
        }
        file.set_fd(-1);
        Ok(())
    }

    /// One request is one command, sent again where that may help.
    #[inline]
    fn perform(&mut self, io: &mut Io<'_>) -> Result<u64, Failure> {
        let fail = |errno| Err(Failure { errno, ..Failure::default() });
        let index = io.file().map_or(usize::MAX, |file| file.index() as usize);
        let Some(Some(device)) = self.devices.get(index) else { return fail(libc::EBADF) };
        let (fd, fua) = (device.fd.as_raw_fd(), io.flags() & IOE_IO_FUA != 0);
        let opcode = match io.op() {
            IOE_OP_READ => READ_16,
            IOE_OP_WRITE => WRITE_16,
            IOE_OP_FSYNC | IOE_OP_FDATASYNC => {
                let mut command = Command::blocks(SYNCHRONIZE_CACHE_16, false, 0, 0);
                again(self.retries, || command.execute(fd, Data::None))?;
                return Ok(io.len());
            }
            _ => return fail(libc::EOPNOTSUPP),
        };
        let block = u64::from(device.block_bytes);
        if !io.offset().is_multiple_of(block) || !io.len().is_multiple_of(block) {
            return fail(libc::EINVAL);
        }
        // What reaches beyond the disk's end is short; iodyno asks for the rest, and is told.
        let lba = io.offset() / block;
        let blocks = (io.len() / block).min(device.blocks.saturating_sub(lba));
        match (blocks, opcode) {
            (0, READ_16) => return Ok(0),
            (0, _) => return fail(libc::ENOSPC),
            _ => {}
        }
        let bytes = (blocks * block) as usize;
        let mut command = Command::blocks(opcode, fua, lba, blocks as u32); // TRANSFER_MAX
        let done = again(self.retries, || match opcode {
            READ_16 => command.execute(fd, Data::FromDevice(&mut io.buf_mut()[..bytes])),
            _ => command.execute(fd, Data::ToDevice(&io.buf()[..bytes])),
        })? as u64;
        match done - done % block {
            0 if bytes > 0 => fail(libc::EIO), // not the end: the disk kept the data back
            whole => Ok(whole),
        }
    }

    fn errdetails(&mut self, io: &Failed<'_>, out: &mut dyn fmt::Write) -> fmt::Result {
        // SAFETY: zeroed by the host or written by queue(): all zeroes are a Failure, too.
        let failure = unsafe { io.private().cast::<Failure>().read() };
        write!(out, "{failure}") // iodyno has said what failed where
    }
}

static IDENTIFY: ioe_identify_1 = ioe_identify_1 {
    struct_size: size_of::<ioe_identify_1>() as u32,
    reserved: 0,
    get: Some(identify),
};

fn extension(id: &CStr) -> *const c_void {
    match id.to_bytes() {
        b"iodyno.identify/1" => (&raw const IDENTIFY).cast(),
        _ => std::ptr::null(),
    }
}

/// Model, serial, firmware and more, for the report.
unsafe extern "C" fn identify(
    instance: *mut c_void,
    file: *mut ioe_file,
    sink: *mut c_void,
    put: ioe_put_fn,
) -> ioe_status {
    let Some(put) = put else { return -libc::EINVAL };
    // SAFETY: by the ABI the host calls with an instance of this engine, an open file of it, and on
    // its thread; `put` copies the texts before it returns.
    unsafe {
        let index = (*file).index as usize;
        vtable::enter::<AcmeSg, _>(instance, "identify", -libc::EIO, |engine, _| {
            let Some(Some(device)) = engine.devices.get(index) else { return -libc::EBADF };
            for (key, value) in &device.facts {
                let [key, value] = [*key, value].map(|text| CString::new(text).unwrap_or_default());
                put(sink, key.as_ptr(), value.as_ptr());
            }
            0
        })
    }
}
