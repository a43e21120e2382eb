//! What a job will do, in sentences: bytes, requests, files with their sizes, depth, direct or not,
//! duration. Comments of the text that `iodyno lint` prints.
//!
//! Called by `lint` with what `run::targets::explain` saw. Pure: makes text of plain data, looks at
//! nothing and judges nothing; what may surprise is printed by the command itself.

use crate::ddir::Ddir;
use crate::job::spec::{JobSpec, RateProcess, VerifyMethod, VerifyPolicy};
use crate::run::targets::{FileOutlook, WorkerOutlook, ENGINES_OWN};
use crate::stats::figures::{kib, time};
use crate::units::Nanos;
use iodyno_engine_api::abi::{IOE_F_DISKLESS, IOE_F_NOIO, IOE_F_PER_FILE, IOE_F_SYNC};

/// Files of a worker that are shown one by one.
const FILES_SHOWN: usize = 8;

/// The lines about one job; `workers` are its clones.
pub(super) fn lines(job: &JobSpec, workers: &[&WorkerOutlook]) -> Vec<String> {
    let mut lines = vec![who(job, workers), format!("asks for {}", load(job))];
    lines.extend(amounts(job, workers));
    lines.extend(verified(job));
    lines.push(format!("lasts {}", duration(job)));
    if let Some(first) = workers.first() {
        lines.extend(files(job, first));
        if workers.len() > 1 {
            lines.push(others(first, &workers[1..]));
        }
    }
    lines
}

/// "2 workers at once, depth 8 each, in stage 1".
fn who(job: &JobSpec, workers: &[&WorkerOutlook]) -> String {
    let clones = job.process.numjobs;
    let s = if clones == 1 { "" } else { "s" };
    let stage = workers.first().map_or(0, |worker| worker.stage) + 1;
    let depth = match (job.engine.flags & IOE_F_SYNC != 0, job.depth.offload) {
        (true, false) => "one request at a time".to_owned(),
        (_, true) => format!("up to {} at once, each on a thread of its own", job.depth.iodepth),
        (false, false) if job.depth.iodepth == 1 => "one request at a time".to_owned(),
        (false, false) => format!("up to {} at once", job.depth.iodepth),
    };
    format!("{clones} worker{s} in stage {stage}, engine {}, {depth}", job.engine.shown())
}

/// "randrw (70 % reads) of 4KiB, O_DIRECT".
fn load(job: &JobSpec) -> String {
    let load = &job.load;
    if job.engine.flags & IOE_F_NOIO != 0 {
        return "no I/O".to_owned();
    }
    if job.engine.flags & IOE_F_PER_FILE != 0 {
        let counted: Vec<&str> = used(job).map(Ddir::name).collect();
        let what = format!("whole files, a request each, counted as {}", counted.join(" and "));
        return what + &rate(job);
    }
    let rw = load.rw;
    let mut text = rw.name().to_owned();
    if rw.is_mixed() {
        text.push_str(&format!(" ({} % reads)", load.rwmixread));
    }
    let mut sizes: Vec<String> = Vec::new();
    for ddir in used(job) {
        let bs = load.bs[ddir];
        let size = match bs.min == bs.max {
            true => kib(bs.min.0),
            false => format!("{} to {}", kib(bs.min.0), kib(bs.max.0)),
        };
        if !sizes.contains(&size) {
            sizes.push(size);
        }
    }
    text.push_str(&format!(" of {}", sizes.join(" / ")));
    text.push_str(match (job.engine.flags & IOE_F_DISKLESS != 0, job.target.direct) {
        (true, _) => "",
        (false, true) => ", O_DIRECT",
        (false, false) => ", through the page cache",
    });
    text + &rate(job)
}

fn used(job: &JobSpec) -> impl Iterator<Item = Ddir> {
    let rw = job.load.rw;
    let all = [(rw.reads(), Ddir::Read), (rw.writes(), Ddir::Write), (rw.trims(), Ddir::Trim)];
    all.into_iter().filter(|(used, _)| *used).map(|(_, ddir)| ddir)
}

