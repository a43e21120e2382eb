//! Stream connections, TCP and unix: a listener takes the first peer that comes, a connector tries
//! until its peer is there.
//!
//! Called by `engine` in `open_file`, on the worker's thread. All waits end with `terminate`. Moves
//! no data.

use crate::address::{self, failed};
use crate::options::{Protocol, Settings};
use crate::portfile::{self, Portfile};
use crate::wake::Waker;
use iodyno_engine_api::host::Level;
use iodyno_engine_api::{Error, Host};
use rustix::event::PollFlags;
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::{sockopt, AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Between two attempts to connect.
const AGAIN_AFTER: Duration = Duration::from_millis(20);

/// A peer that is not there yet looks like this.
const NOT_YET: [Errno; 5] =
    [Errno::CONNREFUSED, Errno::NOENT, Errno::AGAIN, Errno::CONNRESET, Errno::TIMEDOUT];

/// A socket file of ours.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    /// Device and inode: which file it is.
    identity: Option<(u64, u64)>,
}

impl SocketFile {
    fn of(path: &Path) -> SocketFile {
        SocketFile { path: path.to_owned(), identity: identity(path) }
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Somebody may have removed it, or have put one of his own there.
        if self.identity.is_some() && identity(&self.path) == self.identity {
            drop(std::fs::remove_file(&self.path));
        }
    }
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    std::fs::symlink_metadata(path).ok().map(|found| (found.dev(), found.ino()))
}

/// A connection, and what shows others the way to it for as long as it lasts.
pub(crate) struct Stream {
    pub(crate) fd: OwnedFd,
    _portfile: Option<Portfile>,
    _socket_file: Option<SocketFile>,
}

/// Leaves the port of a listener where it is looked for: in the portfile, or, where the kernel
/// chose it and there is no such file, in the run's messages.
pub(crate) fn announce(
    settings: &Settings,
    host: &Host,
    fd: impl AsFd,
) -> Result<Option<Portfile>, Error> {
    let port = address::port_of(&fd)?;
    match &settings.portfile {
        Some(path) => Portfile::write(path, port).map(Some),
        None => {
            if settings.port == 0 {
                let (own, name) = (address::own(&fd), settings.protocol.name());
                host.log(Level::Info, &format!("job {} listens on {own} ({name})", settings.job));
            }
            Ok(None)
        }
    }
}

/// Waits for the peer and takes it; further ones are refused from then on.
pub(crate) fn accept(
    settings: &Settings,
    target: &Path,
    host: &Host,
    waker: &Waker,
) -> Result<Stream, Error> {
    let listener = address::socket(settings, SocketFlags::NONBLOCK)?;
    let unix = settings.protocol == Protocol::Unix;
    let mut socket_file = None;
    if unix {
        clear(target)?;
        let doing = format!("bind {}", target.display());
        let place = SocketAddrUnix::new(target).map_err(failed(&doing))?;
        rustix::net::bind(&listener, &place).map_err(failed(doing))?;
        socket_file = Some(SocketFile::of(target));
    } else {
        let place = address::local(settings);
        sockopt::set_socket_reuseaddr(&listener, true).map_err(failed("SO_REUSEADDR"))?;
        rustix::net::bind(&listener, &place).map_err(failed(format!("bind {place}")))?;
    }
    rustix::net::listen(&listener, 1).map_err(failed("listen"))?;
    let portfile = if unix { None } else { announce(settings, host, &listener)? };
    let deadline = settings.accept_timeout.map(|time| Instant::now() + time);
    loop {
        if !waker.wait(Some(listener.as_fd()), PollFlags::IN, deadline)? {
            let words = format!("nobody connected to {} in time", address::own(&listener));
            return Err(Error::new(libc::ETIMEDOUT, format!("{words} (accept_timeout)")));
        }
        match rustix::net::accept_with(&listener, SocketFlags::CLOEXEC) {
            Ok(fd) => {
                return Ok(Stream { fd, _portfile: portfile, _socket_file: socket_file });
            }
            // A peer that went away again before it was taken.
            Err(Errno::AGAIN | Errno::CONNABORTED | Errno::PROTO | Errno::INTR) => {}
            Err(errno) => return Err(failed("accept")(errno)),
        }
    }
}

