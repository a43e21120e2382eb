//! Which disks lie under a path, and what the kernel says of each: size, blocks, discard, zones,
//! model, serial.
//!
//! Called by `run` at the begin of a run and by `target`. Reads sysfs alone and opens no device.
//! What has no disk under it (tmpfs, overlay, network file systems) yields none; what the kernel
//! does not say is absent: nothing here is guessed.

use serde::Serialize;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Deepest stack of device-mapper and md devices that is followed.
const MAX_STACK: u32 = 8;
/// sysfs counts sectors of this size, whatever the device's own blocks are.
const SECTOR_BYTES: u64 = 512;

/// Major and minor number of a block device.
pub type Number = (u32, u32);

/// What a path has to do with a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// It is the block device, or a part of it.
    Block,
    /// It is a character device that leads to the same disk, as /dev/sgN does.
    Passthrough,
    /// It is a file in a file system there, or is to be one.
    File,
}

/// A disk, as far as the kernel tells. Keys of the report are the names of these fields.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct DiskFacts {
    /// Kernel name of the whole disk.
    pub name: String,
    /// Nodes of it, or of parts of it, that the run goes to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<String>,
    /// Number of files on it that the run goes to.
    #[serde(skip_serializing_if = "is_zero")]
    pub files: u64,
    /// Kernel names of the disks that it is made of (device mapper, md).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub slaves: Vec<String>,
    /// Name in the device mapper.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dm_name: Option<String>,
    /// File behind a loop device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backing_file: Option<String>,
    /// Who made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vendor: Option<String>,
    /// Model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Serial number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// Revision of its firmware.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub firmware: Option<String>,
    /// World-wide name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wwid: Option<String>,
    /// Size in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<u64>,
    /// Bytes that requests are multiples of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logical_block_size: Option<u64>,
    /// Bytes that it writes at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub physical_block_size: Option<u64>,
    /// Whether it has moving parts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rotational: Option<bool>,
    /// "none", "host-aware", "host-managed".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zoned: Option<String>,
    /// Bytes of a zone, where it has zones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone_bytes: Option<u64>,
    /// Largest discard in bytes; 0 = it cannot discard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub discard_max_bytes: Option<u64>,
    /// Bytes that discards are best multiples of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub discard_granularity: Option<u64>,
    /// Largest write-zeroes command in bytes; 0 = the kernel writes zeroes itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub write_zeroes_max_bytes: Option<u64>,
    /// Whether it forces single writes through its cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fua: Option<bool>,
    /// "write back" or "write through".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub write_cache: Option<String>,
    /// The I/O scheduler in use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheduler: Option<String>,
    /// Whether it has queues that can be polled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub io_poll: Option<bool>,
    /// Whether its counters are to be watched: some path that asks for it is, or lies on, a block
    /// device. The kernel does not count commands that pass it by.
    #[serde(skip)]
    pub is_watched: bool,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// The disks under these paths, and those that they are made of, each once and in the order in
/// which they are met; beside each path whether its disks are to be watched.
pub fn under<'a>(paths: impl IntoIterator<Item = (&'a Path, bool)>) -> Vec<DiskFacts> {
    let sys = Path::new("/sys");
    let mut disks: Vec<DiskFacts> = Vec::new();
    // A million files lie on few disks, which are looked up once.
    let mut of_files: BTreeMap<Number, Option<String>> = BTreeMap::new();
    for (path, watch) in paths {
        if let Some((number, way)) = behind(sys, path) {
            let disk = match of_files.get(&number).filter(|_| way == Way::File) {
                Some(known) => {
                    let disk = known.as_ref();
                    let disk = disk.and_then(|name| disks.iter_mut().find(|it| it.name == *name));
                    disk.map(|disk| {
                        disk.files += 1;
                        disk.name.clone()
                    })
                }
                None => add(sys, number, way, path, &mut disks),
            };
            if way == Way::File {
                of_files.insert(number, disk.clone());
            }
            if let Some(disk) = disk {
                set_watched(&mut disks, &disk, watch && way != Way::Passthrough);
            }
        }
    }
    disks
}

