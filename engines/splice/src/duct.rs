//! The pipe, and the transfers that go through it.
//!
//! Called once per request by `engine`. A request finds the pipe empty: after a transfer that
//! failed half way there is a new one, or the next would find what this one left. No page of a
//! buffer stays in it either. Everything is repeated until the request is done, the file ends or
//! the kernel says no, since a pipe takes less at once than a request may have.

use iodyno_engine_support::errno::{last, retry, Errno};
use libc::{c_int, c_uint, iovec, off_t};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// A pipe of the engine's own.
#[derive(Debug)]
pub(crate) struct Duct {
    out: OwnedFd,
    into: OwnedFd,
    wish: u64,
    spoiled: bool, // holds a rest, and there was no other pipe to be had
}

impl Duct {
    /// A pipe that takes `wish` bytes at once, or as many as this user may have.
    pub(crate) fn new(wish: u64) -> Result<Duct, Errno> {
        let mut ends: [c_int; 2] = [-1; 2];
        // SAFETY: room for two descriptors.
        retry(|| unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) } as isize)?;
        // SAFETY: two descriptors that were just made and belong to nobody else.
        let [out, into] = ends.map(|end| unsafe { OwnedFd::from_raw_fd(end) });
        let duct = Duct { out, into, wish, spoiled: false };
        duct.widen();
        Ok(duct)
    }

    /// Asks for the size wished for, and for half of it as long as that is refused; what a new
    /// pipe has does as well. A transfer off a page's beginning touches a page more.
    fn widen(&self) {
        const LEAST: u64 = 64 << 10;
        let mut size = (self.wish.min(1 << 30) + 4096).next_power_of_two();
        while size > LEAST {
            // SAFETY: no memory is handed over.
            let answer =
                unsafe { libc::fcntl(self.into.as_raw_fd(), libc::F_SETPIPE_SZ, size as c_int) };
            if answer >= 0 {
                return;
            }
            size /= 2;
        }
    }

    /// From a file into a buffer: bytes read, fewer at the end of the file.
    ///
    /// # Safety
    /// `buf` is writable for `len` bytes and nobody else's.
    pub(crate) unsafe fn read(
        &mut self,
        fd: c_int,
        offset: u64,
        buf: *mut u8,
        len: u64,
    ) -> Result<u64, Errno> {
        self.be_empty()?;
        let mut done = 0;
        while done < len {
            let got = splice(fd, Some(offset + done), self.into.as_raw_fd(), None, len - done);
            let got = match got {
                Ok(0) => break,
                Ok(got) => got,
                Err(_) if done > 0 => break, // what went well is told first; the rest comes again
                Err(errno) => return Err(errno),
            };
            // SAFETY: the pipe holds `got` bytes, len - done at most.
            let drained = unsafe { self.drain(buf.add(done as usize), got) };
            if let Err(errno) = drained {
                let _ = self.renew(); // the next request hears of it
                return if done > 0 { Ok(done) } else { Err(errno) };
            }
            done += got;
        }
        Ok(done)
    }

    /// Takes `len` bytes out of the pipe, which holds them.
    ///
    /// # Safety
    /// `buf` is writable for `len` bytes.
    unsafe fn drain(&self, buf: *mut u8, len: u64) -> Result<(), Errno> {
        let mut done = 0;
        while done < len {
            let left = (len - done) as usize;
            // SAFETY: `done` of the `len` bytes that the caller vouches for are behind us.
            let read = retry(|| unsafe {
                libc::read(self.out.as_raw_fd(), buf.add(done as usize).cast(), left)
            })?;
            if read == 0 {
                return Err(libc::EIO); // no writer: cannot be, both ends are ours
            }
            done += read;
        }
        Ok(())
    }

    /// From a buffer into a file: bytes written, fewer where an error came after some.
    ///
    /// # Safety
    /// `buf` is readable for `len` bytes, and stays as it is during the call.
    pub(crate) unsafe fn write(
        &mut self,
        fd: c_int,
        offset: u64,
        buf: *const u8,
        len: u64,
    ) -> Result<u64, Errno> {
        self.be_empty()?;
        let mut done = 0;
        while done < len {
            // SAFETY: `done` of the `len` bytes that the caller vouches for are behind us.
            let rest = unsafe { buf.add(done as usize) }.cast_mut();
            let part = iovec { iov_base: rest.cast(), iov_len: (len - done) as usize };
            // Not as a gift: the buffer is filled again, and a gift may never be changed any more.
            let end = self.into.as_raw_fd();
            // SAFETY: one iovec over memory that the caller vouches for; an empty pipe has room.
            let given = retry(|| unsafe { libc::vmsplice(end, &part, 1, libc::SPLICE_F_NONBLOCK) });
            let given = match given {
                Err(errno) if done == 0 => return Err(errno),
                Err(_) => break,
                Ok(given) => given,
            };
            let (written, error) = self.empty_into(fd, offset + done, given);
            done += written;
            if written < given {
                let _ = self.renew(); // the next request hears of it
                return match error {
                    Some(errno) if done == 0 => Err(errno),
                    _ => Ok(done),
                };
            }
        }
        Ok(done)
    }

    /// Writes what the pipe holds, `len` bytes; how many it was, and what stopped it.
    fn empty_into(&self, fd: c_int, offset: u64, len: u64) -> (u64, Option<Errno>) {
        let mut done = 0;
        while done < len {
            match splice(self.out.as_raw_fd(), None, fd, Some(offset + done), len - done) {
                Ok(0) => return (done, None),
                Ok(written) => done += written,
                Err(errno) => return (done, Some(errno)),
            }
        }
        (done, None)
    }

    /// Whether a request can begin; without an empty pipe none does.
    #[inline]
    fn be_empty(&mut self) -> Result<(), Errno> {
        match self.spoiled {
            true => self.renew(),
            false => Ok(()),
        }
    }

    /// An empty pipe instead of one that holds an unknown rest; if there is none to be had, the
    /// next request asks again.
    #[cold]
    fn renew(&mut self) -> Result<(), Errno> {
        self.spoiled = true;
        *self = Duct::new(self.wish)?;
        Ok(())
    }
}

/// `splice`: bytes moved, 0 at the end of the file.
#[inline]
fn splice(
    from: c_int,
    from_offset: Option<u64>,
    to: c_int,
    to_offset: Option<u64>,
    len: u64,
) -> Result<u64, Errno> {
    const FLAGS: c_uint = libc::SPLICE_F_MOVE;
    let mut from_offset = from_offset.map(signed).transpose()?;
    let mut to_offset = to_offset.map(signed).transpose()?;
    let from_at = from_offset.as_mut().map_or(std::ptr::null_mut(), std::ptr::from_mut);
    let to_at = to_offset.as_mut().map_or(std::ptr::null_mut(), std::ptr::from_mut);
    loop {
        // SAFETY: each offset is null or a place to read and write; one interrupted moved nothing.
        let moved = unsafe { libc::splice(from, from_at, to, to_at, len as usize, FLAGS) };
        match u64::try_from(moved) {
            Ok(moved) => return Ok(moved),
            Err(_) => match last() {
                libc::EINTR => {}
                errno => return Err(errno),
            },
        }
    }
}

fn signed(offset: u64) -> Result<off_t, Errno> {
    off_t::try_from(offset).map_err(|_| libc::EINVAL)
}
