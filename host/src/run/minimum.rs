//! `rate_min` and `rate_iops_min`: whether a worker keeps to its lower bounds.
//!
//! Asked by `control` once a `ratecycle`, with the counters of the worker's page, so that an engine
//! that blocks is judged like one that is slow. Cycles follow each other through the measure phase
//! alone; the first one is for settling. Ends nobody itself: it says what was missed.

use super::control::Control;
use super::page::LiveSnapshot;
use super::result::RunError;
use super::words::{self, place};
use crate::ddir::Ddir;
use crate::job::spec::JobSpec;
use crate::stats::live::WorkerState;
use crate::sys::clock::mono_ns;
use crate::units::Nanos;

/// Longest time between two looks for the begin of the measure phase.
const POLL_NS: u64 = 100_000_000;

/// One bound.
#[derive(Clone, Debug)]
struct Bound {
    ddir: Ddir,
    /// It counts bytes, not requests.
    of_bytes: bool,
    per_s: u64,
    /// What one request counts: where a cycle ends between two of them, the rate is no worse.
    one: u64,
    /// What was missing so far in cycles that were short one after the other.
    debt: f64,
}

/// What was missed.
#[derive(Clone, Debug, PartialEq)]
struct Missed {
    ddir: Ddir,
    of_bytes: bool,
    wanted_per_s: u64,
    got_per_s: f64,
    over: Nanos,
}

/// The lower bounds of a worker.
#[derive(Debug)]
pub(super) struct Minimum {
    worker: u32,
    bounds: Vec<Bound>,
    cycle_ns: u64,
    runtime: Option<Nanos>,
    /// Where the present cycle began: when, and the counters.
    from: Option<(u64, [(u64, u64); 4])>,
    next_ns: u64,
    judged: bool,
}

impl Minimum {
    /// None where the job has no bound on what it does.
    pub(super) fn new(worker: u32, job: &JobSpec) -> Option<Minimum> {
        let rw = job.load.rw;
        let mut bounds = Vec::new();
        for ddir in Ddir::DATA {
            let used = match ddir {
                Ddir::Read => rw.reads(),
                Ddir::Write => rw.writes(),
                _ => rw.trims(),
            };
            let bytes = job.pace.rate_min[ddir].map(|rate| (true, rate.0, job.load.bs[ddir].max.0));
            let ios = job.pace.rate_iops_min[ddir].map(|rate| (false, rate, 1));
            for (of_bytes, per_s, one) in bytes.into_iter().chain(ios) {
                if used && per_s > 0 {
                    bounds.push(Bound { ddir, of_bytes, per_s, one, debt: 0.0 });
                }
            }
        }
        (!bounds.is_empty()).then_some(Minimum {
            worker,
            bounds,
            cycle_ns: job.pace.ratecycle.0.max(1_000_000),
            runtime: job.time.runtime,
            from: None,
            next_ns: 0,
            judged: false,
        })
    }

    /// A look. Something comes back where the cycle that ends now fell short.
    fn look(&mut self, live: &LiveSnapshot, now_ns: u64) -> Option<Missed> {
        let measure = &live.measure;
        let end_ns = self.runtime.map(|time| measure.begin_ns.saturating_add(time.0));
        let over = end_ns.is_some_and(|end_ns| now_ns > end_ns);
        if live.state != WorkerState::Measure as u64 || measure.begin_ns == 0 || over {
            self.next_ns = now_ns + POLL_NS.min(self.cycle_ns);
            return None;
        }
        let first_ns = measure.begin_ns.saturating_add(self.cycle_ns);
        if now_ns < first_ns {
            self.next_ns = first_ns;
            return None;
        }
        let counts = Ddir::ALL.map(|ddir| (measure.dir(ddir).bytes, measure.dir(ddir).ios));
        self.next_ns = now_ns + self.cycle_ns;
        let (from_ns, before) = self.from.replace((now_ns, counts))?;
        self.judged = true;
        let over_ns = now_ns.saturating_sub(from_ns);
        let missed = self.bounds.iter_mut().filter_map(|bound| {
            let (then, now) = (before[bound.ddir as usize], counts[bound.ddir as usize]);
            let (bytes, ios) = (now.0.saturating_sub(then.0), now.1.saturating_sub(then.1));
            bound.judge(if bound.of_bytes { bytes } else { ios }, over_ns)
        });
        // Each of them has to be judged, though one miss is enough.
        missed.fold(None, |first, missed| first.or(Some(missed)))
    }
}

