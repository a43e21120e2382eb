//! `iodyno run`: resolve, check the targets, run, report.
//!
//! Standard output carries the report and nothing else, also when a job fails; with JSON there is a
//! document in any case.

use super::args::{EngineSearch, Eta, OutputFormat, RunArgs, Showing};
use super::jobs::{self, Jobs, Unfit};
use super::profile;
use crate::catalogue::PluginInfo;
use crate::job::spec::Isolation;
use crate::job::{self, Severity};
use crate::progress::{self, Show};
use crate::run::control::{self, RunRequest};
use crate::run::events::Event;
use crate::run::gather;
use crate::run::result::{ErrorKind, RunError, RunResult};
use crate::run::targets;
use crate::{report, sys};
use anyhow::Context;
use std::fs::File;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;

/// Runs; the answer is the exit status.
pub(super) fn run(args: &RunArgs) -> anyhow::Result<u8> {
    let output = Output::open(&args.show)?;
    let profile = args.profile_harness.then_some(&args.search);
    let jobs = jobs::resolve(&args.source, &args.search, args.readonly);
    run_jobs(output, args.show.eta, jobs, profile)
}

/// Runs what was resolved; with a profile, whose engine null is looked for there.
pub(super) fn run_jobs(
    mut output: Output,
    eta: Eta,
    jobs: Result<Jobs, Unfit>,
    profile: Option<&EngineSearch>,
) -> anyhow::Result<u8> {
    sys::inherit::raise_descriptor_limit();
    sys::footprint::share_one_heap();
    let jobs = match jobs {
        Ok(jobs) => jobs,
        Err(unfit) => return refuse(&mut output, &unfit),
    };
    jobs::print_diagnostics(&jobs.resolved.warnings, &jobs.sources);
    let refusals = targets::check(&jobs.resolved.spec);
    if !refusals.is_empty() {
        return refuse_targets(&mut output, refusals);
    }
    let show = match eta {
        Eta::Auto => Show::Auto,
        Eta::Always => Show::Always,
        Eta::Never => Show::Never,
    };
    let mut view = progress::view(show, std::io::stderr().is_terminal());
    let mut odd = super::engines::loader_warnings();
    odd.extend(jobs.plugins.iter().flat_map(plugin_notes));
    for note in &odd {
        view.event(&Event::Note(format!("warning: {note}")));
    }
    let isolation = jobs.resolved.spec.isolation;
    let mut request = request(jobs, odd);
    let profile = profile.map(|search| {
        profile::ask(&mut request.spec);
        (request.spec.clone(), search)
    });
    let mut result = match control::run(request, &mut |event| view.event(event)) {
        Ok(result) => result,
        Err(error) => return refuse_run(&mut output, &error),
    };
    // Who ended the run does not want another one.
    if let Some((spec, search)) = profile.filter(|_| result.exit_status != gather::INTERRUPTED) {
        profile::add_null_runs(&mut result, &spec, search);
    }
    output.write(&result)?;
    drop(view);
    let exit_status = result.exit_status;
    // The process ends: thousands of workers' results need not be taken apart before.
    std::mem::forget(result);
    if isolation == Isolation::None {
        // Plugins were loaded into this very process, and a thread may still be stuck in one: no
        // destructor of theirs is to run. The report is written out; standard error has no buffer.
        sys::inherit::exit_now(i32::from(exit_status));
    }
    Ok(exit_status)
}

/// The tester itself could not begin.
fn refuse_run(output: &mut Output, error: &std::io::Error) -> anyhow::Result<u8> {
    let refusal = RunError {
        kind: ErrorKind::Usage,
        job: None,
        errno: error.raw_os_error(),
        message: format!("begin the run: {error}"),
        engine: None,
    };
    refuse_targets(output, vec![refusal])
}

fn request(jobs: Jobs, odd: Vec<String>) -> RunRequest {
    let warnings = jobs.resolved.warnings.iter();
    let mut notes: Vec<String> = warnings.map(|warning| warning.located(&jobs.sources)).collect();
    notes.extend(odd);
    RunRequest {
        fingerprint: job::fingerprint(&jobs.resolved.spec),
        spec: jobs.resolved.spec,
        plugins: jobs.plugins,
        notes,
    }
}

/// The job files cannot run: messages, and with JSON a document that says so.
fn refuse(output: &mut Output, unfit: &Unfit) -> anyhow::Result<u8> {
    jobs::print_diagnostics(&unfit.diagnostics, &unfit.sources);
    let status = job::exit_status(&unfit.diagnostics);
    let kind = if status == 5 { ErrorKind::Engine } else { ErrorKind::Usage };
    let errors = unfit.diagnostics.iter().filter(|d| d.severity == Severity::Error);
    let errors = errors.map(|d| RunError {
        kind,
        job: None,
        errno: None,
        message: d.located(&unfit.sources),
        engine: None,
    });
    report_refusal(output, errors.collect(), status)
}

/// The run cannot begin: its targets cannot be used as the jobs want, or resources are missing.
fn refuse_targets(output: &mut Output, errors: Vec<RunError>) -> anyhow::Result<u8> {
    for error in &errors {
        // Where standard error is gone, the status alone must tell.
        let _ = writeln!(std::io::stderr(), "error: {}", error.message);
    }
    let status = gather::exit_status(&errors, false);
    report_refusal(output, errors, status)
}

fn report_refusal(output: &mut Output, errors: Vec<RunError>, status: u8) -> anyhow::Result<u8> {
    if output.format == OutputFormat::Json {
        let result = RunResult {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            timestamp_ms: sys::clock::wall_ms(),
            global_given: Vec::new(),
            fingerprint: String::new(),
            workers: Vec::new(),
            plugins: Vec::new(),
            errors,
            notes: Vec::new(),
            disks: Vec::new(),
            devices: Vec::new(),
            host: gather::host_facts(),
            steal: None,
            null_runs: Vec::new(),
            exit_status: status,
        };
        output.write(&result)?;
    }
    Ok(status)
}

/// Where the report goes. Opened before the run: one that cannot be written is to cost no run.
pub(super) struct Output {
    format: OutputFormat,
    file: Option<(PathBuf, File)>,
}

impl Output {
    pub(super) fn open(show: &Showing) -> anyhow::Result<Output> {
        let open = |path: &PathBuf| {
            let file = File::create(path)
                .with_context(|| format!("write the report to {}", path.display()))?;
            Ok::<_, anyhow::Error>((path.clone(), file))
        };
        Ok(Output { format: show.output_format, file: show.output.as_ref().map(open).transpose()? })
    }

    fn write(&mut self, result: &RunResult) -> anyhow::Result<()> {
        let text = match self.format {
            OutputFormat::Normal => report::text::text(result),
            OutputFormat::Json => report::json::json(result),
        };
        match &mut self.file {
            Some((path, file)) => file
                .write_all(text.as_bytes())
                .with_context(|| format!("write the report to {}", path.display())),
            None => {
                let mut stdout = std::io::stdout();
                let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
                written.context("write the report to standard output")
            }
        }
    }
}

/// What a reader of the figures should know of a plugin.
fn plugin_notes(plugin: &PluginInfo) -> Vec<String> {
    let warnings = plugin.warnings.iter();
    warnings.map(|warning| format!("{}: {warning}", plugin.path.display())).collect()
}
