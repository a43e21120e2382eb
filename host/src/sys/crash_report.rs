//! What a process that a signal has ended left in its [`CrashRecord`], read from outside.
//!
//! Called by the control process when a cell is dead. Whatever ran in that process may have
//! scribbled over the record: nothing in it is believed further than that it can be shown.

use super::crash::{CrashRecord, PlaceRecord, EMPTY, MAIN, NAME_BYTES};
use super::maps::DELETED;
use std::fmt;
use std::mem::offset_of;

/// `si_code` of a SIGSEGV or SIGBUS that is about an address: below this.
const ADDRESS_CODE_MAX: i64 = 0x80;

/// A crash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crash {
    /// Number of the signal.
    pub signal: i32,
    /// It was sent, not caused: by `kill`, `raise`, `abort` or their like.
    pub sent: bool,
    /// The process that sent it, where another one did.
    pub sender: Option<u32>,
    /// The address that could not be accessed, where the signal is about one.
    pub data_address: Option<u64>,
    /// Thread that was hit.
    pub tid: u32,
    /// Whose thread that was.
    pub owner: Owner,
    /// Where its code was.
    pub at: Place,
    /// Where in a plugin that was called from, as far as the stack tells.
    pub caller: Option<Place>,
}

/// Whose a thread is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// A worker's of this number.
    Worker(u32),
    /// The one that loads plugins.
    Main,
    /// Nobody's that is known here: likely a plugin's own.
    Other,
}

/// A place in code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its address.
    pub address: u64,
    /// Name of the file that it lies in, and where that begins; none: in no file.
    pub module: Option<(String, u64)>,
}

impl Crash {
    /// From the words of a record; none where nothing was recorded.
    #[must_use]
    pub fn from_words(words: &[u64]) -> Option<Crash> {
        let at = |offset: usize| words.get(offset / 8).copied().unwrap_or(0);
        let word = |offset: usize| at(offset);
        if word(offset_of!(CrashRecord, state)) == EMPTY {
            return None;
        }
        let signal = i32::try_from(word(offset_of!(CrashRecord, signal))).ok()?;
        // Claimed and not filled: no thread has number 0.
        let tid = u32::try_from(word(offset_of!(CrashRecord, tid))).ok().filter(|&tid| tid > 0)?;
        let code = word(offset_of!(CrashRecord, code)) as i64;
        let about_address = [libc::SIGSEGV, libc::SIGBUS].contains(&signal)
            && (1..ADDRESS_CODE_MAX).contains(&code);
        let worker = word(offset_of!(CrashRecord, worker));
        let sender = u32::try_from(word(offset_of!(CrashRecord, sender))).ok();
        let place = |offset: usize| Place::from_words(words.get(offset / 8..).unwrap_or(&[]));
        Some(Crash {
            signal,
            sent: code <= 0,
            sender: sender.filter(|&sender| sender > 0),
            data_address: about_address.then(|| word(offset_of!(CrashRecord, data_address))),
            tid,
            owner: match u32::try_from(worker) {
                Ok(worker) => Owner::Worker(worker),
                Err(_) if worker == MAIN => Owner::Main,
                Err(_) => Owner::Other,
            },
            at: place(offset_of!(CrashRecord, at)),
            caller: Some(place(offset_of!(CrashRecord, caller))).filter(|it| it.address != 0),
        })
    }
}

impl Place {
    fn from_words(words: &[u64]) -> Place {
        let at = |offset: usize| words.get(offset / 8).copied().unwrap_or(0);
        let len = at(offset_of!(PlaceRecord, name_len)).min(NAME_BYTES as u64) as usize;
        let first = offset_of!(PlaceRecord, name) / 8;
        let bytes: Vec<u8> =
            words.iter().skip(first).flat_map(|word| word.to_ne_bytes()).take(len).collect();
        let base = at(offset_of!(PlaceRecord, base));
        let address = at(offset_of!(PlaceRecord, address));
        let module = name(&bytes).filter(|_| base <= address).map(|name| (name, base));
        Place { address, module }
    }
}

