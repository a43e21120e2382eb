//! The room as a whole: what a job file means, and what a user reads where it means nothing.
//!
//! Goes from text to the resolved run, with the engines of `fixtures`; single values and lines have
//! their tests in the files that read them.

use super::fixtures::{resolved, test_environment};
use super::spec::{Amount, ErrorsSpec, Isolation, JobSpec, NumaPolicy, Rw, UnifiedRw};
use super::*;
use crate::catalogue::EngineValue;
use crate::units::{Bytes, Nanos};
use proptest::prelude::*;

fn ini(text: &str) -> Vec<Source> {
    vec![Source::new("job.fio", text)]
}

fn toml(text: &str) -> Vec<Source> {
    vec![Source::new("job.toml", text)]
}

fn sets(sets: &[&str]) -> Overrides {
    Overrides { sets: sets.iter().map(|s| (*s).to_owned()).collect(), ..Overrides::default() }
}

fn rendered(result: Result<Resolved, Vec<Diagnostic>>, sources: &[Source]) -> String {
    match result {
        Ok(resolved) => render(&resolved.warnings, sources, false),
        Err(diagnostics) => render(&diagnostics, sources, false),
    }
}

/// What a user reads about a job file.
fn told(sources: &[Source]) -> String {
    rendered(resolved(sources, &Overrides::default()), sources)
}

fn messages(sources: &[Source], overrides: &Overrides) -> Vec<String> {
    let words = |d: &Diagnostic| {
        let kind = if d.is_error() { "error" } else { "warning" };
        format!("{kind}: {}", d.message)
    };
    match resolved(sources, overrides) {
        Ok(resolved) => resolved.warnings.iter().map(words).collect(),
        Err(diagnostics) => diagnostics.iter().map(words).collect(),
    }
}

fn jobs(sources: &[Source], overrides: &Overrides) -> Vec<JobSpec> {
    match resolved(sources, overrides) {
        Ok(resolved) => resolved.spec.jobs,
        Err(diagnostics) => panic!("{}", render(&diagnostics, sources, false)),
    }
}

fn job(sources: &[Source]) -> JobSpec {
    jobs(sources, &Overrides::default()).remove(0)
}

#[test]
fn defaults_are_those_of_fio() {
    let job = job(&ini("[a]\nsize=1m\n"));
    assert_eq!(job.name, "a");
    assert_eq!((job.origin.file.as_str(), job.origin.line), ("job.fio", 1));
    assert_eq!(job.given, vec![("size".to_owned(), "1m".to_owned())]);
    assert_eq!((job.engine.asked.as_str(), job.engine.name.as_str()), ("psync", "psync"));
    assert_eq!(job.load.rw, Rw::Read);
    assert!(job.load.bs.iter().all(|(_, bs)| bs.min == Bytes(4096) && bs.max == Bytes(4096)));
    assert_eq!(job.load.size, Some(Amount::Bytes(Bytes(1 << 20))));
    assert_eq!((job.load.io_size, job.load.offset, job.load.number_ios), (None, None, None));
    assert_eq!((job.load.rwmixread, job.load.randrepeat, job.load.randseed), (50, true, 0x89));
    assert_eq!((job.depth.iodepth, job.depth.batch_submit, job.depth.low), (1, 1, 1));
    assert_eq!((job.depth.batch_complete_min, job.depth.batch_complete_max), (1, 1));
    assert_eq!((job.time.runtime, job.time.ramp_time, job.time.loops), (None, Nanos(0), 1));
    assert_eq!((job.target.nrfiles, job.target.invalidate, job.process.numjobs), (1, true, 1));
    assert_eq!(job.pace.ratecycle, Nanos::SECOND);
    assert_eq!((job.pace.thinktime, job.pace.thinktime_blocks), (Nanos(0), 0));
    assert_eq!((job.pace.flow, job.pace.latency_target, job.time.steadystate), (None, None, None));
    assert_eq!((job.time.startdelay, job.process.nice), ((Nanos(0), Nanos(0)), 0));
    assert_eq!((job.process.prio, job.process.prioclass, job.depth.offload), (None, None, false));
    assert_eq!((job.process.numa_cpu_nodes, job.process.numa_mem_policy), (None, None));
    assert_eq!((job.process.cpus_allowed, job.process.wait_for), (None, None));
    assert_eq!(job.errors, ErrorsSpec::default());
    assert!(job.report.clat_percentiles && !job.report.lat_percentiles);
    assert!(!job.report.slat_percentiles && !job.report.disable_lat && !job.report.disable_bw);
    assert_eq!(
        (job.report.significant_figures, job.report.unified_rw_reporting),
        (4, UnifiedRw::None)
    );
    assert_eq!(job.report.percentile_list.len(), 17);
    assert_eq!(job.report.percentile_list[16], 99.99);
}