/// Removes a socket file that nobody listens on any more. Nothing else is removed.
fn clear(path: &Path) -> Result<(), Error> {
    let Ok(found) = std::fs::symlink_metadata(path) else { return Ok(()) };
    let in_the_way = |what: &str| {
        Err(Error::new(libc::EADDRINUSE, format!("{}: {what} in the way", path.display())))
    };
    if !found.file_type().is_socket() {
        return in_the_way("something other than a socket is");
    }
    let doing = || path.display().to_string();
    let place = SocketAddrUnix::new(path).map_err(failed(doing()))?;
    // A socket of another type than a listener's is never taken for its peer, and never waits.
    let kind = (AddressFamily::UNIX, SocketType::DGRAM);
    let probe = rustix::net::socket_with(kind.0, kind.1, SocketFlags::CLOEXEC, None)
        .map_err(failed(doing()))?;
    match rustix::net::connect(&probe, &place) {
        Err(Errno::CONNREFUSED) => {
            let removed = std::fs::remove_file(path);
            removed
                .map_err(|why| Error::new(libc::EADDRINUSE, format!("{}: {why}", path.display())))
        }
        _ => in_the_way("the socket of another listener is"),
    }
}

/// Connects, again and again until the peer is there or `connect_timeout` is over.
pub(crate) fn connect(settings: &Settings, target: &Path, waker: &Waker) -> Result<Stream, Error> {
    let deadline = Instant::now() + settings.connect_timeout;
    // A name is asked for once, and not before each attempt.
    let host = match settings.protocol {
        Protocol::Unix => None,
        _ => Some(address::resolve(settings, 0)?),
    };
    // A single attempt lasts as long as the system lets it.
    let limit = (!settings.connect_timeout.is_zero()).then_some(deadline);
    loop {
        let (place, outcome) = match host {
            None => attempt_path(settings, target)?,
            Some(host) => attempt(settings, host, waker, limit)?,
        };
        let errno = match outcome {
            Ok(fd) => return Ok(Stream { fd, _portfile: None, _socket_file: None }),
            Err(errno) => errno,
        };
        if !NOT_YET.contains(&errno) || Instant::now() >= deadline {
            let late = match NOT_YET.contains(&errno) {
                true => ": nobody took the connection within connect_timeout",
                false => "",
            };
            let words = format!("connect to {place}{late}");
            return Err(Error::new(errno.raw_os_error(), words));
        }
        waker.pause(AGAIN_AFTER)?;
    }
}

type Attempt = (String, Result<OwnedFd, Errno>);

/// One attempt over a path: where to, and how it went. A listener whose queue is full answers
/// that it is not ready; waiting for it in the call could not be ended.
fn attempt_path(settings: &Settings, target: &Path) -> Result<Attempt, Error> {
    let place = target.display().to_string();
    let to = SocketAddrUnix::new(target).map_err(failed(format!("connect to {place}")))?;
    let fd = address::socket(settings, SocketFlags::NONBLOCK)?;
    let outcome = rustix::net::connect(&fd, &to);
    Ok((place, outcome.and_then(|()| blocking(fd))))
}

/// From now on, calls wait.
fn blocking(fd: OwnedFd) -> Result<OwnedFd, Errno> {
    rustix::io::ioctl_fionbio(&fd, false)?;
    Ok(fd)
}

/// One attempt over IP: where to, and how it went.
fn attempt(
    settings: &Settings,
    host: SocketAddr,
    waker: &Waker,
    limit: Option<Instant>,
) -> Result<Attempt, Error> {
    let port = match &settings.portfile {
        None => settings.port,
        Some(path) => match portfile::read(path)? {
            Some(port) => port,
            None => return Ok((format!("the port in {}", path.display()), Err(Errno::NOENT))),
        },
    };
    let mut to = host;
    to.set_port(port);
    let fd = address::socket(settings, SocketFlags::NONBLOCK)?;
    let outcome = match rustix::net::connect(&fd, &to) {
        Err(Errno::INPROGRESS | Errno::INTR) => {
            match waker.wait(Some(fd.as_fd()), PollFlags::OUT, limit)? {
                true => sockopt::socket_error(&fd).and_then(|outcome| outcome),
                false => Err(Errno::TIMEDOUT),
            }
        }
        other => other,
    };
    let outcome = outcome.and_then(|()| is_another(&fd)).and_then(|()| blocking(fd));
    Ok((to.to_string(), outcome))
}

/// Where nobody listens on a port that the kernel gives to connectors, a socket may meet itself.
fn is_another(fd: &OwnedFd) -> Result<(), Errno> {
    let own = rustix::net::getsockname(fd).map(SocketAddr::try_from)?;
    let peer = rustix::net::getpeername(fd)?.map(SocketAddr::try_from);
    if Some(own) != peer {
        return Ok(());
    }
    // Otherwise the port would be taken for a while from whoever wants to listen on it.
    sockopt::set_socket_linger(fd, Some(Duration::ZERO))?;
    Err(Errno::CONNREFUSED)
}
