//! Workers that are lost: their cell died, or they are stuck in their engine for longer than the
//! job allows. What is said of them; the figures that they left are kept.
//!
//! Called by `control` when a cell is gone and when `engine_timeout` is over. Reads the page for
//! what a worker was doing; never waits and never ends the run.

use super::control::Control;
use super::process::Death;
use super::protocol::ToCell;
use super::result::{EngineFault, RunError};
use super::track::Track;
use super::words::place;
use crate::job::spec::Isolation;
use crate::plugin::handle::Callback;
use crate::sys::clock::mono_ns;

/// Clones of one job that did the same when they were lost.
struct Case {
    job: u32,
    callback: Option<Callback>,
    workers: Vec<u32>,
}

impl Control<'_> {
    /// A cell is gone. In order: all its workers are through. Else those that were not are told of,
    /// with what they were doing: once for all clones of a job that were doing the same.
    pub(super) fn bury(&mut self, cell: u32, death: Option<Death>) {
        self.cells[cell as usize] = None;
        let in_cell = self.plan.cell(cell).map(|worker| worker.id);
        let left: Vec<u32> = in_cell.filter(|&id| !self.tracks[id as usize].ended).collect();
        let by_us = |death: &Death| death.signal.as_deref() == Some("SIGKILL");
        if self.given_up && death.as_ref().is_none_or(by_us) {
            return self.give_up_on(&left);
        }
        let death = match death {
            Some(death) => death,
            None if left.is_empty() || self.interrupted => return,
            None => Death { signal: None, how: "ended by itself with status 0".to_owned() },
        };
        for case in self.cases(&left) {
            let error = self.obituary(&case, &death);
            for &id in &case.workers {
                self.track(id, Track::fail);
            }
            self.fail(case.workers[0], error);
        }
        let now_ns = mono_ns();
        left.into_iter().for_each(|id| self.tracks[id as usize].end(now_ns));
    }

    /// Those who began, by what they did; where nobody began, the first one.
    fn cases(&self, left: &[u32]) -> Vec<Case> {
        let began: Vec<u32> =
            left.iter().copied().filter(|&id| self.tracks[id as usize].tid != 0).collect();
        let told = if began.is_empty() { &left[..left.len().min(1)] } else { &began };
        let mut cases: Vec<Case> = Vec::new();
        for &id in told {
            let job = self.plan.workers[id as usize].job;
            let (callback, _) = self.last_seen(id);
            match cases.iter_mut().find(|case| (case.job, case.callback) == (job, callback)) {
                Some(case) => case.workers.push(id),
                None => cases.push(Case { job, callback, workers: vec![id] }),
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

    fn obituary(&self, case: &Case, death: &Death) -> RunError {
        let worker = case.workers[0];
        let in_flight: u64 = case.workers.iter().map(|&id| self.last_seen(id).1).sum();
        let doing = self.doing(worker, case.callback);
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
                "{}: the cell {} {doing}{clones}; {in_flight} requests were in flight; what had \
                 finished is counted{advice}",
                place(job),
                death.how
            ),
        );
        error.engine = Some(Box::new(EngineFault {
            callback: case.callback.map(|callback| callback.name().to_owned()),
            in_flight,
            signal: death.signal.clone(),
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
        let measured = self.pages.measured(worker).ok();
        self.track(worker, |track| {
            track.end(mono_ns());
            track.given_up = measured;
        });
        self.tell(cell, &ToCell::Abandon { worker });
    }
}