/// Both formats, one meaning.
#[test]
fn toml_and_ini_say_the_same() {
    let ini = ini("[global]\nioengine=vast\nsize=10%\nthread\n\
                   [w]\nrw=randrw\nbs=4k,8k\nrwmixwrite=30\niodepth=16\nfilename=/dev/x:/dev/y\n\
                   runtime=1m\ntime_based\nramp_time=500ms\nrate=1m,2m\npercentile_list=50:99.9\n\
                   cpus_allowed=0-2\nvast.chunk=128k\nmode=fancy\ndirect=1\nnumjobs=3\n");
    let toml = toml(
        "[global]\nioengine = 'vast'\nsize = '10%'\nthread = true\n\
         [[job]]\nname = 'w'\nrw = 'randrw'\nbs = ['4KiB', 8192]\nrwmixread = 70\niodepth = 0x10\n\
         filename = ['/dev/x', '/dev/y']\nruntime = 60\ntime_based = true\nramp_time = 0.5\n\
         rate = ['1MiB', '2MiB']\npercentile_list = [50, 99.9]\ncpus_allowed = [0, 1, '2']\n\
         mode = 'fancy'\ndirect = true\nnumjobs = 3\n[job.vast]\nchunk = '128KiB'\n",
    );
    let (a, b) = (job(&ini), job(&toml));
    assert_eq!(a.load, b.load);
    assert_eq!(a.target, b.target);
    assert_eq!(a.depth, b.depth);
    assert_eq!(a.time, b.time);
    assert_eq!(a.pace, b.pace);
    assert_eq!(a.process, b.process);
    assert_eq!(a.report, b.report);
    assert_eq!(a.engine, b.engine);
    let run = |sources| resolved(sources, &Overrides::default()).unwrap().spec;
    assert_eq!(fingerprint(&run(&ini)), fingerprint(&run(&toml)));
    assert_eq!(a.load.rwmixread, 70);
    assert_eq!(a.load.bs.trim.max, Bytes(8192));
    assert_eq!(a.pace.rate.trim, Some(Bytes(2 << 20)));
    assert_eq!(b.given.iter().find(|(key, _)| key == "filename").unwrap().1, "/dev/x:/dev/y");
}

