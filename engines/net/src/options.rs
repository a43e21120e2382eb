//! The option table of net, fio's names, and its reading: what a job asks for, judged as a whole.
//!
//! Called once by `engine` in `init`, so that a job that cannot work is refused before anything is
//! opened. An option that would have no effect is an error here. Opens nothing, resolves nothing.

use iodyno_engine_api::abi::*;
use iodyno_engine_api::{choice, Error, Job, Opt};
use std::ffi::CStr;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

/// The rows, for `Engine::OPTIONS`.
pub(crate) const OPTIONS: &[&ioe_option] = &[
    &Opt::choice(
        c"protocol",
        c"what is spoken",
        &[
            &choice(c"tcp", 0, c"TCP over IPv4"),
            &choice(c"tcpv6", 1, c"TCP over IPv6"),
            &choice(c"udp", 2, c"UDP over IPv4: the reader listens, the writer connects"),
            &choice(c"udpv6", 3, c"UDP over IPv6, likewise"),
            &choice(c"unix", 4, c"a unix stream socket, whose path is the job's filename"),
        ],
    )
    .alias(c"proto")
    .default(c"tcp")
    .build(),
    &Opt::text(c"hostname", c"name or address to connect to; of a UDP reader: a multicast group")
        .build(),
    &Opt::uint(c"port", c"port of the first clone, one more for each further; 0 = any, told")
        .default(c"0")
        .range(0, 65535)
        .build(),
    &Opt::path(c"portfile", c"file in which a listener leaves its port and a connector looks")
        .build(),
    &Opt::boolean(c"listen", c"wait for the peer to connect (tcp, unix)").build(),
    &Opt::boolean(c"pingpong", c"the reader sends each block back, the writer waits for it")
        .build(),
    &Opt::boolean(c"nodelay", c"TCP_NODELAY: small blocks leave at once (tcp)").build(),
    &Opt::size(c"window_size", c"send and receive buffers of the socket in the kernel")
        .range(1, 1 << 30)
        .build(),
    &Opt::uint(c"mss", c"TCP_MAXSEG: bytes of a segment at most (tcp)").range(88, 32767).build(),
    &Opt::text(c"interface", c"local address: of multicast, or where a listener is to listen")
        .build(),
    &Opt::uint(c"ttl", c"hops that multicast datagrams may take, 1 without it")
        .range(0, 255)
        .build(),
    &Opt::time_ns(c"connect_timeout", c"how long a peer is looked for that is not there yet")
        .default(c"10s")
        .build(),
    &Opt::time_ns(c"accept_timeout", c"how long a listener waits for its peer; 0 = for ever")
        .default(c"0")
        .build(),
];

/// What is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Tcp,
    Tcpv6,
    Udp,
    Udpv6,
    Unix,
}

impl Protocol {
    fn of(value: u64) -> Result<Protocol, Error> {
        const ALL: [Protocol; 5] =
            [Protocol::Tcp, Protocol::Tcpv6, Protocol::Udp, Protocol::Udpv6, Protocol::Unix];
        let found = usize::try_from(value).ok().and_then(|at| ALL.get(at).copied());
        found.ok_or_else(|| bad(format!("protocol: no choice has value {value}")))
    }

    /// As in a job file.
    pub(crate) fn name(self) -> &'static str {
        ["tcp", "tcpv6", "udp", "udpv6", "unix"][self as usize]
    }

    pub(crate) fn is_tcp(self) -> bool {
        matches!(self, Protocol::Tcp | Protocol::Tcpv6)
    }

    pub(crate) fn is_udp(self) -> bool {
        matches!(self, Protocol::Udp | Protocol::Udpv6)
    }

    pub(crate) fn is_v6(self) -> bool {
        matches!(self, Protocol::Tcpv6 | Protocol::Udpv6)
    }
}

/// What a job asks for.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The job's name, for what is told of it.
    pub(crate) job: String,
    pub(crate) protocol: Protocol,
    /// Waits for its peer; else it connects.
    pub(crate) listens: bool,
    /// Sends data; else it receives.
    pub(crate) writes: bool,
    pub(crate) host: Option<String>,
    /// The host is a multicast group.
    pub(crate) multicast: bool,
    /// Of this clone; 0 = any.
    pub(crate) port: u16,
    /// Of this clone.
    pub(crate) portfile: Option<PathBuf>,
    pub(crate) pingpong: bool,
    pub(crate) nodelay: bool,
    pub(crate) window: Option<usize>,
    pub(crate) mss: Option<u32>,
    pub(crate) interface: Option<IpAddr>,
    pub(crate) ttl: Option<u32>,
    pub(crate) connect_timeout: Duration,
    /// None = for ever.
    pub(crate) accept_timeout: Option<Duration>,
}

fn bad(words: impl Into<String>) -> Error {
    Error::new(libc::EINVAL, words)
}

fn text(job: &Job, name: &str) -> Result<Option<String>, Error> {
    let utf8 = |text: &CStr| text.to_str().map(str::to_owned);
    let text = job.text(name)?.map(utf8).transpose();
    text.map_err(|_| bad(format!("{name} is not valid UTF-8")))
}

