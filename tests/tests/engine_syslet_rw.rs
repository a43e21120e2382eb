//! syslet-rw through a run: the common cases, both answers in one job, and the deepest job.
//!
//! Which answer a request gets, and in what order they come back, is judged by its unit tests.

use iodyno_tests::engines::{self, Engine};
use iodyno_tests::Scene;

const SYSLET_RW: Engine = Engine::queued("syslet-rw");

iodyno_tests::stores_data!(SYSLET_RW);

#[test]
fn what_is_in_memory_is_answered_in_place_and_syncs_are_not() {
    let scene = Scene::new();
    scene.file("target", vec![7; 1 << 20]);
    let lines = "filename=target\nbs=4k\nsize=1m\niodepth=8\npre_read=1";
    let document = SYSLET_RW.run(&scene, &format!("{lines}\nrw=randread")).clean();
    assert_eq!(document.ios(0, "read"), 256);
    let lines = format!("{lines}\nrw=write\nfsync=16");
    let document = SYSLET_RW.run(&scene, &lines).clean();
    assert_eq!((document.ios(0, "write"), document.ios(0, "sync") >= 15), (256, true));
}

#[test]
fn a_depth_beyond_all_threads_is_refused() {
    engines::refused(&SYSLET_RW, "iodepth=1025", &["iodepth=1025", "1024"]);
}
