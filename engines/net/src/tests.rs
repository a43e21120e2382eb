//! net through its raw table, against plain sockets of the standard library.
//!
//! Ports are the kernel's choice and told by portfiles; waits are ended by the peer or by
//! `terminate`. Must not use an address that is not this machine's own.

use crate::datagram::{ACK, CLOSE, OPEN};
use crate::ioe_plugin_entry_v1;
use iodyno_engine_api::abi::*;
use iodyno_engine_api::testing::{self, file, request, TestHost, TestInstance, TestJob};
use rustix::fd::{BorrowedFd, OwnedFd};
use rustix::net::{AddressFamily, SocketType};
use std::ffi::{c_char, c_void, CStr, CString};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::{Duration, Instant};

fn ops() -> &'static ioe_ops {
    testing::ops(ioe_plugin_entry_v1)
}

const READ: u32 = 1 << IOE_OP_READ;
const WRITE: u32 = 1 << IOE_OP_WRITE;

/// Values in the order of the words: texts where the option is a text, else numbers.
fn job(op_mask: u32, options: &[(&str, &str)]) -> TestJob {
    let mut job = TestJob::new(ops(), 1);
    job.raw().op_mask = op_mask;
    for (name, value) in options {
        job = match *name {
            "hostname" | "portfile" | "interface" => job.set_text(name, value),
            _ => job.set(name, ioe_value_v { u: value.parse().unwrap() }),
        };
    }
    job
}

const UDP: (&str, &str) = ("protocol", "2");
const UNIX: (&str, &str) = ("protocol", "4");
const HOST: (&str, &str) = ("hostname", "127.0.0.1");
const LISTEN: (&str, &str) = ("listen", "1");
const LOOPBACK: (&str, &str) = ("interface", "127.0.0.1");
const PINGPONG: (&str, &str) = ("pingpong", "1");
const SOON: (&str, &str) = ("connect_timeout", "10000000000");
const NOW: (&str, &str) = ("connect_timeout", "0");

/// An instance and its target.
struct Rig<'a> {
    instance: TestInstance<'a>,
    target: Box<ioe_file>,
    name: CString,
}

impl<'a> Rig<'a> {
    fn new(host: &'a TestHost, job: &'a TestJob, name: &str) -> Rig<'a> {
        let instance = host.open(ops(), job).unwrap_or_else(|_| panic!("{:?}", host.errors()));
        let mut target = file(-1, IOE_KIND_NONE);
        let name = CString::new(name).unwrap();
        target.name = name.as_ptr();
        Rig { instance, target, name }
    }

    fn open(&mut self) -> ioe_status {
        assert_eq!(self.target.name, self.name.as_ptr());
        // SAFETY: instance and target live, and this is the job's thread.
        unsafe { ops().open_file.unwrap()(self.instance.inst, &mut *self.target) }
    }

    fn opened(host: &'a TestHost, job: &'a TestJob, name: &str) -> Rig<'a> {
        let mut rig = Rig::new(host, job, name);
        assert_eq!(rig.open(), 0, "{:?}", host.errors());
        rig
    }

    fn close(&mut self) {
        // SAFETY: as in open().
        assert_eq!(unsafe { ops().close_file.unwrap()(self.instance.inst, &mut *self.target) }, 0);
    }

    /// One request: bytes done, or its errno and the words for it.
    fn request(&mut self, op: u32, buf: &mut [u8]) -> Result<u64, (i32, String)> {
        let len = buf.len() as u64;
        let mut io = request(op, &mut *self.target, 0, buf);
        assert_eq!(self.instance.queue(&mut io), IOE_Q_COMPLETED);
        assert!(io.resid <= len);
        if io.error == 0 {
            return Ok(len - io.resid);
        }
        let mut words = [0 as c_char; 200];
        // SAFETY: a finished request and a buffer of 200 bytes, which the engine terminates.
        let words = unsafe {
            ops().errdetails.unwrap()(self.instance.inst, &*io, words.as_mut_ptr(), 200);
            CStr::from_ptr(words.as_ptr()).to_string_lossy().into_owned()
        };
        Err((io.error, words))
    }

    fn read(&mut self, len: usize) -> Result<Vec<u8>, (i32, String)> {
        let mut buf = vec![0; len];
        let got = self.request(IOE_OP_READ, &mut buf)?;
        buf.truncate(got as usize);
        Ok(buf)
    }

    fn write(&mut self, data: &[u8]) -> Result<u64, (i32, String)> {
        let mut buf = data.to_vec();
        let outcome = self.request(IOE_OP_WRITE, &mut buf);
        assert_eq!(buf, data, "a write leaves its source");
        outcome
    }

    /// Calls `terminate` after a while, from a thread of its own.
    fn terminate_soon(&self) -> std::thread::JoinHandle<()> {
        struct Inst(*mut c_void);
        // SAFETY: terminate may come from any thread.
        unsafe impl Send for Inst {}
        let inst = Inst(self.instance.inst);
        std::thread::spawn(move || {
            let inst = inst;
            std::thread::sleep(Duration::from_millis(100));
            // SAFETY: the caller joins this thread before the instance ends.
            unsafe { ops().terminate.unwrap()(inst.0) };
        })
    }
}

