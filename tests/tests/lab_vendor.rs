//! A vendor's plugin, from its project to a SCSI disk that the guest's kernel makes up: built as
//! its author builds it, checked, run by the path of its file; data, what it says of the disk, its
//! options, its own words for errors.
//!
//! `plugins-example/vendor-sg` is no member of the workspace; it has a lock of its own.

use iodyno_tests::lab::{self, Lab};
use iodyno_tests::{abi, programs, require, Outcome, Scene};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

const MIB: usize = 1 << 20;
/// What the job writes, and how much of it.
const PATTERN: &[u8] = b"ACME 2.4";
const WRITTEN: usize = 16 * MIB;
const BEFORE: u8 = 0xee;

fn project() -> PathBuf {
    programs::repo().join("plugins-example/vendor-sg")
}

/// Runs cargo in the project, without the network, and with the project's lock as it is.
fn cargo(args: &[&str]) -> String {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    cargo.current_dir(project()).args(args).args(["--offline", "--locked", "--target-dir"]);
    cargo.arg(programs::target_dir().join("vendor"));
    // What the outer cargo set up for this test program is not meant for that build.
    for variable in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET"] {
        cargo.env_remove(variable);
    }
    abi::succeed(cargo.env("CARGO_PROFILE_DEV_DEBUG", "0"))
}

/// The plugin, beside the job in the scene: its directory is one that nobody else may write.
fn plugin(scene: &Scene) -> String {
    cargo(&["build", "--quiet"]);
    let built = programs::target_dir().join("vendor/debug/libacme_sg.so");
    scene.file("libacme_sg.so", std::fs::read(built).expect("cargo built it"))
}

fn example(scene: &Scene) -> String {
    let example = programs::repo().join("examples/vendor-sg.toml");
    scene.file("vendor-sg.toml", std::fs::read(example).expect("the example"))
}

const RUN: &str = "iodyno run vendor-sg.toml --engine ./libacme_sg.so --output-format json";

#[test]
fn the_project_stands_alone() {
    let scene = Scene::new();
    let plugin = plugin(&scene);
    let shown = scene.iodyno(["engines", "show", &plugin]).run().expect(0);
    for word in ["example.acme.sg", "ACME", "exported layout compatible", "acme_retries=INT"] {
        assert!(shown.stdout.contains(word), "no {word:?} in\n{shown}");
    }
    // By its engine's name, when its file is called so.
    std::fs::create_dir(scene.at("engines")).expect("the scene is writable");
    std::fs::copy(&plugin, scene.at("engines/libiodyno_engine_acme-sg.so")).expect("a copy");
    let path = scene.at("engines");
    scene.iodyno(["engines", "show", "acme-sg", "--engine-path", &path]).run().expect(0);
    assert!(cargo(&["test", "--quiet"]).contains("test result: ok."));
    // The version is what counts; the path beside it is for this tree.
    let manifest = std::fs::read_to_string(project().join("Cargo.toml")).expect("a manifest");
    assert!(manifest.contains("iodyno-engine-api = { version = \"1.0\""), "{manifest}");
}

/// Name and version of each package of a lock.
fn locked(path: &Path) -> BTreeSet<(String, String)> {
    let text = std::fs::read_to_string(path).expect("a lock");
    let value = |line: Option<&str>| line.unwrap_or_default().to_owned();
    let packages = text.split("[[package]]").skip(1).map(|package| {
        let mut lines = package.lines().filter(|line| !line.is_empty());
        (value(lines.next()), value(lines.next()))
    });
    packages.collect()
}

/// What the workspace fetches is then enough to build the project as well.
#[test]
fn the_project_locks_what_the_workspace_locks() {
    let own = locked(&project().join("Cargo.lock"));
    let all = locked(&programs::repo().join("Cargo.lock"));
    let other: Vec<_> = own.difference(&all).map(|(name, _)| name.as_str()).collect();
    let words = "copy the workspace's Cargo.lock there and run cargo build --offline";
    assert_eq!(other, ["name = \"acme-sg\""], "{words}");
}

