//! Gathers the result: every worker's counters, the engines, the disks, the exit status.
//!
//! Called once, at the end. Reads the shared page, which holds everything that was measured
//! whatever became of the cells.

use super::control::{Control, RunRequest};
use super::plan::{Plan, PlannedWorker};
use super::result::{
    DiskFacts, EngineFault, ErrorKind, HostFacts, RunError, RunResult, WorkerResult,
};
use super::words::place;
use crate::catalogue::PluginInfo;
use crate::ddir::Ddir;
use crate::job::spec::{EngineSpec, JobSpec, RunSpec};
use crate::stats::live::WorkerState;
use crate::stats::snapshot::{DirSnapshot, HistogramSnapshot, PhaseSnapshot};
use crate::stats::tester::Tester;
use crate::sys::clock::{clock_name, mono_ns, wall_ms};
use crate::sys::steal::CpuTimes;
use crate::sys::{disks, facts};
use iodyno_engine_api::abi::IOE_F_FAKE;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Exit status of a run that a signal ended.
pub const INTERRUPTED: u8 = 128;

/// The result of a run that is over.
pub(super) fn result(control: &mut Control<'_>) -> RunResult {
    let now_ns = mono_ns();
    let planned = control.plan.workers.clone();
    let workers: Vec<WorkerResult> =
        planned.iter().map(|worker| worker_result(control, worker, now_ns)).collect();
    let of_jobs = workers.chunk_by(|one, next| one.job.name == next.job.name);
    let cut: Vec<String> = of_jobs.filter_map(cut_short).collect();
    cut.into_iter().for_each(|words| control.note(words));
    let jobs = &control.request.spec.jobs;
    let limits: Vec<String> = jobs.iter().filter_map(|job| tester_limit(&workers, job)).collect();
    limits.into_iter().for_each(|words| control.note(words));
    if control.interrupted.is_none() {
        let unjudged = [control.unsteady(), control.unjudged_minima()].concat();
        unjudged.into_iter().for_each(|words| control.note(words));
    }
    RunResult {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        timestamp_ms: wall_ms(),
        global_given: control.request.spec.global_given.clone(),
        fingerprint: control.request.fingerprint.clone(),
        workers,
        plugins: std::mem::take(&mut control.request.plugins),
        exit_status: exit_status(&control.errors, control.interrupted.is_some()),
        errors: std::mem::take(&mut control.errors),
        notes: std::mem::take(&mut control.request.notes),
        disks: control.disks.finish(),
        devices: std::mem::take(&mut control.devices),
        host: host_facts(),
        steal: control
            .cpu_times
            .take()
            .and_then(|(cpus, begin)| CpuTimes::of(&cpus).map(|end| end.since(&begin))),
        null_runs: Vec::new(),
    }
}

/// 2 before 5 before 3 before 1 before 4; a signal counts where nothing went wrong.
pub fn exit_status(errors: &[RunError], interrupted: bool) -> u8 {
    let has = |kind| errors.iter().any(|error| error.kind == kind);
    if has(ErrorKind::Usage) {
        2
    } else if has(ErrorKind::Engine) {
        5
    } else if has(ErrorKind::Miscompare) {
        3
    } else if has(ErrorKind::Io) {
        1
    } else if has(ErrorKind::Unverified) && !interrupted {
        4
    } else if interrupted {
        INTERRUPTED
    } else {
        0
    }
}

fn worker_result(control: &mut Control<'_>, worker: &PlannedWorker, now_ns: u64) -> WorkerResult {
    let given_up = control.tracks[worker.id as usize].given_up.take();
    let mut measure = match given_up {
        Some(measured) => *measured,
        None => control.pages.measured(worker.id).unwrap_or_default(),
    };
    if let Ok(begin) = control.pages.begin(worker.id) {
        control.tracks[worker.id as usize].meet(begin);
    }
    let job = control.job(worker.id).clone();
    drop_unwanted(&mut measure, &job);
    close_phase(&mut measure, control.tracks[worker.id as usize].ended_ns, now_ns);
    let track = &control.tracks[worker.id as usize];
    let over_in_ramp = control.interrupted.is_none()
        && track.ended
        && !track.failed
        && !track.ending
        && measure.begin_ns == 0
        && track.live.state == WorkerState::Done as u64
        && job.time.ramp_time.0 > 0;
    let result = WorkerResult {
        clone: worker.clone,
        group: worker.group,
        tid: track.tid,
        start_ms: track.start_ms,
        elapsed_ns: match track.began_ns {
            0 => 0,
            began_ns => track.ended_ns.max(began_ns) - began_ns,
        },
        error: track.error,
        measure,
        windows: track.windows(),
        steady: control.steady_outcome(worker.id),
        verify: track.verify.clone(),
        identity: track.identity.clone(),
        job,
    };
    if over_in_ramp {
        let name = &result.job.name;
        control.note(format!(
            "job {name} had done its amount before ramp_time was over: nothing was measured"
        ));
    }
    result
}

/// Where clat stands for lat as well, it does so for who wants both.
fn drop_unwanted(measure: &mut PhaseSnapshot, job: &JobSpec) {
    if job.report.disable_lat {
        measure.dirs.iter_mut().for_each(|dir| dir.lat_ns = HistogramSnapshot::default());
    }
}