/// A bare number means what it means in fio, in both formats.
#[test]
fn units_of_times_and_lists_of_names() {
    let in_ini = ini("[a]\nsize=1m\nrw=randrw\nrate_min=1k\nratecycle=250\nthinktime=50\n\
                      thinktime_iotime=2\nmax_latency=700,9ms\nstartdelay=1-2500ms\n\
                      iodepth=4\nio_submit_mode=offload\nlatency_target=100\n\
                      latency_window=2s\nlatency_percentile=99.9\nnumjobs=2\nflow=3\n\
                      flow_sleep=15\nignore_error=EIO:9,ENOSPC\ncpumask=0x5\n\
                      numa_cpu_nodes=0-1\nnuma_mem_policy=bind:0-1\nnice=-7\nss=lat:5us\n\
                      ss_dur=20\ncontinue_on_error=1\nunified_rw_reporting=2\n");
    let in_toml = toml(
        "[[job]]\nname = 'a'\nsize = '1MiB'\nrw = 'randrw'\nrate_min = 1024\nratecycle = 250\n\
         thinktime = 50\nthinktime_iotime = 2\nmax_latency = [700, '9ms']\n\
         startdelay = '1s-2.5s'\niodepth = 4\nio_submit_mode = 'offload'\n\
         latency_target = '0.1ms'\nlatency_window = 2000000\nlatency_percentile = 99.9\n\
         numjobs = 2\nflow = 3\nflow_sleep = 15\nignore_error = ['5:EBADF', 'ENOSPC']\n\
         cpumask = 5\nnuma_cpu_nodes = [0, 1]\nnuma_mem_policy = 'bind:all'\nnice = -7\n\
         steadystate = 'lat:5000'\nsteadystate_duration = 20\ncontinue_on_error = 'all'\n\
         unified_rw_reporting = 'both'\n",
    );
    let (job, other) = (job(&in_ini), job(&in_toml));
    assert_eq!(job.pace.ratecycle, Nanos::from_millis(250));
    assert_eq!(job.pace.thinktime, Nanos(50_000));
    assert_eq!(job.pace.thinktime_iotime, Nanos(2_000_000_000));
    assert_eq!(job.pace.max_latency.read, Some(Nanos(700_000)));
    assert_eq!(job.pace.max_latency.trim, Some(Nanos(9_000_000)));
    let search = job.pace.latency_target.unwrap();
    assert_eq!((search.target, search.window), (Nanos(100_000), Nanos(2_000_000_000)));
    assert_eq!(job.time.startdelay, (Nanos::SECOND, Nanos(2_500_000_000)));
    assert_eq!(job.pace.flow.unwrap().sleep, Nanos(15_000));
    assert_eq!(job.process.cpus_allowed, Some(vec![0, 2]));
    assert_eq!(job.process.numa_mem_policy, Some(NumaPolicy::Bind(vec![0, 1])));
    assert_eq!(job.time.steadystate.unwrap().limit, 5000.0);
    assert_eq!((&job.pace, &job.time, &job.depth), (&other.pace, &other.time, &other.depth));
    assert_eq!((&job.errors, &job.report), (&other.errors, &other.report));
    // Here `all` is the machine's three nodes.
    let nodes = Some(NumaPolicy::Bind(vec![0, 1, 2]));
    assert_eq!(other.process.numa_mem_policy, nodes);
}

#[test]
fn global_concerns_the_jobs_below_it() {
    let text = "[global]\nbs=1k\nsize=1m\n[a]\n[global]\nbs=2k\n[b]\n[c]\nbs=4k\n";
    let blocks: Vec<u64> =
        jobs(&ini(text), &Overrides::default()).iter().map(|j| j.load.bs.read.min.0).collect();
    assert_eq!(blocks, [1024, 2048, 4096]);
    let two = [Source::new("a.fio", "[global]\nsize=1m\nbs=8k\n[a]"), Source::new("b.fio", "[b]")];
    let all = jobs(&two, &Overrides::default());
    assert_eq!((all[0].load.bs.read.min, all[1].load.bs.read.min), (Bytes(8192), Bytes(4096)));
    assert_eq!((all[0].process.stonewall, all[1].process.stonewall), (false, true));
}

#[test]
fn a_direction_that_is_left_out_keeps_what_is_inherited() {
    let text = "[global]\nsize=1m\nbs=1k,2k,4k\n[a]\nbs=,8k\n[b]\nbs=8k,\n";
    let all = jobs(&ini(text), &Overrides::default());
    let blocks = |at: usize| {
        let bs = all[at].load.bs;
        (bs.read.min.0, bs.write.min.0, bs.trim.min.0)
    };
    assert_eq!(blocks(0), (1024, 8192, 8192));
    assert_eq!(blocks(1), (8192, 2048, 4096));
}

