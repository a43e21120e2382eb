//! From what a job says (`ioengine=...`) to one engine of one plugin file.
//!
//! Called by `run` and `cli` in the control process. Looks where engines may lie, and leads each
//! candidate through trust, pin, preflight and probe. Loads nothing into this process. Nothing is
//! remembered between calls: a probe costs about a millisecond.

use super::error::PluginError;
use super::kept::{self, Kept};
use super::load::LoadRequest;
use super::ops::is_engine_name;
use super::pin::{self, Pin};
use super::preflight;
use super::probe;
use super::trust::{self, Caller};
use crate::catalogue::{PluginInfo, Trust};
use crate::sys::privilege;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

/// More directories, in the form of `PATH`; ignored in a privileged process.
const PATH_VARIABLE: &str = "IODYNO_ENGINE_PATH";
/// Where packages put engines.
const SYSTEM_DIR: &str = "/usr/lib/iodyno/engines";
const FILE_PREFIX: &str = "libiodyno_engine_";
const FILE_SUFFIX: &str = ".so";
/// fio's spelling of a path.
const EXTERNAL: &str = "external:";
/// Longest path that the system takes.
const PATH_BYTES_MAX: usize = 4095;

/// Where to look for engines, and how strictly.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// Directories to look in first (`--engine-path`).
    pub engine_path: Vec<PathBuf>,
    /// Load plugins whose place or rights fail the trust rules, with a warning.
    pub allow_untrusted: bool,
}

/// An engine that can be had.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its plugin.
    pub plugin: PluginInfo,
    /// Index into `plugin.engines`.
    pub engine: usize,
}

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
enum Ask<'a> {
    Name { id: Option<&'a str>, name: &'a str },
    Path(PathBuf),
}

impl Search {
    /// Finds the engine that `asked` names: a name, `PLUGIN-ID:NAME`, a path (with a slash, or
    /// after `external:`), or `PATH:NAME` where a plugin carries several. `pin` is the job's
    /// `engine_sha256`.
    ///
    /// # Errors
    /// There is none of that name, several of them, or the one that was found cannot be used.
    pub fn engine(&self, asked: &str, pin: Option<&str>) -> Result<Found, PluginError> {
        let pin = pin.map(pin::from_job).transpose()?;
        let found = match parse(asked)? {
            Ask::Path(path) => self.by_path(asked, &path, pin.as_ref()),
            Ask::Name { id, name } => self.by_name(asked, id, name, pin.as_ref()),
        };
        let chosen = found.as_ref().ok().map(|found| &found.plugin);
        kept::want(chosen.map(|plugin| (plugin.path.as_path(), plugin.sha256.as_str())));
        found
    }

    /// The file behind a path or an engine's name, and its digest, without running any of it: for
    /// those who want to see for themselves what loading does. The rule of trust that it breaks and
    /// the user overlooks comes along.
    ///
    /// # Errors
    /// There is no such file, or it is not to be trusted.
    pub fn file(&self, asked: &str) -> Result<(LoadRequest, Option<String>), PluginError> {
        let path = match parse(asked)? {
            Ask::Path(path) => path,
            Ask::Name { .. } => self.engine(asked, None)?.plugin.path,
        };
        let (path, _) = split_engine(&path);
        let opened = trust::open(path, &Caller::current());
        let mut opened = opened.map_err(|error| missing_is_usage(asked, error))?;
        let rule = opened.broken_rule.take();
        if let (Some(rule), false) = (&rule, self.allow_untrusted) {
            return Err(PluginError::Untrusted { path: opened.path, rule: rule.clone() });
        }
        let sha256 = pin::read(&mut opened)?.sha256().to_owned();
        Ok((LoadRequest { path: opened.path, sha256, pinned: false }, rule))
    }

    /// Everything about one plugin file.
    ///
    /// # Errors
    /// It cannot be used.
    pub fn plugin(&self, path: &Path) -> Result<PluginInfo, PluginError> {
        let examined = self.examine(path, None, &Caller::current());
        kept::want(None);
        examined
    }

