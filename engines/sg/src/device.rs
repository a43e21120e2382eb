//! What a device is: capacity, limits, names; asked of itself by SCSI commands when it is opened.
//!
//! Called by `engine` from open_file, get_file_size and close_file, never for a request. Commands
//! go by SG_IO whatever the node is. What a device does not tell has the standard's default.

use crate::block_device::execute;
use crate::cdb::{self, Cdb, Transfer};
use crate::char_device::{Lane, LANE_DEPTH};
use crate::header::{Data, Packet};
use crate::identify::Identity;
use crate::node::{Kind, Node};
use crate::options::Settings;
use crate::outcome::{judge, words, Verdict};
use crate::unmap::{Limits, RANGES_MAX};
use iodyno_engine_api::{Error, File};
use std::os::fd::{AsRawFd, OwnedFd};

/// A device may have this many things to say before it does what it is asked.
const ATTENTIONS_MAX: usize = 8;
const INQUIRY_BYTES: usize = 96;
const PAGE_BYTES: usize = 252;
const PAGE_SERIAL: u8 = 0x80;
const PAGE_LIMITS: u8 = 0xb0;

/// Blocks of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Capacity {
    pub(crate) blocks: u64,
    pub(crate) block_bytes: u32,
}

impl Capacity {
    pub(crate) fn bytes(self) -> u64 {
        self.blocks.saturating_mul(u64::from(self.block_bytes))
    }
}

/// A device that is open.
pub(crate) struct Device {
    pub(crate) node: Node,
    pub(crate) capacity: Capacity,
    pub(crate) unmap: Limits,
    /// Blocks that WRITE SAME may cover.
    pub(crate) write_same_blocks: u64,
    /// The command of a write; in the device's own stream where one was opened.
    pub(crate) write: Transfer,
    pub(crate) identity: Identity,
    /// For SG_IO.
    fd: OwnedFd,
    /// For requests; none where SG_IO is all there is.
    pub(crate) lanes: Vec<Lane>,
    next_lane: usize,
    opened_stream: Option<u16>,
    pub(crate) told: Told,
}

/// What a device said beside its answers.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// Commands that were done with help, and the first of them.
    pub(crate) recovered: u64,
    pub(crate) first_recovered: String,
    /// Commands that were sent again.
    pub(crate) attentions: u64,
    /// direct=1 was asked for, and data was copied all the same.
    pub(crate) copied: bool,
}

/// Size and block size of a target that need not be open.
pub(crate) fn measure(file: &File<'_>) -> Result<Capacity, Error> {
    let node = Node::look(file)?;
    let fd = node.open(file)?;
    ready(&node, &fd)?;
    read_capacity(&node, &fd)
}

impl Device {
    pub(crate) fn open(
        file: &File<'_>,
        settings: &Settings,
        depth: usize,
    ) -> Result<Device, Error> {
        let node = Node::look(file)?;
        let fd = node.open(file)?;
        if settings.hipri {
            node.check_polls(&fd)?;
        }
        let identity = ready(&node, &fd)?;
        let capacity = read_capacity(&node, &fd)?;
        let (unmap, write_same_blocks) = limits(&fd);
        let lanes = match node.kind {
            Kind::Block => Vec::new(),
            Kind::Char => (0..depth.div_ceil(LANE_DEPTH).max(1))
                .map(|_| node.open(file).map(Lane::new))
                .collect::<Result<Vec<Lane>, Error>>()?,
        };
        let mut device = Device {
            node,
            capacity,
            unmap,
            write_same_blocks,
            write: settings.write,
            identity,
            fd,
            lanes,
            next_lane: 0,
            opened_stream: None,
            told: Told::default(),
        };
        if settings.opens_stream {
            device.open_stream()?;
        }
        Ok(device)
    }

    pub(crate) fn fd(&self) -> i32 {
        self.fd.as_raw_fd()
    }

    /// Sends a command that is no request's: bytes of its answer, or errno and words.
    pub(crate) fn ask(&self, command: Cdb, answer: &mut [u8]) -> Result<usize, (i32, String)> {
        let told = ask(&self.fd, command, answer);
        told.map_err(|Refusal { errno, words }| (errno, format!("{}: {words}", self.node.name)))
    }

    /// A lane with room; they take turns.
    #[inline]
    pub(crate) fn lane(&mut self) -> Option<&mut Lane> {
        let count = self.lanes.len();
        for _ in 0..count {
            let at = self.next_lane;
            self.next_lane = if at + 1 < count { at + 1 } else { 0 };
            if self.lanes[at].has_room() {
                return Some(&mut self.lanes[at]);
            }
        }
        None
    }

