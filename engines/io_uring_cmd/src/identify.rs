//! What a namespace and its controller say of themselves, and the extension `iodyno.identify/1`
//! that tells the names to the report.
//!
//! [`Namespace`] and [`Controller`] are read by `node` out of what Identify answers; the
//! extension's table asks `engine`, on the worker's thread, before the start.

use crate::command::IDENTIFY_BYTES;
use crate::dsm::Limits;
use crate::engine::IoUringCmd;
use crate::protection::Guard;
use iodyno_engine_api::abi::{ioe_file, ioe_identify_1, ioe_put_fn, ioe_status};
use iodyno_engine_api::vtable;
use std::ffi::{c_void, CStr, CString};

/// What Identify answers.
pub(crate) type Page = [u8; IDENTIFY_BYTES];

/// ELBAS: namespaces may have formats that say more than the short ones do.
const LONG_FORMATS: u32 = 1 << 15;
/// The first version that tells of a command set's own limits.
const VERSION_1_4: u32 = 0x1_0400;
/// MDTS counts pages of the smallest size that the controller takes, which is 4 KiB with all that
/// are known.
const PAGE_SHIFT: u32 = 12;

/// A namespace's format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Namespace {
    pub(crate) nsid: u32,
    pub(crate) blocks: u64,
    /// log2 of a block's bytes, metadata not counted.
    pub(crate) block_shift: u32,
    /// Bytes of metadata of a block.
    pub(crate) metadata: u16,
    /// Metadata lies at the end of each block, not in a buffer of its own.
    pub(crate) at_end: bool,
    /// Type of protection information; 0: none.
    pub(crate) pi_type: u8,
    /// It is the first of the metadata, not the last.
    pub(crate) pi_first: bool,
    pub(crate) guard: Guard,
    /// Bits of the storage tag, which the reference tag lacks.
    pub(crate) storage_tag_bits: u32,
    /// The number of its format.
    format: usize,
}

impl Namespace {
    pub(crate) fn new(nsid: u32, page: &Page) -> Namespace {
        let flbas = page[26];
        let format = usize::from(flbas & 0xf | if page[25] > 16 { flbas >> 1 & 0x30 } else { 0 });
        let at = 128 + 4 * format;
        Namespace {
            nsid,
            blocks: number(&page[0..8]),
            block_shift: u32::from(page[at + 2]),
            metadata: number(&page[at..at + 2]) as u16,
            at_end: flbas & 1 << 4 != 0,
            pi_type: page[29] & 7,
            pi_first: page[29] & 1 << 3 != 0,
            guard: Guard::Crc16,
            storage_tag_bits: 0,
            format,
        }
    }

    /// With what the command set's own page says of its format. `None`: a guard that the standard
    /// did not have.
    pub(crate) fn extended(self, page: &Page) -> Option<Namespace> {
        let at = 12 + 4 * self.format;
        let format = number(&page[at..at + 4]);
        let guard = Guard::of_format((format >> 7) as u8 & 3)?;
        Some(Namespace { guard, storage_tag_bits: format as u32 & 0x7f, ..self })
    }

    pub(crate) fn block_bytes(&self) -> u32 {
        1 << self.block_shift
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.blocks.saturating_mul(u64::from(self.block_bytes()))
    }

    /// Whether the metadata is protection information and nothing else, so that a device that acts
    /// on it (PRACT) wants none from the host.
    pub(crate) fn is_pi_alone(&self) -> bool {
        self.pi_type != 0 && self.metadata == self.guard.info_bytes()
    }
}

/// A controller's names and abilities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Controller {
    pub(crate) serial: String,
    pub(crate) model: String,
    pub(crate) firmware: String,
    /// Bytes that a command transfers at most; `None`: as many as it can name.
    pub(crate) transfer_max: Option<u64>,
    /// Optional commands, a bit each.
    pub(crate) oncs: u16,
    /// Of Dataset Management.
    pub(crate) trims: Limits,
    version: u32,
    attributes: u32,
}

impl Controller {
    pub(crate) fn new(page: &Page) -> Controller {
        let limit = |mdts: u32| 1_u64.checked_shl(PAGE_SHIFT + mdts);
        Controller {
            serial: plain(&page[4..24]),
            model: plain(&page[24..64]),
            firmware: plain(&page[64..72]),
            transfer_max: Some(u32::from(page[77])).filter(|mdts| *mdts > 0).and_then(limit),
            oncs: number(&page[520..522]) as u16,
            trims: Limits::NONE,
            version: number(&page[80..84]) as u32,
            attributes: number(&page[96..100]) as u32,
        }
    }

    /// Whether there is a page about namespaces of the command set.
    pub(crate) fn has_long_formats(&self) -> bool {
        self.attributes & LONG_FORMATS != 0
    }

    /// Whether there may be a page about the command set's limits.
    pub(crate) fn may_tell_limits(&self) -> bool {
        self.version >= VERSION_1_4
    }

