//! fault, the example that stands over any engine: what it does to requests, judged by the bytes of
//! the file and by its own log: all that it says was done is there, and nothing else.
//!
//! Each class runs over synchronous and asynchronous engines. A run without injection, of the same
//! seed, says what the file has to hold.

use iodyno_tests::engines::{self, Engine};
use iodyno_tests::{needs, plugins, programs, Document, Outcome, Scene};
use serde_json::Value;
use std::time::Duration;

const FAULT: Engine = Engine::queued("fault").options("inner=libaio");

iodyno_tests::engine_tests!(
    FAULT;
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
    an_interrupted_run,
    direct,
    a_block_device
);

#[test]
fn over_psync() {
    let fault = Engine::queued("fault").options("inner=psync");
    engines::conforms(&fault);
    engines::what_it_writes_is_in_the_file(&fault);
    engines::random_sizes(&fault);
    engines::reads_at_the_end_of_a_file_are_short(&fault);
}

#[test]
fn over_io_uring() {
    iodyno_tests::require!(io_uring);
    let fault = Engine::queued("fault").options("inner=io_uring");
    engines::conforms(&fault);
    engines::what_it_writes_is_in_the_file(&fault);
    engines::mixed_reads_and_writes(&fault);
    engines::direct(&fault);
}

const BLOCK: usize = 4096;
const BLOCKS: usize = 1024;
const BYTES: usize = BLOCK * BLOCKS;
const BEFORE: u8 = 0xee;

/// Engines below, with the depth that the job asks for.
fn inners() -> Vec<(&'static str, u32)> {
    let mut all = vec![("psync", 1), ("psync", 8), ("libaio", 8)];
    match needs::io_uring() {
        Ok(()) => all.push(("io_uring", 8)),
        Err(why) => needs::skip_for("io_uring", &why),
    }
    all
}

/// What a run left.
struct Left {
    outcome: Outcome,
    /// The file's bytes.
    file: Vec<u8>,
    /// The log's lines.
    log: Vec<Value>,
}

impl Left {
    fn document(&self) -> Document {
        self.outcome.document()
    }

    /// Offsets of the log's lines of a class.
    fn offsets(&self, class: &str) -> Vec<usize> {
        let of_class = self.log.iter().filter(|line| line["class"] == class);
        of_class.map(|line| number(line, "offset")).collect()
    }
}

fn number(line: &Value, key: &str) -> usize {
    line[key].as_u64().unwrap_or_else(|| panic!("{key} in {line}")) as usize
}

/// Writes 4 MiB in 1024 blocks at random, each once, into a file of 8 MiB.
fn run((inner, depth): (&str, u32), lines: &str) -> Left {
    let scene = Scene::new();
    let path = scene.file("target", vec![BEFORE; 2 * BYTES]);
    let job = format!(
        "[global]\nioengine=fault\ninner={inner}\niodepth={depth}\nfilename={path}\nrw=randwrite\n\
         bs=4k\nsize=4m\nrefill_buffers\nlog=log\nseed=7\n[a]\n{lines}\n"
    );
    let outcome = scene.run_json(&job);
    let log = std::fs::read_to_string(scene.at("log")).unwrap_or_else(|e| panic!("{e}: {outcome}"));
    let log = log.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    Left { outcome, file: std::fs::read(path).expect("the target is there"), log }
}

/// The file as it has to be without any damage.
fn sound(over: (&str, u32)) -> Vec<u8> {
    let left = run(over, "inject=none");
    left.document().assert_no_errors();
    assert!(left.log.is_empty() && left.file[..BYTES].chunks(BLOCK).all(|b| b != [BEFORE; BLOCK]));
    left.file
}

