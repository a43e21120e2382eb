//! UDP: how writer and reader find each other, and how the reader learns of the end.
//!
//! The reader listens. The writer sends [`OPEN`] until the reader answers [`ACK`], then data, and
//! at last [`CLOSE`] until the reader answers with the same. A reader that hears nothing for a
//! while repeats its [`ACK`], and so learns of a writer that is gone. Messages are datagrams of
//! their own that no data is taken for. What is lost on the way stays lost: nothing is sent twice
//! but these.
//! A multicast group knows no beginning, and its end is told without an answer.

use crate::address::{self, failed};
use crate::options::Settings;
use crate::portfile::{self, Portfile};
use crate::stream::announce;
use crate::wake::Waker;
use iodyno_engine_api::{Error, Host};
use rustix::event::PollFlags;
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::{sockopt, RecvFlags, SendFlags, SocketFlags};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV6};
use std::path::Path;
use std::time::{Duration, Instant};

/// Writer to reader: are you there?
pub(crate) const OPEN: &[u8; 24] = b"\xd9\x01iodyno.net/1 \xd9\x01 open \0";
/// Reader to writer: send.
pub(crate) const ACK: &[u8; 24] = b"\xd9\x01iodyno.net/1 \xd9\x01 ack  \0";
/// Either way: no more.
pub(crate) const CLOSE: &[u8; 24] = b"\xd9\x01iodyno.net/1 \xd9\x01 close\0";

/// Between two messages of the same kind.
const AGAIN_AFTER: Duration = Duration::from_millis(50);

/// How long a writer waits for the reader's word at the end: a reader that is slow may have to read
/// what its socket holds before there is room for the message.
const FAREWELL: Duration = Duration::from_secs(2);

/// How often a multicast group is told of the end.
const CLOSES_TO_GROUP: u32 = 3;

/// A way to send and receive datagrams.
pub(crate) struct Datagrams {
    pub(crate) fd: OwnedFd,
    /// The group that they go to; none where the socket is connected.
    pub(crate) to: Option<SocketAddr>,
    /// The peer is known; a multicast reader hears of it with the first datagram.
    has_met: bool,
    _portfile: Option<Portfile>,
}

impl Datagrams {
    /// Sends one.
    #[inline]
    pub(crate) fn send(&self, data: &[u8]) -> Result<usize, Errno> {
        match &self.to {
            None => rustix::net::send(&self.fd, data, SendFlags::NOSIGNAL),
            Some(to) => rustix::net::sendto(&self.fd, data, SendFlags::NOSIGNAL, to),
        }
    }

    /// Receives one: bytes that fitted, and bytes that it has.
    #[inline]
    pub(crate) fn receive(&mut self, buf: &mut [u8]) -> Result<(usize, usize), Errno> {
        if self.has_met {
            return rustix::net::recv(&self.fd, buf, RecvFlags::TRUNC);
        }
        let (got, whole, from) = rustix::net::recvfrom(&self.fd, buf, RecvFlags::TRUNC)?;
        if let Some(writer) = from {
            rustix::net::connect(&self.fd, &writer)?;
            self.has_met = true;
        }
        Ok((got, whole))
    }

    /// Asks for a sign of life from a writer that is silent: of one that is gone, the next call
    /// hears by an error, where the network tells of it.
    #[cold]
    pub(crate) fn probe(&self) {
        if self.to.is_none() && self.has_met {
            let _lost = self.send(ACK);
        }
    }

    /// Tells the peer of the end and, as the writer, waits until it has heard of it.
    pub(crate) fn close(&self, writes: bool, waker: &Waker) {
        if self.to.is_some() {
            // Nobody knows how many listen: all are told, more than once, and none is asked.
            for _ in 0..CLOSES_TO_GROUP {
                let _lost = self.send(CLOSE);
                if waker.pause(AGAIN_AFTER).is_err() {
                    return;
                }
            }
            return;
        }
        if !self.has_met {
            return;
        }
        // Room for the answer, where the reader's signs of life have piled up.
        if writes && hears(&self.fd, CLOSE) != Heard::Nothing {
            return;
        }
        let end = Instant::now() + FAREWELL;
        // Whoever is gone needs no farewell.
        while self.send(CLOSE).is_ok() && writes && Instant::now() < end {
            let wait = waker.wait(Some(self.fd.as_fd()), PollFlags::IN, Some(soon()));
            match wait {
                Ok(true) if hears(&self.fd, CLOSE) != Heard::Nothing => return,
                Ok(_) => {}
                Err(_) => return,
            }
        }
    }
}

fn soon() -> Instant {
    Instant::now() + AGAIN_AFTER
}

#[derive(PartialEq, Eq)]
enum Heard {
    Nothing,
    It,
    NobodyThere,
}

/// Takes what has come, up to this message.
fn hears(fd: &OwnedFd, message: &[u8; 24]) -> Heard {
    let mut buf = [0; 32];
    loop {
        match rustix::net::recv(fd, &mut buf, RecvFlags::DONTWAIT | RecvFlags::TRUNC) {
            Ok((n, _)) if buf[..n] == message[..] => return Heard::It,
            Ok(_) | Err(Errno::INTR) => {}
            Err(Errno::CONNREFUSED) => return Heard::NobodyThere,
            Err(_) => return Heard::Nothing,
        }
    }
}

