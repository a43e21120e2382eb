//! What a check has to work with: the plugin's file, its engine, a place for files, a seed.
//!
//! Made by `child` from the runner's order. Loads the plugin when a check asks for it, so that
//! checks of the loading itself come before. Must not judge: checks do.

use super::check::Finding;
use super::place::Place;
use super::rig::{Rig, RigWish};
use crate::catalogue::{EngineInfo, EngineOption, EngineOptionKind, EngineValue};
use crate::job;
use crate::plugin::gate::Gate;
use crate::plugin::load::{self, LoadRequest, LoadedEngine, LoadedPlugin};
use crate::plugin::stack::{self, Inner};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::OnceLock;

/// Everything that a check may use.
pub struct Stand {
    request: LoadRequest,
    engine: Option<String>,
    /// Where files go.
    pub(super) place: Place,
    sets: Vec<(String, String)>,
    below: Vec<Below>,
    /// The engine's description.
    merged: OnceLock<&'static EngineInfo>,
    /// What random choices begin with.
    pub(super) seed: u64,
    /// Says which callback runs, for whoever finds this process dead.
    pub(super) crumb: &'static AtomicU64,
}

/// The engine under check.
#[derive(Clone, Copy)]
pub(super) struct Subject {
    /// Its callbacks.
    pub(super) engine: &'static LoadedEngine,
    info: &'static EngineInfo,
}

impl Subject {
    /// As plain data, with the nature of the engines that it stands on.
    pub(super) fn info(&self) -> &'static EngineInfo {
        self.info
    }

    /// Whether its table bears this flag.
    pub(super) fn has(&self, flag: u64) -> bool {
        self.info().flags & flag != 0
    }
}

impl Stand {
    pub(super) fn new(
        request: LoadRequest,
        engine: Option<String>,
        place: Place,
        sets: Vec<(String, String)>,
        below: Vec<Below>,
        seed: u64,
        crumb: &'static AtomicU64,
    ) -> Stand {
        let merged = OnceLock::new();
        Stand { request, engine, place, sets, below, merged, seed, crumb }
    }

    /// Whether the user said nothing of where the I/O of an engine without paths goes to.
    pub(super) fn is_untold(&self) -> bool {
        self.place == Place::Unnamed && self.sets.is_empty()
    }

    /// The plugin's file.
    pub(super) fn path(&self) -> &Path {
        &self.request.path
    }

    /// The plugin, loaded and set up, once in this process.
    pub(super) fn plugin(&self) -> Result<&'static LoadedPlugin, Finding> {
        let told = &mut |callback| self.crumb.store(callback as u64, Ordering::Relaxed);
        let plugin = load::load_watched(&self.request, told);
        plugin.map_err(|e| Finding::breaks("load.admitted", e.to_string()))
    }

    /// The plugin's file, opened and no further: for checks of what comes before an instance.
    pub(super) fn gate(&self) -> Result<Gate, Finding> {
        let gate = Gate::open(&self.request, self.crumb);
        gate.map_err(|e| Finding::breaks("load.opens", e.to_string()))
    }

    /// The engine under check.
    pub(super) fn subject(&self) -> Result<Subject, Finding> {
        let plugin = self.plugin()?;
        let engine = match &self.engine {
            Some(name) => plugin.engine(name),
            None => plugin.engines.first(),
        };
        let engine = engine.ok_or_else(|| {
            let words = "the engine is not in the plugin's table any more";
            Finding::breaks("tables.unchanged", words)
        })?;
        let info = match self.merged.get() {
            Some(info) => info,
            None => {
                let inner = self.inner(&self.values(&engine.info)?).map_err(Finding::skip)?;
                self.merged.get_or_init(|| match inner.is_empty() {
                    true => &engine.info,
                    false => Box::leak(Box::new(stack::merged(&engine.info, &inner))),
                })
            }
        };
        Ok(Subject { engine, info })
    }

    /// Values of all options of an engine: what the user set, else the defaults.
    pub(super) fn values(&self, info: &EngineInfo) -> Result<Vec<Value>, Finding> {
        info.options.iter().map(|option| Ok((option.kind, self.value(option)?))).collect()
    }

    fn value(&self, option: &EngineOption) -> Result<EngineValue, Finding> {
        let own = |key: &str| key == option.name || option.alias.as_deref() == Some(key);
        let set = self.sets.iter().rev().find(|(key, _)| own(key));
        let text = set.map(|(_, value)| value.as_str()).or(option.default.as_deref());
        let Some(text) = text else {
            return match option.required {
                true => Err(Finding::skip(format!(
                    "option {} is required and has no default (--set {}=VALUE)",
                    option.name, option.name
                ))),
                false => Ok(EngineValue::Unset),
            };
        };
        parse(option, text).map_err(|why| {
            Finding::breaks("tables.options", format!("option {}={text}: {why}", option.name))
        })
    }

    /// The engines that an engine with these values of its options stands on, loaded.
    pub(super) fn inner(&self, values: &[Value]) -> Result<Vec<Inner>, String> {
        let mut all = Vec::new();
        for (option, (kind, value)) in values.iter().enumerate() {
            let (EngineOptionKind::Engine, EngineValue::Text(asked)) = (kind, value) else {
                continue;
            };
            // One that is not there was told of; the engine says what it makes of that.
            if let Some(below) = self.below.iter().find(|below| below.asked == *asked) {
                all.push(below.load(option as u32)?);
            }
        }
        Ok(all)
    }

    /// An instance with everything around it.
    pub(super) fn rig(&self, wish: RigWish) -> Result<Rig<'_>, Finding> {
        Rig::new(self, self.subject()?, wish)
    }
}

/// An engine that the one under check may stand on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Below {
    /// What the option that names it says.
    pub asked: String,
    /// Its plugin's file, absolute.
    pub path: PathBuf,
    /// Digest of that.
    pub sha256: String,
    /// Its name.
    pub engine: String,
    /// Values of its options.
    pub values: Vec<EngineValue>,
    /// What it stands on itself, and the index of the option that names it.
    pub below: Vec<(u32, Below)>,
}

impl Below {
    fn load(&self, option: u32) -> Result<Inner, String> {
        let (path, sha256) = (self.path.clone(), self.sha256.clone());
        let request = LoadRequest { path, sha256, pinned: false };
        let missing = |why: String| format!("inner engine {}: {why}", self.asked);
        let plugin = load::load(&request).map_err(|error| missing(error.to_string()))?;
        let engine = plugin.engine(&self.engine);
        let inner = self.below.iter().map(|(option, below)| below.load(*option));
        Ok(Inner {
            option,
            engine: engine.ok_or_else(|| missing("its plugin lacks it now".to_owned()))?,
            values: self.values.clone(),
            inner: inner.collect::<Result<_, _>>()?,
        })
    }
}

/// An option's kind and value, as `job` tables take them.
pub(super) type Value = (EngineOptionKind, EngineValue);

/// A value in job-file syntax, as the engine's own table wants it.
pub(super) fn parse(option: &EngineOption, text: &str) -> Result<EngineValue, String> {
    job::engine_value(option, text)
}
