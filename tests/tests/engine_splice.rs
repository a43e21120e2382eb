//! splice through a run: the common cases, blocks larger than a pipe, and what it refuses.
//!
//! That errors leave nothing in the pipe is judged by its unit tests.

use iodyno_tests::engines::Engine;
use iodyno_tests::Scene;

const SPLICE: Engine = Engine::sync("splice");

iodyno_tests::stores_data!(SPLICE);

#[test]
fn blocks_larger_than_any_pipe_are_one_request() {
    let scene = Scene::new();
    let lines = "filename=target\nsize=24m\nbs=12m";
    let document = SPLICE.run(&scene, &format!("{lines}\nrw=write")).clean();
    assert_eq!((document.ios(0, "write"), document.bytes(0, "write")), (2, 24 << 20));
    assert_eq!(document.number("/jobs/0/write/short_ios"), 0);
    let document = SPLICE.run(&scene, &format!("{lines}\nrw=read")).clean();
    assert_eq!((document.ios(0, "read"), document.bytes(0, "read")), (2, 24 << 20));
    assert_eq!(document.number("/jobs/0/read/short_ios"), 0);
}

#[test]
fn a_pipe_is_refused_before_the_run() {
    let scene = Scene::new();
    let pipe = scene.at("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs");
    assert!(made.success());
    let outcome = SPLICE.run(&scene, &format!("filename={pipe}\nrw=read\nsize=4k"));
    let words = format!("engine splice: open_file: {pipe} is a pipe");
    let outcome = outcome.expect(1).says(&[&words, "there has to be a file or a device"]);
    assert_eq!(outcome.document().all_ios(), 0, "it began:\n{outcome}");
}
