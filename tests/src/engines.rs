//! What engines are tested for, each case once, as functions over a description of the engine.
//!
//! `tests/tests/engine_NAME.rs` describes its engine, `const NAME: Engine = Engine::sync("..")` or
//! `Engine::queued("..")` (and `.options(..)`, `.cannot_grow()`, `.without_direct()`), says
//! `iodyno_tests::stores_data!(NAME);`, which makes a test of each case, and adds what is the
//! engine's own. One that stores nothing names the cases that fit: `engine_tests!(NAME; conforms,
//! documented, example);`, and has `refused`. Files are judged by their bytes, here; what was read
//! into buffers by `iodyno check`, since a run shows no buffer. Must not know any engine by name.

use crate::needs::skip;
use crate::{process, programs, require, Document, Outcome, Scene};
use rustix::fs::{Mode, OFlags};
use rustix::process::Signal;
use serde_json::Value;
use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

/// An engine as its tests see it.
#[derive(Clone, Copy, Debug)]
pub struct Engine {
    name: &'static str,
    options: &'static str,
    queues: bool,
    grows: bool,
    direct: bool,
}

impl Engine {
    /// One that answers Completed to everything.
    pub const fn sync(name: &'static str) -> Engine {
        Engine { name, options: "", queues: false, grows: true, direct: true }
    }

    /// One that has requests in flight.
    pub const fn queued(name: &'static str) -> Engine {
        Engine { queues: true, ..Engine::sync(name) }
    }

    /// Lines of a job file that every job of this description gets: "hipri=1\nnowait=1".
    pub const fn options(mut self, lines: &'static str) -> Engine {
        self.options = lines;
        self
    }

    /// It says IOE_F_NOEXTEND: files are laid out before the run.
    pub const fn cannot_grow(mut self) -> Engine {
        self.grows = false;
        self
    }

    /// It cannot do `direct=1` and refuses it.
    pub const fn without_direct(mut self) -> Engine {
        self.direct = false;
        self
    }

    /// The head of a job file in fio's format: a section `[global]` with engine and options, to
    /// which `lines` are added.
    pub fn job(&self, lines: &str) -> String {
        let Engine { name, options, .. } = self;
        format!("[global]\nioengine={name}\n{options}\n{lines}\n")
    }

    /// Runs one job with these lines.
    pub fn run(&self, scene: &Scene, lines: &str) -> Outcome {
        scene.run_json(&self.job(&format!("{lines}\n[a]")))
    }
}

/// Makes a test of each case that an engine which stores data has to pass; with `, NEED` only where
/// the machine has that one of [`crate::needs`].
#[macro_export]
macro_rules! stores_data {
    ($engine:expr $(, $need:ident)?) => {
        $crate::engine_tests!(
            $engine $(, $need)?;
            conforms,
            documented,
            example,
            what_it_writes_is_in_the_file,
            what_psync_wrote_it_reads,
            sequential_blocks_land_where_they_belong,
            random_sizes,
            mixed_reads_and_writes,
            two_instances_on_one_file,
            several_files,
            syncs,
            reads_at_the_end_of_a_file_are_short,
            a_full_disk,
            a_truncated_target,
            a_removed_target,
            an_interrupted_run,
            a_depth_is_taken_or_warned_of,
            direct,
            direct_misaligned,
            a_block_device
        );
    };
}

/// Makes tests of the named functions of [`crate::engines`], for engines that need only some.
#[macro_export]
macro_rules! engine_tests {
    ($engine:expr; $($case:ident),+ $(,)?) => {
        $(
            #[test]
            fn $case() {
                $crate::engines::$case(&$engine);
            }
        )+
    };
    ($engine:expr, $need:ident; $($case:ident),+ $(,)?) => {
        $(
            #[test]
            fn $case() {
                $crate::require!($need);
                $crate::engines::$case(&$engine);
            }
        )+
    };
}

const BLOCK: usize = 4096;
const MIB: usize = 1 << 20;

