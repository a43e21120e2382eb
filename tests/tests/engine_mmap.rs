//! mmap through a run: the common cases, windows that slide, and what cannot be mapped.
//!
//! The common cases come again with one small window, with copies by the kernel, and with memcpy,
//! whose price (a crash where a file is cut) is looked at, too.

use iodyno_tests::engines::{self, Engine};
use iodyno_tests::{device, process, Scene};
use std::fs::OpenOptions;
use std::time::Duration;

const MMAP: Engine = Engine::sync("mmap").cannot_grow().without_direct();

/// One window as small as can be: each of the common cases maps and unmaps all the time.
const SLIDING: Engine = MMAP.options("window=64k\nwindows=1");

iodyno_tests::stores_data!(MMAP);

mod sliding {
    iodyno_tests::engine_tests!(
        super::SLIDING;
        conforms,
        what_it_writes_is_in_the_file,
        what_psync_wrote_it_reads,
        random_sizes,
        two_instances_on_one_file,
        several_files,
        syncs,
        reads_at_the_end_of_a_file_are_short,
    );
}

/// `copy=` of each way that survives a file which is cut, where this machine has it.
fn safe_ways() -> impl Iterator<Item = Engine> {
    let guarded = cfg!(target_arch = "x86_64").then_some("copy=guarded");
    guarded.into_iter().chain(["copy=kernel"]).map(|line| MMAP.options(line))
}

mod by_the_kernel {
    iodyno_tests::engine_tests!(
        super::MMAP.options("copy=kernel");
        conforms,
        what_it_writes_is_in_the_file,
        what_psync_wrote_it_reads,
        random_sizes,
        syncs,
        reads_at_the_end_of_a_file_are_short,
        a_full_disk,
        a_truncated_target,
        a_block_device,
    );
}

mod by_memcpy {
    iodyno_tests::engine_tests!(
        super::MMAP.options("copy=memcpy\nadvice=random");
        what_it_writes_is_in_the_file,
        what_psync_wrote_it_reads,
        random_sizes,
        syncs,
    );
}

#[test]
fn what_cannot_be_mapped_is_refused_before_the_run() {
    let scene = Scene::new();
    let pipe = scene.at("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs");
    assert!(made.success());
    for (target, what) in [(pipe.as_str(), "a pipe"), ("/dev/null", "a character device")] {
        let outcome = MMAP.run(&scene, &format!("filename={target}\nrw=read\nsize=4k"));
        let outcome = outcome.expect(1);
        let words = format!("engine mmap: open_file: {target} is {what}");
        let outcome = outcome.says(&[&words, "only files and block devices can be mapped"]);
        assert_eq!(outcome.document().all_ios(), 0, "it began:\n{outcome}");
    }
    let directory = scene.at("directory");
    std::fs::create_dir(&directory).expect("the scene is writable");
    let outcome = MMAP.run(&scene, &format!("filename={directory}\nrw=read\nsize=4k"));
    outcome.expect(2).says(&["directory: is a directory"]);
}

#[test]
fn options_beyond_their_limits_are_refused() {
    for (line, name) in [
        ("window=32k", "window"),
        ("window=3m", "window"),
        ("window=2t", "window"),
        ("windows=0", "windows"),
        ("windows=3", "windows"),
        ("advice=often", "advice"),
        ("copy=dma", "copy"),
    ] {
        engines::refused(&MMAP, line, &[name]);
    }
}

#[test]
fn options_at_their_limits_work() {
    for lines in [
        "window=64k\nwindows=4096",
        "window=1t\nwindows=1",
        "window=1g\nwindows=4096",
        "thp=1",
        "advice=sequential",
    ] {
        let scene = Scene::new();
        let job = format!("filename=target\nrw=randrw\nbs=4k\nsize=4m\n{lines}");
        let document = MMAP.run(&scene, &job).clean();
        assert_eq!(document.all_ios(), 1024, "{lines}");
    }
}

