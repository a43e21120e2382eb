//! `iodyno lint`: what would this job do? Parses, resolves, prints the effective job, runs
//! nothing.
//!
//! Opens no target and knows nothing of plugins; the text that it makes is a TOML job file that
//! means the same.

use crate::job::effective::{EffectiveJob, EffectiveOption, Provenance};
use crate::job::spec::{Isolation, Origin, RunSpec};
use crate::job::{fingerprint, Resolved};
use std::fmt::Write;

/// Column that the comments begin at, where the line leaves room.
const COMMENT_COLUMN: usize = 40;

/// The effective jobs as TOML, each line with its origin.
pub fn lint(resolved: &Resolved) -> String {
    let mut text = head(&resolved.spec);
    for (job, spec) in resolved.effective.iter().zip(&resolved.spec.jobs) {
        let engine = &spec.engine;
        text.push_str("\n[[job]]\n");
        push(&mut text, format_args!("# engine {} of {}", engine.name, engine.plugin_id));
        push(&mut text, format_args!("# from {}", engine.plugin.display()));
        push_job(&mut text, job);
    }
    text
}

fn head(spec: &RunSpec) -> String {
    let mut text = String::new();
    let jobs = spec.jobs.len();
    let plural = if jobs == 1 { "" } else { "s" };
    push(&mut text, format_args!("# {jobs} job{plural}, fingerprint {}", fingerprint(spec)));
    let isolation = match spec.isolation {
        Isolation::Run => "run",
        Isolation::Job => "job",
        Isolation::None => "none",
    };
    push(&mut text, format_args!("\n[global]\nisolation = \"{isolation}\""));
    text
}

/// What is set first, then what is not.
fn push_job(text: &mut String, job: &EffectiveJob) {
    let (set, unset): (Vec<_>, Vec<_>) =
        job.options.iter().partition(|option| option.value.is_some());
    for option in set {
        let value = option.value.as_deref().unwrap_or_default();
        let line = format!("{} = {value}", option.key);
        push(text, format_args!("{line:COMMENT_COLUMN$} # {}", origin(&option.from)));
    }
    // Without words another option has taken its place, as `bsrange` that of `bs`.
    for EffectiveOption { key, unset, .. } in unset.iter().filter(|o| !o.unset.is_empty()) {
        push(text, format_args!("# {key} is not set: {unset}"));
    }
}

fn origin(from: &Provenance) -> String {
    let place = |origin: &Origin| format!("{}:{}", origin.file, origin.line);
    match from {
        Provenance::Default => "default".to_owned(),
        Provenance::Global(origin) => format!("[global] {}", place(origin)),
        Provenance::Section(origin) => place(origin),
        Provenance::CommandLine(argument) => argument.clone(),
        Provenance::Implied(words) => words.clone(),
    }
}

