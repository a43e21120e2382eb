//! Opens a named pipe without being deaf: whoever opens the other end may come later or never.
//!
//! Called by `run` for targets that are pipes. A plain open(2) sleeps until there is somebody, and
//! no end of the run would wake it. Reads nothing of what the pipe holds.

use super::error::TargetError;
use super::open::{open_more, OpenWish};
use rustix::event::{poll, PollFd, PollFlags};
use rustix::fs::{fcntl_getfl, fcntl_setfl, FileType, OFlags};
use rustix::io::Errno;
use rustix::pipe::{pipe_with, tee, PipeFlags, SpliceFlags};
use rustix::time::Timespec;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::{Duration, Instant};

/// Between two looks.
const SLICE: Duration = Duration::from_millis(5);

/// So long nothing is said of a wait.
const SILENCE: Duration = Duration::from_secs(1);

/// Opens `path`, and waits until somebody has its other end, as open(2) does. `said` is called once
/// with what is waited for, when that takes longer than a second; the wait is over when `is_over`
/// says so, which is asked every few milliseconds. What is no named pipe is opened as ever.
///
/// # Errors
/// As [`super::open`]; ECANCELED where the wait was over before anybody came.
pub fn open_pipe(
    path: &Path,
    wish: OpenWish,
    is_over: impl Fn() -> bool,
    mut said: impl FnMut(&str),
) -> Result<OwnedFd, TargetError> {
    let is_fifo = rustix::fs::stat(path)
        .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Fifo);
    // Who has both ends waits for nobody.
    if !is_fifo || (wish.read && wish.write) {
        return super::open(path, wish);
    }
    let doing = |what: &str| format!("{what} {}", path.display());
    let mut wait = Wait { begun: Instant::now(), has_said: false };
    let mut next = |whom: &str| {
        if is_over() {
            let doing = doing(&format!("wait for a {whom} at the other end of"));
            return Err(TargetError::io(doing, Errno::CANCELED));
        }
        if wait.is_to_be_told() {
            said(&doing(&format!("waits for a {whom} at the other end of")));
        }
        Ok(())
    };
    let descriptor = if wish.write {
        loop {
            match open_more(path, wish, OFlags::NONBLOCK) {
                Err(error) if error.errno() == Some(libc::ENXIO) => next("reader")?,
                other => break other?,
            }
            std::thread::sleep(SLICE);
        }
    } else {
        let descriptor = open_more(path, wish, OFlags::NONBLOCK)?;
        let look = |errno| TargetError::io(doing("look into"), errno);
        let scratch = pipe_with(PipeFlags::CLOEXEC).map_err(look)?;
        while !has_writer(&descriptor, &scratch.1).map_err(look)? {
            next("writer")?;
        }
        descriptor
    };
    let blocks = |errno| TargetError::io(doing("clear O_NONBLOCK of"), errno);
    let flags = fcntl_getfl(&descriptor).map_err(blocks)?;
    fcntl_setfl(&descriptor, flags - OFlags::NONBLOCK).map_err(blocks)?;
    Ok(descriptor)
}

struct Wait {
    begun: Instant,
    has_said: bool,
}

impl Wait {
    /// True once, when it has become long.
    fn is_to_be_told(&mut self) -> bool {
        let now = !self.has_said && self.begun.elapsed() >= SILENCE;
        self.has_said |= now;
        now
    }
}

