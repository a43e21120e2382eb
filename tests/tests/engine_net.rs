//! net through runs: both sides of one run, the test itself as the peer, peers that come late or go
//! early, what is refused.
//!
//! No port is fixed: the kernel chooses, and portfiles or the run's own words tell.

use iodyno_tests::engines::{self, Engine};
use iodyno_tests::{needs, process, require, Document, Outcome, Scene};
use rustix::process::Signal;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixListener;
use std::time::Duration;

const NET: Engine = Engine::sync("net");

iodyno_tests::engine_tests!(NET; conforms, documented, example);

const MIB: u64 = 1 << 20;

/// A block of data that no shift leaves as it is.
fn pattern() -> Vec<u8> {
    (0..251_u32).map(|n| (n * 7 + 3) as u8).collect()
}

/// Two jobs that meet.
fn both(lines: &str, reader: &str, writer: &str) -> String {
    NET.job(&format!("{lines}\n[reader]\nrw=read\n{reader}\n[writer]\nrw=write\n{writer}"))
}

/// A job of one side.
fn one(lines: &str) -> String {
    NET.job(&format!("{lines}\n[a]"))
}

fn wait_for_port(scene: &Scene, name: &str) -> u16 {
    process::eventually("a listener leaves its port", Duration::from_secs(20), || {
        std::fs::read_to_string(scene.at(name)).ok()?.trim().parse().ok()
    })
}

/// Until the kernel's table has a socket with this port that is connected.
fn wait_for_peer(protocol: &str, port: u16) {
    let own = format!(":{port:04X}");
    process::eventually("reader and writer meet", Duration::from_secs(20), || {
        let table = std::fs::read_to_string(format!("/proc/net/{protocol}")).ok()?;
        table.lines().find(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            words.len() > 3 && words[1].ends_with(&own) && words[3] == "01"
        })?;
        Some(())
    });
}

fn sends(mut to: impl Write + Read + Send + 'static, mut drain: impl Read + Send + 'static) {
    std::thread::spawn(move || while drain.read(&mut [0; 65536]).is_ok_and(|n| n > 0) {});
    std::thread::spawn(move || while to.write_all(&[7; 65536]).is_ok() {});
}

/// All checks against this peer; those that are about requests are not skipped.
fn conforms_with(scene: &Scene, args: &[&str]) {
    let limits = ["--set", "connect_timeout=2s", "--set", "accept_timeout=200ms"];
    let check = scene.iodyno(["check", "net", "--json", "-"]).args(limits).args(args);
    let outcome = check.run().expect(0);
    let document = Document::parse(&outcome.stdout);
    let rows = document.at("/checks").as_array().expect("an array");
    for id in ["instance.many", "queue.status", "buffer.bounds", "target.reopen", "options.bounds"]
    {
        let row = rows.iter().find(|row| row["id"] == id);
        assert_eq!(row.map(|row| row["verdict"].as_str()), Some(Some("pass")), "{id}: {row:?}");
    }
}

#[test]
fn conforms_over_a_unix_socket() {
    let scene = Scene::new();
    let listener = UnixListener::bind(scene.at("socket")).expect("the scene is writable");
    std::thread::spawn(move || {
        while let Ok((peer, _)) = listener.accept() {
            sends(peer.try_clone().expect("a descriptor"), peer);
        }
    });
    conforms_with(&scene, &["--set", "protocol=unix", "--target", &scene.at("socket")]);
}

#[test]
fn conforms_over_tcp() {
    let scene = Scene::new();
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let port = listener.local_addr().expect("bound").port().to_string();
    // Each of the instances that stand side by side looks for a peer of its own.
    let name = scene.file("port", &port);
    for clone in 1..64 {
        scene.file(&format!("port.{clone}"), &port);
    }
    std::thread::spawn(move || {
        while let Ok((peer, _)) = listener.accept() {
            sends(peer.try_clone().expect("a descriptor"), peer);
        }
    });
    let portfile = format!("portfile={name}");
    conforms_with(&scene, &["--set", "hostname=127.0.0.1", "--set", &portfile]);
}

