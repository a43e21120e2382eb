//! The program `iodyno`: hands over to `cli`, which parses, dispatches and sets the exit status.
//! Also what runs as `iodyno __probe` and `iodyno __cell`. Must stay empty, because only what is
//! in the library can be tested.

use std::process::ExitCode;

fn main() -> ExitCode {
    iodyno::cli::main()
}
