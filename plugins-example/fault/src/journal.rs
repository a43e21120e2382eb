//! What was done, a line of JSON each: class, file, offset, length and what is particular.
//!
//! Written by `engine` and `power` at once and without a buffer, so that the lines are there
//! whatever becomes of the process. The first instance of a process empties the file, others add to
//! it.

use iodyno_engine_api::{Error, Request};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

static BEGUN: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// Lines of one instance.
#[derive(Debug)]
pub(crate) struct Journal {
    file: Option<File>,
    job: String,
    clone: u32,
}

/// One thing that was done.
#[derive(Clone, Debug)]
pub(crate) struct Deed {
    pub(crate) class: &'static str,
    pub(crate) file: String,
    pub(crate) offset: u64,
    pub(crate) len: u64,
}

impl Deed {
    /// Something that befell this request.
    pub(crate) fn to(class: &'static str, io: &Request) -> Deed {
        let name = io.file().map(|file| file.name().to_string_lossy().into_owned());
        Deed { class, file: name.unwrap_or_default(), offset: io.offset(), len: io.len() }
    }
}

impl Journal {
    pub(crate) fn open(path: Option<&Path>, job: String, clone: u32) -> Result<Journal, Error> {
        let file = path.map(|path| {
            let mut begun = BEGUN.lock().unwrap_or_else(PoisonError::into_inner);
            let anew = begun.insert(path.to_owned());
            let mut options = OpenOptions::new();
            // Lines of several instances do not overwrite each other, so none truncates on opening.
            let opened = options.append(true).create(true).open(path).and_then(|file| {
                if anew && file.metadata()?.is_file() {
                    file.set_len(0)?;
                }
                Ok(file)
            });
            opened.map_err(|error| {
                let errno = error.raw_os_error().unwrap_or(libc::EIO);
                Error::new(errno, format!("log={}: {error}", path.display()))
            })
        });
        Ok(Journal { file: file.transpose()?, job, clone })
    }

    /// Writes a line; `more` are members of the JSON object: `,"to":4096`.
    pub(crate) fn write(&mut self, deed: &Deed, more: &str) {
        let Some(file) = &mut self.file else { return };
        let mut line = String::from("{");
        let Deed { class, file: name, offset, len } = deed;
        // Writing to a String cannot fail.
        let _ = write!(
            line,
            "\"class\":\"{class}\",\"job\":{},\"clone\":{}",
            quoted(&self.job),
            self.clone
        );
        let _ =
            writeln!(line, ",\"file\":{},\"offset\":{offset},\"len\":{len}{more}}}", quoted(name));
        // A full disk shall not change what the device under test seems to do.
        let _ = file.write_all(line.as_bytes());
    }
}

/// A JSON string.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c < ' ' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod unit_tests {
    #[test]
    fn texts_are_json() {
        assert_eq!(super::quoted("a\"b\\c\n"), "\"a\\\"b\\\\c\\u000a\"");
    }
}
