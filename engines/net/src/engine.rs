//! The engine: one connection for each instance, opened with its target, and requests over it.
//!
//! Runs on the worker's thread and answers Completed to everything. What the job asks for was
//! judged by `options`, the connection is `link`'s. Must not allocate after `open_file`.

use crate::link::{self, Link};
use crate::options::{Protocol, Settings, OPTIONS};
use crate::wake::Waker;
use iodyno_engine_api::abi::*;
use iodyno_engine_api::engine::{CapsFn, DetailsFn, ExtensionFn, FileFn, OpenFn};
use iodyno_engine_api::{vtable, Answer, Caps, Engine, Error, Failed, File, Host, Io, Job, Opened};
use std::ffi::{c_void, CStr, CString, OsStr};
use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// An instance.
pub(crate) struct Net {
    settings: Settings,
    host: Host,
    waker: Waker,
    max_bs: usize,
    link: Option<Link>,
}

/// Bit per operation that [`Engine::queue`] below knows.
const OPS: u64 = 1 << IOE_OP_READ | 1 << IOE_OP_WRITE;

/// Bytes of a datagram at most, beside the heads of UDP and, over IPv4, of IP.
const UDP_MAX: u64 = 65_507;
const UDPV6_MAX: u64 = 65_527;

impl Engine for Net {
    const NAME: &'static CStr = c"net";
    const HELP: &'static CStr = c"sockets: TCP, UDP, unix; a job sends or receives";
    const FLAGS: u64 = IOE_F_SYNC | IOE_F_DISKLESS | IOE_F_UNIDIR | IOE_F_PIPE;
    const OPTIONS: &'static [&'static ioe_option] = OPTIONS;
    const GET_CAPS: Option<CapsFn<Self>> = Some(Self::get_caps);
    const OPEN_FILE: Option<OpenFn<Self>> = Some(Self::open_file);
    const CLOSE_FILE: Option<FileFn<Self>> = Some(Self::close_file);
    const TERMINATE: bool = true;
    const ERRDETAILS: Option<DetailsFn<Self>> = Some(Self::errdetails);
    const EXTENSION: Option<ExtensionFn> = Some(extension);

    fn init(host: Host, job: &Job) -> Result<Self, Error> {
        let settings = Settings::of(job)?;
        let waker = Waker::new(&host)?;
        Ok(Net { settings, host, waker, max_bs: job.max_bs() as usize, link: None })
    }

    #[inline]
    fn queue<'a>(&mut self, mut io: Io<'a>) -> Answer<'a> {
        let result = match (io.op(), &mut self.link) {
            (IOE_OP_READ, Some(link)) if !self.settings.writes => link.read(io.buf_mut()),
            (IOE_OP_WRITE, Some(link)) if self.settings.writes => link.write(io.buf()),
            (IOE_OP_READ | IOE_OP_WRITE, Some(_)) => Err(libc::EBADF),
            (IOE_OP_READ | IOE_OP_WRITE, None) => Err(libc::ENOTCONN),
            _ => Err(libc::EOPNOTSUPP),
        };
        io.finish(result)
    }
}

impl Net {
    fn get_caps(&mut self, caps: &mut Caps<'_>) -> Result<(), Error> {
        caps.set_ops(OPS);
        match self.settings.protocol {
            Protocol::Udp => caps.set_max_transfer(UDP_MAX),
            Protocol::Udpv6 => caps.set_max_transfer(UDPV6_MAX),
            Protocol::Tcp | Protocol::Tcpv6 | Protocol::Unix => {}
        }
        Ok(())
    }

    /// Makes the connection. The target's name is the path of a unix socket, else it says nothing.
    fn open_file(&mut self, file: &mut File<'_>) -> Result<Opened, Error> {
        if self.link.is_some() {
            let words = "a job of net has one connection (numjobs=N makes N of them)";
            return Err(Error::new(libc::EINVAL, words));
        }
        let target = Path::new(OsStr::from_bytes(file.name().to_bytes()));
        let link = Link::new(&self.settings, target, self.max_bs, &self.host, &self.waker)?;
        file.set_fd(link.raw_fd());
        self.link = Some(link);
        Ok(Opened::ByEngine)
    }

    fn close_file(&mut self, file: &mut File<'_>) -> Result<(), Error> {
        file.set_fd(-1);
        if let Some(link) = self.link.take() {
            link.close(&self.waker);
        }
        Ok(())
    }

    fn errdetails(&mut self, failed: &Failed<'_>, out: &mut dyn Write) -> std::fmt::Result {
        let errno = failed.error();
        match link::words(errno) {
            "" => write!(out, "{}", std::io::Error::from_raw_os_error(errno)),
            words => out.write_str(words),
        }
    }

    /// What the report says of the connection.
    fn facts(&self) -> Vec<(&'static CStr, String)> {
        let Some(link) = &self.link else { return Vec::new() };
        let role = if self.settings.listens { "listener" } else { "connector" };
        let (own, peer) = link.ends();
        vec![
            (c"protocol", self.settings.protocol.name().to_owned()),
            (c"role", role.to_owned()),
            (c"local", own),
            (c"peer", peer),
        ]
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

unsafe extern "C" fn identify(
    inst: *mut c_void,
    _file: *mut ioe_file,
    sink: *mut c_void,
    put: ioe_put_fn,
) -> ioe_status {
    // SAFETY: the host hands its own instance of this engine to the table that it got from it, on
    // the job's thread and outside of other callbacks, as the ABI says of extensions.
    let facts =
        unsafe { vtable::enter::<Net, _>(inst, "identify", Vec::new(), |net, _| net.facts()) };
    for (key, value) in facts {
        let Ok(value) = CString::new(value) else { continue };
        if let Some(put) = put {
            // SAFETY: the host's own function with the sink that came beside it, and two C strings
            // that live across the call.
            unsafe { put(sink, key.as_ptr(), value.as_ptr()) };
        }
    }
    0
}
