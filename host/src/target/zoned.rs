//! The zones of a zoned block device: how they stand, what the device allows, resetting them.
//!
//! Called by `run` while a job is judged and its workers are set up, and by workers of a job with
//! `zonemode=zbd` on their way. Knows no job.

use super::discover::Target;
use super::error::TargetError;
use crate::sys::zones;
use rustix::fs::{Mode, OFlags};
use std::fs;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

/// The zones of a device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceZones {
    /// In order.
    pub zones: Vec<zones::Zone>,
    /// Zones that may be open at once; 0 = all.
    pub max_open: u32,
    /// Zones that may be open, or closed with room left, at once; 0 = all.
    pub max_active: u32,
}

/// A zoned block device, open for what is done to its zones.
#[derive(Debug)]
pub struct ZoneNode {
    path: PathBuf,
    fd: OwnedFd,
}

impl ZoneNode {
    /// Opens it; for writing, unless it is only asked.
    ///
    /// # Errors
    /// As the kernel's, in words.
    pub fn open(path: &Path, writes: bool) -> Result<ZoneNode, TargetError> {
        let access = if writes { OFlags::RDWR } else { OFlags::RDONLY };
        let fd =
            rustix::fs::open(path, access | OFlags::CLOEXEC, Mode::empty()).map_err(|errno| {
                TargetError::io(format!("open {} to look at its zones", path.display()), errno)
            })?;
        Ok(ZoneNode { path: path.to_path_buf(), fd })
    }

    /// All zones.
    ///
    /// # Errors
    /// As the kernel's.
    pub fn zones(&self) -> Result<Vec<zones::Zone>, TargetError> {
        let fail = |errno| self.told("report its zones", errno);
        match zones::count(&self.fd).map_err(fail)? {
            None => Ok(Vec::new()),
            Some((_, count)) => zones::report(&self.fd, 0, count as usize).map_err(fail),
        }
    }

    /// The zone that begins at a byte.
    ///
    /// # Errors
    /// As the kernel's.
    pub fn zone_at(&self, start: u64) -> Result<Option<zones::Zone>, TargetError> {
        let told = zones::report(&self.fd, start, 1);
        let zones = told.map_err(|errno| self.told(&format!("report the zone at {start}"), errno));
        Ok(zones?.first().copied())
    }

    /// Empties a zone.
    ///
    /// # Errors
    /// As the device's.
    pub fn reset(&self, start: u64, len: u64) -> Result<(), TargetError> {
        let done = zones::reset(&self.fd, start, len);
        done.map_err(|errno| self.told(&format!("reset the zone at {start}"), errno))
    }

    /// Makes a zone full.
    ///
    /// # Errors
    /// As the device's.
    pub fn finish(&self, start: u64, len: u64) -> Result<(), TargetError> {
        let done = zones::finish(&self.fd, start, len);
        done.map_err(|errno| self.told(&format!("finish the zone at {start}"), errno))
    }

    fn told(&self, doing: &str, errno: rustix::io::Errno) -> TargetError {
        TargetError::io(format!("{}: {doing}", self.path.display()), errno)
    }
}

/// What a block device says of its zones, and the kernel of its limits.
///
/// # Errors
/// It may not be opened, or does not answer.
pub fn device_zones(target: &Target) -> Result<DeviceZones, TargetError> {
    let zones = ZoneNode::open(&target.path, false)?.zones()?;
    let disk = target.device.as_ref().and_then(|device| device.disk.as_deref());
    let (max_open, max_active) = disk.map_or((0, 0), |disk| limits(Path::new("/sys"), disk));
    Ok(DeviceZones { zones, max_open, max_active })
}

fn limits(sys: &Path, disk: &str) -> (u32, u32) {
    let queue = sys.join("block").join(disk).join("queue");
    let number = |name: &str| {
        let text = fs::read_to_string(queue.join(name)).unwrap_or_default();
        text.trim().parse().unwrap_or(0)
    };
    (number("max_open_zones"), number("max_active_zones"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_that_nobody_tells_are_none() {
        let sys = tempfile::tempdir().expect("a directory");
        let queue = sys.path().join("block/sdz/queue");
        fs::create_dir_all(&queue).expect("a directory");
        assert_eq!(limits(sys.path(), "sdz"), (0, 0));
        fs::write(queue.join("max_open_zones"), "14\n").expect("a file");
        fs::write(queue.join("max_active_zones"), "28\n").expect("a file");
        assert_eq!(limits(sys.path(), "sdz"), (14, 28));
    }

    #[test]
    fn a_regular_file_has_no_zones() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let node = ZoneNode::open(file.path(), true).expect("it opens");
        for error in [node.zones().err(), node.reset(0, 512).err(), node.finish(0, 512).err()] {
            let error = error.expect("no zones").to_string();
            assert!(error.contains(&file.path().display().to_string()), "{error}");
        }
    }
}
