//! `steadystate`: looks at the figures of running jobs, one each interval, and ends those whose
//! figures are steady.
//!
//! Asked by `control`, and by `gather` at the end. Jobs with `group_reporting` that start together
//! and ask for the same are judged as one. Reads a few words of each page a look; the arithmetic is
//! [`crate::stats::steady`]'s.

use super::control::Control;
use super::plan::Plan;
use super::result::SteadyOutcome;
use super::words::place;
use crate::ddir::Ddir;
use crate::job::spec::{RunSpec, SteadyMetric, SteadyState};
use crate::stats::live::WorkerState;
use crate::stats::steady::Window;
use crate::sys::clock::mono_ns;

/// Between two looks for the begin of the measure phase.
const POLL_NS: u64 = 100_000_000;

/// Counters summed over the workers of a unit.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Totals {
    ios: u64,
    bytes: u64,
    lat_count: u64,
    lat_sum_ns: u64,
}

/// Workers that are judged as one.
#[derive(Debug)]
pub(super) struct SteadyUnit {
    workers: Vec<u32>,
    wish: SteadyState,
    /// The last look: when, and the counters.
    from: Option<(u64, Totals)>,
    next_ns: u64,
    iops: Window,
    bw: Window,
    lat_ns: Window,
    attained: bool,
    /// Nothing more is to be looked at.
    over: bool,
}

/// What the workers of a unit are at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stand {
    /// Some of them do not measure yet.
    Before,
    /// All of them measure; the last one since then.
    Since(u64),
    /// Some of them measure no more.
    After,
}

/// The units of a run.
pub(super) fn units(spec: &RunSpec, plan: &Plan) -> Vec<SteadyUnit> {
    let mut units: Vec<SteadyUnit> = Vec::new();
    let together = |unit: &SteadyUnit, worker: u32| {
        let (first, other) =
            (&plan.workers[unit.workers[0] as usize], &plan.workers[worker as usize]);
        let jobs = [first, other].map(|it| &spec.jobs[it.job as usize]);
        (first.group, first.wave) == (other.group, other.wave)
            && jobs.iter().all(|job| job.process.group_reporting)
            && jobs[0].time.steadystate == jobs[1].time.steadystate
    };
    for worker in &plan.workers {
        let Some(wish) = spec.jobs[worker.job as usize].time.steadystate else { continue };
        match units.iter_mut().find(|unit| together(unit, worker.id)) {
            Some(unit) => unit.workers.push(worker.id),
            None => units.push(SteadyUnit::new(worker.id, wish)),
        }
    }
    units
}

impl SteadyUnit {
    fn new(worker: u32, wish: SteadyState) -> SteadyUnit {
        let looks = wish.duration.0.div_ceil(wish.interval.0.max(1));
        let window = Window::new((looks as usize).max(2));
        SteadyUnit {
            workers: vec![worker],
            wish,
            from: None,
            next_ns: 0,
            iops: window.clone(),
            bw: window.clone(),
            lat_ns: window,
            attained: false,
            over: false,
        }
    }

    /// A look at the counters; true where the figures are steady now.
    fn look(&mut self, totals: Totals, now_ns: u64) -> bool {
        // The looks stay equidistant, but for one that came far too late.
        let interval_ns = self.wish.interval.0.max(1);
        let planned_ns = self.next_ns.saturating_add(interval_ns);
        self.next_ns = if planned_ns > now_ns { planned_ns } else { now_ns + interval_ns };
        let Some((from_ns, before)) = self.from.replace((now_ns, totals)) else { return false };
        let seconds = now_ns.saturating_sub(from_ns).max(1) as f64 / 1e9;
        let grown = |now: u64, then: u64| now.saturating_sub(then) as f64;
        self.iops.push(grown(totals.ios, before.ios) / seconds);
        self.bw.push(grown(totals.bytes, before.bytes) / seconds);
        let count = grown(totals.lat_count, before.lat_count);
        let sum_ns = grown(totals.lat_sum_ns, before.lat_sum_ns);
        self.lat_ns.push(if count > 0.0 { sum_ns / count } else { 0.0 });
        let window = self.window();
        // A device that does nothing at all is even, but not in a steady state.
        let steady = window.is_full()
            && window.mean() > 0.0
            && self.criterion().is_some_and(|criterion| criterion < self.wish.limit);
        self.attained |= steady;
        self.over |= steady;
        steady
    }

