//! Constructed states of a run for the tests of the views. Only built for tests. Called by the
//! tests of `line`, `plain` and `terminal`, so that all of them show the same runs. Must not read
//! a clock: what a view prints is compared word for word.

use crate::ddir::Ddir;
use crate::run::events::{Rate, Status};
use crate::units::Nanos;

/// Workers by letter; rates as direction, GiB a second, requests a second; what is left in seconds.
pub(super) fn status(
    letters: &str,
    rates: &[(Ddir, f64, f64)],
    done: Option<f64>,
    eta_s: Option<u64>,
) -> Status {
    let running = letters.chars().filter(|letter| *letter != '_').count();
    Status {
        elapsed: Nanos::SECOND,
        running,
        open_files: running as u64,
        letters: letters.chars().collect(),
        done,
        eta: eta_s.map(|seconds| Nanos(seconds * Nanos::SECOND.0)),
        rates: rates
            .iter()
            .map(|&(ddir, gib, iops)| Rate { ddir, bytes_per_s: gib * f64::from(1 << 30), iops })
            .collect(),
        stuck: Vec::new(),
    }
}
