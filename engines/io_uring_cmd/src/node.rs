//! The node of a target: whether NVMe commands go through it, its opening, and what it says of
//! itself.
//!
//! Called by `engine` from open_file and get_file_size, never for a request. Never makes a file:
//! nothing here is opened with O_CREAT, and what is no namespace's node is refused in words.

use crate::command::{Command, IDENTIFY_BYTES};
use crate::dsm::Limits;
use crate::identify::{Controller, Namespace, Page};
use crate::status::Status;
use iodyno_engine_api::abi::IOE_OPEN_WRITE;
use iodyno_engine_api::{Error, File};
use iodyno_engine_support::errno::{self, Errno};
use std::ffi::OsStr;
use std::fs;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::PathBuf;

/// _IO('N', 0x40)
const NVME_IOCTL_ID: libc::c_ulong = 0x4e40;
/// _IOWR('N', 0x41, struct nvme_admin_cmd)
const NVME_IOCTL_ADMIN_CMD: libc::c_ulong = 0xc048_4e41;
/// The subsystem of /dev/ngXnY below /sys, and of /dev/nvmeX.
const NAMESPACES: &str = "nvme-generic";
const CONTROLLERS: &str = "nvme";
const CNS_NAMESPACE: u32 = 0;
const CNS_CONTROLLER: u32 = 1;
const CNS_NVM_NAMESPACE: u32 = 5;
const CNS_NVM_CONTROLLER: u32 = 6;

/// A namespace that is open.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) namespace: Namespace,
    pub(crate) controller: Controller,
    fd: OwnedFd,
    /// Its directory below /sys/dev.
    sys: PathBuf,
}

impl Node {
    pub(crate) fn open(file: &File<'_>) -> Result<Node, Error> {
        let name = file.name().to_string_lossy().into_owned();
        let sys = look(file, &name)?;
        let access =
            if file.open_flags() & IOE_OPEN_WRITE != 0 { libc::O_RDWR } else { libc::O_RDONLY };
        let flags = access | libc::O_CLOEXEC;
        // SAFETY: a C string; no other memory is handed over.
        let opened = errno::retry(|| unsafe { libc::open(file.name().as_ptr(), flags) } as isize);
        let fd = match opened {
            // SAFETY: a descriptor that has just been made, for nobody else.
            Ok(fd) => unsafe { OwnedFd::from_raw_fd(fd as i32) },
            Err(errno) => return Err(not_opened(&name, errno)),
        };
        let failed = |what: &str, (errno, words): (Errno, String)| {
            Error::new(errno, format!("{name}: {what}: {words}"))
        };
        // SAFETY: no argument.
        let nsid = errno::retry(|| unsafe { libc::ioctl(fd.as_raw_fd(), NVME_IOCTL_ID) } as isize);
        let nsid = nsid.map_err(|errno| failed("the namespace's number", in_words(errno)))? as u32;
        let page = identify(&fd, nsid, CNS_NAMESPACE);
        let page = page.map_err(|why| failed("Identify of the namespace", why))?;
        let mut namespace = Namespace::new(nsid, &page);
        let page = identify(&fd, 0, CNS_CONTROLLER);
        let page = page.map_err(|why| failed("Identify of the controller", why))?;
        let mut controller = Controller::new(&page);
        if namespace.pi_type != 0 && controller.has_long_formats() {
            let page = identify(&fd, nsid, CNS_NVM_NAMESPACE);
            let page = page.map_err(|why| failed("Identify of the namespace's format", why))?;
            namespace = namespace.extended(&page).ok_or_else(|| {
                let words = format!("{name}: its guards are of a kind that is not known here");
                Error::new(libc::EOPNOTSUPP, words)
            })?;
        }
        if controller.may_tell_limits() {
            // A controller that does not know the question has no such limits.
            if let Ok(page) = identify(&fd, 0, CNS_NVM_CONTROLLER) {
                controller.trims = Limits::new(&page[..16]);
            }
        }
        let node = Node { name, namespace, controller, fd, sys };
        node.check().map(|()| node)
    }

    pub(crate) fn fd(&self) -> i32 {
        self.fd.as_raw_fd()
    }

    /// Whether the device is not there any more.
    pub(crate) fn is_gone(&self) -> bool {
        !self.sys.exists()
    }

    fn check(&self) -> Result<(), Error> {
        let namespace = &self.namespace;
        if (9..=31).contains(&namespace.block_shift) && namespace.blocks > 0 {
            return Ok(());
        }
        let words = format!(
            "{}: {} blocks of 2^{} bytes: not a format that can be used",
            self.name, namespace.blocks, namespace.block_shift
        );
        Err(Error::new(libc::EINVAL, words))
    }
}