fn data(len: usize) -> Vec<u8> {
    (0..len).map(|n| (n * 7 % 251) as u8).collect()
}

fn port_in(path: &Path) -> u16 {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        if let Ok(port) = std::fs::read_to_string(path).unwrap_or_default().trim().parse() {
            return port;
        }
        assert!(Instant::now() < end, "no listener left its port");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A port that is taken, so that nobody can begin to listen there.
fn port_without_listener() -> (OwnedFd, u16) {
    let kind = (AddressFamily::INET, SocketType::STREAM);
    let fd = rustix::net::socket(kind.0, kind.1, None).unwrap();
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    rustix::net::bind(&fd, &any).unwrap();
    let port = crate::address::port_of(&fd).unwrap();
    (fd, port)
}

#[test]
fn what_cannot_work_is_refused_in_words() {
    let long = "x".repeat(300);
    let both = READ | WRITE;
    for (mask, options, words) in [
        (READ, &[][..], "hostname is missing"),
        (both, &[HOST, ("port", "1")], "reads or writes, never both"),
        (READ, &[HOST], "port is missing"),
        (READ, &[("hostname", ""), ("port", "1")], "no name or address"),
        (READ, &[("hostname", "a b"), ("port", "1")], "no name or address"),
        (READ, &[("hostname", long.as_str()), ("port", "1")], "no name or address"),
        (READ, &[HOST, ("port", "1"), ("portfile", "p")], "port and portfile"),
        (READ, &[("hostname", "::1"), ("port", "1")], "no address of protocol=tcp"),
        (WRITE, &[("protocol", "3"), HOST, ("port", "1")], "no address of protocol=udpv6"),
        (READ, &[HOST, ("portfile", "")], "portfile is empty"),
        (READ, &[HOST, LISTEN], "leave it out"),
        (READ, &[LISTEN, ("interface", "lo")], "no IP address"),
        (READ, &[LISTEN, ("interface", "::1")], "no address of protocol=tcp"),
        (READ, &[HOST, ("port", "1"), LOOPBACK], "interface has no effect"),
        (READ, &[LISTEN, ("ttl", "3")], "ttl has no effect"),
        (READ, &[UDP, HOST], "leave it out"),
        (WRITE, &[UDP, HOST, ("port", "1"), LISTEN], "the reader listens"),
        (WRITE, &[UDP, HOST, ("port", "1"), ("nodelay", "1")], "nodelay has no effect"),
        (READ, &[UDP, ("mss", "500")], "mss has no effect"),
        (WRITE, &[UDP], "hostname is missing"),
        (READ, &[UNIX, HOST], "hostname has no effect"),
        (READ, &[UNIX, ("port", "1")], "port has no effect"),
        (READ, &[UNIX, ("portfile", "p")], "portfile has no effect"),
        (READ, &[UNIX, LISTEN, LOOPBACK], "interface has no effect"),
        (READ, &[("protocol", "3"), ("hostname", "ff02::1%lo"), ("interface", "::1")], "names it"),
        (READ, &[("protocol", "9"), HOST, ("port", "1")], "no choice has value 9"),
    ] {
        let (host, job) = (TestHost::new(), job(mask, options));
        let status = host.open(ops(), &job).map(drop).unwrap_err();
        let errors = host.errors();
        assert_eq!(status, -libc::EINVAL, "{options:?}");
        assert!(errors[0].1.contains(words), "{options:?}: {errors:?}");
    }
    let mut clone = job(READ, &[HOST, ("port", "65530")]);
    clone.raw().job_index = 6;
    let host = TestHost::new();
    assert!(host.open(ops(), &clone).is_err());
    assert!(host.errors()[0].1.contains("above 65535"), "{:?}", host.errors());
}

#[test]
fn a_reader_connects_reads_and_sees_the_end() {
    let peer = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = peer.local_addr().unwrap().port().to_string();
    let (host, job) = (TestHost::new(), job(READ, &[HOST, ("port", &port), SOON]));
    let mut rig = Rig::opened(&host, &job, "");
    let (mut to, _) = peer.accept().unwrap();
    let sent = data(100_000);
    let sending = {
        let sent = sent.clone();
        std::thread::spawn(move || to.write_all(&sent))
    };
    let mut got = Vec::new();
    loop {
        let piece = rig.read(4096).unwrap();
        if piece.is_empty() {
            break;
        }
        got.extend(piece);
    }
    sending.join().unwrap().unwrap();
    assert_eq!(got, sent);
    assert_eq!(rig.read(4096).unwrap(), [], "an end stays one");
    assert_eq!(rig.write(&[1]).unwrap_err().0, libc::EBADF, "one way only");
    let unknown = rig.request(IOE_OP_FSYNC, &mut []).unwrap_err();
    assert_eq!(unknown.0, libc::EOPNOTSUPP);
    rig.close();
    assert_eq!(rig.read(1).unwrap_err().0, libc::ENOTCONN);
}

#[test]
fn a_listener_leaves_its_port_and_writes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("port");
    let portfile = ("portfile", path.to_str().unwrap());
    let (host, job) = (TestHost::new(), job(WRITE, &[LISTEN, LOOPBACK, portfile]));
    let mut rig = Rig::new(&host, &job, "");
    let reading = {
        let path = path.clone();
        std::thread::spawn(move || {
            let mut from = TcpStream::connect(("127.0.0.1", port_in(&path)))?;
            let mut got = Vec::new();
            from.read_to_end(&mut got).map(|_| got)
        })
    };
    assert_eq!(rig.open(), 0, "{:?}", host.errors());
    let sent = data(9000);
    for block in sent.chunks(1000) {
        assert_eq!(rig.write(block), Ok(1000));
    }
    assert_eq!(rig.open(), -libc::EINVAL, "one connection");
    rig.close();
    assert_eq!(reading.join().unwrap().unwrap(), sent);
    assert!(!path.exists(), "the portfile goes with its listener");
    assert_eq!(host.lines(), [], "who has a portfile needs no line");
}

