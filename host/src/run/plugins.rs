//! The plugins that a cell has loaded: each file once, whichever jobs and engines ask for it.
//!
//! Called by `cell`, on its main thread, before a worker starts. Tells the control process before
//! code of a plugin's runs for the first time, and the record of crashes where that code will lie.

use super::outbox::Outbox;
use super::protocol::ToControl;
use crate::job::spec::{EngineSpec, InnerEngine};
use crate::plugin::load::{self, LoadRequest, LoadedEngine, LoadedPlugin};
use crate::plugin::stack::Inner;
use crate::sys::crash;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// By file and by whether it is a sealed copy.
#[derive(Default)]
pub(super) struct Plugins(BTreeMap<(PathBuf, bool), &'static LoadedPlugin>);

impl Plugins {
    /// An engine of a job, loaded.
    ///
    /// # Errors
    /// It cannot be loaded any more: in words.
    pub(super) fn engine(
        &mut self,
        spec: &EngineSpec,
        outbox: &Outbox,
    ) -> Result<&'static LoadedEngine, String> {
        let plugin = self.plugin(spec, outbox)?;
        let path = spec.plugin.display();
        let gone = || format!("{path} no longer offers engine {}", spec.name);
        plugin.engine(&spec.name).ok_or_else(gone)
    }

    /// The engines that an engine stands on, and what those stand on.
    ///
    /// # Errors
    /// As above.
    pub(super) fn below(
        &mut self,
        spec: &EngineSpec,
        outbox: &Outbox,
    ) -> Result<Vec<Inner>, String> {
        let mut all = Vec::new();
        for InnerEngine { option, engine: spec } in &spec.inner {
            all.push(Inner {
                option: *option as u32,
                engine: self.engine(spec, outbox)?,
                values: spec.options.clone(),
                inner: self.below(spec, outbox)?,
            });
        }
        Ok(all)
    }

    /// All of them.
    pub(super) fn all(&self) -> impl Iterator<Item = &'static LoadedPlugin> + '_ {
        self.0.values().copied()
    }

    fn plugin(
        &mut self,
        engine: &EngineSpec,
        outbox: &Outbox,
    ) -> Result<&'static LoadedPlugin, String> {
        let key = (engine.plugin.clone(), engine.sealed);
        if let Some(plugin) = self.0.get(&key) {
            return Ok(plugin);
        }
        let request = LoadRequest {
            path: engine.plugin.clone(),
            sha256: engine.sha256.clone(),
            pinned: engine.sealed,
        };
        crash::know_module(request.mapped_as());
        outbox.send(&ToControl::Loading(request.path.clone()));
        let loaded = load::load(&request).map_err(|error| error.to_string());
        outbox.send(&ToControl::Loaded);
        let plugin = loaded?;
        self.0.insert(key, plugin);
        Ok(plugin)
    }
}
