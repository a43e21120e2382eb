//! The callbacks of an engine by number and name, and the refusal that one may answer.
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
}

impl Callback {
    /// From the low byte of a breadcrumb; none while the host itself runs.
    pub fn from_crumb(crumb: u64) -> Option<Callback> {
        use Callback::*;
        const ALL: [Callback; 16] = [
            Init,
            Cleanup,
            GetCaps,
            OpenFile,
            CloseFile,
            GetFileSize,
            IoInit,
            IoFree,
            Start,
            Prep,
            Queue,
            Commit,
            GetEvents,
            ErrDetails,
            Extension,
            Terminate,
        ];
        ALL.get((crumb as u8 as usize).wrapping_sub(1)).copied()
    }

    /// Its name in the ops table.
    pub fn name(self) -> &'static str {
        use Callback::*;
        match self {
            None => "(host)",
            Init => "init",
            Cleanup => "cleanup",
            GetCaps => "get_caps",
            OpenFile => "open_file",
            CloseFile => "close_file",
            GetFileSize => "get_file_size",
            IoInit => "io_init",
            IoFree => "io_free",
            Start => "start",
            Prep => "prep",
            Queue => "queue",
            Commit => "commit",
            GetEvents => "getevents",
            ErrDetails => "errdetails",
            Extension => "get_extension",
            Terminate => "terminate",
        }
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

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let os = std::io::Error::from_raw_os_error(self.errno);
        match &self.words {
            Some(words) => write!(f, "{}: {words} ({os})", self.callback.name()),
            None => write!(f, "{}: {os}", self.callback.name()),
        }
    }
}

impl std::error::Error for Refusal {}
