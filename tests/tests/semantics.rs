//! How much a job does: exact counts for every option that bounds or repeats the work, with the two
//! engines that ship.
//!
//! The figures are fio's for the same jobs. Times are asserted loosely: machines are shared.

use iodyno_tests::{Document, Scene};

/// Runs `[a]` with these lines on the null engine; blocks are of 4 KiB unless the lines say.
fn null(lines: &str) -> Document {
    let job = format!("[global]\nbs=4k\n[a]\nioengine=null\n{lines}\n");
    Scene::new().run_json(&job).clean()
}

/// Requests and bytes of the first record.
fn totals(document: &Document, direction: &str) -> (u64, u64) {
    (document.ios(0, direction), document.bytes(0, direction))
}

#[test]
fn amounts() {
    let cases: &[(&str, u64, u64)] = &[
        ("size=1m", 256, 1 << 20),
        ("size=10000", 2, 8192),
        ("size=1m\nloops=3", 768, 3 << 20),
        ("size=1m\nrw=randread\nloops=3", 768, 3 << 20),
        ("size=1m\nnumber_ios=10", 10, 40960),
        ("size=1m\nio_size=2m", 512, 2 << 20),
        ("size=1m\nio_size=64k", 16, 65536),
        ("size=1m\nio_size=64k\nrw=randread", 16, 65536),
        ("size=1m\nrw=randread\nnorandommap", 256, 1 << 20),
        ("size=1m\nnrfiles=4", 256, 1 << 20),
        ("size=512k\noffset=512k", 128, 512 << 10),
        ("size=1m\niodepth=32", 256, 1 << 20),
        ("size=1m\nbs=64k", 16, 1 << 20),
        ("size=1m\nbs=1000", 1048, 1_048_000),
        ("filesize=64k\nnrfiles=2", 32, 128 << 10),
    ];
    for (lines, ios, bytes) in cases {
        assert_eq!(totals(&null(lines), "read"), (*ios, *bytes), "{lines}");
    }
}

#[test]
fn amounts_of_writes_and_trims() {
    for (rw, direction) in
        [("write", "write"), ("randwrite", "write"), ("trim", "trim"), ("randtrim", "trim")]
    {
        let document = null(&format!("size=1m\nrw={rw}"));
        assert_eq!(totals(&document, direction), (256, 1 << 20), "rw={rw}");
        assert_eq!(document.all_ios(), 256, "rw={rw}: no other direction");
    }
    let document = null("size=64k\nrw=trimwrite");
    assert_eq!(totals(&document, "trim"), (16, 64 << 10));
    assert_eq!(totals(&document, "write"), (16, 64 << 10));
}

#[test]
fn block_ranges_add_up_to_the_size() {
    for rw in ["read", "randread"] {
        let document = null(&format!("size=1m\nrw={rw}\nbsrange=4k-16k"));
        let (ios, bytes) = totals(&document, "read");
        assert_eq!(bytes, 1 << 20, "rw={rw}");
        assert!(ios > 64 && ios < 256, "rw={rw}: {ios} requests of 4k to 16k");
    }
}

#[test]
fn directions_have_block_sizes_of_their_own() {
    let document = null("size=4m\nrw=rw\nbs=4k,8k");
    let (reads, read_bytes) = totals(&document, "read");
    let (writes, write_bytes) = totals(&document, "write");
    assert_eq!((read_bytes, write_bytes), (reads * 4096, writes * 8192));
    assert!(reads > 0 && writes > 0);
}

#[test]
fn mixes_follow_rwmixread() {
    for (lines, percent) in [("rwmixread=75", 75), ("rwmixwrite=90", 10), ("", 50)] {
        let document = null(&format!("size=16m\nrw=randrw\n{lines}"));
        let (reads, writes) = (document.ios(0, "read"), document.ios(0, "write"));
        assert_eq!(reads + writes, 4096, "{lines}");
        let share = reads * 100 / 4096;
        assert!(share.abs_diff(percent) <= 4, "{lines}: {share} % are reads");
    }
    assert_eq!(null("size=1m\nrw=randrw\nrwmixread=100").ios(0, "write"), 0);
    assert_eq!(null("size=1m\nrw=randrw\nrwmixread=0").ios(0, "read"), 0);
}