/// Reader and writer of one run, over each protocol.
fn meet(protocol: &str, host: &str, pingpong: u32) {
    let scene = Scene::new();
    let udp = protocol.starts_with("udp");
    let place = if protocol == "unix" { "filename=socket" } else { "portfile=port" };
    let host = if host.is_empty() { String::new() } else { format!("hostname={host}") };
    let lines = format!("protocol={protocol}\npingpong={pingpong}\nsize=1m\nbs=4k\n{place}");
    let listen = if udp { "" } else { "listen" };
    let document = scene.run_json(&both(&lines, listen, &host)).clean();
    let (reader, writer) = (document.job("reader"), document.job("writer"));
    assert_eq!(document.ios(writer, "write"), 256, "{protocol}");
    assert_eq!(document.bytes(writer, "write"), MIB, "{protocol}");
    let read = document.bytes(reader, "read");
    // Datagrams that the reader is too slow for are lost, but for those that are waited for.
    let complete = !udp || pingpong == 1;
    assert!(
        read == MIB || (!complete && read > 0 && read.is_multiple_of(4096)),
        "{protocol}: {read}"
    );
    assert_eq!(document.ios(reader, "read"), read / 4096, "an end is no request");
    for (job, role) in [(reader, "listener"), (writer, "connector")] {
        let fact = |name: &str| document.text(&format!("/jobs/{job}/iodyno/identity/{name}"));
        assert_eq!((fact("protocol"), fact("role")), (protocol, role));
        assert!(!fact("local").is_empty() && !fact("peer").is_empty());
    }
    for left in ["port", "socket"] {
        assert!(!scene.path().join(left).exists(), "{left} is still there");
    }
}

#[test]
fn both_sides_of_one_run_meet() {
    for pingpong in [0, 1] {
        meet("tcp", "127.0.0.1", pingpong);
        meet("unix", "", pingpong);
        meet("udp", "127.0.0.1", pingpong);
    }
}

#[test]
fn both_sides_meet_over_ipv6() {
    require!(ipv6);
    for pingpong in [0, 1] {
        meet("tcpv6", "::1", pingpong);
        meet("udpv6", "::1", pingpong);
    }
}

#[test]
fn a_multicast_group_has_several_readers() {
    let scene = Scene::new();
    // A port that nobody else gets while the test holds it on another address, and a group that
    // goes with it.
    let held = UdpSocket::bind("127.0.0.1:0").expect("loopback");
    let port = held.local_addr().expect("bound").port();
    let group = format!("239.255.{}.{}", port >> 8, port & 0xff);
    let lines = format!("protocol=udp\nbs=1k\ninterface=127.0.0.1\nport={port}\nsize=64k");
    let job = format!(
        "{lines}\nhostname={group}\n[one]\nrw=read\n[two]\nrw=read\n\
         [writer]\nrw=write\nrate_iops=200\nttl=0\n"
    );
    let outcome = scene.run_json(&NET.job(&job));
    if outcome.stderr.contains("join the group") {
        return needs::skip("loopback takes no multicast here");
    }
    let document = outcome.clean();
    assert_eq!(document.bytes(document.job("writer"), "write"), 64 << 10);
    let read: Vec<u64> =
        ["one", "two"].map(|name| document.bytes(document.job(name), "read")).to_vec();
    assert!(read.iter().all(|bytes| *bytes > 32 << 10), "{read:?}");
}

#[test]
fn what_a_job_sends_arrives_byte_for_byte() {
    for bs in ["bs=4k", "bsrange=1-9000\nbs_unaligned"] {
        let scene = Scene::new();
        let file = scene.file("pattern", pattern());
        let lines = format!("listen\nportfile=port\nrw=write\nsize=1m\n{bs}");
        let run = scene.json(&one(&format!("{lines}\nbuffer_pattern='{file}'"))).start();
        let port = wait_for_port(&scene, "port");
        let mut peer = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
        let mut got = Vec::new();
        peer.read_to_end(&mut got).expect("an orderly end");
        let document = run.wait().clean();
        assert_eq!(got.len() as u64, document.bytes(0, "write"));
        // Each request begins the pattern anew.
        let blocks = if bs == "bs=4k" { got.chunks(4096).collect() } else { vec![&got[..1]] };
        for block in blocks {
            let expected = pattern().into_iter().cycle().take(block.len());
            assert!(block.iter().copied().eq(expected), "{bs}");
        }
    }
}

#[test]
fn a_listener_without_a_portfile_says_where_it_listens() {
    let scene = Scene::new();
    let job = scene.file("job.fio", one("listen\nrw=read\nsize=64k\nbs=4k"));
    let args = ["run", &job, "--output-format", "json"];
    let run = scene.iodyno_after(&[], "exec 2>words", args).start();
    let port: u16 = process::eventually("it says where", Duration::from_secs(20), || {
        let words = std::fs::read_to_string(scene.at("words")).ok()?;
        let (_, place) = words.split_once("job a listens on 0.0.0.0:")?;
        place.split_once(' ')?.0.parse().ok()
    });
    let mut peer = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    peer.write_all(&[1; 64 << 10]).expect("it reads");
    let document = run.wait().clean();
    assert_eq!(document.bytes(0, "read"), 64 << 10);
    let local = document.text("/jobs/0/iodyno/identity/local");
    assert_eq!(local, format!("127.0.0.1:{port}"));
}