fn rate(job: &JobSpec) -> String {
    let pace = &job.pace;
    let mut limits = Vec::new();
    for ddir in used(job) {
        let name = ddir.name();
        limits.extend(pace.rate[ddir].map(|rate| format!("{}/s of {name}", kib(rate.0))));
        limits.extend(pace.rate_iops[ddir].map(|rate| format!("{rate} {name} requests/s")));
    }
    if limits.is_empty() {
        return String::new();
    }
    let process = match pace.rate_process {
        RateProcess::Linear => "at equal distances",
        RateProcess::Poisson => "by the law of Poisson",
    };
    format!(", at most {} {process}", limits.join(", "))
}

/// What each worker transfers, and all of them.
fn amounts(job: &JobSpec, workers: &[&WorkerOutlook]) -> Option<String> {
    let first = workers.first()?;
    if job.engine.flags & IOE_F_NOIO != 0 {
        return None;
    }
    if let Some(requests) = first.requests_per_loop {
        if job.engine.flags & IOE_F_PER_FILE != 0 && !job.target.create_only {
            let files = format!("does {requests} files by each worker");
            return Some(files + &again(job));
        }
    }
    if job.target.create_only {
        return Some("transfers nothing: the files are laid out, and that is all".to_owned());
    }
    let Some(bytes) = first.bytes_per_loop else {
        return Some(unbounded(job, first));
    };
    // A number of requests that ends it before the bytes do.
    let most =
        job.load.number_ios.filter(|most| first.requests_per_loop.is_none_or(|n| n >= *most));
    let mut text = match (most, first.requests_per_loop) {
        (Some(most), _) => {
            format!("transfers at most {most} requests and at most {}", kib(bytes))
        }
        (None, Some(requests)) => format!("transfers {} in {requests} requests", kib(bytes)),
        (None, None) => format!("transfers {}", kib(bytes)),
    };
    text.push_str(" by each worker");
    text.push_str(&again(job));
    let total = workers.iter().map(|worker| worker.bytes_per_loop.unwrap_or(0));
    let total = total.fold(0, u64::saturating_add);
    if workers.len() > 1 && most.is_none() {
        text.push_str(&format!(" ({} by all of them in one loop)", kib(total)));
    }
    Some(text)
}

/// ", 3 times".
fn again(job: &JobSpec) -> String {
    match (job.time.time_based, job.time.loops) {
        (true, _) => ", again and again until its time is up".to_owned(),
        (false, 0 | 1) => String::new(),
        (false, loops) => format!(", {loops} times"),
    }
}

/// What a worker transfers of which nobody knows how much it is.
fn unbounded(job: &JobSpec, worker: &WorkerOutlook) -> String {
    if worker.problem.is_some() {
        return "cannot run as things are: what it transfers is not known".to_owned();
    }
    let end = match job.load.fill_device {
        true => "until there is no more room",
        false => "as much as the engine has",
    };
    let most = job.load.number_ios.map(|most| format!(", at most {most} requests"));
    format!("transfers {end}{}", most.unwrap_or_default())
}

