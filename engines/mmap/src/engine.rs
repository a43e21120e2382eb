//! The engine: judges targets, and serves requests by copies and msync.
//!
//! Runs on the worker's thread and answers Completed to everything. The host opens the targets;
//! what it opened for writing alone is opened once more for both, since a mapping that is stored
//! to is read as well. Must not allocate once the files are open, nor trust a file to keep its
//! size.

use crate::copy::{self, Copier};
use crate::options::{self, OPTIONS};
use crate::windows::{Piece, Place, Windows};
use iodyno_engine_api::abi::*;
use iodyno_engine_api::engine::{CapsFn, DetailsFn, FileFn, OpenFn};
use iodyno_engine_api::{
    Answer, Caps, Engine, Error, Failed, File, Host, Io, Job, Opened, Request,
};
use iodyno_engine_support::errno::{last, retry, Errno};
use iodyno_engine_support::fd;
use iodyno_engine_support::whole::{range_flags, whole, OPS};
use std::ffi::CStr;
use std::fmt;
use std::io::Write as _;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// What a write beyond the end of a file ends with.
const BEYOND: Errno = libc::ENXIO;

/// An instance.
pub(crate) struct Mmap {
    copier: Copier,
    windows: Windows,
    files: Vec<Target>,
    next: usize, // the place of the next file's first window
    page: usize,
}

/// An open file.
#[derive(Debug)]
struct Target {
    place: Place,
    own: Option<OwnedFd>,
    met: bool, // its descriptor is known
    durable: bool,
}

impl Engine for Mmap {
    const NAME: &'static CStr = c"mmap";
    const HELP: &'static CStr = c"copies from and to a mapping of the target; msync";
    const FLAGS: u64 = IOE_F_SYNC | IOE_F_NOEXTEND;
    const OPTIONS: &'static [&'static ioe_option] = OPTIONS;
    const GET_CAPS: Option<CapsFn<Self>> = Some(Self::get_caps);
    const OPEN_FILE: Option<OpenFn<Self>> = Some(Self::open_file);
    const CLOSE_FILE: Option<FileFn<Self>> = Some(Self::close_file);
    const ERRDETAILS: Option<DetailsFn<Self>> = Some(Self::errdetails);

    fn init(_host: Host, job: &Job) -> Result<Self, Error> {
        if job.direct() {
            let words = "direct=1: a mapping is the page cache itself, nothing goes around it";
            return Err(Error::new(libc::EINVAL, words));
        }
        let wishes = options::read(job)?;
        // SAFETY: no memory is handed over.
        let page = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096);
        if wishes.thp {
            try_huge_pages(page)?;
        }
        Ok(Mmap {
            copier: Copier::new(wishes.copy)?,
            windows: Windows::new(wishes, job.max_bs(), page as u64),
            files: Vec::new(),
            next: 0,
            page,
        })
    }

    #[inline]
    fn queue<'a>(&mut self, io: Io<'a>) -> Answer<'a> {
        let result = match io.op() {
            IOE_OP_READ => self.read(&io),
            IOE_OP_WRITE => self.write(&io),
            IOE_OP_FSYNC | IOE_OP_FDATASYNC | IOE_OP_SYNC_RANGE => {
                self.sync(&io).map(|()| io.len())
            }
            _ => whole(&io).map(|()| io.len()),
        };
        io.finish(result)
    }
}

impl Mmap {
    fn get_caps(&mut self, caps: &mut Caps<'_>) -> Result<(), Error> {
        caps.set_ops(OPS);
        Ok(())
    }

    /// The host opens what can be mapped; its descriptor is met with the first request.
    fn open_file(&mut self, file: &mut File<'_>) -> Result<Opened, Error> {
        judge(file)?;
        let index = file.index() as usize;
        while self.files.len() <= index {
            let number = self.files.len() as u32;
            let place = Place { file: number, first: usize::MAX, fd: -1, writable: false, size: 0 };
            self.files.push(Target { place, own: None, met: false, durable: false });
        }
        self.windows.forget(file.index());
        let target = &mut self.files[index];
        if target.place.first == usize::MAX {
            target.place.first = self.next;
            self.next += self.windows.count(file.size());
        }
        target.own = None;
        target.met = false;
        target.durable = file.open_flags() & (IOE_OPEN_SYNC | IOE_OPEN_DSYNC) != 0;
        Ok(Opened::ByHost)
    }

    fn close_file(&mut self, file: &mut File<'_>) -> Result<(), Error> {
        self.windows.forget(file.index());
        if let Some(target) = self.files.get_mut(file.index() as usize) {
            target.own = None;
            target.met = false;
        }
        Ok(())
    }