/// What a file holds before a job writes to it.
const BEFORE: u8 = 0xee;

/// Depth one, a small and a large one, and batches that do not divide them.
const DEPTHS: [&str; 6] = [
    "iodepth=1",
    "iodepth=8",
    "iodepth=64",
    "iodepth=8\niodepth_batch_submit=3\niodepth_batch_complete_min=2",
    "iodepth=64\niodepth_batch_submit=64\niodepth_batch_complete_min=1\n\
     iodepth_batch_complete_max=17",
    "iodepth=64\niodepth_batch_submit=16\niodepth_batch_complete_min=0\niodepth_low=5",
];

/// A pattern that shows shifts: 251 bytes, none like its neighbour, none [`BEFORE`] or zero twice.
fn pattern(seed: u8) -> Vec<u8> {
    (0..251_u32).map(|n| (n * 7 + u32::from(seed)) as u8).collect()
}

/// The line that makes a job write it.
fn pattern_line(scene: &Scene, seed: u8) -> String {
    let file = scene.file(&format!("pattern-{seed}"), pattern(seed));
    format!("buffer_pattern='{file}'")
}

/// A block as a job with that pattern writes it.
fn block(seed: u8, len: usize) -> Vec<u8> {
    pattern(seed).iter().copied().cycle().take(len).collect()
}

#[track_caller]
fn assert_same(found: &[u8], expected: &[u8], what: &str) {
    let wrong = found.iter().zip(expected).position(|(f, e)| f != e);
    assert_eq!((found.len(), wrong), (expected.len(), None), "{what}: length, first wrong byte");
}

/// `iodyno check` finds nothing to blame.
pub fn conforms(engine: &Engine) {
    let scene = Scene::new();
    let rows = check(&scene, engine, &[]);
    assert!(rows.len() > 30, "only {} checks", rows.len());
}

/// Runs `iodyno check` with these arguments more; its rows.
fn check(scene: &Scene, engine: &Engine, args: &[&str]) -> Vec<Value> {
    let mut sets = Vec::new();
    for line in engine.options.lines().filter(|line| !line.is_empty()) {
        sets.extend(["--set", line]);
    }
    let run = scene.iodyno(["check", engine.name, "--json", "-"]).args(sets).args(args);
    // Half a minute where nobody else wants the CPUs.
    let outcome = run.within(Duration::from_secs(240)).run().expect(0);
    let document = Document::parse(&outcome.stdout);
    document.at("/checks").as_array().expect("checks is an array").clone()
}

/// The engine's page names every option that `iodyno engines show` prints.
pub fn documented(engine: &Engine) {
    let name = engine.name;
    let page = programs::repo().join(format!("docs/engines/{name}.md"));
    let page = std::fs::read_to_string(&page).unwrap_or_else(|e| panic!("{}: {e}", page.display()));
    assert!(page.starts_with(&format!("# {name}\n")), "the page's head");
    let scene = Scene::new();
    let outcome = scene.iodyno(["engines", "show", name, "--json"]).run().expect(0);
    let shown = Document::parse(&outcome.stdout);
    for option in shown.at("/options").as_array().expect("an array") {
        let option = option["name"].as_str().expect("a text");
        assert!(page.contains(&format!("`{option}`")), "docs/engines/{name}.md lacks `{option}`");
    }
}

/// `examples/engine-NAME.toml` runs as it is, in an empty directory, without a warning.
pub fn example(engine: &Engine) {
    let scene = Scene::new();
    let file = programs::repo().join(format!("examples/engine-{}.toml", engine.name));
    let file = file.to_str().expect("the project's path is UTF-8");
    let outcome = scene.iodyno(["run", file, "--output-format", "json"]).run().expect(0);
    assert_eq!(outcome.stderr, "", "an example gives no warning");
    assert!(outcome.took < Duration::from_secs(20), "an example is short: {:?}", outcome.took);
    let document = outcome.clean();
    let text = document.0.to_string();
    let uses = format!("\"ioengine\":\"{}\"", engine.name);
    assert!(text.contains(&uses), "no job of the example uses {}", engine.name);
}