#[test]
fn clones_are_records_or_one_record() {
    let document = null("size=1m\nnumjobs=3");
    assert_eq!(document.jobs(), 3);
    (0..3).for_each(|job| assert_eq!(document.ios(job, "read"), 256));
    let document = null("size=1m\nnumjobs=3\ngroup_reporting");
    assert_eq!(document.jobs(), 1);
    assert_eq!(totals(&document, "read"), (768, 3 << 20));
    assert_eq!(document.number("/jobs/0/read/clat_ns/N"), 768);
}

#[test]
fn isolation_changes_no_count() {
    for isolation in ["run", "job", "none"] {
        let job = format!(
            "[global]\nisolation={isolation}\nioengine=null\nsize=1m\n\
             [a]\nnumjobs=2\n[b]\nrw=write\n"
        );
        let document = Scene::new().run_json(&job).clean();
        assert_eq!(document.jobs(), 3, "isolation={isolation}");
        assert_eq!(document.all_ios(), 768, "isolation={isolation}");
        assert_eq!(document.ios(document.job("b"), "write"), 256, "isolation={isolation}");
    }
}

#[test]
fn both_formats_mean_the_same() {
    let toml =
        "[global]\nioengine = \"null\"\nbs = \"4KiB\"\n[[job]]\nname = \"a\"\nrw = \"randrw\"\n\
        size = \"4MiB\"\nrwmixread = 30\niodepth = 8\n";
    let fio =
        "[global]\nioengine=null\nbs=4k ; a page\n[a]\nrw=randrw\nsize=4m # four\nrwmixread=30\n\
        iodepth=8\n";
    let [toml, fio] = [toml, fio].map(|job| Scene::new().run_json(job).clean());
    for direction in ["read", "write"] {
        assert_eq!(toml.ios(0, direction), fio.ios(0, direction), "{direction}");
    }
    assert_eq!(toml.ios(0, "read") + toml.ios(0, "write"), 1024);
}

#[test]
fn units_of_toml_are_stated() {
    for (bs, bytes) in [("4KiB", 4096), ("4kB", 4000), ("1MB", 1_000_000)] {
        let job = format!(
            "[[job]]\nname = \"a\"\nioengine = \"null\"\nsize = \"8MiB\"\n\
             bs = \"{bs}\"\nnumber_ios = 3\n"
        );
        assert_eq!(Scene::new().run_json(&job).clean().bytes(0, "read"), 3 * bytes, "bs={bs}");
    }
}

#[test]
fn fios_reading_of_kib_is_kept_with_a_warning() {
    let scene = Scene::new();
    let job = "[a]\nioengine=null\nsize=8m\nbs=4KiB\nnumber_ios=3\n";
    let outcome = scene.run_json(job).expect(0).says(&["warning", "4KiB", "job.fio:4"]);
    assert_eq!(outcome.document().bytes(0, "read"), 12_000);
}

#[test]
fn environment_and_keywords_are_expanded() {
    let scene = Scene::new();
    let job = "[a]\nioengine=null\nsize=${IODYNO_TEST_SIZE}\nbs=$pagesize\n";
    let document = scene.json(job).env("IODYNO_TEST_SIZE", "1m").run().clean();
    assert_eq!(document.ios(0, "read"), 256);
}

#[test]
fn settings_win_over_the_file() {
    let scene = Scene::new();
    let job = "[global]\nioengine=null\nsize=1m\n[a]\nbs=4k\n[b]\nbs=8k\n";
    let run = scene.json(job).args(["--set", "bs=16k", "--set", "b:bs=32k"]).run().clean();
    assert_eq!(run.ios(run.job("a"), "read"), 64);
    assert_eq!(run.ios(run.job("b"), "read"), 32);
}

#[test]
fn a_job_may_come_from_standard_input() {
    let scene = Scene::new();
    let run = scene.iodyno(["run", "-", "--output-format", "json"]);
    let document = run.stdin("[a]\nioengine=null\nsize=1m\n").run().clean();
    assert_eq!(document.ios(0, "read"), 256);
}

#[test]
fn time_based_runs_as_long_as_runtime_says() {
    let document = null("size=64k\nruntime=1\ntime_based");
    let runtime = document.number("/jobs/0/read/runtime");
    assert!((950..=3000).contains(&runtime), "{runtime} ms");
    assert!(document.ios(0, "read") > 1000);
}

