//! What this kernel and a target have of the flags of reads and writes, found out before the run.
//!
//! Called by engines with such options: `Flags::read` at init, the rest from `open_file`, for files
//! and block devices. Opens the target for a moment and makes the very calls that the job will make
//! (or their synchronous sisters), from and to a page that nobody may touch: a kernel that knows
//! the flag comes as far as the page (EFAULT), one that does not says EOPNOTSUPP, and in no case is
//! a byte moved. Where the target cannot be tried, the run tells.

use iodyno_engine_api::abi::*;
use iodyno_engine_api::host::Level;
use iodyno_engine_api::{Error, File, Host, Job};
use std::ffi::{CStr, CString, OsStr};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr::null_mut;

/// Each flag: whose it is, what it is called, since when there is one.
const KNOWN: [(i32, &str, &str); 3] = [
    (libc::RWF_HIPRI, "hipri=1", "RWF_HIPRI (Linux 4.6)"),
    (libc::RWF_NOWAIT, "nowait=1", "RWF_NOWAIT (Linux 4.14; for cached writes few file systems)"),
    (libc::RWF_DONTCACHE, "uncached=1", "RWF_DONTCACHE (Linux 6.14: ext4, xfs, btrfs and others)"),
];

/// A multiple of any logical block.
const LEN: usize = 64 * 1024;

/// What requests carry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// `RWF_*` of each read and write.
    pub always: i32,
    /// `RWF_*` of writes alone.
    pub writes: i32,
    /// Percentage of the requests that carry RWF_HIPRI besides.
    pub hipri_percent: u32,
}

impl Flags {
    /// What the options `nowait`, `uncached` and `atomic` ask for.
    ///
    /// # Errors
    /// In words, where one contradicts the job's `direct`.
    pub fn read(job: &Job) -> Result<Flags, Error> {
        let on = |name| job.boolean(name).map(|given| given.unwrap_or(false));
        let contradiction = |words: &str| Err(Error::new(libc::EINVAL, words));
        let mut flags = Flags::default();
        if on("nowait")? {
            flags.always |= libc::RWF_NOWAIT;
        }
        if on("uncached")? {
            if job.direct() {
                return contradiction(
                    "uncached=1 is about the page cache, which direct=1 bypasses",
                );
            }
            flags.always |= libc::RWF_DONTCACHE;
        }
        if on("atomic")? {
            if !job.direct() {
                return contradiction("atomic=1 needs direct=1: cached writes may be torn");
            }
            flags.writes |= libc::RWF_ATOMIC;
        }
        Ok(flags)
    }
}

/// What the job will do with its targets.
pub struct Probe {
    host: Host,
    flags: Flags,
    reads: bool,
    writes: bool,
    max_bs: u64,
}

impl Probe {
    /// Remembers what the job will do.
    pub fn new(host: Host, job: &Job, flags: Flags) -> Probe {
        let issues = |op: u32| job.op_mask() & 1 << op != 0;
        let (reads, writes) = (issues(IOE_OP_READ), issues(IOE_OP_WRITE));
        Probe { host, flags, reads, writes, max_bs: job.max_bs() }
    }

    /// Whether the target can do what the options ask for; the error names option, target, cause.
    pub fn judge(&self, file: &File<'_>) -> Result<(), Error> {
        if self.flags == Flags::default() {
            return Ok(());
        }
        let page = Untouchable::new()?;
        for (issued, writes) in [(self.reads, false), (self.writes, true)] {
            if let Some(fd) = issued.then(|| stand_in(file, writes)).flatten() {
                self.judge_way(file, &fd, writes, &page)?;
            }
        }
        self.judge_polling(file);
        Ok(())
    }

    /// Without queues to poll a device is as it is without the flag: worth a warning, no refusal.
    fn judge_polling(&self, file: &File<'_>) {
        let polled = self.flags.hipri_percent > 0 && file.open_flags() & IOE_OPEN_DIRECT != 0;
        let fd = polled.then(|| stand_in(file, !self.reads)).flatten();
        if fd.as_ref().and_then(polls) == Some(false) {
            let target = file.name().to_string_lossy();
            let words = format!("hipri=1 has no effect: the device of {target} has no poll queues");
            self.host.log(Level::Warn, &words);
        }
    }

    /// One direction of a job, on a descriptor that stands for its target.
    fn judge_way(
        &self,
        file: &File<'_>,
        fd: &OwnedFd,
        writes: bool,
        page: &Untouchable,
    ) -> Result<(), Error> {
        let target = file.name().to_string_lossy();
        let polled = self.flags.hipri_percent > 0;
        let flags = self.flags.always | if polled { libc::RWF_HIPRI } else { 0 };
        let way = if writes { "writes" } else { "reads" };
        let lacks = |flag| page.call(fd, writes, flag) == libc::EOPNOTSUPP;
        let lacking = KNOWN.iter().find(|(flag, ..)| flags & flag != 0 && lacks(*flag));
        if let Some((_, option, what)) = lacking {
            let words = format!("{option}: {target}: no {what} for {way} here");
            return Err(Error::new(libc::EOPNOTSUPP, words));
        }
        if writes && self.flags.writes & libc::RWF_ATOMIC != 0 {
            self.judge_atomic(fd, &target)?;
        }
        Ok(())
    }