    /// All plugins of all directories, usable and not.
    #[must_use]
    pub fn all(&self) -> (Vec<PluginInfo>, Vec<PluginError>) {
        let caller = Caller::current();
        let (mut usable, mut broken) = (Vec::new(), Vec::new());
        for dir in self.directories() {
            let files = plugin_files(&dir).unwrap_or_else(|error| {
                broken.push(error);
                Vec::new()
            });
            for file in files {
                match self.examine(&file, None, &caller) {
                    Ok(info) => usable.push(info),
                    Err(error) => broken.push(error),
                }
            }
        }
        kept::want(None);
        (usable, broken)
    }

    /// Names of all engines that can be had, sorted.
    #[must_use]
    pub fn known_names(&self) -> Vec<String> {
        names(&self.all().0)
    }

    /// Directories in the order in which they are looked into, each once.
    #[must_use]
    pub fn directories(&self) -> Vec<PathBuf> {
        let mut all = self.engine_path.clone();
        if let Some(list) = path_variable().filter(|_| !privilege::is_privileged()) {
            all.extend(std::env::split_paths(&list).filter(|dir| !dir.as_os_str().is_empty()));
        }
        if let Some(dir) = std::env::current_exe().ok().as_deref().and_then(Path::parent) {
            all.push(dir.to_owned());
            all.extend(dir.parent().map(|up| up.join("lib/iodyno/engines")));
        }
        all.push(PathBuf::from(SYSTEM_DIR));
        let mut seen = Vec::new();
        all.retain(|dir| {
            let real = dir.canonicalize().unwrap_or_else(|_| dir.clone());
            let new = !seen.contains(&real);
            seen.push(real);
            new
        });
        all
    }

    fn by_path(&self, asked: &str, path: &Path, pin: Option<&Pin>) -> Result<Found, PluginError> {
        let (path, name) = split_engine(path);
        let examined = self.examine(path, pin, &Caller::current());
        let plugin = examined.map_err(|error| missing_is_usage(asked, error))?;
        let bad = |why: String| PluginError::BadName { asked: asked.to_owned(), why };
        let offered = || names(std::slice::from_ref(&plugin)).join(", ");
        let engine = match name {
            Some(name) => position(&plugin, name).ok_or_else(|| {
                bad(format!("the plugin has no engine `{name}`; it has {}", offered()))
            }),
            None if plugin.engines.len() == 1 => Ok(0),
            // The file's own name says which of several is meant, as it does in a directory.
            None => named_by_file(path).and_then(|name| position(&plugin, name)).ok_or_else(|| {
                bad(format!("the plugin has several engines ({}); say PATH:NAME", offered()))
            }),
        }?;
        Ok(Found { plugin, engine })
    }

    fn by_name(
        &self,
        asked: &str,
        id: Option<&str>,
        name: &str,
        pin: Option<&Pin>,
    ) -> Result<Found, PluginError> {
        let caller = Caller::current();
        let dirs = self.directories();
        let wanted = |plugin: &PluginInfo| {
            let engine = position(plugin, name)?;
            id.is_none_or(|id| id == plugin.id).then_some(engine)
        };
        let mut unusable = Vec::new();
        let mut usable = Vec::new();
        let own_files = own_files(name);
        let own = dirs.iter().flat_map(|dir| own_files.iter().map(|file| dir.join(file)));
        for file in own.filter(|file| file.exists()) {
            match self.examine(&file, pin, &caller) {
                Ok(plugin) => match wanted(&plugin) {
                    Some(engine) => return Ok(Found { plugin, engine }),
                    None => usable.push(plugin),
                },
                // The file bears the name; to take another one silently would be a surprise.
                Err(error) if id.is_none() => return Err(error),
                Err(error) => unusable.push(error),
            }
        }
        let mut candidates: Vec<(usize, Found)> = Vec::new();
        for (n, dir) in dirs.iter().enumerate() {
            let files = plugin_files(dir).unwrap_or_else(|error| {
                unusable.push(error);
                Vec::new()
            });
            let is_own =
                |f: &Path| own_files.iter().any(|own| f.file_name() == Some(OsStr::new(own)));
            for file in files.iter().filter(|file| !is_own(file)) {
                match self.examine(file, pin, &caller) {
                    Ok(plugin) => match wanted(&plugin) {
                        Some(engine) => candidates.push((n, Found { plugin, engine })),
                        None => usable.push(plugin),
                    },
                    Err(error) => unusable.push(error),
                }
            }
        }
        match choose(name, candidates)? {
            Some(found) => Ok(found),
            None => Err(PluginError::NotFound {
                asked: asked.to_owned(),
                similar: similar(name, &names(&usable)),
                searched: dirs,
                ignored: ignored_path(),
                unusable,
            }),
        }
    }

