//! Misuse of what a job may ask of load, files, content and memory: each is told with its place.
//!
//! Errors are status 2 from `run` and `lint` alike; warnings are told by `lint`, which runs
//! nothing. The bad line stands at a known place, in both formats.

use iodyno_tests::Scene;

/// A line that is wrong, and what stands before it.
struct Case {
    /// Lines before, in fio's format.
    before: &'static str,
    /// The line that is blamed.
    line: &'static str,
    /// Words of the message.
    words: &'static [&'static str],
}

const fn case(before: &'static str, line: &'static str, words: &'static [&'static str]) -> Case {
    Case { before, line, words }
}

const ERRORS: &[Case] = &[
    case("", "rw=randread:0", &["rw", "`0` is out of range"]),
    case("", "rw=read:1x", &["rw", "unknown unit"]),
    case("", "bssplit=4k/60:8k/30", &["bssplit", "add up to 90"]),
    case("", "bssplit=4k/60:8k/50", &["bssplit", "add up to 110"]),
    case("bs=4k", "bssplit=4k/60:8k/40", &["`bs` and `bssplit` in one section"]),
    case("bsrange=4k-8k", "bssplit=4k/60:8k/40", &["`bsrange` and `bssplit`"]),
    case("rw=randread", "random_distribution=zipf:0", &["theta", "above 0"]),
    case("rw=randread", "random_distribution=zipf:1.0", &["not defined for"]),
    case("rw=randread", "random_distribution=pareto:1.5", &["pareto", "below 1"]),
    case("rw=randread", "random_distribution=normal:0", &["normal", "above 0"]),
    case("rw=randread", "random_distribution=zipf:1.2:2", &["center", "0 to 1"]),
    case("rw=randread", "random_distribution=zoned:60/10:30/90", &["accesses", "90"]),
    case("rw=randread", "random_distribution=zoned:60/10:40/80", &["sizes", "90"]),
    case("rw=randread", "percentage_random=101", &["percentage_random", "0 to 100"]),
    case("nrfiles=2", "openfiles=3", &["`openfiles` is 3", "the 2"]),
    case("zonemode=strided\nzonesize=64k", "zonerange=32k", &["`zonerange` is 32768"]),
    case("", "zonesize=64k", &["zonesize", "zonemode=strided"]),
    case("", "zonemode=strided", &["needs `zonesize`"]),
    case("", "max_open_zones=3", &["`max_open_zones` needs `zonemode=zbd`"]),
    case("", "read_beyond_wp=1", &["`read_beyond_wp` needs `zonemode=zbd`"]),
    case("zonemode=zbd", "zone_reset_frequency=2", &["zone_reset_frequency", "0 to 1"]),
    case(
        "zonemode=zbd\nrw=write",
        "zone_reset_threshold=0.5",
        &["without `zone_reset_frequency`", "zone_reset_frequency=0.01"],
    ),
    case("zonemode=zbd", "rw=trimwrite", &["a trim empties a whole zone"]),
    case("zonemode=zbd", "rw=write:8k", &["written without holes"]),
    case("zonemode=zbd\nrw=write", "fill_device=1", &["a zone that is full is reset"]),
    case("zonemode=zbd", "zoneskip=4z", &["yet"]),
    case("zero_buffers", "buffer_pattern=0xab", &["`zero_buffers` and `buffer_pattern`"]),
    case("buffer_pattern=0xab", "dedupe_percentage=10", &["contradict"]),
    case("zero_buffers", "buffer_compress_percentage=10", &["contradict"]),
    case("", "buffer_pattern=abc", &["no number"]),
    case("mem=mmaphuge", "hugepage-size=12345", &["no pages of 12345 bytes"]),
    case("", "mem=heap", &["none of malloc"]),
    case("", "mem_align=3000", &["no power of two"]),
    case("filename=x", "opendir=d", &["`filename` and `opendir`"]),
    case("create_on_open=1", "create_only=1", &["create_on_open"]),
    case("direct=1", "pre_read=1", &["`pre_read` brings files into the page cache"]),
    case("io_submit_mode=offload", "create_on_open=1", &["offload keeps all files open"]),
    case("allow_file_create=0", "create_only=1", &["forbids"]),
    case("direct=1", "buffered=1", &["`direct=1` and `buffered=1` contradict"]),
    case("", "fill_device=1", &["fill_device", "rw=read"]),
    case("", "sync_file_range=8", &["number of writes"]),
    case("", "file_service_type=zipf:1", &["not defined for"]),
    case("", "filename_format=$jobid", &["$jobname"]),
];

const WARNINGS: &[Case] = &[
    case("", "random_distribution=zipf:1.2", &["`random_distribution` has no effect"]),
    case("", "percentage_random=50", &["`percentage_random` has no effect"]),
    case("", "norandommap=1", &["`norandommap` has no effect"]),
    case("", "blockalign=512", &["`blockalign` has no effect"]),
    case(
        "rw=randread\nrandom_distribution=zipf:1.2",
        "random_generator=lfsr",
        &["`random_generator` has no effect", "blocks repeat"],
    ),
    case("rw=randread", "rw_sequencer=identical", &["`rw_sequencer` has no effect"]),
    case("", "offset_align=1m", &["`offset_align` has no effect"]),
    case("zonemode=none", "zoneskip=64k", &["`zoneskip` has no effect"]),
    case("", "bs_unaligned=1", &["`bs_unaligned` has no effect"]),
    case("", "dedupe_mode=working_set", &["`dedupe_mode` has no effect"]),
    case("", "dedupe_working_set_percentage=9", &["has no effect", "dedupe_percentage"]),
    case("", "buffer_compress_chunk=4k", &["`buffer_compress_chunk` has no effect"]),
    case("zero_buffers=1", "refill_buffers=1", &["`refill_buffers` has no effect"]),
    case("", "hugepage-size=1g", &["`hugepage-size` has no effect"]),
    case("filename=x", "unique_filename=0", &["`unique_filename` has no effect"]),
    case("filename=x", "filename_format=y", &["`filename_format` has no effect"]),
    case("opendir=x", "nrfiles=2", &["`nrfiles` has no effect"]),
    case("opendir=x", "directory=/", &["`directory` has no effect"]),
    case("", "overwrite=1", &["`overwrite` has no effect"]),
    case("", "write_barrier=2", &["`write_barrier` has no effect"]),
    case("", "fsync=2", &["`fsync` has no effect"]),
    case("", "fdatasync=2", &["`fdatasync` has no effect"]),
    case("", "sync_file_range=write:2", &["`sync_file_range` has no effect"]),
    case("", "fsync_on_close=1", &["`fsync_on_close` has no effect"]),
    case("", "end_fsync=1", &["`end_fsync` has no effect"]),
];