/// Whether somebody has come to write since the pipe was opened, even if he is gone again; looks
/// for the length of a slice where nobody has.
fn has_writer(reader: &OwnedFd, scratch: &OwnedFd) -> Result<bool, Errno> {
    // A copy that takes nothing away tells an empty pipe with writers (EAGAIN) from one without
    // (0), which poll does not.
    match tee(reader, scratch, 1, SpliceFlags::NONBLOCK) {
        Ok(0) => {}
        Ok(_) | Err(Errno::AGAIN) => return Ok(true),
        Err(Errno::INTR) => return Ok(false),
        Err(errno) => return Err(errno),
    }
    let mut looks = [PollFd::new(reader, PollFlags::IN)];
    let slice = Timespec { tv_sec: 0, tv_nsec: SLICE.as_nanos() as i64 };
    match poll(&mut looks, Some(&slice)) {
        // Data, or a writer that came and went.
        Ok(found) => Ok(found > 0),
        Err(Errno::INTR) => Ok(false),
        Err(errno) => Err(errno),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{Mode, CWD};
    use std::fs::{File, OpenOptions};
    use std::io::{Read, Write};
    use std::path::PathBuf;
    use std::sync::atomic::{AtomicBool, Ordering};

    fn reading() -> OpenWish {
        OpenWish { read: true, ..OpenWish::default() }
    }

    fn writing() -> OpenWish {
        OpenWish { write: true, ..OpenWish::default() }
    }

    fn fifo() -> (tempfile::TempDir, PathBuf) {
        let here = tempfile::tempdir().expect("a directory");
        let path = here.path().join("fifo");
        let mode = Mode::RUSR | Mode::WUSR;
        rustix::fs::mknodat(CWD, &path, FileType::Fifo, mode, 0).expect("a fifo");
        (here, path)
    }

    fn wait_for(path: &Path, wish: OpenWish) -> File {
        let opened = open_pipe(path, wish, || false, |_| ()).expect("a peer");
        let flags = fcntl_getfl(&opened).expect("flags");
        assert!(!flags.contains(OFlags::NONBLOCK), "it blocks again");
        opened.into()
    }

    #[test]
    fn peers_may_come_later() {
        let (_here, path) = fifo();
        for (ours, theirs) in [(reading(), writing()), (writing(), reading())] {
            let is_open = AtomicBool::new(false);
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    std::thread::sleep(Duration::from_millis(50));
                    assert!(!is_open.load(Ordering::SeqCst), "before the peer was there");
                    let _peer = OpenOptions::new()
                        .read(theirs.read)
                        .write(theirs.write)
                        .open(&path)
                        .expect("the fifo is there");
                    // Silent and there until the other one has noticed.
                    while !is_open.load(Ordering::SeqCst) {
                        std::thread::sleep(Duration::from_millis(1));
                    }
                });
                let _ours = wait_for(&path, ours);
                is_open.store(true, Ordering::SeqCst);
            });
        }
    }

    #[test]
    fn both_ends_may_wait_for_each_other_and_nothing_is_lost() {
        let (_here, path) = fifo();
        std::thread::scope(|scope| {
            scope.spawn(|| wait_for(&path, writing()).write_all(b"all of it").expect("a reader"));
            let mut found = String::new();
            wait_for(&path, reading()).read_to_string(&mut found).expect("a writer");
            assert_eq!(found, "all of it");
        });
    }

    #[test]
    fn a_wait_ends_when_it_is_over_and_is_told_of_once() {
        let (_here, path) = fifo();
        for (wish, whom) in [(reading(), "writer"), (writing(), "reader")] {
            let (begun, mut told) = (Instant::now(), Vec::new());
            let is_over = || begun.elapsed() > Duration::from_millis(1300);
            let ended = open_pipe(&path, wish, is_over, |words| told.push(words.to_owned()));
            assert_eq!(ended.expect_err("nobody came").errno(), Some(libc::ECANCELED));
            let words = format!("waits for a {whom} at the other end of {}", path.display());
            assert_eq!(told, [words]);
        }
    }

    #[test]
    fn what_is_no_fifo_or_has_both_ends_waits_for_nobody() {
        let (here, path) = fifo();
        let both = OpenWish { read: true, ..writing() };
        open_pipe(&path, both, || true, |_| ()).expect("both ends");
        let socket = here.path().join("socket");
        let _held = std::os::unix::net::UnixListener::bind(&socket).expect("a socket");
        let said = open_pipe(&socket, writing(), || true, |_| ()).expect_err("no file").to_string();
        assert!(said.contains("there is no device behind the name"), "{said}");
    }
}