    fn window(&self) -> &Window {
        match self.wish.metric {
            SteadyMetric::Iops => &self.iops,
            SteadyMetric::Bw => &self.bw,
            SteadyMetric::Lat => &self.lat_ns,
        }
    }

    fn criterion(&self) -> Option<f64> {
        self.window().criterion(self.wish.slope, self.wish.percent)
    }

    fn outcome(&self) -> SteadyOutcome {
        SteadyOutcome {
            attained: self.attained,
            criterion: self.criterion().unwrap_or(0.0),
            max_deviation: self.window().max_deviation(),
            slope: self.window().slope(),
            bw: self.bw.values(),
            iops: self.iops.values(),
            lat_ns: self.lat_ns.values(),
        }
    }
}

impl Control<'_> {
    /// Looks at the units that are due; the answer is when the next ones are.
    pub(super) fn judge_steady(&mut self) -> Option<u64> {
        let mut units = std::mem::take(&mut self.steady);
        let mut next_ns = None::<u64>;
        for unit in units.iter_mut().filter(|unit| !unit.over) {
            if unit.workers.iter().all(|&id| self.tracks[id as usize].tid == 0) {
                continue;
            }
            let now_ns = mono_ns();
            if unit.next_ns <= now_ns && self.look_at(unit, now_ns) {
                self.end_workers(&unit.workers);
            }
            if !unit.over {
                next_ns = Some(next_ns.map_or(unit.next_ns, |next| next.min(unit.next_ns)));
            }
        }
        self.steady = units;
        next_ns
    }

    fn look_at(&self, unit: &mut SteadyUnit, now_ns: u64) -> bool {
        let (stand, mut totals) = self.survey(unit);
        match stand {
            Stand::Before => unit.next_ns = now_ns + POLL_NS,
            Stand::After => unit.over = true,
            Stand::Since(begin_ns) => {
                let first_ns = begin_ns.saturating_add(unit.wish.ramp_time.0);
                if now_ns >= first_ns {
                    if unit.from.is_none() {
                        unit.next_ns = now_ns;
                    }
                    for &id in &unit.workers {
                        let (count, sum_ns) = self.pages.total_latency(id).unwrap_or_default();
                        totals.lat_count = totals.lat_count.saturating_add(count);
                        totals.lat_sum_ns = totals.lat_sum_ns.saturating_add(sum_ns);
                    }
                    return unit.look(totals, now_ns);
                }
                unit.next_ns = first_ns;
            }
        }
        false
    }

    /// What the workers are at, and their counters but for the latencies.
    fn survey(&self, unit: &SteadyUnit) -> (Stand, Totals) {
        let mut totals = Totals::default();
        let mut since_ns = 0;
        let mut before = false;
        for &id in &unit.workers {
            let track = &self.tracks[id as usize];
            let Ok(live) = self.pages.live(id) else { return (Stand::After, totals) };
            if track.ended || track.ending || live.state > WorkerState::Measure as u64 {
                return (Stand::After, totals);
            }
            before |= live.state < WorkerState::Measure as u64;
            since_ns = since_ns.max(live.measure.begin_ns);
            for ddir in Ddir::DATA {
                let dir = live.measure.dir(ddir);
                totals.ios = totals.ios.saturating_add(dir.ios);
                totals.bytes = totals.bytes.saturating_add(dir.bytes);
            }
        }
        (if before { Stand::Before } else { Stand::Since(since_ns) }, totals)
    }

    /// How it went for a worker; none where its job does not ask.
    pub(super) fn steady_outcome(&self, worker: u32) -> Option<SteadyOutcome> {
        let unit = self.steady.iter().find(|unit| unit.workers.contains(&worker))?;
        Some(unit.outcome())
    }

    /// Jobs that ended by something else than their steadiness, in words.
    pub(super) fn unsteady(&self) -> Vec<String> {
        let in_order = |unit: &&SteadyUnit| {
            unit.workers.iter().all(|&id| {
                let track = &self.tracks[id as usize];
                track.ended && track.tid != 0 && !track.failed && !track.ending
            })
        };
        let unsteady = self.steady.iter().filter(|unit| !unit.attained).filter(in_order);
        let words = unsteady.map(|unit| {
            let place = place(self.job(unit.workers[0]));
            let (looks, unit_words) =
                (unit.window().values().len(), if unit.wish.percent { "%" } else { "" });
            match (unit.window().is_full(), unit.criterion()) {
                (true, Some(criterion)) => format!(
                    "{place}: the steady state was not attained: at the last look {criterion:.3}\
                     {unit_words} against the limit of {}{unit_words}",
                    unit.wish.limit
                ),
                (true, None) => format!(
                    "{place}: the steady state was not attained: there is nothing to judge (are \
                     latencies measured?)"
                ),
                (false, _) => format!(
                    "{place}: the steady state was not attained: the job ended after {looks} looks \
                     and needs {} (steadystate_duration)",
                    unit.window().capacity()
                ),
            }
        });
        words.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::spec::{Isolation, JobSpec};
    use crate::units::Nanos;

    const SECOND: u64 = 1_000_000_000;

    fn wish(metric: SteadyMetric, slope: bool, limit: f64, percent: bool) -> SteadyState {
        SteadyState {
            metric,
            slope,
            limit,
            percent,
            duration: Nanos(3 * SECOND),
            ramp_time: Nanos(0),
            interval: Nanos(SECOND),
        }
    }

    /// Requests in each second of 8 KiB and 50 us each; in which one it was steady.
    fn steady_at(wish: SteadyState, seconds: &[u64]) -> (Option<usize>, SteadyOutcome) {
        let mut unit = SteadyUnit::new(0, wish);
        let mut totals = Totals::default();
        unit.next_ns = SECOND;
        assert!(!unit.look(totals, SECOND));
        let found = seconds.iter().enumerate().position(|(i, ios)| {
            totals.ios += ios;
            totals.bytes += ios * 8192;
            totals.lat_count += ios;
            totals.lat_sum_ns += ios * 50_000;
            unit.look(totals, (2 + i as u64) * SECOND)
        });
        (found, unit.outcome())
    }

    #[test]
    fn figures_are_steady_once_the_whole_window_is() {
        let iops = |slope, limit| wish(SteadyMetric::Iops, slope, limit, true);
        let ramp = [10, 60, 100, 101, 100, 99];
        let (at, outcome) = steady_at(iops(false, 2.0), &ramp);
        assert_eq!(at, Some(4));
        assert_eq!(outcome.iops, [100.0, 101.0, 100.0]);
        assert_eq!(outcome.bw[0], 819_200.0);
        assert_eq!(outcome.lat_ns, [50_000.0; 3]);
        assert!(outcome.attained && outcome.criterion < 2.0);
        let (at, outcome) = steady_at(iops(true, 0.1), &[100, 110, 120, 130]);
        assert_eq!(at, None);
        assert!((outcome.slope - 10.0).abs() < 1e-9 && !outcome.attained);
        assert_eq!(steady_at(iops(true, 0.1), &[100, 80, 100]).0, Some(2), "even, though restless");
        assert_eq!(steady_at(wish(SteadyMetric::Lat, false, 1.0, false), &[5, 9, 70]).0, Some(2));
        assert_eq!(
            steady_at(wish(SteadyMetric::Bw, false, 10_000.0, false), &[5, 6, 5]).0,
            Some(2)
        );
        assert_eq!(steady_at(iops(false, 2.0), &[0, 0, 0, 0]).0, None, "a stall is not steady");
    }

    #[test]
    fn a_group_that_is_reported_as_one_is_judged_as_one() {
        let mut job = JobSpec::default();
        job.process.numjobs = 2;
        job.process.group_reporting = true;
        job.time.steadystate = Some(wish(SteadyMetric::Iops, false, 1.0, true));
        let mut alone = job.clone();
        alone.process.group_reporting = false;
        let mut other = job.clone();
        other.time.steadystate = Some(wish(SteadyMetric::Bw, false, 1.0, true));
        let spec = RunSpec {
            global_given: Vec::new(),
            isolation: Isolation::Run,
            jobs: vec![job.clone(), alone, job, other, JobSpec::default()],
        };
        let units = units(&spec, &Plan::new(&spec));
        let workers: Vec<&[u32]> = units.iter().map(|unit| &unit.workers[..]).collect();
        assert_eq!(workers, [&[0, 1, 4, 5][..], &[2], &[3], &[6, 7]]);
    }
}