#[test]
fn a_port_of_the_kernels_choice_is_told() {
    let options = [LISTEN, LOOPBACK, ("accept_timeout", "1000000")];
    for options in [&options[..], &[UDP, LOOPBACK, ("accept_timeout", "1000000")]] {
        let (host, job) = (TestHost::new(), job(READ, options));
        let mut rig = Rig::new(&host, &job, "");
        assert_eq!(rig.open(), -libc::ETIMEDOUT);
        assert!(host.errors()[0].1.contains("accept_timeout"), "{:?}", host.errors());
        let lines = host.lines();
        assert_eq!(lines.len(), 1);
        let words = lines[0].1.strip_prefix("job test listens on 127.0.0.1:").expect("the place");
        let port: u16 = words.split(' ').next().unwrap().parse().unwrap();
        assert_ne!(port, 0);
    }
}

#[test]
fn a_peer_that_is_not_there_yet_is_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("port");
    // What an earlier run left behind: a port where nobody listens.
    let (_held, nobody) = port_without_listener();
    std::fs::write(&path, format!("{nobody}\n")).unwrap();
    let options = [HOST, ("portfile", path.to_str().unwrap()), SOON];
    let (host, one) = (TestHost::new(), job(READ, &options));
    let mut rig = Rig::new(&host, &one, "");
    let peer = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(200));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        std::fs::write(&path, listener.local_addr().unwrap().port().to_string()).unwrap();
        listener.accept().unwrap().0.write_all(b"late").unwrap();
    });
    assert_eq!(rig.open(), 0, "{:?}", host.errors());
    assert_eq!(rig.read(4).unwrap(), b"late");
    peer.join().unwrap();
    let port = nobody.to_string();
    let (host, none) = (TestHost::new(), job(READ, &[HOST, ("port", &port), NOW]));
    assert_eq!(Rig::new(&host, &none, "").open(), -libc::ECONNREFUSED);
    let words = &host.errors()[0].1;
    assert!(words.contains("connect_timeout") && words.contains(&port), "{words}");
}