/// Runs with a class over each engine; the file is what `damage` makes of a sound one, line by line
/// of the log, which has as many lines as are said.
fn each(lines: &str, count: usize, damage: impl Fn(&mut [u8], &[u8], &Value)) {
    for over in inners() {
        let (sound, left) = (sound(over), run(over, lines));
        assert_eq!(left.outcome.status, 0, "{over:?} {lines}: {}", left.outcome);
        assert_eq!(left.log.len(), count, "{over:?} {lines}");
        let mut expected = sound.clone();
        for line in &left.log {
            damage(&mut expected, &sound, line);
        }
        let wrong = expected.iter().zip(&left.file).position(|(e, f)| e != f);
        assert_eq!((wrong, left.file.len()), (None, expected.len()), "{over:?} {lines}");
        assert_ne!(sound == left.file, count > 0 && damages(lines), "{over:?} {lines}");
    }
}

fn damages(lines: &str) -> bool {
    !["delay", "short", "stall"].iter().any(|harmless| lines.contains(harmless))
}

const HUNDRED: &str = "every_nth=7\nskip_first=20\nat_most=100";

#[test]
fn a_hundred_flips() {
    each(&format!("inject=flip\nflip_bits=3\n{HUNDRED}"), 100, |file, _, line| {
        let bits = line["bits"].as_array().expect("an array");
        assert_eq!(bits.len(), 3);
        for bit in bits {
            let bit = bit.as_u64().expect("a number") as usize;
            file[number(line, "offset") + bit / 8] ^= 1 << (bit % 8);
        }
    });
}

#[test]
fn flips_at_a_given_place() {
    each("inject=flip\nflip_at=32767\nat_most=5", 5, |file, _, line| {
        file[number(line, "offset") + BLOCK - 1] ^= 0x80;
    });
}

#[test]
fn a_hundred_writes_dropped() {
    each(&format!("inject=drop\n{HUNDRED}"), 100, |file, _, line| {
        file[number(line, "offset")..][..BLOCK].fill(BEFORE);
    });
}

#[test]
fn a_hundred_writes_redirected() {
    each(&format!("inject=redirect\ndistance=4m\n{HUNDRED}"), 100, |file, sound, line| {
        let (offset, to) = (number(line, "offset"), number(line, "to"));
        assert_eq!(to, offset + BYTES);
        file[to..][..BLOCK].copy_from_slice(&sound[offset..][..BLOCK]);
        file[offset..][..BLOCK].fill(BEFORE);
    });
}

#[test]
fn a_hundred_torn_writes() {
    each(&format!("inject=tear\n{HUNDRED}"), 100, |file, _, line| {
        let arrived = number(line, "arrived");
        assert!(arrived.is_multiple_of(512) && (512..BLOCK).contains(&arrived), "{line}");
        file[number(line, "offset")..][arrived..BLOCK].fill(BEFORE);
    });
}

#[test]
fn a_hundred_pairs_swapped() {
    each("inject=swap\nevery_nth=5\nat_most=100", 100, |file, sound, line| {
        let (offset, to) = (number(line, "offset"), number(line, "to"));
        file[to..][..BLOCK].copy_from_slice(&sound[offset..][..BLOCK]);
        file[offset..][..BLOCK].copy_from_slice(&sound[to..][..BLOCK]);
    });
}

#[test]
fn a_hundred_short_writes_are_continued() {
    each(&format!("inject=short\nsectors=3\n{HUNDRED}"), 100, |_, _, line| {
        assert_eq!(number(line, "arrived"), 3 * 512);
    });
}

#[test]
fn a_hundred_late_writes() {
    let lines = format!("inject=delay\ndelay=2ms\ndelay_max=4ms\ndelay_law=uniform\n{HUNDRED}");
    each(&lines, 100, |_, _, line| {
        assert!((2_000_000..=4_000_000).contains(&number(line, "ns")), "{line}");
    });
    for over in inners() {
        let document = run(over, &format!("{lines}\npercentile_list=85:95")).document();
        let latency = |which: &str| document.number(&format!("/jobs/0/write/clat_ns/{which}"));
        // A tenth of the requests is late, and the others are not.
        assert!(latency("percentile/95.000000") >= 1_900_000, "{over:?}");
        assert!(latency("max") >= 2_000_000, "{over:?}");
    }
}

