//! What exactly is loaded: the digest of a plugin's bytes, and the pins that it must match.
//!
//! Called by `find` and `load`. A pin is `engine_sha256` in a job, or a line of the file
//! `engines.lock` beside the plugin, in the form that `sha256sum` prints (so `sha256sum *.so >
//! engines.lock` makes one). The bytes are read once; what is hashed is what is inspected and,
//! where pinned, what is loaded.

use super::error::PluginError;
use super::trust::{self, Caller, Opened};
use crate::sys::memfd;
use sha2::{Digest, Sha256};
use std::cell::OnceCell;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::Path;

/// Name of the lock file.
pub(super) const LOCK_FILE: &str = "engines.lock";
/// A plugin larger than this is none.
const PLUGIN_BYTES_MAX: u64 = 1 << 30;
/// Neither is a lock file larger than this one.
const LOCK_BYTES_MAX: u64 = 1 << 20;

/// A digest that the content must have, and who says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pin {
    /// Lower-case hex.
    pub sha256: String,
    /// `engine_sha256`, or file and line.
    pub place: String,
}

/// The bytes of a plugin and their digest.
#[derive(Debug)]
pub(super) struct Content {
    /// All of them.
    pub bytes: Vec<u8>,
    sha256: OnceCell<String>,
}

impl Content {
    /// Lower-case hex; made when it is first asked for.
    pub(super) fn sha256(&self) -> &str {
        self.sha256.get_or_init(|| hex(&Sha256::digest(&self.bytes)))
    }
}

/// Reads the whole file, once.
///
/// # Errors
/// It cannot be read, or is too large.
pub(super) fn read(opened: &mut Opened) -> Result<Content, PluginError> {
    let bytes = read_bounded(opened, PLUGIN_BYTES_MAX)?;
    Ok(Content { bytes, sha256: OnceCell::new() })
}

/// A sealed copy of the content, to load from.
///
/// # Errors
/// No memory file can be made.
pub(super) fn seal(path: &Path, content: &Content) -> Result<OwnedFd, PluginError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    memfd::sealed_copy(&name, &content.bytes).map_err(|source| PluginError::Io {
        path: path.to_owned(),
        doing: "copy into sealed memory",
        source,
    })
}

/// The pin of a job.
///
/// # Errors
/// The text is no digest.
pub(super) fn from_job(text: &str) -> Result<Pin, PluginError> {
    parse(text, "engine_sha256")
}

/// The pins of the lock files: the one beside the file itself (`real`, without links) and, where
/// links led to it from another place or name, the one beside that (`asked`). A lock that does not
/// name the file, or that is not trusted and used all the same (`untrusted`), is a warning.
///
/// # Errors
/// There is a lock file and it cannot be read, is not trusted, or is malformed: a lock that does
/// not hold must not look like one.
pub(super) fn from_locks(
    asked: &Path,
    real: &Path,
    caller: &Caller,
    untrusted: bool,
    warnings: &mut Vec<String>,
) -> Result<Vec<Pin>, PluginError> {
    let mut pins = Vec::new();
    pins.extend(from_lock(real, caller, untrusted, warnings)?);
    let linked = std::path::absolute(asked).ok().filter(|asked| {
        let place = asked.parent().and_then(|dir| dir.canonicalize().ok());
        place.as_deref() != real.parent() || asked.file_name() != real.file_name()
    });
    if let Some(linked) = linked {
        pins.extend(from_lock(&linked, caller, untrusted, warnings)?);
    }
    Ok(pins)
}

