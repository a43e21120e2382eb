//! Which engines the jobs ask for, and what was found of them.
//!
//! `engines_wanted` says what to look for, `cli` lets the `plugin` room look, and the answers come
//! back as a [`Catalogue`]: so that `resolve` needs no plugin and no file.

use super::overrides::Overrides;
use super::raw::RawRun;
use super::resolve::inner_wanted;
use crate::catalogue::{EngineInfo, PluginInfo};

/// An engine that a job asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineWish {
    /// Name, path, `external:PATH` or `PLUGIN-ID:NAME`, as written.
    pub asked: String,
    /// `engine_sha256`, lower-case hex.
    pub pin: Option<String>,
}

/// A plugin and which of its engines is meant.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundEngine {
    /// The plugin.
    pub plugin: PluginInfo,
    /// Index in `plugin.engines`.
    pub engine: usize,
}

impl FoundEngine {
    /// The engine itself; none where the index is wrong.
    pub fn info(&self) -> Option<&EngineInfo> {
        self.plugin.engines.get(self.engine)
    }
}

/// Why an engine cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FindFailure {
    /// 2 where no engine bears the name, 5 where one was found and cannot be used.
    pub status: u8,
    /// A lower-case fragment.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

/// Everything that was found for the wishes of a run.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    answers: Vec<(EngineWish, Result<FoundEngine, FindFailure>)>,
    known: Vec<String>,
}

impl Catalogue {
    /// Looks every wish up. `known` are the names of all engines that are installed, for proposals.
    pub fn look_up(
        wishes: &[EngineWish],
        known: Vec<String>,
        find: &dyn Fn(&EngineWish) -> Result<FoundEngine, FindFailure>,
    ) -> Catalogue {
        let answers = wishes.iter().map(|wish| (wish.clone(), find(wish))).collect();
        Catalogue { answers, known }
    }

    /// Looks up what the engines that were found stand on, as the jobs say, and what that stands
    /// on.
    pub fn look_below(
        &mut self,
        raw: &RawRun,
        overrides: &Overrides,
        find: &dyn Fn(&EngineWish) -> Result<FoundEngine, FindFailure>,
    ) {
        loop {
            let wishes = inner_wanted(raw, overrides, self);
            if wishes.is_empty() {
                return;
            }
            self.answers.extend(wishes.into_iter().map(|wish| {
                let answer = find(&wish);
                (wish, answer)
            }));
        }
    }

    /// Whether an engine was asked for that is not there at all.
    #[must_use]
    pub fn misses_one(&self) -> bool {
        self.answers.iter().any(|(_, answer)| matches!(answer, Err(failure) if failure.status == 2))
    }

    /// From now on these names are proposed as well.
    pub fn propose(&mut self, names: Vec<String>) {
        self.known.extend(names);
    }

    /// The plugins that were found, each once.
    #[must_use]
    pub fn plugins(&self) -> Vec<PluginInfo> {
        let mut plugins: Vec<PluginInfo> = Vec::new();
        for (_, answer) in &self.answers {
            if let Ok(found) = answer {
                if !plugins.contains(&found.plugin) {
                    plugins.push(found.plugin.clone());
                }
            }
        }
        plugins
    }

    /// The answer for a wish; none where nobody looked.
    pub fn answer(&self, wish: &EngineWish) -> Option<&Result<FoundEngine, FindFailure>> {
        self.answers.iter().find(|(known, _)| known == wish).map(|(_, answer)| answer)
    }

    /// The engines that were found, for any job.
    pub(crate) fn engines(&self) -> impl Iterator<Item = &EngineInfo> {
        self.answers.iter().filter_map(|(_, answer)| answer.as_ref().ok()?.info())
    }

    /// One of them by its own name.
    pub(crate) fn by_name(&self, name: &str) -> Option<&EngineInfo> {
        self.engines().find(|engine| engine.name == name)
    }

    /// Names for proposals: what is installed, and what was found.
    pub(crate) fn known_names(&self) -> impl Iterator<Item = &str> {
        let found = self.engines().map(|engine| engine.name.as_str());
        self.known.iter().map(String::as_str).chain(found)
    }
}
