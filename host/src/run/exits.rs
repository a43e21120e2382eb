//! Whom the end of one job ends: `exitall`, `exitall_on_error`, `exit_what`, jobs that last as long
//! as others do I/O; and how workers are told to end before their time.
//!
//! Called by `control` after each piece of news, and by the judges (`minimum`, `steady`). Workers
//! that run drain and report; jobs that have not begun are left out, and a note says so. The exit
//! status does not know of it.

use super::control::Control;
use super::protocol::ToCell;
use super::waves::StageState;
use crate::job::spec::ExitWhat;
use std::collections::BTreeMap;

impl Control<'_> {
    /// Does what the ends since the last call ask for.
    pub(super) fn exit_others(&mut self, state: &mut StageState) {
        if !self.exits || self.interrupted.is_some() {
            return;
        }
        let ids: Vec<u32> = self.plan.stage(self.stage).map(|worker| worker.id).collect();
        for id in ids {
            let track = &self.tracks[id as usize];
            let process = &self.job(id).process;
            let through = process.exitall && track.ended;
            let failed = process.exitall_on_error && track.failed;
            if (through || failed) && !track.exited {
                let how = if failed { "failed (exitall_on_error" } else { "was through (exitall" };
                self.tracks[id as usize].exited = true;
                self.exit(id, how, state);
            }
        }
    }

    /// Once nobody of the stage does I/O any more, those end that ask for it, because they do none
    /// themselves.
    pub(super) fn end_companions(&mut self) {
        if !self.companions || self.interrupted.is_some() {
            return;
        }
        let of_stage = || self.plan.stage(self.stage);
        let does_io = of_stage().any(|worker| {
            let is_over =
                self.tracks[worker.id as usize].ended || self.left_out[worker.wave as usize];
            !is_over && !self.job(worker.id).engine.no_io
        });
        if does_io {
            return;
        }
        let companions = of_stage().filter(|it| self.job(it.id).engine.ends_with_io);
        let companions: Vec<u32> = companions.map(|worker| worker.id).collect();
        self.end_workers(&companions);
    }

    /// A worker takes others with it.
    fn exit(&mut self, id: u32, how: &str, state: &mut StageState) {
        let first = self.plan.workers[id as usize];
        let what = self.job(id).process.exit_what;
        let because = format!("was not begun, because job {} {how})", self.job(id).name);
        let concerned = |group: u32, stage: u32| match what {
            ExitWhat::Group => group == first.group,
            ExitWhat::Stonewall | ExitWhat::All => stage == first.stage,
        };
        for number in state.waiting() {
            let Some(worker) = self.plan.wave(number).next().copied() else { continue };
            if concerned(worker.group, worker.stage) && state.leave_out(number) {
                self.left_out[number as usize] = true;
                let name = &self.job(worker.id).name;
                self.note(format!("job {name} {because}"));
            }
        }
        let all = self.plan.stage(self.stage);
        let others = all.filter(|worker| concerned(worker.group, worker.stage));
        let others: Vec<u32> = others.map(|worker| worker.id).filter(|&it| it != id).collect();
        self.end_workers(&others);
        if what == ExitWhat::All && self.over.is_none() {
            self.over = Some(because);
        }
    }

    /// These workers are to end in order, as if their time were over; once each.
    pub(super) fn end_workers(&mut self, ids: &[u32]) {
        let mut of_cells: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for &id in ids {
            let worker = self.plan.workers[id as usize];
            let track = &mut self.tracks[id as usize];
            if self.begun[worker.wave as usize] && !track.ended && !track.ending {
                track.ending = true;
                of_cells.entry(worker.cell).or_default().push(id);
            }
        }
        for (cell, workers) in of_cells {
            self.tell(cell, &ToCell::End { workers });
        }
    }

    /// Tells of the jobs of the stages from `stage` on, which are left out.
    pub(super) fn leave_out_from(&mut self, stage: u32, because: &str) {
        for job in 0..self.request.spec.jobs.len() {
            let first = self.plan.job(job as u32).first();
            if first.is_some_and(|first| first.stage >= stage) {
                let name = &self.request.spec.jobs[job].name;
                self.note(format!("job {name} {because}"));
            }
        }
    }
}
