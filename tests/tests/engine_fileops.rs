//! The six engines whose requests are whole files or directories, through a run.
//!
//! One request is one name, counted and timed, and afterwards the names are there, or gone.

use iodyno_tests::{Document, Outcome, Scene};
use std::path::{Path, PathBuf};

/// Files, and directories: who makes, looks at, removes them.
const TRIOS: [[&str; 3]; 2] =
    [["filecreate", "filestat", "filedelete"], ["dircreate", "dirstat", "dirdelete"]];

const SIX: [&str; 6] =
    ["filecreate", "filestat", "filedelete", "dircreate", "dirstat", "dirdelete"];

/// Runs one job with these lines in a directory of the scene's, whose name is an odd one.
fn run(scene: &Scene, engine: &str, lines: &str) -> Outcome {
    let directory = place(scene);
    std::fs::create_dir_all(&directory).expect("the scene is writable");
    let directory = directory.to_str().expect("UTF-8").to_owned();
    scene.run_json(&format!("[a]\nioengine={engine}\ndirectory={directory}\n{lines}\n"))
}

fn place(scene: &Scene) -> PathBuf {
    scene.path().join("an ödd % place")
}

/// What lies in the directory.
fn names(scene: &Scene) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(place(scene)).expect("the directory is there");
    entries.map(|entry| entry.expect("an entry").path()).collect()
}

fn is_of(engine: &str, path: &Path) -> bool {
    let found = std::fs::symlink_metadata(path).expect("it is there");
    if engine.starts_with("dir") {
        found.is_dir()
    } else {
        found.is_file()
    }
}

/// So many requests, each with its latency, and no bytes.
#[track_caller]
fn counted(document: &Document, direction: &str, ios: u64) {
    assert_eq!(document.all_ios(), ios);
    for job in 0..document.jobs() {
        let own = document.ios(job, direction);
        assert_eq!(own, ios / document.jobs() as u64, "job {job}");
        assert_eq!(document.number(&format!("/jobs/{job}/{direction}/lat_ns/N")), own);
        assert!(document.float(&format!("/jobs/{job}/{direction}/lat_ns/mean")) > 0.0);
        assert_eq!(document.bytes(job, direction), 0, "job {job}");
    }
}

#[test]
fn names_are_made_looked_at_and_removed() {
    for [makes, looks, removes] in TRIOS {
        let scene = Scene::new();
        let lines = "nrfiles=40\nnumjobs=2\nfilename_format=$jobnum.$filenum";
        counted(&run(&scene, makes, &format!("{lines}\nrw=write")).clean(), "write", 80);
        let made = names(&scene);
        assert_eq!(made.len(), 80, "{makes}");
        assert!(made.iter().all(|path| is_of(makes, path)), "{makes}: {made:?}");
        for stat_type in ["stat", "lstat", "statx"] {
            let lines = format!("{lines}\nrw=read\nstat_type={stat_type}\nloops=3");
            counted(&run(&scene, looks, &lines).clean(), "read", 240);
        }
        assert_eq!(names(&scene).len(), 80, "{looks}");
        // Half of them are another job's, so to speak.
        let half = "nrfiles=40\nfilename_format=0.$filenum\nrw=randwrite";
        counted(&run(&scene, removes, half).clean(), "write", 40);
        let left = names(&scene);
        let others = |path: &PathBuf| path.to_string_lossy().contains("/1.");
        assert!(left.len() == 40 && left.iter().all(others), "{removes} left {left:?}");
    }
}

#[test]
fn what_is_not_there_is_made_before() {
    for [_, looks, removes] in TRIOS {
        let scene = Scene::new();
        let lines = "nrfiles=20\nfilename_format=$filenum\nfilesize=1000\nrw=read";
        let format = |lines: &str, engine: &str| match engine.starts_with("dir") {
            true => lines.replace("filesize=1000\n", ""),
            false => lines.to_owned(),
        };
        counted(&run(&scene, looks, &format(lines, looks)).clean(), "read", 20);
        let made = names(&scene);
        assert_eq!(made.len(), 20, "{looks}");
        for path in &made {
            let len = std::fs::metadata(path).expect("there").len();
            assert!(is_of(looks, path) && (path.is_dir() || len == 1000), "{path:?}: {len}");
        }
        made.iter().take(7).for_each(|path| match path.is_dir() {
            true => std::fs::remove_dir(path).expect("it is empty"),
            false => std::fs::remove_file(path).expect("it is there"),
        });
        counted(&run(&scene, removes, &format(lines, removes)).clean(), "read", 20);
        assert_eq!(names(&scene), Vec::<PathBuf>::new(), "{removes}");
    }
}

