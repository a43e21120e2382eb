//! Bad jobs: each is status 2, says file and line, and leaves a document that parses.
//!
//! A table of cases for each of the two formats; the bad line stands at a known place.

use iodyno_tests::{Outcome, Scene};

/// One line that is wrong, and what the message must contain.
struct Case {
    /// The line, in TOML.
    toml: &'static str,
    /// The same in fio's format.
    fio: &'static str,
    /// Words of the message.
    words: &'static [&'static str],
}

const CASES: &[Case] = &[
    case("iodept = 4", "iodept=4", &["iodept", "iodepth"]),
    case("write_iolog = \"x\"", "write_iolog=x", &["write_iolog", "yet"]),
    case("verify = \"crc\"", "verify=crc", &["verify", "crc32c"]),
    case("bs = \"4x\"", "bs=4x", &["bs", "4x"]),
    case("bs = \"0\"", "bs=0", &["bs"]),
    case("iodepth = 4.5", "iodepth=4.5", &["iodepth", "4.5"]),
    case("iodepth = 0", "iodepth=0", &["iodepth"]),
    case("numjobs = 0", "numjobs=0", &["numjobs"]),
    case("rwmixread = 130", "rwmixread=130", &["rwmixread", "100"]),
    case("bsrange = \"8k-4k\"", "bsrange=8k-4k", &["bsrange"]),
    case("rw = \"sideways\"", "rw=sideways", &["sideways", "randread"]),
    case("direct = \"perhaps\"", "direct=perhaps", &["direct", "perhaps"]),
    case("runtime = \"5 parsecs\"", "runtime=5 parsecs", &["runtime"]),
    case("size = \"-1\"", "size=-1", &["size"]),
    case("isolation = \"job\"", "isolation=job", &["isolation", "global"]),
    case("ioengine = \"nosuch\"", "ioengine=nosuch", &["nosuch"]),
    case("nosuch_of_null = 1", "nosuch_of_null=1", &["nosuch_of_null"]),
    case(
        "directory = \"/nonexistent/place\"",
        "directory=/nonexistent/place",
        &["/nonexistent/place"],
    ),
];

const fn case(toml: &'static str, fio: &'static str, words: &'static [&'static str]) -> Case {
    Case { toml, fio, words }
}

/// Status 2, these words, this place, and a document that tells the same.
fn refused(scene: &Scene, file: &str, place: &str, words: &[&str]) -> Outcome {
    let outcome = scene.iodyno(["run", file, "--output-format", "json"]).run();
    let outcome = outcome.expect(2).says(words).says(&[place]);
    assert_ne!(outcome.document().errors(), "[]", "{outcome}");
    if words.iter().any(|word| word.starts_with("/nonexistent")) {
        return outcome; // lint looks at no target
    }
    let lint = scene.iodyno(["lint", file]).run().expect(2).says(words).says(&[place]);
    assert!(!lint.stderr.contains("panicked"), "{lint}");
    outcome
}

#[test]
fn bad_lines_in_toml() {
    for (number, case) in CASES.iter().enumerate() {
        let scene = Scene::new();
        // The engine stays a real one unless the case is about it, and line 6 is the bad one.
        let engine = if case.toml.starts_with("ioengine") { "" } else { "ioengine = \"null\"" };
        let engine = if case.toml.starts_with("directory") { "" } else { engine };
        let text =
            format!("[global]\nsize = \"1m\"\n\n[[job]]\nname = \"a\"\n{}\n{engine}\n", case.toml);
        let text = match case.toml.starts_with("size") {
            true => text.replace("size = \"1m\"", "loops = 1"),
            false => text,
        };
        // What only a look at the target shows is told at the job's place.
        let line = if case.toml.starts_with("directory") { 5 } else { 6 };
        let name = format!("case{number}.toml");
        let file = scene.file(&name, text);
        refused(&scene, &file, &format!("{name}:{line}"), case.words);
    }
}

#[test]
fn bad_lines_in_fios_format() {
    for (number, case) in CASES.iter().enumerate() {
        let scene = Scene::new();
        let engine = if case.fio.starts_with("ioengine") { "" } else { "ioengine=null" };
        let engine = if case.fio.starts_with("directory") { "" } else { engine };
        let text = format!("[global]\nloops=1\n\n[a]\n; the next one\n{}\n{engine}\n", case.fio);
        let line = if case.fio.starts_with("directory") { 4 } else { 6 };
        let name = format!("case{number}.fio");
        let file = scene.file(&name, text);
        refused(&scene, &file, &format!("{name}:{line}"), case.words);
    }
}

