//! Who runs when: jobs become workers, stonewalls become stages, `wait_for` becomes waves, and
//! isolation becomes cells. Made by `control` once, at the start, and by `targets` to look at every
//! clone's files. Pure: looks at nothing but the jobs, so the same jobs are always the same plan.

use crate::job::spec::{Isolation, JobSpec, RunSpec};
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// One worker to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedWorker {
    /// Its number in the run, and that of its page.
    pub id: u32,
    /// Its job's number.
    pub job: u32,
    /// Which clone of the job.
    pub clone: u32,
    /// Stages run one after the other.
    pub stage: u32,
    /// Its wave: workers of a wave are set up and start together.
    pub wave: u32,
    /// Its reporting group: a stage begins one, and so does `new_group`.
    pub group: u32,
    /// Its cell's number.
    pub cell: u32,
}

/// Workers of a stage that start together: all those that wait for nobody, or the clones of a job
/// that waits for another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wave {
    /// Its stage.
    pub stage: u32,
    /// The job that has to be through before it is set up.
    pub after: Option<u32>,
}

/// The whole run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// All workers, by id.
    pub workers: Vec<PlannedWorker>,
    /// All waves, by number; those of a stage stand together, not always in the order of jobs.
    pub waves: Vec<Wave>,
    /// Number of stages.
    pub stages: u32,
    /// Number of cells.
    pub cells: u32,
    /// By wave: ids of its workers.
    of_waves: Vec<Vec<u32>>,
    /// By job: its first worker.
    of_jobs: Vec<u32>,
}

impl Plan {
    /// Lays the workers out: clones of one job stand side by side, a stonewall begins a stage.
    pub fn new(spec: &RunSpec) -> Plan {
        let mut plan = Plan {
            workers: Vec::new(),
            waves: vec![Wave { stage: 0, after: None }],
            stages: 1,
            cells: 1,
            of_waves: vec![Vec::new()],
            of_jobs: Vec::with_capacity(spec.jobs.len()),
        };
        let mut names: BTreeMap<&str, u32> = BTreeMap::new();
        let mut group = 0;
        // The wave of this stage's jobs that wait for nobody.
        let mut common = 0;
        for (job, job_spec) in spec.jobs.iter().enumerate() {
            let process = &job_spec.process;
            if process.stonewall && job > 0 {
                plan.stages += 1;
                common = plan.add_wave(None);
            }
            if (process.stonewall || process.new_group) && job > 0 {
                group += 1;
            }
            let cell = match spec.isolation {
                Isolation::Job => job as u32,
                Isolation::Run | Isolation::None => 0,
            };
            plan.cells = cell + 1;
            let wave = match plan.waits_for(&names, job_spec) {
                Some(after) => plan.add_wave(Some(after)),
                None => common,
            };
            plan.of_jobs.push(plan.workers.len() as u32);
            names.entry(&job_spec.name).or_insert(job as u32);
            for clone in 0..process.numjobs {
                plan.of_waves[wave as usize].push(plan.workers.len() as u32);
                plan.workers.push(PlannedWorker {
                    id: plan.workers.len() as u32,
                    job: job as u32,
                    clone,
                    stage: plan.stages - 1,
                    wave,
                    group,
                    cell,
                });
            }
        }
        plan
    }

    fn add_wave(&mut self, after: Option<u32>) -> u32 {
        self.waves.push(Wave { stage: self.stages - 1, after });
        self.of_waves.push(Vec::new());
        self.waves.len() as u32 - 1
    }

    /// The job of the present stage that `job` waits for; one of an earlier stage is through by
    /// then.
    fn waits_for(&self, before: &BTreeMap<&str, u32>, job: &JobSpec) -> Option<u32> {
        let name = job.process.wait_for.as_ref()?;
        let after = *before.get(name.as_str())?;
        let stage = self.stages - 1;
        self.job(after).iter().any(|it| it.stage == stage).then_some(after)
    }

    /// The workers of a job, which stand side by side.
    pub fn job(&self, job: u32) -> &[PlannedWorker] {
        let first = |job: usize| self.of_jobs.get(job).copied();
        let Some(begin) = first(job as usize) else { return &[] };
        let end = first(job as usize + 1).map_or(self.workers.len(), |end| end as usize);
        &self.workers[begin as usize..end]
    }

    /// The workers of a stage: its jobs stand side by side.
    pub fn stage(&self, stage: u32) -> impl Iterator<Item = &PlannedWorker> {
        self.equal(|worker| worker.stage.cmp(&stage))
    }