/// What to say of a job's reads beyond the end of a file.
fn cut_short(clones: &[WorkerResult]) -> Option<String> {
    let reads = clones.iter().map(|worker| worker.measure.dir(Ddir::Read));
    let words = words_on_cut_reads(reads)?;
    Some(format!("{}: {words}", place(&clones.first()?.job)))
}

/// What to say where the tester was measured, and not the engine. An engine that does nothing is
/// there to measure the tester: it is not said of that.
fn tester_limit(workers: &[WorkerResult], job: &JobSpec) -> Option<String> {
    let does_nothing = |engine: &EngineSpec| engine.flags & IOE_F_FAKE != 0;
    if job.engine.all().into_iter().any(does_nothing) {
        return None;
    }
    let mut tester = Tester::default();
    let of_job = workers.iter().filter(|worker| worker.job.name == job.name);
    of_job.for_each(|worker| tester.add(&worker.measure));
    if tester.is_limit() != Some(true) {
        return None;
    }
    let (own_ns, all_ns) = (tester.own_ns()?, tester.request_ns()?);
    let verifies = if job.verifies() { ", verification among it" } else { "" };
    Some(format!(
        "{}: the tester is the limit here: of {all_ns:.0} ns for each request {own_ns:.0} ns are \
         its own{verifies}, so that an engine that takes no time at all would not be twice as \
         fast; do not take the rate for what engine {} can do (try a larger bs, or gtod_reduce=1)",
        place(job),
        job.engine.name,
    ))
}

/// A rate of requests that brought nothing is no rate.
fn words_on_cut_reads<'a>(reads: impl Iterator<Item = &'a DirSnapshot>) -> Option<String> {
    let (cut, all) = reads.fold((0, 0), |(cut, all): (u64, u64), dir| {
        (cut.saturating_add(dir.cut_ios), all.saturating_add(dir.ios))
    });
    (cut > 0).then(|| {
        format!(
            "{cut} of {all} reads met the end of a file and brought less than was asked for; they \
             count as requests, so do not trust the IOPS (was a file cut short during the run?)"
        )
    })
}

/// A worker that died in the middle has no end: it is where its end was seen.
fn close_phase(measure: &mut PhaseSnapshot, ended_ns: u64, now_ns: u64) {
    if measure.begin_ns != 0 && measure.end_ns == 0 {
        measure.end_ns = if ended_ns == 0 { now_ns } else { ended_ns };
    }
}

/// Who a job's engine is.
pub(super) fn fault_facts(request: &RunRequest, job: &JobSpec) -> EngineFault {
    let path = job.engine.plugin.display().to_string();
    let of_job = |plugin: &&PluginInfo| plugin.path == job.engine.plugin;
    let plugin = request.plugins.iter().find(of_job);
    EngineFault {
        name: job.engine.name.clone(),
        id: plugin.map(|plugin| plugin.id.clone()).unwrap_or_default(),
        version: plugin.map(|plugin| plugin.version.clone()).unwrap_or_default(),
        path,
        sha256: job.engine.sha256.clone(),
        ..EngineFault::default()
    }
}

/// The disks under every file and device that the run goes to.
pub(super) fn devices(spec: &RunSpec, plan: &Plan) -> Vec<DiskFacts> {
    let mut paths: BTreeMap<PathBuf, bool> = BTreeMap::new();
    for worker in &plan.workers {
        let job = &spec.jobs[worker.job as usize];
        for path in super::targets::paths(job, worker.clone) {
            *paths.entry(path).or_default() |= job.report.disk_util;
        }
    }
    disks::under(paths.iter().map(|(path, watch)| (path.as_path(), *watch)))
}

/// The CPUs that a run of these jobs may use, and what they have done so far.
pub(super) fn cpu_times(jobs: &[JobSpec]) -> Option<(Vec<u32>, CpuTimes)> {
    let bound = jobs.iter().filter_map(|job| job.process.cpus_allowed.as_ref()).flatten();
    let cpus: Vec<u32> = facts::cpu_ids().into_iter().chain(bound.copied()).collect();
    let times = CpuTimes::of(&cpus)?;
    Some((cpus, times))
}

/// Where this process runs.
pub fn host_facts() -> HostFacts {
    let facts = facts::facts();
    HostFacts {
        hostname: facts.hostname,
        kernel: facts.kernel,
        cpu: facts.cpu,
        cpus: facts.cpus,
        memory_bytes: facts.memory_bytes,
        utc_offset_s: facts.utc_offset_s,
        clock: clock_name().to_owned(),
        loader_environment: facts.loader_environment,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_beyond_the_end_are_told_of_once_for_all_clones() {
        let dir = |ios, cut_ios| DirSnapshot { ios, cut_ios, ..DirSnapshot::default() };
        let clones = [dir(10, 0), dir(20, 7), dir(5, 1)];
        let words = words_on_cut_reads(clones.iter()).expect("some were cut");
        assert!(words.starts_with("8 of 35 reads met the end of a file"), "{words}");
        assert_eq!(words_on_cut_reads(clones[..1].iter()), None);
    }
}
