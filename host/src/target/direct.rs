//! Whether O_DIRECT will work on a target, and what it asks of offsets, lengths and memory: known
//! before the start, so that nobody meets EINVAL in the middle of a run.
//!
//! Called by `run` before a cell is started and for `iodyno lint`. Asks statx(2) first, and where
//! the kernel does not say, opens what is there for reading. Creates nothing that has a name.

use super::discover::{directory_there, Kind, Target};
use super::open::{open, OpenWish};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, StatxFlags, CWD};
use rustix::io::Errno;
use std::fs;
use std::path::Path;

/// How many neighbours of a file that does not exist yet are looked at.
const NEIGHBOURS: usize = 64;

/// What is known of O_DIRECT on a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Direct {
    /// It works. Bytes that offsets and lengths, and the memory, have to be multiples of; none
    /// where nobody says.
    Possible {
        /// Offsets and lengths.
        offset_align: Option<u32>,
        /// Addresses of buffers.
        mem_align: Option<u32>,
    },
    /// It does not work; why.
    Impossible(String),
    /// Not known before the file is there; why.
    Unknown(String),
}

/// How a file that does not exist yet may be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    /// By looking alone.
    Look,
    /// By a file without a name (O_TMPFILE), which is gone at once.
    Unnamed,
}

/// Finds out.
pub fn direct(target: &Target, probe: Probe) -> Direct {
    match target.kind {
        Kind::Regular | Kind::Block => of_existing(target),
        Kind::Missing => of_missing(target, probe),
        Kind::Char | Kind::Pipe | Kind::Directory => {
            Direct::Unknown("it is no file and no block device: its driver decides".into())
        }
        Kind::Opaque => Direct::Unknown("the engine opens it in its own way".into()),
    }
}

const NOT_TAKEN: &str = "its file system does not take O_DIRECT";

fn of_existing(target: &Target) -> Direct {
    if let Some(told) = told_by_kernel(&target.path) {
        return told;
    }
    let wish = OpenWish { read: true, direct: true, ..OpenWish::default() };
    match open(&target.path, wish) {
        Ok(_closed_again) => Direct::Possible {
            offset_align: (target.kind == Kind::Block || target.on_device)
                .then_some(target.block_size),
            mem_align: None,
        },
        // The same without O_DIRECT tells the two apart: a file system that refuses, and a file
        // that may not be read at all.
        Err(_) if open(&target.path, OpenWish { direct: false, ..wish }).is_ok() => {
            Direct::Impossible(NOT_TAKEN.into())
        }
        Err(error) => Direct::Unknown(error.to_string()),
    }
}

/// What statx says; none where the kernel or the file system says nothing.
fn told_by_kernel(path: &Path) -> Option<Direct> {
    let stat = rustix::fs::statx(CWD, path, AtFlags::empty(), StatxFlags::DIOALIGN).ok()?;
    if stat.stx_mask & StatxFlags::DIOALIGN.bits() == 0 {
        return None;
    }
    if stat.stx_dio_offset_align == 0 {
        return Some(Direct::Impossible(NOT_TAKEN.into()));
    }
    Some(Direct::Possible {
        offset_align: Some(stat.stx_dio_offset_align),
        mem_align: Some(stat.stx_dio_mem_align).filter(|&bytes| bytes > 0),
    })
}

fn of_missing(target: &Target, probe: Probe) -> Direct {
    let directory = directory_there(&target.path);
    if let Some(told) = of_neighbour(directory) {
        return told;
    }
    if probe == Probe::Unnamed {
        let known_align = target.on_device.then_some(target.block_size);
        match by_unnamed(directory) {
            Ok(()) => return Direct::Possible { offset_align: known_align, mem_align: None },
            Err(Errno::INVAL) => return Direct::Impossible(NOT_TAKEN.into()),
            Err(_) => {}
        }
    }
    Direct::Unknown("it does not exist yet".into())
}