    /// Leads one file through everything that comes before it is loaded.
    fn examine(
        &self,
        path: &Path,
        pin: Option<&Pin>,
        caller: &Caller,
    ) -> Result<PluginInfo, PluginError> {
        let mut opened = trust::open(path, caller)?;
        let mut warnings = Vec::new();
        let trust = match opened.broken_rule.take() {
            None => Trust::Trusted,
            Some(rule) if self.allow_untrusted => {
                warnings.push(trust::overlooked(&rule));
                Trust::Overridden(rule)
            }
            Some(rule) => return Err(PluginError::Untrusted { path: opened.path, rule }),
        };
        let content = pin::read(&mut opened)?;
        let mut pins: Vec<Pin> = pin.into_iter().cloned().collect();
        let allow = self.allow_untrusted;
        pins.extend(pin::from_locks(path, &opened.path, caller, allow, &mut warnings)?);
        for pin in &pins {
            pin::check(&opened.path, &content, pin)?;
        }
        let pinned = !pins.is_empty();
        let facts = preflight::examine(&content.bytes, pinned)
            .map_err(|why| PluginError::Unfit { path: opened.path.clone(), why })?;
        let copy = if pinned { Some(pin::seal(&opened.path, &content)?) } else { None };
        // Hashed while the child is on its way, where no pin had to be looked at before.
        let description = probe::probe(&opened.path, copy.as_ref(), || {
            content.sha256();
        })?;
        if copy.is_none() && !trust::is_same(&opened.path, &opened.identity) {
            return Err(PluginError::Changed { path: opened.path });
        }
        let kept = copy.map_or_else(|| Kept::File(opened.file, opened.identity), Kept::Copy);
        kept::keep(&opened.path, content.sha256(), kept);
        warnings.extend(description.warnings);
        Ok(PluginInfo {
            path: opened.path,
            sha256: content.sha256().to_owned(),
            build_id: facts.build_id,
            pinned,
            pinned_by: pins.into_iter().map(|pin| pin.place).collect(),
            trust,
            id: description.id,
            vendor: description.vendor,
            version: description.version,
            license: description.license,
            url: description.url,
            abi_major: description.abi_major,
            abi_minor: description.abi_minor,
            need_minor: description.need_minor,
            layout_checked: description.layout_checked,
            engines: description.engines,
            warnings,
        })
    }
}

/// What the environment says about directories.
fn path_variable() -> Option<OsString> {
    std::env::var_os(PATH_VARIABLE).filter(|list| !list.is_empty())
}

/// Why what the environment says about directories is not heeded; none where it is, or says
/// nothing.
#[must_use]
pub fn ignored_path() -> Option<String> {
    path_variable().filter(|_| privilege::is_privileged())?;
    Some(format!(
        "{PATH_VARIABLE} is ignored, because this process has rights that its caller lacks \
         (set-user-id, file capabilities); --engine-path counts"
    ))
}

/// Understands what was asked for, without looking at any file.
fn parse(asked: &str) -> Result<Ask<'_>, PluginError> {
    let bad =
        |why: &str| Err(PluginError::BadName { asked: asked.to_owned(), why: why.to_owned() });
    let external = asked.strip_prefix(EXTERNAL);
    let text = external.unwrap_or(asked);
    if text.trim().is_empty() {
        return bad("empty; a name such as psync, or a path with a slash, is expected");
    }
    if text.len() > PATH_BYTES_MAX {
        return bad(&format!("{} bytes long, a path has at most {PATH_BYTES_MAX}", text.len()));
    }
    if text.contains('\0') {
        return bad("contains a zero byte");
    }
    if external.is_some() && !text.contains('/') {
        return Ok(Ask::Path(Path::new(".").join(text)));
    }
    if text.contains('/') {
        return Ok(Ask::Path(PathBuf::from(text)));
    }
    if text.ends_with(FILE_SUFFIX) {
        return bad(&format!("a path needs a slash: ./{text}"));
    }
    match text.split_once(':') {
        Some(("", _) | (_, "")) => bad("PLUGIN-ID:NAME needs both"),
        Some((id, name)) => Ok(Ask::Name { id: Some(id), name }),
        None => Ok(Ask::Name { id: None, name: text }),
    }
}