#[test]
fn kb_base_concerns_its_section_and_its_heirs() {
    let text = "[global]\nsize=1m\n[a]\nkb_base=1000\nbs=4k\n[b]\nbs=4KiB\n";
    let all = jobs(&ini(text), &Overrides::default());
    assert_eq!(all[0].load.bs.read.min, Bytes(4000));
    assert_eq!(all[0].load.size, Some(Amount::Bytes(Bytes(1 << 20))));
    assert_eq!(all[1].load.bs.read.min, Bytes(4000));
}

#[test]
fn the_command_line_wins() {
    let source = ini("[a]\nsize=1m\nbs=4k\n[b]\nsize=1m\nblocksize=4k\n");
    let overrides = Overrides {
        engine: Some("vast".to_owned()),
        engine_timeout: Some("5".to_owned()),
        ..sets(&["b:bs=16KiB", "bs=4kB", "vast.entries=8"])
    };
    let all = jobs(&source, &overrides);
    assert_eq!((all[0].load.bs.read.min, all[1].load.bs.read.min), (Bytes(4000), Bytes(16384)));
    assert_eq!(all[0].engine.name, "vast");
    assert_eq!(all[0].engine.options[2], EngineValue::Uint(8));
    assert_eq!(all[0].engine.timeout, Some(Nanos(5_000_000_000)));
    let given = |key: &str| all[1].given.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str());
    assert_eq!(
        (given("bs"), given("blocksize"), given("ioengine")),
        (Some("16KiB"), None, Some("vast"))
    );
}

#[test]
fn engine_options_follow_the_engine() {
    let text = "[a]\nsize=1m\nioengine=vast\nnr_entries=128\nvast.mode=fancy\nnull.latency=5\n\
                marks=a|c\nshift=-3\nshare=0.5\nwait=2us\npassword=hunter2\n";
    let spec = resolved(&ini(text), &Overrides::default()).unwrap().spec;
    let job = &spec.jobs[0];
    assert_eq!(
        job.engine.options,
        vec![
            EngineValue::Uint(0),
            EngineValue::Int(-3),
            EngineValue::Uint(128),
            EngineValue::Uint(65536),
            EngineValue::Uint(2000),
            EngineValue::Float(0.5),
            EngineValue::Unset,
            EngineValue::Unset,
            EngineValue::Uint(7),
            EngineValue::Uint(5),
            EngineValue::Text("hunter2".to_owned()),
            EngineValue::Unset,
        ]
    );
    assert_eq!(job.engine.secrets, vec![10]);
    assert!(job.given.contains(&("password".to_owned(), "(hidden)".to_owned())));
    assert!(job.given.contains(&("shift".to_owned(), "-3".to_owned())));
}

#[test]
fn the_fingerprint_names_the_request() {
    let print =
        |text: &str| fingerprint(&resolved(&ini(text), &Overrides::default()).unwrap().spec);
    let one = print("[a]\nsize=1m\nbs=4k\n");
    assert_eq!(one.len(), 32);
    assert_eq!(one, print("; words\n[global]\nsize=1024k\n[a]\ndescription=x\nblocksize=4096"));
    assert_eq!(one, print("[a]\nsize=1m\nioengine=/opt/psync\n"));
    assert_ne!(one, print("[a]\nsize=1m\nbs=8k\n"));
    assert_ne!(one, print("[a]\nsize=1m\nioengine=vast\n"));
    let latency = |ns: u32| print(&format!("[a]\nsize=1m\nioengine=null\nlatency={ns}ns\n"));
    assert_ne!(latency(1), latency(2));
}

