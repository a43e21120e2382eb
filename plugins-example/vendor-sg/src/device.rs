//! A disk as ACME knows it: whether a target is one, its size, and what it says of itself.
//!
//! Made by `lib` when a target is opened. Everything that is asked is asked here, before the run;
//! nothing here is called for a request. What cannot be served is refused in words.

use crate::scsi::{again, Command, Data, Failure, ANSWER_MAX};
use iodyno_engine_api::{Error, File};
use std::fs::{self, OpenOptions};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt};

/// The standard's temperature page, which the kernel's own test disk has as well. ACME's wear page
/// would be one of 0x30 to 0x3e, which the standard leaves to vendors.
const PAGE_TEMPERATURE: u8 = 0x0d;

pub(crate) struct Device {
    pub(crate) fd: OwnedFd,
    pub(crate) blocks: u64,
    pub(crate) block_bytes: u32,
    /// For the report.
    pub(crate) facts: Vec<(&'static str, String)>,
}

impl Device {
    /// Opens a target that has to be there already, and asks it who it is. `log_page` 0: none.
    pub(crate) fn open(file: &File<'_>, log_page: u8) -> Result<Device, Error> {
        let name = file.name().to_string_lossy();
        let not_opened = |e: std::io::Error| {
            Error::new(e.raw_os_error().unwrap_or(libc::EIO), format!("open {name}: {e}"))
        };
        let refused = |errno, why: &str| Err(Error::new(errno, format!("{name}: {why}")));
        let told = |what: &str, failure: Failure| {
            Error::new(failure.as_errno(), format!("{name}: {what}: {failure}"))
        };
        let node = fs::metadata(&*name).map_err(not_opened)?;
        if !node.file_type().is_block_device() && !node.file_type().is_char_device() {
            return refused(libc::ENOTBLK, "no device (name /dev/sgN or a whole SCSI disk)");
        }
        let (major, minor) = (libc::major(node.rdev()), libc::minor(node.rdev()));
        let partition = format!("/sys/dev/block/{major}:{minor}/partition");
        if node.file_type().is_block_device() && fs::exists(partition).unwrap_or(true) {
            return refused(libc::EINVAL, "a partition (commands count from the disk's beginning)");
        }
        let opened = OpenOptions::new().read(true).write(true).open(&*name).map_err(not_opened)?;
        let fd = OwnedFd::from(opened);

        // A vendor that serves its own disks alone compares the bytes 8 to 16 here: b"ACME    ".
        let inquiry =
            ask(&fd, Command::inquiry(None)).map_err(|f| told("is it a SCSI disk?", f))?;
        if inquiry.len() < 36 || !matches!(inquiry[0] & 0x1f, 0x00 | 0x14) {
            return refused(libc::ENOTBLK, "no disk");
        }
        let mut facts = vec![
            ("vendor", plain(&inquiry[8..16])),
            ("model", plain(&inquiry[16..32])),
            ("firmware", plain(&inquiry[32..36])),
        ];
        // A disk may lack both pages, and then has no such fact.
        if let Ok(page) = ask(&fd, Command::inquiry(Some(0x80))) {
            facts.push(("serial", plain(page.get(4..).unwrap_or_default())));
        }
        if let Ok(page) = ask(&fd, Command::inquiry(Some(0x83))) {
            facts.extend(world_wide_name(&page).map(|name| ("wwn", name)));
        }
        if log_page != 0 {
            let page = ask(&fd, Command::log_sense(log_page))
                .map_err(|f| told(&format!("acme_log_page={log_page:#04x}"), f))?;
            facts.push(("acme_log", log_words(log_page, &page)));
        }
        facts.retain(|(_, value)| !value.is_empty());

        let capacity = ask(&fd, Command::capacity()).map_err(|f| told("READ CAPACITY", f))?;
        match (capacity.get(0..8).map(number), capacity.get(8..12).map(number)) {
            (Some(last), Some(block_bytes)) if (512..=1 << 16).contains(&block_bytes) => {
                let (blocks, block_bytes) = (last.saturating_add(1), block_bytes as u32);
                Ok(Device { fd, blocks, block_bytes, facts })
            }
            _ => refused(libc::EINVAL, "it does not tell its capacity"),
        }
    }
}

/// What the device answers, as long as it is.
fn ask(fd: &OwnedFd, mut command: Command) -> Result<Vec<u8>, Failure> {
    let mut data = vec![0; usize::from(ANSWER_MAX)];
    // A disk that was just attached says so to the first commands.
    let bytes = again(3, || command.execute(fd.as_raw_fd(), Data::FromDevice(&mut data)))?;
    data.truncate(bytes);
    Ok(data)
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// ASCII without the blanks that fill a field.
fn plain(bytes: &[u8]) -> String {
    let printable = bytes.iter().filter(|byte| matches!(byte, b' '..=b'~'));
    printable.map(|byte| char::from(*byte)).collect::<String>().trim().to_owned()
}

/// The first NAA name of the page "device identification".
pub(crate) fn world_wide_name(page: &[u8]) -> Option<String> {
    let mut rest = page.get(4..)?;
    while let [_, kind, _, len, more @ ..] = rest {
        let id = more.get(..usize::from(*len))?;
        if kind & 0x3f == 3 {
            return Some(format!("naa.{:0width$x}", number(id), width = 2 * id.len().min(8)));
        }
        rest = &more[id.len()..];
    }
    None
}

/// The parameters of a log page: a code of two bytes, control, length, value.
pub(crate) fn log_words(code: u8, page: &[u8]) -> String {
    let mut words = Vec::new();
    let mut rest = page.get(4..).unwrap_or_default();
    while let [high, low, _, len, more @ ..] = rest {
        let Some(value) = more.get(..usize::from(*len)) else { break };
        words.push(match (code, u16::from_be_bytes([*high, *low])) {
            (PAGE_TEMPERATURE, 0) => format!("{} C", number(value)),
            (PAGE_TEMPERATURE, 1) => format!("{} C at most", number(value)),
            (_, parameter) => format!("parameter {parameter}: {value:02x?}"),
        });
        rest = &more[value.len()..];
    }
    words.join(", ")
}
