//! Files that the ring knows by number (option registerfiles), so that a request needs no look-up.
//!
//! A file gets its place when it is opened, carries it in its `engine_data`, and is registered
//! under it with its first request, because only then its descriptor is there. Closing takes it
//! back, so files may come and go during the run.

use super::kernel::{Update, REGISTER_FILES, REGISTER_FILES_UPDATE, SQE_FIXED_FILE};
use super::ring::{Completion, Ring, Submission};
use crate::errno::Errno;
use iodyno_engine_api::host::Level;
use iodyno_engine_api::{File, Host, Request};
use std::ffi::c_void;

/// Places that a table has at least, so that files that are opened later find one.
const PLACES_MIN: u64 = 1024;

/// Whether files are to be registered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Registering {
    /// They are not.
    #[default]
    Off,
    /// As many as can be; the others are used without, and nobody is told.
    IfPossible,
    /// All of them; what cannot be is told.
    On,
}

/// The files of an instance.
#[derive(Debug, Default)]
pub struct Files {
    wanted: Registering,
    /// By place: the descriptor that is registered there, or -1.
    fds: Vec<i32>,
    free: Vec<u32>,
    /// Places that the kernel's table has; 0 before `start`.
    table: u32,
    told: bool,
}

impl Files {
    /// None yet; `wanted`: they are to be registered.
    pub fn new(wanted: Registering) -> Files {
        Files { wanted, ..Files::default() }
    }

    /// Gives a file its place.
    pub fn opened(&mut self, file: &mut File<'_>) {
        if self.wanted == Registering::Off || !file.private().is_null() {
            return;
        }
        let place = self.free.pop().unwrap_or_else(|| {
            self.fds.push(-1);
            self.fds.len() as u32 - 1
        });
        file.set_private((place as usize + 1) as *mut c_void);
    }

    /// Takes it back.
    pub fn closed<S: Submission, C: Completion>(&mut self, ring: &Ring<S, C>, file: &mut File<'_>) {
        let Some(place) = (file.private() as usize).checked_sub(1) else { return };
        file.set_private(std::ptr::null_mut());
        if self.fds[place] >= 0 {
            let _ = update(ring, place as u32, -1); // the ring's end would do the same
            self.fds[place] = -1;
        }
        self.free.push(place as u32);
    }

    /// Makes the kernel's table.
    pub fn start<S: Submission, C: Completion>(&mut self, ring: &Ring<S, C>) -> Result<(), Errno> {
        if self.wanted == Registering::Off || self.table > 0 {
            return Ok(());
        }
        let least = if self.wanted == Registering::On { PLACES_MIN } else { 1 };
        let asked = (self.fds.len() as u64).next_power_of_two().max(least);
        let places = asked.min(descriptors_max()).min(1 << 15) as u32;
        let empty = vec![-1_i32; places as usize];
        // SAFETY: so many descriptors, read during the call.
        match unsafe { ring.register(REGISTER_FILES, empty.as_ptr().cast(), places) } {
            Ok(_) => self.table = places,
            Err(_) if self.wanted == Registering::IfPossible => self.wanted = Registering::Off,
            Err(errno) => return Err(errno),
        }
        Ok(())
    }

    /// How an entry names the request's file: number and flag.
    #[inline(always)]
    pub fn name<S: Submission, C: Completion>(
        &mut self,
        ring: &Ring<S, C>,
        host: &Host,
        io: &Request,
    ) -> (i32, u8) {
        if self.wanted == Registering::Off {
            return (io.fd(), 0);
        }
        let Some(file) = io.file() else { return (-1, 0) };
        let (fd, private) = (file.fd(), file.private() as usize);
        match private.checked_sub(1).filter(|place| *place < self.table as usize) {
            Some(place) if self.fds[place] == fd && fd >= 0 => (place as i32, SQE_FIXED_FILE),
            Some(place) if fd >= 0 => self.register(ring, host, place, fd),
            _ => self.unregistered(host, fd, libc::ENFILE),
        }
    }

    #[cold]
    fn register<S: Submission, C: Completion>(
        &mut self,
        ring: &Ring<S, C>,
        host: &Host,
        place: usize,
        fd: i32,
    ) -> (i32, u8) {
        match update(ring, place as u32, fd) {
            Ok(()) => {
                self.fds[place] = fd;
                (place as i32, SQE_FIXED_FILE)
            }
            Err(errno) => {
                if self.wanted == Registering::IfPossible {
                    self.wanted = Registering::Off; // or each request would try again
                }
                self.unregistered(host, fd, errno)
            }
        }
    }

    /// The file is used as it is; said once.
    #[cold]
    fn unregistered(&mut self, host: &Host, fd: i32, errno: Errno) -> (i32, u8) {
        let is_asked_for = self.wanted == Registering::On;
        if fd >= 0 && is_asked_for && !std::mem::replace(&mut self.told, true) {
            let why = std::io::Error::from_raw_os_error(errno);
            let places = self.table;
            let words = format!(
                "registerfiles: not all files can be registered ({why}; the table has {places} \
                 places): the others are used without"
            );
            host.log(Level::Warn, &words);
        }
        (fd, 0)
    }
}

/// Puts a descriptor, or -1, into a place of the kernel's table.
fn update<S: Submission, C: Completion>(
    ring: &Ring<S, C>,
    place: u32,
    fd: i32,
) -> Result<(), Errno> {
    let update = Update { offset: place, resv: 0, data: (&raw const fd) as u64 };
    // SAFETY: one Update, whose data points to one descriptor; both are read during the call.
    unsafe { ring.register(REGISTER_FILES_UPDATE, (&raw const update).cast(), 1) }.map(drop)
}

/// RLIMIT_NOFILE, above which the kernel makes no table.
fn descriptors_max() -> u64 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: an rlimit to write to.
    match unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) } {
        0 => limit.rlim_cur,
        _ => PLACES_MIN,
    }
}
