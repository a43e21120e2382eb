//! Loop devices for the tests of this room: made where root and the kernel allow it, else a skip
//! that says why. Only built for tests.
//!
//! Must not touch a device that it did not make, and gives back what it made.

use std::path::PathBuf;
use std::process::Command;
use tempfile::NamedTempFile;

/// A loop device over a temporary file; both vanish with it.
pub(super) struct LoopDevice {
    /// The device's node.
    pub(super) path: PathBuf,
    /// The file behind it.
    pub(super) backing: NamedTempFile,
}

impl LoopDevice {
    /// None, after saying why, where this machine gives no loop device.
    pub(super) fn new(bytes: u64) -> Option<LoopDevice> {
        if !rustix::process::geteuid().is_root() {
            return skip("needs root for a loop device");
        }
        let backing = NamedTempFile::new().expect("a temporary file");
        backing.as_file().set_len(bytes).expect("a file of that size");
        let made = Command::new("losetup").args(["-f", "--show"]).arg(backing.path()).output();
        match made {
            Err(error) => skip(&format!("losetup cannot be run: {error}")),
            Ok(out) if !out.status.success() => {
                skip(&format!("no loop device: {}", String::from_utf8_lossy(&out.stderr).trim()))
            }
            Ok(out) => {
                let path = String::from_utf8(out.stdout).expect("a path").trim().into();
                Some(LoopDevice { path, backing })
            }
        }
    }
}

impl Drop for LoopDevice {
    fn drop(&mut self) {
        let _ = Command::new("losetup").arg("-d").arg(&self.path).status();
    }
}

/// Says why a test does not run.
pub(super) fn skip<T>(why: &str) -> Option<T> {
    iodyno_tests::needs::skip(why);
    None
}

/// Runs a program that a test needs; none, after saying why, where it is not there.
pub(super) fn run(program: &str, args: &[&str]) -> Option<()> {
    match Command::new(program).args(args).output() {
        Err(error) => skip(&format!("{program} cannot be run: {error}")),
        Ok(out) if !out.status.success() => {
            skip(&format!("{program}: {}", String::from_utf8_lossy(&out.stderr).trim()))
        }
        Ok(_) => Some(()),
    }
}