    fn open_stream(&mut self) -> Result<(), Error> {
        let mut answer = [0; cdb::STREAM_BYTES as usize];
        ask(&self.fd, cdb::open_stream(), &mut answer)
            .map_err(|refusal| refusal.told(&self.node, "no stream for write_stream"))?;
        let Some(stream) = stream_of(&answer) else {
            let why = "no stream for write_stream: the device opened one and gave it no number";
            return Err(Error::new(libc::EPROTO, format!("{}: {why}", self.node.name)));
        };
        if let Transfer::WriteStream { stream: number, .. } = &mut self.write {
            *number = stream;
        }
        self.opened_stream = Some(stream);
        Ok(())
    }

    /// Ends what was begun at open; the reason why it could not, in words.
    fn close_stream(&mut self) -> Option<String> {
        let stream = self.opened_stream.take()?;
        let closed = ask(&self.fd, cdb::close_stream(stream), &mut []);
        closed.err().map(|refusal| format!("the stream was not closed: {}", refusal.words))
    }

    /// What the user should know before it is closed.
    pub(crate) fn last_words(&mut self) -> Vec<String> {
        let mut notes = Vec::new();
        let told = &self.told;
        if told.recovered > 0 {
            notes.push(format!(
                "{} commands succeeded only after the device had corrected something; the first: \
                 {}",
                told.recovered, told.first_recovered
            ));
        }
        if told.attentions > 1 {
            notes.push(format!("{} commands were sent again", told.attentions));
        }
        if told.copied {
            let why = "direct=1: the sg driver copied the data all the same (echo 1 > \
                       /proc/scsi/sg/allow_dio lets it transfer directly)";
            notes.push(why.into());
        }
        notes.extend(self.close_stream());
        notes.into_iter().map(|note| format!("{}: {note}", self.node.name)).collect()
    }
}

/// Why a question was not answered.
struct Refusal {
    errno: i32,
    words: String,
}

impl Refusal {
    fn told(self, node: &Node, what: &str) -> Error {
        Error::new(self.errno, format!("{}: {what}: {}", node.name, self.words))
    }
}

/// Sends a command that answers with data: bytes of the answer.
fn ask(fd: &OwnedFd, command: Cdb, answer: &mut [u8]) -> Result<usize, Refusal> {
    let mut packet = Box::new(Packet::EMPTY);
    for _ in 0..ATTENTIONS_MAX {
        let data = Data::FromDevice(answer.as_mut_ptr(), answer.len() as u32);
        packet.arm(command, if answer.is_empty() { Data::None } else { data }, 0);
        // SAFETY: armed just above; the answer is writable for its length.
        if let Err(errno) = unsafe { execute(fd.as_raw_fd(), &mut packet) } {
            let why = std::io::Error::from_raw_os_error(errno);
            let words = format!("{}: {why}", cdb::name(&command.bytes));
            return Err(Refusal { errno, words });
        }
        match judge(&packet) {
            Verdict::Good | Verdict::Recovered => return Ok(packet.hdr.transferred() as usize),
            Verdict::Again(_) => {} // of what came before the job
            Verdict::Failed { errno, .. } => return Err(Refusal { errno, words: words(&packet) }),
        }
    }
    Err(Refusal { errno: libc::EIO, words: words(&packet) })
}

/// Whether it is a device with blocks, and what it calls itself.
fn ready(node: &Node, fd: &OwnedFd) -> Result<Identity, Error> {
    let mut data = [0; INQUIRY_BYTES];
    let len = ask(fd, cdb::inquiry(None, INQUIRY_BYTES as u16), &mut data).map_err(|refusal| {
        match refusal.errno {
            libc::ENOTTY | libc::EINVAL | libc::EOPNOTSUPP => {
                let what = "it does not take SCSI commands (name /dev/sgN or a SCSI disk)";
                Error::new(libc::ENOTTY, format!("{}: {what}", node.name))
            }
            _ => refusal.told(node, "is it a SCSI device?"),
        }
    })?;
    let kind = match data[0] & 0x1f {
        0x00 | 0x04 | 0x05 | 0x07 | 0x0e | 0x14 => None, // disk, worm, cd, optical, rbc, zoned
        0x01 => Some("a tape drive"),
        0x03 => Some("a processor"),
        0x08 => Some("a medium changer"),
        0x0c => Some("a storage array controller"),
        0x0d => Some("an enclosure"),
        _ => Some("a device of another kind"),
    };
    if let Some(kind) = kind {
        let why = "engine sg reads and writes blocks (name a disk)";
        return Err(Error::new(libc::ENOTBLK, format!("{}: {kind}: {why}", node.name)));
    }
    let mut page = [0; PAGE_BYTES];
    let serial = ask(fd, cdb::inquiry(Some(PAGE_SERIAL), PAGE_BYTES as u16), &mut page);
    Ok(Identity::new(&data[..len], serial.map_or(&[][..], |len| &page[..len])))
}

