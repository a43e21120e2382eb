//! posixaio through a run: the common cases, and more at a time than the library has threads.
//!
//! It has no options; what it is like beyond that is the C library's affair.

use iodyno_tests::engines::Engine;
use iodyno_tests::Scene;

const POSIXAIO: Engine = Engine::queued("posixaio");

iodyno_tests::stores_data!(POSIXAIO);

/// More requests than the library has threads: they wait there, and all of them end.
#[test]
fn more_than_the_library_has_threads() {
    let scene = Scene::new();
    let files: Vec<String> =
        (0..32).map(|n| scene.zeros(&format!("part-{n}"), 256 * 1024)).collect();
    let names = files.join(":");
    let lines = format!("filename={names}\nrw=randrw\nsize=8m\niodepth=256\nnumjobs=2");
    assert_eq!(POSIXAIO.run(&scene, &lines).clean().all_ios(), 4096);
}
