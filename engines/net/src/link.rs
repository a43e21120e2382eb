//! Data over a connection: one system call a request, and its echo where `pingpong` asks for it.
//!
//! Called by `engine` for each request, on the worker's thread. A call that blocks looks from time
//! to time whether the run is to end. Allocates nothing, and continues nothing that ended short:
//! the host does, but for the echoes of `pingpong`, which are whole or an error.

use crate::address;
use crate::datagram::{self, Datagrams};
use crate::options::Settings;
use crate::stream::{self, Stream};
use crate::wake::{Waker, LOOK_EVERY};
use iodyno_engine_api::{Error, Host};
use iodyno_engine_support::errno::Errno;
use rustix::fd::{AsFd, AsRawFd, BorrowedFd};
use rustix::io::Errno as Why;
use rustix::net::sockopt::{set_socket_timeout, Timeout};
use rustix::net::{recv, send, RecvFlags, SendFlags};
use std::path::Path;
use std::time::{Duration, Instant};

/// How long the echo of a datagram is waited for: it, or the datagram, may be lost.
const ECHO_WITHIN: Duration = Duration::from_secs(1);

enum Wire {
    Stream(Stream),
    Datagrams(Datagrams),
}

/// A connection.
pub(crate) struct Link {
    wire: Wire,
    host: Host,
    /// Where the echoes of this writer's data go to; empty without `pingpong`.
    scratch: Vec<u8>,
    pingpong: bool,
    writes: bool,
    /// The peer said that no more will come.
    over: bool,
    /// An echo is late: it may still come.
    owed: bool,
}

impl Link {
    /// Waits for the peer, or finds it.
    pub(crate) fn new(
        settings: &Settings,
        target: &Path,
        max_bs: usize,
        host: &Host,
        waker: &Waker,
    ) -> Result<Link, Error> {
        let wire = match (settings.protocol.is_udp(), settings.listens) {
            (false, true) => Wire::Stream(stream::accept(settings, target, host, waker)?),
            (false, false) => Wire::Stream(stream::connect(settings, target, waker)?),
            (true, true) => Wire::Datagrams(datagram::accept(settings, host, waker)?),
            (true, false) => Wire::Datagrams(datagram::connect(settings, waker)?),
        };
        let echoes = settings.pingpong && settings.writes;
        let link = Link {
            wire,
            host: host.clone(),
            scratch: vec![0; if echoes { max_bs } else { 0 }],
            pingpong: settings.pingpong,
            writes: settings.writes,
            over: false,
            owed: false,
        };
        for way in [Timeout::Recv, Timeout::Send] {
            set_socket_timeout(link.fd(), way, Some(LOOK_EVERY))
                .map_err(address::failed("a time limit for the socket"))?;
        }
        Ok(link)
    }

