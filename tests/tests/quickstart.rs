//! The README's first command and its outputs, with shorter runs.
//!
//! What a new user sees first must be right: the report's lines, the document, nothing on standard
//! error.

use iodyno_tests::{programs, Iodyno, Scene};

fn quickstart(scene: &Scene) -> Iodyno {
    let job = programs::repo().join("examples/quickstart.toml");
    let job = job.to_str().expect("the project's path is UTF-8");
    let directory = format!("directory={}", scene.at(""));
    let args = ["run", job, "--set", "size=4MiB", "--set", &directory];
    scene.iodyno(args).args(["--set", "read:runtime=200ms", "--set", "randread:runtime=200ms"])
}

#[test]
fn normal_report_has_the_lines_that_eyes_and_scripts_know() {
    let scene = Scene::new();
    let outcome = quickstart(&scene).run().expect(0);
    let lines = [
        "write: (groupid=0, jobs=1): err= 0",
        "randread: (groupid=2, jobs=1): err= 0",
        "  write: IOPS=",
        "  read: IOPS=",
        "clat percentiles (",
        "99.00th=[",
        "  cpu          : usr=",
        "  IO depths    : 1=100.0%",
        "     issued rwts: total=",
        "Run status group 0 (all jobs):",
        "Run status group 2 (all jobs):",
        "   READ: bw=",
        "  WRITE: bw=",
    ];
    for line in lines {
        assert!(outcome.stdout.contains(line), "no {line:?} in\n{outcome}");
    }
    assert_eq!(outcome.stderr, "", "a clean run says nothing on standard error");
}

#[test]
fn json_report_is_alone_on_standard_output_and_counts_everything() {
    let scene = Scene::new();
    let outcome = quickstart(&scene).args(["--output-format", "json"]).run().expect(0);
    let document = outcome.document();
    document.assert_no_errors();
    assert!(outcome.stdout.starts_with("{\n"), "parsers look for a line {{:\n{outcome}");
    assert!(outcome.stdout.ends_with("\n}\n"), "parsers look for a line }}:\n{outcome}");
    assert!(outcome.stdout.contains("  \"jobs\" : ["), "a blank before the colon:\n{outcome}");
    assert_eq!(document.jobs(), 3);
    let write = document.job("write");
    assert_eq!(document.ios(write, "write"), 32);
    assert_eq!(document.bytes(write, "write"), 4 << 20);
    assert!(document.ios(document.job("read"), "read") > 0);
    let randread = document.job("randread");
    assert!(document.ios(randread, "read") > 0);
    assert!(document.float(&format!("/jobs/{randread}/read/clat_ns/percentile/99.000000")) > 0.0);
    assert_eq!(document.text(&format!("/jobs/{randread}/job options/rw")), "randread");
    assert_eq!(document.text("/global options/ioengine"), "psync");
}

#[test]
fn json_names_engines_host_and_version() {
    let scene = Scene::new();
    let document = quickstart(&scene).args(["--output-format", "json"]).run().clean();
    assert_eq!(document.text("/iodyno/engines/0/name"), "psync");
    assert_eq!(document.text("/iodyno/engines/0/sha256").len(), 64);
    assert!(document.text("/iodyno/engines/0/path").ends_with("libiodyno_engine_psync.so"));
    for key in ["id", "version", "abi"] {
        document.at(&format!("/iodyno/engines/0/{key}"));
    }
    assert!(!document.text("/iodyno/version").is_empty());
    assert!(document.text("/fio version").starts_with("fio-3."));
    document.at("/iodyno/host");
    document.at("/iodyno/harness_ns_per_io");
}

#[test]
fn the_quickstart_leaves_no_file_behind() {
    let scene = Scene::new();
    quickstart(&scene).run().expect(0);
    let left = std::fs::read_dir(scene.path()).expect("the scene is there").count();
    assert_eq!(left, 0, "files are left in {}", scene.path().display());
}