/// The job in fio's format, and the number of the blamed line.
fn fio(case: &Case) -> (String, usize) {
    let text = format!("[a]\nsize=1m\n{}\n{}\n", case.before, case.line);
    let number = text.lines().count();
    (text, number)
}

/// The same in TOML, where every value may be a string.
fn toml(case: &Case) -> (String, usize) {
    let quoted = |line: &str| match line.split_once('=') {
        Some((key, value)) => format!("{key} = '{value}'\n"),
        None if line.is_empty() => String::new(),
        None => format!("{line} = true\n"),
    };
    let before: String = case.before.lines().map(quoted).collect();
    let text = format!("[[job]]\nname = 'a'\nsize = '1m'\n{before}{}", quoted(case.line));
    let number = text.lines().count();
    (text, number)
}

#[test]
fn errors_are_told_with_line_and_column() {
    let scene = Scene::new();
    for (at, case) in ERRORS.iter().enumerate() {
        let column = case.line.find('=').map_or(1, |equals| equals + 2);
        let (text, line) = fio(case);
        let name = format!("case{at}.fio");
        let file = scene.file(&name, text);
        let outcome = scene.iodyno(["lint", &file]).run().expect(2).says(case.words);
        // The value is underlined where it is wrong by itself, else the key.
        let places = [format!("{name}:{line}:{column}"), format!("{name}:{line}:1")];
        assert!(places.iter().any(|place| outcome.stderr.contains(place)), "{outcome}");
        let (text, line) = toml(case);
        let name = format!("case{at}.toml");
        let file = scene.file(&name, text);
        scene.iodyno(["lint", &file]).run().expect(2).says(case.words);
        let outcome = scene.iodyno(["run", &file]).run().expect(2).says(case.words);
        outcome.says(&[&format!("{name}:{line}:")]);
    }
}

/// A disk with zones is in the laboratory; what has none is here.
#[test]
fn zones_that_are_not_there_are_refused() {
    let scene = Scene::new();
    scene.file("file", vec![7; 1 << 20]);
    for (lines, words) in [
        ("filename=file\nrw=write", "file: zonemode=zbd: a regular file has no zones"),
        ("filename=new\nrw=write", "new: zonemode=zbd: a regular file has no zones"),
        ("ioengine=null\nrw=write", "zonemode=zbd: engine null works on no device"),
    ] {
        let job = scene.file("job.fio", format!("[a]\nsize=1m\nzonemode=zbd\n{lines}\n"));
        let run = scene.iodyno(["run", &job]).run().expect(2);
        run.says(&["job.fio:1: job a", words]);
        assert!(!scene.path().join("new").exists(), "a file was made");
    }
    let left = std::fs::read(scene.path().join("file")).expect("the file");
    assert!(left.iter().all(|byte| *byte == 7), "a file was written to");
}

#[test]
fn what_has_no_effect_is_warned_of() {
    let scene = Scene::new();
    for (at, case) in WARNINGS.iter().enumerate() {
        let name = format!("case{at}");
        let (text, line) = fio(case);
        let file = scene.file(&format!("{name}.fio"), text);
        let outcome = scene.iodyno(["lint", &file]).run().expect(0).says(case.words);
        outcome.says(&["warning", &format!("{name}.fio:{line}:1")]);
        let (text, line) = toml(case);
        let file = scene.file(&format!("{name}.toml"), text);
        let outcome = scene.iodyno(["lint", &file]).run().expect(0).says(case.words);
        outcome.says(&["warning", &format!("{name}.toml:{line}:1")]);
    }
}

/// What `lint` prints is a job file: read again it is the same job.
#[test]
fn the_printed_job_is_the_same_job() {
    let scene = Scene::new();
    let job = "[a]\nioengine=null\nsize=1g\nrw=randrw:8\nbssplit=4k/50:1k/:2k/,8k/40:16k/60\n\
               random_distribution=zipf:1.2:0.25,zoned:60/10:40/90\npercentage_random=90\n\
               zonemode=strided\nzonesize=1m\nbuffer_pattern=\"ab\"-12\nsync=dsync\n\
               sync_file_range=write:8\nfile_service_type=random:4\nnrfiles=4\nopenfiles=2\n";
    let file = scene.file("first.fio", job);
    let first = scene.iodyno(["lint", &file]).run().expect(0);
    let file = scene.file("second.toml", &first.stdout);
    let second = scene.iodyno(["lint", &file]).run().expect(0);
    let head = |text: &str| text.lines().next().unwrap_or_default().to_owned();
    assert!(head(&first.stdout).contains("fingerprint"), "{first}");
    assert_eq!(head(&first.stdout), head(&second.stdout), "{second}");
}
