//! Which disks lie under a path, and how their counters grew during a run.
//!
//! Called by `run` before and after the workers ran. Reads sysfs alone. What has no disk under it
//! (tmpfs, overlay, network file systems, character devices) yields none: that is no error.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Deepest stack of device-mapper devices that is followed.
const MAX_STACK: u32 = 8;

/// Growth of a disk's counters.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DiskGrowth {
    /// Kernel name.
    pub name: String,
    /// Reads completed.
    pub read_ios: u64,
    /// Writes completed.
    pub write_ios: u64,
    /// 512-byte sectors read.
    pub read_sectors: u64,
    /// 512-byte sectors written.
    pub write_sectors: u64,
    /// Reads merged.
    pub read_merges: u64,
    /// Writes merged.
    pub write_merges: u64,
    /// Milliseconds spent reading.
    pub read_ticks: u64,
    /// Milliseconds spent writing.
    pub write_ticks: u64,
    /// Weighted milliseconds in queue.
    pub in_queue: u64,
    /// Percent of the time in which it was busy, at most 100.
    pub util: f64,
}

/// The first eleven fields of /sys/block/NAME/stat, in the kernel's order.
type Counters = [u64; 11];

/// Watches disks from its making on.
#[derive(Debug)]
pub struct DiskWatch {
    sysfs: PathBuf,
    started: Instant,
    before: Vec<(String, Counters)>,
}

impl DiskWatch {
    /// Finds the disks under `targets` and takes their counters. A target need not exist yet: its
    /// nearest directory that does counts. Disks whose counters cannot be read are left out.
    pub fn start<'a>(targets: impl IntoIterator<Item = &'a Path>) -> DiskWatch {
        let mut disks = Vec::new();
        for device in targets.into_iter().filter_map(device_of) {
            add_disks(Path::new("/sys"), device, &mut disks);
        }
        DiskWatch::of(PathBuf::from("/sys"), disks)
    }

    fn of(sysfs: PathBuf, disks: Vec<String>) -> DiskWatch {
        let before = disks
            .into_iter()
            .filter_map(|name| {
                let counters = counters(&sysfs, &name).ok()?;
                Some((name, counters))
            })
            .collect();
        DiskWatch { sysfs, started: Instant::now(), before }
    }

    /// What each disk did since, in the order in which the disks were found. A disk that went away
    /// is left out.
    pub fn finish(&self) -> Vec<DiskGrowth> {
        let elapsed_ms = self.started.elapsed().as_secs_f64() * 1e3;
        self.before
            .iter()
            .filter_map(|(name, before)| {
                let after = counters(&self.sysfs, name).ok()?;
                Some(growth(name, before, &after, elapsed_ms))
            })
            .collect()
    }
}

fn growth(name: &str, before: &Counters, after: &Counters, elapsed_ms: f64) -> DiskGrowth {
    // Some counters are 32 bits wide in the kernel and may start over in mid-run.
    let grown = |i: usize| match after[i].checked_sub(before[i]) {
        Some(grown) => grown,
        None => (after[i] + (1 << 32)).saturating_sub(before[i]),
    };
    let busy_ms = grown(9) as f64;
    DiskGrowth {
        name: name.to_owned(),
        read_ios: grown(0),
        read_merges: grown(1),
        read_sectors: grown(2),
        read_ticks: grown(3),
        write_ios: grown(4),
        write_merges: grown(5),
        write_sectors: grown(6),
        write_ticks: grown(7),
        in_queue: grown(10),
        util: if elapsed_ms > 0.0 { (busy_ms * 100.0 / elapsed_ms).min(100.0) } else { 0.0 },
    }
}

/// The block device that a path is or lies on.
fn device_of(target: &Path) -> Option<u64> {
    // An ancestor of "file" is "", which stands for the working directory.
    let metadata = target.ancestors().find_map(|path| {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        fs::metadata(path).ok()
    })?;
    let kind = metadata.file_type();
    if kind.is_block_device() {
        Some(metadata.rdev())
    } else if kind.is_file() || kind.is_dir() {
        Some(metadata.dev())
    } else {
        None
    }
}

/// Adds the disk of a device, and the disks below it, each once.
fn add_disks(sysfs: &Path, device: u64, disks: &mut Vec<String>) {
    let numbers = format!("{}:{}", rustix::fs::major(device), rustix::fs::minor(device));
    // Nothing there: a device without a disk, as tmpfs has.
    if let Ok(directory) = fs::canonicalize(sysfs.join("dev/block").join(numbers)) {
        add_stack(&directory, MAX_STACK, disks);
    }
}

fn add_stack(directory: &Path, depth: u32, disks: &mut Vec<String>) {
    let whole = if directory.join("partition").exists() {
        directory.parent().unwrap_or(directory)
    } else {
        directory
    };
    let Some(name) = whole.file_name().map(|name| name.to_string_lossy().into_owned()) else {
        return;
    };
    if disks.contains(&name) {
        return;
    }
    disks.push(name);
    let Some(deeper) = depth.checked_sub(1) else { return };
    let Ok(slaves) = fs::read_dir(whole.join("slaves")) else { return };
    let mut slaves: Vec<PathBuf> =
        slaves.filter_map(|slave| fs::canonicalize(slave.ok()?.path()).ok()).collect();
    slaves.sort();
    slaves.iter().for_each(|slave| add_stack(slave, deeper, disks));
}

