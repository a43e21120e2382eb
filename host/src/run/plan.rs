//! Who runs when: jobs become workers, stonewalls become stages, isolation becomes cells. Made by
//! `control` once, at the start, and by `targets` to look at every clone's files. Pure: looks at
//! nothing but the jobs, so the same jobs are always the same plan.

use crate::job::spec::{Isolation, RunSpec};
use serde::{Deserialize, Serialize};

/// One worker to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedWorker {
    /// Its number in the run, and that of its page.
    pub id: u32,
    /// Its job's number.
    pub job: u32,
    /// Which clone of the job.
    pub clone: u32,
    /// Stages run one after the other; a stage is a reporting group.
    pub stage: u32,
    /// Its cell's number.
    pub cell: u32,
}

/// The whole run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// All workers, by id.
    pub workers: Vec<PlannedWorker>,
    /// Number of stages.
    pub stages: u32,
    /// Number of cells.
    pub cells: u32,
}

impl Plan {
    /// Lays the workers out: clones of one job stand side by side, a stonewall begins a stage.
    pub fn new(spec: &RunSpec) -> Plan {
        let mut plan = Plan { workers: Vec::new(), stages: 1, cells: 1 };
        for (job, jobs_spec) in spec.jobs.iter().enumerate() {
            if jobs_spec.process.stonewall && job > 0 {
                plan.stages += 1;
            }
            let cell = match spec.isolation {
                Isolation::Job => job as u32,
                Isolation::Run | Isolation::None => 0,
            };
            plan.cells = cell + 1;
            for clone in 0..jobs_spec.process.numjobs {
                plan.workers.push(PlannedWorker {
                    id: plan.workers.len() as u32,
                    job: job as u32,
                    clone,
                    stage: plan.stages - 1,
                    cell,
                });
            }
        }
        plan
    }

    /// The workers of a stage.
    pub fn stage(&self, stage: u32) -> impl Iterator<Item = &PlannedWorker> {
        self.workers.iter().filter(move |worker| worker.stage == stage)
    }

    /// The workers of a cell.
    pub fn cell(&self, cell: u32) -> impl Iterator<Item = &PlannedWorker> {
        self.workers.iter().filter(move |worker| worker.cell == cell)
    }
}
