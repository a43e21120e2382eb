//! `iodyno run`: resolve, check the targets, run, report.
//!
//! Standard output carries the report and nothing else, also when a job fails; with JSON there is a
//! document in any case.

use super::args::{Eta, OutputFormat, RunArgs};
use super::jobs::{self, Jobs, Unfit};
use crate::job::{self, Severity};
use crate::progress::{self, Show};
use crate::run::control::{self, RunRequest};
use crate::run::gather;
use crate::run::result::{ErrorKind, RunError, RunResult};
use crate::run::targets;
use crate::{report, sys};
use anyhow::Context;
use std::io::{IsTerminal, Write};

/// Runs; the answer is the exit status.
pub(super) fn run(args: &RunArgs) -> anyhow::Result<u8> {
    let jobs = match jobs::resolve(&args.source, &args.search, args.readonly)? {
        Ok(jobs) => jobs,
        Err(unfit) => return refuse(args, &unfit),
    };
    jobs::print_diagnostics(&jobs.resolved.warnings, &jobs.sources);
    let refusals = targets::check(&jobs.resolved.spec);
    if !refusals.is_empty() {
        return refuse_targets(args, refusals);
    }
    let show = match args.eta {
        Eta::Auto => Show::Auto,
        Eta::Always => Show::Always,
        Eta::Never => Show::Never,
    };
    let mut view = progress::view(show, std::io::stderr().is_terminal());
    let result = control::run(request(jobs), &mut |event| view.event(event))
        .context("run the cells (the tester itself failed)")?;
    report(args, &result)?;
    Ok(result.exit_status)
}

fn request(jobs: Jobs) -> RunRequest {
    let notes = jobs.resolved.warnings.iter().map(|warning| warning.message.clone()).collect();
    RunRequest {
        fingerprint: job::fingerprint(&jobs.resolved.spec),
        spec: jobs.resolved.spec,
        plugins: jobs.plugins,
        notes,
    }
}

/// The job files cannot run: messages, and with JSON a document that says so.
fn refuse(args: &RunArgs, unfit: &Unfit) -> anyhow::Result<u8> {
    jobs::print_diagnostics(&unfit.diagnostics, &unfit.sources);
    let status = job::exit_status(&unfit.diagnostics);
    let kind = if status == 5 { ErrorKind::Engine } else { ErrorKind::Usage };
    let errors = unfit.diagnostics.iter().filter(|d| d.severity == Severity::Error);
    let errors = errors.map(|d| RunError {
        kind,
        job: None,
        errno: None,
        message: d.message.clone(),
        engine: None,
    });
    report_refusal(args, errors.collect(), status)
}

/// The targets cannot be used as the jobs want.
fn refuse_targets(args: &RunArgs, errors: Vec<RunError>) -> anyhow::Result<u8> {
    for error in &errors {
        // Where standard error is gone, the status alone must tell.
        let _ = writeln!(std::io::stderr(), "error: {}", error.message);
    }
    let status = gather::exit_status(&errors, false);
    report_refusal(args, errors, status)
}

fn report_refusal(args: &RunArgs, errors: Vec<RunError>, status: u8) -> anyhow::Result<u8> {
    if args.output_format == OutputFormat::Json {
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
            host: gather::host_facts(),
            exit_status: status,
        };
        report(args, &result)?;
    }
    Ok(status)
}

fn report(args: &RunArgs, result: &RunResult) -> anyhow::Result<()> {
    let text = match args.output_format {
        OutputFormat::Normal => report::text::text(result),
        OutputFormat::Json => report::json::json(result),
    };
    match &args.output {
        Some(path) => std::fs::write(path, text)
            .with_context(|| format!("write the report to {}", path.display())),
        None => {
            let mut stdout = std::io::stdout();
            stdout
                .write_all(text.as_bytes())
                .and_then(|()| stdout.flush())
                .context("write the report to standard output")
        }
    }
}
