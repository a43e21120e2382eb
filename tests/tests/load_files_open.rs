//! Files that are opened and closed while the load runs: fewer at once than there are, made when
//! first used, made anew for each loop.
//!
//! What the engine is told comes from `tests/plugins/recorder.c`.

use iodyno_tests::{plugins, require, Document, Scene};

/// Runs a job of 4 KiB requests; answers the document and (what, file) a line.
fn record(lines: &str) -> (Document, Vec<(String, usize)>) {
    let scene = Scene::new();
    let path = scene.at("record");
    let engine = plugins::built("recorder");
    let job = format!(
        "[global]\nioengine={engine}\nrecord={path}\ndoors=1\nbs=4k\nrw=write\n\
         size=64k\n[a]\n{lines}\n"
    );
    let document = scene.run_json(&job).clean();
    let text = std::fs::read_to_string(path).expect("the engine wrote its record");
    let parsed = text.lines().map(|line| {
        let words: Vec<&str> = line.split(' ').collect();
        (words[1].to_owned(), words[4].parse().expect("a file's number"))
    });
    (document, parsed.collect())
}

/// Most files that were open at once; every request found its file open, and all end closed.
fn most_open(seen: &[(String, usize)]) -> usize {
    let mut open = Vec::new();
    let mut most = 0;
    for (what, file) in seen {
        match what.as_str() {
            "open" => {
                assert!(!open.contains(file), "file {file} is opened twice");
                open.push(*file);
            }
            "close" => {
                assert!(open.contains(file), "file {file} is closed without having been opened");
                open.retain(|open| open != file);
            }
            _ => assert!(open.contains(file), "{what} of file {file}, open: {open:?}"),
        }
        most = most.max(open.len());
    }
    assert!(open.is_empty(), "left open: {open:?}");
    most
}

fn count(seen: &[(String, usize)], what: &str) -> usize {
    seen.iter().filter(|seen| seen.0 == what).count()
}

#[test]
fn no_more_files_are_open_than_openfiles_says() {
    require!(c_compiler);
    for rw in ["read", "write", "randread", "randwrite"] {
        for openfiles in 1..=4 {
            let (document, seen) = record(&format!("rw={rw}\nnrfiles=4\nopenfiles={openfiles}"));
            assert_eq!(most_open(&seen), openfiles, "rw={rw}");
            assert_eq!(count(&seen, "write") + count(&seen, "read"), 16);
            assert_eq!(document.all_ios(), 16);
        }
    }
}

#[test]
fn one_file_after_the_other_is_opened_and_closed() {
    require!(c_compiler);
    let (_, seen) = record("nrfiles=4\nopenfiles=1\nfile_service_type=sequential");
    assert_eq!(most_open(&seen), 1);
    assert_eq!(count(&seen, "open"), count(&seen, "close"));
}

#[test]
fn what_is_closed_on_the_way_is_synced() {
    require!(c_compiler);
    let lines = "nrfiles=4\nopenfiles=1\nfile_service_type=sequential\nfsync_on_close=1";
    let (document, seen) = record(lines);
    for pair in seen.windows(2).filter(|pair| pair[1].0 == "close") {
        assert_eq!(pair[0], ("fsync".to_owned(), pair[1].1));
    }
    assert_eq!(document.number("/jobs/0/sync/total_ios"), count(&seen, "close") as u64);
}

#[test]
fn each_loop_writes_new_files() {
    let scene = Scene::new();
    let document = scene
        .run_json(
            "[a]\nioengine=psync\nrw=write\nbs=4k\nsize=64k\nnrfiles=2\nloops=3\n\
             unlink_each_loop=1\n",
        )
        .clean();
    assert_eq!(document.ios(0, "write"), 48);
    assert_eq!(document.bytes(0, "write"), 3 * 65536);
}

#[test]
fn each_loop_reads_files_that_were_laid_out_again() {
    let scene = Scene::new();
    let document = scene
        .run_json(
            "[a]\nioengine=psync\nrw=read\nbs=4k\nsize=64k\nnrfiles=2\nloops=2\n\
             unlink_each_loop=1\n",
        )
        .clean();
    assert_eq!(document.bytes(0, "read"), 2 * 65536);
    assert_eq!(document.number("/jobs/0/read/short_ios"), 0);
}

#[test]
fn files_are_made_when_they_are_opened() {
    let scene = Scene::new();
    let document = scene
        .run_json(
            "[a]\nioengine=psync\nrw=write\nbs=4k\nsize=64k\nnrfiles=4\nnumber_ios=2\n\
             create_on_open=1\n",
        )
        .clean();
    assert_eq!(document.ios(0, "write"), 2);
}

#[test]
fn a_file_that_cannot_be_opened_on_the_way_ends_the_job_with_words() {
    require!(c_compiler);
    let scene = Scene::new();
    let engine = plugins::faulty_null();
    let outcome = scene.run_json(&format!(
        "[a]\nioengine={engine}\nfault=open_fails\nrw=write\nbs=4k\nsize=64k\nnrfiles=2\n\
         openfiles=1\n"
    ));
    let outcome = outcome.expect(1).says(&["open_file", "the door is stuck"]);
    let document = outcome.document();
    assert!(document.ios(0, "write") > 0, "what was done before counts:\n{outcome}");
    let outcome = scene.run_json(&format!(
        "[a]\nioengine={engine}\nfault=open_status\nrw=write\nbs=4k\nsize=64k\nnrfiles=2\n\
         openfiles=1\n"
    ));
    outcome.expect(5).says(&["open_file answered 7"]);
}

#[test]
fn an_engine_that_hangs_in_open_file_during_the_run_is_given_up() {
    require!(c_compiler);
    let scene = Scene::new();
    let engine = plugins::faulty_null();
    let job = format!(
        "[global]\nrw=write\nbs=4k\nsize=64k\n[a]\nioengine={engine}\nfault=open_hang\n\
         nrfiles=2\nopenfiles=1\nengine_timeout=1\n[neighbour]\nioengine=null\n"
    );
    let outcome = scene.run_json(&job).expect(5).says(&["open_file has not returned for"]);
    let document = outcome.document();
    assert_eq!(document.ios(document.job("neighbour"), "write"), 16);
}
