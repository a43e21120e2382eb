//! What the kernel says of its memory: huge pages, their sizes and how many are free.
//!
//! Called by [`super::memory`] where a job wants huge pages, and by [`super::locked`]. Reads /proc
//! and /sys; changes nothing.

use std::fs;

/// Where the kernel tells of each size.
const SIZES: &str = "/sys/kernel/mm/hugepages";

/// A figure of /proc/meminfo, in bytes; none where the kernel does not tell it.
pub(super) fn meminfo(key: &str) -> Option<u64> {
    figure(&fs::read_to_string("/proc/meminfo").ok()?, key)
}

fn figure(text: &str, key: &str) -> Option<u64> {
    let mut lines = text.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = lines.find(|(name, _)| *name == key)?;
    let kib: u64 = value.split_whitespace().next()?.parse().ok()?;
    kib.checked_mul(1024)
}

/// The size that the kernel takes where none is named.
pub(super) fn default_size() -> Option<u64> {
    meminfo("Hugepagesize").filter(|size| size.is_power_of_two())
}

/// Whether the kernel has pages of this size.
pub(super) fn has_size(size: u64) -> bool {
    size.is_power_of_two() && fs::metadata(directory(size)).is_ok_and(|facts| facts.is_dir())
}

/// The sizes that it has, for messages.
pub(super) fn sizes() -> String {
    let entries = fs::read_dir(SIZES).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> =
        names.filter_map(|name| Some(name.strip_prefix("hugepages-")?.to_owned())).collect();
    names.sort();
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}

/// How many pages of this size nobody has; none where the kernel does not tell.
pub(super) fn free(size: u64) -> Option<u64> {
    let text = fs::read_to_string(format!("{}/free_hugepages", directory(size))).ok()?;
    text.trim().parse().ok()
}

/// How to get more of them, in words.
pub(super) fn remedy(size: u64, wanted: u64) -> String {
    if default_size() == Some(size) {
        format!("sysctl vm.nr_hugepages={wanted} or more")
    } else {
        format!("echo {wanted} or more into {}/nr_hugepages", directory(size))
    }
}

fn directory(size: u64) -> String {
    format!("{SIZES}/hugepages-{}kB", size / 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read() {
        let text = "MemTotal:       24 kB\nHugePages_Total:  3\nHugepagesize:       2048 kB\n";
        assert_eq!(figure(text, "Hugepagesize"), Some(2 << 20));
        assert_eq!(figure(text, "Huge"), None);
        assert!(meminfo("MemTotal").is_some_and(|bytes| bytes > 1 << 20));
    }

    #[test]
    fn sizes_that_are_no_power_of_two_are_not_there() {
        assert!(!has_size(0));
        assert!(!has_size(3 << 20));
    }
}