/// Every byte in its place and none outside, at all depths, in order and at random.
pub fn what_it_writes_is_in_the_file(engine: &Engine) {
    let scene = Scene::new();
    for (round, depth) in DEPTHS.iter().enumerate() {
        for rw in ["write", "randwrite"] {
            let seed = round as u8 + 1;
            let file = scene.file("target", vec![BEFORE; 3 * MIB]);
            let line = pattern_line(&scene, seed);
            let lines = format!("filename={file}\nrw={rw}\nbs=4k\noffset=1m\nsize=1m\n{line}");
            let document = engine.run(&scene, &format!("{lines}\n{depth}")).clean();
            assert_eq!(document.ios(0, "write"), 256, "{rw} {depth}");
            assert_eq!(document.bytes(0, "write"), MIB as u64, "{rw} {depth}");
            let mut expected = vec![BEFORE; 3 * MIB];
            let blocks = expected[MIB..2 * MIB].chunks_mut(BLOCK);
            blocks.for_each(|b| b.copy_from_slice(&block(seed, BLOCK)));
            let found = std::fs::read(&file).expect("the target is there");
            assert_same(&found, &expected, &format!("{rw} {depth}"));
            let back = read_by("psync", &scene, &file, "iodepth=1");
            assert_eq!(back, (768, 3 * MIB as u64), "psync reads it");
        }
    }
}

/// Reads the whole file with an engine: requests and bytes.
fn read_by(engine: &str, scene: &Scene, file: &str, lines: &str) -> (u64, u64) {
    let job = format!("[r]\nioengine={engine}\nfilename={file}\nrw=read\nbs=4k\n{lines}\n");
    let document = scene.run_json(&job).clean();
    assert_eq!(document.number("/jobs/0/read/short_ios"), 0);
    (document.ios(0, "read"), document.bytes(0, "read"))
}

/// All of a file that psync wrote comes, at all depths; what the buffers then hold is judged by
/// those checks of `iodyno check` that compare them, none of which may be skipped.
pub fn what_psync_wrote_it_reads(engine: &Engine) {
    let scene = Scene::new();
    let psync = Engine::sync("psync");
    let line = pattern_line(&scene, 1);
    psync.run(&scene, &format!("filename=target\nrw=write\nbs=64k\nsize=1m\n{line}")).clean();
    let file = scene.at("target");
    for depth in DEPTHS {
        let lines = format!("{}\n{depth}", engine.options);
        assert_eq!(read_by(engine.name, &scene, &file, &lines), (256, MIB as u64), "{depth}");
    }
    let data = ["data.read-after-write", "data.sizes", "data.depths", "data.seen-by-others"];
    let rows = check(&scene, engine, &["--only", r"^data\."]);
    for id in data {
        let row = rows.iter().find(|row| row["id"] == id);
        assert_eq!(row.map(|row| &row["verdict"]), Some(&Value::from("pass")), "{id}: {row:?}");
    }
}

/// Blocks with gaps between them: what is off by anything shows in the gaps.
pub fn sequential_blocks_land_where_they_belong(engine: &Engine) {
    let scene = Scene::new();
    for depth in DEPTHS {
        let file = scene.file("target", vec![BEFORE; MIB]);
        let line = pattern_line(&scene, 9);
        let lines = format!("filename={file}\nrw=write:4k\nbs=4k\nsize=1m\nio_size=512k\n{line}");
        engine.run(&scene, &format!("{lines}\n{depth}")).clean();
        let mut expected = vec![BEFORE; MIB];
        for b in expected.chunks_mut(BLOCK).step_by(2) {
            b.copy_from_slice(&block(9, BLOCK));
        }
        assert_same(&std::fs::read(&file).expect("there"), &expected, depth);
    }
}

