//! Loads a plugin into this process, for ever, and makes it ready to be called.
//!
//! Called by the probe child ([`admit`]) and by cells ([`load`]), never in the control process.
//! Nothing is ever unloaded: dlclose crashes where a thread or a thread-local destructor of the
//! plugin's is still alive. Calls the entry, `setup` and `teardown`; an instance's callbacks are
//! `handle`'s.

use super::callback::Callback;
use super::describe::{self, Description};
use super::error::{PluginError, Stage};
use super::foreign;
use super::gate;
use super::host_table;
use super::kept;
use super::negotiate;
use super::ops;
use super::pin;
use super::refusal::Refusal;
use super::trust::{self, Caller};
use crate::catalogue::{EngineInfo, EngineOptionKind, PluginInfo};
use iodyno_engine_api::abi::{
    ioe_host, ioe_ops, ioe_plugin, ioe_plugin_entry_v1_fn, IOE_ENTRY_SYMBOL,
};
use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use std::ffi::{c_char, c_int};
use std::os::fd::{IntoRawFd, RawFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// `RTLD_NODELETE` of this platform: a dlclose by anyone takes nothing away.
const RTLD_NODELETE: c_int = libc::RTLD_NODELETE;
/// Room for the words of an entry that refuses.
const ENTRY_WORDS_BYTES: usize = 1024;
/// Engines of one plugin that are read.
const ENGINES_MAX: u32 = 256;

/// What a cell is to load: the words of the catalogue that say which file, exactly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadRequest {
    /// Absolute.
    pub path: PathBuf,
    /// Digest that the file had when it was probed, lower-case hex.
    pub sha256: String,
    /// Load from a sealed copy: the one that this process was given, or else one of its own.
    pub pinned: bool,
}

impl LoadRequest {
    /// The name that its code will have in this process's list of mappings.
    #[must_use]
    pub fn mapped_as(&self) -> Vec<u8> {
        use std::os::unix::ffi::OsStrExt;
        if self.pinned {
            let name = self.path.file_name().unwrap_or_default();
            return [b"/memfd:", name.as_bytes()].concat();
        }
        // The kernel names files without symbolic links on the way.
        let path = std::fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        path.as_os_str().as_bytes().to_vec()
    }
}

impl From<&PluginInfo> for LoadRequest {
    fn from(info: &PluginInfo) -> Self {
        Self { path: info.path.clone(), sha256: info.sha256.clone(), pinned: info.pinned }
    }
}

/// A plugin of this process, set up.
pub struct LoadedPlugin {
    /// The file.
    pub path: PathBuf,
    /// Its digest.
    pub sha256: String,
    /// Reverse DNS id.
    pub id: String,
    /// The plugin's own version.
    pub version: String,
    /// In the order of the plugin's own array, which is that of the catalogue.
    pub engines: Vec<LoadedEngine>,
    teardown: Option<unsafe extern "C" fn()>,
    torn_down: AtomicBool,
}

/// An engine that can be called.
pub struct LoadedEngine {
    /// Name in job files.
    pub name: String,
    /// The host's own copy of its table.
    pub ops: ioe_ops,
    /// Types of its options, indexed like its own table.
    pub option_kinds: Vec<EngineOptionKind>,
    /// Its table as plain data.
    pub info: EngineInfo,
}

// SAFETY: the tables are copies that nobody writes; what their pointers lead to is const and is
// never unloaded; callbacks say themselves on which threads they may be called, which `handle`
// keeps.
unsafe impl Send for LoadedEngine {}
// SAFETY: as above.
unsafe impl Sync for LoadedEngine {}

impl LoadedPlugin {
    /// Calls the plugin's `teardown`, once, however often it is asked. To be called after the last
    /// instance's end.
    pub fn teardown(&self) {
        if self.torn_down.swap(true, Ordering::AcqRel) {
            return;
        }
        if let Some(teardown) = self.teardown {
            // SAFETY: from a struct that agreed with this host (load checked it); setup succeeded,
            // and the swap above lets one caller through.
            unsafe { teardown() };
        }
    }

    /// Whether there is a `teardown` to be called.
    #[must_use]
    pub fn has_teardown(&self) -> bool {
        self.teardown.is_some()
    }

    /// The engine of that name.
    #[must_use]
    pub fn engine(&self, name: &str) -> Option<&LoadedEngine> {
        self.engines.iter().find(|engine| engine.name == name)
    }
}

/// A plugin that host and plugin agree about; `setup` was not called yet.
pub(super) struct Admitted {
    raw: ioe_plugin,
    ops: Vec<ioe_ops>,
    /// As data.
    pub(super) description: Description,
}