#[test]
fn a_peer_that_vanishes_is_an_error_of_a_writer_in_words() {
    let (mine, theirs) = (tempfile::tempdir().unwrap(), "socket");
    let path = mine.path().join(theirs);
    let peer = UnixListener::bind(&path).unwrap();
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = tcp.local_addr().unwrap().port().to_string();
    for options in [&[UNIX][..], &[HOST, ("port", &port)]] {
        let (host, job) = (TestHost::new(), job(WRITE, options));
        let mut rig = Rig::opened(&host, &job, path.to_str().unwrap());
        match options[0] == UNIX {
            true => drop(peer.accept().unwrap()),
            false => drop(tcp.accept().unwrap()),
        }
        let end = Instant::now() + Duration::from_secs(20);
        let (errno, words) = loop {
            match rig.write(&data(4096)) {
                Ok(_) => assert!(Instant::now() < end, "nobody reads, and nothing is said"),
                Err(error) => break error,
            }
        };
        assert!([libc::EPIPE, libc::ECONNRESET].contains(&errno), "{errno}");
        assert!(words.contains("the peer has ended the connection"), "{words}");
    }
}

#[test]
fn a_socket_file_is_made_replaced_and_removed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("socket");
    let name = path.to_str().unwrap();
    let (host, one) = (TestHost::new(), job(READ, &[UNIX, LISTEN]));
    std::fs::write(&path, "data").unwrap();
    assert_eq!(Rig::new(&host, &one, name).open(), -libc::EADDRINUSE);
    assert_eq!(std::fs::read(&path).unwrap(), b"data", "a file is nobody's to remove");
    std::fs::remove_file(&path).unwrap();
    let other = UnixListener::bind(&path).unwrap();
    assert_eq!(Rig::new(&host, &one, name).open(), -libc::EADDRINUSE, "somebody listens");
    other.set_nonblocking(true).unwrap();
    let came = other.accept().map(drop).map_err(|why| why.kind());
    assert_eq!(came, Err(ErrorKind::WouldBlock), "and does not take the question for his peer");
    drop(other);
    assert!(path.exists(), "what a listener leaves behind that was killed");
    let (host, one) = (TestHost::new(), job(READ, &[UNIX, LISTEN]));
    let mut rig = Rig::new(&host, &one, name);
    let peer = {
        let path = path.clone();
        std::thread::spawn(move || {
            let end = Instant::now() + Duration::from_secs(20);
            loop {
                match UnixStream::connect(&path) {
                    Ok(mut to) => return to.write_all(b"hello"),
                    Err(why) => assert!(Instant::now() < end, "{why}"),
                }
            }
        })
    };
    assert_eq!(rig.open(), 0, "{:?}", host.errors());
    peer.join().unwrap().unwrap();
    assert_eq!(rig.read(100).unwrap(), b"hello");
    rig.close();
    assert!(!path.exists());
}