/// Sizes of any number of bytes, at offsets that follow from them.
pub fn random_sizes(engine: &Engine) {
    let scene = Scene::new();
    let fill = "zero_buffers";
    for (depth, sizes) in [
        (DEPTHS[0], "bsrange=1-9000"),
        (DEPTHS[2], "bsrange=1-9000"),
        (DEPTHS[4], "bsrange=512-64k"),
    ] {
        let file = scene.file("target", vec![BEFORE; 3 * MIB]);
        let lines = format!(
            "filename={file}\nrw=write\n{sizes}\nbs_unaligned\noffset=1m\nsize=1m\n{fill}\n{depth}"
        );
        let document = engine.run(&scene, &lines).clean();
        let written = document.bytes(0, "write") as usize;
        assert!((MIB - 65536..=MIB).contains(&written), "{written} bytes: {sizes} {depth}");
        let mut expected = vec![BEFORE; 3 * MIB];
        expected[MIB..MIB + written].fill(0);
        assert_same(&std::fs::read(&file).expect("there"), &expected, sizes);
        let lines = format!("filename={file}\nrw=randread\n{sizes}\nbs_unaligned\n{depth}");
        let document = engine.run(&scene, &lines).clean();
        assert_eq!(document.number("/jobs/0/read/short_ios"), 0, "{sizes} {depth}");
        assert!(document.bytes(0, "read") >= 2 * MIB as u64, "{sizes} {depth}");
    }
}

/// Reads and writes of one job: as many blocks carry the pattern as were written, whole ones.
pub fn mixed_reads_and_writes(engine: &Engine) {
    let scene = Scene::new();
    for depth in DEPTHS {
        let file = scene.file("target", vec![BEFORE; MIB]);
        let line = pattern_line(&scene, 5);
        let lines = format!("filename={file}\nrw=randrw\nbs=4k\nsize=1m\n{line}\n{depth}");
        let document = engine.run(&scene, &lines).clean();
        assert_eq!(document.all_ios(), 256, "{depth}");
        let (new, old) = (block(5, BLOCK), vec![BEFORE; BLOCK]);
        let found = std::fs::read(&file).expect("there");
        let written = found.chunks(BLOCK).filter(|b| *b == new).count() as u64;
        let left = found.chunks(BLOCK).filter(|b| *b == old).count() as u64;
        assert_eq!((written, left), (document.ios(0, "write"), document.ios(0, "read")), "{depth}");
    }
}

/// Two instances write halves of one file at the same time; neither touches the other's.
pub fn two_instances_on_one_file(engine: &Engine) {
    let scene = Scene::new();
    let file = scene.file("target", vec![BEFORE; 2 * MIB]);
    let (one, two) = (pattern_line(&scene, 1), pattern_line(&scene, 2));
    let global = format!("filename={file}\nrw=randwrite\nbs=4k\nsize=1m\niodepth=8\nloops=4");
    let job = engine.job(&format!("{global}\n[one]\n{one}\n[two]\noffset=1m\n{two}"));
    scene.run_json(&job).clean();
    let halves = [(1, MIB / BLOCK), (2, MIB / BLOCK)];
    let expected: Vec<u8> =
        halves.iter().flat_map(|(seed, count)| block(*seed, BLOCK).repeat(*count)).collect();
    assert_same(&std::fs::read(&file).expect("there"), &expected, "two halves");
}

/// One instance, several files, requests that go to each in turn.
pub fn several_files(engine: &Engine) {
    let scene = Scene::new();
    for depth in [DEPTHS[0], DEPTHS[4]] {
        let files: Vec<String> =
            (0..3).map(|n| scene.file(&format!("part-{n}"), vec![BEFORE; MIB])).collect();
        let line = pattern_line(&scene, 7);
        let names = files.join(":");
        let lines = format!("filename={names}\nrw=randwrite\nbs=4k\nsize=3m\n{line}\n{depth}");
        engine.run(&scene, &lines).clean();
        for file in &files {
            let found = std::fs::read(file).expect("there");
            assert_same(&found, &block(7, BLOCK).repeat(MIB / BLOCK), &format!("{file} {depth}"));
        }
    }
}

