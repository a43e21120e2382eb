//! Opens a target as a job wants it, and says in words what stands in the way.
//!
//! Called by `run` for engines that leave opening to the host, and by this room's layout.

use super::discover::directory_of;
use super::error::TargetError;
use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;
use std::fs;
use std::os::fd::OwnedFd;
use std::path::Path;

/// rustix gives the name `DSYNC` to the bits of O_SYNC.
const O_DSYNC: OFlags = OFlags::from_bits_retain(libc::O_DSYNC as u32);

/// How a target is to be opened, after the ABI's `IOE_OPEN_*`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpenWish {
    /// The job reads.
    pub read: bool,
    /// The job writes or trims.
    pub write: bool,
    /// Create it where it does not exist, with rights 0644.
    pub create: bool,
    /// Cut it to nothing first.
    pub truncate: bool,
    /// O_DIRECT.
    pub direct: bool,
    /// O_SYNC.
    pub sync: bool,
    /// O_DSYNC.
    pub dsync: bool,
}

impl OpenWish {
    fn flags(self) -> OFlags {
        let access = match (self.read, self.write) {
            (true, true) => OFlags::RDWR,
            (false, true) => OFlags::WRONLY,
            (_, false) => OFlags::RDONLY,
        };
        let more = [
            (self.create, OFlags::CREATE),
            (self.truncate, OFlags::TRUNC),
            (self.direct, OFlags::DIRECT),
            (self.sync, OFlags::SYNC),
            (self.dsync, O_DSYNC),
        ];
        more.into_iter()
            .filter(|&(wanted, _)| wanted)
            .fold(access | OFlags::CLOEXEC, |flags, (_, flag)| flags | flag)
    }
}

/// Opens `path`; the descriptor is closed on exec.
///
/// # Errors
/// What stands in the way and what helps: [`TargetError::Refused`], [`TargetError::NoDirectory`]
/// and [`TargetError::IsDirectory`] where the job can mend it, else [`TargetError::Io`].
pub fn open(path: &Path, wish: OpenWish) -> Result<OwnedFd, TargetError> {
    open_more(path, wish, OFlags::empty())
}

/// As [`open`], with these flags more; ENXIO with O_NONBLOCK is left to the caller.
pub(super) fn open_more(path: &Path, wish: OpenWish, more: OFlags) -> Result<OwnedFd, TargetError> {
    let mode = Mode::RUSR | Mode::WUSR | Mode::RGRP | Mode::ROTH;
    loop {
        match rustix::fs::open(path, wish.flags() | more, mode) {
            Err(Errno::NXIO) if more.contains(OFlags::NONBLOCK) => {
                return Err(TargetError::io(format!("open {}", path.display()), Errno::NXIO));
            }
            Ok(fd) => return Ok(fd),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(explain(path, wish, errno)),
        }
    }
}

fn explain(path: &Path, wish: OpenWish, errno: Errno) -> TargetError {
    let with = if wish.direct { " with O_DIRECT" } else { "" };
    let doing = format!("open {}{with}", path.display());
    let why = match errno {
        Errno::ISDIR => return TargetError::IsDirectory { path: path.into() },
        Errno::NOENT | Errno::NOTDIR => match missing_directory(path) {
            Some(error) => return error,
            None => "it does not exist (check filename=)".into(),
        },
        Errno::ACCESS | Errno::PERM => format!("permission denied ({})", who_may(path)),
        Errno::ROFS => "the file system is read-only (remount it, or use another)".into(),
        Errno::INVAL if wish.direct => {
            "its file system does not take O_DIRECT (set direct=0, or use another file system)"
                .into()
        }
        Errno::TXTBSY => "it is a program that is running (name another file)".into(),
        Errno::BUSY => "it is busy (somebody holds it exclusively)".into(),
        Errno::NXIO | Errno::NODEV => "there is no device behind the name (check filename=)".into(),
        Errno::NOMEDIUM => "there is no medium in the drive".into(),
        Errno::MFILE | Errno::NFILE => {
            "too many open files (raise the limit with ulimit -n, or lower nrfiles or numjobs)"
                .into()
        }
        Errno::LOOP => "its symbolic links go round in a circle".into(),
        Errno::NAMETOOLONG => "the name is too long for the file system".into(),
        other => return TargetError::io(doing, other),
    };
    TargetError::Refused { doing, why }
}

fn missing_directory(path: &Path) -> Option<TargetError> {
    let directory = directory_of(path);
    let what = match rustix::fs::stat(directory) {
        Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::Directory => return None,
        Ok(_) => "is not a directory",
        Err(_) => "does not exist",
    };
    Some(TargetError::NoDirectory { path: path.into(), directory: directory.into(), what })
}

