//! Block devices for tests: loop devices over files of their own, gone when dropped.
//!
//! Called by tests after `require!(loop_device)`. Uses util-linux's programs, as a user would.

use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A loop device over a sparse file.
pub struct LoopDevice {
    path: PathBuf,
    _backing: TempDir,
}

impl LoopDevice {
    /// A device of that many bytes; panics where none can be made.
    pub fn new(bytes: u64) -> LoopDevice {
        LoopDevice::try_new(bytes).expect("require!(loop_device) stands at the head of the test")
    }

    /// A device of that many bytes, or why there is none, in losetup's words.
    pub fn try_new(bytes: u64) -> Result<LoopDevice, String> {
        let backing = tempfile::tempdir().map_err(|error| error.to_string())?;
        let image = backing.path().join("image");
        let file = std::fs::File::create(&image).map_err(|error| error.to_string())?;
        file.set_len(bytes).map_err(|error| error.to_string())?;
        let image = image.to_str().expect("a temporary path is UTF-8");
        let path = PathBuf::from(run("losetup", &["--find", "--show", image])?.trim());
        Ok(LoopDevice { path, _backing: backing })
    }

    /// `/dev/loopN`.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// `/dev/loopN`, as text.
    pub fn name(&self) -> &str {
        self.path.to_str().expect("a device's path is UTF-8")
    }
}

impl Drop for LoopDevice {
    fn drop(&mut self) {
        // Lazy where somebody still holds it; the kernel then detaches it at the last close.
        let _ = run("losetup", &["--detach", self.name()]);
    }
}

/// Runs a system program, answers its standard output, or its standard error where it failed.
pub fn run(program: &str, args: &[&str]) -> Result<String, String> {
    let output = Command::new(program).args(args).output();
    let output = output.map_err(|error| format!("{program}: {error}"))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(format!("{program}: {}", String::from_utf8_lossy(&output.stderr).trim())),
    }
}