/// The last part of a path, printable.
fn name(path: &[u8]) -> Option<String> {
    let path = path.strip_suffix(DELETED).unwrap_or(path);
    let last = path.rsplit(|&byte| byte == b'/').next().unwrap_or(path);
    // A plugin that is pinned lies in memory that bears its name.
    let last = match path.starts_with(b"/memfd:") {
        true => last.strip_prefix(b"memfd:").unwrap_or(last),
        false => last,
    };
    let shown: String = String::from_utf8_lossy(last)
        .chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect();
    Some(shown).filter(|shown| !shown.is_empty())
}

impl fmt::Display for Place {
    /// "libfoo.so+0x1234", as `addr2line -e libfoo.so 0x1234` wants it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.module {
            Some((name, base)) => write!(f, "{name}+{:#x}", self.address.saturating_sub(*base)),
            None => write!(f, "{:#x}, where no file's code is", self.address),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(set: &[(usize, u64)]) -> Vec<u64> {
        let mut words = vec![0; size_of::<CrashRecord>() / 8];
        set.iter().for_each(|&(offset, value)| words[offset / 8] = value);
        words
    }

    fn path(words: &mut [u64], place: usize, path: &str) {
        words[(place + offset_of!(PlaceRecord, name_len)) / 8] = path.len() as u64;
        let first = (place + offset_of!(PlaceRecord, name)) / 8;
        for (n, bytes) in path.as_bytes().chunks(8).enumerate() {
            let mut whole = [0; 8];
            whole[..bytes.len()].copy_from_slice(bytes);
            words[first + n] = u64::from_ne_bytes(whole);
        }
    }

    #[test]
    fn a_record_is_read() {
        let at = offset_of!(CrashRecord, at);
        let caller = offset_of!(CrashRecord, caller);
        let mut words = words(&[
            (offset_of!(CrashRecord, state), 3),
            (offset_of!(CrashRecord, signal), libc::SIGSEGV as u64),
            (offset_of!(CrashRecord, code), 1),
            (offset_of!(CrashRecord, data_address), 0x10),
            (offset_of!(CrashRecord, tid), 77),
            (offset_of!(CrashRecord, worker), 2),
            (at, 0x7f00_1234),
            (at + offset_of!(PlaceRecord, base), 0x7f00_0000),
            (caller, 0x7e00_0010),
            (caller + offset_of!(PlaceRecord, base), 0x7e00_0000),
        ]);
        path(&mut words, at, "/usr/lib/libc.so.6");
        path(&mut words, caller, "/memfd:libx.so (deleted)");
        let crash = Crash::from_words(&words).unwrap();
        assert_eq!((crash.signal, crash.tid, crash.owner), (libc::SIGSEGV, 77, Owner::Worker(2)));
        assert_eq!((crash.data_address, crash.sender), (Some(0x10), None));
        assert_eq!(crash.at.to_string(), "libc.so.6+0x1234");
        assert_eq!(crash.caller.unwrap().to_string(), "libx.so+0x10");
    }

    #[test]
    fn a_jump_into_nowhere_has_an_address_alone() {
        let state = offset_of!(CrashRecord, state);
        let (signal, tid) = (offset_of!(CrashRecord, signal), offset_of!(CrashRecord, tid));
        let worker = (offset_of!(CrashRecord, worker), u64::MAX);
        let crash = Crash::from_words(&words(&[(state, 3), (signal, 11), (tid, 1), worker]));
        let crash = crash.unwrap();
        assert_eq!(crash.at.to_string(), "0x0, where no file's code is");
        assert_eq!((crash.caller, crash.owner, crash.data_address), (None, Owner::Other, None));
    }

    #[test]
    fn whatever_stands_there_is_read_without_trouble() {
        assert_eq!(Crash::from_words(&words(&[])), None);
        assert_eq!(Crash::from_words(&[]), None);
        for word in [1, 0x0a0a_0a0a, u64::MAX, u64::from(u32::MAX)] {
            for len in [1, 20, size_of::<CrashRecord>() / 8] {
                if let Some(crash) = Crash::from_words(&vec![word; len]) {
                    let shown = format!("{} {:?}", crash.at, crash.caller);
                    assert!(!shown.contains('\n'), "{shown}");
                }
            }
        }
    }
}