enum Outcome {
    Loaded(&'static LoadedPlugin),
    SetupFailed(String),
}

static LOADED: Mutex<Vec<(LoadRequest, Outcome)>> = Mutex::new(Vec::new());

/// Loads a plugin, or answers the one that is loaded already; calls its `setup`, once.
///
/// # Errors
/// The file is not the one that was probed, cannot be loaded any more, or its `setup` failed.
pub fn load(request: &LoadRequest) -> Result<&'static LoadedPlugin, PluginError> {
    load_watched(request, &mut |_| ())
}

/// The same; `told` hears what of the plugin's runs next, and of [`Callback::None`] at the end.
///
/// # Errors
/// As above.
pub fn load_watched(
    request: &LoadRequest,
    told: &mut dyn FnMut(Callback),
) -> Result<&'static LoadedPlugin, PluginError> {
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    let known = loaded.iter().find(|(of, _)| of == request);
    let setup_failed =
        |words: &String| PluginError::Setup { path: request.path.clone(), words: words.clone() };
    match known {
        Some((_, Outcome::Loaded(plugin))) => return Ok(plugin),
        Some((_, Outcome::SetupFailed(words))) => return Err(setup_failed(words)),
        None => {}
    }
    let admitted = same_file(request, |path| {
        admit(path, &mut |stage| {
            told(match stage {
                Stage::Load => Callback::Constructor,
                Stage::Entry => Callback::Entry,
                _ => Callback::None,
            });
        })
    })?;
    told(Callback::Setup);
    let ready = set_up(request, admitted);
    told(Callback::None);
    match ready {
        Ok(plugin) => {
            loaded.push((request.clone(), Outcome::Loaded(plugin)));
            Ok(plugin)
        }
        Err(words) => {
            let error = setup_failed(&words);
            loaded.push((request.clone(), Outcome::SetupFailed(words)));
            Err(error)
        }
    }
}

/// Opens what was probed and has nothing of it called but its constructors, by the loader; says how
/// long that took.
pub(super) fn open_same_file(
    request: &LoadRequest,
) -> Result<(std::mem::ManuallyDrop<Library>, Duration), PluginError> {
    same_file(request, |path| {
        let (library, took) = gate::timed(|| open(path));
        Ok((library?, took))
    })
}

/// Takes what was probed, by the path that `take` is given, or nothing: the sealed copy of it, or
/// the file if it is still the same.
fn same_file<T>(
    request: &LoadRequest,
    take: impl FnOnce(&Path) -> Result<T, Refusal>,
) -> Result<T, PluginError> {
    let changed = || PluginError::Changed { path: request.path.clone() };
    let refused =
        |why: Refusal| PluginError::Refused { path: request.path.clone(), why: why.to_string() };
    let copy = |fd: RawFd| PathBuf::from(format!("/proc/self/fd/{fd}"));
    if let Some(fd) = kept::copy_of(&request.path, &request.sha256).filter(|_| request.pinned) {
        return take(&copy(fd)).map_err(refused);
    }
    let mut opened = trust::open(&request.path, &Caller::current())?;
    let known = !request.pinned
        && kept::is_checked(&request.path, &request.sha256, &opened.identity)
        && opened.path == request.path;
    let content = if known { None } else { Some(pin::read(&mut opened)?) };
    if content.as_ref().is_some_and(|content| content.sha256() != request.sha256) {
        return Err(changed());
    }
    if let Some(content) = content.filter(|_| request.pinned) {
        // Nobody handed a copy to this process. This one is kept open for ever, too: the loader
        // knows it by its number, and a number that is used again would name another file.
        let fd = pin::seal(&opened.path, &content)?.into_raw_fd();
        return take(&copy(fd)).map_err(refused);
    }
    let taken = take(&opened.path).map_err(refused)?;
    if !trust::is_same(&opened.path, &opened.identity) {
        return Err(changed());
    }
    Ok(taken)
}

fn set_up(request: &LoadRequest, admitted: Admitted) -> Result<&'static LoadedPlugin, String> {
    let Admitted { raw, ops, description } = admitted;
    if let Some(setup) = raw.setup {
        let _ = host_table::take_error_words();
        // SAFETY: from a struct that agreed with this host; the table is valid for ever; the lock
        // that load holds makes this the only call.
        let status = unsafe { setup(host_table::table()) };
        if status < 0 {
            let errno = std::io::Error::from_raw_os_error(status.saturating_neg());
            let words = host_table::take_error_words();
            return Err(words.map_or_else(|| errno.to_string(), |w| format!("{w} ({errno})")));
        }
    }
    let engines = ops
        .into_iter()
        .zip(&description.engines)
        .map(|(ops, info)| LoadedEngine {
            name: info.name.clone(),
            ops,
            option_kinds: info.options.iter().map(|option| option.kind).collect(),
            info: info.clone(),
        })
        .collect();
    Ok(Box::leak(Box::new(LoadedPlugin {
        path: request.path.clone(),
        sha256: request.sha256.clone(),
        id: description.id,
        version: description.version,
        engines,
        teardown: raw.teardown,
        torn_down: AtomicBool::new(false),
    })))
}