#[test]
fn isolation_is_said_in_global() {
    let text = "[global]\nisolation=job\nsize=1m\n[a]\n";
    assert_eq!(resolved(&ini(text), &Overrides::default()).unwrap().spec.isolation, Isolation::Job);
    let all = resolved(&ini(text), &sets(&["isolation=none"])).unwrap();
    assert_eq!(all.spec.isolation, Isolation::None);
    let two = [
        Source::new("a.fio", "[global]\nisolation=job\nsize=1m\n[a]"),
        Source::new("b.fio", "[b]\nsize=1m"),
    ];
    let expected = ["error: the job files disagree about `isolation`"];
    assert_eq!(messages(&two, &Overrides::default()), expected);
}

/// Each case: the section's options, the words.
#[test]
fn what_contradicts_itself_is_told() {
    for (options, expected) in [
        ("rw=randread\nrwmixread=70", "error: `rwmixread` has no effect with `rw=randread`"),
        ("rwmixwrite=70", "error: `rwmixwrite` has no effect with `rw=read`"),
        (
            "rw=rw\nrwmixread=70\nrwmixwrite=70",
            "error: `rwmixread` 70 and `rwmixwrite` 70 do not add up to 100",
        ),
        ("bs=4k\nbsrange=1k-4k", "error: `bs` and `bsrange` in one section"),
        ("time_based", "error: job a is `time_based`, but has no `runtime`"),
        ("rate=1m\nrate_iops=5", "error: `rate` and `rate_iops` exclude one another"),
        ("iodepth=4", "warning: `iodepth` has no effect: engine psync does one request at a time"),
        (
            "ioengine=vast\niodepth=4\niodepth_batch=8",
            "warning: `iodepth_batch_submit` is cut from 8 to 4, the `iodepth`",
        ),
        (
            "ioengine=vast\niodepth=8\niodepth_batch_complete=4\niodepth_batch_complete_max=2",
            "error: `iodepth_batch_complete_max` is below `iodepth_batch_complete_min`",
        ),
        ("cpus_allowed=2,9", "error: cpus_allowed: CPU 9 is not there"),
        ("bs=2m", "error: job a: `size` is 1048576 bytes, less than one block of 2097152 bytes"),
        ("isolation=job", "error: `isolation` concerns the whole run"),
        ("name=b", "error: `name` cannot be set here"),
        (
            "write_iolog=x",
            "error: option `write_iolog` is known to fio, but not there yet in this version of \
             iodyno",
        ),
        (
            "hipri=1",
            "error: option `hipri` is known to some of fio's engines, but engine psync has none of \
             that name",
        ),
        ("psync.latency=1", "error: engine psync has no option `latency`"),
        ("nul.latency=1", "warning: no engine `nul` is known here: `nul.latency` has no effect"),
        ("size.a=1", "error: `size` is an option, and no option takes a table"),
        ("ioengine=needy", "error: engine needy needs option `host`, which job a does not give"),
        ("ioengine=vast\nentries=100", "error: entries: `100` is not a power of two"),
        ("ioengine=vast\nentries=8192", "error: entries: `8192` is out of range (1 to 4096)"),
        ("ioengine=vast\nshift=9", "error: shift: `9` is out of range (-8 to 8)"),
        ("ioengine=vast\nchunk=1000", "error: chunk: `1000` is not a multiple of 512"),
        ("ioengine=vast\nmode=bold", "error: mode: `bold` is none of plain, fancy"),
        ("ioengine=vast\nmarks=a,d", "error: marks: `d` is none of a, b, c"),
        ("ioengine=vast\nshare=2", "error: share: `2` is out of range (0 to 1)"),
        ("ioengine=vast\nold=2", "warning: option `old` of engine vast is deprecated"),
        (
            "ioengine=vast\nentries=8\nvast.nr_entries=8",
            "error: `entries` is given twice in one section",
        ),
        (
            "ioengine=null\noffset=10%",
            "error: offset: 10% of what? engine null has no target with a size",
        ),
        ("engine_sha256=abc", "error: engine_sha256 is not a SHA-256 digest"),
        ("bs=\"", "error: bs: `\"` is not a number"),
    ] {
        let text = format!("[a]\nsize=1m\n{options}\n");
        assert_eq!(messages(&ini(&text), &Overrides::default()), [expected], "{options}");
    }
}

