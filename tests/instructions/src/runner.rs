//! gungraun's runner: starts valgrind, reads what callgrind wrote, prints it as JSON.
//!
//! Started by benches/instructions.rs, which cargo tells where this program is. It is no more than
//! the runner of the crate, which would else have to be installed, in the same version, by hand.

fn main() {
    if let Err(error) = gungraun_runner::runner::run::run() {
        eprintln!("gungraun-runner: {error:#}");
        std::process::exit(1);
    }
}