#[test]
fn an_unknown_option_is_pointed_at_with_its_column() {
    let scene = Scene::new();
    let toml = "[[job]]\nname = \"a\"\nioengine = \"null\"\nsize = \"1m\"\n  iodept = 4\n";
    let file = scene.file("column.toml", toml);
    refused(&scene, &file, "column.toml:5:3", &["iodept", "iodepth"]);
    let file = scene.file("column.fio", "[a]\nioengine=null\nsize=1m\n  iodept=4\n");
    refused(&scene, &file, "column.fio:4:3", &["iodept", "iodepth"]);
}

#[test]
fn files_that_hold_no_usable_job() {
    let cases: &[(&str, &str, &str, &[&str])] = &[
        ("twice.toml", "[[job]]\nname = \"a\"\nbs = 4096\nbs = 8192\n", "twice.toml:4", &["bs"]),
        ("header.toml", "[global]\nloops = 1\n[[job]\nname = \"a\"\n", "header.toml:3", &[]),
        ("header.fio", "[global]\nloops=1\n[a\nioengine=null\n", "header.fio:3", &["["]),
        ("before.fio", "loops=1\n[a]\nioengine=null\n", "before.fio:1", &["section"]),
        ("none.toml", "[global]\nloops = 1\n", "none.toml", &["no job"]),
        ("none.fio", "[global]\nloops=1\n", "none.fio", &["no job"]),
        ("empty.fio", "", "empty.fio", &["no job"]),
        ("nameless.toml", "[[job]]\nioengine = \"null\"\nsize = 1\n", "nameless.toml:1", &["name"]),
        (
            "same.toml",
            "[[job]]\nname = \"a\"\nioengine = \"null\"\n[[job]]\nname = \"a\"\n",
            "same.toml:5",
            &["two jobs", "`a`", "2 | name", "the first"],
        ),
        ("same.fio", "[a]\nioengine=null\nsize=1m\n[a]\nsize=2m\n", "same.fio:4", &["a"]),
        (
            "mix.toml",
            "[[job]]\nname = \"a\"\nioengine = \"null\"\nsize = 1\nrw = \"read\"\nrwmixread = 70\n",
            "mix.toml:6",
            &["rwmixread", "read"],
        ),
        (
            "mix.fio",
            "[a]\nioengine=null\nsize=1m\nrw=randwrite\nrwmixread=70\n",
            "mix.fio:5",
            &["rwmixread", "randwrite"],
        ),
        (
            "untimed.fio",
            "[a]\nioengine=null\nsize=1m\ntime_based\n",
            "untimed.fio:4",
            &["time_based", "runtime"],
        ),
    ];
    for (name, text, place, words) in cases {
        let scene = Scene::new();
        let file = scene.file(name, text);
        refused(&scene, &file, place, words);
    }
}

#[test]
fn rwmixread_that_a_one_way_job_inherits_is_a_warning() {
    let scene = Scene::new();
    let fio = "[global]\nioengine=null\nsize=1m\nrwmixread=70\n[a]\nrw=read\n";
    let outcome = scene.run_json(fio).expect(0).says(&["warning", "rwmixread"]);
    assert_eq!(outcome.document().ios(0, "read"), 256);
}

#[test]
fn files_that_cannot_be_read() {
    let scene = Scene::new();
    let missing = scene.at("missing.fio");
    refused(&scene, &missing, "missing.fio", &["no such file"]);
    let directory = scene.at("");
    refused(&scene, &directory, &directory, &["directory"]);
    let binary = scene.file("binary.toml", [b'[', b'a', b']', b'\n', 0xff, 0xfe]);
    refused(&scene, &binary, "binary.toml:2", &["UTF-8"]);
}

#[test]
fn bad_settings_on_the_command_line() {
    let scene = Scene::new();
    let job = scene.file("job.fio", "[a]\nioengine=null\nsize=1m\n");
    let cases: [(&str, &[&str]); 5] = [
        ("iodept=4", &["iodept", "iodepth", "--set"]),
        ("bs=4x", &["bs", "4x", "--set"]),
        ("nobody:bs=4k", &["nobody", "--set"]),
        ("bs", &["--set", "bs"]),
        ("=4", &["--set"]),
    ];
    for (setting, words) in cases {
        let outcome = scene.iodyno(["run", &job, "--set", setting]).run();
        outcome.expect(2).says(words);
    }
}

#[test]
fn a_bad_command_line_is_status_2() {
    let scene = Scene::new();
    let lines: [(&[&str], &str); 5] = [
        (&["run"], "FILE"),
        (&["run", "a.fio", "--outptu-format=json"], "--output-format"),
        (&["engine"], "engines"),
        (&["run", "a.fio", "--output-format", "xml"], "json"),
        (&[], "Usage"),
    ];
    for (args, word) in lines {
        scene.iodyno(args).run().expect(2).says(&[word]);
    }
}
