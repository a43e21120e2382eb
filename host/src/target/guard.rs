//! Refuses to write to what somebody uses: mounted anywhere, swap, held by md, dm or loop.
//!
//! Called by `run` for each target that a job writes to or trims, unless `allow_mounted_write=1`.
//! Only reads: /proc, /sys, and an exclusive open of a block device, which is closed at once.

use super::discover::{BlockDevice, Kind, Target};
use super::error::TargetError;
use rustix::fs::{major, minor, Mode, OFlags};
use rustix::io::Errno;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Another tester may be probing at the same moment: an exclusive open is tried so often.
const PROBES: u32 = 5;
/// Pause between two probes.
const PROBE_PAUSE: Duration = Duration::from_millis(10);
/// Mount points and holders that are named; the rest is counted.
const USERS_NAMED: usize = 4;

/// Where the kernel's tables are; tests have their own.
#[derive(Clone, Debug)]
pub struct Roots {
    /// "/proc".
    pub proc: PathBuf,
    /// "/sys".
    pub sys: PathBuf,
}

impl Default for Roots {
    fn default() -> Roots {
        Roots { proc: "/proc".into(), sys: "/sys".into() }
    }
}

/// Whether the target may be written to.
///
/// # Errors
/// [`TargetError::InUse`], naming who uses it.
pub fn check_write(target: &Target) -> Result<(), TargetError> {
    check_write_in(&Roots::default(), target)
}

/// The same, by the tables that are given.
///
/// # Errors
/// As [`check_write`].
pub fn check_write_in(roots: &Roots, target: &Target) -> Result<(), TargetError> {
    let mut users = match (&target.kind, &target.device) {
        (Kind::Block | Kind::Char, Some(device)) => device_users(roots, target, device),
        (Kind::Regular, _) => file_users(roots, target),
        _ => Vec::new(),
    };
    if users.is_empty() {
        return Ok(());
    }
    if users.len() > USERS_NAMED {
        let more = users.len() - USERS_NAMED;
        users.truncate(USERS_NAMED);
        users.push(format!("{more} more"));
    }
    Err(TargetError::InUse { path: target.path.clone(), users })
}

/// The device, and those whose data is its own: the partitions of a disk, the disk of a partition.
struct Family {
    members: Vec<Member>,
}

struct Member {
    number: (u32, u32),
    name: String,
}

impl Family {
    fn of(sys: &Path, target: &Target, device: &BlockDevice) -> Family {
        let own_name = node_of(target, device).display().to_string();
        let mut members = vec![Member { number: device.number, name: own_name }];
        let Some(disk) = &device.disk else { return Family { members } };
        let disk_directory = sys.join("block").join(disk);
        let mut add = |directory: &Path, name: &str| {
            if let Some(number) = read_number_pair(&directory.join("dev")) {
                members.push(Member { number, name: format!("/dev/{name}") });
            }
        };
        if device.is_partition {
            add(&disk_directory, disk);
        } else {
            for name in entries(&disk_directory) {
                if disk_directory.join(&name).join("partition").exists() {
                    add(&disk_directory.join(&name), &name);
                }
            }
        }
        Family { members }
    }

    fn member(&self, number: (u32, u32)) -> Option<&Member> {
        self.members.iter().find(|member| member.number == number)
    }
}

/// The block device's node: the target itself, or the disk behind a character device.
fn node_of(target: &Target, device: &BlockDevice) -> PathBuf {
    match (&target.kind, &device.name) {
        (Kind::Char, Some(name)) => Path::new("/dev").join(name),
        _ => target.path.clone(),
    }
}

fn device_users(roots: &Roots, target: &Target, device: &BlockDevice) -> Vec<String> {
    let family = Family::of(&roots.sys, target, device);
    let mut users = mount_users(&roots.proc, &family);
    for path in swap_paths(&roots.proc) {
        if let Some(member) = device_number(&path).and_then(|number| family.member(number)) {
            users.push(format!("{} is swap space", member.name));
        }
    }
    for member in &family.members {
        users.extend(holders(&roots.sys, member));
    }
    for (loop_name, path) in loop_backings(&roots.sys) {
        if let Some(member) = device_number(&path).and_then(|number| family.member(number)) {
            users.push(format!("{} is behind /dev/{loop_name}", member.name));
        }
    }
    if users.is_empty() && is_claimed(&node_of(target, device)) {
        users.push("the kernel says that somebody holds it exclusively".into());
    }
    users
}

fn file_users(roots: &Roots, target: &Target) -> Vec<String> {
    let is_target = |path: &Path| {
        let identity = rustix::fs::stat(path).ok().map(|stat| (stat.st_dev, stat.st_ino));
        identity.is_some() && identity == target.identity
    };
    let mut users = Vec::new();
    if swap_paths(&roots.proc).iter().any(|path| is_target(path)) {
        users.push("it is an active swap file".into());
    }
    for (loop_name, path) in loop_backings(&roots.sys) {
        if is_target(&path) {
            users.push(format!("it is behind /dev/{loop_name}"));
        }
    }
    users
}

