//! Where a socket is or goes to: names to addresses, addresses to words, sockets with the options
//! that a job asks for.
//!
//! Called by `stream` and `datagram`. Connects and waits for nothing.

use crate::options::{Protocol, Settings};
use iodyno_engine_api::Error;
use rustix::fd::{AsFd, AsRawFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::{sockopt, AddressFamily, SocketAddrAny, SocketFlags, SocketType};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::time::Duration;

/// When a silent TCP peer is asked for a sign of life, how often, and how many times at most.
const SILENT_FOR: Duration = Duration::from_secs(15);
const ASKED_EVERY: Duration = Duration::from_secs(5);
const ASKED_TIMES: u32 = 3;

/// What went wrong, and what the system said to it.
pub(crate) fn failed(doing: impl std::fmt::Display) -> impl FnOnce(Errno) -> Error {
    move |errno| {
        let why = std::io::Error::from(errno);
        Error::new(errno.raw_os_error(), format!("{doing}: {why}"))
    }
}

/// The first address of the host that the protocol can use.
pub(crate) fn resolve(settings: &Settings, port: u16) -> Result<SocketAddr, Error> {
    let host = settings.host.as_deref().unwrap_or_default();
    let found = (host, port).to_socket_addrs().map_err(|why| {
        // Names have errors of their own, which are no errno.
        let errno = why.raw_os_error().unwrap_or(libc::ENXIO);
        Error::new(errno, format!("hostname={host}: {why}"))
    })?;
    let v6 = settings.protocol.is_v6();
    found.into_iter().find(|address| address.is_ipv6() == v6).ok_or_else(|| {
        let family = if v6 { "IPv6" } else { "IPv4" };
        let name = settings.protocol.name();
        let words = format!("hostname={host}: it has no {family} address, for protocol={name}");
        Error::new(libc::EAFNOSUPPORT, words)
    })
}

/// Where a listener listens.
pub(crate) fn local(settings: &Settings) -> SocketAddr {
    let any = match settings.protocol.is_v6() {
        true => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        false => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
    };
    SocketAddr::new(settings.interface.unwrap_or(any), settings.port)
}

/// A socket with what the job asks of it; closed on exec.
pub(crate) fn socket(settings: &Settings, flags: SocketFlags) -> Result<OwnedFd, Error> {
    let family = match settings.protocol {
        Protocol::Tcp | Protocol::Udp => AddressFamily::INET,
        Protocol::Tcpv6 | Protocol::Udpv6 => AddressFamily::INET6,
        Protocol::Unix => AddressFamily::UNIX,
    };
    let kind = if settings.protocol.is_udp() { SocketType::DGRAM } else { SocketType::STREAM };
    let name = settings.protocol.name();
    let fd = rustix::net::socket_with(family, kind, flags | SocketFlags::CLOEXEC, None)
        .map_err(failed(format!("a socket for protocol={name}")))?;
    if settings.protocol.is_v6() {
        sockopt::set_ipv6_v6only(&fd, true).map_err(failed("IPV6_V6ONLY"))?;
    }
    if let Some(bytes) = settings.window {
        let doing = || format!("window_size={bytes}");
        sockopt::set_socket_send_buffer_size(&fd, bytes).map_err(failed(doing()))?;
        sockopt::set_socket_recv_buffer_size(&fd, bytes).map_err(failed(doing()))?;
    }
    if settings.protocol.is_tcp() {
        keep_alive(&fd).map_err(failed("SO_KEEPALIVE"))?;
    }
    if settings.nodelay {
        sockopt::set_tcp_nodelay(&fd, true).map_err(failed("nodelay=1"))?;
    }
    if let Some(bytes) = settings.mss {
        set_mss(&fd, bytes).map_err(failed(format!("mss={bytes}")))?;
    }
    Ok(fd)
}

/// A connection that is silent is asked whether its peer is still there: nothing else tells a
/// reader of one whose machine has gone. Accepted connections inherit it.
fn keep_alive(fd: &OwnedFd) -> Result<(), Errno> {
    sockopt::set_tcp_keepidle(fd, SILENT_FOR)?;
    sockopt::set_tcp_keepintvl(fd, ASKED_EVERY)?;
    sockopt::set_tcp_keepcnt(fd, ASKED_TIMES)?;
    sockopt::set_socket_keepalive(fd, true)
}

fn set_mss(fd: &OwnedFd, bytes: u32) -> Result<(), Errno> {
    let len = size_of::<u32>() as libc::socklen_t;
    let value = (&raw const bytes).cast();
    // SAFETY: a descriptor of ours, and four bytes to read during the call.
    let done = unsafe {
        libc::setsockopt(fd.as_raw_fd(), libc::IPPROTO_TCP, libc::TCP_MAXSEG, value, len)
    };
    match done {
        0 => Ok(()),
        _ => Err(Errno::from_raw_os_error(iodyno_engine_support::errno::last())),
    }
}

/// Words for an address; an unnamed unix socket has none.
fn words(address: &SocketAddrAny) -> String {
    if let Ok(address) = SocketAddr::try_from(address.clone()) {
        return address.to_string();
    }
    let unix = rustix::net::SocketAddrUnix::try_from(address.clone()).ok();
    let path = unix.as_ref().and_then(|unix| unix.path());
    path.map_or_else(|| "unnamed".to_owned(), |path| path.to_string_lossy().into_owned())
}

/// The socket's own address, in words.
pub(crate) fn own(fd: impl AsFd) -> String {
    rustix::net::getsockname(fd).map_or_else(|why| why.to_string(), |address| words(&address))
}

/// The address at its other end, in words.
pub(crate) fn peer(fd: impl AsFd) -> String {
    let peer = rustix::net::getpeername(fd);
    peer.ok().flatten().map_or_else(|| "none".to_owned(), |address| words(&address))
}

/// The port that a socket is bound to.
pub(crate) fn port_of(fd: impl AsFd) -> Result<u16, Error> {
    let own = rustix::net::getsockname(fd).map_err(failed("getsockname"))?;
    Ok(SocketAddr::try_from(own).map_or(0, |address| address.port()))
}