fn from_lock(
    path: &Path,
    caller: &Caller,
    untrusted: bool,
    warnings: &mut Vec<String>,
) -> Result<Option<Pin>, PluginError> {
    let Some(dir) = path.parent() else { return Ok(None) };
    let lock = dir.join(LOCK_FILE);
    let mut opened = match trust::open(&lock, caller) {
        Err(PluginError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            return Ok(None)
        }
        other => other?,
    };
    match opened.broken_rule.take() {
        Some(rule) if untrusted => {
            warnings.push(format!("{}: {}", lock.display(), trust::overlooked(&rule)));
        }
        Some(rule) => return Err(PluginError::Untrusted { path: lock, rule }),
        None => {}
    }
    let bytes = read_bounded(&mut opened, LOCK_BYTES_MAX)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let pin = find_line(&String::from_utf8_lossy(&bytes), &name, &lock)?;
    if pin.is_none() {
        warnings.push(format!("{} does not list {name}", lock.display()));
    }
    Ok(pin)
}

/// Whether the content is what was pinned.
///
/// # Errors
/// It is not.
pub(super) fn check(path: &Path, content: &Content, pin: &Pin) -> Result<(), PluginError> {
    if content.sha256() == pin.sha256 {
        return Ok(());
    }
    Err(PluginError::PinMismatch {
        path: path.to_owned(),
        place: pin.place.clone(),
        pinned: pin.sha256.clone(),
        found: content.sha256().to_owned(),
    })
}

/// Reads every line, also behind the one that is meant: no part of a lock may be wrong.
fn find_line(text: &str, name: &str, lock: &Path) -> Result<Option<Pin>, PluginError> {
    let mut found: Option<Pin> = None;
    for (n, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let place = format!("{}:{}", lock.display(), n + 1);
        let (digest, file) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let pin = parse(digest, &place)?;
        // sha256sum marks binary mode by an asterisk, and its user may have given a path.
        let file = file.trim_start().trim_start_matches('*');
        if Path::new(file).file_name().is_none_or(|f| f.to_string_lossy() != name) {
            continue;
        }
        match &found {
            Some(first) if first.sha256 != pin.sha256 => {
                let first = first.place.clone();
                return Err(PluginError::PinnedTwice { place, first, name: name.to_owned() });
            }
            Some(_) => {}
            None => found = Some(pin),
        }
    }
    Ok(found)
}

fn parse(text: &str, place: &str) -> Result<Pin, PluginError> {
    let text = text.trim();
    if text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Ok(Pin { sha256: text.to_ascii_lowercase(), place: place.to_owned() });
    }
    Err(PluginError::BadPin { place: place.to_owned(), text: text.to_owned() })
}

fn read_bounded(opened: &mut Opened, bytes_max: u64) -> Result<Vec<u8>, PluginError> {
    let path = opened.path.clone();
    if opened.size > bytes_max {
        return Err(PluginError::TooLarge { path, bytes: opened.size, bytes_max });
    }
    let mut bytes = Vec::with_capacity(opened.size as usize + 1);
    // One byte more than allowed, so that a file that grows meanwhile is seen.
    (&mut opened.file)
        .take(bytes_max + 1)
        .read_to_end(&mut bytes)
        .map_err(|source| PluginError::Io { path: path.clone(), doing: "read", source })?;
    if bytes.len() as u64 > bytes_max {
        return Err(PluginError::TooLarge { path, bytes: bytes.len() as u64, bytes_max });
    }
    Ok(bytes)
}

pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn digests_are_those_of_sha256sum() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("x.so");
        std::fs::write(&path, "abc").unwrap();
        let mut opened = trust::open(&path, &Caller::current()).unwrap();
        let content = read(&mut opened).unwrap();
        assert_eq!(content.sha256(), ABC);
        check(&path, &content, &from_job(&ABC.to_uppercase()).unwrap()).unwrap();
        let other = from_job(&"0".repeat(64)).unwrap();
        let error = check(&path, &content, &other).unwrap_err();
        assert!(error.to_string().contains("engine_sha256 pins"), "{error}");
        assert_eq!(error.status(), 5);
    }

    #[test]
    fn pins_that_are_none() {
        for text in ["", "abc", &"g".repeat(64), &"0".repeat(65)] {
            let error = from_job(text).unwrap_err();
            assert_eq!(error.status(), 2, "{text}");
            assert!(error.to_string().contains("no SHA-256 digest"));
        }
    }

    #[test]
    fn lock_lines() {
        let lock = Path::new("/d/engines.lock");
        let text = format!("# made by sha256sum\n\n{ABC}  a.so\n{ABC} *sub/b.so\n");
        for (name, line) in [("a.so", 3), ("b.so", 4)] {
            let place = format!("/d/engines.lock:{line}");
            let pin = Pin { sha256: ABC.to_owned(), place };
            assert_eq!(find_line(&text, name, lock).unwrap(), Some(pin));
        }
        assert_eq!(find_line(&text, "c.so", lock).unwrap(), None);
        let same_again = format!("{ABC}  a.so\n{ABC}  other/a.so\n");
        assert!(find_line(&same_again, "a.so", lock).unwrap().is_some());
    }

    #[test]
    fn lock_lines_that_are_wrong() {
        let lock = Path::new("/d/engines.lock");
        let zeros = "0".repeat(64);
        // (text, words of the error)
        let cases = [
            ("a.so\n".to_owned(), "/d/engines.lock:1: `a.so` is no SHA-256"),
            (format!("{ABC}  a.so\nSHA256 (b.so) = {ABC}\n"), "/d/engines.lock:2: `SHA256`"),
            (format!("{ABC}  b.so\n{}  a.so\n", &ABC[1..]), "/d/engines.lock:2"),
            (
                format!("{ABC}  a.so\n\n{zeros}  a.so\n"),
                "engines.lock:3: pins a.so to another digest than /d/engines.lock:1",
            ),
        ];
        for (text, want) in cases {
            let error = find_line(&text, "a.so", lock).unwrap_err();
            assert!(error.to_string().contains(want), "{want}: {error}");
            assert_eq!(error.status(), 2, "{error}");
        }
    }

    #[test]
    fn a_lock_beside_a_link_counts_like_the_one_beside_the_file() {
        let temp = tempfile::tempdir().unwrap();
        let base = temp.path().canonicalize().unwrap();
        let caller = Caller::current();
        for dir in ["real", "links"] {
            std::fs::create_dir(base.join(dir)).unwrap();
        }
        let (real, link) = (base.join("real/x.so"), base.join("links/y.so"));
        std::fs::write(&real, "bytes").unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let places = |asked: &Path| -> Vec<String> {
            let mut told = Vec::new();
            let pins = from_locks(asked, &real, &caller, true, &mut told).unwrap();
            told.retain(|warning| warning.contains("does not list"));
            told.into_iter().chain(pins.into_iter().map(|pin| pin.place)).collect()
        };
        let beside = |dir: &str| base.join(dir).join(LOCK_FILE);
        std::fs::write(beside("links"), format!("{ABC}  y.so\n")).unwrap();
        let linked = format!("{}:1", beside("links").display());
        assert_eq!(places(&link), std::slice::from_ref(&linked));
        assert!(places(&real).is_empty(), "nobody came through the link");
        std::fs::write(beside("real"), format!("{ABC}  z.so\n")).unwrap();
        let unlisted = format!("{} does not list x.so", beside("real").display());
        assert_eq!(places(&link), [unlisted, linked]);
        assert_eq!(places(&base.join("links/../real/./x.so")).len(), 1, "one lock, read once");
    }

    #[test]
    fn no_lock_is_no_pin() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("x.so");
        let caller = Caller::current();
        let mut told = Vec::new();
        assert_eq!(from_lock(&path, &caller, false, &mut told).unwrap(), None);
        assert!(told.is_empty());
        std::fs::write(temp.path().join(LOCK_FILE), format!("{ABC}  x.so\n")).unwrap();
        assert!(from_lock(&path, &caller, true, &mut told).unwrap().is_some());
    }
}
