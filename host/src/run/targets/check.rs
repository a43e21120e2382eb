//! Everything about the targets that can be judged before a cell is started: names, sizes, safety,
//! what the job's words about files demand, whether O_DIRECT will work.
//!
//! Called by `cli` in the control process. Loads no plugin and leaves nothing behind.

use super::super::content;
use super::super::plan::{Plan, PlannedWorker};
use super::super::result::RunError;
use super::writers::Writers;
use super::{discover, diskless, names, per_file, rules, sized, told, zoned};
use crate::job::spec::{JobSpec, RunSpec};
use crate::target::{self, Direct, Kind, Probe, Target, TargetError};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Everything about the targets that can be judged before a cell is started. Empty: all is well.
pub fn check(spec: &RunSpec) -> Vec<RunError> {
    let plan = Plan::new(spec);
    let mut errors: Vec<RunError> = Vec::new();
    let mut known = Known::default();
    for worker in &plan.workers {
        let job = &spec.jobs[worker.job as usize];
        let checked =
            content::check(job).and_then(|()| check_worker(job, worker, &plan, &mut known));
        if let Err(error) = checked {
            if !errors.iter().any(|told| told.message == error.message) {
                errors.push(error);
            }
        }
    }
    errors
}

/// What is known of paths while the workers are checked, one after the other.
#[derive(Default)]
pub(super) struct Known {
    /// Looked at for other users.
    pub(super) guarded: BTreeSet<PathBuf>,
    /// Files that workers will have laid out: their job, and the length.
    laid_out: BTreeMap<PathBuf, BTreeMap<u32, u64>>,
    /// Whether O_DIRECT works, by path; for files that do not exist by their directory.
    direct: BTreeMap<PathBuf, Direct>,
    /// Cells whose workers write to the zones of a disk in a stage.
    zoned: BTreeMap<(u32, (u32, u32)), u32>,
    /// Workers by target, where one of a run verifies.
    writers: Writers,
}

impl Known {
    /// The targets as they will be when a worker is set up: jobs that are through by then may have
    /// made them.
    pub(super) fn foresee(&self, targets: &mut [Target], run: &Plan, worker: &PlannedWorker) {
        for target in targets {
            let Some(made) = self.laid_out.get(&target.path) else { continue };
            let there = made.iter().filter(|(&job, _)| run.is_through_before(job, worker));
            let Some(len) = there.map(|(_, &len)| len).max() else { continue };
            if matches!(target.kind, Kind::Missing | Kind::Regular) {
                target.kind = Kind::Regular;
                target.size = target.size.max(len);
            }
        }
    }

    /// What a worker leaves behind for those that come when it is through.
    pub(super) fn remember(
        &mut self,
        job: &JobSpec,
        worker: &PlannedWorker,
        targets: &[Target],
        plan: &target::Plan,
    ) {
        if job.target.unlink {
            return;
        }
        for (target, file) in targets.iter().zip(&plan.files) {
            if let Some(len) = file.file_len {
                self.will_be(&target.path, worker.job, len);
            }
        }
    }

    fn will_be(&mut self, path: &Path, job: u32, len: u64) {
        let known = self.laid_out.entry(path.to_path_buf()).or_default().entry(job).or_default();
        *known = len.max(*known);
    }

    /// What the workers of a cell know of zones, those of another one do not.
    fn judge_cells(
        &mut self,
        job: &JobSpec,
        worker: &PlannedWorker,
        targets: &[Target],
    ) -> Result<(), TargetError> {
        if job.load.zbd.is_none() || !(job.load.rw.writes() || job.load.rw.trims()) {
            return Ok(());
        }
        for target in targets {
            let Some(device) = &target.device else { continue };
            let cell = *self.zoned.entry((worker.stage, device.number)).or_insert(worker.cell);
            if cell != worker.cell {
                let why = "zonemode=zbd: with isolation=job another job writes to the same zones \
                           and neither knows of the other (leave isolation out, or add stonewall)";
                let doing = target.path.display().to_string();
                return Err(TargetError::Refused { doing, why: why.into() });
            }
        }
        Ok(())
    }

    /// For each target whether O_DIRECT works; empty where the job does not want it.
    pub(super) fn directs(&mut self, job: &JobSpec, targets: &[Target], how: Probe) -> Vec<Direct> {
        if !job.target.direct {
            return Vec::new();
        }
        let mut one = |target: &Target| {
            let is_there = target.kind != Kind::Missing;
            let key = if is_there { Some(target.path.as_path()) } else { target.path.parent() };
            let key = key.unwrap_or(Path::new("")).to_path_buf();
            self.direct.entry(key).or_insert_with(|| target::direct(target, how)).clone()
        };
        targets.iter().map(&mut one).collect()
    }
}

fn check_worker(
    job: &JobSpec,
    worker: &PlannedWorker,
    run: &Plan,
    known: &mut Known,
) -> Result<(), RunError> {
    let told = |error: TargetError| told(job, &error);
    zoned::judge_engine(job).map_err(told)?;
    if diskless(job) {
        return names(job, worker.clone).map(drop).map_err(told);
    }
    let mut targets = discover(job, worker.clone).map_err(told)?;
    guard(job, &targets, &mut known.guarded).map_err(told)?;
    let directs = known.directs(job, &targets, Probe::Unnamed);
    known.foresee(&mut targets, run, worker);
    let plan = sized(job, worker.clone, &targets).map_err(told)?;
    rules::judge(job, &targets, &plan).map_err(told)?;
    zoned::check(job, &targets, &plan).map_err(told)?;
    known.judge_cells(job, worker, &targets).map_err(told)?;
    known.writers.judge(job, worker, run, &targets, &plan).map_err(told)?;
    rules::judge_direct(job, &targets, &plan, &directs).map_err(told)?;
    known.remember(job, worker, &targets, &plan);
    Ok(())
}

/// Refuses to write to what somebody uses. Looks at each path once: that reads half of /proc.
pub(super) fn guard(
    job: &JobSpec,
    targets: &[Target],
    guarded: &mut BTreeSet<PathBuf>,
) -> Result<(), TargetError> {
    // What a request that is a whole file does to it, its direction does not say.
    let writes = job.load.rw.writes() || job.load.rw.trims() || per_file(job);
    if !writes || job.target.allow_mounted_write {
        return Ok(());
    }
    let fresh = targets.iter().filter(|target| guarded.insert(target.path.clone()));
    fresh.into_iter().try_for_each(target::check_write)
}