#[test]
fn runtime_ends_a_job_early() {
    let document = null("size=1t\nruntime=500ms");
    let runtime = document.number("/jobs/0/read/runtime");
    assert!((450..=3000).contains(&runtime), "{runtime} ms");
}

#[test]
fn ramp_time_is_not_measured() {
    let document = null("size=1m\nruntime=1\ntime_based\nramp_time=1\nrate_iops=1000");
    let runtime = document.number("/jobs/0/read/runtime");
    assert!((950..=3000).contains(&runtime), "{runtime} ms");
    let per_s = document.ios(0, "read") * 1000 / runtime;
    assert!((600..=1200).contains(&per_s), "{per_s} a second: the ramp's are not among them");
}

#[test]
fn rates_are_kept() {
    let document = null("size=1m\nruntime=2\ntime_based\nrate_iops=500");
    let per_s = document.ios(0, "read") * 1000 / document.number("/jobs/0/read/runtime");
    assert!((400..=550).contains(&per_s), "rate_iops=500: {per_s} a second");
    let document = null("size=1m\nruntime=2\ntime_based\nrate=4m");
    let per_s = document.bytes(0, "read") / document.number("/jobs/0/read/runtime") * 1000;
    assert!((3_300_000..=4_600_000).contains(&per_s), "rate=4m: {per_s} bytes a second");
}

#[test]
fn gtod_reduce_measures_no_latencies() {
    let document = null("size=1m\ngtod_reduce=1");
    assert_eq!(totals(&document, "read"), (256, 1 << 20));
    assert_eq!(document.number("/jobs/0/read/clat_ns/N"), 0);
    assert!(document.at("/iodyno/harness_ns_per_io").is_null());
}

#[test]
fn latencies_add_up() {
    let document = null("size=64m\niodepth=4");
    let mean = |key: &str| document.float(&format!("/jobs/0/read/{key}/mean"));
    let (clat, lat) = (mean("clat_ns"), mean("lat_ns"));
    assert!(clat > 0.0 && clat <= lat + 1.0, "clat {clat}, lat {lat}");
    assert_eq!(document.number("/jobs/0/read/clat_ns/N"), 16384);
    assert!(
        document.number("/jobs/0/read/clat_ns/min") <= document.number("/jobs/0/read/clat_ns/max")
    );
    let sum: f64 = ["latency_ns", "latency_us", "latency_ms"]
        .iter()
        .flat_map(|key| {
            document.at(&format!("/jobs/0/{key}")).as_object().expect("buckets").values()
        })
        .map(|share| share.as_f64().expect("a percentage"))
        .sum();
    assert!((sum - 100.0).abs() < 0.5, "the buckets hold {sum} % of the requests");
}

#[test]
fn percentiles_are_those_asked_for() {
    let document = null("size=1m\npercentile_list=50:99.9");
    let found = document.at("/jobs/0/read/clat_ns/percentile").as_object().expect("percentiles");
    let keys: Vec<&str> = found.keys().map(String::as_str).collect();
    assert_eq!(keys, ["50.000000", "99.900000"]);
}

#[test]
fn groups_begin_at_a_stonewall() {
    let job = "[global]\nioengine=null\nsize=1m\n[a]\n[b]\n[c]\nstonewall\n";
    let document = Scene::new().run_json(job).clean();
    let group = |job: usize| document.number(&format!("/jobs/{job}/groupid"));
    assert_eq!([0, 1, 2].map(group), [0, 0, 1]);
}

#[test]
fn a_job_may_use_what_an_earlier_stage_makes() {
    let job = "[global]\nioengine=psync\nfilename=made\nbs=4k\n\
               [maker]\nrw=write\nsize=64k\n\
               [whole]\nstonewall\nrw=randread\n\
               [half]\nstonewall\nrw=randread\nsize=50%\noffset=50%\n";
    let document = Scene::new().run_json(job).clean();
    let reads = |name: &str| document.ios(document.job(name), "read");
    assert_eq!((reads("whole"), reads("half")), (16, 8));
    // In one stage nobody may rely on it.
    let job = "[global]\nioengine=psync\nfilename=made\nbs=4k\n\
               [maker]\nrw=write\nsize=64k\n[whole]\nrw=randread\n";
    Scene::new().run_json(job).expect(2).says(&["made", "does not exist"]);
}