/// The file is cut and filled again hundreds of times while two workers are at it.
#[test]
fn a_file_that_is_cut_all_the_time_crashes_nobody() {
    for engine in safe_ways() {
        let scene = Scene::new();
        let file = scene.zeros("target", 4 << 20);
        let lines = format!(
            "filename={file}\nrw=randrw\nbs=64k\nsize=4m\nnorandommap\nruntime=2\ntime_based\n\
             numjobs=2\nthread\nignore_error=ENXIO:EIO,ENXIO:EIO"
        );
        let run = scene.json(&engine.job(&format!("{lines}\n[a]"))).start();
        let cell = run.wait_for_cells(1)[0].pid;
        process::wait_until_it_computed(cell, 100);
        let target = OpenOptions::new().write(true).open(&file).expect("the file is there");
        for n in 0..500_u64 {
            target.set_len(n * 7919 * 13 % (4 << 20)).expect("the file takes any size");
            std::thread::sleep(Duration::from_millis(1));
        }
        let outcome = run.wait();
        assert!([0, 1].contains(&outcome.status), "an error of a request at most:\n{outcome}");
        assert!(outcome.document().all_ios() > 100, "{outcome}");
    }
}

/// A disk whose blocks cannot be read, for writes too: a store into a page needs the rest of it.
#[test]
fn a_medium_that_fails_is_an_error_in_words() {
    iodyno_tests::require!(loop_device);
    for (engine, rw) in safe_ways().flat_map(|engine| [(engine, "read"), (engine, "write")]) {
        let scene = Scene::new();
        let image = scene.zeros("image", 4 << 20);
        let made = device::run("losetup", &["--find", "--show", &image]);
        let disk = made.expect("there are loop devices");
        let disk = disk.trim();
        let backing = OpenOptions::new().write(true).open(&image).expect("it was just made");
        backing.set_len(1 << 20).expect("the file shrinks: what is behind it cannot be read");
        let lines = format!("filename={disk}\nrw={rw}\nbs=4k\noffset=2m\nsize=1m");
        let outcome = engine.run(&scene, &lines);
        device::run("losetup", &["--detach", disk]).expect("it is ours");
        outcome.expect(1).says(&["Input/output error", "the mapping has no page for it"]);
    }
}

/// What is not the engine's goes to the handler that was there before: the report of a crash is
/// whole, and says that somebody sent it.
#[test]
fn a_sigbus_from_elsewhere_is_reported_as_ever() {
    for engine in safe_ways() {
        let scene = Scene::new();
        let lines =
            "filename=target\nrw=randrw\nbs=4k\nsize=4m\nnorandommap\nruntime=30\ntime_based";
        let run = scene.json(&engine.job(&format!("{lines}\n[a]"))).start();
        let cell = run.wait_for_cells(1)[0].pid;
        process::wait_until_it_computed(cell, 100);
        let pid = cell.to_string();
        device::run("kill", &["-BUS", &pid]).expect("the cell is there");
        let outcome = run.wait();
        assert_ne!(outcome.status, 0, "{outcome}");
        let sender = "sent by";
        outcome.says(&["SIGBUS", sender]);
    }
}

/// Who asks for memcpy gets the crash that the page warns of: of the cell, told in words.
#[test]
fn a_file_that_is_cut_under_memcpy_ends_the_cell() {
    let scene = Scene::new();
    let file = scene.zeros("target", 4 << 20);
    let lines =
        "filename=target\nrw=randwrite\nbs=4k\nsize=4m\nnorandommap\nruntime=30\ntime_based";
    let run = scene.json(&MMAP.options("copy=memcpy").job(&format!("{lines}\n[a]"))).start();
    let cell = run.wait_for_cells(1)[0].pid;
    process::wait_until_it_computed(cell, 100);
    let target = OpenOptions::new().write(true).open(&file).expect("the file is there");
    target.set_len(0).expect("the file takes any size");
    let outcome = run.wait();
    assert_ne!(outcome.status, 0, "{outcome}");
    outcome.says(&["SIGBUS", "mmap"]);
}

/// A terabyte of hole: random requests all over it find their windows.
#[test]
fn a_file_far_larger_than_all_windows() {
    let scene = Scene::new();
    let file = scene.at("target");
    let sparse = std::fs::File::create(&file).expect("the scene is writable");
    if let Err(why) = sparse.set_len(1 << 40) {
        return iodyno_tests::needs::skip(&format!("no file of a terabyte here: {why}"));
    }
    let lines = format!("filename={file}\nrw=randread\nbs=4k\nsize=1t\nio_size=8m\nnorandommap");
    let document = MMAP.run(&scene, &lines).clean();
    assert_eq!((document.ios(0, "read"), document.number("/jobs/0/read/short_ios")), (2048, 0));
}
