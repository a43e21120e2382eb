//! Jobs against real files: what is refused in words before anything is made, and what
//! [`explain`] foretells. Only built for tests.
//! Must run as any user and leave nothing outside its own directories.

use super::layout::purpose;
use super::*;
use crate::ddir::PerDir;
use crate::job::spec::{BlockRange, Fallocate, RunSpec, Rw, Strided};
use crate::target::{BlockDevice, Purpose, Room};
use crate::units::Bytes;
use std::fs;
use tempfile::TempDir;

const K: u64 = 1024;

fn bytes(bytes: u64) -> Option<Amount> {
    Some(Amount::Bytes(Bytes(bytes)))
}

/// Reads 64 KiB of the file `x` in the directory; nothing else is asked for.
fn job(here: &TempDir) -> JobSpec {
    let mut job = JobSpec { name: "j".into(), ..JobSpec::default() };
    job.target.filename = vec![here.path().join("x").display().to_string()];
    job.target.nrfiles = 1;
    job.target.allow_file_create = true;
    job.process.numjobs = 1;
    job.load.size = bytes(64 * K);
    job.load.bs = PerDir::all(BlockRange { min: Bytes(4 * K), max: Bytes(4 * K) });
    job
}

fn spec(jobs: Vec<JobSpec>) -> RunSpec {
    RunSpec { global_given: Vec::new(), isolation: Default::default(), jobs }
}

fn refusals(job: JobSpec) -> Vec<String> {
    check(&spec(vec![job])).into_iter().map(|error| error.message).collect()
}

fn outlook(job: JobSpec) -> WorkerOutlook {
    explain(&spec(vec![job])).remove(0)
}

