//! The pool of a verifying job (`verify_async`): however few requests a submitter has and however
//! slow the digest is, nothing hangs, nothing is lost, and what is wrong is found. Who takes over
//! whose work is tested beside the pool itself.

use iodyno_tests::verify::quick_dir;
use iodyno_tests::{needs, process, Scene};
use std::path::Path;
use std::time::Duration;

fn engines() -> Vec<&'static str> {
    let mut all = vec!["psync", "libaio"];
    match needs::io_uring() {
        Ok(()) => all.push("io_uring"),
        Err(why) => needs::skip_for("io_uring", &why),
    }
    all
}

/// Writes blocks of which some are flipped on the way, reads them back, and lets another run read
/// them: each finds as many as were planted, and all others right.
fn nothing_is_lost(engine: &str, bs: u64, method: &str, depth: u32, target: &Path) {
    let (blocks, planted) = if bs < 1 << 20 { (1024, 100) } else { (24, 5) };
    let size = blocks * bs;
    let common = format!(
        "iodepth={depth}\nfilename={}\nbs={bs}\nsize={size}\nverify={method}\nverify_async=4\n\
         verify_state_save=0\n",
        target.display()
    );
    let context = format!("{engine} bs={bs} {method} iodepth={depth}");
    let _ = std::fs::remove_file(target);
    let jobs = [
        format!(
            "[a]\nioengine=fault\ninner={engine}\nrw=randwrite\ninject=flip\nevery_nth=3\n\
             at_most={planted}\n{common}"
        ),
        format!("[a]\nioengine={engine}\nrw=randread\n{common}"),
    ];
    for job in jobs {
        let outcome = Scene::new().run_json(&job);
        assert_eq!(outcome.status, 3, "{context}: {outcome}");
        let document = outcome.document();
        let number = |key: &str| document.number(&format!("/jobs/0/verify/{key}"));
        assert_eq!(number("wrong"), planted, "{context}: {outcome}");
        assert_eq!(number("bytes"), size, "{context}: {outcome}");
        assert_eq!(number("verified_bytes"), size - planted * bs, "{context}: {outcome}");
    }
}

#[test]
fn one_request_and_four_threads() {
    let dir = quick_dir();
    for engine in engines() {
        for bs in [512, 1 << 20] {
            for method in ["sha3-512", "md5", "crc32c"] {
                nothing_is_lost(engine, bs, method, 1, &dir.path().join("target"));
            }
        }
    }
}

#[test]
fn many_requests_and_four_threads() {
    let dir = quick_dir();
    for engine in engines() {
        for bs in [512, 65536] {
            nothing_is_lost(engine, bs, "sha3-512", 32, &dir.path().join("target"));
        }
    }
}

/// Several jobs of a cell share the pool, read and write at once, and look at what they wrote on
/// the way.
#[test]
fn a_pool_that_many_share() {
    let dir = quick_dir();
    let target = dir.path().join("target");
    let job = format!(
        "[a]\nthread\nnumjobs=4\nioengine=psync\nfilename={}\noffset_increment=4m\nsize=4m\n\
         rw=randrw\nbs=4k\nnorandommap\nio_size=8m\nverify=sha256\nverify_backlog=64\n\
         verify_async=3\nverify_state_save=0\n",
        target.display()
    );
    let document = Scene::new().run_json(&job).clean();
    assert_eq!(document.jobs(), 4);
    for job in 0..4 {
        assert_eq!(document.float(&format!("/jobs/{job}/verify/coverage")), 100.0);
        let bytes = document.number(&format!("/jobs/{job}/verify/bytes"));
        assert_eq!(document.number(&format!("/jobs/{job}/verify/verified_bytes")), bytes);
        assert!(bytes > 1 << 20, "{bytes}");
    }
}

/// The CPUs that threads of the pool may run on, of all cells of a run.
fn cpus_of_the_pool(control: u32) -> Vec<String> {
    let cells = process::cells(control);
    let tasks = cells.iter().flat_map(|cell| {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", cell.pid));
        tasks.into_iter().flatten().flatten().map(|task| task.path())
    });
    let of_task = |task: std::path::PathBuf| {
        let name = std::fs::read_to_string(task.join("comm")).ok()?;
        let status = std::fs::read_to_string(task.join("status")).ok()?;
        let cpus = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
        (name.trim() == "verify").then(|| cpus.trim().to_owned())
    };
    tasks.filter_map(of_task).collect()
}

#[test]
fn the_pool_runs_on_its_cpus() {
    let here = std::fs::read_to_string("/proc/self/status").expect("/proc is mounted");
    let here = here.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    let first = here.expect("a list").trim().split([',', '-']).next().expect("a CPU").to_owned();
    let dir = quick_dir();
    let target = dir.path().join("target");
    let job = format!(
        "[a]\nioengine=psync\nfilename={}\nrw=write\nbs=4k\nsize=1m\ntime_based\nruntime=60\n\
         rate=1m\nverify=sha256\nverify_async=3\nverify_async_cpus={first}\nverify_state_save=0\n",
        target.display()
    );
    let scene = Scene::new();
    let running = scene.json(&job).start();
    let bound = vec![first; 3];
    process::eventually("the pool's threads are bound", Duration::from_secs(20), || {
        (cpus_of_the_pool(running.pid()) == bound).then_some(())
    });
    process::signal(running.pid(), rustix::process::Signal::INT);
    let outcome = running.wait();
    assert!(outcome.stderr.contains("iodyno"), "{outcome}");
}