#[test]
fn what_is_no_disk_is_refused() {
    let scene = Scene::new();
    let (plugin, job) = (plugin(&scene), example(&scene));
    scene.file("file", vec![7; WRITTEN]);
    for (target, words) in [
        ("file", "no device (name /dev/sgN or a whole SCSI disk)"),
        ("/dev/null", "it takes no SCSI commands"),
    ] {
        let target = format!("filename={target}");
        let run = scene.iodyno(["run", &job, "--engine", &plugin, "--set", &target]).run();
        run.expect(2).says(&["engine acme-sg", words]);
    }
    let left = std::fs::read(scene.path().join("file")).expect("the file");
    assert!(left.iter().all(|byte| *byte == 7), "a file was written to");
}

/// The command of the example's own comment, word for word.
#[test]
fn the_example_runs_as_it_says() {
    require!(lab);
    let scene = Scene::new();
    plugin(&scene);
    let job = example(&scene);
    let line =
        "scripts/vm run --scsi -- iodyno run examples/vendor-sg.toml --engine ./libacme_sg.so";
    let text = std::fs::read_to_string(&job).expect("just made");
    assert!(text.contains(line), "{text}");
    std::fs::create_dir(scene.at("examples")).expect("the scene is writable");
    std::fs::rename(&job, scene.at("examples/vendor-sg.toml")).expect("one directory");
    let words: Vec<&str> = line.split(' ').skip(1).collect();
    let run = lab::alone(|| lab::vm(&scene, &words).run()).expect(0);
    for words in
        ["acme-sg: example.acme.sg", "  engine acme-sg, job write: vendor Linux, model scsi_debug"]
    {
        assert!(run.stdout.contains(words), "no {words:?} in\n{run}");
    }
}

/// The whole of it, which the cases below have not the time for.
#[test]
fn iodyno_check_passes() {
    require!(lab);
    let scene = Scene::new();
    plugin(&scene);
    let words = ["run", "--scsi", "--", "iodyno", "check", "./libacme_sg.so", "--target"];
    let words = [&words[..], &["/dev/sg0"]].concat();
    let run = lab::alone(|| lab::vm(&scene, &words).run()).expect(0);
    for id in ["data.read-after-write", "tables.extension", "errdetails.words", "random.lives"] {
        assert!(run.stdout.contains(&format!("pass    {id}")), "no {id}:\n{run}");
    }
}

/// A run without an error, whose first job told this of the disk.
fn told(facts: &'static [(&'static str, &'static str)]) -> impl Fn(&Outcome) {
    move |outcome| {
        assert_eq!(outcome.status, 0, "{outcome}");
        let document = outcome.document();
        document.assert_no_errors();
        assert_eq!(document.bytes(0, "write"), WRITTEN as u64, "{outcome}");
        assert_eq!(document.bytes(1, "read"), WRITTEN as u64, "{outcome}");
        for (key, value) in facts {
            let pointer = format!("/jobs/0/iodyno/identity/{key}");
            assert_eq!(document.text(&pointer), *value, "{key}: {outcome}");
        }
    }
}

/// A run that failed, and what has to be said of it on the screen and in the report.
fn failed(words: &'static [&'static str]) -> impl Fn(&Outcome) {
    move |outcome| {
        assert_eq!(outcome.status, 1, "{outcome}");
        for word in words {
            assert!(outcome.stderr.contains(word), "{word:?} is missing:\n{outcome}");
            assert!(outcome.stdout.contains(word), "{word:?} is not in the report:\n{outcome}");
        }
    }
}

/// A case's script in a directory with the plugin and the job.
fn there(script: &str) -> String {
    format!("cp ../../libacme_sg.so ../../vendor-sg.toml .\n{script}")
}

fn boot(scene: &Scene, cases: impl FnOnce(&mut Lab)) {
    let bring = |path: &str| {
        let name = Path::new(path).file_name().expect("a file").to_string_lossy();
        format!("{path}:{name}")
    };
    let mut expected = PATTERN.repeat(WRITTEN / PATTERN.len());
    expected.extend(vec![BEFORE; MIB]);
    let files = [
        bring(&plugin(scene)),
        bring(&example(scene)),
        format!("{}:/root/before", scene.file("before", vec![BEFORE; WRITTEN + MIB])),
        format!("{}:/root/expected", scene.file("expected", expected)),
    ];
    let mut options = vec!["--scsi=opts=0 medium_error_start=0x1234 medium_error_count=10"];
    options.extend(files.iter().flat_map(|file| ["--file", file]));
    let mut lab = Lab::new(&options);
    cases(&mut lab);
    lab.run(scene);
}

