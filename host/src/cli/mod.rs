//! One file per command; the only place with `anyhow` and exit codes.

pub mod args;
pub mod lint;
pub mod options;

use clap::Parser;
use std::process::ExitCode;

/// Parses, dispatches, sets the exit status.
pub fn main() -> ExitCode {
    let _cli = args::Cli::parse();
    ExitCode::SUCCESS
}
