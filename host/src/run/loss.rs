//! Workers that are lost: their cell died, or they are stuck in their engine for longer than the
//! job allows. What is said of them; the figures that they left are kept.
//!
//! Called by `control` when a cell is gone and when `engine_timeout` is over. Reads the page for
//! what a worker was doing; never waits and never ends the run.

use super::autopsy::Finding;
use super::control::Control;
use super::gather;
use super::plan::PlannedWorker;
use super::process::Death;
use super::protocol::ToCell;
use super::result::{EngineFault, ErrorKind, RunError};
use super::track::Track;
use super::verdict;
use super::watch::STUCK_NOTE;
use super::words::place;
use crate::job::spec::Isolation;
use crate::plugin::handle::Callback;
use crate::stats::live::WorkerState;
use crate::sys::clock::mono_ns;
use crate::sys::crash_report::Crash;
use std::time::{Duration, Instant};

/// How long a cell may take to go home, or to die when it was killed.
const FAREWELL: Duration = Duration::from_secs(10);

/// How long after the user's signal a plugin may still be loading.
const LOADING_GRACE: Duration = Duration::from_secs(2);

/// Clones of one job that did the same when they were lost.
struct Case {
    job: u32,
    callback: Option<Callback>,
    /// Their plugin was being loaded and set up.
    loading: bool,
    workers: Vec<u32>,
}

