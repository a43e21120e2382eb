//! Text across the border: into C strings for the host, into a buffer that the host lends.
//!
//! Used by `host`, `vtable` and `export`. No string changes owner: what goes out is copied by the
//! host before its callback returns, what goes into a buffer is cut to the buffer.

use core::ffi::c_char;
use core::fmt;
use core::ptr;
use std::ffi::CString;

/// Text for the other side: cut at the first NUL, which C could not carry.
pub(crate) fn c_text(text: &str) -> CString {
    let end = text.bytes().position(|b| b == 0).unwrap_or(text.len());
    CString::new(&text.as_bytes()[..end]).unwrap_or_default()
}

/// A buffer of the host's: text is cut to fit, between characters, and always ended by a NUL.
struct Buffer {
    next: *mut c_char,
    room: usize, // bytes that still fit before the NUL
}

impl fmt::Write for Buffer {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        let mut fits = s.len().min(self.room);
        while !s.is_char_boundary(fits) {
            fits -= 1;
        }
        // SAFETY: room counts down from cap - 1, so `fits` bytes and the NUL lie within cap.
        unsafe {
            ptr::copy_nonoverlapping(s.as_ptr().cast(), self.next, fits);
            self.next = self.next.add(fits);
            *self.next = 0;
        }
        // Once something was cut, nothing more may follow it.
        self.room = if fits < s.len() { 0 } else { self.room - fits };
        Ok(())
    }
}

/// Puts text into a buffer of the host's; `cap` 0 or a null buffer: nothing.
///
/// # Safety
/// `buf` is null or has room for `cap` bytes.
pub(crate) unsafe fn write_text(
    buf: *mut c_char,
    cap: usize,
    f: impl FnOnce(&mut dyn fmt::Write) -> fmt::Result,
) -> fmt::Result {
    if buf.is_null() || cap == 0 {
        return Ok(());
    }
    // SAFETY: at least one byte of room, since cap 0 and null were tested.
    unsafe { *buf = 0 };
    f(&mut Buffer { next: buf, room: cap - 1 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c_text_ends_at_a_nul() {
        assert_eq!(c_text("a\0b").as_bytes(), b"a");
        assert_eq!(c_text("").as_bytes(), b"");
    }

    #[test]
    fn a_buffer_takes_what_fits() {
        for (cap, expected) in [(0, "####"), (1, ""), (2, "a"), (3, "a"), (4, "aß"), (9, "aßcd")]
        {
            let mut buf = [b'#'; 16];
            // SAFETY: cap is below the buffer's length.
            unsafe {
                write_text(buf.as_mut_ptr().cast(), cap, |out| {
                    out.write_str("aß")?;
                    out.write_str("cd")
                })
                .unwrap();
            }
            let written = if cap == 0 { &buf[..4] } else { buf.split(|b| *b == 0).next().unwrap() };
            assert_eq!(std::str::from_utf8(written), Ok(expected), "cap {cap}");
            assert!(buf[cap..].iter().all(|b| *b == b'#'), "cap {cap}: wrote beyond");
        }
    }
}
