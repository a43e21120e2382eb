//! What failing requests do: end the job, count, or count as done; what is told of them; a device
//! that is filled on purpose.
//!
//! The engine is `plugins-example/faulty`: from the 101st request on every so many fail.

use iodyno_tests::{plugins, require, Document, Outcome, Scene};

/// 200 reads and writes of 4 KiB, of which the later hundred fail as `lines` say.
fn run(lines: &str) -> Outcome {
    let scene = Scene::new();
    let engine = plugins::faulty_null();
    let all = format!("[global]\nioengine={engine}\nrw=write\nbs=4k\nsize=800k\n");
    let job = format!("{all}[a]\n{lines}\n");
    scene.run_json(&job)
}

fn failed(document: &Document) -> u64 {
    document.number("/jobs/0/iodyno/failed_ios")
}

#[test]
fn a_job_goes_on_and_the_status_still_tells() {
    require!(c_compiler);
    for how in ["fault=error", "fault=late_error\niodepth=4"] {
        let outcome = run(&format!("{how}\nevery=10\ncontinue_on_error=write")).expect(1);
        let document = outcome.document();
        assert_eq!(document.ios(0, "write"), 200, "{how}: every request was made");
        assert_eq!(document.bytes(0, "write"), 190 * 4096, "{how}");
        assert_eq!(failed(&document), 10, "{how}");
        assert_eq!(document.number("/jobs/0/total_err"), 10, "{how}");
        assert_eq!(document.number("/jobs/0/first_error"), 5, "{how}");
        assert_eq!(document.number("/jobs/0/error"), 5, "{how}");
        outcome.says(&["10 requests failed, first: write of 4096 bytes at offset", "job.fio:6"]);
    }
}

#[test]
fn the_first_failure_ends_a_job_that_does_not_say_so() {
    require!(c_compiler);
    for lines in ["", "continue_on_error=read", "continue_on_error=none"] {
        let outcome = run(&format!("fault=error\nevery=10\n{lines}")).expect(1);
        let document = outcome.document();
        assert_eq!((document.ios(0, "write"), failed(&document)), (101, 1), "{lines}");
        outcome.says(&["write of 4096 bytes at offset 409600"]);
    }
}

#[test]
fn an_ignored_error_counts_as_done_and_changes_no_status() {
    require!(c_compiler);
    let outcome = run("fault=error\nevery=4\nerrno=28\nignore_error=,ENOSPC");
    let document = outcome.clean();
    assert_eq!((document.ios(0, "write"), failed(&document)), (200, 0));
    assert_eq!(document.number("/jobs/0/iodyno/ignored_ios"), 25);
    // As fio counts them.
    assert_eq!(document.number("/jobs/0/total_err"), 25);
    assert_eq!(document.number("/jobs/0/first_error"), 28);
    assert_eq!(document.number("/jobs/0/error"), 0);
    let outcome = run("fault=error\nevery=4\nerrno=28\nignore_error=ENOSPC,EIO").expect(1);
    assert_eq!(outcome.document().ios(0, "write"), 101, "the list of reads is another one");
}

#[test]
fn each_failure_is_told_up_to_a_hundred() {
    require!(c_compiler);
    let outcome = run("fault=error\nevery=10\ncontinue_on_error=write\nerror_dump=1").expect(1);
    for n in 0..10 {
        let words = format!("write of 4096 bytes at offset {} of", (100 + 10 * n) * 4096);
        assert!(outcome.stderr.contains(&words), "{words}:\n{outcome}");
    }
    let lines = "fault=error\nsize=8m\ncontinue_on_error=write\nerror_dump=1";
    let outcome = run(lines).expect(1).says(&["1848 more requests failed", "1948 requests failed"]);
    let told = outcome.stderr.matches("write of 4096 bytes").count();
    assert!((100..=101).contains(&told), "{told} lines:\n{outcome}");
}

#[test]
fn the_text_report_has_fios_line() {
    require!(c_compiler);
    let scene = Scene::new();
    let engine = plugins::faulty_null();
    let text = format!(
        "[a]\nioengine={engine}\nrw=read\nbs=4k\nsize=800k\nfault=error\nevery=10\n\
         continue_on_error=all\n"
    );
    let job = scene.file("job.fio", text);
    let outcome = scene.iodyno(["run", &job]).run().expect(1);
    let line = "     errors    : total=10, first_error=5/<Input/output error>\n";
    assert!(outcome.stdout.contains(line), "{outcome}");
}

#[test]
fn a_disk_that_is_filled_on_purpose() {
    require!(private_mounts);
    let scene = Scene::new();
    let disk = scene.at("disk");
    std::fs::create_dir(&disk).expect("the scene is writable");
    let mount = format!("mount -t tmpfs -o size=4m none '{disk}'");
    for lines in ["bs=64k", "bs=48k", "bs=64k\nend_fsync=1\nloops=3"] {
        let text = format!(
            "[fill]\nioengine=psync\nrw=write\nsize=16m\nfilename={disk}/file\nfill_device=1\n\
             fallocate=none\n{lines}\n"
        );
        let job = scene.file("job.fio", text);
        let args = ["run", &job, "--output-format", "json"];
        let outcome = scene.iodyno_after(&["unshare", "--mount"], &mount, args).run();
        let document = outcome.clean();
        assert_eq!(document.bytes(0, "write"), 4 << 20, "{lines}: to the last byte");
        assert_eq!(failed(&document), 0, "{lines}");
    }
}