    fn fd(&self) -> BorrowedFd<'_> {
        match &self.wire {
            Wire::Stream(stream) => stream.fd.as_fd(),
            Wire::Datagrams(datagrams) => datagrams.fd.as_fd(),
        }
    }

    /// The descriptor, to show.
    pub(crate) fn raw_fd(&self) -> i32 {
        self.fd().as_raw_fd()
    }

    /// Both ends, in words.
    pub(crate) fn ends(&self) -> (String, String) {
        let to = match &self.wire {
            Wire::Datagrams(Datagrams { to: Some(to), .. }) => to.to_string(),
            _ => address::peer(self.fd()),
        };
        (address::own(self.fd()), to)
    }

    /// Ends it in order.
    pub(crate) fn close(self, waker: &Waker) {
        if let Wire::Datagrams(datagrams) = &self.wire {
            datagrams.close(self.writes, waker);
        }
    }

    /// What ended short because the run is to end is given up: a slow peer could make it last.
    #[inline]
    fn unless_over(&self, done: usize, asked: usize) -> Result<usize, Errno> {
        match done == asked || !self.host.terminated() {
            true => Ok(done),
            false => Err(libc::ECANCELED),
        }
    }

    /// A call that did not go well: made again, or the request's error.
    #[cold]
    fn again(&self, why: Why) -> Result<(), Errno> {
        match why {
            Why::INTR => Ok(()),
            Why::AGAIN if self.host.terminated() => Err(libc::ECANCELED),
            Why::AGAIN => Ok(()),
            other => Err(other.raw_os_error()),
        }
    }

    /// Receives: bytes, 0 = the peer has ended.
    #[inline]
    pub(crate) fn read(&mut self, buf: &mut [u8]) -> Result<u64, Errno> {
        let got = match (&self.wire, self.pingpong) {
            (Wire::Stream(_), false) => self.receive(buf)?,
            (Wire::Stream(_), true) => {
                let got = self.receive_all(buf)?;
                self.send_all(&buf[..got])?;
                got
            }
            (Wire::Datagrams(_), pingpong) => {
                let got = self.receive_datagram(buf)?;
                if pingpong && got > 0 {
                    self.send(&buf[..got])?;
                }
                got
            }
        };
        Ok(got as u64)
    }

    /// Sends: bytes.
    #[inline]
    pub(crate) fn write(&mut self, buf: &[u8]) -> Result<u64, Errno> {
        let sent = match (&self.wire, self.pingpong) {
            (_, false) => self.send(buf)?,
            (Wire::Stream(_), true) => {
                self.send_all(buf)?;
                self.stream_echo(buf.len())?;
                buf.len()
            }
            (Wire::Datagrams(_), true) => {
                self.drop_late_echoes();
                let sent = self.send(buf)?;
                self.datagram_echo(sent)?;
                sent
            }
        };
        Ok(sent as u64)
    }

    #[inline]
    fn receive(&self, buf: &mut [u8]) -> Result<usize, Errno> {
        loop {
            match recv(self.fd(), &mut *buf, RecvFlags::WAITALL) {
                Ok((got, _)) => return self.unless_over(got, buf.len()),
                Err(why) => self.again(why)?,
            }
        }
    }

    /// As much as fits, but for the end of the stream.
    fn receive_all(&self, buf: &mut [u8]) -> Result<usize, Errno> {
        let mut got = 0;
        while got < buf.len() {
            match self.receive(&mut buf[got..])? {
                0 => break,
                more => got += more,
            }
        }
        Ok(got)
    }

    #[inline]
    fn send(&self, buf: &[u8]) -> Result<usize, Errno> {
        loop {
            let sent = match &self.wire {
                Wire::Stream(stream) => send(&stream.fd, buf, SendFlags::NOSIGNAL),
                Wire::Datagrams(datagrams) => datagrams.send(buf),
            };
            match sent {
                Ok(sent) => return self.unless_over(sent, buf.len()),
                Err(why) => self.again(why)?,
            }
        }
    }

    fn send_all(&self, mut buf: &[u8]) -> Result<(), Errno> {
        while !buf.is_empty() {
            buf = &buf[self.send(buf)?..];
        }
        Ok(())
    }

    fn stream_echo(&mut self, len: usize) -> Result<(), Errno> {
        let mut scratch = std::mem::take(&mut self.scratch);
        let got = self.receive_all(&mut scratch[..len]);
        self.scratch = scratch;
        match got? {
            got if got == len => Ok(()),
            _ => Err(libc::ECONNRESET),
        }
    }

    /// One datagram of data; messages are answered on the way.
    fn receive_datagram(&mut self, buf: &mut [u8]) -> Result<usize, Errno> {
        while !self.over {
            let Wire::Datagrams(datagrams) = &mut self.wire else { return Ok(0) };
            let (got, whole) = match datagrams.receive(buf) {
                Ok(came) => came,
                Err(why) => {
                    self.again(why)?;
                    self.probe(why);
                    continue;
                }
            };
            if got == datagram::CLOSE.len() && buf[..got] == datagram::CLOSE[..] {
                self.over = true;
                // The writer may have heard of nothing and be gone: it waits for a while only.
                let _gone = self.send(datagram::CLOSE);
            } else if got == datagram::OPEN.len() && buf[..got] == datagram::OPEN[..] {
                // The first answer was lost.
                self.send(datagram::ACK)?;
            } else if whole > got {
                return Err(libc::EMSGSIZE);
            } else if got > 0 {
                return self.unless_over(got, buf.len());
            }
        }
        Ok(0)
    }

    #[cold]
    fn probe(&self, why: Why) {
        if let (Wire::Datagrams(datagrams), Why::AGAIN) = (&self.wire, why) {
            datagrams.probe();
        }
    }

    fn datagram_echo(&mut self, len: usize) -> Result<(), Errno> {
        let end = Instant::now() + ECHO_WITHIN;
        while Instant::now() < end {
            let mut scratch = std::mem::take(&mut self.scratch);
            let came = recv(self.fd(), &mut scratch[..len], RecvFlags::TRUNC);
            self.scratch = scratch;
            match came {
                // An answer to another OPEN than the first is none to this.
                Ok((got, whole)) if whole == len && self.scratch[..got] != datagram::ACK[..] => {
                    return Ok(());
                }
                Ok(_) => {}
                Err(why) => self.again(why)?,
            }
        }
        self.owed = true;
        Err(libc::ETIMEDOUT)
    }

    /// What came too late for its own request is no answer to the next one.
    fn drop_late_echoes(&mut self) {
        if std::mem::take(&mut self.owed) {
            let mut any = [0; 1];
            while recv(self.fd(), &mut any, RecvFlags::DONTWAIT | RecvFlags::TRUNC).is_ok() {}
        }
    }
}

/// Words for what a request ended with.
pub(crate) fn words(errno: Errno) -> &'static str {
    match errno {
        libc::EPIPE | libc::ECONNRESET => {
            "the peer has ended the connection, or is gone (a writer's peer has to read as much as \
             it writes)"
        }
        libc::ECONNREFUSED => "the peer does not listen any more (it has ended, or is gone)",
        libc::ETIMEDOUT => "the peer did not answer in time: the data or its echo was lost",
        libc::EMSGSIZE => {
            "a datagram does not fit: writer and reader need the same bs, and UDP carries 65507 \
             bytes at most (65527 over IPv6)"
        }
        libc::ENOTCONN => "there is no connection: the target is not open",
        libc::ECANCELED => "interrupted: the run is to end",
        libc::EOPNOTSUPP => "net reads and writes, and does nothing else",
        libc::EBADF => "the job was made to go the other way: it reads or writes, never both",
        _ => "",
    }
}