#[test]
fn options_are_reported_as_typed() {
    let document = null("size=1m\nrw=randread\ntime_based=0\nthread");
    let options = document.at("/jobs/0/job options").as_object().expect("an object");
    assert_eq!(options["size"], "1m");
    assert_eq!(options["rw"], "randread");
    assert_eq!(options["thread"], "");
    assert!(!options.contains_key("iodepth"), "no defaults: {options:?}");
}

/// Runs `[a]` with these lines on psync, in the scene.
fn psync(scene: &Scene, lines: &str) -> Document {
    scene.run_json(&format!("[a]\nioengine=psync\nbs=4k\n{lines}\n")).clean()
}

#[test]
fn files_are_named_sized_and_kept_as_fio_does() {
    let scene = Scene::new();
    let document = psync(&scene, "rw=write\nsize=1m\nnrfiles=4\nnumjobs=2");
    assert_eq!(document.all_ios(), 512);
    for clone in 0..2 {
        for file in 0..4 {
            let path = scene.path().join(format!("a.{clone}.{file}"));
            let length = std::fs::metadata(&path).map(|file| file.len());
            assert_eq!(length.ok(), Some(256 << 10), "{}", path.display());
        }
    }
}

#[test]
fn unlink_removes_the_files() {
    let scene = Scene::new();
    psync(&scene, "rw=write\nsize=64k\nunlink=1");
    assert!(!scene.path().join("a.0.0").exists());
}

#[test]
fn directory_and_filename_say_where() {
    let scene = Scene::new();
    std::fs::create_dir(scene.path().join("sub")).expect("the scene is writable");
    psync(&scene, "rw=write\nsize=64k\ndirectory=sub\nfilename=x:y");
    for name in ["sub/x", "sub/y"] {
        let length = std::fs::metadata(scene.path().join(name)).expect("made").len();
        assert_eq!(length, 32 << 10, "{name}");
    }
}

#[test]
fn an_existing_file_gives_the_size() {
    let scene = Scene::new();
    scene.zeros("data", 256 << 10);
    assert_eq!(psync(&scene, "filename=data\nrw=randread").ios(0, "read"), 64);
    assert_eq!(psync(&scene, "filename=data\nsize=50%").ios(0, "read"), 32);
    assert_eq!(psync(&scene, "filename=data\noffset=50%").ios(0, "read"), 32);
}

#[test]
fn reads_lay_the_file_out_first() {
    let scene = Scene::new();
    let document = psync(&scene, "rw=randrw\nsize=1m");
    assert_eq!(document.all_ios(), 256);
    let length = std::fs::metadata(scene.path().join("a.0.0")).expect("laid out").len();
    assert_eq!(length, 1 << 20);
}

#[test]
fn fsyncs_are_counted_apart() {
    let scene = Scene::new();
    let document = psync(&scene, "rw=write\nsize=72k\nfsync=4");
    assert_eq!(document.ios(0, "write"), 18);
    assert_eq!(document.ios(0, "sync"), 4);
    assert_eq!(document.number("/jobs/0/sync/lat_ns/N"), 4);
    let document = psync(&scene, "rw=write\nsize=64k\nend_fsync=1");
    assert_eq!(totals(&document, "write"), (16, 64 << 10));
}

#[test]
fn direct_works_where_the_file_system_can() {
    let scene = Scene::new();
    let job = "[a]\nioengine=psync\nbs=4k\nrw=randrw\nsize=1m\ndirect=1\n";
    let outcome = scene.run_json(job);
    if outcome.status == 2 && outcome.stderr.contains("O_DIRECT") {
        return iodyno_tests::needs::skip("needs a temporary directory that takes O_DIRECT");
    }
    assert_eq!(outcome.clean().all_ios(), 256);
}

#[test]
fn cpus_allowed_pins_and_refuses_what_is_not_there() {
    let document = null("size=1m\ncpus_allowed=0");
    assert_eq!(document.ios(0, "read"), 256);
    let scene = Scene::new();
    let job = "[a]\nioengine=null\nsize=1m\ncpus_allowed=4000\n";
    scene.run_json(job).expect(2).says(&["cpus_allowed", "4000"]);
}
