//! Everything that can be wrong about a plugin, in words for a person.
//!
//! Made by every file of this room, shown by `cli` and `run`. [`PluginError::status`] is the one
//! place that says which exit status each belongs to. Must not print.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::preflight::Unfit;

/// Why an engine cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum PluginError {
    /// What was asked for is no name and no path.
    #[error("ioengine `{asked}`: {why}")]
    BadName {
        /// As written.
        asked: String,
        /// What is wrong with it.
        why: String,
    },
    /// A path that leads nowhere.
    #[error("ioengine `{asked}`: {}: no such file", path.display())]
    NoSuchFile {
        /// As written.
        asked: String,
        /// What was opened.
        path: PathBuf,
    },
    /// No plugin offers the name.
    #[error(
        "no engine is named `{asked}`{}; looked in {}{}{}",
        DidYouMean(similar),
        Places(searched),
        ignored.as_deref().map(|why| format!(" ({why})")).unwrap_or_default(),
        Broken(unusable)
    )]
    NotFound {
        /// As written.
        asked: String,
        /// Names that look like it.
        similar: Vec<String>,
        /// Directories.
        searched: Vec<PathBuf>,
        /// Why others were not looked into.
        ignored: Option<String>,
        /// Plugins that could not be asked.
        unusable: Vec<PluginError>,
    },
    /// Two plugins offer one name.
    #[error(
        "engine name `{name}` is offered by two plugins, {} ({first_id}) and {} ({second_id}); {}",
        first.display(), second.display(), Way { name, first_id, second_id, first }
    )]
    Ambiguous {
        /// The name.
        name: String,
        /// One file.
        first: PathBuf,
        /// Its plugin id.
        first_id: String,
        /// The other file.
        second: PathBuf,
        /// Its plugin id.
        second_id: String,
    },
    /// A pin that is no digest.
    #[error(
        "{place}: `{text}` is no SHA-256 digest (64 hexadecimal digits expected, as sha256sum \
         prints)"
    )]
    BadPin {
        /// `engine_sha256`, or file and line.
        place: String,
        /// As written.
        text: String,
    },
    /// A lock file that contradicts itself.
    #[error("{place}: pins {name} to another digest than {first} does; keep one of the two lines")]
    PinnedTwice {
        /// The later line.
        place: String,
        /// The earlier one.
        first: String,
        /// The plugin's file.
        name: String,
    },
    /// A file or directory could not be read.
    #[error("{}: {doing}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// Not a regular file.
    #[error("{}: is {kind}, not a plugin (a shared object, *.so, is expected)", path.display())]
    NotRegular {
        /// Which.
        path: PathBuf,
        /// "a directory" and so on.
        kind: &'static str,
    },
    /// Too large to be a plugin.
    #[error("{}: {bytes} bytes; a plugin has at most {bytes_max}", path.display())]
    TooLarge {
        /// Which.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// The bound.
        bytes_max: u64,
    },
    /// A trust rule does not hold.
    #[error(
        "{}: not trusted: {rule} (put it right, or say --allow-untrusted-engines)",
        path.display()
    )]
    Untrusted {
        /// Which.
        path: PathBuf,
        /// The rule in words.
        rule: String,
    },
    /// The content is not what was pinned.
    #[error(
        "{}: the content is not what {place} pins: sha256 is {found}, pinned is {pinned} \
         (if the new file is meant, write its digest there)",
        path.display()
    )]
    PinMismatch {
        /// Which.
        path: PathBuf,
        /// `engine_sha256`, or file and line.
        place: String,
        /// Digest wanted.
        pinned: String,
        /// Digest found.
        found: String,
    },
    /// Found unfit before a line of it ran.
    #[error("{}: {why}", path.display())]
    Unfit {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        why: Unfit,
    },
    /// The probe child could not be run.
    #[error("{}: cannot start the probe: {source}", path.display())]
    Spawn {
        /// Which plugin.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The probe child crashed.
    #[error("{}: crashed {stage}: {signal}{}", path.display(), Prints(prints))]
    Crashed {
        /// Which.
        path: PathBuf,
        /// Where.
        stage: Stage,
        /// Signal name.
        signal: String,
        /// What it printed.
        prints: String,
    },
    /// The probe child did not end.
    #[error("{}: hung {stage}: no answer within {seconds} s{}", path.display(), Prints(prints))]
    Hung {
        /// Which.
        path: PathBuf,
        /// Where.
        stage: Stage,
        /// The deadline.
        seconds: u64,
        /// What it printed.
        prints: String,
    },
    /// The probe child ended by itself and had not reported.
    #[error(
        "{}: ended the process {stage}, with exit status {status} and without a report (a plugin \
         must not call exit){}",
        path.display(), Prints(prints)
    )]
    NoReport {
        /// Which.
        path: PathBuf,
        /// Where.
        stage: Stage,
        /// Exit status.
        status: i32,
        /// What it printed.
        prints: String,
    },
    /// It was loaded, and host and plugin do not fit, or its tables are wrong.
    #[error("{}: {why}", path.display())]
    Refused {
        /// Which.
        path: PathBuf,
        /// In words.
        why: String,
    },
    /// The file is not the one that was probed.
    #[error("{}: the file has changed since it was probed; start the run again", path.display())]
    Changed {
        /// Which.
        path: PathBuf,
    },
    /// Its bytes cannot be told from those that will lie there in a moment.
    #[error("{}: is being written to just now; start again when that is over", path.display())]
    Unsettled {
        /// Which.
        path: PathBuf,
    },
    /// The plugin's own `setup` failed.
    #[error("{}: setup failed: {words}", path.display())]
    Setup {
        /// Which.
        path: PathBuf,
        /// The plugin's words, or the errno's.
        words: String,
    },
}

