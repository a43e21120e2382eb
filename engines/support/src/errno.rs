//! From a system call's return value to bytes done or an errno.
//!
//! Called around every system call of an engine. Never answers EINTR: an interrupted call is made
//! again, since a signal is the host's business and no reason for a request to fail.

/// A positive errno.
pub type Errno = i32;

/// The calling thread's errno; EIO where the system left none.
#[inline]
pub fn last() -> Errno {
    match std::io::Error::last_os_error().raw_os_error() {
        Some(errno) if errno > 0 => errno,
        _ => libc::EIO,
    }
}

/// Makes `call` until it is not interrupted; < 0 = look at errno.
#[inline]
pub fn retry(mut call: impl FnMut() -> isize) -> Result<u64, Errno> {
    loop {
        if let Ok(done) = u64::try_from(call()) {
            return Ok(done);
        }
        match last() {
            libc::EINTR => {}
            errno => return Err(errno),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fail_with(errno: Errno) -> isize {
        // SAFETY: errno's place belongs to this thread.
        unsafe { *libc::__errno_location() = errno };
        -1
    }

    #[test]
    fn counts_pass_and_errors_carry_errno() {
        assert_eq!(retry(|| 7), Ok(7));
        assert_eq!(retry(|| fail_with(libc::ENOSPC)), Err(libc::ENOSPC));
        assert_eq!(retry(|| fail_with(0)), Err(libc::EIO));
    }

    #[test]
    fn interruptions_are_repeated() {
        let mut calls = 0;
        let answer = retry(|| {
            calls += 1;
            if calls < 3 {
                fail_with(libc::EINTR)
            } else {
                5
            }
        });
        assert_eq!((answer, calls), (Ok(5), 3));
    }
}
