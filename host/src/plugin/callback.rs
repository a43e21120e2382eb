//! The callbacks of an engine, and what a plugin runs beside them, by number and name; and the
//! refusal that one may answer.
//!
//! Plain words, shared by `handle`, which calls, by `io`, which judges, and by `run`, which reads a
//! breadcrumb of a cell that is dead or stuck. Calls nothing.

/// The callbacks by number, as the breadcrumb tells them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Callback {
    /// The host itself runs.
    None = 0,
    /// `init`
    Init,
    /// `cleanup`
    Cleanup,
    /// `get_caps`
    GetCaps,
    /// `open_file`
    OpenFile,
    /// `close_file`
    CloseFile,
    /// `get_file_size`
    GetFileSize,
    /// `io_init`
    IoInit,
    /// `io_free`
    IoFree,
    /// `start`
    Start,
    /// `prep`
    Prep,
    /// `queue`
    Queue,
    /// `commit`
    Commit,
    /// `getevents`
    GetEvents,
    /// `errdetails`
    ErrDetails,
    /// `get_extension`, and what an extension offers
    Extension,
    /// `terminate`, for whose return `cleanup` has to wait
    Terminate,
    /// `cancel`
    Cancel,
    /// What runs while the file is being loaded
    Constructor,
    /// The entry
    Entry,
    /// `setup`
    Setup,
    /// `teardown`
    Teardown,
}

/// Each callback at its number, with its name in the ops table.
const TABLE: [(Callback, &str); 22] = [
    (Callback::None, "(host)"),
    (Callback::Init, "init"),
    (Callback::Cleanup, "cleanup"),
    (Callback::GetCaps, "get_caps"),
    (Callback::OpenFile, "open_file"),
    (Callback::CloseFile, "close_file"),
    (Callback::GetFileSize, "get_file_size"),
    (Callback::IoInit, "io_init"),
    (Callback::IoFree, "io_free"),
    (Callback::Start, "start"),
    (Callback::Prep, "prep"),
    (Callback::Queue, "queue"),
    (Callback::Commit, "commit"),
    (Callback::GetEvents, "getevents"),
    (Callback::ErrDetails, "errdetails"),
    (Callback::Extension, "get_extension"),
    (Callback::Terminate, "terminate"),
    (Callback::Cancel, "cancel"),
    (Callback::Constructor, "a constructor"),
    (Callback::Entry, "the entry"),
    (Callback::Setup, "setup"),
    (Callback::Teardown, "teardown"),
];

impl Callback {
    /// From the low byte of a breadcrumb; none while the host itself runs.
    pub fn from_crumb(crumb: u64) -> Option<Callback> {
        let (callback, _) = TABLE.get(usize::from(crumb as u8))?;
        (*callback != Callback::None).then_some(*callback)
    }

    /// Its name in the ops table, or what it is where it is none of an engine's.
    pub fn name(self) -> &'static str {
        TABLE[self as usize].1
    }
}

/// A callback answered -errno: lawful, and the end of the job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Who answered.
    pub callback: Callback,
    /// Positive errno.
    pub errno: i32,
    /// The engine's own words, where it gave some.
    pub words: Option<String>,
}

impl Refusal {
    /// Whether the text of the number would tell a reader more than the engine's words do: not
    /// where they have it already, and not where it is one of the numbers that stand for "it cannot
    /// be" and name no cause.
    fn errno_tells_more(&self, words: &str) -> bool {
        const CAUSELESS: [i32; 5] =
            [libc::EIO, libc::EINVAL, libc::ENOTTY, libc::ENOTBLK, libc::EOPNOTSUPP];
        let os = std::io::Error::from_raw_os_error(self.errno).to_string();
        let cause = os.split(" (os error").next().unwrap_or(&os).to_lowercase();
        !CAUSELESS.contains(&self.errno) && !words.to_lowercase().contains(&cause)
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let os = std::io::Error::from_raw_os_error(self.errno);
        match &self.words {
            Some(words) if self.errno_tells_more(words) => {
                write!(f, "{}: {words} ({os})", self.callback.name())
            }
            Some(words) => write!(f, "{}: {words}", self.callback.name()),
            None => write!(f, "{}: {os}", self.callback.name()),
        }
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_is_told_where_it_adds_something() {
        for (errno, words, expected) in [
            (libc::EIO, None, "open_file: Input/output error (os error 5)"),
            (libc::EIO, Some("x: ACME-524"), "open_file: x: ACME-524"),
            (libc::ENOTBLK, Some("x: no device"), "open_file: x: no device"),
            (libc::EACCES, Some("open x"), "open_file: open x (Permission denied (os error 13))"),
            (
                libc::EACCES,
                Some("open x: Permission denied (os error 13)"),
                "open_file: open x: Permission denied (os error 13)",
            ),
            (
                libc::ENOENT,
                Some("x: no such file or directory"),
                "open_file: x: no such file or directory",
            ),
        ] {
            let words = words.map(str::to_owned);
            let refusal = Refusal { callback: Callback::OpenFile, errno, words };
            assert_eq!(refusal.to_string(), expected);
        }
    }

    #[test]
    fn each_callback_stands_at_its_number() {
        for (number, (callback, name)) in TABLE.into_iter().enumerate() {
            assert_eq!((callback as usize, callback.name()), (number, name));
            let crumb = 0x1234_5600 | number as u64;
            assert_eq!(Callback::from_crumb(crumb), (number > 0).then_some(callback));
        }
        assert_eq!(Callback::from_crumb(0xff), None);
    }
}