/// Looks at what the name leads to, and opens nothing: its directory below /sys.
fn look(file: &File<'_>, name: &str) -> Result<PathBuf, Error> {
    let refused = |errno, why: &str| Err(Error::new(errno, format!("{name}: {why}")));
    let target = match fs::metadata(OsStr::from_bytes(file.name().to_bytes())) {
        Ok(target) => target,
        Err(error) => {
            let errno = error.raw_os_error().unwrap_or(libc::EIO);
            return match errno {
                libc::ENOENT | libc::ENOTDIR => refused(
                    libc::ENOENT,
                    "it does not exist, and engine io_uring_cmd makes no files (name a \
                     namespace's node, /dev/ngXnY)",
                ),
                _ => refused(errno, "it cannot be looked at"),
            };
        }
    };
    if target.file_type().is_block_device() {
        let why = format!(
            "a block device, and NVMe commands go through a namespace's character device (name {})",
            character_node(name).unwrap_or_else(|| "/dev/ngXnY".to_owned())
        );
        return refused(libc::ENOTTY, &why);
    }
    if !target.file_type().is_char_device() {
        let why = "no device: engine io_uring_cmd sends NVMe commands (name a namespace's node, \
                   /dev/ngXnY)";
        return refused(libc::ENOTBLK, why);
    }
    let (major, minor) = (libc::major(target.rdev()), libc::minor(target.rdev()));
    let sys = PathBuf::from(format!("/sys/dev/char/{major}:{minor}"));
    let subsystem = fs::canonicalize(sys.join("subsystem")).ok();
    let subsystem = subsystem.as_deref().and_then(|path| path.file_name()?.to_str());
    match subsystem {
        Some(NAMESPACES) => Ok(sys),
        Some(CONTROLLERS) => {
            let why = "the node of a controller, which has no blocks (name a namespace's, \
                       /dev/ngXnY)";
            refused(libc::ENOTTY, why)
        }
        _ => {
            let why = "a character device, but none of an NVMe namespace's (name /dev/ngXnY)";
            refused(libc::ENOTTY, why)
        }
    }
}

/// /dev/ng0n1 for /dev/nvme0n1, and for its partitions.
fn character_node(block: &str) -> Option<String> {
    let numbers = block.rsplit('/').next()?.strip_prefix("nvme")?;
    let whole = numbers.split('p').next()?;
    whole.contains('n').then(|| format!("/dev/ng{whole}"))
}

fn not_opened(name: &str, errno: Errno) -> Error {
    let remedy = match errno {
        libc::EACCES | libc::EPERM => " (run as root, or get the rights to the node)",
        libc::ENXIO | libc::ENODEV => " (there is no device behind the node)",
        _ => "",
    };
    let (errno, why) = in_words(errno);
    Error::new(errno, format!("open {name}: {why}{remedy}"))
}

fn in_words(errno: Errno) -> (Errno, String) {
    (errno, std::io::Error::from_raw_os_error(errno).to_string())
}

fn identify(fd: &OwnedFd, nsid: u32, cns: u32) -> Result<Box<Page>, (Errno, String)> {
    let mut page = Box::new([0; IDENTIFY_BYTES]);
    let mut command = Command::identify(nsid, cns, page.as_mut_ptr() as u64);
    let (fd, arg) = (fd.as_raw_fd(), &raw mut command);
    // SAFETY: a whole command, which the kernel reads and writes during the call, as it writes the
    // page, whose length stands in the command.
    let status = errno::retry(|| unsafe { libc::ioctl(fd, NVME_IOCTL_ADMIN_CMD, arg) } as isize)
        .map_err(in_words)?;
    match Status::of_completion(status as i32) {
        None => Ok(page),
        Some(status) => Err((status.errno(), status.to_string())),
    }
}

#[cfg(test)]
impl Node {
    /// Of no device: 1 MiB in blocks of 512 bytes behind a descriptor of somebody's.
    pub(crate) fn fake(fd: OwnedFd) -> Node {
        let mut page = [0; IDENTIFY_BYTES];
        (page[1], page[130]) = (8, 9);
        Node {
            name: "/dev/fake".into(),
            namespace: Namespace::new(1, &page),
            controller: Controller::new(&[0; IDENTIFY_BYTES]),
            fd,
            sys: PathBuf::from("/sys"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::character_node;

    #[test]
    fn a_namespace_has_another_node() {
        for (block, node) in [
            ("/dev/nvme0n1", Some("/dev/ng0n1")),
            ("/dev/nvme12n3p4", Some("/dev/ng12n3")),
            ("/dev/sda", None),
            ("/dev/nvme0", None),
        ] {
            assert_eq!(character_node(block).as_deref(), node, "{block}");
        }
    }
}