    #[inline]
    fn read(&mut self, io: &Request) -> Result<u64, Errno> {
        let (offset, len) = (io.offset(), io.len());
        let target = met(&mut self.files, io)?;
        if !target.reach(offset, len)? {
            return Ok(0);
        }
        let piece = self.windows.find(&target.place, offset, len)?;
        // SAFETY: find() gave `len` mapped bytes, no more than the request has room for.
        let done = unsafe { self.copier.out_of(piece.start, io.buf_ptr(), piece.len) }?;
        // Behind the end a page holds zeroes: of what ends with something else, all was there.
        // SAFETY: `done` bytes of the buffer were just written, one at least.
        if done == piece.len && unsafe { *io.buf_ptr().add(done - 1) } != 0 {
            return Ok(done as u64);
        }
        let there = there(&self.copier, &mut self.windows, target, (&piece, offset, done))?;
        if there == done as u64 && done < piece.len && target.place.size > offset + there {
            return again(target, offset + there, there, false);
        }
        Ok(there)
    }

    #[inline]
    fn write(&mut self, io: &Request) -> Result<u64, Errno> {
        let (offset, len) = (io.offset(), io.len());
        let target = met(&mut self.files, io)?;
        if !target.place.writable {
            return Err(libc::EBADF);
        }
        if !target.reach(offset, len)? {
            return if len == 0 { Ok(0) } else { Err(BEYOND) };
        }
        let piece = self.windows.find(&target.place, offset, len)?;
        // SAFETY: find() gave `len` mapped bytes, of a writable file, no more than the request
        // has.
        let done = unsafe { self.copier.put_into(piece.start, io.buf_ptr(), piece.len) }?;
        // What was stored behind the end, in the last page, is lost without a word.
        let there = there(&self.copier, &mut self.windows, target, (&piece, offset, done))?;
        if there == done as u64 && done < piece.len && target.place.size > offset + there {
            return again(target, offset + there, there, true);
        }
        if there == 0 {
            return Err(BEYOND);
        }
        if target.durable || io.flags() & IOE_IO_FUA != 0 {
            // SAFETY: `done` bytes from there on are mapped.
            unsafe { copy::msync(piece.start, done, self.page) }?;
        }
        Ok(there)
    }

    /// One msync where one will do; the descriptor's own sync where it would take several.
    fn sync(&mut self, io: &Request) -> Result<(), Errno> {
        let target = met(&mut self.files, io)?;
        target.place.size = target.size_now()?; // what has grown may have outgrown its window
        let place = &target.place;
        let range = match io.op() {
            IOE_OP_SYNC_RANGE if range_flags(io) & libc::SYNC_FILE_RANGE_WAIT_AFTER == 0 => None,
            IOE_OP_SYNC_RANGE => self.windows.mapped(place, io.offset(), io.len()),
            _ => self.windows.whole(place),
        };
        match range {
            // SAFETY: the range lies in a window that is mapped.
            Some((start, len)) if len > 0 => unsafe { copy::msync(start, len, self.page) },
            _ => whole(io),
        }
    }

    fn errdetails(&mut self, io: &Failed<'_>, out: &mut dyn fmt::Write) -> fmt::Result {
        let index = io.file().map_or(usize::MAX, |file| file.index() as usize);
        let size = self.files.get(index).map_or(0, |target| target.place.size);
        match (io.error(), io.op()) {
            (BEYOND, IOE_OP_WRITE) => {
                write!(out, "the file ends at {size} bytes, and a mapping cannot make it longer")
            }
            (libc::ENOMEM, _) => write!(
                out,
                "no room to map it: no address space (ulimit -v) or too many mappings \
                 (vm.max_map_count); smaller window= or windows= take less"
            ),
            (libc::EIO, IOE_OP_READ | IOE_OP_WRITE) => write!(
                out,
                "the mapping has no page for it: what lies beneath cannot be read, or the file is \
                 cut and grown at this moment"
            ),
            (errno, _) => write!(out, "{}", std::io::Error::from_raw_os_error(errno)),
        }
    }
}

impl Target {
    /// Takes a look at the descriptor that the host has opened meanwhile.
    #[cold]
    fn meet(&mut self, fd: i32) -> Result<(), Errno> {
        // SAFETY: no memory is handed over; a bad descriptor is EBADF.
        let flags = retry(|| unsafe { libc::fcntl(fd, libc::F_GETFL) } as isize)? as i32;
        self.place.fd = fd;
        self.place.writable = flags & libc::O_ACCMODE != libc::O_RDONLY;
        if flags & libc::O_ACCMODE == libc::O_WRONLY {
            let own = reopen(fd)?;
            self.place.fd = own.as_raw_fd();
            self.own = Some(own);
        }
        self.place.size = self.size_now()?;
        self.met = true;
        Ok(())
    }

    /// The file's size, by the cheapest system call that knows it (also a block device's).
    fn size_now(&self) -> Result<u64, Errno> {
        // SAFETY: no memory is handed over. The descriptor's position means nothing to a mapping.
        retry(|| unsafe { libc::lseek(self.place.fd, 0, libc::SEEK_END) } as isize)
    }

    /// Whether anything of the range is there to be mapped, as far as is known; a range that goes
    /// beyond what is known is looked up, since the file may have grown.
    #[inline]
    fn reach(&mut self, offset: u64, len: u64) -> Result<bool, Errno> {
        let end = offset.checked_add(len).filter(|end| i64::try_from(*end).is_ok());
        if end.ok_or(libc::EINVAL)? > self.place.size {
            self.place.size = self.size_now()?;
        }
        Ok(len > 0 && offset < self.place.size)
    }

