//! The program `iodyno`: parses the command line, dispatches, sets the exit status.

use std::process::ExitCode;

fn main() -> ExitCode {
    iodyno::cli::main()
}
