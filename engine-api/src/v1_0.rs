//! Sizes of the structs as version 1.0 had them: the least that a reader may expect of any table of
//! major 1.
//!
//! Used by both sides before they read a table of the other. The numbers are frozen: a field that
//! is appended to a struct changes `size_of`, never a number here. The assertions below hold the
//! structs of this crate to the offsets that were published.

use crate::abi::*;
use core::mem::{offset_of, size_of};

/// Bytes of [`ioe_file`] in 1.0.
pub const FILE: u32 = 48;
/// Bytes of [`ioe_io`] in 1.0.
pub const IO: u32 = 96;
/// Bytes of [`ioe_choice`] in 1.0.
pub const CHOICE: u32 = 32;
/// Bytes of [`ioe_option`] in 1.0.
pub const OPTION: u32 = 88;
/// Bytes of [`ioe_value`] in 1.0.
pub const VALUE: u32 = 24;
/// Bytes of [`ioe_host`] in 1.0.
pub const HOST: u32 = 88;
/// Bytes of [`ioe_job`] in 1.0.
pub const JOB: u32 = 64;
/// Bytes of [`ioe_caps`] in 1.0.
pub const CAPS: u32 = 40;
/// Bytes of [`ioe_ops`] in 1.0.
pub const OPS: u32 = 184;
/// Bytes of [`ioe_iomem_1`] in 1.0.
pub const IOMEM_1: u32 = 32;
/// Bytes of [`ioe_identify_1`] in 1.0.
pub const IDENTIFY_1: u32 = 16;
/// Bytes of [`ioe_zone`] in 1.0.
pub const ZONE: u32 = 48;
/// Bytes of [`ioe_zbd_1`] in 1.0.
pub const ZBD_1: u32 = 40;
/// Bytes of [`ioe_stack_1`] in 1.0.
pub const STACK_1: u32 = 24;
/// Bytes of [`ioe_layout`] in 1.0.
pub const LAYOUT: u32 = 24;
/// Bytes of [`ioe_plugin`] in 1.0.
pub const PLUGIN: u32 = 96;

/// Holds a struct to its size in 1.0 and to the offset of the last field that 1.0 gave it.
macro_rules! hold {
    ($($ty:ident >= $size:ident, $last:ident at $offset:literal;)*) => {
        const _: () = {
            $(
                assert!(size_of::<$ty>() >= $size as usize, stringify!($ty));
                assert!(offset_of!($ty, $last) == $offset, stringify!($ty.$last));
                assert!(align_of::<$ty>() <= 8, stringify!($ty));
            )*
        };
    };
}

hold! {
    ioe_file >= FILE, engine_data at 40;
    ioe_io >= IO, engine_data at 88;
    ioe_choice >= CHOICE, help at 24;
    ioe_option >= OPTION, choices at 80;
    ioe_value >= VALUE, v at 16;
    ioe_host >= HOST, get_extension at 80;
    ioe_job >= JOB, reserved at 60;
    ioe_caps >= CAPS, reserved at 36;
    ioe_ops >= OPS, get_extension at 176;
    ioe_iomem_1 >= IOMEM_1, add at 24;
    ioe_identify_1 >= IDENTIFY_1, get at 8;
    ioe_zone >= ZONE, wp at 40;
    ioe_zbd_1 >= ZBD_1, finish at 32;
    ioe_stack_1 >= STACK_1, job at 16;
    ioe_layout >= LAYOUT, ops_get_extension at 22;
    ioe_plugin >= PLUGIN, teardown at 88;
}

// Offsets in the middle that a reordering could change without touching an end.
const _: () = {
    assert!(offset_of!(ioe_io, buf) == 32);
    assert!(offset_of!(ioe_io, resid) == 56);
    assert!(offset_of!(ioe_io, error) == 72);
    assert!(offset_of!(ioe_io, host_cookie) == 80);
    assert!(offset_of!(ioe_host, log) == 32);
    assert!(offset_of!(ioe_job, opts) == 48);
    assert!(offset_of!(ioe_ops, init) == 48);
    assert!(offset_of!(ioe_ops, queue) == 128);
    assert!(offset_of!(ioe_plugin, engines) == 64);
};