#[test]
fn a_socket_file_of_somebody_else_stays() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("socket");
    let (host, one) = (TestHost::new(), job(READ, &[UNIX, LISTEN]));
    let mut rig = Rig::new(&host, &one, path.to_str().unwrap());
    let peer = {
        let path = path.clone();
        std::thread::spawn(move || loop {
            if let Ok(to) = UnixStream::connect(&path) {
                return to;
            }
        })
    };
    assert_eq!(rig.open(), 0, "{:?}", host.errors());
    let _to = peer.join().unwrap();
    // The old file is kept, so that the new one cannot have its inode.
    std::fs::rename(&path, dir.path().join("old")).unwrap();
    let _other = UnixListener::bind(&path).unwrap();
    rig.close();
    assert!(path.exists(), "it is the other listener's");
}

#[test]
fn a_writer_of_datagrams_that_is_gone_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("port");
    let portfile = ("portfile", path.to_str().unwrap());
    let (host, reads) = (TestHost::new(), job(READ, &[UDP, LOOPBACK, portfile]));
    let mut reader = Rig::new(&host, &reads, "");
    let writer = {
        let path = path.clone();
        std::thread::spawn(move || {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            socket.connect(("127.0.0.1", port_in(&path))).unwrap();
            socket.send(OPEN).unwrap();
            assert_eq!(socket.recv(&mut [0; 64]).unwrap(), ACK.len());
            socket.send(&data(100)).unwrap();
            // Silent for a while, which is none of the reader's business, and gone then.
            std::thread::sleep(Duration::from_millis(400));
            socket.send(&data(50)).unwrap();
        })
    };
    assert_eq!(reader.open(), 0, "{:?}", host.errors());
    assert_eq!(reader.read(100).unwrap(), data(100));
    assert_eq!(reader.read(100).unwrap(), data(50));
    writer.join().unwrap();
    let (errno, words) = reader.read(100).unwrap_err();
    assert_eq!(errno, libc::ECONNREFUSED);
    assert!(words.contains("is gone"), "{words}");
}

#[test]
fn silent_connections_are_kept_alive_on_both_sides() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("port");
    let portfile = ("portfile", path.to_str().unwrap());
    let (host, listens) = (TestHost::new(), job(READ, &[LISTEN, LOOPBACK, portfile]));
    let mut listener = Rig::new(&host, &listens, "");
    let name = path.to_str().unwrap().to_owned();
    let connecting = std::thread::spawn(move || {
        let (host, connects) =
            (TestHost::new(), job(WRITE, &[HOST, ("portfile", name.as_str()), SOON]));
        let rig = Rig::opened(&host, &connects, "");
        keeps_alive(&rig)
    });
    assert_eq!(listener.open(), 0, "{:?}", host.errors());
    assert!(keeps_alive(&listener));
    assert!(connecting.join().unwrap());
}

fn keeps_alive(rig: &Rig<'_>) -> bool {
    // SAFETY: the descriptor of a target that is open.
    let fd = unsafe { BorrowedFd::borrow_raw(rig.target.fd) };
    let idle = rustix::net::sockopt::tcp_keepidle(fd).unwrap();
    rustix::net::sockopt::socket_keepalive(fd).unwrap() && idle == Duration::from_secs(15)
}

#[test]
fn a_single_attempt_may_succeed() {
    let peer = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = peer.local_addr().unwrap().port().to_string();
    let (host, one) = (TestHost::new(), job(READ, &[HOST, ("port", &port), NOW]));
    Rig::opened(&host, &one, "").close();
    let mute = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = mute.local_addr().unwrap().port().to_string();
    let (host, one) = (TestHost::new(), job(WRITE, &[UDP, HOST, ("port", &port), NOW]));
    assert_eq!(Rig::new(&host, &one, "").open(), -libc::ETIMEDOUT);
    assert!(host.errors()[0].1.contains("connect_timeout"), "{:?}", host.errors());
}