    /// What of a target can be written without being torn is told by statx, not tried.
    fn judge_atomic(&self, fd: &OwnedFd, target: &str) -> Result<(), Error> {
        let refuse =
            |why: String| Err(Error::new(libc::EOPNOTSUPP, format!("atomic=1: {target}: {why}")));
        let (bs, (least, most)) = (self.max_bs, atomic_units(fd));
        match (u64::from(least), u64::from(most)) {
            (_, 0) => refuse(
                "kernel (Linux 6.11 and later can), file system or device have no atomic writes"
                    .into(),
            ),
            (least, most) if !(least..=most).contains(&bs) || !bs.is_power_of_two() => {
                refuse(format!("bs of {bs} bytes: it has to be a power of two, {least} to {most}"))
            }
            _ => Ok(()),
        }
    }
}

/// The target, opened for one direction as the job will have it; none where it is neither a file
/// nor a block device, or cannot be opened: the host will say why. Writes are tried on a nameless
/// file beside a regular one, so that not even a block of it is allocated.
fn stand_in(file: &File<'_>, writes: bool) -> Option<OwnedFd> {
    let direct = match file.open_flags() & IOE_OPEN_DIRECT {
        0 => 0,
        _ => libc::O_DIRECT,
    };
    let path = Path::new(OsStr::from_bytes(file.name().to_bytes()));
    let facts = std::fs::metadata(path);
    if facts.as_ref().is_ok_and(|facts| !is_storage(facts)) {
        return None;
    }
    let there = facts.is_ok();
    if !there || writes && facts.is_ok_and(|facts| facts.is_file()) {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let parent = parent.unwrap_or(Path::new(".")).as_os_str().as_bytes();
        let nameless = open(&CString::new(parent).ok()?, libc::O_RDWR | libc::O_TMPFILE | direct);
        if nameless.is_some() || !there {
            return nameless;
        }
    }
    open(file.name(), direct | if writes { libc::O_WRONLY } else { libc::O_RDONLY })
}

fn is_storage(facts: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::FileTypeExt;
    facts.is_file() || facts.file_type().is_block_device()
}

fn open(path: &CStr, flags: i32) -> Option<OwnedFd> {
    // SAFETY: a C string; the mode is for a file that never gets a name.
    let fd = unsafe { libc::open(path.as_ptr(), flags | libc::O_CLOEXEC, 0o600) };
    // SAFETY: a descriptor that was just opened (>= 0) and belongs to nobody else.
    (fd >= 0).then(|| unsafe { OwnedFd::from_raw_fd(fd) })
}

/// The smallest and the largest write that is not torn; 0 and 0 where there are none, or where the
/// kernel does not know of them.
fn atomic_units(fd: &OwnedFd) -> (u32, u32) {
    let mut facts = MaybeUninit::<libc::statx>::zeroed();
    // SAFETY: an open descriptor, an empty path for the descriptor itself, room for the answer.
    unsafe {
        let (at, mask) = (libc::AT_EMPTY_PATH, libc::STATX_WRITE_ATOMIC);
        libc::statx(fd.as_raw_fd(), c"".as_ptr(), at, mask, facts.as_mut_ptr());
    }
    // SAFETY: integers, for which the zeroes of a call that failed are as valid as an answer.
    let facts = unsafe { facts.assume_init() };
    (facts.stx_atomic_write_unit_min, facts.stx_atomic_write_unit_max)
}

/// Whether the device below a file, or the device that this is, has queues to poll; `None` where
/// sysfs does not say.
fn polls(fd: &OwnedFd) -> Option<bool> {
    let facts = std::fs::File::from(fd.try_clone().ok()?).metadata().ok()?;
    use std::os::unix::fs::{FileTypeExt, MetadataExt};
    let device = if facts.file_type().is_block_device() { facts.rdev() } else { facts.dev() };
    let directory = format!("/sys/dev/block/{}:{}", libc::major(device), libc::minor(device));
    // A partition's queue is its disk's.
    let read = |way: &str| std::fs::read_to_string(format!("{directory}/{way}/io_poll"));
    let answer = read("queue").or_else(|_| read("../queue")).ok()?;
    Some(answer.trim() != "0")
}

/// Memory that neither the kernel nor anybody else may read or write.
struct Untouchable(*mut libc::c_void);

impl Untouchable {
    fn new() -> Result<Untouchable, Error> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: a new mapping at an address of the kernel's choice.
        let start = unsafe { libc::mmap(null_mut(), LEN, libc::PROT_NONE, flags, -1, 0) };
        match start {
            libc::MAP_FAILED => Err(std::io::Error::last_os_error().into()),
            start => Ok(Untouchable(start)),
        }
    }

    /// A read or a write with this flag; what came of it, 0 for anything but an error.
    fn call(&self, fd: &OwnedFd, writes: bool, rwf: i32) -> i32 {
        let part = libc::iovec { iov_base: self.0, iov_len: LEN };
        // SAFETY: one iovec over memory that is mapped and not accessible: the kernel can neither
        // read nor write there, and answers with an error.
        let answer = unsafe {
            match writes {
                false => libc::preadv2(fd.as_raw_fd(), &part, 1, 0, rwf),
                true => libc::pwritev2(fd.as_raw_fd(), &part, 1, 0, rwf),
            }
        };
        match answer {
            0.. => 0,
            _ => std::io::Error::last_os_error().raw_os_error().unwrap_or(0),
        }
    }
}

impl Drop for Untouchable {
    fn drop(&mut self) {
        // SAFETY: the mapping that new() made, of that length, which nobody points into any more.
        unsafe { libc::munmap(self.0, LEN) };
    }
}
