//! The node of a target: whether it is one that takes SCSI commands, and its opening.
//!
//! Called by `device`. Never makes a file: nothing here is opened with O_CREAT, and what is no
//! whole device is refused in words. Sends no command.

use iodyno_engine_api::abi::*;
use iodyno_engine_api::{Error, File};
use iodyno_engine_support::errno;
use std::ffi::CStr;
use std::fs;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::path::PathBuf;

/// Major number of the nodes /dev/sgN.
const SG_MAJOR: u32 = 21;
const SG_GET_VERSION_NUM: libc::c_ulong = 0x2282;
/// The first driver that knows version 3 of the interface, and the first that polls.
const VERSION_3: i32 = 30_000;
const VERSION_4: i32 = 40_000;

/// Of which kind a target is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// /dev/sgN.
    Char,
    /// A whole disk.
    Block,
}

/// A target that may take SCSI commands.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// Its directory below /sys/dev.
    sys: PathBuf,
}

impl Node {
    /// Looks at what the name leads to, and opens nothing.
    pub(crate) fn look(file: &File<'_>) -> Result<Node, Error> {
        let name = file.name().to_string_lossy().into_owned();
        let refused = |errno, why: &str| Err(Error::new(errno, format!("{name}: {why}")));
        let stat = match stat(file.name()) {
            Ok(stat) => stat,
            Err(libc::ENOENT | libc::ENOTDIR) => {
                let why = "it does not exist, and engine sg makes no files (name /dev/sgN or a \
                           SCSI disk)";
                return refused(libc::ENOENT, why);
            }
            Err(errno) => return refused(errno, "it cannot be looked at"),
        };
        let (major, minor) = (libc::major(stat.st_rdev), libc::minor(stat.st_rdev));
        let sys = |kind| PathBuf::from(format!("/sys/dev/{kind}/{major}:{minor}"));
        match stat.st_mode & libc::S_IFMT {
            libc::S_IFBLK => {
                let sys = sys("block");
                if sys.join("partition").exists() {
                    let why = "it is a partition, and SCSI commands count blocks from the \
                               beginning of the disk (name the whole disk)";
                    return refused(libc::EINVAL, why);
                }
                Ok(Node { name, kind: Kind::Block, sys })
            }
            libc::S_IFCHR if major == SG_MAJOR => {
                Ok(Node { name, kind: Kind::Char, sys: sys("char") })
            }
            libc::S_IFCHR => {
                let why = "a character device, but none of the sg driver's (name /dev/sgN, or the \
                           whole disk; modprobe sg makes the nodes)";
                refused(libc::ENOTTY, why)
            }
            _ => {
                let why = "no device: engine sg sends SCSI commands (name /dev/sgN or a SCSI disk)";
                refused(libc::ENOTBLK, why)
            }
        }
    }

    /// Opens it once. The driver wants a node that it gets commands through to be writable; a disk
    /// is opened for what the job does.
    pub(crate) fn open(&self, file: &File<'_>) -> Result<OwnedFd, Error> {
        let is_writable = self.kind == Kind::Char || file.open_flags() & IOE_OPEN_WRITE != 0;
        let access = if is_writable { libc::O_RDWR } else { libc::O_RDONLY };
        let flags = access | libc::O_CLOEXEC | libc::O_NONBLOCK;
        // SAFETY: a C string; no other memory is handed over.
        let opened = errno::retry(|| unsafe { libc::open(file.name().as_ptr(), flags) } as isize);
        let fd = match opened {
            // SAFETY: a descriptor that has just been made, for nobody else.
            Ok(fd) => unsafe { OwnedFd::from_raw_fd(fd as i32) },
            Err(errno) => return Err(self.not_opened(errno)),
        };
        self.check_version(&fd)?;
        Ok(fd)
    }

    fn not_opened(&self, errno: errno::Errno) -> Error {
        let remedy = match errno {
            libc::EACCES | libc::EPERM => " (run as root, or join the group of the node)",
            libc::EBUSY => " (somebody holds it exclusively)",
            libc::ENXIO | libc::ENODEV => " (there is no device behind the node)",
            libc::EROFS => " (it is write protected)",
            _ => "",
        };
        let why = std::io::Error::from_raw_os_error(errno);
        Error::new(errno, format!("open {}: {why}{remedy}", self.name))
    }

    fn check_version(&self, fd: &OwnedFd) -> Result<(), Error> {
        match version(fd) {
            VERSION_3.. => Ok(()),
            _ => {
                let why = "it does not take SCSI commands (name /dev/sgN or a SCSI disk)";
                Err(Error::new(libc::ENOTTY, format!("{}: {why}", self.name)))
            }
        }
    }

    /// Refuses to be polled where the driver would ignore the wish.
    pub(crate) fn check_polls(&self, fd: &OwnedFd) -> Result<(), Error> {
        match version(fd) {
            VERSION_4.. => Ok(()),
            older => Err(Error::new(libc::EOPNOTSUPP, no_polling(&self.name, older))),
        }
    }

    /// Whether the device is not there any more, or about to go, whatever its last commands ended
    /// with.
    pub(crate) fn is_gone(&self) -> bool {
        match fs::read_to_string(self.sys.join("device/state")) {
            Ok(state) => matches!(state.trim(), "cancel" | "deleted"),
            Err(_) => !self.sys.exists(),
        }
    }

    /// The longest transfer of one command in bytes, as the kernel knows it.
    pub(crate) fn transfer_max(&self) -> Option<u64> {
        let queue = match self.kind {
            Kind::Block => self.sys.join("queue"),
            Kind::Char => {
                let disks = fs::read_dir(self.sys.join("device/block")).ok()?;
                disks.flatten().next()?.path().join("queue")
            }
        };
        let kib = fs::read_to_string(queue.join("max_hw_sectors_kb")).ok()?;
        kib.trim().parse::<u64>().ok()?.checked_mul(1024)
    }
}

/// Of the driver behind a node; 0: none that knows commands.
fn version(fd: &OwnedFd) -> i32 {
    let mut version = 0_i32;
    // SAFETY: room for an int, which is what the request writes.
    match unsafe { libc::ioctl(fd.as_raw_fd(), SG_GET_VERSION_NUM, &raw mut version) } {
        0 => version,
        _ => 0,
    }
}

fn no_polling(name: &str, version: i32) -> String {
    let (major, minor, patch) = (version / 10_000, version / 100 % 100, version % 100);
    format!(
        "{name}: hipri=1: the sg driver {major}.{minor}.{patch} does not poll for completions, \
         that came with 4.0 (leave hipri away)"
    )
}

fn stat(name: &CStr) -> Result<libc::stat, errno::Errno> {
    let mut found = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: a C string, and room for a stat.
    errno::retry(|| unsafe { libc::stat(name.as_ptr(), found.as_mut_ptr()) } as isize)?;
    // SAFETY: the call succeeded and filled it in.
    Ok(unsafe { found.assume_init() })
}

#[cfg(test)]
impl Node {
    /// Of no device.
    pub(crate) fn fake() -> Node {
        Node { name: "/dev/fake".into(), kind: Kind::Char, sys: PathBuf::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_driver_that_does_not_poll_is_named() {
        let words = no_polling("/dev/sg0", 30_536);
        assert!(words.starts_with("/dev/sg0: hipri=1: the sg driver 3.5.36 does not"), "{words}");
    }
}