#[test]
fn a_hundred_failures() {
    for over in inners() {
        let left =
            run(over, &format!("inject=fail\nerror=ENOSPC\nignore_error=,ENOSPC\n{HUNDRED}"));
        let offsets = left.offsets("fail");
        assert_eq!(offsets.len(), 100, "{over:?}: {}", left.outcome);
        let mut expected = sound(over);
        offsets.iter().for_each(|offset| expected[*offset..][..BLOCK].fill(BEFORE));
        assert!(left.file == expected, "{over:?}");
        let left = run(over, "inject=fail\nat_most=1\nskip_first=9");
        assert_eq!((left.outcome.status, left.log.len()), (1, 1), "{over:?}: {}", left.outcome);
        assert!(left.document().errors().contains("injected (inject=fail)"), "{}", left.outcome);
    }
}

#[test]
fn a_stalled_write_comes_when_the_run_ends() {
    for over in [("psync", 4), ("libaio", 4)] {
        let lines = "inject=stall\nat_most=1\nskip_first=50\nruntime=1s\ntime_based";
        let left = run(over, lines);
        assert_eq!((left.outcome.status, left.log.len()), (0, 1), "{over:?}: {}", left.outcome);
        assert!(left.outcome.took < Duration::from_secs(20), "{:?}", left.outcome.took);
        let longest = left.document().number("/jobs/0/write/clat_ns/max");
        assert!(longest >= 900_000_000, "{over:?}: {longest}");
    }
}

/// What was flushed is there, what is said to be lost is not, all else is.
#[test]
fn a_power_cut() {
    for over in inners() {
        let lines = "inject=powercut\ncut_after=300\nfsync=128\ncut_keep=40";
        let (sound, left) = (sound(over), run(over, lines));
        assert_eq!(left.outcome.status, 1, "{over:?}: {}", left.outcome);
        assert!(left.document().errors().contains("No such device"), "{}", left.outcome);
        let (lost, kept) = (left.offsets("lost"), left.offsets("kept"));
        // 300 writes, flushed after each 128.
        assert_eq!(lost.len() + kept.len(), 44, "{over:?}");
        assert!((15..=40).contains(&lost.len()), "{over:?}: {}", lost.len());
        let blocks = left.file[..BYTES].chunks(BLOCK).zip(sound.chunks(BLOCK)).enumerate();
        let mut there = 0;
        for (n, (found, written)) in blocks {
            assert!(found == written || found == [BEFORE; BLOCK], "block {n}: {over:?}");
            assert!(found != written || !lost.contains(&(n * BLOCK)), "block {n}: {over:?}");
            there += usize::from(found == written);
        }
        assert_eq!(there, 256 + kept.len(), "{over:?}");
    }
}

/// Without a cut nothing is lost: a job's end writes what is held, and so does too much of it.
#[test]
fn a_cache_without_a_cut() {
    for over in inners() {
        let sound = sound(over);
        for lines in ["", "held_max=64k", "fdatasync=10", "cut_after=5000"] {
            let left = run(over, &format!("inject=powercut\n{lines}"));
            assert_eq!((left.outcome.status, left.log.len()), (0, 0), "{over:?} {lines}");
            assert!(left.file == sound, "{over:?} {lines}");
        }
    }
}

#[test]
fn choices_are_of_the_seed_and_of_the_places() {
    let lines = "inject=flip\npercentage=10";
    let offsets = |lines: &str| run(("psync", 1), lines).offsets("flip");
    let first = offsets(lines);
    assert!((60..150).contains(&first.len()), "{}", first.len());
    assert_eq!(first, offsets(lines));
    assert_ne!(first, offsets("inject=flip\npercentage=10\nseed=8"));
    let mut placed = offsets("inject=flip\nplaces=8k,1m-1028k,64k-72k");
    placed.sort_unstable();
    assert_eq!(placed, [8192, 65536, 69632, 1 << 20]);
}