/// Syncs among the writes end well and are counted.
pub fn syncs(engine: &Engine) {
    let scene = Scene::new();
    for (depth, sync) in [
        (DEPTHS[0], "fsync=8"),
        (DEPTHS[1], "fdatasync=8"),
        (DEPTHS[4], "fsync=8"),
        (DEPTHS[2], "sync_file_range=write:8"),
    ] {
        let file = scene.zeros("target", MIB);
        let lines =
            format!("filename={file}\nrw=write\nbs=4k\nsize=1m\n{sync}\nend_fsync=1\n{depth}");
        let document = engine.run(&scene, &lines).clean();
        assert_eq!(document.ios(0, "write"), 256, "{sync} {depth}");
        assert!(document.ios(0, "sync") >= 31, "{sync} {depth}: {}", document.ios(0, "sync"));
    }
}

/// A file shrinks under a reader: reads across the new end are short, those beyond it move nothing,
/// and none of that is an error.
pub fn reads_at_the_end_of_a_file_are_short(engine: &Engine) {
    for depth in [DEPTHS[0], DEPTHS[3]] {
        let outcome = while_it_reads(engine, depth, |file| {
            let shrunk = OpenOptions::new().write(true).open(file).expect("the file is there");
            shrunk.set_len(32 * 1024 + 100).expect("the file shrinks");
        });
        let document = outcome.expect(0).document();
        let (ios, bytes) = (document.ios(0, "read"), document.bytes(0, "read"));
        let short = document.number("/jobs/0/read/short_ios");
        assert!(short > 0 && short < ios, "{short} of {ios} were short: {depth}");
        assert!(bytes >= (ios - short) * 4096 && bytes < ios * 4096, "{bytes} bytes: {depth}");
    }
}

/// Runs random reads of a file of 64 KiB for a second and does something to it in the middle.
fn while_it_reads(engine: &Engine, depth: &str, change: impl FnOnce(&Path)) -> Outcome {
    let scene = Scene::new();
    let file = scene.file("target", vec![7_u8; 64 * 1024]);
    let lines = "filename=target\nrw=randread\nbs=4k\nsize=64k\nnorandommap\nruntime=1500ms\n\
        time_based\nrate_iops=500";
    let run = scene.json(&engine.job(&format!("{lines}\n{depth}\n[a]"))).start();
    run.wait_for_cells(1);
    std::thread::sleep(Duration::from_millis(500));
    change(Path::new(&file));
    run.wait()
}

/// A file that has lost its name is read and written on.
pub fn a_removed_target(engine: &Engine) {
    let outcome = while_it_reads(engine, DEPTHS[1], |file| {
        std::fs::remove_file(file).expect("the file is there");
    });
    let document = outcome.clean();
    assert_eq!(document.number("/jobs/0/read/short_ios"), 0);
    assert!(document.ios(0, "read") > 100);
}

/// A file is cut to nothing under a writer: nothing crashes, whether the file grows again or not.
pub fn a_truncated_target(engine: &Engine) {
    let scene = Scene::new();
    let file = scene.zeros("target", 4 * MIB);
    let lines = "filename=target\nrw=randwrite\nbs=4k\nsize=4m\nnorandommap\nruntime=1500ms\n\
        time_based\nrate_iops=500\niodepth=8";
    let run = scene.json(&engine.job(&format!("{lines}\n[a]"))).start();
    run.wait_for_cells(1);
    std::thread::sleep(Duration::from_millis(500));
    let cut = OpenOptions::new().write(true).open(&file).expect("the file is there");
    cut.set_len(0).expect("the file shrinks");
    let outcome = run.wait();
    // An engine that cannot make a file longer may say so; others write on.
    let allowed: &[i32] = if engine.grows { &[0] } else { &[0, 1] };
    assert!(allowed.contains(&outcome.status), "{outcome}");
    assert!(outcome.document().ios(0, "write") > 50, "{outcome}");
}

