//! What a batch of digests will take: lets the pool decide what is worth a hand-over.
//!
//! Measured once a job on the machine that it runs on, since the same algorithm costs six times as
//! much where the instructions for it are missing. Takes less than a millisecond, before the first
//! request. An estimate, never a promise: nothing but speed may depend on it.

use super::{Algorithm, Digest};
use crate::units::Nanos;
use std::hint::black_box;
use std::time::Instant;

/// Block of the measurement: longer than what a call costs, shorter than the first cache.
const PROBE_LEN: usize = 4096;

/// The best of so many counts, since a busy machine only ever makes things slower.
const PROBES: usize = 5;

/// Blocks of a measured batch, at most.
const MAX_BATCH: usize = 32;

/// What an algorithm costs on this machine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cost {
    /// Nanoseconds a KiB of one block alone.
    alone_ns_per_kib: f64,
    /// Nanoseconds a KiB of each block, while all lanes go over one each.
    lanes_ns_per_kib: f64,
    lanes: usize,
}

impl Cost {
    /// Measures it: a few calls over 4 KiB. Apart from its callers, whose stacks need no room for
    /// blocks where nothing is verified.
    #[cold]
    #[inline(never)]
    pub fn measure(algorithm: Algorithm) -> Cost {
        let lanes = algorithm.lanes();
        let block = [0x5a; PROBE_LEN];
        let alone_ns_per_kib = per_kib(|| {
            black_box(algorithm.digest(black_box(&block)));
        });
        let lanes_ns_per_kib = match lanes {
            1 => alone_ns_per_kib,
            _ => {
                let blocks = [&block[..]; MAX_BATCH];
                let blocks = &blocks[..lanes.min(MAX_BATCH)];
                let mut out = [Digest::default(); MAX_BATCH];
                per_kib(|| algorithm.digest_many(black_box(blocks), &mut out[..blocks.len()]))
            }
        };
        Cost { alone_ns_per_kib, lanes_ns_per_kib, lanes }
    }

    /// What so many blocks of so many bytes take one core through [`Algorithm::digest_many`].
    pub fn worth(&self, blocks: usize, bytes_each: u64) -> Nanos {
        let kib_each = bytes_each as f64 / 1024.0;
        let rounds = (blocks / self.lanes) as f64;
        // Lanes that are not filled cost as much as those that are; a few go as chains instead.
        let rest = (blocks % self.lanes) as f64;
        let rest = (rest * self.alone_ns_per_kib).min(self.lanes_ns_per_kib);
        Nanos((kib_each * (rounds * self.lanes_ns_per_kib + rest)) as u64)
    }
}

/// The fastest of a few calls over blocks of [`PROBE_LEN`], after one that warms up.
fn per_kib(mut call: impl FnMut()) -> f64 {
    call();
    let times = (0..PROBES).map(|_| {
        let begin = Instant::now();
        call();
        begin.elapsed().as_nanos()
    });
    // A clock that is too coarse to see a call still tells that it costs something.
    times.min().unwrap_or_default().max(1) as f64 * 1024.0 / PROBE_LEN as f64
}
