//! What a process has around it, as words that can be compared: threads, descriptors, signals,
//! environment, directory, and the settings that everything in it shares.
//!
//! Called by `conformance`, which asks before and after a plugin is loaded. Changes nothing, and
//! leaves out what changes by itself.

use super::spawn::signal_name;
use std::collections::BTreeMap;
use std::ffi::CStr;
use std::hint::black_box;
use std::io;

/// Names of things and what they are.
pub type Facts = BTreeMap<String, String>;

/// Signals that the C library keeps for itself: it may set their handlers at any time.
const SIGNALS_OF_LIBC: [i32; 2] = [32, 33];
const SIGNALS: i32 = 64;
/// Lines of /proc/self/status that are settings, not measurements.
const SETTINGS: [&str; 8] = [
    "Uid",
    "Gid",
    "Groups",
    "CapEff",
    "NoNewPrivs",
    "Seccomp",
    "Cpus_allowed_list",
    "Mems_allowed_list",
];

/// The threads of this process.
///
/// # Errors
/// /proc is not there.
pub fn threads() -> io::Result<Facts> {
    let mut facts = Facts::new();
    for entry in std::fs::read_dir("/proc/self/task")? {
        let entry = entry?;
        // One that has ended since is none.
        if let Ok(name) = std::fs::read_to_string(entry.path().join("comm")) {
            facts.insert(format!("thread {}", entry.file_name().display()), name.trim().to_owned());
        }
    }
    Ok(facts)
}

/// The open descriptors and what they lead to.
///
/// # Errors
/// /proc is not there.
pub fn descriptors() -> io::Result<Facts> {
    let mut facts = Facts::new();
    let own = format!("/proc/{}/fd", std::process::id());
    for entry in std::fs::read_dir("/proc/self/fd")? {
        let entry = entry?;
        let Ok(target) = std::fs::read_link(entry.path()) else { continue };
        // The one that this list is read from.
        if target.as_os_str() != own.as_str() {
            let name = format!("descriptor {}", entry.file_name().display());
            facts.insert(name, target.display().to_string());
        }
    }
    Ok(facts)
}

/// What each signal does, and which are blocked in this thread.
///
/// # Errors
/// /proc is not there.
pub fn signals() -> io::Result<Facts> {
    let mut facts = Facts::new();
    for number in (1..=SIGNALS).filter(|number| !SIGNALS_OF_LIBC.contains(number)) {
        facts.insert(signal_name(number), action(number));
    }
    let status = std::fs::read_to_string("/proc/thread-self/status")?;
    let blocked = field(&status, "SigBlk").unwrap_or_default();
    facts.insert("the mask of blocked signals".to_owned(), blocked.to_owned());
    Ok(facts)
}

fn action(number: i32) -> String {
    let mut action = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: asks only (no new action), and the out pointer is to a whole struct, of which zeroes
    // are a value where the call fails.
    let action = unsafe {
        libc::sigaction(number, std::ptr::null(), action.as_mut_ptr());
        action.assume_init()
    };
    match action.sa_sigaction {
        libc::SIG_DFL => "the default".to_owned(),
        libc::SIG_IGN => "ignored".to_owned(),
        handler => format!("a handler at {handler:#x} with flags {:#x}", action.sa_flags),
    }
}

/// The environment's variables.
#[must_use]
pub fn environment() -> Facts {
    let shown = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
    std::env::vars_os().map(|(key, value)| (shown(key), shown(value))).collect()
}

/// Working directory, root directory and file mode creation mask.
///
/// # Errors
/// /proc is not there.
pub fn directory() -> io::Result<Facts> {
    let mut facts = Facts::new();
    for (name, link) in [("the working directory", "cwd"), ("the root directory", "root")] {
        let target = std::fs::read_link(format!("/proc/self/{link}"))?;
        facts.insert(name.to_owned(), target.display().to_string());
    }
    let status = std::fs::read_to_string("/proc/self/status")?;
    let umask = field(&status, "Umask").unwrap_or_default();
    facts.insert("the umask".to_owned(), umask.to_owned());
    Ok(facts)
}