/// "run as root or join group \"disk\"": who could do it.
fn who_may(path: &Path) -> String {
    let Ok(stat) = rustix::fs::stat(path) else {
        return format!("check the rights of {}", directory_of(path).display());
    };
    let by_group = Mode::from_raw_mode(stat.st_mode).intersects(Mode::RGRP | Mode::WGRP);
    match group_name(stat.st_gid).filter(|_| by_group && stat.st_gid != 0) {
        Some(group) => format!("run as root or join group \"{group}\""),
        None => "run as root, or change the rights of the file".into(),
    }
}

fn group_name(gid: u32) -> Option<String> {
    let table = fs::read_to_string("/etc/group").ok()?;
    table.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(gid)).then(|| name.to_string())
    })
}

#[cfg(test)]
mod tests {
    use super::super::error::ErrorClass;
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    const READ: OpenWish = OpenWish {
        read: true,
        write: false,
        create: false,
        truncate: false,
        direct: false,
        sync: false,
        dsync: false,
    };

    #[test]
    fn flags_follow_the_wish() {
        let rw = OpenWish { write: true, create: true, sync: true, ..READ };
        assert_eq!(rw.flags(), OFlags::RDWR | OFlags::CREATE | OFlags::SYNC | OFlags::CLOEXEC);
        let w = OpenWish { read: false, write: true, truncate: true, direct: true, ..READ };
        assert_eq!(w.flags(), OFlags::WRONLY | OFlags::TRUNC | OFlags::DIRECT | OFlags::CLOEXEC);
        let d = OpenWish { dsync: true, ..READ };
        assert_eq!(d.flags(), OFlags::RDONLY | O_DSYNC | OFlags::CLOEXEC);
        assert!(!d.flags().contains(OFlags::SYNC), "it is less than O_SYNC");
    }

    #[test]
    fn a_created_file_is_writable_by_its_owner_alone() {
        let here = tempfile::tempdir().expect("a directory");
        let path = here.path().join("new");
        open(&path, OpenWish { write: true, create: true, ..READ }).expect("a new file");
        let mode = fs::metadata(&path).expect("a file").permissions().mode();
        assert_eq!(mode & 0o7133, 0, "{mode:o}");
        assert_eq!(mode & 0o600, 0o600, "{mode:o}");
    }

    #[test]
    fn what_stands_in_the_way_is_told() {
        let here = tempfile::tempdir().expect("a directory");
        let path = |name: &str| here.path().join(name);
        fs::write(path("file"), "").expect("a file");
        std::os::unix::fs::symlink("a", path("a")).expect("a link");
        let long = "x".repeat(300);
        let write = OpenWish { write: true, create: true, ..READ };
        let direct = OpenWish { direct: true, ..READ };
        let cases = [
            (path("none"), READ, "it does not exist (check filename=)"),
            (path("none/file"), write, "none does not exist (create it or set directory=)"),
            (path("file/file"), READ, "file is not a directory"),
            (here.path().into(), write, "is a directory (name a file in it"),
            (path("a"), READ, "its symbolic links go round in a circle"),
            (path(&long), write, "the name is too long"),
            (
                "/proc/self/stat".into(),
                direct,
                "open /proc/self/stat with O_DIRECT: its file system",
            ),
        ];
        for (path, wish, expected) in cases {
            let error = open(&path, wish).expect_err(expected);
            assert!(error.to_string().contains(expected), "{error}");
            assert_eq!(error.class(), ErrorClass::Usage);
        }
    }

    #[test]
    fn every_other_answer_of_the_system_is_an_io_error() {
        let path = Path::new("/dev/null");
        assert_eq!(explain(path, READ, Errno::IO).class(), ErrorClass::Io);
        assert_eq!(explain(path, READ, Errno::INVAL).class(), ErrorClass::Io);
        assert_eq!(explain(path, READ, Errno::IO).errno(), Some(5));
    }

    #[test]
    fn permission_denied_names_who_may() {
        let said = explain(Path::new("/"), READ, Errno::ACCESS).to_string();
        assert_eq!(
            said,
            "open /: permission denied (run as root, or change the rights of the file)"
        );
        let tty = explain(Path::new("/dev/tty"), READ, Errno::ACCESS).to_string();
        assert!(tty.contains("run as root"), "{tty}");
        assert_eq!(group_name(0).as_deref(), Some("root"));
    }
}
