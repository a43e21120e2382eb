//! Do host and plugin fit? Magic, sizes, versions, layout: in this order, each with its own words.
//!
//! Called by `load` with what the plugin's entry returned, in the process that loaded it. Judges;
//! does not look at engines (`ops`) and calls nothing of the plugin's.

use super::foreign;
use super::refusal::Refusal;
use iodyno_engine_api::abi::{ioe_layout, ioe_plugin, IOE_ABI_MAJOR, IOE_ABI_MINOR};
use iodyno_engine_api::v1_0;

/// Copies and judges the plugin's own struct.
///
/// # Errors
/// The first thing that does not fit.
///
/// # Safety
/// `returned` came from the plugin's entry in this process.
pub(super) unsafe fn agree(returned: *const ioe_plugin) -> Result<ioe_plugin, Refusal> {
    // SAFETY: not null and aligned is checked inside; the caller vouches for where it came from, so
    // that a lie of the plugin's is the plugin's crash in the probe.
    unsafe { foreign::check_magic(returned)? };
    // SAFETY: the magic says that this is the struct (checked above).
    let plugin = unsafe { foreign::copy(returned, "the entry function")? };
    check_versions(&plugin, IOE_ABI_MINOR)?;
    // SAFETY: the pointer stands in a struct with our magic and major (checked above); null and
    // misaligned ones are refused inside.
    let layout = unsafe { foreign::copy(plugin.layout, "ioe_plugin.layout")? };
    check_layout(&layout)?;
    Ok(plugin)
}

fn check_versions(plugin: &ioe_plugin, own_minor: u16) -> Result<(), Refusal> {
    if plugin.abi_major != IOE_ABI_MAJOR {
        return Err(Refusal::Major {
            found_major: plugin.abi_major,
            found_minor: plugin.abi_minor,
            own_major: IOE_ABI_MAJOR,
        });
    }
    if plugin.need_minor > own_minor {
        let offer = match own_minor {
            0 => format!("{IOE_ABI_MAJOR}.0"),
            newest => format!("{IOE_ABI_MAJOR}.0 to {IOE_ABI_MAJOR}.{newest}"),
        };
        let need_minor = plugin.need_minor;
        return Err(Refusal::NeedMinor { major: IOE_ABI_MAJOR, need_minor, offer });
    }
    Ok(())
}

fn check_layout(found: &ioe_layout) -> Result<(), Refusal> {
    let own = &ioe_layout::OWN;
    let equal = [
        ("the size of a pointer", found.ptr, own.ptr),
        ("the byte order mark", found.endian, own.endian),
        ("the offset of ioe_io.engine_data", found.io_engine_data, own.io_engine_data),
        ("the offset of ioe_option.choices", found.option_choices, own.option_choices),
        ("the offset of ioe_value.v", found.value_v, own.value_v),
        ("the offset of ioe_host.get_extension", found.host_get_extension, own.host_get_extension),
        ("the offset of ioe_job.n_opts", found.job_n_opts, own.job_n_opts),
        ("the offset of ioe_ops.get_extension", found.ops_get_extension, own.ops_get_extension),
    ];
    for (field, found, own) in equal {
        if found != own {
            return Err(Refusal::Layout { field, found, own });
        }
    }
    let least = [
        ("the size of ioe_io", found.io_size, v1_0::IO),
        ("the size of ioe_file", found.file_size, v1_0::FILE),
    ];
    for (field, found, least) in least {
        if u32::from(found) < least {
            return Err(Refusal::LayoutShort { field, found, least });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use iodyno_engine_api::abi::IOE_MAGIC;
    use std::ptr::null;

    fn plugin(layout: &ioe_layout) -> ioe_plugin {
        ioe_plugin {
            magic: IOE_MAGIC,
            struct_size: size_of::<ioe_plugin>() as u32,
            abi_major: IOE_ABI_MAJOR,
            abi_minor: IOE_ABI_MINOR,
            need_minor: 0,
            reserved: 0,
            n_engines: 0,
            id: null(),
            vendor: null(),
            version: null(),
            license: null(),
            url: null(),
            engines: null(),
            layout,
            setup: None,
            teardown: None,
        }
    }

    fn words(plugin: &ioe_plugin) -> String {
        // SAFETY: a struct of this test with a layout of this test.
        unsafe { agree(plugin) }.err().map(|e| e.to_string()).unwrap_or_default()
    }

    #[test]
    fn versions_and_sizes_in_order() {
        type Change = fn(&mut ioe_plugin);
        let cases: &[(Change, &str)] = &[
            (|_| (), ""),
            (|p| p.abi_minor = 9, ""),
            (|p| p.reserved = 7, ""),
            (|p| p.magic = 1, "IOE_MAGIC"),
            (|p| p.struct_size = 95, "ioe_plugin.struct_size is 95, at least 96"),
            (|p| p.abi_major = 2, "speaks engine ABI 2.0, this iodyno speaks 1.x"),
            (|p| p.need_minor = 3, "needs engine ABI 1.3, this iodyno offers 1.0;"),
            (|p| p.layout = null(), "ioe_plugin.layout: ioe_layout is NULL"),
        ];
        for (change, want) in cases {
            let mut plugin = plugin(&ioe_layout::OWN);
            change(&mut plugin);
            let got = words(&plugin);
            assert!(got.contains(want) && got.is_empty() == want.is_empty(), "{want}: {got}");
        }
    }

    #[test]
    fn a_window_of_minors_is_spelt_out() {
        let mut plugin = plugin(&ioe_layout::OWN);
        plugin.need_minor = 3;
        let error = check_versions(&plugin, 2).unwrap_err().to_string();
        assert!(error.contains("needs engine ABI 1.3, this iodyno offers 1.0 to 1.2"), "{error}");
        check_versions(&plugin, 3).unwrap();
    }

    #[test]
    fn each_layout_field_is_named() {
        type Change = fn(&mut ioe_layout);
        let cases: &[(Change, &str)] = &[
            (|_| (), ""),
            (|l| l.ptr = 4, "size of a pointer is 4, here it is 8"),
            (|l| l.endian = 0x0201, "byte order"),
            (|l| l.io_size = 88, "size of ioe_io is 88, 1.0 has 96"),
            (|l| l.io_size = 104, ""),
            (|l| l.io_engine_data = 80, "ioe_io.engine_data"),
            (|l| l.file_size = 40, "size of ioe_file"),
            (|l| l.file_size = 56, ""),
            (|l| l.option_choices = 1, "ioe_option.choices"),
            (|l| l.value_v = 1, "ioe_value.v"),
            (|l| l.host_get_extension = 1, "ioe_host.get_extension"),
            (|l| l.job_n_opts = 1, "ioe_job.n_opts"),
            (|l| l.ops_get_extension = 1, "ioe_ops.get_extension"),
            (|l| l.struct_size = 20, "ioe_layout.struct_size is 20"),
        ];
        for (change, want) in cases {
            let mut layout = ioe_layout::OWN;
            change(&mut layout);
            let got = words(&plugin(&layout));
            assert!(got.contains(want) && got.is_empty() == want.is_empty(), "{want}: {got}");
        }
    }
}
