//! Looking at running processes through /proc, and ending the ones that a test started itself.
//!
//! Called by the tests of signals, crashes and the start. Never signals a process that is not a
//! descendant of the test.

use rustix::process::{Pid, Signal};
use std::path::Path;
use std::time::{Duration, Instant};

/// A child process: its number and its command line, blank-separated.
#[derive(Clone, Debug)]
pub struct Child {
    /// Process id.
    pub pid: u32,
    /// Command line.
    pub cmdline: String,
}

/// The direct children of a process that are alive (zombies are not).
pub fn children(parent: u32) -> Vec<Child> {
    let entries = std::fs::read_dir("/proc").expect("/proc is mounted");
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|&pid| parent_and_state(pid).is_some_and(|(p, s)| p == parent && s != 'Z'))
        .map(|pid| Child { pid, cmdline: cmdline(pid) })
        .collect()
}

/// The cells of a control process.
pub fn cells(control: u32) -> Vec<Child> {
    let all = children(control);
    all.into_iter().filter(|child| child.cmdline.contains("__cell")).collect()
}

/// Whether a process exists and is no zombie.
pub fn alive(pid: u32) -> bool {
    parent_and_state(pid).is_some_and(|(_, state)| state != 'Z' && state != 'X')
}

/// Whether a process has a file whose path contains `part` mapped into its memory.
pub fn maps(pid: u32, part: &str) -> bool {
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
    maps.lines().any(|line| line.contains(part))
}

/// Sends a signal to one process.
pub fn signal(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(pid as i32).expect("a process id is not zero");
    rustix::process::kill_process(pid, signal).expect("the process is there and ours");
}

/// Sends a signal to a process group, as a terminal does at Ctrl-C.
pub fn signal_group(leader: u32, signal: Signal) {
    let pid = Pid::from_raw(leader as i32).expect("a process id is not zero");
    rustix::process::kill_process_group(pid, signal).expect("the group is there and ours");
}

/// Polls until `done` answers something, for at most `limit`; panics with `what` after that.
pub fn eventually<T>(what: &str, limit: Duration, mut done: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + limit;
    loop {
        if let Some(value) = done() {
            return value;
        }
        assert!(Instant::now() < end, "not within {limit:?}: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Waits until a process has computed for so long, whoever else wants the CPUs.
pub fn wait_until_it_computed(pid: u32, ms: u64) {
    eventually("a process computes", Duration::from_secs(40), || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // utime and stime, in hundredths of a second.
        let rest = stat[stat.rfind(')')? + 1..].split_whitespace();
        let ticks: u64 = rest.skip(11).take(2).filter_map(|n| n.parse::<u64>().ok()).sum();
        (ticks * 10 >= ms).then_some(())
    });
}

/// Processes whose environment names this path: a run and what it started bear its scene's.
pub fn bearing(path: &Path) -> Vec<u32> {
    let path = path.as_os_str().as_encoded_bytes();
    let entries = std::fs::read_dir("/proc").expect("/proc is mounted");
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    let bears = |pid: &u32| {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.windows(path.len()).any(|part| part == path)
    };
    pids.filter(bears).filter(|&pid| alive(pid)).collect()
}

/// Names in a directory that contain `part`; none where the directory cannot be read.
pub fn names_with(dir: &Path, part: &str) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.filter(|name| name.contains(part)).collect()
}

fn parent_and_state(pid: u32) -> Option<(u32, char)> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // "PID (NAME) STATE PPID ...": the name may hold blanks and brackets, so look behind the last.
    let mut rest = stat[stat.rfind(')')? + 1..].split_whitespace();
    let state = rest.next()?.chars().next()?;
    Some((rest.next()?.parse().ok()?, state))
}

fn cmdline(pid: u32) -> String {
    let raw = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&raw).replace('\0', " ")
}
