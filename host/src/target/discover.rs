//! What a path is: kind, size, block size, and for a block device its place among the disks.
//!
//! Called by `run` before a job is judged by its targets. Follows symbolic links; opens only block
//! devices, for reading; changes nothing.

use super::error::TargetError;
use crate::sys::block;
use crate::sys::disks::disk_behind;
use rustix::fs::{major, minor, AtFlags, FileType, Mode, OFlags, StatxFlags, CWD};
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Where nothing else is known: every disk can do this or less.
const BLOCK_BYTES_DEFAULT: u32 = 512;
/// `/sys` counts sectors of this size, whatever the device's own blocks are.
const SYS_SECTOR_BYTES: u64 = 512;

/// The kernel follows so many links and no more.
const LINKS_MAX: usize = 40;

/// Kind of target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    Regular,
    /// A block device.
    Block,
    /// A character device.
    Char,
    /// A pipe or socket.
    Pipe,
    /// A directory.
    Directory,
    /// Nothing there, in a directory that is.
    Missing,
    /// No path: a name that only the engine understands.
    Opaque,
}

/// Place of a block device among the others, and what it can.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlockDevice {
    /// Major and minor number.
    pub number: (u32, u32),
    /// The kernel's name ("sda1"); none where /sys does not tell.
    pub name: Option<String>,
    /// Kernel's name of the whole disk ("sda"); the device's own name where it is one.
    pub disk: Option<String>,
    /// It is a part of `disk`.
    pub is_partition: bool,
    /// Whether it has moving parts; none = not known.
    pub rotational: Option<bool>,
    /// Length of a zone in bytes; none where the device has no zones.
    pub zone_bytes: Option<u64>,
    /// Largest discard in bytes, 0 where it cannot discard; none = not known.
    pub discard_bytes: Option<u64>,
}

/// A path, and what is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// As it was named.
    pub path: PathBuf,
    /// What it is.
    pub kind: Kind,
    /// Bytes; 0 where there is none or it is not known.
    pub size: u64,
    /// Logical block size in bytes: what O_DIRECT has to be aligned to.
    pub block_size: u32,
    /// It is a device, or lies on one: `block_size` is no guess.
    pub on_device: bool,
    /// Device and inode number of what the path leads to; none where it is missing.
    pub identity: Option<(u64, u64)>,
    /// For [`Kind::Block`]; and for a [`Kind::Char`] that is another way to a disk, as /dev/sgN is.
    pub device: Option<BlockDevice>,
}

impl Target {
    /// Of an engine whose targets are no paths; `size` in bytes, 0 = not known.
    pub fn opaque(name: &Path, size: u64) -> Target {
        Target {
            path: name.to_path_buf(),
            kind: Kind::Opaque,
            size,
            block_size: BLOCK_BYTES_DEFAULT,
            on_device: false,
            identity: None,
            device: None,
        }
    }
}

/// Looks at a path.
///
/// # Errors
/// `-`; a missing directory; a missing device (no regular file is made among the devices); a path
/// that may not be looked at; a device that is there by name only.
pub fn discover(path: &Path) -> Result<Target, TargetError> {
    if path.as_os_str() == "-" {
        return Err(TargetError::Refused {
            doing: "filename=-".into(),
            why: "a run has no standard input or output to work on, as fio's has (name a file, a \
                  device or a pipe; a file of that name is ./-)"
                .into(),
        });
    }
    let stat = match rustix::fs::stat(path) {
        Ok(stat) => stat,
        Err(Errno::NOENT | Errno::NOTDIR) => return missing(path),
        Err(errno) => return Err(TargetError::io(format!("look at {}", path.display()), errno)),
    };
    let mut target = Target {
        path: path.to_path_buf(),
        kind: kind_of(FileType::from_raw_mode(stat.st_mode)),
        size: 0,
        block_size: BLOCK_BYTES_DEFAULT,
        on_device: false,
        identity: Some((stat.st_dev, stat.st_ino)),
        device: None,
    };
    match target.kind {
        Kind::Regular => {
            target.size = u64::try_from(stat.st_size).unwrap_or(0);
            target.block_size = direct_alignment(path, stat.st_dev);
            target.on_device = is_device(stat.st_dev);
        }
        Kind::Char => {
            let sys = Path::new("/sys");
            let number = (major(stat.st_rdev), minor(stat.st_rdev));
            if let Some(disk) = disk_behind(sys, number) {
                let directory = sys_directory(sys, disk);
                target.size = read_number(&directory.join("size")).unwrap_or(0) * SYS_SECTOR_BYTES;
                target.block_size = sys_block_bytes(&directory);
                target.device = Some(describe(sys, disk));
            }
        }
        Kind::Block => {
            let number = (major(stat.st_rdev), minor(stat.st_rdev));
            (target.size, target.block_size) = device_sizes(path, number)?;
            target.on_device = true;
            target.device = Some(describe(Path::new("/sys"), number));
        }
        _ => {}
    }
    Ok(target)
}

