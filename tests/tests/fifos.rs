//! Named pipes as targets: the other end comes later, or never.
//!
//! A peer that is there and silent counts as one; a run that is ended while it waits for one is a
//! run like any other.

use iodyno_tests::run::Running;
use iodyno_tests::{process, Scene};
use rustix::process::Signal;
use std::io::{Read, Write};
use std::time::{Duration, Instant};

const SIZE: usize = 256 << 10;

/// A named pipe of this scene.
fn fifo(scene: &Scene) -> String {
    let path = scene.at("fifo");
    let made = std::process::Command::new("mkfifo").arg(&path).status().expect("mkfifo runs");
    assert!(made.success());
    path
}

fn start(scene: &Scene, fifo: &str, jobs: &str) -> Running {
    let head = format!("[global]\nioengine=sync\nfilename={fifo}\nbs=4k\nsize={SIZE}\n");
    scene.json(&format!("{head}{jobs}")).within(Duration::from_secs(60)).start()
}

#[test]
fn a_writer_may_come_later() {
    let scene = Scene::new();
    let fifo = fifo(&scene);
    let run = start(&scene, &fifo, "[a]\nrw=read\n");
    run.wait_for_cells(1);
    std::thread::sleep(Duration::from_millis(300));
    let mut peer = std::fs::OpenOptions::new().write(true).open(&fifo).expect("it is there");
    // A peer that is there and silent is no end of the file.
    std::thread::sleep(Duration::from_millis(300));
    peer.write_all(&[7; SIZE]).expect("the job reads");
    drop(peer);
    let document = run.wait().clean();
    assert_eq!(document.bytes(0, "read"), SIZE as u64);
}

#[test]
fn a_reader_may_come_later() {
    let scene = Scene::new();
    let fifo = fifo(&scene);
    let run = start(&scene, &fifo, "[a]\nrw=write\n");
    run.wait_for_cells(1);
    std::thread::sleep(Duration::from_millis(300));
    let mut found = Vec::new();
    let mut peer = std::fs::File::open(&fifo).expect("it is there");
    peer.read_to_end(&mut found).expect("the job writes");
    assert_eq!(found.len(), SIZE);
    assert_eq!(run.wait().clean().bytes(0, "write"), SIZE as u64);
}

#[test]
fn two_jobs_of_one_run_meet() {
    let scene = Scene::new();
    let fifo = fifo(&scene);
    let run = start(&scene, &fifo, "[from]\nrw=write\n[to]\nrw=read\n");
    let document = run.wait().clean();
    assert_eq!((document.bytes(0, "write"), document.bytes(1, "read")), (SIZE as u64, SIZE as u64));
}

#[test]
fn a_signal_ends_a_wait_at_once_and_without_an_error() {
    let cases = [("read", "writer", Signal::INT), ("write", "reader", Signal::TERM)];
    for (rw, whom, signal) in cases {
        let scene = Scene::new();
        let fifo = fifo(&scene);
        let run = start(&scene, &fifo, &format!("[a]\nrw={rw}\nengine_timeout=1\n"));
        run.wait_for_cells(1);
        std::thread::sleep(Duration::from_millis(2500));
        let asked = Instant::now();
        process::signal(run.pid(), signal);
        let outcome = run.wait().expect(128);
        assert!(asked.elapsed() < Duration::from_secs(3), "{:?}:\n{outcome}", asked.elapsed());
        let words = format!("waits for a {whom} at the other end of {fifo}");
        assert_eq!(outcome.stderr.matches(&words).count(), 1, "{outcome}");
        let document = outcome.document();
        document.assert_no_errors();
        assert_eq!(document.all_ios(), 0, "{outcome}");
    }
}
