//! Turns a plugin's raw tables into the plain data of `catalogue`.
//!
//! Called by `ops` for engines and by `load` for the plugin itself. Copies and names; what is wrong
//! with a value is `lint`'s to say. Calls nothing of the plugin's.

use super::foreign::{self, text};
use super::refusal::Refusal;
use crate::catalogue::{EngineChoice, EngineInfo, EngineOption, EngineOptionKind};
use iodyno_engine_api::abi::{
    ioe_choice, ioe_ops, ioe_option, ioe_plugin, IOE_F_DISKLESS, IOE_F_FAKE, IOE_F_NOEXTEND,
    IOE_F_NOIO, IOE_F_PER_FILE, IOE_F_PIPE, IOE_F_RAW, IOE_F_SYNC, IOE_F_UNIDIR,
    IOE_OPTF_DEPRECATED, IOE_OPTF_HIDDEN, IOE_OPTF_REQUIRED, IOE_OPTF_SECRET, IOE_OPT_BOOL,
    IOE_OPT_ENGINE, IOE_OPT_ENUM, IOE_OPT_FLAGSET, IOE_OPT_FLOAT, IOE_OPT_INT, IOE_OPT_PATH,
    IOE_OPT_SIZE, IOE_OPT_STR, IOE_OPT_TIME_NS, IOE_OPT_UINT,
};
use serde::{Deserialize, Serialize};

/// What an engine over another one has from it: what its targets are, and what becomes of them.
const PASSED_ON: u64 = IOE_F_RAW
    | IOE_F_DISKLESS
    | IOE_F_NOEXTEND
    | IOE_F_UNIDIR
    | IOE_F_PIPE
    | IOE_F_FAKE
    | IOE_F_NOIO
    | IOE_F_PER_FILE;
/// Options of one engine, and choices of one option, that are read.
const OPTIONS_MAX: u32 = 1024;

/// What a plugin says of itself and its engines: the report of a probe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Description {
    /// Reverse DNS id.
    pub id: String,
    /// Who made it.
    pub vendor: String,
    /// The plugin's own version.
    pub version: String,
    /// SPDX expression.
    pub license: Option<String>,
    /// Where to ask.
    pub url: Option<String>,
    /// ABI that it was compiled with.
    pub abi_major: u16,
    /// ABI that it was compiled with.
    pub abi_minor: u16,
    /// Oldest host minor that it can work with.
    pub need_minor: u16,
    /// Whether an exported layout was there and compatible.
    pub layout_checked: bool,
    /// What it carries.
    pub engines: Vec<EngineInfo>,
    /// Odd but bearable.
    pub warnings: Vec<String>,
}

/// Describes the plugin; the engines are added by the caller.
///
/// # Errors
/// A text that is none, or an id that is no id.
///
/// # Safety
/// `raw` is the copy of a struct of a plugin that agreed with this host.
pub(super) unsafe fn plugin(raw: &ioe_plugin) -> Result<Description, Refusal> {
    let mut warnings = Vec::new();
    // SAFETY: a text of a plugin that agreed, as are the four below; null ones are answered by
    // none.
    let id = unsafe { text(raw.id, "ioe_plugin.id")? }.unwrap_or_default();
    // SAFETY: as above.
    let vendor = unsafe { text(raw.vendor, "ioe_plugin.vendor")? };
    // SAFETY: as above.
    let version = unsafe { text(raw.version, "ioe_plugin.version")? };
    // SAFETY: as above.
    let license = unsafe { text(raw.license, "ioe_plugin.license")? };
    // SAFETY: as above.
    let url = unsafe { text(raw.url, "ioe_plugin.url")? };
    check_id(&id, &mut warnings)?;
    let mut told = |value: Option<String>, what: &str| {
        let value = value.unwrap_or_default();
        if value.is_empty() {
            warnings.push(format!("the plugin does not tell its {what}"));
        }
        value
    };
    let vendor = told(vendor, "vendor");
    let version = told(version, "version");
    Ok(Description {
        id,
        vendor,
        version,
        license,
        url,
        abi_major: raw.abi_major,
        abi_minor: raw.abi_minor,
        need_minor: raw.need_minor,
        layout_checked: false,
        engines: Vec::new(),
        warnings,
    })
}

