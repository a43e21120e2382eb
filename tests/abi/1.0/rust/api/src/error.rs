//! Why a callback failed: an errno for the host's logic and words for the person who reads.
//!
//! Made by engines, taken apart by `vtable`, which hands the words to `host->set_error` and answers
//! -errno. Not for single requests: those end with a positive errno of their own (see `io`).

use core::fmt;

/// An errno with words.
///
/// The words are a lower-case fragment that says what, where and why: `open sg0: not a SCSI
/// device`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    errno: i32,
    text: String,
}

impl Error {
    /// `errno` is positive (`libc::EINVAL`); anything else becomes EIO, since the ABI would read it
    /// as success.
    pub fn new(errno: i32, text: impl Into<String>) -> Self {
        Error { errno: if errno > 0 { errno } else { libc::EIO }, text: text.into() }
    }

    /// An errno that speaks for itself.
    pub fn from_errno(errno: i32) -> Self {
        Error::new(errno, String::new())
    }

    /// The positive errno.
    pub fn errno(&self) -> i32 {
        self.errno
    }

    /// The words; may be empty.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.text.as_str() {
            "" => write!(f, "{}", std::io::Error::from_raw_os_error(self.errno)),
            text => f.write_str(text),
        }
    }
}

impl std::error::Error for Error {}

impl From<std::io::Error> for Error {
    fn from(e: std::io::Error) -> Self {
        Error::new(e.raw_os_error().unwrap_or(libc::EIO), e.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_errno_is_positive_or_eio() {
        for (given, kept) in [(5, 5), (0, libc::EIO), (-22, libc::EIO)] {
            assert_eq!(Error::from_errno(given).errno(), kept);
        }
    }

    #[test]
    fn io_errors_keep_number_and_words() {
        let e = Error::from(std::io::Error::from_raw_os_error(libc::ENOENT));
        assert_eq!(e.errno(), libc::ENOENT);
        assert!(e.to_string().contains("No such file"));
        assert_eq!(Error::from(std::io::Error::other("odd")).errno(), libc::EIO);
    }
}