impl PluginError {
    /// The exit status of a run that ends by this: 2 where the job or the command line asks for
    /// what is not there, 5 where plugins were found and cannot be used (two of one name included).
    #[must_use]
    pub fn status(&self) -> u8 {
        match self {
            Self::BadName { .. }
            | Self::NoSuchFile { .. }
            | Self::NotFound { .. }
            | Self::BadPin { .. }
            | Self::PinnedTwice { .. } => 2,
            _ => 5,
        }
    }
}

/// How far a plugin got: each stage runs other code of its.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The probe itself was starting.
    Start,
    /// The loader runs constructors.
    Load,
    /// The entry function.
    Entry,
    /// Its tables are being read.
    Tables,
    /// Everything was reported.
    Reported,
}

impl Stage {
    /// The word that crosses the pipe.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Load => "load",
            Self::Entry => "entry",
            Self::Tables => "tables",
            Self::Reported => "reported",
        }
    }

    /// The stage of a word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Start, Self::Load, Self::Entry, Self::Tables, Self::Reported]
            .into_iter()
            .find(|stage| stage.word() == word)
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Start => "before it was loaded",
            Self::Load => "while being loaded (in a constructor, or in the loader)",
            Self::Entry => "in its entry function",
            Self::Tables => "while its tables were read",
            Self::Reported => "after it had answered",
        })
    }
}

struct DidYouMean<'a>(&'a [String]);

impl fmt::Display for DidYouMean<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return Ok(());
        }
        write!(f, " (did you mean `{}`?)", self.0.join("` or `"))
    }
}

struct Places<'a>(&'a [PathBuf]);

impl fmt::Display for Places<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, dir) in self.0.iter().enumerate() {
            let comma = if n == 0 { "" } else { ", " };
            let missing = if dir.is_dir() { "" } else { " (no such directory)" };
            write!(f, "{comma}{}{missing}", dir.display())?;
        }
        Ok(())
    }
}

struct Broken<'a>(&'a [PluginError]);

impl fmt::Display for Broken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for error in self.0 {
            write!(f, "\n  could not be asked: {error}")?;
        }
        Ok(())
    }
}

struct Prints<'a>(&'a str);

impl fmt::Display for Prints<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return Ok(());
        }
        write!(f, "; it printed: {}", self.0)
    }
}

/// The way out of an ambiguity.
struct Way<'a> {
    name: &'a str,
    first_id: &'a str,
    second_id: &'a str,
    first: &'a Path,
}

impl fmt::Display for Way<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Way { name, first_id, second_id, first } = self;
        if first_id == second_id {
            write!(f, "both bear one id, so say which file: ioengine={}", first.display())
        } else {
            write!(f, "say which: ioengine={first_id}:{name} or ioengine={second_id}:{name}")
        }
    }
}
