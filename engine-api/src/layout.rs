//! The layout trip wire for Rust plugins, on top of abi_stable.
//!
//! `export_plugin!` exports the symbol `iodyno_layout_v1_0`, an `extern "C"` function that takes
//! nothing and returns `&'static TypeLayout` of [`RootV1_0`]; the host calls it after the entry and
//! hands the answer to [`check_layout`]. The contract itself is `struct_size` and `ioe_layout`:
//! this check sees field types besides, and no constants.
//!
//! The symbol's name is bound to abi_stable 0.11: two releases of 0.11 read each other's
//! `TypeLayout`, other releases do not. A move to another abi_stable takes another symbol.

use crate::abi::*;
use abi_stable::abi_stability::abi_checking::check_layout_compatibility;
pub use abi_stable::type_layout::TypeLayout;
use abi_stable::StableAbi;

/// Name of the exported function, for the host's `dlsym`.
pub const SYMBOL: &str = "iodyno_layout_v1_0";

/// Type of the exported function.
pub type LayoutFn = extern "C" fn() -> &'static TypeLayout;

// A bump of the minor stops here: see `RootV1_0`.
const _: () = assert!(
    IOE_ABI_MINOR == 0,
    "RootV1_0 must name structs as 1.0 froze them, no longer those of `abi`, and this minor takes \
     a root and a symbol of its own: docs/abi.md, \"What a new minor takes\""
);

/// Names every struct of ABI 1.0, so that one comparison covers them all.
///
/// Frozen: abi_stable's check is one of equality, so a later minor gets a root and a symbol of its
/// own, over structs that keep the fields of that minor.
#[repr(C)]
#[derive(StableAbi)]
pub struct RootV1_0 {
    plugin: *const ioe_plugin, // and through it: ops, option, choice, layout, host, job, io, file
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

/// The layout as this build of the crate sees it.
pub fn own_layout() -> &'static TypeLayout {
    <RootV1_0 as StableAbi>::LAYOUT
}

/// Compares a plugin's layout with this build's. The error holds abi_stable's `Error:` blocks
/// alone, one line for each type that differs: its whole text runs to a thousand lines.
pub fn check_layout(plugin_layout: &'static TypeLayout) -> Result<(), String> {
    compare(own_layout(), plugin_layout)
}

fn compare(expected: &'static TypeLayout, found: &'static TypeLayout) -> Result<(), String> {
    let Err(failure) = check_layout_compatibility(expected, found) else { return Ok(()) };
    let mut lines = Vec::new();
    for error in &failure.errors {
        let path: Vec<String> =
            error.stack_trace.iter().map(|f| field_name(&f.expected.to_string())).collect();
        // An error without a block of its own only leads to one further down.
        if let Some(blocks) = error_blocks(&error.to_string()) {
            lines.push(match path.is_empty() {
                true => blocks,
                false => format!("{}: {blocks}", path.join(".")),
            });
        }
    }
    match lines.is_empty() {
        true => Err(format!("{} differences without a word", failure.errors.len())),
        false => Err(lines.join("\n")),
    }
}

/// The name out of abi_stable's description of a field, which begins "field_name:NAME".
fn field_name(text: &str) -> String {
    let first = text.lines().next().unwrap_or_default();
    first.trim().trim_start_matches("field_name:").to_owned()
}

/// The `Error:` blocks of one error's text, on one line; the types' layouts before them are
/// dropped.
fn error_blocks(text: &str) -> Option<String> {
    let from = text.find("\nError:")?;
    Some(text[from..].split_whitespace().collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As [`RootV1_0`] would look to a plugin whose structs were edited.
    mod edited {
        use super::*;

        #[repr(C)]
        #[derive(StableAbi)]
        pub(super) struct RootV1_0 {
            plugin: *const ioe_plugin,
            value: *const ioe_caps,
        }
    }

    #[test]
    fn equal_layouts_pass() {
        assert_eq!(check_layout(own_layout()), Ok(()));
    }

    #[test]
    fn a_difference_is_named_briefly() {
        let text = check_layout(<edited::RootV1_0 as StableAbi>::LAYOUT).unwrap_err();
        assert!(text.lines().all(|l| l.contains("Error:")), "{text}");
        assert!(text.contains("value.0: Error:mismatched type Expected: ioe_value"), "{text}");
        assert!(text.len() < 1000, "{} bytes: {text}", text.len());
    }
}