const INJECT: &str = "/sys/kernel/debug/scsi_debug/0:0:0:0/error";

/// The job while the next `count` commands of this opcode end with this key, asc, ascq.
fn with_sense(count: u32, opcode: &str, sense: &str, job: &str) -> String {
    there(&format!(
        "mount -t debugfs none /sys/kernel/debug 2>/dev/null\n\
         echo '2 -{count} {opcode} 0 0 0x2 {sense}' >{INJECT} || exit 93\n{job}\nstatus=$?\n\
         echo '- 2 {opcode}' >{INJECT}; exit $status"
    ))
}

#[test]
fn a_disk_is_identified_written_and_read() {
    require!(lab);
    let scene = Scene::new();
    boot(&scene, |lab| {
        for node in ["sg0", "sda"] {
            let script = there(&format!(
                "dd if=/root/before of=/dev/sda bs=1M conv=fsync 2>/dev/null || exit 92\n\
                 {RUN} --set filename=/dev/{node} || exit $?\nblockdev --flushbufs /dev/sda\n\
                 cmp -n {} /root/expected /dev/sda >&2 || exit 91",
                WRITTEN + MIB
            ));
            let facts = &[
                ("vendor", "Linux"),
                ("model", "scsi_debug"),
                ("firmware", "0191"),
                ("serial", "2000"),
                ("wwn", "naa.33333330000007d0"),
                ("acme_log", "38 C, 65 C at most"),
            ];
            lab.case((node, "acme-sg", "identify, write, read, compare"), script, told(facts));
        }
        options(lab);
        errors(lab);
    });
}

fn options(lab: &mut Lab) {
    let log_page = |page: &str| there(&format!("{RUN} --set acme_log_page={page}"));
    let facts = &[("acme_log", "parameter 0: [00, 00, 26]")];
    lab.case(("sg0", "acme-sg", "another log page"), log_page("0x2f"), told(facts));
    lab.case(("sg0", "acme-sg", "no log page"), log_page("0"), |outcome| {
        told(&[("serial", "2000")])(outcome);
        assert!(!outcome.stdout.contains("acme_log\":"), "{outcome}");
    });
    let words = &["acme_log_page=0x3a: ACME-524 unknown page or field (sense 05/24/00)"];
    lab.case(("sg0", "acme-sg", "a log page that it lacks"), log_page("0x3a"), failed(words));
    lab.case(("sg0", "acme-sg", "a value out of range"), log_page("64"), |outcome| {
        assert_eq!(outcome.status, 2, "{outcome}");
        assert!(outcome.stderr.contains("acme_log_page"), "{outcome}");
    });
}

fn errors(lab: &mut Lab) {
    let script = with_sense(5, "0x88", "0x6 0x29 0x0", RUN);
    lab.case(("sg0", "acme-sg", "as many resets as retries"), script, told(&[]));
    let script = with_sense(4, "0x88", "0x6 0x29 0x0", &format!("{RUN} --set acme_retries=3"));
    let words = &["ACME-600 the disk was reset or reconfigured (sense 06/29/00)"];
    lab.case(("sg0", "acme-sg", "more resets than retries"), script, failed(words));
    let script = with_sense(1, "0x91", "0x7 0x27 0x0", RUN);
    let words = &["ACME-700 write protected: see the jumper beside the connector"];
    lab.case(("sg0", "acme-sg", "the vendor's words"), script, failed(words));
    let opts = "/sys/bus/pseudo/drivers/scsi_debug/opts";
    let lines = "[a]\nioengine=./libacme_sg.so\nfilename=/dev/sg0\nrw=read\nbs=4k\nsize=4m";
    let script = there(&format!(
        "printf '{}\\n' >a.fio; echo 2 >{opts}\n\
         iodyno run a.fio --output-format json; status=$?; echo 0 >{opts}; exit $status",
        lines.replace('\n', "\\n")
    ));
    let words = &[
        "read of 4096 bytes at offset 2383872 of /dev/sg0",
        "ACME-311 unreadable block: scrub the disk, or write the block anew (sense 03/11/00), \
         block 4660 (vendor status 0x31100)",
    ];
    lab.case(("sg0", "acme-sg", "a medium error, by its block"), script, failed(words));
}