/// "verifies what it wrote, once all is written: stamp and crc32c of each 4KiB".
fn verified(job: &JobSpec) -> Option<String> {
    let verify = &job.verify;
    let method = verify.method?;
    let smallest = used(job).map(|ddir| job.load.bs[ddir].min.0).min().unwrap_or(0);
    let interval = match verify.interval.0 {
        0 => smallest,
        interval => interval,
    };
    let by = match method {
        VerifyMethod::Pattern => "verify_pattern in".to_owned(),
        VerifyMethod::PatternHdr => "stamp and verify_pattern of".to_owned(),
        VerifyMethod::Meta => "the stamp, and no more, of".to_owned(),
        VerifyMethod::Null => "nothing at all (verify=null) of".to_owned(),
        method => format!("stamp and {} of", method.name()),
    };
    let writes = job.load.rw.writes();
    let what = match (verify.do_verify, verify.verify_only, writes) {
        (false, ..) if writes => "verifies nothing, but prepares what it writes for it".to_owned(),
        (false, ..) => return Some("verifies nothing (do_verify=0)".to_owned()),
        (true, ..) if verify.state_load => {
            "writes nothing, and verifies what a saved state says must be there".to_owned()
        }
        (true, true, _) => "writes nothing, and verifies what an earlier run wrote".to_owned(),
        (true, false, false) => "verifies what it reads, of whatever run it is".to_owned(),
        (true, false, true) if verify.backlog > 0 => {
            format!("verifies what it wrote, after each {} writes and in the end", verify.backlog)
        }
        (true, false, true) => "verifies what it wrote, once all is written".to_owned(),
    };
    let what = match verify.run {
        Some(id) if !writes => format!("verifies what it reads, of run {id:016x} alone"),
        _ => what,
    };
    let mut text = format!("{what}: {by} each {}", kib(interval));
    if verify.policy == VerifyPolicy::Fsynced && writes {
        text.push_str(", as far as a flush covered it");
    }
    match verify.threads {
        0 => {}
        1 => text.push_str(", with a thread for it"),
        threads => text.push_str(&format!(", with {threads} threads for it")),
    }
    Some(text)
}

/// "5s, after 1s of ramp that is not measured".
fn duration(job: &JobSpec) -> String {
    let spec = &job.time;
    let show = |nanos: Nanos| {
        let text = time(nanos.0);
        text.replace(".00", "")
    };
    let mut text = match (spec.runtime, spec.time_based) {
        (Some(runtime), true) => show(runtime),
        (Some(runtime), false) => format!("until that is done, {} at most", show(runtime)),
        (None, _) => "until that is done".to_owned(),
    };
    if spec.ramp_time.0 > 0 {
        text.push_str(&format!(", after {} of ramp, unmeasured", show(spec.ramp_time)));
    }
    let (from, to) = spec.startdelay;
    if to.0 > 0 && from == to {
        text.push_str(&format!(", begins {} late", show(to)));
    } else if to.0 > 0 {
        text.push_str(&format!(", begins {} to {} late", show(from), show(to)));
    }
    if let Some(other) = &job.process.wait_for {
        text.push_str(&format!(", begins when job {other} is through"));
    }
    if let Some(steady) = &spec.steadystate {
        let sign = if steady.percent { "%" } else { "" };
        let rule =
            format!("{}:{}{sign} for {}", steady.name(), steady.limit, show(steady.duration));
        text.push_str(&format!(", ends earlier once steady ({rule})"));
    }
    if job.pace.latency_target.is_some_and(|search| !search.run) {
        text.push_str(", ends earlier once the depth for latency_target is found");
    }
    text
}

fn files(job: &JobSpec, worker: &WorkerOutlook) -> Vec<String> {
    let shown = worker.files.iter().take(FILES_SHOWN);
    let mut lines: Vec<String> = shown.map(|outlook| file(outlook, job.load.fill_device)).collect();
    let more = worker.files.len().saturating_sub(FILES_SHOWN);
    if more > 0 {
        lines.push(format!("... and {more} files more"));
    }
    lines
}