/// By READ CAPACITY(16), or (10) where a device is too old for it.
fn read_capacity(node: &Node, fd: &OwnedFd) -> Result<Capacity, Error> {
    let mut data = [0; cdb::CAPACITY_16_BYTES as usize];
    let capacity = match ask(fd, cdb::read_capacity_16(), &mut data) {
        Ok(len) if len >= 12 => long_capacity(&data),
        _ => {
            let mut data = [0; cdb::CAPACITY_10_BYTES as usize];
            ask(fd, cdb::read_capacity_10(), &mut data)
                .map_err(|refusal| refusal.told(node, "no capacity"))?;
            short_capacity(data)
        }
    };
    if capacity.block_bytes == 0 || !capacity.block_bytes.is_power_of_two() {
        let words = format!(
            "{}: blocks of {} bytes: engine sg takes powers of two",
            node.name, capacity.block_bytes
        );
        return Err(Error::new(libc::EINVAL, words));
    }
    Ok(capacity)
}

fn long_capacity(data: &[u8; cdb::CAPACITY_16_BYTES as usize]) -> Capacity {
    let blocks = number(&data[0..8]).saturating_add(1); // the device tells its last block
    Capacity { blocks, block_bytes: number(&data[8..12]) as u32 }
}

fn short_capacity(data: [u8; cdb::CAPACITY_10_BYTES as usize]) -> Capacity {
    Capacity { blocks: number(&data[0..4]) + 1, block_bytes: number(&data[4..8]) as u32 }
}

/// The stream that STREAM CONTROL opened; 0 is none's number.
fn stream_of(answer: &[u8; cdb::STREAM_BYTES as usize]) -> Option<u16> {
    Some(u16::from_be_bytes([answer[4], answer[5]])).filter(|stream| *stream != 0)
}

/// Of UNMAP and WRITE SAME, by the page "block limits".
fn limits(fd: &OwnedFd) -> (Limits, u64) {
    let mut page = [0; 64];
    let len = ask(fd, cdb::inquiry(Some(PAGE_LIMITS), page.len() as u16), &mut page);
    limits_of(&page[..len.map_or(0, |len| len.min(page.len()))])
}

fn limits_of(page: &[u8]) -> (Limits, u64) {
    let field = |from: usize, to: usize, without: u64| match page.get(from..to).map(number) {
        None | Some(0) => without,
        Some(limit) => limit,
    };
    let blocks = field(20, 24, u64::from(u32::MAX));
    let ranges = field(24, 28, 1).min(RANGES_MAX as u64) as usize;
    let write_same = field(36, 44, u64::from(u32::MAX)).min(u64::from(u32::MAX));
    (Limits { ranges, blocks }, write_same)
}

pub(crate) fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
impl Device {
    /// One that nothing can be sent to, for what is decided before.
    pub(crate) fn fake(capacity: Capacity, write: Transfer) -> Device {
        let fd = std::fs::File::open("/dev/null").expect("/dev/null").into();
        Device {
            node: Node::fake(),
            capacity,
            unmap: Limits { ranges: 1, blocks: u64::from(u32::MAX) },
            write_same_blocks: 0x10_0000,
            write,
            identity: Identity::default(),
            fd,
            lanes: Vec::new(),
            next_lane: 0,
            opened_stream: None,
            told: Told::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_has_a_number() {
        assert_eq!(stream_of(&[0, 0, 0, 4, 0x12, 0x34, 0, 0]), Some(0x1234));
        assert_eq!(stream_of(&[0; 8]), None);
    }

    #[test]
    fn capacities() {
        let mut long = [0; 32];
        long[..12].copy_from_slice(&[0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 16, 0]);
        assert_eq!(long_capacity(&long), Capacity { blocks: (1 << 32) + 1, block_bytes: 4096 });
        let short = short_capacity([0xff, 0xff, 0xff, 0xff, 0, 0, 2, 0]);
        assert_eq!(short, Capacity { blocks: 1 << 32, block_bytes: 512 });
        assert_eq!(short.bytes(), 1 << 41);
    }

    #[test]
    fn limits_that_are_not_told_are_the_standards() {
        let all = u64::from(u32::MAX);
        assert_eq!(limits_of(&[]), (Limits { ranges: 1, blocks: all }, all));
        let mut page = [0; 64];
        assert_eq!(limits_of(&page), (Limits { ranges: 1, blocks: all }, all));
        page[22..24].copy_from_slice(&[1, 0]);
        page[27] = 32;
        page[42..44].copy_from_slice(&[0xff, 0xff]);
        assert_eq!(limits_of(&page), (Limits { ranges: 32, blocks: 256 }, 0xffff));
        // Shorter, as from older devices.
        assert_eq!(limits_of(&page[..16]), (Limits { ranges: 1, blocks: all }, all));
    }
}
