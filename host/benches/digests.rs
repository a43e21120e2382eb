//! What digests cost: MB per second of CPU time for each algorithm, block size and batch.
//!
//! Started by `scripts/bench digests [NAME]...`, which builds it as a release is built;
//! IODYNO_DIGEST_LANES=avx2 or none shows what narrower lanes would cost. Blocks lie page by page,
//! as I/O units do, in as much memory as a batch of them has, so that they come from the caches.
//! The best of several slices is shown: a shared machine only makes things slower.

use iodyno::verify::digest::{Algorithm, Cost, Digest};
use rustix::time::{clock_gettime, ClockId};
use std::hint::black_box;
use std::io::{self, Write};
use std::process::ExitCode;

const BLOCKS: [usize; 2] = [4 << 10, 64 << 10];
const BATCHES: [usize; 3] = [1, 8, 32];

const PAGE: usize = 4096;

/// CPU seconds of a slice, and how many there are.
const SLICE: f64 = 0.02;
const SLICES: usize = 15;

fn main() -> ExitCode {
    // `cargo bench` adds --bench; what else begins so is not for this program either.
    let names = std::env::args().skip(1).filter(|arg| !arg.starts_with("--"));
    let chosen: Result<Vec<Algorithm>, _> = names.map(|name| name.parse()).collect();
    let done = match chosen {
        Ok(chosen) if chosen.is_empty() => table(&Algorithm::ALL),
        Ok(chosen) => table(&chosen),
        Err(error) => Err(io::Error::other(error)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "digests: {error}");
            ExitCode::from(2)
        }
    }
}

fn table(algorithms: &[Algorithm]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    write!(out, "MB per CPU second\n{:<9}", "")?;
    for block in BLOCKS {
        for batch in BATCHES {
            write!(out, "{:>11}", format!("{}k x {batch}", block >> 10))?;
        }
    }
    writeln!(out, "   estimate of a full 4k batch")?;
    for &algorithm in algorithms {
        algorithm.self_test().map_err(io::Error::other)?;
        write!(out, "{algorithm:<9}")?;
        for block in BLOCKS {
            for batch in BATCHES {
                write!(out, "{:>11.0}", megabytes_per_second(algorithm, block, batch))?;
                out.flush()?;
            }
        }
        let ns = Cost::measure(algorithm).worth(32, 4096).0;
        writeln!(out, "{:>10.0}", 32.0 * 4096.0 * 1e3 / ns as f64)?;
    }
    Ok(())
}

/// Of the best slice.
fn megabytes_per_second(algorithm: Algorithm, block: usize, batch: usize) -> f64 {
    let content = (0..block * batch + PAGE).map(|n| (n * n / 7 + n / 251) as u8);
    let data: Vec<u8> = content.collect();
    let pages = &data[data.as_ptr().align_offset(PAGE)..][..block * batch];
    let blocks: Vec<&[u8]> = pages.chunks(block).collect();
    let mut digests = vec![Digest::default(); batch];
    let calls = ((1 << 20) / pages.len()).max(1);
    let mut best: f64 = 0.0;
    for _ in 0..SLICES {
        let (begin, mut bytes) = (cpu_seconds(), 0);
        let took = loop {
            // A look at this clock costs as much as three of the fastest 4 KiB.
            for _ in 0..calls {
                algorithm.digest_many(black_box(&blocks), &mut digests);
            }
            black_box(&digests);
            bytes += calls * pages.len();
            let took = cpu_seconds() - begin;
            if took > SLICE {
                break took;
            }
        };
        best = best.max(bytes as f64 / took / 1e6);
    }
    best
}

fn cpu_seconds() -> f64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    now.tv_sec as f64 + now.tv_nsec as f64 / 1e9
}