/// "a.0.0: new file of 64MiB, which are written before the start".
fn file(file: &FileOutlook, fills: bool) -> String {
    // What an engine makes up has no size before it is used.
    if file.size_laid_out == 0 && file.kind == ENGINES_OWN {
        let len = file.len.map(|len| format!(", {} of it used", kib(len)));
        return format!("{}: {}{}", file.path.display(), file.kind, len.unwrap_or_default());
    }
    let mut text = format!("{}: {} of {}", file.path.display(), file.kind, kib(file.size_laid_out));
    if file.filled > 0 {
        text.push_str(&format!(", {} written before the start", kib(file.filled)));
    }
    if file.reserved > 0 {
        text.push_str(&format!(", {} set aside before the start", kib(file.reserved)));
    }
    match file.len {
        None if fills => text.push_str(", written until there is no space left"),
        // Nobody knows yet, and what keeps it from being known is told.
        None => {}
        Some(len) if file.offset > 0 || len != file.size_laid_out => {
            text.push_str(&format!(", used from {} for {}", kib(file.offset), kib(len)));
        }
        Some(_) => {}
    }
    match file.direct {
        _ if file.direct_reason.is_empty() => {}
        Some(false) => text.push_str(&format!("; O_DIRECT does not work: {}", file.direct_reason)),
        _ => text.push_str(&format!("; O_DIRECT: {}", file.direct_reason)),
    }
    text
}

