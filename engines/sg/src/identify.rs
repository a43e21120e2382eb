//! What a device calls itself, and the extension `iodyno.identify/1` that tells it to the report.
//!
//! [`Identity`] is read by `device` when a target is opened; the extension's table asks `engine`
//! for it, on the worker's thread, before the start.

use crate::engine::Sg;
use crate::zones::ZBD;
use iodyno_engine_api::abi::{ioe_file, ioe_identify_1, ioe_put_fn, ioe_status};
use iodyno_engine_api::vtable;
use std::ffi::{c_void, CStr, CString};

/// Names out of INQUIRY.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) vendor: String,
    pub(crate) model: String,
    pub(crate) firmware: String,
    pub(crate) serial: String,
}

impl Identity {
    /// From the standard data, and from the page "unit serial number" (empty: none).
    pub(crate) fn new(data: &[u8], serial: &[u8]) -> Identity {
        let field = |from: usize, to: usize| data.get(from..to).map(plain).unwrap_or_default();
        let len = serial.get(3).map_or(0, |len| usize::from(*len));
        let serial = serial.get(4..).unwrap_or(&[]);
        Identity {
            vendor: field(8, 16),
            model: field(16, 32),
            firmware: field(32, 36),
            serial: plain(&serial[..len.min(serial.len())]),
        }
    }

    /// Key and value of what is known.
    fn facts(&self) -> impl Iterator<Item = (&'static CStr, &str)> {
        let all = [
            (c"vendor", self.vendor.as_str()),
            (c"model", self.model.as_str()),
            (c"serial", self.serial.as_str()),
            (c"firmware", self.firmware.as_str()),
        ];
        all.into_iter().filter(|(_, value)| !value.is_empty())
    }
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

/// `Engine::EXTENSION`.
pub(crate) fn extension(id: &CStr) -> *const c_void {
    match id.to_bytes() {
        b"iodyno.identify/1" => (&raw const IDENTIFY).cast(),
        b"iodyno.zbd/1" => (&raw const ZBD).cast(),
        _ => std::ptr::null(),
    }
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
        vtable::enter::<Sg, i32>(inst, "identify", -libc::EIO, |engine, _| {
            let Some(identity) = engine.identity(index) else { return -libc::EBADF };
            for (key, value) in identity.facts() {
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
    fn names_come_without_their_filling() {
        let mut data = [0; 36];
        data[8..36].copy_from_slice(b"Linux   scsi_debug      0191");
        let identity = Identity::new(&data, b"\0\x80\0\x04 2\0\x7f000000");
        let expected = ["Linux", "scsi_debug", "0191", "2"];
        let found = [&identity.vendor, &identity.model, &identity.firmware, &identity.serial];
        assert_eq!(found, expected.each_ref());
        assert_eq!(Identity::new(&[], &[]), Identity::default());
        assert_eq!(identity.facts().count(), 4);
        assert_eq!(Identity::default().facts().count(), 0);
    }
}
