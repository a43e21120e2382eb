//! iovecs for the vectored system calls.
//!
//! Called by engines that hand the kernel an iovec for each request. Owns no buffer.

use iodyno_engine_api::Request;
use libc::iovec;

/// The request's buffer as one iovec, for a system call that ends before the request does.
#[inline]
pub fn of(request: &Request) -> iovec {
    iovec { iov_base: request.buf_ptr().cast(), iov_len: request.len() as usize }
}
