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
    use crate::job::spec::JobSpec;
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
    # 1 job, fingerprint 5654c7599e809352251c7b3dab601785

    [global]
    isolation = "run"

    [[job]]
    # engine vast of org.iodyno.vast
    # from /usr/lib/iodyno/engines/vast
    name = "writer"                          # job.fio:5
    ioengine = "vast"                        # [global] job.fio:2
    filename = ["/dev/x", "/dev/a b"]        # job.fio:9
    unique_filename = true                   # default
    nrfiles = 1                              # default
    allow_mounted_write = false              # default
    allow_file_create = true                 # default
    create_serialize = true                  # default
    create_fsync = true                      # default
    create_on_open = false                   # default
    create_only = false                      # default
    fallocate = "native"                     # default
    overwrite = false                        # default
    pre_read = false                         # default
    direct = false                           # default
    sync = "none"                            # default
    unlink = false                           # default
    unlink_each_loop = false                 # default
    invalidate = true                        # default
    rw = "randrw"                            # job.fio:6
    rw_sequencer = "sequential"              # default
    bsrange = "1KiB-4KiB"                    # job.fio:15
    bs_unaligned = false                     # default
    bs_is_seq_rand = false                   # default
    size = "1GiB"                            # [global] job.fio:4
    offset_align = 0                         # default
    fill_device = false                      # default
    zonemode = "none"                        # default
    rwmixread = 70                           # job.fio:7
    percentage_random = 100                  # default
    random_distribution = "random"           # default
    random_generator = "tausworthe"          # default
    norandommap = false                      # default
    randrepeat = true                        # default
    randseed = 137                           # default
    file_service_type = "roundrobin"         # default
    fsync = 0                                # default
    fdatasync = 0                            # default
    write_barrier = 0                        # default
    end_fsync = false                        # default
    fsync_on_close = false                   # default
    refill_buffers = false                   # default
    zero_buffers = false                     # default
    scramble_buffers = true                  # default
    buffer_compress_percentage = 0           # default
    buffer_compress_chunk = 512              # default
    dedupe_percentage = 0                    # default
    dedupe_mode = "repeat"                   # default
    dedupe_working_set_percentage = 5        # default
    mem = "malloc"                           # default
    mem_align = 0                            # default
    hugepage-size = "2MiB"                   # default
    lockmem = 0                              # default
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
    # filename_format is not set: $jobname.$jobnum.$filenum
    # opendir is not set: `filename`, or names made from the job's name
    # filesize is not set: `size` split over the files
    # openfiles is not set: all of them
    # bssplit is not set: `bs`
    # blockalign is not set: the smallest block
    # io_size is not set: `size`
    # offset is not set: the target's beginning
    # offset_increment is not set: all clones begin at `offset`
    # number_ios is not set: no limit
    # zonesize is not set: required by `zonemode=strided`
    # zonerange is not set: `zonesize`
    # sync_file_range is not set: never
    # buffer_pattern is not set: random data
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
            "[a]\nsize=1m\nrw=randrw\nrate_iops=200,100\nrate_iops_min=20,10\nratecycle=250\n\
             rate_process=poisson\nthinktime=50\nthinktime_spin=7us\nthinktime_blocks=3\n\
             thinktime_blocks_type=issue\nthinktime_iotime=2\nmax_latency=1s,1500\n",
            "[a]\nsize=1m\nrate=2m\nrate_min=1m,0\nstartdelay=1-2500ms\nnew_group\nexitall\n\
             exitall_on_error\nexit_what=stonewall\nflow=3\nflow_id=9\nflow_sleep=15\nnumjobs=2\n\
             [b]\nwait_for=a\nsize=1m\nexit_what=all\nexitall\n",
            "[a]\nsize=1m\ncpumask=0x5\ncpus_allowed_policy=split\nnuma_cpu_nodes=0-1\nnice=-7\n\
             numa_mem_policy=interleave:all\nprio=3\nprioclass=1\ncontinue_on_error=1\n\
             ignore_error=EIO:9,ENOSPC:4000\nerror_dump=1\n[b]\nsize=1m\ncontinue_on_error=write\n\
             ignore_error=,,EILSEQ\nnuma_mem_policy=prefer:1\nprioclass=0\n",
            "[a]\nsize=1m\ndisable_clat=1\ndisable_slat=1\ndisable_bw_measurement=1\n\
             clat_percentiles=0\nlat_percentiles=1\nunified_rw_reporting=2\nsignificant_figures=7\n\
             ss=lat_slope:1.5\nss_dur=20\nss_ramp=1500ms\nss_interval=250ms\n",
            "[a]\nsize=1m\nss=lat:50us\nss_dur=20\nslat_percentiles=1\nunified_rw_reporting=mixed\n\
             iodepth=8\nio_submit_mode=offload\nlatency_target=100\nlatency_window=2s\n\
             latency_percentile=99.9\nlatency_run=1\ndisable_lat=0\n",
            "[a]\nsize=1m\nss=bw:1m\nss_dur=20\ndisable_lat=1\n[b]\nsize=1m\nss=iops_slope:0.25%\n\
             ss_dur=1m\n",
        ] {
            // A secret is never printed, so it is left out here.
            let text = text.replace("password=hunter2\n", "");
            let first = load_text("job.fio", &text, &Overrides::default());
            let printed = lint(&first);
            let second = load_text("job.toml", &printed, &Overrides::default());
            assert_eq!(fingerprint(&first.spec), fingerprint(&second.spec), "{printed}");
            let jobs = |r: &Resolved| {
                let jobs = r.spec.jobs.iter().cloned();
                let unplaced =
                    |job| JobSpec { origin: Origin::default(), given: Vec::new(), ..job };
                jobs.map(unplaced).collect::<Vec<JobSpec>>()
            };
            assert_eq!(jobs(&first), jobs(&second), "{printed}");
        }
    }
}
