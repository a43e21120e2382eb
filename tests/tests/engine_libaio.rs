//! libaio through a run: the common cases, both ways of fetching completions, and its options.

use iodyno_tests::engines::{self, Engine};
use iodyno_tests::Scene;

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

/// What would wait ends with EAGAIN, which a job can bear; what is cached need not wait.
#[test]
fn nowait() {
    let scene = Scene::new();
    let file = scene.zeros("target", 1 << 20);
    let lines = format!("filename={file}\nrw=randread\nsize=1m\niodepth=8\nnowait=1");
    let outcome = LIBAIO.run(&scene, &format!("{lines}\nignore_error=EAGAIN")).expect(0);
    assert_eq!(outcome.document().all_ios(), 256, "{outcome}");
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