impl Bound {
    /// What a cycle brought. A lack is carried on while cycles are short, so that less than one
    /// request a cycle is found, too.
    fn judge(&mut self, got: u64, over_ns: u64) -> Option<Missed> {
        let wanted = self.per_s as f64 * over_ns as f64 / 1e9;
        self.debt = (self.debt + wanted - got as f64).max(0.0);
        // Rounding of the sum is no lack.
        if self.debt <= self.one as f64 + wanted * 1e-6 {
            return None;
        }
        Some(Missed {
            ddir: self.ddir,
            of_bytes: self.of_bytes,
            wanted_per_s: self.per_s,
            got_per_s: got as f64 * 1e9 / over_ns.max(1) as f64,
            over: Nanos(over_ns),
        })
    }
}

impl Missed {
    fn words(&self) -> String {
        let (option, unit) = match self.of_bytes {
            true => ("rate_min", "bytes a second"),
            false => ("rate_iops_min", "requests a second"),
        };
        format!(
            "{}: {option} not met: wanted {} {unit}, got {:.0} over {:.3} s (ratecycle)",
            self.ddir.name(),
            self.wanted_per_s,
            self.got_per_s,
            self.over.0 as f64 / 1e9
        )
    }
}

impl Control<'_> {
    /// Judges the lower bounds that are due; the answer is when the next ones are.
    pub(super) fn judge_minima(&mut self) -> Option<u64> {
        let mut minima = std::mem::take(&mut self.minima);
        let mut next_ns = None::<u64>;
        for minimum in &mut minima {
            let track = &self.tracks[minimum.worker as usize];
            if track.tid == 0 || track.ended || track.ending {
                continue;
            }
            let now_ns = mono_ns();
            if minimum.next_ns <= now_ns {
                let Ok(live) = self.pages.live(minimum.worker) else { continue };
                if let Some(missed) = minimum.look(&live, now_ns) {
                    self.fall_short(minimum.worker, &missed);
                    continue;
                }
            }
            next_ns = Some(next_ns.map_or(minimum.next_ns, |next| next.min(minimum.next_ns)));
        }
        self.minima = minima;
        next_ns
    }

    /// As with fio, an I/O error: the device did not do what was promised of it.
    fn fall_short(&mut self, worker: u32, missed: &Missed) {
        let job = self.job(worker);
        let message = format!("{}: {}", place(job), missed.words());
        let error: RunError = words::io_error(job, Some(libc::EIO), message);
        self.fail(worker, error);
        self.end_workers(&[worker]);
    }

    /// Bounds that nobody looked at, in words: nothing is silently left out.
    pub(super) fn unjudged_minima(&self) -> Vec<String> {
        let unjudged = self.minima.iter().filter(|minimum| {
            let track = &self.tracks[minimum.worker as usize];
            !minimum.judged && track.ended && !track.failed && !track.ending
        });
        let words = unjudged.map(|minimum| {
            format!(
                "{}: rate_min was not judged: the job ended within two ratecycles, of which the \
                 first is for settling",
                place(self.job(minimum.worker))
            )
        });
        words.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Bytes;

    const SECOND: u64 = 1_000_000_000;

    fn job(iops_min: u64, bytes_min: u64) -> JobSpec {
        let mut job = JobSpec::default();
        job.pace.rate_iops_min.read = (iops_min > 0).then_some(iops_min);
        job.pace.rate_min.read = (bytes_min > 0).then_some(Bytes(bytes_min));
        job.pace.ratecycle = Nanos(SECOND);
        job.load.bs.read.max = Bytes(4096);
        job
    }

    fn live(ios: u64) -> LiveSnapshot {
        let mut live =
            LiveSnapshot { state: WorkerState::Measure as u64, ..LiveSnapshot::default() };
        live.measure.begin_ns = 10 * SECOND;
        live.measure.dirs[0].ios = ios;
        live.measure.dirs[0].bytes = ios * 4096;
        live
    }

    /// Requests at each second from the first on; when it is missed, if ever.
    fn missed(job: &JobSpec, seconds: &[u64]) -> Option<(usize, Missed)> {
        let mut minimum = Minimum::new(0, job).unwrap();
        assert_eq!(minimum.look(&live(0), 10 * SECOND + 5), None);
        assert_eq!(minimum.next_ns, 11 * SECOND);
        seconds.iter().enumerate().find_map(|(i, &ios)| {
            let now_ns = (11 + i as u64) * SECOND;
            Some((i, minimum.look(&live(ios), now_ns)?))
        })
    }

    #[test]
    fn cycles_below_the_bound_are_missed() {
        let bound = job(100, 0);
        let of = |seconds: &[u64]| missed(&bound, seconds).map(|(second, _)| second);
        assert_eq!(of(&[0, 100, 200, 300]), None, "the first cycle is for settling");
        assert_eq!(of(&[100, 200, 299, 399, 500]), None, "one request is the clock's affair");
        assert_eq!(of(&[100, 200, 298]), Some(2));
        assert_eq!(of(&[100, 199, 298]), Some(2), "one request less in each cycle is a lack");
        assert_eq!(of(&[100, 300, 398]), Some(2), "what was too much helps no later cycle");
        assert_eq!(of(&[100, 200, 200]), Some(2), "a stall");
        assert_eq!(missed(&job(1, 0), &[1, 1, 2, 3, 3]).map(|it| it.0), Some(4));
    }

    #[test]
    fn the_words_name_direction_wanted_got_and_cycle() {
        let (_, of_ios) = missed(&job(100, 0), &[100, 150]).unwrap();
        let words =
            "read: rate_iops_min not met: wanted 100 requests a second, got 50 over 1.000 s \
                     (ratecycle)";
        assert_eq!(of_ios.words(), words);
        let (_, of_bytes) = missed(&job(0, 409_600), &[100, 150]).unwrap();
        let words =
            "read: rate_min not met: wanted 409600 bytes a second, got 204800 over 1.000 s \
                     (ratecycle)";
        assert_eq!(of_bytes.words(), words);
    }

    #[test]
    fn only_the_measure_phase_is_judged() {
        let mut with_end = job(100, 0);
        with_end.time.runtime = Some(Nanos(2 * SECOND));
        assert_eq!(missed(&with_end, &[100, 200, 200, 200]), None, "the drain");
        let mut minimum = Minimum::new(0, &job(100, 0)).unwrap();
        for (second, state) in [(11, 4), (12, 5), (13, 6), (14, 7)] {
            let mut live = live(7);
            live.state = state;
            assert_eq!(minimum.look(&live, second * SECOND), None);
        }
        let mut writes = job(100, 0);
        writes.load.rw = crate::job::spec::Rw::Write;
        assert!(Minimum::new(0, &writes).is_none(), "no bound on what it does");
    }

    #[test]
    fn a_late_look_judges_the_rate_and_not_the_count() {
        let mut minimum = Minimum::new(0, &job(100, 0)).unwrap();
        assert_eq!(minimum.look(&live(100), 11 * SECOND), None);
        assert_eq!(minimum.look(&live(350), 13 * SECOND + SECOND / 2), None);
        assert_eq!(minimum.next_ns, 14 * SECOND + SECOND / 2);
    }
}