/// Mounts of the family in every mount namespace that a process lives in, each looked at once.
fn mount_users(proc: &Path, family: &Family) -> Vec<String> {
    let mut seen_namespaces = BTreeSet::new();
    let mut seen_mounts = BTreeSet::new();
    let mut users = Vec::new();
    for process in processes(proc) {
        // A process whose namespace may not be read is looked at on its own.
        let namespace = fs::read_link(process.join("ns/mnt")).unwrap_or_else(|_| process.clone());
        if seen_namespaces.contains(&namespace) {
            continue;
        }
        let Ok(table) = fs::read_to_string(process.join("mountinfo")) else { continue };
        let is_own = seen_namespaces.is_empty();
        seen_namespaces.insert(namespace);
        for mount in table.lines().filter_map(parse_mount) {
            let Some(member) = mounted_member(&process, &mount, family) else { continue };
            if !seen_mounts.insert((member.number, mount.point.clone())) {
                continue;
            }
            let place = mount.point.display();
            let pid = process.file_name().unwrap_or_default().to_string_lossy();
            users.push(match is_own {
                true => format!("{} is mounted on {place}", member.name),
                false => {
                    format!("{} is mounted on {place} for process {pid}", member.name)
                }
            });
        }
    }
    users
}

/// This process first, whose namespace is the one that the user sees; then all others.
fn processes(proc: &Path) -> Vec<PathBuf> {
    let mut pids: Vec<u32> = entries(proc).iter().filter_map(|name| name.parse().ok()).collect();
    pids.sort_unstable();
    std::iter::once(proc.join("self"))
        .chain(pids.into_iter().map(|pid| proc.join(pid.to_string())))
        .collect()
}

/// A line of /proc/PID/mountinfo, as much of it as is needed.
struct Mount {
    number: (u32, u32),
    point: PathBuf,
    source: PathBuf,
}

/// "36 35 98:0 /root /mount/point options ... - type source options", blanks written as \040.
fn parse_mount(line: &str) -> Option<Mount> {
    let (front, back) = line.split_once(" - ")?;
    let mut front = front.split(' ').skip(2);
    let number = parse_number_pair(front.next()?)?;
    let point = unescape(front.nth(1)?);
    let source = unescape(back.split(' ').nth(1)?);
    Some(Mount { number, point, source })
}

/// The number is that of the file system; btrfs and others have one of their own, so that the
/// source's node is asked, too, as that process sees it.
fn mounted_member<'a>(process: &Path, mount: &Mount, family: &'a Family) -> Option<&'a Member> {
    family.member(mount.number).or_else(|| {
        let inside = mount.source.strip_prefix("/").ok().filter(|_| mount.number.0 == 0)?;
        let number = device_number(&process.join("root").join(inside))
            .or_else(|| device_number(&mount.source))?;
        family.member(number)
    })
}

/// Devices and files in use as swap.
fn swap_paths(proc: &Path) -> Vec<PathBuf> {
    let table = fs::read_to_string(proc.join("swaps")).unwrap_or_default();
    let first_word = |line: &str| line.split_whitespace().next().map(unescape);
    table.lines().skip(1).filter_map(first_word).collect()
}

/// Who stands on a device: "dm-0 (data)", "md0".
fn holders(sys: &Path, member: &Member) -> Vec<String> {
    let directory = sys.join(format!("dev/block/{}:{}/holders", member.number.0, member.number.1));
    let words = |holder: String| {
        let label = fs::read_to_string(sys.join("block").join(&holder).join("dm/name"));
        match label {
            Ok(label) => format!("{} is held by /dev/{holder} ({})", member.name, label.trim()),
            Err(_) => format!("{} is held by /dev/{holder}", member.name),
        }
    };
    entries(&directory).into_iter().map(words).collect()
}

/// Loop devices and what is behind them.
fn loop_backings(sys: &Path) -> Vec<(String, PathBuf)> {
    let block = sys.join("block");
    entries(&block)
        .into_iter()
        .filter(|name| name.starts_with("loop"))
        .filter_map(|name| {
            let file = fs::read_to_string(block.join(&name).join("loop/backing_file")).ok()?;
            Some((name, PathBuf::from(file.trim_end_matches('\n'))))
        })
        .collect()
}

/// Somebody that none of the tables names: the kernel refuses an exclusive open. A device that may
/// not be opened, or has no medium, is left to the real open, which says so.
fn is_claimed(path: &Path) -> bool {
    let flags = OFlags::RDONLY | OFlags::EXCL | OFlags::CLOEXEC | OFlags::NONBLOCK;
    for probe in 0..PROBES {
        if probe > 0 {
            std::thread::sleep(PROBE_PAUSE);
        }
        if rustix::fs::open(path, flags, Mode::empty()).err() != Some(Errno::BUSY) {
            return false;
        }
    }
    true
}

fn device_number(path: &Path) -> Option<(u32, u32)> {
    let stat = rustix::fs::stat(path).ok()?;
    let file_type = rustix::fs::FileType::from_raw_mode(stat.st_mode);
    (file_type == rustix::fs::FileType::BlockDevice)
        .then(|| (major(stat.st_rdev), minor(stat.st_rdev)))
}

fn read_number_pair(path: &Path) -> Option<(u32, u32)> {
    parse_number_pair(fs::read_to_string(path).ok()?.trim())
}

fn parse_number_pair(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.split_once(':')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// Names in a directory, sorted; none where there is no directory.
fn entries(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(directory)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    names.sort_unstable();
    names
}

/// The kernel writes blanks, tabs, line ends and backslashes in its tables as three octal digits.
fn unescape(text: &str) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let octal = bytes.get(at + 1..at + 4).filter(|_| bytes[at] == b'\\');
        let code = octal
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        plain.push(code.unwrap_or(bytes[at]));
        at += if code.is_some() { 4 } else { 1 };
    }
    PathBuf::from(std::ffi::OsString::from_vec(plain))
}

#[cfg(test)]
mod tests;
