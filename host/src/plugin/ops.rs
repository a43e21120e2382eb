//! One engine of a plugin: its ops table copied into the host's own, checked, and described.
//!
//! Called by `load` for each engine, after host and plugin agreed. The copy is what the host calls
//! through ever after: it is zeroed where the plugin's table is older, so that an absent callback
//! is a null one. Calls nothing of the plugin's.

use super::describe;
use super::foreign;
use super::lint;
use super::refusal::Refusal;
use crate::catalogue::EngineInfo;
use iodyno_engine_api::abi::{ioe_ops, IOE_F_MUST_MEM, IOE_F_SYNC};
use std::mem::size_of;

/// Flags in the high half that this host knows.
const HIGH_FLAGS_KNOWN: u64 = IOE_F_MUST_MEM;
const HIGH_HALF: u64 = 0xffff_ffff_0000_0000;
/// Private bytes for one unit that are still reasonable: there are iodepth times as many.
const IO_PRIVATE_BYTES_MAX: u32 = 1 << 20;
/// Longest engine name.
const NAME_BYTES_MAX: usize = 32;

/// An engine that passed.
pub(super) struct Checked {
    /// The host's own copy; `struct_size` says how much of it the plugin filled.
    pub ops: ioe_ops,
    /// As data.
    pub info: EngineInfo,
    /// Odd but bearable.
    pub warnings: Vec<String>,
}

/// Copies, checks and describes engine number `index`.
///
/// # Errors
/// The first thing that breaks the contract.
///
/// # Safety
/// `from` stands in the engine array of a plugin that agreed with this host.
pub(super) unsafe fn check(from: *const ioe_ops, index: usize) -> Result<Checked, Refusal> {
    let whose = format!("ioe_plugin.engines[{index}]");
    // SAFETY: the caller vouches for where the pointer stood; the rest is checked inside.
    let mut ops = unsafe { foreign::copy(from, &whose)? };
    ops.struct_size = ops.struct_size.min(size_of::<ioe_ops>() as u32);
    // SAFETY: the name of a table that was just copied, from the same plugin.
    let name = unsafe { foreign::text(ops.name, &format!("{whose}.name"))? };
    let Some(name) = name else {
        let name = "name".to_owned();
        return Err(Refusal::NullPointer { name, whose });
    };
    check_name(&name, &whose)?;
    check_callbacks(&ops, &name)?;
    // SAFETY: as for the name.
    let info = unsafe { describe::engine(&ops, name)? };
    let warnings = lint::options(&info.name, &info.options)?;
    Ok(Checked { ops, info, warnings })
}

/// Whether `name` is one that an engine can bear.
#[must_use]
pub(crate) fn is_engine_name(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-');
    (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(allowed)
}

pub(super) fn check_name(name: &str, whose: &str) -> Result<(), Refusal> {
    if is_engine_name(name) {
        return Ok(());
    }
    let why = format!("`{name}` is no engine name (1 to {NAME_BYTES_MAX} of a-z, 0-9, _ and -)");
    Err(Refusal::engine(whose, why))
}

pub(super) fn check_callbacks(ops: &ioe_ops, name: &str) -> Result<(), Refusal> {
    let refuse = |why: String| Err(Refusal::engine(name, why));
    let unknown = ops.flags & HIGH_HALF & !HIGH_FLAGS_KNOWN;
    if unknown != 0 {
        return refuse(format!(
            "flags {unknown:#x} are unknown to this iodyno and must not be ignored; use a newer one"
        ));
    }
    if ops.queue.is_none() {
        return refuse("no queue handler".to_owned());
    }
    if ops.flags & IOE_F_SYNC == 0 && ops.getevents.is_none() {
        return refuse(
            "no getevents handler; an engine that never answers Queued can say IOE_F_SYNC and \
             needs queue alone"
                .to_owned(),
        );
    }
    if ops.flags & IOE_F_MUST_MEM != 0 && ops.get_extension.is_none() {
        return refuse(
            "says IOE_F_MUST_MEM and has no get_extension handler that could answer iodyno.iomem/1"
                .to_owned(),
        );
    }
    if ops.io_private_size > IO_PRIVATE_BYTES_MAX {
        return refuse(format!(
            "io_private_size is {}, at most {IO_PRIVATE_BYTES_MAX} bytes are given for each unit",
            ops.io_private_size
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use iodyno_engine_api::abi::{ioe_io, ioe_option};
    use std::ffi::c_void;
    use std::mem::{offset_of, MaybeUninit};
    use std::ptr::null;

    unsafe extern "C" fn queue(_: *mut c_void, _: *mut ioe_io) -> i32 {
        0
    }
    unsafe extern "C" fn getevents(
        _: *mut c_void,
        _: u32,
        _: u32,
        _: i64,
        _: *mut *mut ioe_io,
    ) -> i32 {
        0
    }

    fn asynchronous(ops: &mut ioe_ops) {
        ops.flags = 0;
        ops.getevents = Some(getevents);
    }

    fn ops() -> ioe_ops {
        // SAFETY: integers, pointers and nullable functions: zeroes are a value.
        let mut ops: ioe_ops = unsafe { MaybeUninit::zeroed().assume_init() };
        ops.struct_size = size_of::<ioe_ops>() as u32;
        ops.name = c"x".as_ptr();
        ops.flags = IOE_F_SYNC;
        ops.queue = Some(queue);
        ops
    }

    #[test]
    fn what_is_required() {
        type Change = fn(&mut ioe_ops);
        let cases: &[(Change, &str)] = &[
            (|_| (), ""),
            (|o| o.queue = None, "engine x: no queue handler"),
            (
                |o| o.flags = 0,
                "engine x: no getevents handler; an engine that never answers Queued",
            ),
            (asynchronous, ""),
            (|o| o.flags |= 1 << 31, ""),
            (|o| o.flags |= 1 << 40, "flags 0x10000000000 are unknown"),
            (|o| o.flags |= IOE_F_MUST_MEM, "no get_extension handler"),
            (|o| o.io_private_size = u32::MAX, "io_private_size is 4294967295"),
            (|o| o.name = null(), "name is NULL"),
            (|o| o.name = c"".as_ptr(), "no engine name"),
            (|o| o.name = c"Upper".as_ptr(), "`Upper` is no engine name"),
            (|o| o.name = c"a-very-long-name-of-more-than-32-by".as_ptr(), "no engine name"),
            (|o| o.n_options = 1, "ioe_option is NULL"),
            (|o| o.n_options = u32::MAX, "4294967295 times ioe_option"),
            (|o| o.struct_size = 100, "ioe_ops.struct_size is 100, at least 184"),
        ];
        for (change, want) in cases {
            let mut ops = ops();
            change(&mut ops);
            // SAFETY: a table of this test with pointers that are null or lead to what they should.
            let got = unsafe { check(&ops, 0) }.err().map(|e| e.to_string()).unwrap_or_default();
            assert!(got.contains(want) && got.is_empty() == want.is_empty(), "{want}: {got}");
        }
    }

    #[test]
    fn a_newer_table_is_cut_to_what_the_host_knows() {
        #[repr(C)]
        struct Newer {
            known: ioe_ops,
            callback: *const ioe_option,
        }
        let mut newer = Newer { known: ops(), callback: null() };
        newer.known.struct_size = size_of::<Newer>() as u32;
        // SAFETY: as large as it says.
        let checked = unsafe { check(&newer.known, 0) }.unwrap();
        assert_eq!(checked.ops.struct_size as usize, offset_of!(Newer, callback));
        assert!(newer.callback.is_null());
        assert_eq!(checked.info.callbacks, ["queue"]);
    }
}