impl Control<'_> {
    /// What stands in the way of cells, beside their workers: a plugin that is being loaded for
    /// long, in words; cells that do not go home when they are told to, or do not die.
    pub(super) fn look_at_cells(&mut self) -> Vec<String> {
        let mut stuck = Vec::new();
        let forsaken = self.interrupted.is_some_and(|at| at.elapsed() > LOADING_GRACE);
        for cell in 0..self.cells.len() {
            let timeout = self.loading_timeout(cell as u32);
            let Some(handle) = &mut self.cells[cell] else { continue };
            let farewell = |at: Option<Instant>| at.is_some_and(|at| at.elapsed() > FAREWELL);
            if farewell(handle.killed) {
                // A thread in the kernel may keep it for ever.
                self.bury(cell as u32, None);
            } else if farewell(handle.dismissed) {
                let limit = FAREWELL.as_secs();
                handle.kill(Some(format!("did not end within {limit} s and was killed")));
            } else if let Some((path, since)) = &handle.loading {
                let (path, since) = (path.display(), since.elapsed());
                if timeout.is_some_and(|timeout| since > timeout) {
                    let seconds = since.as_secs_f64();
                    let words = format!(
                        "was killed, because loading and setup had not returned for {seconds:.1} s \
                         (engine_timeout),"
                    );
                    handle.kill(Some(words));
                } else if forsaken {
                    handle.kill(None);
                } else if since > STUCK_NOTE.duration() {
                    let seconds = since.as_secs_f64();
                    stuck.push(format!(
                        "{path}: loading and setup have not returned for {seconds:.1} s"
                    ));
                }
            }
        }
        stuck
    }

    /// The shortest `engine_timeout` of the jobs that wait for the plugin which a cell is loading.
    fn loading_timeout(&self, cell: u32) -> Option<Duration> {
        let waiting = self.waiting(cell);
        let timeouts = waiting.iter().filter_map(|&id| self.job(id).engine.timeout);
        timeouts.min().map(|timeout| timeout.duration())
    }

    /// The workers that wait for the plugin which a cell is loading.
    fn waiting(&self, cell: u32) -> Vec<u32> {
        let handle = self.cells[cell as usize].as_ref();
        let Some((path, _)) = handle.and_then(|handle| handle.loading.as_ref()) else {
            return Vec::new();
        };
        let ids = self.begun_in(cell).map(|worker| worker.id);
        ids.filter(|&id| {
            let track = &self.tracks[id as usize];
            !track.ended && track.tid == 0 && self.job(id).engine.plugin == *path
        })
        .collect()
    }

    /// The workers of a cell whose wave has begun.
    fn begun_in(&self, cell: u32) -> impl Iterator<Item = &PlannedWorker> + use<'_> {
        let begun = &self.begun;
        self.plan.cell(cell).filter(|worker| begun[worker.wave as usize])
    }

    /// A cell could not be started: its jobs of this wave fail, and the run goes on.
    pub(super) fn never_born(&mut self, cell: u32, why: &std::io::Error) {
        let left = self.begun_in(cell).filter(|worker| !self.tracks[worker.id as usize].ended);
        let workers: Vec<(u32, u32)> = left.map(|worker| (worker.id, worker.job)).collect();
        let mut told = None;
        for (id, job) in workers {
            if told != Some(job) {
                told = Some(job);
                let spec = self.job(id);
                let words = format!(
                    "{}: start the cell: {why} (raise the limits on descriptors and processes, \
                     ulimit -n and -u, or run fewer jobs at once with isolation=job)",
                    place(spec)
                );
                let mut error = RunError::usage(&spec.name, words);
                error.errno = why.raw_os_error();
                self.fail(id, error);
            }
            self.track(id, |track| {
                track.fail();
                track.end(mono_ns());
            });
        }
    }

    /// A cell is gone. In order: all its workers are through. Else those that were not are told of,
    /// with what they were doing: once for all clones of a job that were doing the same. Workers of
    /// later waves run in a new cell.
    pub(super) fn bury(&mut self, cell: u32, death: Option<Death>) {
        self.last_looks(cell);
        let waiting = self.waiting(cell);
        let Some(handle) = self.cells[cell as usize].take() else { return };
        let ids = self.begun_in(cell).map(|worker| worker.id);
        let left: Vec<u32> = ids.filter(|&id| !self.tracks[id as usize].ended).collect();
        let by_us = |death: &Death| death.signal.as_deref() == Some("SIGKILL");
        let killed = handle.killed.is_some() && death.as_ref().is_none_or(by_us);
        if killed && handle.verdict.is_none() {
            if let (Some((path, _)), true) = (&handle.loading, !left.is_empty()) {
                let path = path.display();
                self.note(format!("given up while {path} was loaded and set up"));
            }
            return self.give_up_on(&left);
        }
        let verdict = handle.verdict.filter(|_| killed).map(|how| Death { signal: None, how });
        let interrupted = self.interrupted.is_some();
        let death = match verdict.or(death) {
            Some(death) => death,
            None if left.is_empty() || interrupted => return,
            None => Death { signal: None, how: "ended by itself with status 0".to_owned() },
        };
        let crash = self.autopsy(cell, &death);
        if left.is_empty() {
            return self.died_late(cell, &death, crash.as_ref(), handle.dismissed.is_some());
        }
        for case in self.cases(&left, &waiting) {
            let finding = self.finding(crash.as_ref(), &case.workers, case.loading);
            let error = self.obituary(&case, &death, finding);
            for &id in &case.workers {
                self.track(id, Track::fail);
            }
            self.fail(case.workers[0], error);
        }
        let now_ns = mono_ns();
        for id in left {
            let wrong = self.pages.live(id).map_or(0, |live| live.verify.wrong);
            if let Some(error) = verdict::of_the_dead(self.job(id), wrong) {
                self.fail(id, error);
            }
            self.pages.mark_failed(id);
            self.tracks[id as usize].end(now_ns);
        }
    }

    /// What the pages of a cell's workers say that it had no time to tell: who began, and who was
    /// through.
    fn last_looks(&mut self, cell: u32) {
        let (now_ns, begun) = (mono_ns(), &self.begun);
        for worker in self.plan.cell(cell).filter(|worker| begun[worker.wave as usize]) {
            let Ok(live) = self.pages.live(worker.id) else { continue };
            let track = &mut self.tracks[worker.id as usize];
            track.meet(live.begin);
            if live.state == WorkerState::Done as u64 {
                track.end(now_ns);
            }
        }
    }

    /// A cell died when its jobs had ended: no job is to blame, but a plugin is.
    fn died_late(&mut self, cell: u32, death: &Death, crash: Option<&Crash>, dismissed: bool) {
        let ids: Vec<u32> = self.plan.cell(cell).map(|worker| worker.id).collect();
        let mut names: Vec<&str> = ids.iter().map(|&id| &*self.job(id).engine.name).collect();
        names.sort_unstable();
        names.dedup();
        let engines = match names.len() {
            1 => format!("engine {}", names[0]),
            _ => format!("engines {}", names.join(", ")),
        };
        let (during, callback) = match dismissed {
            true => (", in teardown", Some("teardown".to_owned())),
            false => ("", None),
        };
        let Finding { words, address, data_address } = self.finding(crash, &[], false);
        let how = format!("{}{words}", death.how);
        let words = format!(
            "{engines}: the cell {how} after its jobs had ended{during}; their figures are whole"
        );
        let fault = match (names.len(), ids.first()) {
            (1, Some(&id)) => gather::fault_facts(&self.request, self.job(id)),
            _ => EngineFault::default(),
        };
        let signal = death.signal.clone();
        self.record(RunError {
            kind: ErrorKind::Engine,
            job: None,
            errno: None,
            message: words,
            engine: Some(Box::new(EngineFault {
                callback,
                signal,
                address,
                data_address,
                ..fault
            })),
        });
    }

    /// Those whose plugin was being loaded, then those who began, by what they did; where there is
    /// nobody of either kind, the first one.
    fn cases(&self, left: &[u32], waiting: &[u32]) -> Vec<Case> {
        let began: Vec<u32> =
            left.iter().copied().filter(|&id| self.tracks[id as usize].tid != 0).collect();
        let nobody = began.is_empty() && waiting.is_empty();
        let told = if nobody { &left[..left.len().min(1)] } else { &began };
        let mut cases: Vec<Case> = Vec::new();
        if let Some(&first) = waiting.first() {
            let job = self.plan.workers[first as usize].job;
            cases.push(Case { job, callback: None, loading: true, workers: waiting.to_vec() });
        }
        for &id in told {
            let job = self.plan.workers[id as usize].job;
            let (callback, _) = self.last_seen(id);
            match cases
                .iter_mut()
                .find(|case| (case.job, case.callback) == (job, callback) && !case.loading)
            {
                Some(case) => case.workers.push(id),
                None => cases.push(Case { job, callback, loading: false, workers: vec![id] }),
            }
        }
        cases
    }

    /// Workers whose cell the user had killed: no error, but the reader is told what is missing.
    fn give_up_on(&mut self, workers: &[u32]) {
        for &id in workers {
            let (callback, in_flight) = self.last_seen(id);
            let name = &self.job(id).name;
            if callback.is_some() || in_flight > 0 {
                let doing = self.doing(id, callback);
                self.note(format!("job {name}: given up {doing}; {in_flight} requests in flight"));
            }
            self.track(id, |track| track.end(mono_ns()));
        }
    }

    /// The callback that a worker's page names, and how many requests were in flight.
    fn last_seen(&self, worker: u32) -> (Option<Callback>, u64) {
        let live = self.pages.live(worker).unwrap_or_default();
        let callback = Callback::from_crumb(live.callback);
        let at_queue = callback == Some(Callback::Queue) && live.in_flight == 0;
        (callback, if at_queue { 1 } else { live.in_flight })
    }

    fn doing(&self, worker: u32, callback: Option<Callback>) -> String {
        match callback {
            Some(callback) => {
                format!("while {} of engine {} ran", callback.name(), self.job(worker).engine.name)
            }
            None => "while no engine callback of this job ran".to_owned(),
        }
    }

    fn obituary(&self, case: &Case, death: &Death, finding: Finding) -> RunError {
        let worker = case.workers[0];
        let in_flight: u64 = case.workers.iter().map(|&id| self.last_seen(id).1).sum();
        let doing = match case.loading {
            false => self.doing(worker, case.callback),
            true => {
                let path = self.job(worker).engine.plugin.display();
                format!("while {path} was loaded and set up (its constructors, its setup)")
            }
        };
        let clones = match case.workers.len() {
            1 => String::new(),
            clones => format!(" (in {clones} clones)"),
        };
        let spec = &self.request.spec;
        let advice = if spec.isolation == Isolation::Run && spec.jobs.len() > 1 {
            " (isolation=job keeps a crash from other jobs)"
        } else {
            ""
        };
        let job = self.job(worker);
        let mut error = RunError::engine(
            &job.name,
            format!(
                "{}: the cell {}{} {doing}{clones}; {in_flight} requests were in flight; what had \
                 finished is counted{advice}",
                place(job),
                death.how,
                finding.words
            ),
        );
        error.engine = Some(Box::new(EngineFault {
            callback: match case.loading {
                true => Some("setup".to_owned()),
                false => case.callback.map(|callback| callback.name().to_owned()),
            },
            in_flight,
            signal: death.signal.clone(),
            address: finding.address,
            data_address: finding.data_address,
            ..EngineFault::default()
        }));
        error
    }

    /// `engine_timeout` is over: the worker is left behind in its engine.
    pub(super) fn give_up(&mut self, worker: u32, words: &str, callback: Option<Callback>) {
        let (_, in_flight) = self.last_seen(worker);
        let job = self.job(worker);
        let mut error = RunError::engine(
            &job.name,
            format!(
                "{}: engine {}: {words} (engine_timeout); the job is given up",
                place(job),
                job.engine.name
            ),
        );
        error.errno = Some(libc::ETIMEDOUT);
        error.engine = Some(Box::new(EngineFault {
            callback: callback.map(|callback| callback.name().to_owned()),
            in_flight,
            ..EngineFault::default()
        }));
        let cell = self.plan.workers[worker as usize].cell;
        self.fail(worker, error);
        // Should the callback ever return, what is counted then belongs to nobody.
        let measured = self.pages.measured(worker).ok().map(Box::new);
        self.pages.mark_failed(worker);
        self.track(worker, |track| {
            track.end(mono_ns());
            track.given_up = measured;
        });
        self.tell(cell, &ToCell::Abandon { worker });
    }
}
