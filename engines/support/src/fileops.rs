//! Engines whose requests are whole files or directories: one request is one call on one name, so
//! that IOPS are files a second and latencies those of the metadata.
//!
//! An engine is a [`PerFile`] over an [`Action`], which says what is done to a name, and what must
//! be there before. Runs on the worker's thread and answers Completed to everything. Reads and
//! writes are the same to it: a job's direction only says where its requests are counted. Opens
//! nothing and touches no buffer.

pub mod look;
pub mod prepare;
pub mod testing;

use crate::errno::Errno;
use crate::path;
use iodyno_engine_api::abi::*;
use iodyno_engine_api::engine::{CapsFn, DetailsFn, FileFn, OpenFn, PlainFn};
use iodyno_engine_api::{Answer, Caps, Engine, Error, Failed, File, Host, Io, Job, Opened};
use std::ffi::CStr;
use std::fmt;

/// What an engine does to each name.
pub trait Action: Sized + 'static {
    /// The engine's name.
    const NAME: &'static CStr;
    /// One line for people.
    const HELP: &'static CStr;
    /// Beside those that all six have.
    const FLAGS: u64;
    /// The engine's options.
    const OPTIONS: &'static [&'static ioe_option];
    /// The requests make what they name: it must not be there before the start.
    const MAKES: bool;

    /// What the job wants.
    fn new(job: &Job) -> Result<Self, Error>;

    /// Before the start: the name has what the request needs, or gets it.
    fn prepare(&self, name: &CStr, kind: u32) -> Result<(), Error>;

    /// The request.
    fn act(&self, name: &CStr) -> Result<(), Errno>;

    /// The errno of a name that requests of another clone, or of an earlier round, were at.
    const SPENT: Errno;
}

/// Words for a name that is there already.
const IS_THERE: &str = "it was made before: loops and time_based need unlink_each_loop=1, and \
    clones names of their own";
/// Words for a name that is not there.
const IS_GONE: &str =
    "it is not there: loops and time_based need unlink_each_loop=1, and clones names of their own";

/// An instance.
#[derive(Debug)]
pub struct PerFile<A> {
    action: A,
    /// A name that is there although requests are to make it.
    in_the_way: Option<String>,
}

impl<A: Action> Engine for PerFile<A> {
    const NAME: &'static CStr = A::NAME;
    const HELP: &'static CStr = A::HELP;
    const FLAGS: u64 = IOE_F_SYNC | IOE_F_FAKE | IOE_F_PER_FILE | A::FLAGS;
    const OPTIONS: &'static [&'static ioe_option] = A::OPTIONS;
    const GET_CAPS: Option<CapsFn<Self>> = Some(Self::get_caps);
    const OPEN_FILE: Option<OpenFn<Self>> = Some(Self::open_file);
    const CLOSE_FILE: Option<FileFn<Self>> = Some(Self::close_file);
    const START: Option<PlainFn<Self>> = Some(Self::start);
    const ERRDETAILS: Option<DetailsFn<Self>> = Some(Self::errdetails);

    fn init(_host: Host, job: &Job) -> Result<Self, Error> {
        Ok(PerFile { action: A::new(job)?, in_the_way: None })
    }

    #[inline]
    fn queue<'a>(&mut self, io: Io<'a>) -> Answer<'a> {
        let result = match (io.op(), io.file()) {
            (IOE_OP_READ | IOE_OP_WRITE, Some(file)) => self.action.act(file.name()),
            _ => Err(libc::EOPNOTSUPP),
        };
        let len = io.len();
        io.finish(result.map(|()| len))
    }
}

impl<A: Action> PerFile<A> {
    fn get_caps(&mut self, caps: &mut Caps<'_>) -> Result<(), Error> {
        caps.set_ops(1 << IOE_OP_READ | 1 << IOE_OP_WRITE);
        Ok(())
    }

    fn open_file(&mut self, file: &mut File<'_>) -> Result<Opened, Error> {
        let name = file.name();
        self.action.prepare(name, file.kind())?;
        if A::MAKES && self.in_the_way.is_none() && path::lstat(name).is_ok() {
            self.in_the_way = Some(name.to_string_lossy().into_owned());
        }
        Ok(Opened::ByEngine)
    }

    /// Nothing is open; a file that is closed is to be made anew.
    fn close_file(&mut self, _file: &mut File<'_>) -> Result<(), Error> {
        self.in_the_way = None;
        Ok(())
    }

    fn start(&mut self) -> Result<(), Error> {
        match &self.in_the_way {
            None => Ok(()),
            Some(name) => Err(Error::new(
                libc::EEXIST,
                format!(
                    "{name} is there already, and the job is to make it (remove it; with unlink=1 \
                     a job removes what it made)"
                ),
            )),
        }
    }

    fn errdetails(&mut self, failed: &Failed<'_>, out: &mut dyn fmt::Write) -> fmt::Result {
        out.write_str(match failed.error() {
            libc::EEXIST if A::SPENT == libc::EEXIST => IS_THERE,
            libc::ENOENT if A::SPENT == libc::ENOENT => IS_GONE,
            libc::EOPNOTSUPP => "requests on whole files are reads or writes and nothing else",
            libc::ENOTEMPTY => "a directory that holds something stays",
            _ => "",
        })
    }
}