/// `PATH:NAME`, where there is no file of the whole name.
fn split_engine(whole: &Path) -> (&Path, Option<&str>) {
    let split = || {
        let (path, name) = whole.to_str()?.rsplit_once(':')?;
        (is_engine_name(name) && !whole.exists()).then_some((Path::new(path), Some(name)))
    };
    split().unwrap_or((whole, None))
}

fn missing_is_usage(asked: &str, error: PluginError) -> PluginError {
    match error {
        PluginError::Io { path, source, .. } if source.kind() == io::ErrorKind::NotFound => {
            PluginError::NoSuchFile { asked: asked.to_owned(), path }
        }
        other => other,
    }
}

/// Files of a directory that look like plugins, sorted. A directory that is not there has none.
fn plugin_files(dir: &Path) -> Result<Vec<PathBuf>, PluginError> {
    let fail = |source| PluginError::Io { path: dir.to_owned(), doing: "look for engines", source };
    let entries = match std::fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(fail)?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(fail)?.path();
        if named_by_file(&path).is_some() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// The files that bear an engine's name. No library that Cargo makes has a dash in its name.
fn own_files(name: &str) -> Vec<String> {
    let mut names = vec![name.to_owned(), name.replace('-', "_")];
    names.dedup();
    names.iter().map(|name| format!("{FILE_PREFIX}{name}{FILE_SUFFIX}")).collect()
}

/// NAME of `libiodyno_engine_NAME.so`.
fn named_by_file(path: &Path) -> Option<&str> {
    path.file_name()?.to_str()?.strip_prefix(FILE_PREFIX)?.strip_suffix(FILE_SUFFIX)
}

fn position(plugin: &PluginInfo, name: &str) -> Option<usize> {
    plugin.engines.iter().position(|engine| engine.name == name)
}

fn names(plugins: &[PluginInfo]) -> Vec<String> {
    let mut names: Vec<String> =
        plugins.iter().flat_map(|p| &p.engines).map(|engine| engine.name.clone()).collect();
    names.sort();
    names.dedup();
    names
}

/// The one candidate, each given with the rank of its directory. The same file twice (through a
/// link) is one, and of one plugin in several directories the first directory's wins, as in `PATH`.
fn choose(name: &str, candidates: Vec<(usize, Found)>) -> Result<Option<Found>, PluginError> {
    let mut chosen: Option<(usize, Found)> = None;
    for (rank, found) in candidates {
        let Some((first_rank, first)) = &chosen else {
            chosen = Some((rank, found));
            continue;
        };
        let one_file = first.plugin.path == found.plugin.path;
        let shadowed = first.plugin.id == found.plugin.id && *first_rank < rank;
        if !one_file && !shadowed {
            return Err(PluginError::Ambiguous {
                name: name.to_owned(),
                first: first.plugin.path.clone(),
                first_id: first.plugin.id.clone(),
                second: found.plugin.path,
                second_id: found.plugin.id,
            });
        }
    }
    Ok(chosen.map(|(_, found)| found))
}

/// Names that a person may have meant, the likeliest first.
fn similar(asked: &str, known: &[String]) -> Vec<String> {
    let asked = asked.to_ascii_lowercase();
    let mut near: Vec<(usize, &String)> = known
        .iter()
        .map(|name| (strsim::damerau_levenshtein(&asked, name), name))
        .filter(|(distance, name)| *distance <= 1 + name.len() / 4)
        .collect();
    near.sort();
    near.into_iter().take(3).map(|(_, name)| name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::EngineInfo;

    #[test]
    fn asks() {
        let name = |id, name| Ask::Name { id, name };
        let path = |text: &str| Ask::Path(PathBuf::from(text));
        let cases = [
            ("psync", name(None, "psync")),
            ("com.acme.sg:sg", name(Some("com.acme.sg"), "sg")),
            ("./x.so", path("./x.so")),
            ("/a/b:c", path("/a/b:c")),
            ("external:x.so", path("./x.so")),
            ("external:/a/x.so", path("/a/x.so")),
        ];
        for (asked, want) in cases {
            assert_eq!(parse(asked).unwrap(), want, "{asked}");
        }
    }

    #[test]
    fn asks_that_are_none() {
        let long = format!("/{}", "x".repeat(PATH_BYTES_MAX));
        let cases = [
            ("", "empty"),
            ("  ", "empty"),
            ("external:", "empty"),
            (long.as_str(), "at most 4095"),
            ("a\0b", "zero byte"),
            (":x", "PLUGIN-ID:NAME"),
            ("x:", "PLUGIN-ID:NAME"),
            ("x.so", "./x.so"),
        ];
        for (asked, want) in cases {
            let error = parse(asked).unwrap_err();
            assert!(error.to_string().contains(want), "{error}");
            assert_eq!(error.status(), 2);
        }
    }

    #[test]
    fn similar_names() {
        let known = ["io_uring", "libaio", "null", "psync", "sg"].map(str::to_owned);
        for (asked, want) in [("psnyc", "psync"), ("nul", "null"), ("iouring", "io_uring")] {
            assert_eq!(similar(asked, &known), [want], "{asked}");
        }
        assert_eq!(similar("PSYNC", &known), ["psync"]);
        assert!(similar("splice", &known).is_empty());
    }

    fn found(path: &str, id: &str) -> Found {
        let engine = EngineInfo {
            passed_on: 0,
            name: "x".to_owned(),
            help: String::new(),
            flags: 0,
            synchronous: false,
            diskless: false,
            whole_files: false,
            no_io: false,
            fake: false,
            stream: false,
            callbacks: Vec::new(),
            options: Vec::new(),
        };
        let plugin = PluginInfo {
            path: path.into(),
            sha256: String::new(),
            build_id: None,
            pinned: false,
            pinned_by: Vec::new(),
            trust: Trust::Trusted,
            id: id.to_owned(),
            vendor: String::new(),
            version: String::new(),
            license: None,
            url: None,
            abi_major: 1,
            abi_minor: 0,
            need_minor: 0,
            layout_checked: false,
            engines: vec![engine],
            warnings: Vec::new(),
        };
        Found { plugin, engine: 0 }
    }

    #[test]
    fn two_plugins_of_one_name_are_refused() {
        type Candidates = Vec<(usize, Found)>;
        let cases: Vec<(Candidates, Result<Option<&str>, &str>)> = vec![
            (vec![], Ok(None)),
            (vec![(0, found("/a", "i.a"))], Ok(Some("/a"))),
            (vec![(0, found("/a", "i.a")), (0, found("/a", "i.a"))], Ok(Some("/a"))),
            (vec![(0, found("/a", "i.a")), (1, found("/b", "i.a"))], Ok(Some("/a"))),
            (vec![(0, found("/a", "i.a")), (0, found("/b", "i.a"))], Err("ioengine=/a")),
            (
                vec![(0, found("/a", "i.a")), (1, found("/b", "i.b"))],
                Err("i.a:x or ioengine=i.b:x"),
            ),
        ];
        for (candidates, want) in cases {
            match (choose("x", candidates), want) {
                (Ok(got), Ok(want)) => {
                    let path = got.map(|found| found.plugin.path);
                    assert_eq!(path.as_deref(), want.map(Path::new));
                }
                (Err(error), Err(want)) => {
                    let text = error.to_string();
                    let all = text.contains("/a") && text.contains("/b") && text.contains(want);
                    assert!(all, "{text}");
                    assert_eq!(error.status(), 5);
                }
                (got, want) => panic!("got {got:?}, want {want:?}"),
            }
        }
    }

    #[test]
    fn directories_come_once_and_in_order() {
        let temp = tempfile::tempdir().unwrap();
        let dir = temp.path().to_owned();
        let search = Search {
            engine_path: vec![dir.clone(), dir.join("."), "/nowhere".into()],
            allow_untrusted: false,
        };
        let dirs = search.directories();
        assert_eq!(dirs[0], dir);
        assert_eq!(dirs[1], Path::new("/nowhere"));
        assert_eq!(dirs.last().unwrap(), Path::new(SYSTEM_DIR));
    }
}