#[test]
fn what_is_inherited_or_set_later_is_only_odd() {
    let odd = ["warning: `rwmixread` has no effect with `rw=read`"];
    let inherited = ini("[global]\nrwmixread=70\nsize=1m\n[a]\nrw=read\n");
    assert_eq!(messages(&inherited, &Overrides::default()), odd);
    let mixed = ini("[a]\nsize=1m\nrw=rw\nrwmixread=70\n");
    assert_eq!(messages(&mixed, &sets(&["rw=read"])), odd);
    let one_way = ini("[a]\nsize=1m\n");
    assert_eq!(messages(&one_way, &sets(&["rwmixread=70"])), odd);
}

#[test]
fn readonly_refuses_what_writes() {
    let overrides = Overrides { readonly: true, ..Overrides::default() };
    for (rw, refused) in [("read", false), ("randread", false), ("rw", true), ("trim", true)] {
        let found = messages(&ini(&format!("[a]\nsize=1m\nrw={rw}\n")), &overrides);
        let expected = ["error: job a writes, but `--readonly` was given"];
        assert_eq!(found, if refused { &expected[..] } else { &[] }, "{rw}");
    }
}

#[test]
fn an_engine_that_fails_decides_the_status() {
    for (engine, status) in [("broken", 5), ("psycn", 2)] {
        let text = format!("[a]\nsize=1m\nioengine={engine}\n");
        let errors = resolved(&ini(&text), &Overrides::default()).unwrap_err();
        assert_eq!(exit_status(&errors), status, "{engine}");
    }
}

#[test]
fn all_errors_are_told_at_once() {
    let text = "[global]\nbs=4x\n[a]\nsize=1m\niodepth=4.5\niodeth=2\n[b]\nsize=1m\nnumjobs=0\n";
    assert_eq!(
        messages(&ini(text), &Overrides::default()),
        [
            "error: bs: `4x` has an unknown unit `x` (known: k, m, g, t, p, with or without B or \
             iB)",
            "error: iodepth: `4.5` is not a whole number",
            "error: unknown option `iodeth`",
            "error: numjobs: `0` is out of range (1 to 4096)",
        ]
    );
}

mod load_options;
mod misuse;
mod verification;
mod what_users_read;

proptest! {
    #[test]
    fn arbitrary_text_never_panics(text in any::<String>()) {
        for sources in [ini(&text), toml(&text)] {
            let _ = told(&sources);
        }
    }

    #[test]
    fn text_that_looks_like_a_job_never_panics(
        lines in prop::collection::vec(
            "(\\[\\[?(global|job|a|b|é)\\]?\\]?\
             |(bs|size|rw|filename|iodepth|null\\.latency|name|rate) ?=\
             [\"'\\[]?[0-9a-z$\\{\\}%,:;#(*) \té-]{0,9}[\"'\\]]?|[\\PC]{0,9})\r?",
            0..9,
        ),
        set in "[ab]?:?[a-z]{1,5}=?[0-9k,]{0,4}",
    ) {
        let text = lines.join("\n");
        for sources in [ini(&text), toml(&text)] {
            let result = resolved(&sources, &sets(&[&set]));
            let _ = rendered(result, &sources);
        }
    }
}

#[test]
fn the_environment_is_asked_through_a_function() {
    let source = ini("[a]\nsize=${SIZE}\nbs=$pagesize\n");
    let raw = parse(&source, &test_environment()).unwrap();
    assert_eq!(raw.sections[0].options[0].item.value.as_typed(","), "64k");
}
