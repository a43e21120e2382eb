//! What a test may need and a machine may lack.
//!
//! `require!(loop_device)` at the head of a test skips it aloud: one line on standard error, one
//! line in the file named by IODYNO_SKIP_LOG, which scripts/test counts. Where IODYNO_REQUIRE_ALL
//! is set (continuous integration), a lack is a failure, except of the needs that IODYNO_MAY_LACK
//! names, parted by blanks.

use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// Skips the test, with the reason printed and counted, unless the machine has what is named: one
/// of the functions of [`crate::needs`].
#[macro_export]
macro_rules! require {
    ($need:ident) => {
        if let Err(reason) = $crate::needs::$need() {
            return $crate::needs::skip_for(stringify!($need), &reason);
        }
    };
}

/// Says that the running test is skipped and why. Panics under IODYNO_REQUIRE_ALL.
pub fn skip(reason: &str) {
    skip_for("", reason);
}

/// The same, for want of one of the functions of this module.
pub fn skip_for(need: &str, reason: &str) {
    let thread = std::thread::current();
    let line = format!("skipped {}: {reason}", thread.name().unwrap_or("a test"));
    let may_lack = std::env::var("IODYNO_MAY_LACK").unwrap_or_default();
    let excused = may_lack.split_whitespace().any(|name| name == need);
    let must_run = !excused && std::env::var_os("IODYNO_REQUIRE_ALL").is_some_and(|v| v != "0");
    assert!(!must_run, "{line} (IODYNO_REQUIRE_ALL is set)");
    // Not through eprintln, whose words the test harness keeps back: a skip that nobody sees would
    // be a test that passes by not running.
    let _ = std::io::stderr().write_all(format!("{line}\n").as_bytes());
    if let Some(path) = std::env::var_os("IODYNO_SKIP_LOG") {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(path);
        let mut log = log.expect("IODYNO_SKIP_LOG names a file that can be appended to");
        log.write_all(format!("{line}\n").as_bytes()).expect("the skip log takes a line");
    }
}

/// Runs as root.
pub fn root() -> Result<(), String> {
    match rustix::process::geteuid().is_root() {
        true => Ok(()),
        false => Err("needs root".into()),
    }
}

/// Programs can be run in another user's name, and with one user's rights in another's name.
pub fn other_users() -> Result<(), String> {
    root()?;
    let args = ["--ruid=65534", "--rgid=65534", "--clear-groups", "true"];
    works("setpriv", &args).map_err(|why| format!("needs setpriv (util-linux): {why}"))
}

/// Files can be given capabilities, where temporary files lie.
pub fn file_capabilities() -> Result<(), String> {
    other_users()?;
    let script = "file=$(mktemp) && cp /bin/true \"$file\" && \
        setcap cap_net_raw=ep \"$file\"; status=$?; rm -f \"$file\"; exit $status";
    works("sh", &["-c", script]).map_err(|why| format!("needs setcap (libcap2-bin): {why}"))
}

/// Loop devices can be made.
pub fn loop_device() -> Result<(), String> {
    static ANSWER: OnceLock<Result<(), String>> = OnceLock::new();
    ANSWER
        .get_or_init(|| {
            root()?;
            let probe = crate::device::LoopDevice::try_new(1 << 20);
            probe.map(drop).map_err(|why| format!("needs a loop device: {why}"))
        })
        .clone()
}

/// A private mount namespace can be made and a tmpfs mounted there.
pub fn private_mounts() -> Result<(), String> {
    root()?;
    let script = "mount -t tmpfs -o size=1m none /mnt";
    works("unshare", &["--mount", "sh", "-c", script])
        .map_err(|why| format!("needs a mount namespace of its own: {why}"))
}

/// The kernel has io_uring and lets this process use it.
pub fn io_uring() -> Result<(), String> {
    static ANSWER: OnceLock<Result<(), String>> = OnceLock::new();
    // io_uring_setup, which has this number everywhere, without its parameters: where it is there
    // and allowed, it misses them.
    let script = "syscall(425, 1, 0); exit 0 if $!{EFAULT}; die qq(io_uring_setup: $!\n)";
    let probe = || works("perl", &["-e", script]).map_err(|why| format!("needs io_uring: {why}"));
    ANSWER.get_or_init(probe).clone()
}

/// A group of processes whose memory is limited can be made.
pub fn memory_cgroup() -> Result<(), String> {
    root()?;
    let group = crate::memory_group::MemoryGroup::try_new(64 << 20);
    group.map(drop).map_err(|why| format!("needs a memory cgroup: {why}"))
}

/// The device mapper can be used.
pub fn device_mapper() -> Result<(), String> {
    loop_device()?;
    works("dmsetup", &["version"]).map_err(|why| format!("needs the device mapper: {why}"))
}

/// A C compiler and make.
pub fn c_compiler() -> Result<(), String> {
    works("cc", &["--version"]).map_err(|why| format!("needs a C compiler: {why}"))?;
    works("make", &["--version"]).map_err(|why| format!("needs make: {why}"))
}

/// fio's counter of repeated blocks.
pub fn fio_dedupe() -> Result<(), String> {
    // Started without a file it ends with its usage and a status of its own.
    works("sh", &["-c", "command -v fio-dedupe"]).map_err(|_| "needs fio-dedupe (fio)".to_owned())
}

/// IPv6 on loopback.
pub fn ipv6() -> Result<(), String> {
    let bound = std::net::TcpListener::bind("[::1]:0");
    bound.map(drop).map_err(|why| format!("needs IPv6 on loopback: {why}"))
}

/// The laboratory's guest is ready to start. Nothing is fetched for it here: tests need no network.
pub fn lab() -> Result<(), String> {
    static ANSWER: OnceLock<Result<(), String>> = OnceLock::new();
    let script = crate::programs::repo().join("scripts/vm");
    let script = script.to_str().expect("the project's path is UTF-8");
    let probe = || works(script, &["ready"]).map_err(|why| format!("needs the laboratory: {why}"));
    ANSWER.get_or_init(probe).clone()
}

/// Python, for the scripts that measure.
pub fn python3() -> Result<(), String> {
    works("python3", &["--version"]).map_err(|why| format!("needs python3: {why}"))
}

/// zstd's command.
pub fn zstd() -> Result<(), String> {
    works("zstd", &["--version"]).map_err(|why| format!("needs zstd: {why}"))
}

/// A program of this name runs with these arguments and ends with status 0.
fn works(program: &str, args: &[&str]) -> Result<(), String> {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null());
    let output = command.output().map_err(|error| format!("{program}: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => {
            let words = String::from_utf8_lossy(&output.stderr);
            let first = words.lines().next().unwrap_or("no message");
            Err(format!("{program}: {first}"))
        }
    }
}
