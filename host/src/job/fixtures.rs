//! Engines and a machine for the tests of this room and of the commands that show jobs.
//!
//! `psync` and `null` are like the real ones, `vast` has an option of every type, `needy` one that
//! is required; `broken` is found and cannot be used. No plugin is loaded.

use super::engines::{Catalogue, EngineWish, FindFailure, FoundEngine};
use super::{engines_wanted, parse, resolve, Diagnostic, Overrides, Resolved, Source};
use crate::catalogue::{
    EngineChoice, EngineInfo, EngineOption, EngineOptionKind, PluginInfo, Trust,
};
use std::path::PathBuf;

pub(crate) use super::expand::test_environment;

/// `IOE_F_SYNC`, `IOE_F_DISKLESS` and `IOE_F_FAKE`: the ABI is not known here, so they stand
/// here as numbers.
const SYNC: u64 = 0x1;
const DISKLESS: u64 = 0x4;
const FAKE: u64 = 0x40;

pub(crate) fn option(name: &str, kind: EngineOptionKind, default: Option<&str>) -> EngineOption {
    EngineOption {
        name: name.to_owned(),
        alias: None,
        kind,
        default: default.map(str::to_owned),
        help: format!("help of {name}"),
        group: None,
        range: None,
        step: 0,
        choices: Vec::new(),
        required: false,
        secret: false,
        hidden: false,
        deprecated: false,
    }
}

fn choices(names: &[(&str, u64)]) -> Vec<EngineChoice> {
    let choice = |&(name, value): &(&str, u64)| EngineChoice {
        name: name.to_owned(),
        value,
        help: String::new(),
    };
    names.iter().map(choice).collect()
}

fn engine(name: &str, flags: u64, options: Vec<EngineOption>) -> EngineInfo {
    EngineInfo {
        passed_on: flags & (DISKLESS | FAKE),
        name: name.to_owned(),
        help: format!("engine {name}"),
        flags,
        synchronous: flags & SYNC != 0,
        diskless: flags & DISKLESS != 0,
        whole_files: false,
        no_io: false,
        fake: flags & FAKE != 0,
        stream: false,
        callbacks: vec!["queue".to_owned()],
        options,
    }
}

/// An asynchronous engine with an option of every type.
pub(crate) fn vast() -> EngineInfo {
    use EngineOptionKind as Kind;
    let mut options = vec![
        option("polls", Kind::Bool, Some("0")),
        option("shift", Kind::Int, None),
        option("entries", Kind::Uint, Some("64")),
        option("chunk", Kind::Size, Some("64k")),
        option("wait", Kind::TimeNs, Some("1ms")),
        option("share", Kind::Float, None),
        option("label", Kind::Str, None),
        option("socket", Kind::Path, None),
        option("mode", Kind::Enum, Some("plain")),
        option("marks", Kind::Flagset, None),
        option("password", Kind::Str, None),
        option("old", Kind::Uint, None),
    ];
    options[1].range = Some((-8, 8));
    options[2].range = Some((1, 4096));
    options[2].step = 1;
    options[2].alias = Some("nr_entries".to_owned());
    options[3].step = 512;
    options[5].range = Some((0, 1));
    options[8].choices = choices(&[("plain", 0), ("fancy", 7)]);
    options[9].choices = choices(&[("a", 1), ("b", 2), ("c", 4)]);
    options[10].secret = true;
    options[11].deprecated = true;
    engine("vast", 0, options)
}

fn needy() -> EngineInfo {
    let mut options = vec![option("host", EngineOptionKind::Str, None)];
    options[0].required = true;
    engine("needy", SYNC, options)
}

/// Stands on another engine, on psync by default.
fn wrap() -> EngineInfo {
    let inner = option("inner", EngineOptionKind::Engine, Some("psync"));
    let extra = option("extra", EngineOptionKind::Engine, None);
    engine("wrap", 0, vec![inner, option("share", EngineOptionKind::Uint, Some("0")), extra])
}

fn found(info: EngineInfo, path: &str) -> FoundEngine {
    let plugin = PluginInfo {
        path: PathBuf::from(path),
        sha256: "ab".repeat(32),
        build_id: None,
        pinned: false,
        pinned_by: Vec::new(),
        trust: Trust::Trusted,
        id: format!("org.iodyno.{}", info.name),
        vendor: "the iodyno project".to_owned(),
        version: "0.1.0".to_owned(),
        license: None,
        url: None,
        abi_major: 1,
        abi_minor: 0,
        need_minor: 0,
        layout_checked: true,
        engines: vec![info],
        warnings: Vec::new(),
    };
    FoundEngine { plugin, engine: 0 }
}

/// Looks a wish up among the engines of the tests.
pub(crate) fn find(wish: &EngineWish) -> Result<FoundEngine, FindFailure> {
    let info = match wish.asked.rsplit(['/', ':']).next().unwrap_or_default() {
        "psync" => engine("psync", SYNC, vec![]),
        "null" => engine(
            "null",
            SYNC | DISKLESS | FAKE,
            vec![option("latency", EngineOptionKind::TimeNs, Some("0"))],
        ),
        "vast" => vast(),
        "libaio" => engine("libaio", 0, vec![]),
        "needy" => needy(),
        "wrap" => wrap(),
        "endless" => {
            let inner = option("inner", EngineOptionKind::Engine, Some("endless"));
            engine("endless", 0, vec![inner])
        }
        "broken" => {
            return Err(FindFailure {
                status: 5,
                message: "engine `broken`: /opt/broken.so is not an ELF file".to_owned(),
                help: None,
            })
        }
        name => {
            return Err(FindFailure {
                status: 2,
                message: format!("no engine is called `{name}`"),
                help: Some("`iodyno engines` lists what is there".to_owned()),
            })
        }
    };
    Ok(found(info, &format!("/usr/lib/iodyno/engines/{}", wish.asked)))
}

/// The names that are installed.
pub(crate) fn known() -> Vec<String> {
    ["needy", "null", "psync", "vast"].map(str::to_owned).to_vec()
}

/// From texts to a run, with the engines of the tests.
pub(crate) fn resolved(
    sources: &[Source],
    overrides: &Overrides,
) -> Result<Resolved, Vec<Diagnostic>> {
    let env = test_environment();
    let raw = parse(sources, &env)?;
    let mut catalogue = Catalogue::look_up(&engines_wanted(&raw, overrides), known(), &find);
    catalogue.look_below(&raw, overrides, &find);
    resolve(&raw, overrides, &catalogue, &env)
}