#[test]
fn reads_suffer_where_they_are_asked_to() {
    let lines = "rw=randread\ninject=flip\ninject_on=read\nevery_nth=4";
    let left = run(("psync", 1), lines);
    assert_eq!((left.outcome.status, left.log.len()), (0, BLOCKS / 4));
    assert!(left.file == vec![BEFORE; 2 * BYTES], "a flip of a read leaves the file alone");
}

/// Each engine of a chain has options of its own, by its label; the report names them all.
#[test]
fn a_chain() {
    let lines = "fault-2.inner=libaio\nfault.inject=drop\nat_most=3\n\
                 fault-2.inject=flip\nfault-2.at_most=4\nfault-2.log=log";
    let left = run(("fault", 4), lines);
    assert_eq!(
        (left.offsets("drop").len(), left.offsets("flip").len()),
        (3, 4),
        "{}",
        left.outcome
    );
    let document = left.document();
    assert_eq!(document.text("/jobs/0/iodyno/engine"), "fault");
    assert_eq!(*document.at("/jobs/0/iodyno/engine_over"), serde_json::json!(["fault", "libaio"]));
    let names: Vec<&str> = document
        .at("/iodyno/engines")
        .as_array()
        .expect("an array")
        .iter()
        .filter_map(|engine| engine["name"].as_str())
        .collect();
    assert_eq!(names, ["fault", "libaio"]);
}

#[test]
fn what_is_wrong_with_an_inner_engine_is_told_with_its_place() {
    let scene = Scene::new();
    for (lines, status, words) in [
        (
            "inner=nosuch",
            2,
            &["option `inner` of engine fault: no engine is named `nosuch`", "job.fio:3:7"][..],
        ),
        ("inner=./none.so", 2, &["option `inner` of engine fault", "none.so", "job.fio:3:7"]),
        ("inner=fault\nfault-2.inner=nosuch", 2, &["`nosuch`", "job.fio:4:15"]),
        ("inner=psync\npsync.nowait=1", 2, &["engine psync has no option `nowait`", "job.fio:4:1"]),
        ("inner=libaio\nlibaio.nowait=x", 2, &["libaio.nowait", "job.fio:4:15"]),
        ("inner=filestat\ninject=drop\nfilesize=4k", 1, &["engine filestat moves no data"]),
        ("inject=tear\ninject_on=read", 1, &["inject=tear befalls writes alone"]),
        ("inject=stall", 1, &["say at_most"]),
        ("inject=fail\nerror=EWHAT", 1, &["error=EWHAT: no error is called so"]),
    ] {
        let job = format!("[a]\nioengine=fault\n{lines}\nfilename=target\nsize=64k\nrw=write\n");
        scene.run_json(&job).expect(status).says(words);
    }
}

/// An engine below is trusted and pinned as any other.
#[test]
fn an_inner_engine_is_pinned_by_a_lock() {
    let scene = Scene::new();
    for name in ["fault", "psync"] {
        let file = programs::engine(name);
        let file_name = file.file_name().expect("a name");
        std::fs::copy(&file, scene.path().join(file_name)).expect("copied");
    }
    let digest = |name: &str| plugins::sha256(&scene.at(&format!("libiodyno_engine_{name}.so")));
    let lock = |psync: &str| {
        let fault = digest("fault");
        let lines =
            format!("{fault}  libiodyno_engine_fault.so\n{psync}  libiodyno_engine_psync.so\n");
        scene.file("engines.lock", lines);
    };
    let run = || {
        let job = "[a]\nioengine=fault\nfilename=target\nsize=64k\nrw=write\n";
        scene.json(job).args(["--engine-path", &scene.at("")]).run()
    };
    lock(&digest("psync"));
    let document = run().clean();
    let engines = document.at("/iodyno/engines").as_array().expect("an array");
    assert_eq!(engines.len(), 2);
    assert!(engines.iter().all(|engine| engine["pinned"] == true), "{engines:?}");
    lock(&"0".repeat(64));
    run().expect(5).says(&["libiodyno_engine_psync.so", "engines.lock", "option `inner`"]);
}