    /// Key and value of what is known.
    fn facts(&self) -> impl Iterator<Item = (&'static CStr, &str)> {
        let all = [
            (c"model", self.model.as_str()),
            (c"serial", self.serial.as_str()),
            (c"firmware", self.firmware.as_str()),
        ];
        all.into_iter().filter(|(_, value)| !value.is_empty())
    }
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// ASCII, without the blanks and zeroes that fill a field.
fn plain(bytes: &[u8]) -> String {
    let text: String = bytes
        .iter()
        .map(|byte| if byte.is_ascii_graphic() { char::from(*byte) } else { ' ' })
        .collect();
    text.trim().to_owned()
}

static IDENTIFY: ioe_identify_1 =
    ioe_identify_1 { struct_size: size_of::<ioe_identify_1>() as u32, reserved: 0, get: Some(get) };

/// The table of `iodyno.identify/1`.
pub(crate) fn table() -> *const c_void {
    (&raw const IDENTIFY).cast()
}

unsafe extern "C" fn get(
    inst: *mut c_void,
    file: *mut ioe_file,
    sink: *mut c_void,
    put: ioe_put_fn,
) -> ioe_status {
    let Some(put) = put else { return -libc::EINVAL };
    if file.is_null() {
        return -libc::EINVAL;
    }
    // SAFETY: not null, and a file of the host's of this major, whose fields of 1.0 are there.
    let index = unsafe { (*file).index };
    // SAFETY: a callback by the host, on its instance and the job's thread.
    unsafe {
        vtable::enter::<IoUringCmd, i32>(inst, "identify", -libc::EIO, |engine, _| {
            let Some(controller) = engine.controller(index) else { return -libc::EBADF };
            for (key, value) in controller.facts() {
                let value = CString::new(value).unwrap_or_default();
                put(sink, key.as_ptr(), value.as_ptr());
            }
            0
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_controller_says_who_it_is() {
        let mut page = [0; IDENTIFY_BYTES];
        page[4..24].copy_from_slice(b"lab0                ");
        page[24..38].copy_from_slice(b"QEMU NVMe Ctrl");
        page[64..69].copy_from_slice(b"7.2.9");
        (page[77], page[520], page[521]) = (7, 0x5d, 0x01);
        let controller = Controller::new(&page);
        let names = [&controller.serial, &controller.model, &controller.firmware];
        assert_eq!(names, ["lab0", "QEMU NVMe Ctrl", "7.2.9"]);
        assert_eq!((controller.transfer_max, controller.oncs), (Some(512 << 10), 0x15d));
        let unlimited = Controller::new(&[0; IDENTIFY_BYTES]);
        assert_eq!((unlimited.transfer_max, unlimited.facts().count()), (None, 0));
    }

    #[test]
    fn a_long_format_tells_the_guard() {
        let mut page = [0; IDENTIFY_BYTES];
        (page[26], page[29], page[128 + 4], page[128 + 6]) = (1, 0b1001, 16, 12);
        let namespace = Namespace::new(1, &page);
        assert!(!namespace.is_pi_alone() && namespace.pi_first && namespace.pi_type == 1);
        let mut long = [0; IDENTIFY_BYTES];
        long[16..18].copy_from_slice(&(2_u16 << 7 | 8).to_le_bytes());
        let namespace = namespace.extended(&long).expect("a guard");
        assert_eq!((namespace.guard, namespace.storage_tag_bits), (Guard::Crc64, 8));
        assert!(namespace.is_pi_alone());
        long[16..18].copy_from_slice(&(3_u16 << 7).to_le_bytes());
        assert_eq!(namespace.extended(&long), None);
    }

    #[test]
    fn a_namespace_says_how_it_is_formatted() {
        let mut page = [0; IDENTIFY_BYTES];
        page[0..8].copy_from_slice(&0x2_0000_u64.to_le_bytes());
        page[128 + 2] = 9;
        page[128 + 4..128 + 7].copy_from_slice(&[8, 0, 12]);
        let namespace = Namespace::new(3, &page);
        assert_eq!((namespace.bytes(), namespace.block_bytes()), (64 << 20, 512));
        assert!(!namespace.is_pi_alone() && !namespace.at_end);
        (page[26], page[29]) = (0x11, 1);
        let namespace = Namespace::new(3, &page);
        assert_eq!((namespace.bytes(), namespace.block_bytes()), (512 << 20, 4096));
        assert!(namespace.is_pi_alone() && namespace.at_end);
        // The higher bits of the format's number count only where there are so many.
        page[26] = 0x21;
        assert_eq!(Namespace::new(3, &page).block_bytes(), 4096);
        (page[25], page[128 + 4 * 17 + 2]) = (20, 13);
        assert_eq!(Namespace::new(3, &page).block_bytes(), 8192);
    }
}
