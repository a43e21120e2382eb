//! The layout trip wire over the years: structs that were frozen elsewhere answer for those of a
//! minor, and only for that one.
//!
//! The frozen structs are the ones that the tests keep of ABI 1.0; a later minor compares plugins
//! of 1.0 with such a root, since abi_stable's check is one of equality.
#![cfg(feature = "layout-check")]

use abi_stable::StableAbi;
use iodyno_engine_api::layout::check_layout;

#[allow(dead_code, missing_docs, unreachable_pub)]
#[path = "../../tests/abi/1.0/rust/api/src/abi.rs"]
mod frozen;

/// The root of 1.0 over the frozen structs.
mod root {
    use super::frozen::*;

    #[repr(C)]
    #[derive(abi_stable::StableAbi)]
    pub(crate) struct RootV1_0 {
        plugin: *const ioe_plugin,
        value: *const ioe_value,
        caps: *const ioe_caps,
        io: *const ioe_io,
        file: *const ioe_file,
        host: *const ioe_host,
        job: *const ioe_job,
        iomem: *const ioe_iomem_1,
        identify: *const ioe_identify_1,
        stack: *const ioe_stack_1,
    }
}

/// The same with one field more at the end of one struct, as a later minor may have it.
mod grown {
    use super::frozen::*;

    #[repr(C)]
    #[derive(abi_stable::StableAbi)]
    #[allow(non_camel_case_types)]
    pub(crate) struct ioe_caps {
        struct_size: u32,
        max_depth: u32,
        flags: u64,
        ops: u64,
        max_transfer: u64,
        mem_align: u32,
        reserved: u32,
        new: u64,
    }

    #[repr(C)]
    #[derive(abi_stable::StableAbi)]
    pub(crate) struct RootV1_0 {
        plugin: *const ioe_plugin,
        value: *const ioe_value,
        caps: *const ioe_caps,
        io: *const ioe_io,
        file: *const ioe_file,
        host: *const ioe_host,
        job: *const ioe_job,
        iomem: *const ioe_iomem_1,
        identify: *const ioe_identify_1,
        stack: *const ioe_stack_1,
    }
}

#[test]
fn frozen_structs_answer_for_1_0() {
    assert_eq!(check_layout(<root::RootV1_0 as StableAbi>::LAYOUT), Ok(()));
}

#[test]
fn legal_growth_needs_a_root_of_its_own() {
    let words = check_layout(<grown::RootV1_0 as StableAbi>::LAYOUT).unwrap_err();
    assert!(words.contains("caps") && words.contains("Error:"), "{words}");
}
