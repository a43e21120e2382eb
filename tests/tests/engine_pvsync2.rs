//! pvsync2 through a run: the common cases, and its options, where kernel and file system have
//! what they ask for.
//!
//! What they lack is a refusal with words, which is looked at before the test is skipped for it.

use iodyno_tests::engines::{self, Engine};
use iodyno_tests::{needs, Scene};

const PVSYNC2: Engine = Engine::sync("pvsync2");

iodyno_tests::stores_data!(PVSYNC2);

/// Whether a job with these options is refused here, after the words of the refusal were looked at.
fn lacking(need: &str, option: &str, lines: &str) -> bool {
    let scene = Scene::new();
    scene.zeros("target", 1 << 20);
    let run =
        format!("filename=target\nsize=64k\nbs=16k\nignore_error=EAGAIN,EAGAIN\n{option}\n{lines}");
    let outcome = PVSYNC2.run(&scene, &run);
    if outcome.status == 0 {
        return false;
    }
    let refusal = format!("engine pvsync2: open_file: {option}: target: ");
    let outcome = outcome.expect(2).says(&[&refusal, "Linux"]);
    assert_eq!(outcome.document().all_ios(), 0, "it began:\n{outcome}");
    needs::skip_for(need, &format!("{option} with {lines:?}: {}", outcome.stderr.trim()));
    true
}

#[test]
fn options_that_cannot_be() {
    for (lines, words) in [
        ("hipri_percentage=101", "0 to 100"),
        ("hipri=2", "hipri"),
        ("direct=1\nuncached=1", "uncached=1 is about the page cache"),
        ("atomic=1", "atomic=1 needs direct=1"),
        ("direct=1\natomic=1\nbs=12k", "atomic=1"),
    ] {
        engines::refused(&PVSYNC2, lines, &[words]);
    }
}

#[test]
fn polling_or_a_warning() {
    let polled = PVSYNC2.options("hipri=1\nhipri_percentage=30");
    engines::mixed_reads_and_writes(&polled);
    engines::direct(&polled);
    let scene = Scene::new();
    polled.run(&scene, "filename=target\nrw=write\nsize=64k").says(&["no effect without direct=1"]);
    for percent in [0, 100] {
        let lines = format!("filename=target\nrw=randrw\nsize=64k\nhipri_percentage={percent}");
        assert_eq!(PVSYNC2.options("hipri=1").run(&scene, &lines).clean().all_ios(), 16);
    }
}

#[test]
fn uncached_data_is_all_there() {
    if !lacking("dontcache", "uncached=1", "rw=randrw") {
        engines::what_it_writes_is_in_the_file(&PVSYNC2.options("uncached=1"));
        engines::what_psync_wrote_it_reads(&PVSYNC2.options("uncached=1"));
    }
}

#[test]
fn reads_that_would_wait_end_with_eagain() {
    if lacking("nowait", "nowait=1", "rw=read\ninvalidate=0") {
        return;
    }
    let (scene, nowait) = (Scene::new(), PVSYNC2.options("nowait=1"));
    PVSYNC2.run(&scene, "filename=target\nrw=write\nsize=1m\nend_fsync=1").clean();
    // What was just written is cached, and nothing has to wait for it.
    let document = nowait.run(&scene, "filename=target\nrw=read\nsize=1m\ninvalidate=0").clean();
    assert_eq!(document.bytes(0, "read"), 1 << 20);
    // The host drops the cached pages before this one.
    let outcome = nowait.run(&scene, "filename=target\nrw=randread\nsize=1m").expect(1);
    outcome.says(&["had to wait, and nowait=1", "ignore_error=EAGAIN"]);
    let lines = "filename=target\nrw=randread\nsize=1m\nignore_error=EAGAIN";
    assert_eq!(nowait.run(&scene, lines).clean().ios(0, "read"), 256);
}

#[test]
fn direct_writes_that_do_not_wait() {
    if !lacking("nowait", "nowait=1", "rw=write\ndirect=1") {
        let lines = "filename=target\nrw=write\nsize=1m\ndirect=1\nignore_error=,EAGAIN";
        PVSYNC2.options("nowait=1").run(&Scene::new(), lines).clean();
    }
}

#[test]
fn atomic_writes() {
    if !lacking("atomic_writes", "atomic=1", "rw=write\ndirect=1") {
        let scene = Scene::new();
        let lines = "filename=target\nrw=randwrite\nbs=16k\nsize=1m\ndirect=1\natomic=1";
        assert_eq!(PVSYNC2.run(&scene, lines).clean().bytes(0, "write"), 1 << 20);
    }
}
