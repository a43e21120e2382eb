//! A control group whose processes may use so much memory, gone when dropped.
//!
//! Called by tests after `require!(memory_cgroup)`. Knows both versions of the kernel's interface.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// Where the memory controller may be, and its file for the limit.
const ROOTS: [(&str, &str); 2] =
    [("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")];

/// A group of this test's own.
#[derive(Debug)]
pub struct MemoryGroup {
    dir: PathBuf,
}

impl MemoryGroup {
    /// A group that may use so many bytes, or why there is none.
    pub fn try_new(bytes: u64) -> Result<MemoryGroup, String> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("iodyno-test-{}-{number}", std::process::id());
        let mut why = "no control groups".to_owned();
        for (root, limit) in ROOTS.iter().filter(|(root, _)| Path::new(root).is_dir()) {
            let dir = Path::new(root).join(&name);
            let made = std::fs::create_dir(&dir);
            let group = MemoryGroup { dir };
            let limited = made.and_then(|()| {
                // A file that is not there means that this is another controller's directory.
                let limit = std::fs::OpenOptions::new().write(true).open(group.dir.join(limit))?;
                std::io::Write::write_all(&mut &limit, bytes.to_string().as_bytes())
            });
            match limited {
                Ok(()) => return Ok(group),
                Err(error) => why = format!("{}: {error}", group.dir.display()),
            }
        }
        Err(why)
    }

    /// What a shell says to become a member.
    pub fn enter(&self) -> String {
        format!("echo $$ > '{}'", self.dir.join("cgroup.procs").display())
    }
}

impl Drop for MemoryGroup {
    fn drop(&mut self) {
        // The last processes may be on their way out still.
        for _ in 0..100 {
            if std::fs::remove_dir(&self.dir).is_ok() || !self.dir.exists() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }
}