/// The id takes part in `PLUGIN-ID:NAME`, so it has neither colon nor slash nor blank.
fn check_id(id: &str, warnings: &mut Vec<String>) -> Result<(), Refusal> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    if id.is_empty() || id.len() > 256 || !id.bytes().all(allowed) {
        return Err(Refusal::BadId(id.to_owned()));
    }
    if !id.contains('.') {
        warnings.push(format!("its id `{id}` is not reverse DNS (such as com.acme.sg)"));
    }
    Ok(())
}

/// Describes an engine.
///
/// # Errors
/// A text that is none, or an option of an unknown type.
///
/// # Safety
/// `ops` is the copy of a table of a plugin that agreed with this host.
pub(super) unsafe fn engine(ops: &ioe_ops, name: String) -> Result<EngineInfo, Refusal> {
    let whose = format!("engine {name}");
    // SAFETY: a text of that plugin's.
    let help = unsafe { text(ops.help, &format!("{whose}: help"))? }.unwrap_or_default();
    // SAFETY: n_options pointers stand there by the table's own word; null and too many are
    // refused.
    let pointers = unsafe { foreign::pointers(ops.options, ops.n_options, OPTIONS_MAX, &whose)? };
    let mut options = Vec::new();
    for (n, from) in pointers.into_iter().enumerate() {
        let whose = format!("{whose}: options[{n}]");
        // SAFETY: the pointer stood in that array; null is refused.
        let raw = unsafe { foreign::copy(from, &whose)? };
        // SAFETY: the copy of an option of that plugin's.
        options.push(unsafe { option(&raw, &name, &whose)? });
    }
    let flags = ops.flags;
    let has = |flag| flags & flag != 0;
    Ok(EngineInfo {
        callbacks: callbacks(ops),
        name,
        help,
        flags,
        synchronous: has(IOE_F_SYNC),
        diskless: has(IOE_F_DISKLESS),
        whole_files: has(IOE_F_PER_FILE),
        no_io: has(IOE_F_NOIO),
        fake: has(IOE_F_FAKE),
        stream: has(IOE_F_PIPE),
        passed_on: flags & PASSED_ON,
        options,
    })
}

/// Names of the callbacks that are there, in the order of the table.
fn callbacks(ops: &ioe_ops) -> Vec<String> {
    let present = [
        ("init", ops.init.is_some()),
        ("cleanup", ops.cleanup.is_some()),
        ("get_caps", ops.get_caps.is_some()),
        ("open_file", ops.open_file.is_some()),
        ("close_file", ops.close_file.is_some()),
        ("get_file_size", ops.get_file_size.is_some()),
        ("io_init", ops.io_init.is_some()),
        ("io_free", ops.io_free.is_some()),
        ("start", ops.start.is_some()),
        ("prep", ops.prep.is_some()),
        ("queue", ops.queue.is_some()),
        ("commit", ops.commit.is_some()),
        ("getevents", ops.getevents.is_some()),
        ("cancel", ops.cancel.is_some()),
        ("terminate", ops.terminate.is_some()),
        ("errdetails", ops.errdetails.is_some()),
        ("get_extension", ops.get_extension.is_some()),
    ];
    present.into_iter().filter(|(_, there)| *there).map(|(name, _)| name.to_owned()).collect()
}

