//! Moving bytes between a mapping and a buffer.
//!
//! Called once per request by `engine`. A page of a mapping that is not there any more (a file
//! that was cut, a medium that fails, a disk that is full) is a SIGBUS for whoever touches it, and
//! no look at the file's size beforehand helps against a cut in the middle of a copy. `guard` ends
//! such a copy early where this machine's code is known to it; the kernel as the one who copies
//! stops there, too, and says how far it came.

#[cfg(target_arch = "x86_64")]
use crate::guard::{self, Guard};
use crate::options::CopyBy;
use iodyno_engine_api::Error;
use iodyno_engine_support::errno::{last, retry, Errno};
use libc::{iovec, pid_t};

/// Who copies.
#[derive(Debug)]
pub(crate) enum Copier {
    /// This thread, ended early by a handler that stays as long as its guard.
    #[cfg(target_arch = "x86_64")]
    Guarded(Guard),
    /// The kernel, for this process.
    Kernel(pid_t),
    /// This thread: fast, and a fault is the end of the process.
    Memcpy,
}

impl Copier {
    /// As wished; what it needs of the system is tried.
    pub(crate) fn new(wish: CopyBy) -> Result<Copier, Error> {
        match wish {
            #[cfg(target_arch = "x86_64")]
            CopyBy::Guarded => Guard::new().map(Copier::Guarded),
            CopyBy::Kernel => Copier::of_the_kernel(),
            CopyBy::Memcpy => Ok(Copier::Memcpy),
        }
    }

    fn of_the_kernel() -> Result<Copier, Error> {
        // SAFETY: no memory is handed over.
        let own = Copier::Kernel(unsafe { libc::getpid() });
        let (from, mut to) = ([7_u8], [0_u8]);
        // SAFETY: one byte to read, one to write.
        match unsafe { own.out_of(from.as_ptr(), to.as_mut_ptr(), 1) } {
            Ok(1) => Ok(own),
            Ok(_) => Err(refusal(libc::EFAULT)),
            Err(errno) => Err(refusal(errno)),
        }
    }

    /// Whether a copy that was done to its end was all inside the file, if `witness` is mapped in
    /// a page behind all of what was copied. A cut takes all pages behind the file's new last one
    /// out of every mapping: while the witness is there, none has come as far as the copy. `None`
    /// where there is no such byte; `false`: not known.
    ///
    /// # Safety
    /// The witness lies in a mapping of this process.
    #[inline]
    pub(crate) unsafe fn is_inside(&self, witness: Option<*const u8>) -> bool {
        match (self, witness) {
            (Copier::Memcpy, _) => true,
            #[cfg(target_arch = "x86_64")]
            // SAFETY: mapped, says the caller; the copier has a guard.
            (Copier::Guarded(_), Some(witness)) => unsafe { guard::is_there(witness) },
            _ => false,
        }
    }

    /// From a mapping into a buffer: bytes copied, fewer where the mapping has no page.
    ///
    /// # Safety
    /// `mapped` and `buf` are in mappings of this process for `len` bytes, the buffer writable and
    /// nobody else's.
    #[inline]
    pub(crate) unsafe fn out_of(
        &self,
        mapped: *const u8,
        buf: *mut u8,
        len: usize,
    ) -> Result<usize, Errno> {
        match self {
            Copier::Memcpy => {
                // SAFETY: the caller vouches for both; a buffer of the host's is no mapping of
                // ours.
                unsafe { std::ptr::copy_nonoverlapping(mapped, buf, len) };
                Ok(len)
            }
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above; the copier has a guard.
            Copier::Guarded(_) => Ok(unsafe { guard::copy(buf, mapped, len) }),
            // The mapping as the "remote" side is the cheaper one, and read only, so that no page
            // of a file is changed behind its file system's back.
            // SAFETY: as above.
            Copier::Kernel(own) => unsafe { in_kernel(*own, buf, mapped, len) },
        }
    }

    /// From a buffer into a mapping: bytes copied, fewer where the mapping has no page.
    ///
    /// # Safety
    /// As for [`Copier::out_of`], the mapping writable and the buffer readable.
    #[inline]
    pub(crate) unsafe fn put_into(
        &self,
        mapped: *mut u8,
        buf: *const u8,
        len: usize,
    ) -> Result<usize, Errno> {
        match self {
            Copier::Memcpy => {
                // SAFETY: as in out_of().
                unsafe { std::ptr::copy_nonoverlapping(buf, mapped, len) };
                Ok(len)
            }
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as in out_of().
            Copier::Guarded(_) => Ok(unsafe { guard::copy(mapped, buf, len) }),
            // The mapping as the "local" side is stored to as by a program: each page is faulted
            // in for writing, so that its file system knows.
            // SAFETY: as in out_of().
            Copier::Kernel(own) => unsafe { in_kernel(*own, mapped, buf, len) },
        }
    }
}

/// # Safety
/// `to` is writable and `from` readable for `len` bytes, as far as there are pages behind them.
#[inline]
unsafe fn in_kernel(own: pid_t, to: *mut u8, from: *const u8, len: usize) -> Result<usize, Errno> {
    let local = iovec { iov_base: to.cast(), iov_len: len };
    let remote = iovec { iov_base: from.cast_mut().cast(), iov_len: len };
    // SAFETY: one iovec a side, whose memory the caller vouches for; nothing is written to
    // `remote`.
    match retry(|| unsafe { libc::process_vm_readv(own, &local, 1, &remote, 1, 0) }) {
        Ok(done) => Ok(done as usize),
        Err(libc::EFAULT) => Ok(0),
        Err(errno) => Err(errno),
    }
}

fn refusal(errno: Errno) -> Error {
    let why = std::io::Error::from_raw_os_error(errno);
    let words = format!(
        "copy=kernel needs process_vm_readv, which is not to be had here: {why} (copy=memcpy does \
         without, and crashes where a file is cut under its mapping)"
    );
    Error::new(errno, words)
}

/// Makes what was stored in a range of a mapping durable, whole pages of it.
///
/// # Safety
/// The range lies in a mapping.
pub(crate) unsafe fn msync(start: *mut u8, len: usize, page: usize) -> Result<(), Errno> {
    let ahead = start as usize & (page - 1);
    // SAFETY: the caller's range, begun at its first page, which is of the same mapping.
    match unsafe { libc::msync(start.sub(ahead).cast(), len + ahead, libc::MS_SYNC) } {
        0 => Ok(()),
        _ => Err(last()),
    }
}
