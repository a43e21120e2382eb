//! A file that holds a port: how a listener whose port the kernel chose is found.
//!
//! Written by the listener once it listens, whole or not at all, and removed when it ends; read by
//! connectors before each attempt, so that what an earlier run left behind misleads nobody for
//! long.

use iodyno_engine_api::Error;
use std::path::{Path, PathBuf};

/// A file of ours.
#[derive(Debug)]
pub(crate) struct Portfile {
    path: PathBuf,
    words: String,
}

impl Portfile {
    /// Leaves the port there.
    pub(crate) fn write(path: &Path, port: u16) -> Result<Portfile, Error> {
        let words = format!("{port}\n");
        let mut aside = path.as_os_str().to_owned();
        aside.push(format!(".{}-{port}", std::process::id()));
        let done = std::fs::write(&aside, &words).and_then(|()| std::fs::rename(&aside, path));
        done.map_err(|why| {
            let errno = why.raw_os_error().unwrap_or(libc::EIO);
            drop(std::fs::remove_file(&aside));
            Error::new(errno, format!("portfile {}: it cannot be written", path.display()))
        })?;
        Ok(Portfile { path: path.to_owned(), words })
    }
}

impl Drop for Portfile {
    fn drop(&mut self) {
        // Another listener may have put its own there meanwhile.
        if std::fs::read_to_string(&self.path).is_ok_and(|found| found == self.words) {
            drop(std::fs::remove_file(&self.path));
        }
    }
}

/// The port that stands there; none where there is no such file yet.
pub(crate) fn read(path: &Path) -> Result<Option<u16>, Error> {
    match std::fs::read_to_string(path) {
        Ok(words) => match words.trim().parse() {
            Ok(port @ 1..) => Ok(Some(port)),
            _ => Err(Error::new(
                libc::EINVAL,
                format!("portfile {}: it holds no port", path.display()),
            )),
        },
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(why) => {
            let errno = why.raw_os_error().unwrap_or(libc::EIO);
            Err(Error::new(errno, format!("portfile {}: it cannot be read", path.display())))
        }
    }
}
