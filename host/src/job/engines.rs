//! Which engines the jobs ask for, and what was found of them.
//!
//! `engines_wanted` says what to look for, `cli` lets the `plugin` room look, and the answers come
//! back as a [`Catalogue`]: so that `resolve` needs no plugin and no file.

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
