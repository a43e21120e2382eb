//! The command line: one file per command; the only place with `anyhow` and exit codes. Called by
//! `main`, which is all that may call it. Rooms below hand back results and errors of their own
//! types; here they become text, streams and a status.

pub mod args;
mod cell;
mod check;
mod check_list;
pub mod engine;
pub mod engines;
mod explain;
pub mod generated;
mod jobs;
pub mod lint;
pub mod options;
mod profile;
mod run;
mod verify;

use args::Command;
use clap::Parser;
use std::io::Write;
use std::process::ExitCode;

/// Parses, dispatches, sets the exit status.
pub fn main() -> ExitCode {
    crate::sys::inherit::outlive_file_limit();
    let cli = args::Cli::try_parse().unwrap_or_else(|refusal| {
        let _ = refusal.print();
        if let Some(words) = engine::hint(std::env::args_os()) {
            let _ = writeln!(std::io::stderr(), "\niodyno: {words}");
        }
        std::process::exit(refusal.exit_code())
    });
    let done = match cli.command {
        Command::Run(args) => run::run(&args),
        Command::Verify(args) => verify::verify(&args),
        Command::Lint(args) => jobs::lint(&args),
        Command::Engines(args) => engines::engines(&args),
        Command::Engine(args) => engine::engine(&args),
        Command::Check(args) => check::check(&args),
        Command::Options(args) => show_options(&args),
        Command::Completions { shell } => print(&generated::completions(shell)),
        Command::Man => print(&generated::man()),
        Command::Probe(args) => {
            return crate::plugin::probe::child_main(args.report_fd, &args.load_path)
        }
        Command::CheckOne { order } => return crate::conformance::child::child_main(&order),
        Command::Cell(args) => cell::main(&args),
    };
    match done {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            // Where standard error is gone, the status alone must tell.
            let _ = writeln!(std::io::stderr(), "iodyno: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn show_options(args: &args::OptionsArgs) -> anyhow::Result<u8> {
    match &args.name {
        _ if args.markdown => print(&options::markdown()),
        None => print(&options::list()),
        Some(name) => match options::one(name) {
            Ok(text) => print(&text),
            Err(words) => anyhow::bail!(words),
        },
    }
}

fn print(text: &str) -> anyhow::Result<u8> {
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(0)
}