/// How a job is made wrong, and the words that it gets.
type Misuse = (fn(&mut JobSpec), &'static str);

/// Refused with these words, by the run and by lint alike, and nothing was made.
fn assert_refused(cases: &[Misuse]) {
    for (spoil, expected) in cases {
        let here = tempfile::tempdir().expect("a directory");
        let mut job = job(&here);
        spoil(&mut job);
        let said = refusals(job.clone());
        let said = said.first().expect(expected);
        assert!(said.contains(expected), "{said:?} should say {expected:?}");
        let told = explain(&spec(vec![job])).into_iter().find_map(|worker| worker.problem);
        assert!(told.is_some_and(|told| told.contains(expected)), "{expected}");
        assert_eq!(fs::read_dir(here.path()).expect("a directory").count(), 0, "{expected}");
    }
}

#[test]
fn files_that_cannot_be_made_or_read_ahead_are_told() {
    assert_refused(&[
        (|j| j.target.allow_file_create = false, "x: it does not exist, and allow_file_create=0"),
        (|j| j.target.create_on_open = true, "x: it does not exist, and create_on_open=1 lays"),
        (
            |j| {
                j.load.rw = Rw::Write;
                j.target.create_on_open = true;
                j.engine.flags = IOE_F_NOEXTEND;
                j.engine.name = "e".into();
            },
            "x: it does not exist, and engine e cannot make it longer",
        ),
        (
            |j| (j.target.pre_read, j.target.direct) = (true, true),
            "pre_read=1: it brings files into the page cache, which direct=1 goes around",
        ),
        (
            |j| {
                j.target.pre_read = true;
                j.engine.flags = IOE_F_PIPE;
                j.engine.name = "e".into();
            },
            "pre_read=1: engine e cannot read the same data twice",
        ),
        (
            |j| {
                j.target.pre_read = true;
                j.target.filename = vec!["/dev/null".into()];
            },
            "pre_read=1: /dev/null is no file and no block device",
        ),
    ]);
}

#[test]
fn amounts_and_names_that_cannot_be_are_told() {
    assert_refused(&[
        (
            |j| (j.load.fill_device, j.load.size) = (true, None),
            "fill_device=1 with rw=read: only sequential writes can go on until",
        ),
        (
            |j| {
                j.load.rw = Rw::RandWrite;
                (j.load.fill_device, j.load.size) = (true, None);
            },
            "fill_device=1 with rw=randwrite",
        ),
        (
            |j| {
                j.target.direct = true;
                j.target.filename = vec!["/proc/self/stat".into()];
            },
            "/proc/self/stat: direct=1: its file system does not take O_DIRECT",
        ),
        (|j| j.load.size = Some(Amount::Zones(2)), "x: 2z is zones are counted on zoned block"),
        (
            |j| {
                j.target.filename.clear();
                j.target.filename_format = Some("a.$nobody".into());
            },
            "filename_format=a.$nobody: $nobody is no word of it",
        ),
        (|j| j.target.filename = vec!["-".into()], "filename=-: a run has no standard input"),
        (
            |j| j.target.opendir = vec!["/none/such".into()],
            "opendir=/none/such: read /none/such: No such file",
        ),
        (
            |j| {
                j.target.opendir = vec!["/none".into()];
                j.engine.flags = IOE_F_DISKLESS;
                j.engine.name = "e".into();
            },
            "opendir: engine e has no files that could lie there",
        ),
        (
            |j| {
                j.load.offset_increment = bytes(1 << 62);
                j.load.size = bytes(64 * K);
                j.process.numjobs = 3;
            },
            "x: offset plus size is beyond 2^63",
        ),
        (
            |j| j.load.offset_increment = Some(Amount::Percent(10)),
            "x: offset_increment=10% is a part of nothing",
        ),
    ]);
}

#[test]
fn direct_wants_its_multiples() {
    let here = tempfile::tempdir().expect("a directory");
    let (path, block) = (Path::new("x"), 512);
    let direct = [target::Direct::Possible { offset_align: Some(block), mem_align: Some(4) }];
    let cases: [Misuse; 7] = [
        (|j| j.load.bs.read.min = Bytes(1000), "x: bs of 1000 bytes: direct=1 wants multiples"),
        (|j| j.load.bs.read.max = Bytes(5000), "bs of 5000 bytes"),
        (|j| j.load.offset = bytes(100), "an offset of 100 bytes"),
        (|j| j.load.bs_unaligned = true, "bs_unaligned=1: direct=1 wants multiples of 512 bytes"),
        (|j| j.load.blockalign.read = Some(Bytes(100)), "blockalign of 100 bytes"),
        (|j| j.content.mem_align = Bytes(2), "mem_align=2: direct=1 wants buffers at multiples"),
        (
            |j| {
                j.load.strided =
                    Some(Strided { size: Bytes(1024), range: Bytes(1025), skip: Bytes(0) });
            },
            "zonerange of 1025 bytes",
        ),
    ];
    let judged = |job: &JobSpec| {
        let targets = [Target { kind: target::Kind::Missing, ..Target::opaque(path, 0) }];
        let plan = sized(job, 0, &targets).expect("a plan");
        rules::judge_direct(job, &targets, &plan, &direct)
    };
    for (spoil, expected) in cases {
        let mut job = job(&here);
        judged(&job).expect("a good load");
        spoil(&mut job);
        let said = judged(&job).expect_err(expected).to_string();
        assert!(said.contains(expected), "{said:?} should say {expected:?}");
    }
    // What the job never writes may be of any size.
    let mut reader = job(&here);
    reader.load.bs.write.min = Bytes(1);
    judged(&reader).expect("a good load");
}

#[test]
fn a_raw_engine_wants_whole_blocks_of_a_device() {
    let here = tempfile::tempdir().expect("a directory");
    let judged = |job: &JobSpec, kind| {
        let base = Target::opaque(Path::new("/dev/sg7"), 1 << 30);
        let targets = [Target { kind, block_size: 4096, ..base }];
        let plan = sized(job, 0, &targets).expect("a plan");
        rules::judge(job, &targets, &plan)
    };
    let mut job = job(&here);
    job.load.bs.read.min = Bytes(512);
    judged(&job, target::Kind::Char).expect("another engine may have a cache");
    job.engine.flags |= IOE_F_RAW;
    judged(&job, target::Kind::Missing).expect("no device");
    for kind in [target::Kind::Char, target::Kind::Block] {
        let said = judged(&job, kind).expect_err("half a block").to_string();
        assert!(said.starts_with("/dev/sg7: bs of 512 bytes: engine "), "{said}");
        assert!(said.contains("multiples of the device's blocks of 4096 bytes"), "{said}");
    }
}

#[test]
fn a_trim_wants_a_device_that_discards_in_whole_blocks() {
    let here = tempfile::tempdir().expect("a directory");
    let judged = |job: &JobSpec, kind, discard_bytes| {
        let device = BlockDevice { discard_bytes, ..BlockDevice::default() };
        let base = Target::opaque(Path::new("/dev/sdx"), 1 << 30);
        let targets = [Target { kind, block_size: 4096, device: Some(device), ..base }];
        let plan = sized(job, 0, &targets).expect("a plan");
        rules::judge(job, &targets, &plan).map_err(|error| error.to_string())
    };
    let mut job = job(&here);
    let block = target::Kind::Block;
    judged(&job, block, Some(0)).expect("it only reads");
    for rw in [Rw::Trim, Rw::RandTrim, Rw::TrimWrite] {
        job.load.rw = rw;
        judged(&job, block, Some(4096)).expect("it discards");
        judged(&job, block, None).expect("nobody knows");
        judged(&job, target::Kind::Regular, Some(0)).expect("a file gets a hole");
        let said = judged(&job, block, Some(0)).expect_err("no discard");
        let words = format!("/dev/sdx: rw={}: the device cannot discard", rw.name());
        assert!(said.starts_with(&words), "{said}");
    }
    job.load.bs.trim.min = Bytes(512);
    let said = judged(&job, block, Some(4096)).expect_err("half a block");
    assert!(said.contains("bs of 512 bytes: trims want multiples of 4096 bytes"), "{said}");
    job.engine.flags |= IOE_F_FAKE;
    judged(&job, block, Some(0)).expect("nothing is sent");
}

#[test]
fn a_file_that_an_earlier_stage_lays_out_may_be_opened_without_layout() {
    let here = tempfile::tempdir().expect("a directory");
    let mut writer = job(&here);
    writer.load.rw = Rw::Write;
    let mut reader = job(&here);
    reader.target.create_on_open = true;
    reader.target.allow_file_create = false;
    reader.process.stonewall = true;
    assert!(check(&spec(vec![writer.clone(), reader.clone()])).is_empty());
    reader.process.stonewall = false;
    assert_eq!(check(&spec(vec![writer, reader])).len(), 1);
}

#[test]
fn opendir_makes_the_list_of_files() {
    let here = tempfile::tempdir().expect("a directory");
    for name in ["b", "a"] {
        fs::write(here.path().join(name), vec![0; 8192]).expect("a file");
    }
    let mut job = job(&here);
    job.target.filename.clear();
    job.target.opendir = vec![here.path().display().to_string()];
    job.load.size = None;
    let found = outlook(job.clone());
    let sizes: Vec<(String, u64)> = found
        .files
        .iter()
        .map(|file| (file.path.file_name().unwrap().to_string_lossy().into_owned(), file.size))
        .collect();
    assert_eq!(sizes, [("a".to_owned(), 8192), ("b".to_owned(), 8192)]);
    assert_eq!((found.bytes_per_loop, found.requests_per_loop), (Some(16_384), Some(4)));
    job.target.nrfiles = 3;
    assert!(refusals(job)[0].contains("nrfiles=3: opendir finds 2 files (leave nrfiles out)"));
}

#[test]
fn the_words_of_a_job_say_how_files_are_made() {
    let here = tempfile::tempdir().expect("a directory");
    let mut job = job(&here);
    assert_eq!(purpose(&job, 0), Purpose::Fill);
    job.load.rw = Rw::Write;
    let rooms = [
        (Fallocate::None, Room::None),
        (Fallocate::Native, Room::Native),
        (Fallocate::Posix, Room::Posix),
        (Fallocate::Keep, Room::Keep),
        (Fallocate::Truncate, Room::Truncate),
    ];
    for (asked, expected) in rooms {
        job.target.fallocate = asked;
        assert_eq!(purpose(&job, 0), Purpose::Reserve(expected));
    }
    assert_eq!(purpose(&job, IOE_F_NOEXTEND), Purpose::Fill);
    job.load.fill_device = true;
    assert_eq!(purpose(&job, 0), Purpose::Reserve(Room::None));
    job.target.overwrite = true;
    assert_eq!(purpose(&job, 0), Purpose::Fill);
}

#[test]
fn what_will_be_made_is_foretold_and_not_made() {
    let here = tempfile::tempdir().expect("a directory");
    let seen = |change: fn(&mut JobSpec)| {
        let mut job = job(&here);
        change(&mut job);
        let found = outlook(job);
        assert_eq!(found.problem, None);
        let file = &found.files[0];
        assert_eq!((found.filled, found.reserved), (file.filled, file.reserved));
        (file.kind, file.size, file.size_laid_out, file.filled, file.reserved)
    };
    assert_eq!(seen(|_| ()), ("new file", 0, 64 * K, 64 * K, 0));
    let none = |j: &mut JobSpec| {
        (j.load.rw, j.target.fallocate) = (Rw::Write, Fallocate::None);
    };
    assert_eq!(seen(none), ("new file", 0, 0, 0, 0));
    let native = |j: &mut JobSpec| {
        (j.load.rw, j.target.fallocate) = (Rw::Write, Fallocate::Native);
    };
    assert_eq!(seen(native), ("new file", 0, 64 * K, 0, 64 * K));
    assert_eq!(fs::read_dir(here.path()).expect("a directory").count(), 0);
    fs::write(here.path().join("x"), vec![1; 16 * K as usize]).expect("a file");
    assert_eq!(seen(|_| ()), ("file", 16 * K, 64 * K, 48 * K, 0));
    assert_eq!(seen(|j| j.load.size = None), ("file", 16 * K, 16 * K, 0, 0));
    let unmade = |j: &mut JobSpec| (j.load.rw, j.target.create_on_open) = (Rw::Write, true);
    assert_eq!(seen(unmade), ("file", 16 * K, 16 * K, 0, 0));
    assert_eq!(fs::metadata(here.path().join("x")).expect("a file").len(), 16 * K);
}

/// A change of a job, bytes and requests of a loop.
type Counted = (fn(&mut JobSpec), Option<u64>, Option<u64>);

#[test]
fn requests_are_counted_where_they_are_fixed() {
    let here = tempfile::tempdir().expect("a directory");
    let cases: [Counted; 8] = [
        (|_| (), Some(64 * K), Some(16)),
        (|j| j.load.io_size = bytes(10 * K), Some(10 * K), Some(3)),
        (|j| j.load.io_size = bytes(130 * K), Some(130 * K), Some(32)),
        (|j| j.load.number_ios = Some(5), Some(64 * K), Some(5)),
        (|j| j.load.rw = Rw::TrimWrite, Some(64 * K), Some(32)),
        (|j| j.load.bs.read.max = Bytes(8 * K), Some(64 * K), None),
        (|j| j.target.create_only = true, Some(0), Some(0)),
        (|j| (j.load.rw, j.load.fill_device, j.load.size) = (Rw::Write, true, None), None, None),
    ];
    for (index, (change, bytes, requests)) in cases.into_iter().enumerate() {
        let mut job = job(&here);
        change(&mut job);
        let found = outlook(job);
        assert_eq!((found.bytes_per_loop, found.requests_per_loop), (bytes, requests), "{index}");
    }
}

#[test]
fn traps_are_told() {
    let here = tempfile::tempdir().expect("a directory");
    let file = fs::File::create(here.path().join("x")).expect("a file");
    file.set_len(64 * K).expect("a length");
    let traps = |jobs: Vec<JobSpec>| -> Vec<String> {
        explain(&spec(jobs)).into_iter().flat_map(|worker| worker.traps).collect()
    };
    let said = traps(vec![job(&here)]).join("\n");
    assert!(said.contains("x: it has holes (0 of 65536 bytes are on the device)"), "{said}");
    let mut writers = job(&here);
    (writers.load.rw, writers.process.numjobs) = (Rw::Write, 2);
    let said = traps(vec![writers.clone()]);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("x: another worker writes the same blocks of it"), "{said:?}");
    let mut apart = writers.clone();
    apart.load.offset_increment = bytes(64 * K);
    assert_eq!(traps(vec![apart]), Vec::<String>::new());
    let mut later = writers.clone();
    (later.process.numjobs, later.process.stonewall) = (1, true);
    assert_eq!(traps(vec![later.clone(), later]), Vec::<String>::new());
    let mut huge = writers;
    (huge.load.size, huge.process.numjobs) = (bytes(1 << 60), 1);
    let found = outlook(huge);
    assert_eq!(found.spaces[0].needed, (1 << 60) - 64 * K);
    assert!(found.traps[0].contains("x: files are to grow by 1152921504606781440 bytes, and "));
    let mut full = job(&here);
    (full.load.rw, full.load.fill_device, full.load.size) = (Rw::Write, true, None);
    assert_eq!(traps(vec![full]), ["fill_device: it will write until there is no space left"]);
}

#[test]
fn an_engine_that_knows_its_own_targets_is_left_to_it() {
    let here = tempfile::tempdir().expect("a directory");
    let mut job = job(&here);
    job.engine.flags = IOE_F_DISKLESS;
    let found = outlook(job.clone());
    assert_eq!((found.files[0].kind, found.bytes_per_loop), ("engine's own", Some(64 * K)));
    job.load.size = None;
    let found = outlook(job);
    assert_eq!((found.problem, found.bytes_per_loop), (None, None));
}