/// Loads, asks, judges, describes. Tells each stage before it begins.
pub(super) fn admit(path: &Path, stage: &mut dyn FnMut(Stage)) -> Result<Admitted, Refusal> {
    stage(Stage::Load);
    let library = open(path)?;
    stage(Stage::Entry);
    let returned = call_entry(&library)?;
    stage(Stage::Tables);
    // SAFETY: just returned by the entry of a plugin that stays loaded.
    let raw = unsafe { negotiate::agree(returned)? };
    let layout_checked = check_exported_layout(&library)?;
    // SAFETY: the copy of a struct that agreed.
    let mut description = unsafe { describe::plugin(&raw)? };
    description.layout_checked = layout_checked;
    if raw.n_engines == 0 {
        return Err(Refusal::NoEngines);
    }
    // SAFETY: so many pointers stand there by the word of a struct that agreed.
    let pointers = unsafe {
        foreign::pointers(raw.engines, raw.n_engines, ENGINES_MAX, "ioe_plugin.engines")?
    };
    let mut tables = Vec::new();
    for (n, from) in pointers.into_iter().enumerate() {
        // SAFETY: the pointer stood in that array.
        let checked = unsafe { ops::check(from, n)? };
        if description.engines.iter().any(|other| other.name == checked.info.name) {
            return Err(Refusal::engine(&checked.info.name, "the plugin has two of that name"));
        }
        description.warnings.extend(checked.warnings);
        description.engines.push(checked.info);
        tables.push(checked.ops);
    }
    Ok(Admitted { raw, ops: tables, description })
}

/// Runs the plugin's constructors. The library is never closed.
fn open(path: &Path) -> Result<std::mem::ManuallyDrop<Library>, Refusal> {
    let flags = RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE;
    // SAFETY: runs the file's constructors: whatever they do, they do in a child that can be
    // killed, and a file gets here only after it was found, trusted and looked at.
    let library = unsafe { Library::open(Some(path), flags) };
    match library {
        Ok(library) => Ok(std::mem::ManuallyDrop::new(library)),
        Err(error) => Err(Refusal::Loader(loader_words(path, &error))),
    }
}

/// The loader's own words: the library's error shows them only as its source.
fn loader_words(path: &Path, error: &libloading::Error) -> String {
    use std::error::Error;
    let words = error.source().map_or_else(|| error.to_string(), ToString::to_string);
    let shown = format!("{}: ", path.display());
    words.strip_prefix(&shown).unwrap_or(&words).to_owned()
}

fn call_entry(library: &Library) -> Result<*const ioe_plugin, Refusal> {
    // SAFETY: the major in the symbol's name makes this its type.
    let symbol = unsafe { library.get::<ioe_plugin_entry_v1_fn>(IOE_ENTRY_SYMBOL) };
    let entry = symbol
        .map_err(|error| Refusal::Loader(loader_words(Path::new(""), &error)))?
        .ok_or_else(|| Refusal::Loader(format!("{IOE_ENTRY_SYMBOL} is at address 0")))?;
    let host: &'static ioe_host = host_table::table();
    let mut words = [0 as c_char; ENTRY_WORDS_BYTES];
    // SAFETY: the entry of this major; the table is valid for ever, the buffer as long as is said.
    let returned = unsafe { entry(host, words.as_mut_ptr(), words.len()) };
    if !returned.is_null() {
        return Ok(returned);
    }
    let said: Vec<u8> =
        words.iter().map(|&c| c.to_ne_bytes()[0]).take_while(|&byte| byte != 0).collect();
    let said = foreign::tame(&String::from_utf8_lossy(&said));
    let fallback = || "its entry function answered NULL and gave no reason".to_owned();
    let said = Some(said).filter(|text| !text.is_empty());
    Err(Refusal::ByPlugin(said.or_else(host_table::take_error_words).unwrap_or_else(fallback)))
}

/// True where the plugin exports its layout and it is compatible, false where it exports none. A
/// trip wire for Rust plugins; the contract is what `negotiate` checks.
#[cfg(feature = "layout-check")]
fn check_exported_layout(library: &Library) -> Result<bool, Refusal> {
    use iodyno_engine_api::layout::{check_layout, LayoutFn, SYMBOL};
    // SAFETY: the symbol's name is bound to this type and to the release of abi_stable behind it.
    let Ok(layout_of) = (unsafe { library.get::<LayoutFn>(SYMBOL) }) else { return Ok(false) };
    check_layout(layout_of()).map_err(Refusal::LayoutExport)?;
    Ok(true)
}

/// This build of the host cannot compare layouts.
#[cfg(not(feature = "layout-check"))]
fn check_exported_layout(_library: &Library) -> Result<bool, Refusal> {
    Ok(false)
}