/// Limits, identity, CPUs, priority, locale, and how numbers are rounded.
///
/// # Errors
/// /proc is not there.
pub fn settings() -> io::Result<Facts> {
    let mut facts = Facts::new();
    for line in std::fs::read_to_string("/proc/self/limits")?.lines().skip(1) {
        // "Max open files            1024                 524288               files"
        let (name, values) = line.split_at_checked(26).unwrap_or((line, ""));
        let values: Vec<&str> = values.split_whitespace().take(2).collect();
        facts.insert(format!("the limit \"{}\"", name.trim()), values.join(" of "));
    }
    let status = std::fs::read_to_string("/proc/thread-self/status")?;
    for name in SETTINGS {
        let value = field(&status, name).unwrap_or_default();
        facts.insert(format!("{name} of /proc/self/status"), value.to_owned());
    }
    let nice = rustix::process::getpriority_process(None)?;
    facts.insert("the nice value".to_owned(), nice.to_string());
    facts.insert("the locale".to_owned(), locale());
    facts.insert("the arithmetic of floating-point numbers".to_owned(), arithmetic().to_owned());
    Ok(facts)
}

fn locale() -> String {
    // SAFETY: asks only (a null name changes nothing); the answer is null or a text of the C
    // library's, which is copied before anybody could call setlocale again.
    unsafe {
        let name = libc::setlocale(libc::LC_ALL, std::ptr::null());
        match name.is_null() {
            true => String::new(),
            false => CStr::from_ptr(name).to_string_lossy().into_owned(),
        }
    }
}

/// A library that was linked with -ffast-math has the processor flush small numbers to zero, for
/// the whole thread that loads it.
fn arithmetic() -> &'static str {
    let small = black_box(f64::MIN_POSITIVE) / black_box(4.0);
    let third = black_box(1.0_f64) / black_box(3.0);
    let two_thirds = black_box(2.0_f64) / black_box(3.0);
    match (small > 0.0, third.to_bits(), two_thirds.to_bits()) {
        (false, ..) => "small numbers become zero (linked with -ffast-math?)",
        (true, 0x3fd5_5555_5555_5555, 0x3fe5_5555_5555_5555) => "that of IEEE 754",
        _ => "another rounding",
    }
}

fn field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    Some(line.trim())
}

/// How long this thread was ready to run and had no processor, in nanoseconds; 0 where the kernel
/// does not count that.
#[must_use]
pub fn waited_for_cpu_ns() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split_whitespace().nth(1).and_then(|word| word.parse().ok()).unwrap_or(0)
}

/// The first difference, in words.
#[must_use]
pub fn difference(before: &Facts, after: &Facts) -> Option<String> {
    let new = after.iter().find(|(name, _)| !before.contains_key(*name));
    let gone = before.iter().find(|(name, _)| !after.contains_key(*name));
    let other = before.iter().find_map(|(name, was)| {
        let is = after.get(name)?;
        (is != was).then_some((name, was, is))
    });
    match (new, gone, other) {
        (Some((name, what)), ..) => Some(format!("{name} is new ({what})")),
        (_, Some((name, what)), _) => Some(format!("{name} is gone (it was {what})")),
        (_, _, Some((name, was, is))) => Some(format!("{name} was {was} and is {is}")),
        (None, None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(pairs: &[(&str, &str)]) -> Facts {
        pairs.iter().map(|(name, what)| ((*name).to_owned(), (*what).to_owned())).collect()
    }

    #[test]
    fn each_difference_has_its_words() {
        let before = facts(&[("a", "1"), ("b", "2")]);
        type Case<'a> = (&'a [(&'a str, &'a str)], Option<&'a str>);
        let cases: [Case<'_>; 4] = [
            (&[("a", "1"), ("b", "2")], None),
            (&[("a", "1"), ("b", "3")], Some("b was 2 and is 3")),
            (&[("a", "1")], Some("b is gone (it was 2)")),
            (&[("a", "1"), ("b", "2"), ("c", "4")], Some("c is new (4)")),
        ];
        for (after, words) in cases {
            assert_eq!(difference(&before, &facts(after)).as_deref(), words);
        }
    }

    #[test]
    fn what_is_asked_for_is_told() {
        assert!(!threads().unwrap().is_empty());
        assert!(descriptors().unwrap().contains_key("descriptor 2"));
        let signals = signals().unwrap();
        assert_eq!(signals.len(), 63);
        assert_eq!(signals["SIGKILL"], "the default");
        assert!(directory().unwrap().contains_key("the umask"));
        let settings = settings().unwrap();
        assert_eq!(settings["the arithmetic of floating-point numbers"], "that of IEEE 754");
        assert!(settings["the limit \"Max open files\""].contains(" of "), "{settings:?}");
        assert!(!settings["Cpus_allowed_list of /proc/self/status"].is_empty());
        assert_eq!(settings["the locale"], "C");
    }

    #[test]
    fn environments_are_compared_by_variable() {
        assert_eq!(difference(&environment(), &environment()), None);
    }
}
