//! One file per command; the only place with `anyhow` and exit codes.

pub mod args;
pub mod engines;

use clap::Parser;
use std::io::Write;
use std::process::ExitCode;

/// Parses, dispatches, sets the exit status.
pub fn main() -> ExitCode {
    let done = match args::Cli::parse().command {
        args::Command::Probe(probe) => {
            return crate::plugin::probe::child_main(probe.report_fd, &probe.load_path)
        }
        args::Command::Engines(list) => engines::engines(&list),
        _ => Ok(0),
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
