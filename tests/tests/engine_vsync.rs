//! vsync through a run: the common cases, and what becomes of a chain.
//!
//! That neighbours go in one call shows in the calls that the kernel counts for the cell.

use iodyno_tests::engines::Engine;
use iodyno_tests::{process, Scene};
use rustix::process::Signal;
use std::time::Duration;

const VSYNC: Engine = Engine::queued("vsync");

iodyno_tests::stores_data!(VSYNC);

/// Read calls of a process so far.
fn read_calls(pid: u32) -> u64 {
    let counts = std::fs::read_to_string(format!("/proc/{pid}/io")).expect("the cell is ours");
    let line = counts.lines().find_map(|line| line.strip_prefix("syscr: "));
    line.expect("a kernel that counts").parse().expect("a number")
}

/// Read calls of a cell that makes this many requests, offered 32 at a time, and then thinks.
fn calls_for(requests: u64, rw: &str) -> u64 {
    let scene = Scene::new();
    scene.zeros("target", 1 << 20);
    let lines = format!(
        "filename=target\nrw={rw}\nbs=4k\nsize=1m\nruntime=50\ntime_based\nthinktime=40s\n\
         thinktime_blocks={requests}\niodepth=32\niodepth_batch_submit=32\n\
         iodepth_batch_complete_min=32\n[a]"
    );
    let run = scene.json(&VSYNC.job(&lines)).start();
    let cell = run.wait_for_cells(1)[0].pid;
    let calls = process::eventually("the cell thinks", Duration::from_secs(30), || {
        let before = read_calls(cell);
        std::thread::sleep(Duration::from_secs(1));
        (before > requests / 32 && read_calls(cell) == before).then_some(before)
    });
    process::signal(run.pid(), Signal::INT);
    let document = run.wait().expect(128).document();
    assert!(document.ios(0, "read") >= requests, "{rw}: it had not come to think");
    calls
}

#[test]
fn neighbours_go_together_and_strangers_alone() {
    // What the cell reads for itself is counted, too: its own start, some hundred calls.
    let (together, alone) = (calls_for(4096, "read"), calls_for(4096, "randread"));
    assert!(together < 2048, "{together} calls for 4096 neighbours");
    assert!((4000..8192).contains(&alone), "{alone} calls for 4096 strangers");
}
