//! Who could have put this file there? Opens a plugin once and judges its path and rights.
//!
//! Called by `find` and `load`. The path is walked component by component, each opened below the
//! one before it, so that what is judged is what is opened. Must not read the file's content.

use super::error::PluginError;
use rustix::fs::{fstat, openat, readlinkat, FileType, Mode, OFlags, Stat, CWD};
use rustix::time::{clock_gettime, ClockId};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Component as PathPart, Path, PathBuf};
use std::time::Duration;

/// Symbolic links that one path may pass, as many as the kernel allows.
const LINKS_MAX: u32 = 40;

/// Longest tick of the clock that stamps changes of files.
const TICK_NS: i128 = 10_000_000;
const SECOND_NS: i128 = 1_000_000_000;
/// How a file is waited for that was changed within the last tick.
const SETTLE_WAIT: Duration = Duration::from_millis(2);
const SETTLE_WAITS_MAX: u32 = 100;

/// In whose name a file is judged.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    /// Effective user.
    pub uid: u32,
    /// Effective group.
    pub gid: u32,
    /// Directory and owner of the running program.
    pub program: Option<(PathBuf, u32)>,
}

impl Caller {
    /// This process.
    #[must_use]
    pub(super) fn current() -> Self {
        use std::os::unix::fs::MetadataExt;
        let program = std::env::current_exe().ok().and_then(|exe| {
            let owner = std::fs::metadata(&exe).ok()?.uid();
            Some((exe.parent()?.to_owned(), owner))
        });
        Self {
            uid: rustix::process::geteuid().as_raw(),
            gid: rustix::process::getegid().as_raw(),
            program,
        }
    }
}

/// What tells one state of a file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(unreachable_pub)] // a part of what `kept` hands to cells
pub struct Identity {
    dev: u64,
    ino: u64,
    size: i64,
    mtime: (i64, i64),
    ctime: (i64, i64),
}

impl From<&Stat> for Identity {
    fn from(stat: &Stat) -> Self {
        #[allow(clippy::unnecessary_cast)] // the widths differ between architectures
        let nsec = |n| n as i64;
        Self {
            dev: stat.st_dev,
            ino: stat.st_ino,
            size: stat.st_size,
            mtime: (stat.st_mtime, nsec(stat.st_mtime_nsec)),
            ctime: (stat.st_ctime, nsec(stat.st_ctime_nsec)),
        }
    }
}

/// A plugin file, open.
#[derive(Debug)]
pub(super) struct Opened {
    /// The descriptor; everything else is asked of it and not of the path again.
    pub file: File,
    /// Absolute, without links.
    pub path: PathBuf,
    /// Bytes.
    pub size: u64,
    /// For a later comparison.
    pub identity: Identity,
    /// The trust rule that does not hold, in words.
    pub broken_rule: Option<String>,
}

/// One step of a path, as found.
#[derive(Clone, Debug)]
struct Step {
    path: PathBuf,
    kind: FileType,
    uid: u32,
    gid: u32,
    mode: u32,
}

/// Opens `path` and judges it for `caller`.
///
/// # Errors
/// It is not there, cannot be opened or is no regular file. A broken trust rule is no error here:
/// the user may allow it.
pub(super) fn open(path: &Path, caller: &Caller) -> Result<Opened, PluginError> {
    let io_error = |source| PluginError::Io { path: path.to_owned(), doing: "open", source };
    let absolute = std::path::absolute(path).map_err(io_error)?;
    let (fd, steps) = walk(&absolute).map_err(io_error)?;
    let last = steps.last().ok_or_else(|| io_error(io::ErrorKind::InvalidInput.into()))?;
    if let Some(kind) = irregular(last.kind) {
        return Err(PluginError::NotRegular { path: path.to_owned(), kind });
    }
    if last.path.to_str().is_none() {
        let why = io::Error::other("the path is not UTF-8, and reports are");
        return Err(io_error(why));
    }
    let stat = settled(&fd).map_err(io_error)?;
    let stat = stat.ok_or_else(|| PluginError::Unsettled { path: path.to_owned() })?;
    // Reopened through the descriptor that was judged: O_PATH alone cannot read.
    let file = reopen(&fd).map_err(io_error)?;
    Ok(Opened {
        file,
        path: last.path.clone(),
        size: u64::try_from(stat.st_size).unwrap_or(0),
        identity: Identity::from(&stat),
        broken_rule: judge(&steps, caller),
    })
}

/// What is told where a file is used although a rule is broken.
#[must_use]
pub(super) fn overlooked(rule: &str) -> String {
    format!("not trusted, used because --allow-untrusted-engines was given: {rule}")
}

/// Whether `path` still leads to the file in the state of `identity`.
#[must_use]
pub(super) fn is_same(path: &Path, identity: &Identity) -> bool {
    rustix::fs::stat(path).is_ok_and(|stat| Identity::from(&stat) == *identity)
}

/// The state of a file, once every later change will show in it; none where it does not come to
/// rest. The kernel stamps changes by a clock with ticks: of two changes within one tick the second
/// leaves no trace, so a file that was changed just now is waited for.
fn settled(fd: &OwnedFd) -> io::Result<Option<Stat>> {
    for _ in 0..SETTLE_WAITS_MAX {
        let stat = fstat(fd)?;
        let now = clock_gettime(ClockId::RealtimeCoarse);
        #[allow(clippy::unnecessary_cast)] // the widths differ between architectures
        let changed_ns =
            i128::from(stat.st_ctime) * SECOND_NS + i128::from(stat.st_ctime_nsec as i64);
        let age_ns = i128::from(now.tv_sec) * SECOND_NS + i128::from(now.tv_nsec) - changed_ns;
        // A stamp from a future far ahead is that of another clock, and says nothing.
        if !(-TICK_NS..=TICK_NS).contains(&age_ns) {
            return Ok(Some(stat));
        }
        std::thread::sleep(SETTLE_WAIT);
    }
    Ok(None)
}

