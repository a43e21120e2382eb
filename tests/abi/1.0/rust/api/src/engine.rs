//! The trait that an engine in Rust implements.
//!
//! `vtable` turns an implementation into an `ioe_ops` table. What is optional in the ABI is an
//! associated constant here, `None` by default, and `None` becomes a null pointer: the host sees
//! the truth about what the engine has. An engine never sees a raw pointer of the host's unless it
//! asks for one.

use crate::abi::ioe_option;
use crate::error::Error;
use crate::file::{Caps, File, Opened};
use crate::host::{Host, Job};
use crate::io::{Answer, Failed, Io, Request};
use crate::unit::{Cancel, Reaped, Wait};
use core::ffi::{c_void, CStr};
use core::fmt;

/// `get_caps`: says what this instance really is.
pub type CapsFn<E> = fn(&mut E, &mut Caps<'_>) -> Result<(), Error>;
/// `open_file`.
pub type OpenFn<E> = fn(&mut E, &mut File<'_>) -> Result<Opened, Error>;
/// `close_file` and `get_file_size`.
pub type FileFn<E> = fn(&mut E, &mut File<'_>) -> Result<(), Error>;
/// `io_init` and `prep`.
pub type RequestFn<E> = fn(&mut E, &Request) -> Result<(), Error>;
/// `io_free`.
pub type FreeFn<E> = fn(&mut E, &Request);
/// `start` and `commit`.
pub type PlainFn<E> = fn(&mut E) -> Result<(), Error>;
/// `getevents`: pushes what has ended into [`Reaped`].
pub type ReapFn<E> = fn(&mut E, Wait, &mut Reaped<'_>) -> Result<(), Error>;
/// `cancel`: the request is named, not given; a [`Cancel::Canceled`] gives its unit back.
pub type CancelFn<E> = fn(&mut E, &Request) -> Result<Cancel, Error>;
/// `errdetails`: writes words for a failed request; what does not fit is cut.
pub type DetailsFn<E> = fn(&mut E, &Failed<'_>, &mut dyn fmt::Write) -> fmt::Result;
/// `get_extension`: a table that lives for ever, or null; called without an instance too.
pub type ExtensionFn = fn(&CStr) -> *const c_void;

/// An engine. One value is one instance: one worker's, used from that worker's thread alone.
///
/// Dropping the value is the ABI's `cleanup`. A panic in any callback is caught: the call answers
/// -EIO (a `queue` that had kept its request: Queued, since the engine still has it), every later
/// one -EIO, and the value is leaked with whatever threads of its own it has.
pub trait Engine: Sized + 'static {
    /// `[a-z0-9_-]{1,32}`, as in `ioengine = NAME`.
    const NAME: &'static CStr;
    /// One line.
    const HELP: &'static CStr;
    /// `IOE_F_*`. Without `IOE_F_SYNC`, [`Engine::GETEVENTS`] is required (checked when compiling).
    const FLAGS: u64;
    /// Option table; see [`Opt`](crate::Opt).
    const OPTIONS: &'static [&'static ioe_option] = &[];
    /// Bytes of [`Request::private`] that each unit is to carry.
    const IO_PRIVATE_SIZE: u32 = 0;

    /// Says what this instance is, where that depends on its options.
    const GET_CAPS: Option<CapsFn<Self>> = None;
    /// Opens a target. Absent: the host opens the path.
    const OPEN_FILE: Option<OpenFn<Self>> = None;
    /// Closes what [`Engine::OPEN_FILE`] opened.
    const CLOSE_FILE: Option<FileFn<Self>> = None;
    /// Fills in size and block size. Absent: the host asks the kernel.
    const GET_FILE_SIZE: Option<FileFn<Self>> = None;
    /// Once for each unit before the start.
    const IO_INIT: Option<RequestFn<Self>> = None;
    /// Once for each unit after the end.
    const IO_FREE: Option<FreeFn<Self>> = None;
    /// All files are open, all units made: the place to register them with a kernel.
    const START: Option<PlainFn<Self>> = None;
    /// Before each `queue`, also after Busy and before a continuation: must be repeatable.
    const PREP: Option<RequestFn<Self>> = None;
    /// Submits what `queue` kept.
    const COMMIT: Option<PlainFn<Self>> = None;
    /// Hands back what has ended.
    const GETEVENTS: Option<ReapFn<Self>> = None;
    /// Takes a unit back before it ended.
    const CANCEL: Option<CancelFn<Self>> = None;
    /// Whether a wait of this engine can be interrupted: `Host::take_interrupt` answers true once
    /// and the closure given to `Host::on_terminate` runs, both on another thread's call.
    const TERMINATE: bool = false;
    /// Words for a request that ended with an error or a vendor status.
    const ERRDETAILS: Option<DetailsFn<Self>> = None;
    /// Extensions by id.
    const EXTENSION: Option<ExtensionFn> = None;

    /// Makes an instance for a job.
    fn init(host: Host, job: &Job) -> Result<Self, Error>;

    /// Does or takes one request. The [`Answer`] comes from `io` itself: whoever has no answer yet
    /// keeps a [`Unit`](crate::Unit) by [`Io::keep`].
    fn queue<'a>(&mut self, io: Io<'a>) -> Answer<'a>;
}