    /// The workers of a wave.
    pub fn wave(&self, wave: u32) -> impl Iterator<Item = &PlannedWorker> {
        let ids = self.of_waves.get(wave as usize).map_or(&[][..], |ids| ids);
        ids.iter().map(|&id| &self.workers[id as usize])
    }

    /// The workers of a cell: its jobs stand side by side.
    pub fn cell(&self, cell: u32) -> impl Iterator<Item = &PlannedWorker> {
        self.equal(|worker| worker.cell.cmp(&cell))
    }

    /// Those of one kind, where the kinds come in order.
    fn equal(
        &self,
        kind: impl Fn(&PlannedWorker) -> Ordering,
    ) -> std::slice::Iter<'_, PlannedWorker> {
        let begin = self.workers.partition_point(|worker| kind(worker).is_lt());
        let end = self.workers.partition_point(|worker| kind(worker).is_le());
        self.workers[begin..end].iter()
    }

    /// Whether all clones of the job `first` are through before `worker` is set up, because of a
    /// stonewall or of `wait_for`.
    pub fn is_through_before(&self, first: u32, worker: &PlannedWorker) -> bool {
        let of_job = |job| self.job(job).first();
        let mut later = worker;
        loop {
            if of_job(first).is_some_and(|first| first.stage < later.stage) {
                return true;
            }
            match self.waves[later.wave as usize].after {
                Some(after) if after == first => return true,
                Some(after) => match of_job(after) {
                    Some(waited_for) => later = waited_for,
                    None => return false,
                },
                None => return false,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Jobs a, b, c ... from words: `|` stonewall, `+` new_group, `<X` wait_for=X, a number of
    /// clones.
    fn spec(jobs: &[&str]) -> RunSpec {
        let job = |(index, words): (usize, &&str)| {
            let mut job =
                JobSpec { name: ((b'a' + index as u8) as char).into(), ..JobSpec::default() };
            job.process.numjobs = 1;
            for word in words.split_whitespace() {
                match word.split_at(1) {
                    ("|", _) => job.process.stonewall = true,
                    ("+", _) => job.process.new_group = true,
                    ("<", name) => job.process.wait_for = Some(name.to_owned()),
                    _ => job.process.numjobs = word.parse().unwrap(),
                }
            }
            job
        };
        RunSpec {
            global_given: Vec::new(),
            isolation: Isolation::Run,
            jobs: jobs.iter().enumerate().map(job).collect(),
        }
    }

    #[test]
    fn stages_waves_and_groups() {
        // (jobs, for each worker: stage, wave, group; for each wave: stage, after)
        type Row<'a> = (&'a [&'a str], &'a [(u32, u32, u32)], &'a [(u32, Option<u32>)]);
        let table: &[Row<'_>] = &[
            (&["", ""], &[(0, 0, 0), (0, 0, 0)], &[(0, None)]),
            (&["| +", "+"], &[(0, 0, 0), (0, 0, 1)], &[(0, None)]),
            (&["", "| +"], &[(0, 0, 0), (1, 1, 1)], &[(0, None), (1, None)]),
            (
                &["2", "<a", "<b", ""],
                &[(0, 0, 0), (0, 0, 0), (0, 1, 0), (0, 2, 0), (0, 0, 0)],
                &[(0, None), (0, Some(0)), (0, Some(1))],
            ),
            // The job that is waited for is of an earlier stage.
            (&["", "| <a"], &[(0, 0, 0), (1, 1, 1)], &[(0, None), (1, None)]),
            (
                &["", "|", "<b"],
                &[(0, 0, 0), (1, 1, 1), (1, 2, 1)],
                &[(0, None), (1, None), (1, Some(1))],
            ),
        ];
        for (jobs, workers, waves) in table {
            let plan = Plan::new(&spec(jobs));
            let seen: Vec<_> =
                plan.workers.iter().map(|it| (it.stage, it.wave, it.group)).collect();
            assert_eq!(seen, *workers, "{jobs:?}");
            let seen: Vec<_> = plan.waves.iter().map(|it| (it.stage, it.after)).collect();
            assert_eq!(seen, *waves, "{jobs:?}");
        }
    }

    #[test]
    fn who_is_through_before_whom() {
        let plan = Plan::new(&spec(&["", "<a", "<b", "", "| "]));
        for (first, later, through) in
            [(0, 1, true), (0, 2, true), (1, 2, true), (0, 3, false), (3, 2, false), (3, 4, true)]
        {
            let worker = &plan.workers[later];
            assert_eq!(plan.is_through_before(first, worker), through, "{first} before {later}");
        }
    }
}
