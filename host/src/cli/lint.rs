//! `iodyno lint`: what would this job do? Prints what will run, in sentences, and the effective
//! job; runs nothing.
//!
//! Called by `jobs`, which has looked at the targets. The text is a TOML job file that means the
//! same: the sentences are comments.

use super::explain;
use crate::job::effective::{EffectiveJob, EffectiveOption, Provenance};
use crate::job::spec::{Isolation, Origin, RunSpec};
use crate::job::{fingerprint, Resolved};
use crate::run::targets::WorkerOutlook;
use std::fmt::Write;

/// Column that the comments begin at, where the line leaves room.
const COMMENT_COLUMN: usize = 40;

/// The effective jobs as TOML, each line with its origin; before each, what it will do.
pub fn lint(resolved: &Resolved, outlook: &[WorkerOutlook]) -> String {
    let mut text = head(&resolved.spec);
    let jobs = resolved.effective.iter().zip(&resolved.spec.jobs);
    for (index, (job, spec)) in jobs.enumerate() {
        let engine = &spec.engine;
        let workers: Vec<&WorkerOutlook> = outlook.iter().filter(|it| it.job == index).collect();
        text.push('\n');
        push(&mut text, format_args!("# {}:", spec.name));
        for line in explain::lines(spec, &workers) {
            push(&mut text, format_args!("#   {line}"));
        }
        text.push_str("[[job]]\n");
        for (below, engine) in engine.all().into_iter().enumerate() {
            let what = if below == 0 { "engine" } else { "over" };
            push(&mut text, format_args!("# {what} {} of {}", engine.name, engine.plugin_id));
            push(&mut text, format_args!("# from {}", engine.plugin.display()));
        }
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
        let mut catalogue = Catalogue::look_up(&wishes, fixtures::known(), &fixtures::find);
        catalogue.look_below(&raw, overrides, &fixtures::find);
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
        let text = lint(&load_text("job.fio", JOB, &overrides), &[]);
        assert!(!text.contains("hunter2"));
        assert!(text.starts_with("# 1 job, fingerprint "));
        // The defaults have a test of their own, and their number grows.
        let said: Vec<&str> = text
            .lines()
            .skip(1)
            .filter(|line| !line.ends_with("# default") && !line.contains(" is not set: "))
            .collect();
        // A line of this file has less room than that sentence.
        let said = said.join("\n").replace(", at most ", ",\n#   at most ");
        assert_snapshot!(said, @r#"
    [global]
    isolation = "run"

    # writer:
    #   1 worker in stage 1, engine vast, up to 16 at once
    #   asks for randrw (70 % reads) of 1024B to 4096B, through the page cache,
    #   at most 1024KiB/s of read at equal distances
    #   lasts 60s
    [[job]]
    # engine vast of org.iodyno.vast
    # from /usr/lib/iodyno/engines/vast
    name = "writer"                          # job.fio:5
    ioengine = "vast"                        # [global] job.fio:2
    filename = ["/dev/x", "/dev/a b"]        # job.fio:9
    rw = "randrw"                            # job.fio:6
    bsrange = "1KiB-4KiB"                    # job.fio:15
    size = "1GiB"                            # [global] job.fio:4
    rwmixread = 70                           # job.fio:7
    iodepth = 16                             # --set iodepth=16
    runtime = "60s"                          # job.fio:10
    time_based = true                        # job.fio:11
    rate = ["1MiB", 0, 0]                    # job.fio:12
    percentile_list = [50, 99]               # job.fio:16
    vast.marks = "a,c"                       # job.fio:14
    "#);
        for line in [
            "nrfiles = 1                              # default",
            "ramp_time = \"0s\"                         # default",
            "vast.chunk = \"64KiB\"                     # default",
            "# description is not set: no description",
            "# rate_iops is not set: as fast as it goes",
            "# vast.password is not set: given, but secret",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
    }

    /// Whoever changes an option sees at once whether the examples still mean something.
    #[test]
    fn the_examples_resolve_without_a_warning() {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples");
        let mut seen = 0;
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if ["engine-", "vendor-", "zones"].iter().any(|begin| name.starts_with(begin)) {
                continue; // tested with the engine, which is not known here
            }
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
            "[a]\nsize=1g\nrw=randrw:8\nrw_sequencer=identical\n\
             bssplit=4k/50:1k/:2k/,8k/40:16k/60\nba=512,\noffset=10%\noffset_align=1m\n\
             offset_increment=25%\npercentage_random=70,80\n\
             random_distribution=zipf:1.2:0.25,zoned:60/10:40/90\n\
             file_service_type=random:8\nfdatasync=4\nsync_file_range=wait_before,write:8\n\
             sync=dsync\nbuffered=0\nfilename_format=x.$filenum\nnrfiles=4\nopenfiles=2\n\
             fallocate=1\nbuffer_pattern=\"ab\"-12'f g'\nmem=mmap:/dev/shm/x\niomem_align=64k\n\
             lockmem=1m\nfill_fs=1\nrandom_generator=lfsr\n",
            "[a]\nsize=1g\nrw=rw\nbs=8k\nbssplit=1k/50:2k/50,\nzonemode=strided\nzonesize=1m\n\
             zoneskip=7m\nfilename=a\\:b:c\nbuffer_compress_percentage=30\n\
             buffer_compress_chunk=0\ndedupe_percentage=30\ndedupe_mode=working_set\n",
            "[a]\nsize=4z\nrw=read:-8k\nopendir=/mnt/a:/mnt/b\npre_read=1\nscramble_buffers=0\n",
            "[a]\nsize=1g\nrw=randwrite\nbsrange=1k-4k\nbs_unaligned\nzero_buffers\n\
             mem=shmhuge\nhugepage-size=1g\nrandom_distribution=normal:10,zoned_abs:50/1g:50/3g\n",
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
            let printed = lint(&first, &[]);
            let second = load_text("job.toml", &printed, &Overrides::default());
            assert_eq!(fingerprint(&first.spec), fingerprint(&second.spec), "{printed}");
            // A default that is printed is no wish that comes to nothing.
            let idle = |r: &Resolved| {
                let words = r.warnings.iter().map(|warning| warning.message.clone());
                words.filter(|words| words.contains("has no effect")).collect::<Vec<_>>()
            };
            assert_eq!(idle(&first), idle(&second), "{printed}");
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