/// The same for a name whose directories will be made where they are missing, below `root`.
///
/// # Errors
/// As [`discover`]; a missing `root` too.
pub fn discover_below(root: &Path, path: &Path) -> Result<Target, TargetError> {
    let probe = root.join("file");
    match discover(path) {
        Err(TargetError::NoDirectory { what: "does not exist", .. }) => {
            // Whatever will stand there, it will be like a new file in the root.
            let like = missing(&probe)?;
            Ok(Target { path: path.to_path_buf(), ..like })
        }
        other => other,
    }
}

/// Makes the directories that a path needs. Those that are there are no fault.
///
/// # Errors
/// The system's answer.
pub fn make_directories(path: &Path) -> Result<(), TargetError> {
    let directory = directory_of(path);
    fs::create_dir_all(directory)
        .map_err(|error| TargetError::io(format!("make {}", directory.display()), error))
}

fn kind_of(file_type: FileType) -> Kind {
    match file_type {
        FileType::BlockDevice => Kind::Block,
        FileType::CharacterDevice => Kind::Char,
        FileType::Fifo | FileType::Socket => Kind::Pipe,
        FileType::Directory => Kind::Directory,
        _ => Kind::Regular,
    }
}

/// A file that does not exist is a target if its directory does: that of what the path leads to,
/// where it is a link to nothing.
fn missing(path: &Path) -> Result<Target, TargetError> {
    let end = end_of_links(path);
    let directory = directory_of(&end);
    let what = match rustix::fs::stat(directory) {
        Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::Directory => {
            if is_among_devices(directory, stat.st_dev) {
                let why = "there is no such device, and files are not created among the devices";
                return Err(TargetError::Refused {
                    doing: path.display().to_string(),
                    why: why.into(),
                });
            }
            return Ok(Target {
                path: path.to_path_buf(),
                kind: Kind::Missing,
                size: 0,
                block_size: directory_alignment(stat.st_dev),
                on_device: is_device(stat.st_dev),
                identity: None,
                device: None,
            });
        }
        Ok(_) => "is not a directory",
        Err(_) => "does not exist",
    };
    Err(TargetError::NoDirectory { path: path.into(), directory: directory.into(), what })
}

/// Where a file would be made that is opened by this path: the end of a chain of links to nothing.
fn end_of_links(path: &Path) -> PathBuf {
    let mut end = path.to_path_buf();
    for _ in 0..LINKS_MAX {
        let Ok(next) = fs::read_link(&end) else { break };
        end = directory_of(&end).join(next);
    }
    end
}

/// Whether a directory of that file system is /dev or a part of it: a mistyped device must not
/// become a file there. What is mounted below it, as /dev/shm is, is another file system.
fn is_among_devices(directory: &Path, file_system: u64) -> bool {
    let device = |path| rustix::fs::stat(path).ok().map(|stat| stat.st_dev);
    if device("/dev") != Some(file_system) {
        return false;
    }
    // Without a file system of its own it is told by its name.
    let real = |path: &Path| fs::canonicalize(path).ok();
    let is_below = || Some(real(directory)?.starts_with(real(Path::new("/dev"))?));
    device("/") != Some(file_system) || is_below().unwrap_or(false)
}

/// The directory in which a path's last part lies.
pub(super) fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// The nearest directory of a path that is there already.
pub(super) fn directory_there(path: &Path) -> &Path {
    let mut directory = directory_of(path);
    while !directory.exists() && directory.parent().is_some() {
        directory = directory_of(directory);
    }
    directory
}