#[test]
fn names_in_the_way_are_refused_and_stay() {
    for [makes, ..] in TRIOS {
        let scene = Scene::new();
        std::fs::create_dir(place(&scene)).expect("writable");
        std::fs::write(place(&scene).join("3"), "mine").expect("writable");
        let outcome = run(&scene, makes, "nrfiles=5\nfilename_format=$filenum\nrw=write").expect(1);
        let outcome = outcome.says(&["/3 is there already, and the job is to make it", makes]);
        assert_eq!(outcome.document().all_ios(), 0, "it began:\n{outcome}");
        let left = names(&scene);
        assert_eq!(left.len(), 1, "{left:?}");
        assert_eq!(std::fs::read(&left[0]).expect("there"), b"mine");
    }
}

#[test]
fn what_is_no_file_is_refused() {
    let scene = Scene::new();
    let fifo = scene.at("fifo");
    let made = std::process::Command::new("mkfifo").arg(&fifo).status().expect("mkfifo runs");
    assert!(made.success());
    for engine in SIX {
        for (name, kind) in [("/dev/null", "a character device"), (&fifo, "a pipe or socket")] {
            let job = format!("[a]\nioengine={engine}\nfilename={name}\nrw=write\n");
            let words = [name, kind, "whole file", "name files"];
            let outcome = scene.run_json(&job).expect(2).says(&words);
            assert_eq!(outcome.document().all_ios(), 0, "it began:\n{outcome}");
        }
    }
    assert!(std::fs::symlink_metadata(&fifo).is_ok());
    for engine in ["dircreate", "dirstat", "dirdelete"] {
        let file = scene.file("file", "mine");
        let job = format!("[a]\nioengine={engine}\nfilename={file}\nrw=write\n");
        let outcome = scene.run_json(&job).expect(1).says(&[&file]);
        assert_eq!(outcome.document().all_ios(), 0, "it began:\n{outcome}");
        assert_eq!(std::fs::read(&file).expect("there"), b"mine");
    }
}

#[test]
fn a_bad_stat_type_is_refused_with_its_place() {
    for engine in ["filestat", "dirstat"] {
        let scene = Scene::new();
        let words = ["job.fio:4:11", "stat_type", "fstat", "lstat, statx"];
        let outcome = run(&scene, engine, "stat_type=fstat\nnrfiles=3").expect(2).says(&words);
        assert_eq!(outcome.document().all_ios(), 0, "it began:\n{outcome}");
    }
    let words = ["job.fio:4:1", "unknown option `stat_type`"];
    run(&Scene::new(), "filecreate", "stat_type=lstat").expect(2).says(&words);
}

#[test]
fn rounds_need_names_that_are_spent_to_be_renewed() {
    for [makes, _, removes] in TRIOS {
        for engine in [makes, removes] {
            let lines = "nrfiles=10\nfilename_format=$filenum\nrw=write\nloops=3";
            let words = ["loops and time_based need unlink_each_loop=1"];
            let outcome = run(&Scene::new(), engine, lines).expect(1).says(&words);
            assert!(outcome.document().all_ios() >= 10, "{outcome}");
            let scene = Scene::new();
            let document = run(&scene, engine, &format!("{lines}\nunlink_each_loop=1")).clean();
            counted(&document, "write", 30);
            assert_eq!(names(&scene).len(), if engine == makes { 10 } else { 0 }, "{engine}");
        }
    }
}

#[test]
fn a_part_of_the_names_and_a_pace() {
    for [makes, looks, _] in TRIOS {
        let scene = Scene::new();
        let lines = "nrfiles=50\nfilename_format=$filenum\nrw=write\nnumber_ios=20";
        counted(&run(&scene, makes, lines).clean(), "write", 20);
        assert_eq!(names(&scene).len(), 20, "{makes}");
        let lines = "nrfiles=50\nfilename_format=$filenum\nrw=randread\nrate_iops=100\nunlink=1";
        let outcome = run(&scene, looks, lines);
        assert!(outcome.took.as_millis() >= 400, "50 at 100 a second: {outcome}");
        counted(&outcome.clean(), "read", 50);
        assert_eq!(names(&scene), Vec::<PathBuf>::new(), "{looks}: unlink=1");
    }
}

#[test]
fn readonly_refuses_what_a_direction_does_not_tell() {
    for engine in SIX.into_iter().chain(["falloc"]) {
        let scene = Scene::new();
        let job = format!("[a]\nioengine={engine}\nfilename=target\nsize=1m\nrw=read\n");
        let words = ["job.fio:2:1", engine, "`--readonly` was given"];
        scene.json(&job).args(["--readonly"]).run().expect(2).says(&words);
        assert!(!Path::new(&scene.at("target")).exists(), "{engine}");
    }
}
