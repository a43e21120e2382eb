//! `iodyno run --profile-harness`, the part that stands beside each job: the same shape of load
//! with the engine null, which takes no time, so that what is left is the tester's. Called by
//! `run`, after the jobs themselves. Never touches a target: null has none.

use super::args::EngineSearch;
use super::jobs;
use crate::catalogue::PluginInfo;
use crate::job::spec::{
    Amount, EngineSpec, Isolation, JobSpec, PaceSpec, ProcessSpec, ReportSpec, RunSpec, TargetSpec,
    TimeSpec, VerifySpec,
};
use crate::job::{Overrides, Source};
use crate::run::control::{self, RunRequest};
use crate::run::result::{NullRun, RunResult};
use crate::stats::tester::Tester;
use crate::units::{Bytes, Nanos};
use iodyno_engine_api::abi::IOE_F_SYNC;

/// So long each of them runs, after a tenth of it that does not count.
const RUNTIME: Nanos = Nanos(200_000_000);

/// A target of that size, where the job has the size of its file.
const SIZE: Bytes = Bytes(1 << 30);

/// Asks the workers for a profile.
pub(super) fn ask(spec: &mut RunSpec) {
    spec.jobs.iter_mut().for_each(|job| job.report.profile_harness = true);
}

/// Runs each job's shape with null, and puts what came of it into the result.
pub(super) fn add_null_runs(result: &mut RunResult, spec: &RunSpec, search: &EngineSearch) {
    for job in &spec.jobs {
        let ns_per_io = null_run(job, search);
        if let Ok(ns) = ns_per_io {
            result.notes.extend(limit(result, job, ns));
        }
        result.null_runs.push(NullRun { job: job.name.clone(), ns_per_io });
    }
}

/// The tester is the limit, of a job whose workers could not tell it themselves.
fn limit(result: &RunResult, job: &JobSpec, null_ns: f64) -> Option<String> {
    let mut tester = Tester::default();
    let of_job = result.workers.iter().filter(|worker| worker.job.name == job.name);
    of_job.for_each(|worker| tester.add(&worker.measure));
    let all_ns = tester.request_ns().filter(|all_ns| null_ns * 2.0 > *all_ns)?;
    let is_null = job.engine.name == "null";
    (!is_null && tester.is_limit().is_none()).then(|| {
        format!(
            "job {}: the tester is the limit here: a request takes {all_ns:.0} ns, and with an \
             engine that does nothing {null_ns:.0} ns: not twice as fast",
            job.name
        )
    })
}

/// A worker's time per request, or why there is none.
fn null_run(job: &JobSpec, search: &EngineSearch) -> Result<f64, String> {
    if job.engine.no_io || job.engine.whole_files {
        return Err(format!("requests of {} have no counterpart", job.engine.name));
    }
    if job.load.zbd.is_some() {
        return Err("zones cannot be had without a device".to_owned());
    }
    let (engine, plugins) = null(job, search)?;
    let spec = RunSpec {
        global_given: Vec::new(),
        isolation: Isolation::Run,
        jobs: vec![same_shape(job, engine)],
    };
    let request = RunRequest { spec, plugins, fingerprint: String::new(), notes: Vec::new() };
    let result = control::run(request, &mut |_| {}).map_err(|error| error.to_string())?;
    if let Some(error) = result.errors.first() {
        return Err(error.message.clone());
    }
    let mut tester = Tester::default();
    result.workers.iter().for_each(|worker| tester.add(&worker.measure));
    tester.request_ns().ok_or_else(|| "it made no requests".to_owned())
}

/// The engine null, which answers where the job's engine does: in `queue`, or later.
fn null(job: &JobSpec, search: &EngineSearch) -> Result<(EngineSpec, Vec<PluginInfo>), String> {
    let is_sync = job.engine.flags & IOE_F_SYNC != 0 || job.depth.iodepth == 1;
    let completion = if is_sync { "sync" } else { "async" };
    let text = format!(
        "[[job]]\nname = \"null\"\nioengine = \"null\"\nsize = 4096\n\
         iodepth = {}\nnull.completion = \"{completion}\"\n",
        job.depth.iodepth
    );
    let sources = vec![Source::new("profile.toml", text)];
    let found = jobs::resolve_sources(sources, &Overrides::default(), search);
    let jobs = found.map_err(|unfit| match unfit.diagnostics.first() {
        Some(first) => first.located(&unfit.sources),
        None => "engine null cannot be had".to_owned(),
    })?;
    let mut specs = jobs.resolved.spec.jobs.into_iter();
    let engine = specs.next().map(|job| job.engine).ok_or("engine null cannot be had")?;
    Ok((engine, jobs.plugins))
}

/// The same requests in the same batches, as fast as they go, by one worker, without a target.
fn same_shape(job: &JobSpec, engine: EngineSpec) -> JobSpec {
    let mut shape = job.clone();
    shape.engine = engine;
    shape.load.size = shape.load.size.filter(|size| matches!(size, Amount::Bytes(_)));
    shape.load.size.get_or_insert(Amount::Bytes(SIZE));
    (shape.load.io_size, shape.load.number_ios) = (None, None);
    shape.load.fill_device = false;
    shape.depth.offload = false;
    shape.target = TargetSpec { nrfiles: job.target.nrfiles, ..TargetSpec::default() };
    shape.time = TimeSpec {
        runtime: Some(RUNTIME),
        time_based: true,
        ramp_time: Nanos(RUNTIME.0 / 10),
        loops: 1,
        ..TimeSpec::default()
    };
    shape.pace = PaceSpec::default();
    shape.process = ProcessSpec {
        numjobs: 1,
        thread: true,
        cpus_allowed: job.process.cpus_allowed.clone(),
        ..ProcessSpec::default()
    };
    shape.verify = VerifySpec::default();
    shape.report = ReportSpec { disk_util: false, profile_harness: false, ..job.report.clone() };
    shape
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shape_is_the_jobs_and_nothing_else() {
        let mut job = JobSpec { name: "a".to_owned(), ..JobSpec::default() };
        job.depth.iodepth = 32;
        job.load.size = Some(Amount::Percent(10));
        job.target.filename = vec!["/dev/sda".to_owned()];
        job.pace.rate_iops.read = Some(5);
        job.process.numjobs = 8;
        job.report.gtod_reduce = true;
        let shape = same_shape(&job, EngineSpec { name: "null".to_owned(), ..Default::default() });
        assert_eq!((shape.depth, shape.load.rw), (job.depth, job.load.rw));
        assert_eq!(shape.load.size, Some(Amount::Bytes(SIZE)));
        assert!(shape.target.filename.is_empty(), "a target is not touched");
        assert_eq!(shape.pace.rate_iops.read, None);
        assert_eq!((shape.process.numjobs, shape.report.gtod_reduce), (1, true));
        assert!(shape.time.time_based && shape.time.runtime == Some(RUNTIME));
        assert!(!shape.verifies() && !shape.report.profile_harness);
    }
}