fn counters(sysfs: &Path, name: &str) -> io::Result<Counters> {
    let text = fs::read_to_string(sysfs.join("block").join(name).join("stat"))?;
    parse(&text).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "fewer than 11 counters"))
}

fn parse(text: &str) -> Option<Counters> {
    let mut fields = text.split_ascii_whitespace().map(str::parse::<u64>);
    let mut counters = [0; 11];
    for counter in &mut counters {
        *counter = fields.next()?.ok()?;
    }
    Some(counters)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    /// A sysfs with disk sda (8:0), its partition sda1 (8:1), disk sdb (8:16) and dm-0 (253:0) over
    /// sda1 and sdb.
    fn sysfs() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let devices = root.path().join("devices");
        for directory in ["sda/sda1", "sda/slaves", "sdb/slaves", "dm-0/slaves"] {
            fs::create_dir_all(devices.join(directory)).unwrap();
        }
        for directory in ["dev/block", "block"] {
            fs::create_dir_all(root.path().join(directory)).unwrap();
        }
        fs::write(devices.join("sda/sda1/partition"), "1\n").unwrap();
        let links = [
            ("sda", "dev/block/8:0"),
            ("sda/sda1", "dev/block/8:1"),
            ("sdb", "dev/block/8:16"),
            ("dm-0", "dev/block/253:0"),
            ("sda", "block/sda"),
            ("sdb", "block/sdb"),
            ("dm-0", "block/dm-0"),
            ("sda/sda1", "devices/dm-0/slaves/sda1"),
            ("sdb", "devices/dm-0/slaves/sdb"),
        ];
        for (to, from) in links {
            symlink(devices.join(to), root.path().join(from)).unwrap();
        }
        for name in ["sda", "sdb", "dm-0"] {
            set(&root, name, "1 2 3 4 5 6 7 8 0 10 11 12 13 14 15 16 17");
        }
        root
    }

    fn set(root: &tempfile::TempDir, name: &str, text: &str) {
        fs::write(root.path().join("devices").join(name).join("stat"), text).unwrap();
    }

    fn found(devices: &[(u32, u32)]) -> Vec<String> {
        let root = sysfs();
        let mut disks = Vec::new();
        for &(major, minor) in devices {
            add_disks(root.path(), rustix::fs::makedev(major, minor), &mut disks);
        }
        disks
    }

    #[test]
    fn a_device_is_shown_as_its_disks() {
        assert_eq!(found(&[(8, 0)]), ["sda"]);
        assert_eq!(found(&[(8, 1)]), ["sda"]);
        assert_eq!(found(&[(8, 1), (8, 0), (8, 16)]), ["sda", "sdb"]);
        assert_eq!(found(&[(253, 0)]), ["dm-0", "sda", "sdb"]);
        assert_eq!(found(&[(0, 42)]), [""; 0]);
    }

    #[test]
    fn growth_is_told_and_a_disk_that_went_away_left_out() {
        let root = sysfs();
        let disks = vec!["sda".to_owned(), "sdb".to_owned(), "sdz".to_owned()];
        let watch = DiskWatch::of(root.path().to_owned(), disks);
        set(&root, "sda", "101 202 303 404 505 606 707 808 9 5000000 1111");
        set(&root, "sdb", "garbage");
        let grown = watch.finish();
        assert_eq!(
            grown,
            [DiskGrowth {
                name: "sda".to_owned(),
                read_ios: 100,
                read_merges: 200,
                read_sectors: 300,
                read_ticks: 400,
                write_ios: 500,
                write_merges: 600,
                write_sectors: 700,
                write_ticks: 800,
                in_queue: 1100,
                util: 100.0,
            }]
        );
    }

    #[test]
    fn util_is_a_part_of_the_time() {
        let mut after = [0; 11];
        after[9] = 250;
        assert_eq!(growth("x", &[0; 11], &after, 1000.0).util, 25.0);
        assert_eq!(growth("x", &[0; 11], &after, 0.0).util, 0.0);
    }

    #[test]
    fn a_counter_of_32_bits_may_start_over() {
        let (mut before, mut after) = ([0; 11], [0; 11]);
        before[10] = u64::from(u32::MAX);
        after[10] = 4;
        assert_eq!(growth("x", &before, &after, 1.0).in_queue, 5);
    }

    #[test]
    fn a_path_that_is_not_there_yet_lies_on_its_directory() {
        let directory = tempfile::tempdir().unwrap();
        let here = device_of(directory.path());
        assert!(here.is_some());
        assert_eq!(device_of(&directory.path().join("not/there/yet")), here);
        assert_eq!(device_of(Path::new("not-there-yet")), device_of(Path::new(".")));
        assert_eq!(device_of(Path::new("/dev/null")), None);
    }

    #[test]
    fn this_hosts_counters_can_be_read_or_there_are_none() {
        let directory = tempfile::tempdir().unwrap();
        let watch = DiskWatch::start([directory.path()]);
        assert_eq!(watch.finish().len(), watch.before.len());
    }
}