/// What holds for another file in the same directory.
fn of_neighbour(directory: &Path) -> Option<Direct> {
    let place = rustix::fs::stat(directory).ok()?.st_dev;
    let entries = fs::read_dir(directory).ok()?.take(NEIGHBOURS).flatten();
    entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file())).find_map(|entry| {
        let stat = rustix::fs::lstat(entry.path()).ok()?;
        let is_here =
            stat.st_dev == place && FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
        is_here.then(|| told_by_kernel(&entry.path())).flatten()
    })
}

/// Opens an unnamed file in the directory, with O_DIRECT.
fn by_unnamed(directory: &Path) -> Result<(), Errno> {
    let open = |flags| {
        let mode = Mode::RUSR | Mode::WUSR;
        rustix::fs::open(directory, OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC | flags, mode)
    };
    match open(OFlags::DIRECT) {
        Ok(_gone) => Ok(()),
        // A file system without unnamed files may say the same.
        Err(Errno::INVAL) if open(OFlags::empty()).is_err() => Err(Errno::OPNOTSUPP),
        Err(errno) => Err(errno),
    }
}

#[cfg(test)]
mod tests {
    use super::super::discover::discover;
    use super::super::testbed::{run, skip, LoopDevice};
    use super::*;

    fn of(path: &Path, probe: Probe) -> Direct {
        direct(&discover(path).expect("it can be looked at"), probe)
    }

    #[test]
    fn a_block_device_takes_it_in_logical_blocks() {
        let Some(device) = LoopDevice::new(1 << 20) else { return };
        let Direct::Possible { offset_align, .. } = of(&device.path, Probe::Look) else {
            panic!("a block device takes O_DIRECT")
        };
        assert_eq!(offset_align, Some(512));
    }

    #[test]
    fn the_kernel_s_own_files_do_not_take_it() {
        let said = of(Path::new("/proc/self/stat"), Probe::Look);
        assert_eq!(said, Direct::Impossible(NOT_TAKEN.into()));
        assert!(matches!(of(Path::new("/dev/null"), Probe::Look), Direct::Unknown(_)));
        let opaque = Target::opaque(Path::new("x"), 0);
        assert!(matches!(direct(&opaque, Probe::Unnamed), Direct::Unknown(_)));
    }

    #[test]
    fn what_is_said_is_what_open_does() {
        let here = tempfile::tempdir().expect("a directory");
        let path = here.path().join("file");
        fs::write(&path, [0; 8192]).expect("a file");
        let opens = open(&path, OpenWish { read: true, direct: true, ..OpenWish::default() });
        let said = of(&path, Probe::Look);
        assert_eq!(matches!(said, Direct::Possible { .. }), opens.is_ok(), "{said:?}");
        // A file beside it is judged alike.
        let beside = of(&here.path().join("none"), Probe::Unnamed);
        assert_eq!(matches!(beside, Direct::Possible { .. }), opens.is_ok(), "{beside:?}");
        assert_eq!(fs::read_dir(here.path()).expect("a directory").count(), 1);
    }

    #[test]
    fn a_file_system_without_it_is_known_before_a_file_is_made() {
        if !rustix::process::geteuid().is_root() {
            return skip("needs root to mount a ramfs").unwrap_or_default();
        }
        let point = tempfile::tempdir().expect("a directory");
        let place = point.path().display().to_string();
        let Some(()) = run("mount", &["-t", "ramfs", "none", &place]) else { return };
        let none = of(&point.path().join("none"), Probe::Unnamed);
        let looked = of(&point.path().join("none"), Probe::Look);
        fs::write(point.path().join("file"), "x").expect("a file");
        let there = of(&point.path().join("file"), Probe::Look);
        run("umount", &[&place]);
        assert!(!matches!(none, Direct::Possible { .. }), "{none:?}");
        assert!(matches!(looked, Direct::Unknown(_)), "{looked:?}");
        assert_eq!(there, Direct::Impossible(NOT_TAKEN.into()));
    }
}