/// Size and logical block size: from the device itself, or from /sys where it may not be opened.
fn device_sizes(path: &Path, number: (u32, u32)) -> Result<(u64, u32), TargetError> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let asked = rustix::fs::open(path, flags, Mode::empty())
        .and_then(|fd| Ok((block::size_bytes(&fd)?, block::logical_block_bytes(&fd)?)));
    asked.or_else(|errno| {
        let sys = sys_directory(Path::new("/sys"), number);
        let sectors = read_number(&sys.join("size")).filter(|&sectors| sectors > 0);
        match sectors {
            Some(sectors) => Ok((sectors * SYS_SECTOR_BYTES, sys_block_bytes(&sys))),
            None => Err(TargetError::io(format!("ask {} for its size", path.display()), errno)),
        }
    })
}

/// What /sys says about a device's place.
pub(super) fn describe(sys: &Path, number: (u32, u32)) -> BlockDevice {
    let directory = fs::canonicalize(sys_directory(sys, number)).ok();
    let name_of = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
    let name = directory.as_deref().and_then(name_of);
    let is_partition = directory.as_deref().is_some_and(|d| d.join("partition").exists());
    let disk_directory =
        directory.as_deref().and_then(|d| if is_partition { d.parent() } else { Some(d) });
    BlockDevice {
        number,
        name,
        disk: disk_directory.and_then(name_of),
        is_partition,
        rotational: disk_directory
            .and_then(|d| read_number(&d.join("queue/rotational")))
            .map(|flag| flag != 0),
        zone_bytes: disk_directory.and_then(zone_bytes),
        discard_bytes: disk_directory.and_then(|d| read_number(&d.join("queue/discard_max_bytes"))),
    }
}

/// The zones of a disk, where it has any.
fn zone_bytes(disk: &Path) -> Option<u64> {
    let model = fs::read_to_string(disk.join("queue/zoned")).ok()?;
    if model.trim() == "none" {
        return None;
    }
    let sectors = read_number(&disk.join("queue/chunk_sectors")).filter(|&sectors| sectors > 0)?;
    sectors.checked_mul(SYS_SECTOR_BYTES)
}

fn sys_directory(sys: &Path, (major, minor): (u32, u32)) -> PathBuf {
    sys.join(format!("dev/block/{major}:{minor}"))
}

/// A partition's block size is that of its disk, whose directory is the one above.
fn sys_block_bytes(directory: &Path) -> u32 {
    ["queue/logical_block_size", "../queue/logical_block_size"]
        .iter()
        .find_map(|name| read_number(&directory.join(name)))
        .and_then(|bytes| u32::try_from(bytes).ok())
        .filter(|bytes| bytes.is_power_of_two())
        .unwrap_or(BLOCK_BYTES_DEFAULT)
}

fn read_number(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// What the file system asks of O_DIRECT, else the block size of the device below it.
fn direct_alignment(path: &Path, device: u64) -> u32 {
    let told = rustix::fs::statx(CWD, path, AtFlags::empty(), StatxFlags::DIOALIGN)
        .ok()
        .filter(|stat| stat.stx_mask & StatxFlags::DIOALIGN.bits() != 0)
        .map(|stat| stat.stx_dio_offset_align)
        .filter(|&bytes| bytes > 0);
    told.unwrap_or_else(|| directory_alignment(device))
}

/// Whether the kernel knows a device of that number: tmpfs, overlays and networks have none.
fn is_device(device: u64) -> bool {
    device_of_files(device).1
}

fn directory_alignment(device: u64) -> u32 {
    device_of_files(device).0
}

/// Block size of the device that files lie on, and whether there is one; looked up once: a million
/// files lie on few devices.
fn device_of_files(device: u64) -> (u32, bool) {
    static KNOWN: Mutex<BTreeMap<u64, (u32, bool)>> = Mutex::new(BTreeMap::new());
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    *known.entry(device).or_insert_with(|| {
        let directory = sys_directory(Path::new("/sys"), (major(device), minor(device)));
        (sys_block_bytes(&directory), directory.exists())
    })
}

#[cfg(test)]
mod tests;