#[test]
fn a_listener_whose_queue_is_full_is_waited_for_and_given_up() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("socket");
    let kind = (AddressFamily::UNIX, SocketType::STREAM);
    let full = rustix::net::socket(kind.0, kind.1, None).unwrap();
    rustix::net::bind(&full, &rustix::net::SocketAddrUnix::new(&path).unwrap()).unwrap();
    rustix::net::listen(&full, 0).unwrap();
    let _first = UnixStream::connect(&path).unwrap();
    let minute = ("connect_timeout", "60000000000");
    let (host, one) = (TestHost::new(), job(READ, &[UNIX, minute]));
    let mut rig = Rig::new(&host, &one, path.to_str().unwrap());
    let (call, begun) = (rig.terminate_soon(), Instant::now());
    assert_eq!(rig.open(), -libc::ECANCELED, "{:?}", host.errors());
    assert!(begun.elapsed() < Duration::from_secs(10));
    call.join().unwrap();
}

#[test]
fn terminate_ends_a_request_that_a_slow_peer_makes_last() {
    let peer = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = peer.local_addr().unwrap().port().to_string();
    for options in [&[][..], &[PINGPONG]] {
        let options = [&[HOST, ("port", port.as_str())], options].concat();
        let (host, one) = (TestHost::new(), job(READ, &options));
        let mut rig = Rig::opened(&host, &one, "");
        let (mut to, _) = peer.accept().unwrap();
        let trickle = std::thread::spawn(move || {
            while to.write_all(&[1]).is_ok() {
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        let (call, begun) = (rig.terminate_soon(), Instant::now());
        // As the host does with what ends short.
        let errno = loop {
            match rig.read(1 << 20) {
                Ok(_) => assert!(begun.elapsed() < Duration::from_secs(20), "it goes on"),
                Err((errno, _)) => break errno,
            }
        };
        assert_eq!(errno, libc::ECANCELED);
        call.join().unwrap();
        drop(rig);
        trickle.join().unwrap();
    }
}

#[test]
fn pingpong_sends_back_what_came() {
    let peer = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = peer.local_addr().unwrap().port().to_string();
    let options = [HOST, ("port", port.as_str()), PINGPONG];
    let (host, reads) = (TestHost::new(), job(READ, &options));
    let mut reader = Rig::opened(&host, &reads, "");
    let (mut there, _) = peer.accept().unwrap();
    let sent = data(5000);
    there.write_all(&sent).unwrap();
    assert_eq!(reader.read(5000).unwrap(), sent);
    let mut back = vec![0; 5000];
    there.read_exact(&mut back).unwrap();
    assert_eq!(back, sent);

    let (host, writes) = (TestHost::new(), job(WRITE, &options));
    let mut writer = Rig::opened(&host, &writes, "");
    let (mut there, _) = peer.accept().unwrap();
    let echo = std::thread::spawn(move || {
        let mut block = [0; 5000];
        there.read_exact(&mut block).unwrap();
        std::thread::sleep(Duration::from_millis(300)); // longer than a blocked call lasts
        there.write_all(&block).unwrap();
    });
    let begun = Instant::now();
    assert_eq!(writer.write(&sent), Ok(5000));
    assert!(begun.elapsed() >= Duration::from_millis(300), "it waits for its echo");
    echo.join().unwrap();
    assert_eq!(writer.write(&sent).unwrap_err().0, libc::ECONNRESET, "nobody answers");
}

#[test]
fn datagrams_have_a_beginning_and_an_end() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("port");
    let (host, reads) =
        (TestHost::new(), job(READ, &[UDP, LOOPBACK, ("portfile", path.to_str().unwrap())]));
    let mut reader = Rig::new(&host, &reads, "");
    let writer = std::thread::spawn(move || {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(("127.0.0.1", port_in(&path))).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut answer = [0; 64];
        for message in [b"noise".as_slice(), OPEN, OPEN] {
            socket.send(message).unwrap();
        }
        assert_eq!(socket.recv(&mut answer).unwrap(), ACK.len());
        assert_eq!(answer[..24], ACK[..]);
        for message in [data(100).as_slice(), b"", &data(50), &data(300), CLOSE] {
            socket.send(message).unwrap();
        }
        loop {
            let n = socket.recv(&mut answer).unwrap();
            if answer[..n] == CLOSE[..] {
                return;
            }
            assert_eq!(answer[..n], ACK[..], "the second OPEN is answered as well");
        }
    });
    assert_eq!(reader.open(), 0, "{:?}", host.errors());
    assert_eq!(reader.read(200).unwrap(), data(100));
    assert_eq!(reader.read(200).unwrap(), data(50));
    let (errno, words) = reader.read(200).unwrap_err();
    assert_eq!(errno, libc::EMSGSIZE);
    assert!(words.contains("same bs"), "{words}");
    assert_eq!(reader.read(200).unwrap(), [], "the end");
    writer.join().unwrap();
}

#[test]
fn a_writer_of_datagrams_asks_first_and_says_when_it_is_done() {
    let reader = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = reader.local_addr().unwrap().port().to_string();
    let (host, writes) = (TestHost::new(), job(WRITE, &[UDP, HOST, ("port", &port), SOON]));
    let mut writer = Rig::new(&host, &writes, "");
    let reading = std::thread::spawn(move || {
        let mut buf = [0; 2000];
        let (n, from) = reader.recv_from(&mut buf).unwrap();
        assert_eq!(buf[..n], OPEN[..]);
        // As if the first answer had been lost.
        let (n, _) = reader.recv_from(&mut buf).unwrap();
        assert_eq!(buf[..n], OPEN[..]);
        reader.send_to(ACK, from).unwrap();
        let mut got = Vec::new();
        loop {
            let (n, _) = reader.recv_from(&mut buf).unwrap();
            if buf[..n] == CLOSE[..] {
                reader.send_to(CLOSE, from).unwrap();
                return got;
            }
            if buf[..n] != OPEN[..] {
                got.extend_from_slice(&buf[..n]);
            }
        }
    });
    assert_eq!(writer.open(), 0, "{:?}", host.errors());
    assert_eq!(writer.write(&data(1000)), Ok(1000));
    assert_eq!(writer.write(&data(70_000)).unwrap_err().0, libc::EMSGSIZE);
    writer.close();
    assert_eq!(reading.join().unwrap(), data(1000));
}

#[test]
fn terminate_ends_every_wait() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port().to_string();
    let minute = ("connect_timeout", "60000000000");
    let (mute, dir) = (UdpSocket::bind("127.0.0.1:0").unwrap(), tempfile::tempdir().unwrap());
    let mute = mute.local_addr().unwrap().port().to_string();
    let absent = dir.path().join("absent");
    let absent = absent.to_str().unwrap();
    for (mask, options) in [
        (READ, &[LISTEN, LOOPBACK][..]),
        (READ, &[UNIX, LISTEN]),
        (READ, &[UNIX, minute]),
        (READ, &[UDP, LOOPBACK]),
        (WRITE, &[UDP, HOST, ("port", &mute), minute]),
        (READ, &[HOST, ("portfile", absent), minute]),
    ] {
        let (host, job) = (TestHost::new(), job(mask, options));
        let mut rig = Rig::new(&host, &job, absent);
        let (call, begun) = (rig.terminate_soon(), Instant::now());
        assert_eq!(rig.open(), -libc::ECANCELED, "{options:?}: {:?}", host.errors());
        assert!(begun.elapsed() < Duration::from_secs(10), "{options:?}");
        call.join().unwrap();
    }
    for (mask, options) in [(READ, &[][..]), (WRITE, &[]), (WRITE, &[PINGPONG])] {
        let options = [&[HOST, ("port", port.as_str())], options].concat();
        let (host, job) = (TestHost::new(), job(mask, &options));
        let mut rig = Rig::opened(&host, &job, "");
        let call = rig.terminate_soon();
        let (errno, words) = loop {
            let outcome = match mask {
                READ => rig.read(4096).map(|_| 0),
                _ => rig.write(&data(1 << 16)),
            };
            match outcome {
                Ok(_) => {}
                Err(error) => break error,
            }
        };
        assert_eq!(errno, libc::ECANCELED, "{options:?}");
        assert!(words.contains("the run is to end"), "{words}");
        call.join().unwrap();
    }
}