/// A disk that fills up in mid-run ends the job with ENOSPC, in words, and nothing counted that is
/// not there.
pub fn a_full_disk(engine: &Engine) {
    require!(private_mounts);
    for depth in [DEPTHS[0], DEPTHS[4]] {
        let scene = Scene::new();
        let disk = scene.at("disk");
        std::fs::create_dir(&disk).expect("the scene is writable");
        let lines = format!(
            "rw=write\nbs=64k\nsize=16m\nfallocate=none\nfilename={disk}/file\n{depth}\n[a]"
        );
        let job = scene.file("job.fio", engine.job(&lines));
        let mount = format!("mount -t tmpfs -o size=4m none '{disk}'");
        let args = ["run", &job, "--output-format", "json"];
        let outcome = scene.iodyno_after(&["unshare", "--mount"], &mount, args).run();
        // Where the host lays the file out, the disk is full before the run.
        let status = if engine.grows { 1 } else { outcome.status };
        assert!(status == outcome.status && [1, 2].contains(&status), "{outcome}");
        assert!(outcome.stderr.to_lowercase().contains("no space left"), "{outcome}");
        let document = outcome.document();
        let written = document.bytes(0, "write");
        assert!(written <= 4 << 20, "{written} bytes are counted:\n{outcome}");
        if engine.grows {
            assert_eq!(document.number("/jobs/0/error"), 28, "{outcome}");
            assert!(written > 0, "what went well is counted:\n{outcome}");
        }
    }
}

/// SIGINT drains what is in flight and still reports.
pub fn an_interrupted_run(engine: &Engine) {
    for depth in [DEPTHS[0], DEPTHS[2]] {
        let scene = Scene::new();
        scene.zeros("target", MIB);
        let lines =
            format!("filename=target\nrw=randrw\nbs=4k\nsize=1m\nruntime=50\ntime_based\n{depth}");
        let run = scene.json(&engine.job(&format!("{lines}\n[a]"))).start();
        let cell = run.wait_for_cells(1)[0].pid;
        process::wait_until_it_computed(cell, 200);
        process::signal(run.pid(), Signal::INT);
        let outcome = run.wait().expect(128);
        let document = outcome.document();
        document.assert_no_errors();
        assert!(document.all_ios() > 100, "{outcome}");
        process::eventually("the cell is gone", Duration::from_secs(5), || {
            (!process::alive(cell)).then_some(())
        });
    }
}

/// A depth has an effect, or a warning that it has none.
pub fn a_depth_is_taken_or_warned_of(engine: &Engine) {
    let scene = Scene::new();
    let outcome = engine.run(&scene, "filename=target\nrw=write\nsize=1m\niodepth=8").expect(0);
    let warned = outcome.stderr.contains("`iodepth` has no effect");
    assert_eq!(warned, !engine.queues, "{outcome}");
    let level = outcome.document().float("/jobs/0/iodepth_level/8");
    assert_eq!(level > 0.0, engine.queues, "{level} percent of the requests at depth 8");
}

/// Whether files of the scene can be opened with O_DIRECT.
fn takes_direct(scene: &Scene) -> bool {
    let file = scene.zeros("probe", BLOCK);
    rustix::fs::open(file, OFlags::RDWR | OFlags::DIRECT, Mode::empty()).is_ok()
}

/// `direct=1` at all depths; an engine that cannot do it says so before the run.
pub fn direct(engine: &Engine) {
    let scene = Scene::new();
    if !engine.direct {
        return refused(engine, "direct=1", &["direct"]);
    }
    if !takes_direct(&scene) {
        return skip("the temporary directory's file system takes no O_DIRECT");
    }
    for depth in DEPTHS {
        let file = scene.file("target", vec![BEFORE; 2 * MIB]);
        let line = pattern_line(&scene, 3);
        let lines = format!("filename={file}\nbs=4k\nsize=1m\ndirect=1\n{line}\n{depth}");
        engine.run(&scene, &format!("{lines}\nrw=randwrite")).clean();
        let mut expected = block(3, BLOCK).repeat(MIB / BLOCK);
        expected.resize(2 * MIB, BEFORE);
        assert_same(&std::fs::read(&file).expect("there"), &expected, depth);
        let document = engine.run(&scene, &format!("{lines}\nrw=randread")).clean();
        assert_eq!(document.bytes(0, "read"), MIB as u64, "{depth}");
    }
}

