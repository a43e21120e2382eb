//! What a piece of code prints: standard output and error are memory files while it runs.
//!
//! Called by `conformance` around the loading of a plugin, in a child that has one thread of its
//! own: what other threads print meanwhile is caught as well.

use super::inherit;
use rustix::fs::{memfd_create, MemfdFlags};
use rustix::stdio::{dup2_stderr, dup2_stdout, stderr, stdout};
use std::fs::File;
use std::io::{self, Read, Seek};

/// What was printed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prints {
    /// To standard output.
    pub stdout: Vec<u8>,
    /// To standard error.
    pub stderr: Vec<u8>,
}

/// Runs `call` and answers with what it printed.
///
/// # Errors
/// No memory files, or no descriptors.
pub fn prints_of<T>(call: impl FnOnce() -> T) -> io::Result<(T, Prints)> {
    let file = || Ok::<_, io::Error>(File::from(memfd_create("prints", MemfdFlags::CLOEXEC)?));
    let (mut out, mut err) = (file()?, file()?);
    let (own_out, own_err) = (stdout().try_clone_to_owned()?, stderr().try_clone_to_owned()?);
    inherit::flush_c_streams();
    dup2_stdout(&out)?;
    dup2_stderr(&err)?;
    let answer = call();
    inherit::flush_c_streams();
    dup2_stdout(&own_out)?;
    dup2_stderr(&own_err)?;
    let mut prints = Prints::default();
    for (file, bytes) in [(&mut out, &mut prints.stdout), (&mut err, &mut prints.stderr)] {
        file.rewind()?;
        file.read_to_end(bytes)?;
    }
    Ok((answer, prints))
}
