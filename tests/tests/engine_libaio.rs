//! libaio through a run: the common cases, both ways of fetching completions, and its options,
//! where kernel and file system have what they ask for.
//!
//! What they lack is a refusal with words, which is looked at before the test is skipped for it.

use iodyno_tests::engines::{self, Engine};
use iodyno_tests::{needs, Scene};

const LIBAIO: Engine = Engine::queued("libaio");

iodyno_tests::stores_data!(LIBAIO);

/// Completions that are taken from the ring in memory are the same ones.
#[test]
fn userspace_reap() {
    let mapped = LIBAIO.options("userspace_reap=1");
    engines::conforms(&mapped);
    engines::what_it_writes_is_in_the_file(&mapped);
    engines::what_psync_wrote_it_reads(&mapped);
    engines::mixed_reads_and_writes(&mapped);
    engines::direct(&mapped);
}

/// Whether a job with this option is refused here, after the words of the refusal were looked at.
fn lacking(need: &str, option: &str, lines: &str) -> bool {
    let scene = Scene::new();
    scene.zeros("target", 1 << 20);
    let run = format!("filename=target\nsize=64k\nbs=16k\nignore_error=EAGAIN,EAGAIN\n{option}");
    let outcome = LIBAIO.run(&scene, &format!("{run}\n{lines}"));
    if outcome.status == 0 {
        return false;
    }
    let refusal = format!("engine libaio: open_file: {option}: target: ");
    let outcome = outcome.expect(2).says(&[&refusal, "Linux"]);
    assert_eq!(outcome.document().all_ios(), 0, "it began:\n{outcome}");
    needs::skip_for(need, &format!("{option} with {lines:?}: {}", outcome.stderr.trim()));
    true
}

/// What would wait ends with EAGAIN, which a job can bear; what is cached need not wait.
#[test]
fn nowait() {
    if lacking("nowait", "nowait=1", "rw=read") {
        return;
    }
    let (scene, nowait) = (Scene::new(), LIBAIO.options("nowait=1"));
    LIBAIO.run(&scene, "filename=target\nrw=write\nsize=1m\nend_fsync=1").clean();
    let lines = "filename=target\nrw=randread\nsize=1m\niodepth=8";
    let cached = nowait.run(&scene, &format!("{lines}\ninvalidate=0")).clean();
    assert_eq!(cached.bytes(0, "read"), 1 << 20);
    // The host drops the cached pages before this one.
    let outcome = nowait.run(&scene, lines).expect(1);
    outcome.says(&["had to wait, and nowait=1", "ignore_error=EAGAIN"]);
    let lines = format!("{lines}\nignore_error=EAGAIN");
    assert_eq!(nowait.run(&scene, &lines).clean().all_ios(), 256);
}

#[test]
fn uncached_data_is_all_there() {
    if !lacking("dontcache", "uncached=1", "rw=randrw") {
        engines::what_it_writes_is_in_the_file(&LIBAIO.options("uncached=1"));
        engines::what_psync_wrote_it_reads(&LIBAIO.options("uncached=1"));
    }
}

#[test]
fn atomic_writes() {
    if !lacking("atomic_writes", "atomic=1", "rw=write\ndirect=1") {
        let lines = "filename=target\nrw=randwrite\nbs=16k\nsize=1m\ndirect=1\natomic=1\niodepth=8";
        assert_eq!(LIBAIO.run(&Scene::new(), lines).clean().bytes(0, "write"), 1 << 20);
    }
}

/// A part of the requests, or those of one size, with a priority of their own.
#[test]
fn priorities_of_single_requests() {
    for lines in [
        "cmdprio_percentage=50\ncmdprio_class=2\ncmdprio=3",
        "cmdprio_percentage=10,90\ncmdprio_class=3,2",
        "cmdprio_bssplit=4k/50/2/0:8k/100/3/0",
    ] {
        let scene = Scene::new();
        let job = format!("filename=target\nrw=randrw\nsize=1m\niodepth=8\n{lines}");
        assert_eq!(LIBAIO.run(&scene, &job).clean().all_ios(), 256, "{lines}");
    }
}

#[test]
fn what_cannot_work_is_refused() {
    for (lines, words) in [
        ("atomic=1", "direct=1"),
        ("uncached=1\ndirect=1", "uncached"),
        ("cmdprio_percentage=101", "cmdprio_percentage"),
        ("cmdprio=8\ncmdprio_percentage=1", "cmdprio"),
        ("cmdprio_bssplit=4k\ndirect=1", "BS/PERCENT"),
        ("cmdprio_class=1", "cmdprio_percentage"),
    ] {
        engines::refused(&LIBAIO, lines, &[words]);
    }
}