/// What O_DIRECT will not take is an error with words, and harms nothing.
pub fn direct_misaligned(engine: &Engine) {
    let scene = Scene::new();
    if !engine.direct || !takes_direct(&scene) {
        return; // told by `direct`
    }
    for lines in [
        "rw=write\nbs=1000",
        "rw=write\nbs=4k\noffset=100",
        "rw=randwrite\nbs=4k\nblockalign=100",
        "rw=write\nbs=4k\nmem_align=8",
    ] {
        let file = scene.file("target", vec![BEFORE; MIB]);
        let outcome = engine.run(&scene, &format!("filename={file}\nsize=64k\ndirect=1\n{lines}"));
        assert!([1, 2].contains(&outcome.status), "{lines}:\n{outcome}");
        assert!(outcome.stderr.contains("direct=1"), "{lines}:\n{outcome}");
        if outcome.status == 2 {
            let found = std::fs::read(&file).expect("there");
            assert_same(&found, &vec![BEFORE; MIB], lines);
        }
    }
}

/// `iodyno check` on a block device, and data there, with and without the page cache.
pub fn a_block_device(engine: &Engine) {
    require!(loop_device);
    let (scene, device) = (Scene::new(), crate::device::LoopDevice::new(8 << 20));
    // Level 4 is about the engine, not the target: files have had it.
    check(&scene, engine, &["--target", device.name(), "--level", "3"]);
    let line = pattern_line(&scene, 4);
    for (direct, depth) in
        [("direct=0", DEPTHS[1]), ("direct=1", DEPTHS[0]), ("direct=1", DEPTHS[4])]
    {
        if direct == "direct=1" && !engine.direct {
            continue;
        }
        let whole = OpenOptions::new().write(true).open(device.path()).expect("ours");
        whole.write_all_at(&vec![BEFORE; 8 << 20], 0).expect("the device takes it");
        whole.sync_all().expect("the device takes it");
        drop(whole);
        let name = device.name();
        let lines = format!(
            "filename={name}\nrw=randwrite\nbs=4k\noffset=1m\nsize=1m\nend_fsync=1\n{direct}\n\
             {line}\n{depth}"
        );
        engine.run(&scene, &lines).clean();
        let mut expected = vec![BEFORE; 8 << 20];
        expected[MIB..2 * MIB].copy_from_slice(&block(4, BLOCK).repeat(MIB / BLOCK));
        assert_same(&std::fs::read(device.path()).expect("ours"), &expected, direct);
    }
}

/// A job with these lines, which may say `rw`, ends with these words and before its first request:
/// with status 2 where the host refuses it, with 1 where the engine does.
#[track_caller]
pub fn refused(engine: &Engine, lines: &str, words: &[&str]) {
    let scene = Scene::new();
    let file = scene.file("refused", vec![BEFORE; MIB]);
    let rw = if lines.contains("rw=") { "" } else { "rw=write\n" };
    let outcome = engine.run(&scene, &format!("filename={file}\nsize=1m\n{rw}{lines}"));
    assert!([1, 2].contains(&outcome.status), "{outcome}");
    let outcome = outcome.says(words);
    let requests = match outcome.stdout.is_empty() {
        true => 0, // a job that was not understood has no document
        false => outcome.document().all_ios(),
    };
    assert_eq!(requests, 0, "it began:\n{outcome}");
    let found = std::fs::read(&file).expect("there");
    assert_same(&found, &vec![BEFORE; MIB], "the file is as it was");
}
