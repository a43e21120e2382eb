//! From job files on the command line to resolved jobs: what `run` and `lint` have in common. The
//! one place where a job meets the world: files, environment and installed engines are read here
//! and handed to `job`, which is pure. Must not start a cell.

use super::args::{EngineSearch, JobSource, LintArgs};
use super::lint;
use crate::job::{
    self, Catalogue, Diagnostic, EngineWish, Environment, FindFailure, FoundEngine, Overrides,
    Resolved, Source,
};
use crate::plugin::Search;
use crate::run::targets::{self, WorkerOutlook};
use crate::sys::facts;
use anyhow::Context;
use std::io::{ErrorKind, IsTerminal, Read, Write};

/// Jobs that can run.
pub(super) struct Jobs {
    /// The files, for messages that point into them.
    pub sources: Vec<Source>,
    /// What they come to.
    pub resolved: Resolved,
    /// The plugins that they need.
    pub plugins: Vec<crate::catalogue::PluginInfo>,
}

/// Jobs that cannot: why, and the exit status.
pub(super) struct Unfit {
    /// The files.
    pub sources: Vec<Source>,
    /// What is wrong.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads and resolves.
pub(super) fn resolve(
    source: &JobSource,
    search: &EngineSearch,
    readonly: bool,
) -> Result<Jobs, Unfit> {
    let sources = read_sources(source).map_err(|error| Unfit {
        sources: Vec::new(),
        diagnostics: vec![Diagnostic::error(format!("{error:#}"))],
    })?;
    let overrides = Overrides {
        sets: source.sets.clone(),
        engine: source.engine.clone(),
        engine_timeout: source.engine_timeout.clone(),
        readonly,
    };
    resolve_sources(sources, &overrides, search)
}

/// Resolves what was read, or made.
pub(super) fn resolve_sources(
    sources: Vec<Source>,
    overrides: &Overrides,
    search: &EngineSearch,
) -> Result<Jobs, Unfit> {
    let env = environment();
    let raw = match job::parse(&sources, &env) {
        Ok(raw) => raw,
        Err(diagnostics) => return Err(Unfit { sources, diagnostics }),
    };
    let wishes = job::engines_wanted(&raw, overrides);
    let search = Search::from(search);
    let find = |wish: &EngineWish| find_engine(&search, wish);
    let mut catalogue = Catalogue::look_up(&wishes, Vec::new(), &find);
    catalogue.look_below(&raw, overrides, &find);
    if catalogue.misses_one() {
        // Only a misspelt name is worth a look at everything that is installed.
        catalogue.propose(search.known_names());
    }
    match job::resolve(&raw, overrides, &catalogue, &env) {
        Ok(resolved) => Ok(Jobs { sources, resolved, plugins: catalogue.plugins() }),
        Err(diagnostics) => Err(Unfit { sources, diagnostics }),
    }
}

fn find_engine(search: &Search, wish: &EngineWish) -> Result<FoundEngine, FindFailure> {
    match search.engine(&wish.asked, wish.pin.as_deref()) {
        Ok(found) => Ok(FoundEngine { plugin: found.plugin, engine: found.engine }),
        Err(error) => {
            Err(FindFailure { status: error.status(), message: error.to_string(), help: None })
        }
    }
}

fn read_sources(source: &JobSource) -> anyhow::Result<Vec<Source>> {
    let read = |path: &std::path::PathBuf| {
        let name = path.to_string_lossy().into_owned();
        let bytes = if name == "-" {
            let mut bytes = Vec::new();
            std::io::stdin().read_to_end(&mut bytes).context("read the job from standard input")?;
            bytes
        } else {
            std::fs::read(path).map_err(|error| unreadable(&name, &error))?
        };
        let text = String::from_utf8(bytes).map_err(|error| {
            let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let line = 1 + good.iter().filter(|&&byte| byte == b'\n').count();
            anyhow::anyhow!("{name}:{line}: the job file is not text (UTF-8)")
        })?;
        Ok(Source::new(name, text))
    };
    source.files.iter().map(read).collect()
}

fn unreadable(name: &str, error: &std::io::Error) -> anyhow::Error {
    match error.kind() {
        ErrorKind::NotFound => anyhow::anyhow!("job file {name}: no such file"),
        ErrorKind::IsADirectory => anyhow::anyhow!("job file {name} is a directory"),
        ErrorKind::PermissionDenied => anyhow::anyhow!("job file {name} may not be read"),
        _ => anyhow::anyhow!("job file {name} cannot be read: {error}"),
    }
}

fn environment() -> Environment {
    Environment {
        getenv: Box::new(|name| std::env::var(name).ok()),
        page_size: rustix::param::page_size() as u64,
        cpus: facts::cpus(),
        memory_mb: facts::memory_bytes() >> 20,
        cpu_ids: facts::cpu_ids(),
        nodes: facts::memory_nodes(),
        huge_pages: facts::huge_pages(),
    }
}

/// Prints messages about job files to standard error.
pub(super) fn print_diagnostics(diagnostics: &[Diagnostic], sources: &[Source]) {
    if diagnostics.is_empty() {
        return;
    }
    let color = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let text = job::render(diagnostics, sources, color);
    // Where standard error is gone there is nobody to tell.
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// What may surprise when these jobs run, and what would stand in their way as things are now: a
/// warning each, since the machine that lints need not be the one that runs.
fn print_traps(outlook: &[WorkerOutlook]) {
    let mut told: Vec<&String> = Vec::new();
    for worker in outlook {
        for words in worker.problem.iter().chain(&worker.traps) {
            if !told.contains(&words) {
                told.push(words);
                // Where standard error is gone there is nobody to tell.
                let _ = writeln!(std::io::stderr(), "warning: {words}");
            }
        }
    }
}

/// `iodyno lint`: prints the effective job, runs nothing.
pub(super) fn lint(args: &LintArgs) -> anyhow::Result<u8> {
    match resolve(&args.source, &args.search, false) {
        Ok(jobs) => {
            print_diagnostics(&jobs.resolved.warnings, &jobs.sources);
            print_diagnostics(&jobs.resolved.advice, &jobs.sources);
            let outlook = targets::explain(&jobs.resolved.spec);
            print_traps(&outlook);
            super::print(&lint::lint(&jobs.resolved, &outlook))
        }
        Err(unfit) => {
            print_diagnostics(&unfit.diagnostics, &unfit.sources);
            Ok(job::exit_status(&unfit.diagnostics))
        }
    }
}