/// The block device that a path is, leads to or lies on. A path need not exist yet: its nearest
/// directory that does counts.
pub fn behind(sys: &Path, path: &Path) -> Option<(Number, Way)> {
    // An ancestor of "file" is "", which stands for the working directory.
    let metadata = path.ancestors().find_map(|path| {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        fs::metadata(path).ok()
    })?;
    let number = |device| (rustix::fs::major(device), rustix::fs::minor(device));
    let kind = metadata.file_type();
    if kind.is_block_device() {
        Some((number(metadata.rdev()), Way::Block))
    } else if kind.is_char_device() {
        Some((disk_behind(sys, number(metadata.rdev()))?, Way::Passthrough))
    } else if kind.is_file() || kind.is_dir() {
        Some((number(metadata.dev()), Way::File))
    } else {
        None
    }
}

/// The disk that a character device leads to as well: /dev/sgN takes commands for the same device
/// as /dev/sdX, and /dev/ngXnY for that of /dev/nvmeXnY. None for all others.
pub fn disk_behind(sys: &Path, (major, minor): Number) -> Option<Number> {
    let node = sys.join(format!("dev/char/{major}:{minor}"));
    let disk = match fs::read_dir(node.join("device/block")) {
        Ok(disks) => disks.flatten().next()?.path(),
        Err(_) => {
            let name = fs::canonicalize(&node).ok()?;
            let numbers = name.file_name()?.to_str()?.strip_prefix("ng")?;
            sys.join(format!("class/block/nvme{numbers}"))
        }
    };
    let number = fs::read_to_string(disk.join("dev")).ok()?;
    let (major, minor) = number.trim().split_once(':')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// Adds the disk of a device with what a path has to do with it, and the disks below; tells its
/// name, if there is one.
fn add(
    sys: &Path,
    number: Number,
    way: Way,
    path: &Path,
    disks: &mut Vec<DiskFacts>,
) -> Option<String> {
    let directory = directory_of(sys, number)?;
    let name = name_of(&directory)?;
    add_stack(&directory, MAX_STACK, disks);
    let disk = disks.iter_mut().find(|disk| disk.name == name)?;
    match way {
        Way::Block | Way::Passthrough => disk.targets.push(path.display().to_string()),
        Way::File => disk.files += 1,
    }
    Some(name)
}

/// Marks a disk and all below it, where that is wanted and not done.
fn set_watched(disks: &mut [DiskFacts], name: &str, wanted: bool) {
    let fresh = |disk: &&mut DiskFacts| wanted && disk.name == name && !disk.is_watched;
    let Some(disk) = disks.iter_mut().find(fresh) else { return };
    disk.is_watched = true;
    for slave in disk.slaves.clone() {
        set_watched(disks, &slave, true);
    }
}

/// Where sysfs describes the whole disk of a device; none for a device without a disk, as tmpfs
/// has.
fn directory_of(sys: &Path, (major, minor): Number) -> Option<PathBuf> {
    let directory = fs::canonicalize(sys.join(format!("dev/block/{major}:{minor}"))).ok()?;
    Some(whole(directory))
}

fn whole(directory: PathBuf) -> PathBuf {
    match directory.parent() {
        Some(disk) if directory.join("partition").exists() => disk.to_path_buf(),
        _ => directory,
    }
}

fn name_of(directory: &Path) -> Option<String> {
    Some(directory.file_name()?.to_string_lossy().into_owned())
}

fn add_stack(directory: &Path, depth: u32, disks: &mut Vec<DiskFacts>) {
    let Some(name) = name_of(directory) else { return };
    if disks.iter().any(|disk| disk.name == name) {
        return;
    }
    let below = slaves(directory);
    let mut disk = facts(directory);
    disk.slaves = below.iter().filter_map(|slave| name_of(slave)).collect();
    disk.slaves.dedup();
    disk.name = name;
    disks.push(disk);
    let Some(deeper) = depth.checked_sub(1) else { return };
    below.iter().for_each(|slave| add_stack(slave, deeper, disks));
}

/// The disks that a disk is made of, sorted by name.
fn slaves(directory: &Path) -> Vec<PathBuf> {
    let Ok(links) = fs::read_dir(directory.join("slaves")) else { return Vec::new() };
    let mut slaves: Vec<PathBuf> =
        links.filter_map(|link| Some(whole(fs::canonicalize(link.ok()?.path()).ok()?))).collect();
    slaves.sort_unstable_by_key(|slave| name_of(slave));
    slaves
}

/// What the files of a disk's directory say.
fn facts(disk: &Path) -> DiskFacts {
    let text = |file: &str| text(&disk.join(file));
    let number = |file: &str| text(file)?.parse::<u64>().ok();
    let flag = |file: &str| number(file).map(|flag| flag != 0);
    let sectors = |file: &str| number(file)?.checked_mul(SECTOR_BYTES);
    let zoned = text("queue/zoned");
    let has_zones = zoned.as_deref().is_some_and(|model| model != "none");
    DiskFacts {
        dm_name: text("dm/name"),
        backing_file: text("loop/backing_file"),
        vendor: text("device/vendor").filter(|vendor| !is_pci_id(vendor)),
        model: text("device/model").or_else(|| text("device/name")),
        serial: serial(disk),
        firmware: text("device/firmware_rev").or_else(|| text("device/rev")),
        wwid: text("wwid").or_else(|| text("device/wwid")),
        size_bytes: sectors("size"),
        logical_block_size: number("queue/logical_block_size"),
        physical_block_size: number("queue/physical_block_size"),
        rotational: flag("queue/rotational"),
        zone_bytes: has_zones.then(|| sectors("queue/chunk_sectors")).flatten(),
        zoned,
        discard_max_bytes: number("queue/discard_max_bytes"),
        discard_granularity: number("queue/discard_granularity"),
        write_zeroes_max_bytes: number("queue/write_zeroes_max_bytes"),
        fua: flag("queue/fua"),
        write_cache: text("queue/write_cache"),
        scheduler: text("queue/scheduler").map(|list| chosen(&list)),
        io_poll: flag("queue/io_poll"),
        ..DiskFacts::default()
    }
}

/// A virtio device's "0x1af4" names nobody.
fn is_pci_id(vendor: &str) -> bool {
    vendor.starts_with("0x")
}

/// NVMe and MMC have a file for it, virtio another; SCSI has the page of its INQUIRY.
fn serial(disk: &Path) -> Option<String> {
    let page = || {
        let page = fs::read(disk.join("device/vpd_pg80")).ok()?;
        let length = usize::from(u16::from_be_bytes([*page.get(2)?, *page.get(3)?]));
        let serial = page.get(4..4 + length)?;
        plain(&String::from_utf8_lossy(serial))
    };
    let file = |name: &str| text(&disk.join(name));
    file("device/serial").or_else(|| file("serial")).or_else(page)
}

/// "[none] mq-deadline" -> "none".
fn chosen(list: &str) -> String {
    let marked = list.split_once('[').and_then(|(_, rest)| rest.split_once(']'));
    marked.map_or(list, |(name, _)| name).to_owned()
}

/// A file's one line; none where there is no file or nothing in it.
fn text(path: &Path) -> Option<String> {
    plain(&String::from_utf8_lossy(&fs::read(path).ok()?))
}

/// A device pads its names with blanks or zeroes, and may hold anything.
fn plain(raw: &str) -> Option<String> {
    let padding = |c: char| c.is_whitespace() || c == '\0';
    let text = raw.trim_matches(padding).replace(char::is_control, "?");
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests;