#[test]
fn clones_meet_in_pairs() {
    let scene = Scene::new();
    let lines = "size=256k\nbs=4k\nnumjobs=3\nportfile=port";
    let document = scene.run_json(&both(lines, "listen", "hostname=127.0.0.1")).clean();
    let total: u64 = (0..document.jobs()).map(|job| document.bytes(job, "read")).sum();
    assert_eq!(total, 3 << 18);
    let lines = "size=256k\nbs=4k\nnumjobs=3\nprotocol=unix\nfilename_format=socket.$jobnum";
    let document = scene.run_json(&both(lines, "listen", "")).clean();
    let total: u64 = (0..document.jobs()).map(|job| document.bytes(job, "write")).sum();
    assert_eq!(total, 3 << 18);
}

#[test]
fn two_runs_meet_whoever_comes_first() {
    for protocol in ["tcp", "udp", "unix"] {
        for listener_first in [true, false] {
            let scene = Scene::new();
            let unix = protocol == "unix";
            let place = if unix { "filename=socket" } else { "portfile=port" };
            let lines = format!("protocol={protocol}\nsize=256k\nbs=4k\npingpong\n{place}");
            let listen = if protocol == "udp" { "rw=read" } else { "rw=read\nlisten" };
            let host = if unix { "rw=write" } else { "rw=write\nhostname=127.0.0.1" };
            let one = |side: &str| scene.json(&one(&format!("{lines}\n{side}"))).start();
            let sides = if listener_first { [listen, host] } else { [host, listen] };
            let first = one(sides[0]);
            first.wait_for_cells(1);
            std::thread::sleep(Duration::from_millis(200));
            let outcomes = [one(sides[1]).wait(), first.wait()];
            for outcome in outcomes {
                let document = outcome.clean();
                let bytes = document.bytes(0, "read") + document.bytes(0, "write");
                assert_eq!(bytes, 256 << 10, "{protocol}, listener first: {listener_first}");
            }
        }
    }
}

#[test]
fn jobs_of_one_file_meet_when_one_is_delayed() {
    for (reader, writer) in [("startdelay=300ms", ""), ("", "startdelay=300ms")] {
        let scene = Scene::new();
        let reader = format!("listen\n{reader}");
        let writer = format!("hostname=127.0.0.1\n{writer}");
        let document = scene.run_json(&both("portfile=port\nsize=256k", &reader, &writer)).clean();
        assert_eq!(document.bytes(document.job("reader"), "read"), 256 << 10);
    }
}

#[test]
fn a_killed_writer_ends_its_reader() {
    for (protocol, status) in [("tcp", None), ("udp", Some(1))] {
        let scene = Scene::new();
        let lines = format!("protocol={protocol}\nsize=1g\nbs=4k\nportfile=port");
        let listen = if protocol == "tcp" { "listen" } else { "" };
        let reader = scene.json(&one(&format!("{lines}\nrw=read\n{listen}"))).start();
        let port = wait_for_port(&scene, "port");
        let slow = format!("{lines}\nrw=write\nhostname=127.0.0.1\nrate_iops=200");
        let writer = scene.json(&one(&slow)).start();
        wait_for_peer(protocol, port);
        std::thread::sleep(Duration::from_millis(300));
        process::signal(writer.pid(), Signal::KILL);
        drop(writer.wait());
        let outcome = reader.wait();
        assert!(outcome.took < Duration::from_secs(30), "{outcome}");
        // What a connection that is torn down says of it is the kernel's choice.
        match status {
            Some(status) => drop(outcome.expect(status).says(&["is gone"])),
            None => assert!([0, 1].contains(&outcome.status), "{outcome}"),
        }
    }
}

#[test]
fn a_peer_that_ends_ends_its_reader_in_order() {
    let scene = Scene::new();
    let lines = "portfile=port\nbs=4k";
    // Time-based: without the end, the reader would go on and on.
    let reader = "listen\nsize=1g\nruntime=40\ntime_based";
    let outcome = scene.run_json(&both(lines, reader, "hostname=127.0.0.1\nsize=1000k"));
    assert!(outcome.took < Duration::from_secs(30), "{outcome}");
    let document = outcome.clean();
    assert_eq!(document.bytes(document.job("reader"), "read"), 1000 << 10);
    assert_eq!(document.ios(document.job("reader"), "read"), 250);
}