fn reopen(fd: &OwnedFd) -> io::Result<File> {
    File::open(format!("/proc/self/fd/{}", fd.as_raw_fd()))
}

/// Whether somebody wrote into the file since then. Its name may be another's now, or gone.
#[must_use]
pub(super) fn is_rewritten(file: &File, identity: &Identity) -> bool {
    fstat(file).map_or(true, |stat| {
        let now = Identity::from(&stat);
        (now.size, now.mtime) != (identity.size, identity.mtime)
    })
}

/// Follows `path` from the root, and answers the last component, open, with every step on the way.
fn walk(path: &Path) -> io::Result<(OwnedFd, Vec<Step>)> {
    let directory = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let component = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut fd = openat(CWD, "/", directory, Mode::empty())?;
    let mut at = PathBuf::from("/");
    let mut steps = vec![step(&fd, &at)?];
    let mut pending = VecDeque::new();
    queue(path, &mut pending);
    let mut links = 0;
    while let Some(name) = pending.pop_front() {
        if name == "/" {
            fd = openat(CWD, "/", directory, Mode::empty())?;
            at = PathBuf::from("/");
            continue;
        }
        let next = openat(&fd, &name, component, Mode::empty())?;
        if name == ".." {
            at.pop();
            fd = next;
            continue;
        }
        let found = step(&next, &at.join(&name))?;
        let is_link = found.kind == FileType::Symlink;
        steps.push(found);
        if !is_link {
            at.push(&name);
            fd = next;
            continue;
        }
        links += 1;
        if links > LINKS_MAX {
            return Err(io::Error::from_raw_os_error(libc::ELOOP));
        }
        let target = readlinkat(&next, "", Vec::new())?;
        queue(Path::new(&OsString::from_vec(target.into_bytes())), &mut pending);
    }
    Ok((fd, steps))
}

/// Puts the components of `path` in front of what is still to be walked.
fn queue(path: &Path, pending: &mut VecDeque<OsString>) {
    for part in path.components().rev() {
        match part {
            PathPart::RootDir => pending.push_front("/".into()),
            PathPart::ParentDir => pending.push_front("..".into()),
            PathPart::Normal(name) => pending.push_front(name.to_owned()),
            PathPart::CurDir | PathPart::Prefix(_) => {}
        }
    }
}

fn step(fd: &OwnedFd, path: &Path) -> io::Result<Step> {
    let stat = fstat(fd)?;
    Ok(Step {
        path: path.to_owned(),
        kind: FileType::from_raw_mode(stat.st_mode),
        uid: stat.st_uid,
        gid: stat.st_gid,
        mode: stat.st_mode & 0o7777,
    })
}

fn irregular(kind: FileType) -> Option<&'static str> {
    Some(match kind {
        FileType::RegularFile => return None,
        FileType::Directory => "a directory",
        FileType::Fifo => "a named pipe",
        FileType::Socket => "a socket",
        FileType::CharacterDevice => "a character device",
        FileType::BlockDevice => "a block device",
        _ => "no regular file",
    })
}

/// The first rule that does not hold, or none. The last step is the file.
fn judge(steps: &[Step], caller: &Caller) -> Option<String> {
    let (file, before) = steps.split_last()?;
    // Whoever owns the running program can already make it do anything, so its owner is no stranger
    // to what lies beside it.
    let beside_program = caller
        .program
        .as_ref()
        .filter(|(dir, _)| file.path.parent() == Some(dir.as_path()))
        .map(|(_, owner)| *owner);
    let known = |uid| uid == 0 || uid == caller.uid || Some(uid) == beside_program;
    let own_group = |gid| gid == caller.gid && caller.uid != 0;
    for step in before {
        let shown = step.path.display();
        if !known(step.uid) {
            return Some(format!("{shown} belongs to user {}, not to root or you", step.uid));
        }
        if step.kind == FileType::Symlink || step.mode & 0o1000 != 0 {
            continue;
        }
        if step.mode & 0o002 != 0 {
            return Some(format!("the directory {shown} is world-writable (chmod o-w)"));
        }
        if step.mode & 0o020 != 0 && !own_group(step.gid) {
            return Some(format!("group {} may write the directory {shown} (chmod g-w)", step.gid));
        }
    }
    judge_file(file, caller, &known, &own_group)
}

fn judge_file(
    file: &Step,
    caller: &Caller,
    known: &dyn Fn(u32) -> bool,
    own_group: &dyn Fn(u32) -> bool,
) -> Option<String> {
    if !known(file.uid) {
        let whose = if caller.uid == 0 { "root" } else { "root or you" };
        return Some(format!("the file belongs to user {}, not to {whose}", file.uid));
    }
    if file.mode & 0o4000 != 0 {
        return Some("the file is set-user-id (chmod u-s)".to_owned());
    }
    if file.mode & 0o002 != 0 {
        return Some("the file is world-writable (chmod o-w)".to_owned());
    }
    if file.mode & 0o020 != 0 && !own_group(file.gid) {
        return Some(format!("group {} may write the file (chmod g-w)", file.gid));
    }
    None
}

#[cfg(test)]
mod tests;