    /// How much of what was copied lies within the file as it is after the copy.
    fn still_there(&mut self, offset: u64, done: usize) -> Result<u64, Errno> {
        self.place.size = self.size_now()?;
        Ok(self.place.size.saturating_sub(offset).min(done as u64))
    }
}

/// The request's file, its descriptor known.
#[inline]
fn met<'a>(files: &'a mut [Target], io: &Request) -> Result<&'a mut Target, Errno> {
    let file = io.file().ok_or(libc::EBADF)?;
    let target = files.get_mut(file.index() as usize).ok_or(libc::EBADF)?;
    if !target.met {
        target.meet(file.fd())?;
    }
    Ok(target)
}

/// How much of a piece, of which `done` bytes were copied, lies inside the file after the copy. The
/// file's size is looked at only where the piece's witness does not know.
#[inline]
fn there(
    copier: &Copier,
    windows: &mut Windows,
    target: &mut Target,
    (piece, offset, done): (&Piece, u64, usize),
) -> Result<u64, Errno> {
    // SAFETY: the witness is of the window that the piece was just found in.
    if done == piece.len && unsafe { copier.is_inside(windows.witness(piece)) } {
        return Ok(done as u64);
    }
    look(windows, target, (piece, offset, done))
}

#[cold]
fn look(
    windows: &mut Windows,
    target: &mut Target,
    (piece, offset, done): (&Piece, u64, usize),
) -> Result<u64, Errno> {
    let there = target.still_there(offset, done)?;
    windows.judge(piece, there == piece.len as u64);
    Ok(there)
}

/// A copy stopped at `at`, inside the file, after `done` bytes: those are told first, so that the
/// host comes again for the rest. If there are none, system calls that have an errno are asked.
#[cold]
fn again(target: &Target, at: u64, done: u64, write: bool) -> Result<u64, Errno> {
    if done > 0 {
        return Ok(done);
    }
    let fd = target.place.fd;
    fd::read_at(fd, &mut [0], at)?; // EIO of a medium, ESTALE of a server
    if write {
        fd::reserve(fd, at, 1)?; // ENOSPC, EDQUOT where a hole cannot be filled
    }
    Err(libc::EIO)
}

/// Opens what a descriptor stands for once more, for both directions.
fn reopen(fd: i32) -> Result<OwnedFd, Errno> {
    let mut path = [0_u8; 32];
    write!(&mut path[..], "/proc/self/fd/{fd}\0").map_err(|_| libc::EBADF)?;
    // SAFETY: a C string: the number's ten digits at most leave its zero in place.
    let own = unsafe { libc::open(path.as_ptr().cast(), libc::O_RDWR | libc::O_CLOEXEC) };
    // SAFETY: a descriptor that was just opened (>= 0) and belongs to nobody else.
    (own >= 0).then(|| unsafe { OwnedFd::from_raw_fd(own) }).ok_or_else(last)
}

/// Whether a target can be mapped; the error names it and says what it is.
fn judge(file: &File<'_>) -> Result<(), Error> {
    let name = file.name().to_string_lossy();
    let what = match file.kind() {
        IOE_KIND_REGULAR | IOE_KIND_BLOCK => {
            // SAFETY: a C string. What is not there yet, the host makes, readable for us.
            let answer = unsafe {
                libc::faccessat(libc::AT_FDCWD, file.name().as_ptr(), libc::R_OK, libc::AT_EACCESS)
            };
            return match (answer, last()) {
                (-1, libc::EACCES) if file.open_flags() & IOE_OPEN_WRITE != 0 => {
                    let words =
                        format!("{name}: what is written through a mapping must be readable");
                    Err(Error::new(libc::EACCES, words))
                }
                _ => Ok(()),
            };
        }
        IOE_KIND_CHAR => "a character device",
        IOE_KIND_PIPE => "a pipe or socket",
        IOE_KIND_DIR => "a directory",
        _ => "neither a file nor a block device",
    };
    Err(Error::new(
        libc::ENODEV,
        format!("{name} is {what}: only files and block devices can be mapped"),
    ))
}

/// Whether this kernel knows the advice, tried on a page of its own.
fn try_huge_pages(page: usize) -> Result<(), Error> {
    let kind = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: a new mapping at an address of the kernel's choice, which goes before anybody uses
    // it.
    let advised = unsafe {
        let start = libc::mmap(std::ptr::null_mut(), page, libc::PROT_READ, kind, -1, 0);
        if start == libc::MAP_FAILED {
            return Err(std::io::Error::last_os_error().into());
        }
        let advised = libc::madvise(start, page, libc::MADV_HUGEPAGE) == 0;
        libc::munmap(start, page);
        advised
    };
    match advised {
        true => Ok(()),
        false => Err(Error::new(libc::EINVAL, "thp=1: this kernel has no transparent huge pages")),
    }
}