#[test]
fn a_peer_that_vanishes_fails_its_writer_in_words() {
    let scene = Scene::new();
    let job = one("listen\nportfile=port\nrw=write\nsize=1g\nbs=4k");
    let run = scene.json(&job).start();
    let port = wait_for_port(&scene, "port");
    let mut peer = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    peer.read_exact(&mut [0; 10_000]).expect("it writes");
    drop(peer);
    let outcome = run.wait().expect(1).says(&["the peer has ended the connection"]);
    let document = outcome.document();
    assert!([32, 104].contains(&document.number("/jobs/0/error")), "{outcome}");
    assert!(document.bytes(0, "write") >= 8192, "what went well is counted: {outcome}");
}

/// Interrupts a run that waits for its peer.
fn interrupted(scene: &Scene, job: &str, ready: impl FnOnce()) -> Outcome {
    let run = scene.json(job).start();
    run.wait_for_cells(1);
    ready();
    std::thread::sleep(Duration::from_millis(300));
    process::signal(run.pid(), Signal::INT);
    let outcome = run.wait().expect(128);
    outcome.document().assert_no_errors();
    assert!(outcome.took < Duration::from_secs(30), "{outcome}");
    outcome
}

#[test]
fn an_interrupt_ends_all_waits_without_an_error() {
    let scene = Scene::new();
    let silent = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let port = silent.local_addr().expect("bound").port();
    let peer = format!("hostname=127.0.0.1\nport={port}\nsize=1g\nbs=4k");
    let listens = || assert_ne!(wait_for_port(&scene, "port"), 0);
    interrupted(&scene, &one("listen\nrw=read\nsize=1m\nportfile=port"), listens);
    assert!(!scene.path().join("port").exists(), "the portfile is gone");
    interrupted(&scene, &one("protocol=udp\nrw=read\nsize=1m\nportfile=port"), listens);
    let absent = "hostname=127.0.0.1\nportfile=absent\nconnect_timeout=50s\nrw=write\nsize=1m";
    interrupted(&scene, &one(absent), || ());
    interrupted(&scene, &one("protocol=unix\nfilename=socket\nlisten\nrw=read\nsize=1m"), || ());
    assert!(!scene.path().join("socket").exists(), "the socket is gone");
    // Connected, and nothing comes, or nothing is taken.
    let accept = || silent.accept().expect("it connects").0;
    let mut held = Vec::new();
    interrupted(&scene, &one(&format!("rw=read\n{peer}")), || held.push(accept()));
    let outcome = interrupted(&scene, &one(&format!("rw=write\n{peer}")), || {
        held.push(accept());
        // The first block is counted before the third one is sent.
        held[1].read_exact(&mut [0; 8193]).expect("it writes");
    });
    assert!(outcome.document().bytes(0, "write") > 0, "{outcome}");
}

#[test]
fn the_end_of_the_runtime_ends_a_wait_for_data() {
    let scene = Scene::new();
    let silent = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let port = silent.local_addr().expect("bound").port();
    let job = format!("hostname=127.0.0.1\nport={port}\nrw=read\nsize=1g\nruntime=1");
    let outcome = scene.run_json(&one(&job));
    assert!(outcome.took < Duration::from_secs(20), "{outcome}");
    assert_eq!(outcome.clean().bytes(0, "read"), 0);
}

#[test]
fn what_cannot_work_is_refused_before_the_run() {
    for (lines, words) in [
        ("rw=write", "hostname is missing"),
        ("rw=write\nhostname=127.0.0.1", "port is missing"),
        ("rw=randrw\nlisten", "never both"),
        ("rw=trim\nlisten", "cannot trim"),
        ("rw=write\nlisten\nfsync=1", "cannot fsync"),
        ("rw=read\nlisten\nhostname=127.0.0.1", "leave it out"),
        ("rw=write\nprotocol=udp\nhostname=127.0.0.1\nport=9\nbs=64k", "65507"),
        ("rw=read\nlisten\nprotocol=udp\nmss=1000", "mss has no effect"),
        ("rw=write\nhostname=::1\nport=9", "no address of protocol=tcp"),
        ("rw=read\nlisten\nmss=10", "mss"),
        ("rw=read\nlisten\nport=65536", "port"),
        ("rw=read\nlisten\nprotocol=sctp", "sctp"),
        ("rw=write\nhostname=127.0.0.1\nportfile=absent\nconnect_timeout=0", "connect_timeout"),
        ("rw=write\nprotocol=unix\nconnect_timeout=0", "connect to"),
        ("rw=read\nprotocol=unix\nlisten", "something other than a socket"),
    ] {
        engines::refused(&NET, lines, &[words]);
    }
    let scene = Scene::new();
    let outcome = NET.run(&scene, "rw=read\nlisten\nnrfiles=2\nsize=1m\naccept_timeout=100ms");
    assert_ne!(outcome.status, 0, "{outcome}");
}