/// # Safety
/// `raw` is the copy of an option of a plugin that agreed with this host.
unsafe fn option(raw: &ioe_option, engine: &str, whose: &str) -> Result<EngineOption, Refusal> {
    // SAFETY: a text of that plugin's, as are the four below.
    let name = unsafe { text(raw.name, &format!("{whose}.name"))? }.unwrap_or_default();
    let Some(kind) = kind(raw.r#type) else {
        return Err(Refusal::engine(
            engine,
            format!(
                "option `{name}`: type {} is unknown to this iodyno; use a newer one",
                raw.r#type
            ),
        ));
    };
    // SAFETY: as above.
    let alias = unsafe { text(raw.alias, &format!("{whose}.alias"))? };
    // SAFETY: as above.
    let default = unsafe { text(raw.def, &format!("{whose}.def"))? };
    // SAFETY: as above.
    let help = unsafe { text(raw.help, &format!("{whose}.help"))? }.unwrap_or_default();
    // SAFETY: as above.
    let group = unsafe { text(raw.group, &format!("{whose}.group"))? };
    // SAFETY: n_choices pointers stand there by the option's own word.
    let pointers = unsafe { foreign::pointers(raw.choices, raw.n_choices, OPTIONS_MAX, whose)? };
    let mut choices = Vec::new();
    for (n, from) in pointers.into_iter().enumerate() {
        // SAFETY: the pointer stood in that array.
        choices.push(unsafe { choice(from, &format!("{whose}.choices[{n}]"))? });
    }
    let flag = |bit| raw.flags & bit != 0;
    Ok(EngineOption {
        name,
        alias,
        kind,
        default,
        help,
        group,
        range: (raw.min != 0 || raw.max != 0).then_some((raw.min, raw.max)),
        step: raw.step,
        choices,
        required: flag(IOE_OPTF_REQUIRED),
        secret: flag(IOE_OPTF_SECRET),
        hidden: flag(IOE_OPTF_HIDDEN),
        deprecated: flag(IOE_OPTF_DEPRECATED),
    })
}

/// # Safety
/// `from` stood in the choices of an option of a plugin that agreed with this host.
unsafe fn choice(from: *const ioe_choice, whose: &str) -> Result<EngineChoice, Refusal> {
    // SAFETY: the caller vouches for where it stood; null is refused.
    let raw = unsafe { foreign::copy(from, whose)? };
    // SAFETY: texts of that plugin's.
    let name = unsafe { text(raw.name, &format!("{whose}.name"))? }.unwrap_or_default();
    // SAFETY: as above.
    let help = unsafe { text(raw.help, &format!("{whose}.help"))? }.unwrap_or_default();
    Ok(EngineChoice { name, value: raw.value, help })
}

fn kind(number: u32) -> Option<EngineOptionKind> {
    Some(match number {
        IOE_OPT_BOOL => EngineOptionKind::Bool,
        IOE_OPT_INT => EngineOptionKind::Int,
        IOE_OPT_UINT => EngineOptionKind::Uint,
        IOE_OPT_SIZE => EngineOptionKind::Size,
        IOE_OPT_TIME_NS => EngineOptionKind::TimeNs,
        IOE_OPT_FLOAT => EngineOptionKind::Float,
        IOE_OPT_STR => EngineOptionKind::Str,
        IOE_OPT_PATH => EngineOptionKind::Path,
        IOE_OPT_ENUM => EngineOptionKind::Enum,
        IOE_OPT_FLAGSET => EngineOptionKind::Flagset,
        IOE_OPT_ENGINE => EngineOptionKind::Engine,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids() {
        for (id, fine, warned) in [
            ("com.acme.sg", true, 0),
            ("org.x-y.z_1", true, 0),
            ("acme", true, 1),
            ("", false, 0),
            ("com.acme:sg", false, 0),
            ("com/acme", false, 0),
            ("com acme", false, 0),
        ] {
            let mut warnings = Vec::new();
            assert_eq!(check_id(id, &mut warnings).is_ok(), fine, "{id}");
            assert_eq!(warnings.len(), warned, "{id}");
        }
    }

    #[test]
    fn every_type_of_the_header_is_known() {
        for number in 1..=11 {
            assert!(kind(number).is_some(), "{number}");
        }
        assert!(kind(0).is_none() && kind(12).is_none());
    }
}