impl Settings {
    /// Reads and judges them.
    pub(crate) fn of(job: &Job) -> Result<Settings, Error> {
        let protocol = Protocol::of(job.uint("protocol")?.unwrap_or(0))?;
        let host = text(job, "hostname")?;
        let address = host.as_deref().and_then(literal);
        let (reads, writes) =
            (job.op_mask() & 1 << IOE_OP_READ != 0, job.op_mask() & 1 << IOE_OP_WRITE != 0);
        if reads && writes {
            return Err(bad("a job of net reads or writes, never both (make two jobs of it)"));
        }
        let listen = job.boolean("listen")?.unwrap_or(false);
        let accept = job.uint("accept_timeout")?.unwrap_or(0);
        let settings = Settings {
            job: job.name().to_string_lossy().into_owned(),
            protocol,
            listens: if protocol.is_udp() { !writes } else { listen },
            writes,
            multicast: protocol.is_udp() && address.is_some_and(|host| host.is_multicast()),
            host,
            port: port(job)?,
            portfile: portfile(job)?,
            pingpong: job.boolean("pingpong")?.unwrap_or(false),
            nodelay: job.boolean("nodelay")?.unwrap_or(false),
            window: job.uint("window_size")?.map(|bytes| bytes as usize),
            mss: job.uint("mss")?.map(|bytes| bytes as u32),
            interface: interface(job)?,
            ttl: job.uint("ttl")?.map(|hops| hops as u32),
            connect_timeout: Duration::from_nanos(job.uint("connect_timeout")?.unwrap_or(0)),
            accept_timeout: (accept > 0).then(|| Duration::from_nanos(accept)),
        };
        if protocol.is_udp() && writes && listen {
            return Err(bad("listen: with UDP the reader listens and the writer connects"));
        }
        settings.fits_protocol()?;
        match settings.listens {
            true => settings.can_listen()?,
            false => settings.can_connect()?,
        }
        Ok(settings)
    }

    /// No option that this protocol has no use for.
    fn fits_protocol(&self) -> Result<(), Error> {
        let name = self.protocol.name();
        let ip = self.protocol != Protocol::Unix;
        let tcp = self.protocol.is_tcp();
        for (option, given, fits, who) in [
            ("hostname", self.host.is_some(), ip, "filename is the socket's path"),
            ("port", self.port != 0, ip, "filename is the socket's path"),
            ("portfile", self.portfile.is_some(), ip, "filename is the socket's path"),
            ("nodelay", self.nodelay, tcp, "it is of tcp and tcpv6"),
            ("mss", self.mss.is_some(), tcp, "it is of tcp and tcpv6"),
            (
                "ttl",
                self.ttl.is_some(),
                self.multicast && self.writes,
                "it is of multicast writers",
            ),
        ] {
            if given && !fits {
                return Err(bad(format!("{option} has no effect with protocol={name}: {who}")));
            }
        }
        let host = self.host.as_deref().unwrap_or_default();
        if literal(host).is_some_and(|address| address.is_ipv6() != self.protocol.is_v6()) {
            return Err(bad(format!("hostname={host}: no address of protocol={name}")));
        }
        let Some(interface) = self.interface else { return Ok(()) };
        if self.multicast && self.protocol.is_v6() {
            return Err(bad(
                "interface: an IPv6 group names it itself, as in hostname=ff02::1%eth0",
            ));
        }
        if !ip || !(self.multicast || self.listens) {
            return Err(bad("interface has no effect: it is of listeners and of multicast"));
        }
        match interface.is_ipv6() == self.protocol.is_v6() {
            true => Ok(()),
            false => Err(bad(format!("interface={interface}: no address of protocol={name}"))),
        }
    }

    fn can_listen(&self) -> Result<(), Error> {
        match &self.host {
            Some(host) if !self.multicast => Err(bad(format!(
                "hostname={host}: who listens waits for whoever comes (leave it out; interface=\
                 ADDRESS says where to listen{})",
                if self.protocol.is_udp() { ", a multicast group what to join" } else { "" }
            ))),
            _ => Ok(()),
        }
    }

    fn can_connect(&self) -> Result<(), Error> {
        if self.protocol == Protocol::Unix {
            return Ok(());
        }
        let Some(host) = &self.host else {
            let other = if self.protocol.is_udp() { "" } else { ", or listen=1" };
            return Err(bad(format!(
                "hostname is missing: the job has nowhere to connect to (hostname=HOST{other})"
            )));
        };
        if host.is_empty() || host.len() > 253 || host.contains(char::is_whitespace) {
            let shown: String = host.chars().take(40).collect();
            return Err(bad(format!("hostname=\"{shown}\" is no name or address of a host")));
        }
        match (self.port, &self.portfile) {
            (0, None) => {
                Err(bad("port is missing: the job has nowhere to connect to (port=N, or portfile)"))
            }
            (1.., Some(_)) => Err(bad("port and portfile both say where to connect to: give one")),
            _ => Ok(()),
        }
    }
}

/// An address that is written out, with or without a zone.
pub(crate) fn literal(host: &str) -> Option<IpAddr> {
    host.split('%').next().and_then(|address| address.parse().ok())
}

/// Clones have ports of their own, one after the other.
fn port(job: &Job) -> Result<u16, Error> {
    let first = job.uint("port")?.unwrap_or(0);
    let own = if first == 0 { 0 } else { first + u64::from(job.job_index()) };
    u16::try_from(own).map_err(|_| {
        bad(format!("port={first}: clone {} would have port {own}, above 65535", job.job_index()))
    })
}

/// Clones have files of their own: the first one's name is as given, others append their number.
fn portfile(job: &Job) -> Result<Option<PathBuf>, Error> {
    let Some(name) = text(job, "portfile")? else { return Ok(None) };
    if name.is_empty() {
        return Err(bad("portfile is empty: no name of a file"));
    }
    Ok(Some(PathBuf::from(match job.job_index() {
        0 => name,
        clone => format!("{name}.{clone}"),
    })))
}

fn interface(job: &Job) -> Result<Option<IpAddr>, Error> {
    let Some(words) = text(job, "interface")? else { return Ok(None) };
    let shown: String = words.chars().take(40).collect();
    let address = words.parse();
    address.map(Some).map_err(|_| bad(format!("interface=\"{shown}\" is no IP address")))
}