fn push(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing into a String cannot fail.
    let _ = writeln!(text, "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::{engines_wanted, fixtures, parse, render, resolve};
    use crate::job::{Catalogue, Overrides, Source};
    use insta::assert_snapshot;

    fn load_text(name: &str, text: &str, overrides: &Overrides) -> Resolved {
        let sources = [Source::new(name, text)];
        let env = fixtures::test_environment();
        let raw = parse(&sources, &env).expect("good form");
        let wishes = engines_wanted(&raw, overrides);
        let catalogue = Catalogue::look_up(&wishes, fixtures::known(), &fixtures::find);
        resolve(&raw, overrides, &catalogue, &env)
            .unwrap_or_else(|errors| panic!("{}", render(&errors, &sources, false)))
    }

    const JOB: &str = "[global]\nioengine=vast\nbs=4k,64k\nsize=1g\n\
                       [writer]\nrw=randrw\nrwmixwrite=30\niodepth=8\nfilename=/dev/x:/dev/a b\n\
                       runtime=1m\ntime_based\nrate=1m,\npassword=hunter2\nmarks=a|c\n\
                       bsrange=1k-4k\npercentile_list=50:99\n";

    #[test]
    fn each_value_has_its_origin() {
        let overrides = Overrides { sets: vec!["iodepth=16".to_owned()], ..Overrides::default() };
        let text = lint(&load_text("job.fio", JOB, &overrides));
        assert!(!text.contains("hunter2"));
        assert_snapshot!(text, @r#"
    # 1 job, fingerprint 8020029ab02ef72e646a84cc950fe3d5

    [global]
    isolation = "run"

    [[job]]
    # engine vast of org.iodyno.vast
    # from /usr/lib/iodyno/engines/vast
    name = "writer"                          # job.fio:5
    ioengine = "vast"                        # [global] job.fio:2
    filename = ["/dev/x", "/dev/a b"]        # job.fio:9
    nrfiles = 1                              # default
    direct = false                           # default
    unlink = false                           # default
    invalidate = true                        # default
    allow_mounted_write = false              # default
    rw = "randrw"                            # job.fio:6
    bsrange = "1KiB-4KiB"                    # job.fio:15
    size = "1GiB"                            # [global] job.fio:4
    rwmixread = 70                           # job.fio:7
    norandommap = false                      # default
    randrepeat = true                        # default
    randseed = 137                           # default
    fsync = 0                                # default
    end_fsync = false                        # default
    iodepth = 16                             # --set iodepth=16
    iodepth_batch_submit = 1                 # default
    iodepth_batch_complete_min = 1           # default
    iodepth_batch_complete_max = 1           # default
    iodepth_low = 16                         # default
    io_submit_mode = "inline"                # default
    runtime = "60s"                          # job.fio:10
    time_based = true                        # job.fio:11
    ramp_time = "0s"                         # default
    loops = 1                                # default
    rate = ["1MiB", 0, 0]                    # job.fio:12
    ratecycle = "1s"                         # default
    rate_process = "linear"                  # default
    thinktime = "0s"                         # default
    thinktime_spin = "0s"                    # default
    thinktime_blocks = 1                     # default
    thinktime_blocks_type = "complete"       # default
    thinktime_iotime = "0s"                  # default
    startdelay = "0s"                        # default
    stonewall = false                        # default
    new_group = false                        # default
    exitall = false                          # default
    exitall_on_error = false                 # default
    exit_what = "group"                      # default
    numjobs = 1                              # default
    group_reporting = false                  # default
    thread = false                           # default
    cpus_allowed_policy = "shared"           # default
    nice = 0                                 # default
    continue_on_error = "none"               # default
    error_dump = false                       # default
    gtod_reduce = false                      # default
    percentile_list = [50, 99]               # job.fio:16
    disable_lat = false                      # default
    disable_clat = false                     # default
    disable_slat = false                     # default
    disable_bw = false                       # default
    clat_percentiles = true                  # default
    lat_percentiles = false                  # default
    slat_percentiles = false                 # default
    unified_rw_reporting = "none"            # default
    significant_figures = 4                  # default
    vast.polls = false                       # default
    vast.entries = 64                        # default
    vast.chunk = "64KiB"                     # default
    vast.wait = "1ms"                        # default
    vast.mode = "plain"                      # default
    vast.marks = "a,c"                       # job.fio:14
    # description is not set: no description
    # engine_sha256 is not set: any content is loaded that passes the trust rules
    # engine_timeout is not set: no limit: a callback that takes 30 s is only noted
    # directory is not set: the current directory
    # filesize is not set: `size` split over the files
    # io_size is not set: `size`
    # offset is not set: the target's beginning
    # number_ios is not set: no limit
    # steadystate is not set: steady or not, the job goes on
    # steadystate_duration is not set: `steadystate` needs it
    # rate_iops is not set: as fast as it goes
    # rate_min is not set: as slow as it goes
    # rate_iops_min is not set: as slow as it goes
    # latency_target is not set: the depth is `iodepth`
    # latency_window is not set: `latency_target` needs it
    # max_latency is not set: however long it takes
    # wait_for is not set: with the others of its stage
    # flow is not set: at its own pace
    # cpus_allowed is not set: all CPUs
    # numa_cpu_nodes is not set: all nodes
    # numa_mem_policy is not set: that of the process
    # prio is not set: that of the process
    # prioclass is not set: that of the process
    # ignore_error is not set: every failure counts
    # vast.shift is not set: the engine decides
    # vast.share is not set: the engine decides
    # vast.label is not set: the engine decides
    # vast.socket is not set: the engine decides
    # vast.password is not set: given, but secret
    # vast.old is not set: the engine decides
    "#);
    }

    /// Whoever changes an option sees at once whether the examples still mean something.
    #[test]
    fn the_examples_resolve_without_a_warning() {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples");
        let mut seen = 0;
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let text = std::fs::read_to_string(&path).unwrap();
            let resolved = load_text(&name, &text, &Overrides::default());
            assert_eq!(resolved.warnings, vec![], "{name}");
            seen += 1;
        }
        assert!(seen >= 5, "the examples are gone from {directory}");
    }

    /// The printed job is a job file that means the same.
    #[test]
    fn the_effective_job_can_be_run() {
        for text in [
            JOB,
            "[a]\nsize=10%\noffset=1000\nrandrepeat=0\nfilesize=1m-2m\ncpus_allowed=1,3\n",
            "[a]\nioengine=null\nsize=1m\nlatency=5us\nrw=trimwrite\nrate_iops=,100\n",
            "[global]\nisolation=job\nsize=1m\n[a]\n[b]\nstonewall\ndescription=\"x\\y\" 'z'\n",
        ] {
            // A secret is never printed, so it is left out here.
            let text = text.replace("password=hunter2\n", "");
            let first = load_text("job.fio", &text, &Overrides::default());
            let printed = lint(&first);
            let second = load_text("job.toml", &printed, &Overrides::default());
            assert_eq!(fingerprint(&first.spec), fingerprint(&second.spec), "{printed}");
            let loads = |r: &Resolved| {
                let jobs = r.spec.jobs.iter();
                jobs.map(|j| (j.load.clone(), j.depth, j.target.clone())).collect::<Vec<_>>()
            };
            assert_eq!(loads(&first), loads(&second), "{printed}");
        }
    }
}