/// The reader: waits for a writer. One of a multicast group waits for nobody: it hears whoever
/// sends first.
pub(crate) fn accept(settings: &Settings, host: &Host, waker: &Waker) -> Result<Datagrams, Error> {
    let fd = address::socket(settings, SocketFlags::empty())?;
    if settings.multicast {
        let group = address::resolve(settings, settings.port)?;
        // Several readers hear one group.
        sockopt::set_socket_reuseaddr(&fd, true).map_err(failed("SO_REUSEADDR"))?;
        join(settings, &fd, group)?;
        rustix::net::bind(&fd, &group).map_err(failed(format!("bind {group}")))?;
        let portfile = announce(settings, host, &fd)?;
        return Ok(Datagrams { fd, to: None, has_met: false, _portfile: portfile });
    }
    let place = address::local(settings);
    rustix::net::bind(&fd, &place).map_err(failed(format!("bind {place}")))?;
    let portfile = announce(settings, host, &fd)?;
    let deadline = settings.accept_timeout.map(|time| Instant::now() + time);
    let mut buf = [0; 32];
    loop {
        if !waker.wait(Some(fd.as_fd()), PollFlags::IN, deadline)? {
            let words = format!("no writer came to {} in time", address::own(&fd));
            return Err(Error::new(libc::ETIMEDOUT, format!("{words} (accept_timeout)")));
        }
        let flags = RecvFlags::DONTWAIT | RecvFlags::TRUNC;
        let Ok((n, _, Some(writer))) = rustix::net::recvfrom(&fd, &mut buf, flags) else {
            continue;
        };
        if buf[..n] != OPEN[..] {
            continue;
        }
        // From now on this writer alone is heard.
        rustix::net::connect(&fd, &writer).map_err(failed("connect to the writer"))?;
        let answered = rustix::net::send(&fd, ACK, SendFlags::NOSIGNAL);
        answered.map_err(failed("answer the writer"))?;
        return Ok(Datagrams { fd, to: None, has_met: true, _portfile: portfile });
    }
}

fn join(settings: &Settings, fd: &OwnedFd, group: SocketAddr) -> Result<(), Error> {
    let joined = match group {
        SocketAddr::V4(group) => {
            sockopt::set_ip_add_membership(fd, group.ip(), &interface(settings))
        }
        SocketAddr::V6(group) => sockopt::set_ipv6_add_membership(fd, group.ip(), group.scope_id()),
    };
    joined.map_err(failed(format!("join the group {}", group.ip())))
}

fn interface(settings: &Settings) -> Ipv4Addr {
    match settings.interface {
        Some(IpAddr::V4(address)) => address,
        _ => Ipv4Addr::UNSPECIFIED,
    }
}

fn send_to_group(settings: &Settings, fd: &OwnedFd, group: SocketAddr) -> Result<(), Error> {
    let hops = settings.ttl.unwrap_or(1);
    let done = match group {
        SocketAddr::V4(_) => sockopt::set_ip_multicast_ttl(fd, hops)
            .and_then(|()| sockopt::set_ip_multicast_if(fd, &interface(settings))),
        SocketAddr::V6(group) => sockopt::set_ipv6_multicast_hops(fd, hops)
            .and_then(|()| sockopt::set_ipv6_multicast_if(fd, SocketAddrV6::scope_id(&group))),
    };
    done.map_err(failed(format!("send to the group {}", group.ip())))
}

/// The writer: looks for its reader. One to a multicast group sends to whoever listens, if anybody.
pub(crate) fn connect(settings: &Settings, waker: &Waker) -> Result<Datagrams, Error> {
    if settings.multicast {
        let group = address::resolve(settings, settings.port)?;
        let fd = address::socket(settings, SocketFlags::empty())?;
        send_to_group(settings, &fd, group)?;
        return Ok(Datagrams { fd, to: Some(group), has_met: true, _portfile: None });
    }
    let deadline = Instant::now() + settings.connect_timeout;
    // A name is asked for once, and not before each attempt.
    let mut to = address::resolve(settings, 0)?;
    loop {
        if let Some(port) = port(settings)? {
            to.set_port(port);
            if let Some(found) = knock(settings, to, waker, deadline)? {
                return Ok(found);
            }
        }
        if Instant::now() >= deadline {
            let host = settings.host.as_deref().unwrap_or_default();
            let words = format!("no reader answered at {host} in time (connect_timeout)");
            return Err(Error::new(libc::ETIMEDOUT, words));
        }
        waker.pause(AGAIN_AFTER)?;
    }
}

fn port(settings: &Settings) -> Result<Option<u16>, Error> {
    match settings.portfile.as_deref() {
        None => Ok(Some(settings.port)),
        Some(path) => portfile::read(Path::new(path)),
    }
}

/// Asks until somebody answers; none where that port is nobody's, or time is over.
fn knock(
    settings: &Settings,
    to: SocketAddr,
    waker: &Waker,
    deadline: Instant,
) -> Result<Option<Datagrams>, Error> {
    let fd = address::socket(settings, SocketFlags::empty())?;
    // Connected, the socket hears of a port that nobody listens on.
    rustix::net::connect(&fd, &to).map_err(failed(format!("connect to {to}")))?;
    let found = Datagrams { fd, to: None, has_met: true, _portfile: None };
    // A portfile of an earlier run may name a port where somebody else listens, in silence.
    let again = Instant::now() + 10 * AGAIN_AFTER;
    let end = if settings.connect_timeout.is_zero() { again } else { deadline.min(again) };
    while Instant::now() < end {
        match found.send(OPEN) {
            Ok(_) => {}
            Err(Errno::CONNREFUSED) => return Ok(None),
            Err(errno) => return Err(failed("send to the reader")(errno)),
        }
        if waker.wait(Some(found.fd.as_fd()), PollFlags::IN, Some(soon()))? {
            match hears(&found.fd, ACK) {
                Heard::It => return Ok(Some(found)),
                Heard::NobodyThere => return Ok(None),
                Heard::Nothing => {}
            }
        }
    }
    Ok(None)
}