fn others(first: &WorkerOutlook, others: &[&WorkerOutlook]) -> String {
    let names = |worker: &WorkerOutlook| -> Vec<std::path::PathBuf> {
        worker.files.iter().map(|file| file.path.clone()).collect()
    };
    match (others.iter().all(|other| names(other) == names(first)), others.len()) {
        (true, _) => "its clones use the same files".to_owned(),
        (false, 1) => "the other clone has files of its own".to_owned(),
        (false, more) => format!("the other {more} clones have files of their own"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::{engines_wanted, fixtures, parse, resolve};
    use crate::job::{Catalogue, Overrides, Source};
    use insta::assert_snapshot;

    fn job(text: &str) -> JobSpec {
        let sources = [Source::new("job.fio", text)];
        let env = fixtures::test_environment();
        let raw = parse(&sources, &env).expect("good form");
        let overrides = Overrides::default();
        let wishes = engines_wanted(&raw, &overrides);
        let catalogue = Catalogue::look_up(&wishes, fixtures::known(), &fixtures::find);
        resolve(&raw, &overrides, &catalogue, &env).expect("a good job").spec.jobs.remove(0)
    }

    fn one_file(name: &str) -> FileOutlook {
        FileOutlook {
            path: name.into(),
            kind: "new file",
            size: 0,
            size_laid_out: 64 << 20,
            offset: 0,
            len: Some(64 << 20),
            direct: None,
            direct_reason: String::new(),
            filled: 64 << 20,
            reserved: 0,
        }
    }

    #[test]
    fn clones_of_a_timed_mix() {
        let job = job("[a]\nioengine=vast\nrw=randrw\nrwmixread=70\nbs=4k,64k\nsize=64m\n\
                       iodepth=8\nnumjobs=2\nruntime=5\ntime_based\nramp_time=1\ndirect=1\n\
                       rate_iops=100\nrate_process=poisson\nstartdelay=1-2\n");
        let worker = |clone| WorkerOutlook {
            clone,
            files: vec![FileOutlook {
                direct: Some(false),
                direct_reason: "tmpfs does not take it".to_owned(),
                ..one_file(&format!("a.{clone}.0"))
            }],
            bytes_per_loop: Some(64 << 20),
            ..WorkerOutlook::default()
        };
        let workers = [worker(0), worker(1)];
        assert_snapshot!(lines(&job, &[&workers[0], &workers[1]]).join("\n"));
    }

    #[test]
    fn many_files_and_no_end() {
        let job = job("[a]\nrw=write\nsize=64m\nfill_device=1\nnrfiles=10\nloops=3\n\
                       steadystate=iops_slope:0.3%\nsteadystate_duration=10\n");
        let worker = WorkerOutlook {
            files: (0..10).map(|file| one_file(&format!("a.0.{file}"))).collect(),
            ..WorkerOutlook::default()
        };
        assert_snapshot!(lines(&job, &[&worker]).join("\n"));
        let counted = WorkerOutlook {
            bytes_per_loop: Some(640 << 20),
            requests_per_loop: Some(163_840),
            files: vec![FileOutlook { offset: 4096, len: Some(1 << 20), ..one_file("x") }],
            ..WorkerOutlook::default()
        };
        assert_snapshot!(lines(&job, &[&counted]).join("\n"));
    }

    #[test]
    fn what_ends_a_job_is_told() {
        let counted = WorkerOutlook {
            bytes_per_loop: Some(1 << 20),
            requests_per_loop: Some(30),
            ..WorkerOutlook::default()
        };
        let refused = WorkerOutlook {
            problem: Some("no such directory".to_owned()),
            files: vec![FileOutlook { len: None, ..one_file("x") }],
            ..WorkerOutlook::default()
        };
        let made_up = WorkerOutlook {
            files: vec![FileOutlook { kind: ENGINES_OWN, size_laid_out: 0, ..one_file("x") }],
            ..counted.clone()
        };
        let nobody_knows = WorkerOutlook { files: Vec::new(), problem: None, ..refused.clone() };
        let cases = [
            ("number_ios=30\n", &counted, "transfers at most 30 requests and at most 1024KiB by"),
            ("number_ios=31\n", &counted, "transfers 1024KiB in 30 requests by each worker"),
            ("create_only=1\n", &counted, "transfers nothing: the files are laid out"),
            ("", &refused, "cannot run as things are: what it transfers is not known"),
            ("", &nobody_knows, "transfers as much as the engine has"),
            ("", &made_up, "x: engine's own, 64.0MiB of it used"),
            (
                "fill_device=1\n",
                &refused,
                "x: new file of 64.0MiB, 64.0MiB written before the start, \
              written until there is no space left",
            ),
            (
                "fill_device=1\nnumber_ios=9\n",
                &nobody_knows,
                "transfers until there is no more room, at most 9 requests",
            ),
            (
                "latency_target=1ms\nlatency_window=1s\n",
                &counted,
                "ends earlier once the depth for latency_target is found",
            ),
            (
                "latency_target=1ms\nlatency_window=1s\nlatency_run=1\n",
                &counted,
                "lasts until that is done\n",
            ),
        ];
        for (options, worker, expected) in cases {
            let job = job(&format!("[a]\nrw=write\nsize=64m\n{options}"));
            let text = lines(&job, &[worker]).join("\n") + "\n";
            assert!(text.contains(expected), "{options}: {text}");
            let fills = options.contains("fill_device");
            assert_eq!(text.contains("no space left"), fills && !worker.files.is_empty(), "{text}");
        }
    }
    #[test]
    fn what_is_verified_is_told() {
        for (options, expected) in [
            ("rw=write\nverify=crc32c", "once all is written: stamp and crc32c of each 4096B"),
            (
                "rw=write\nverify=md5\nverify_backlog=64\nbs=64k\nverify_interval=8k",
                "after each 64 writes and in the end: stamp and md5 of each 8192B",
            ),
            ("rw=read\nverify=meta", "of whatever run it is: the stamp, and no more, of each"),
            ("rw=read\nverify=md5\nverify_async=2", "of each 4096B, with 2 threads for it"),
            ("rw=read\nverify=md5\nverify_run=00000000deadbeef", "of run 00000000deadbeef alone"),
            ("rw=write\nverify=md5\ndo_verify=0", "verifies nothing, but prepares what it writes"),
            (
                "rw=write\nverify=pattern\nverify_pattern=%o\nverify_only=1",
                "writes nothing, and verifies what an earlier run wrote: verify_pattern",
            ),
            (
                "rw=write\nverify=md5\nverify_policy=fsynced\nend_fsync=1",
                "as far as a flush covered it",
            ),
        ] {
            let job = job(&format!("[a]\nsize=64m\n{options}\n"));
            let text = lines(&job, &[]).join("\n");
            assert!(text.contains(expected), "{options}: {text}");
        }
        assert!(!lines(&job("[a]\nsize=1m\n"), &[]).join("\n").contains("verif"));
    }
}
