//! What a job writes, read back from the file.
//!
//! Patterns, zeros, fresh data, and parts that repeat or compress, counted by `fio-dedupe` and
//! `zstd`, and once more by the test itself. The engine is psync.

use iodyno_tests::{require, Scene};
use std::collections::HashSet;
use std::path::Path;
use std::process::Command;

const BLOCK: usize = 4096;
const MIB: usize = 1 << 20;

/// What a job with these lines leaves in its file.
fn written(scene: &Scene, lines: &str) -> Vec<u8> {
    let target = scene.at("target");
    let _earlier = std::fs::remove_file(&target);
    let job =
        format!("[global]\nioengine=psync\nfilename={target}\nbs=4k\nrw=write\n[a]\n{lines}\n");
    scene.run_json(&job).clean();
    std::fs::read(target).expect("the job wrote its file")
}

/// How many blocks were there before, in percent.
fn repeated(data: &[u8], block: usize) -> f64 {
    let different: HashSet<&[u8]> = data.chunks(block).collect();
    100.0 - 100.0 * different.len() as f64 / data.chunks(block).len() as f64
}

/// The same by `fio-dedupe`.
fn repeated_by_fio(path: &str) -> f64 {
    let mut command = Command::new("fio-dedupe");
    let output = command.args(["-b", "4096", path]).output().expect("fio-dedupe runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (_, rest) = text.split_once("dedupe_percentage=").unwrap_or_else(|| panic!("{text}"));
    rest.split_whitespace().next().and_then(|word| word.parse().ok()).expect("a percentage")
}

/// Length after compression, in percent.
fn compressed(path: &str) -> f64 {
    let output = Command::new("zstd").args(["-q", "-3", "-c", path]).output().expect("zstd runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let whole = std::fs::metadata(path).expect("the file is there").len();
    100.0 * output.stdout.len() as f64 / whole as f64
}

#[test]
fn plain_jobs_write_no_block_twice() {
    let scene = Scene::new();
    for lines in ["size=4m", "size=4m\nrefill_buffers", "size=4m\nbs=64k\nrefill_buffers=1"] {
        let data = written(&scene, lines);
        assert_eq!(data.len(), 4 * MIB);
        assert_eq!(repeated(&data, BLOCK), 0.0, "{lines}");
    }
}

#[test]
fn unscrambled_buffers_stay_as_they_are() {
    let scene = Scene::new();
    let data = written(&scene, "size=1m\nscramble_buffers=0");
    assert!(data.chunks(BLOCK).all(|block| *block == data[..BLOCK]));
    assert!(data[..BLOCK].iter().collect::<HashSet<_>>().len() > 200, "random all the same");
}

#[test]
fn zero_buffers_are_zeros() {
    let scene = Scene::new();
    for lines in ["size=1m\nzero_buffers", "size=1m\nzero_buffers\nrefill_buffers"] {
        assert_eq!(written(&scene, lines), vec![0; MIB], "{lines}");
    }
}

#[test]
fn patterns_repeat_from_the_beginning_of_each_block() {
    let scene = Scene::new();
    let text = scene.file("text", "from a file");
    let cases = [
        ("0xdeadbeef".to_owned(), b"\xde\xad\xbe\xef".to_vec()),
        ("\"abc\"".to_owned(), b"abc".to_vec()),
        (format!("\"abc\"0xff'{text}'"), b"abc\xfffrom a file".to_vec()),
    ];
    for (pattern, bytes) in cases {
        let data = written(&scene, &format!("size=1m\nbuffer_pattern={pattern}"));
        let expected: Vec<u8> = bytes.iter().copied().cycle().take(BLOCK).collect();
        let wrong = data.chunks(BLOCK).position(|block| block != expected);
        assert_eq!(wrong, None, "{pattern}");
    }
}

#[test]
fn reads_in_between_do_not_change_the_pattern() {
    let scene = Scene::new();
    let target = scene.at("mixed");
    let job = format!(
        "[a]\nioengine=psync\nfilename={target}\nbs=4k\nsize=1m\nrw=randrw\n\
         buffer_pattern=\"xy\"\n"
    );
    let document = scene.run_json(&job).clean();
    let expected: Vec<u8> = b"xy".iter().copied().cycle().take(BLOCK).collect();
    let data = std::fs::read(&target).expect("the job wrote its file");
    let written = data.chunks(BLOCK).filter(|block| *block == expected).count();
    assert!(written > 64);
    assert_eq!(written as u64, document.ios(0, "write"));
}

#[test]
fn patterns_that_cannot_be_read_are_told_before_the_start() {
    let scene = Scene::new();
    let target = scene.at("target");
    let empty = scene.file("empty", "");
    let missing = scene.at("missing");
    for (file, words) in [(&missing, "No such file"), (&empty, "is empty")] {
        let job = format!(
            "[a]\nioengine=psync\nfilename={target}\nsize=1m\nrw=write\nbuffer_pattern='{file}'\n"
        );
        scene.run_json(&job).expect(2).says(&["buffer_pattern", file, words]);
        let bytes = std::fs::read(&target).unwrap_or_default();
        assert!(bytes.iter().all(|byte| *byte == 0), "nothing was written");
    }
}

#[test]
fn the_asked_part_of_the_blocks_repeats() {
    let scene = Scene::new();
    for percentage in [30, 70] {
        for mode in ["repeat", "working_set\ndedupe_working_set_percentage=10"] {
            for rw in ["write", "randwrite"] {
                let lines = format!(
                    "size=16m\nrw={rw}\ndedupe_percentage={percentage}\ndedupe_mode={mode}"
                );
                let found = repeated(&written(&scene, &lines), BLOCK);
                let off = (found - f64::from(percentage)).abs();
                assert!(off <= 0.1, "{lines}: {found} % of the blocks repeat");
            }
        }
    }
}

#[test]
fn fio_counts_the_same_repetitions() {
    require!(fio_dedupe);
    let scene = Scene::new();
    for percentage in [30, 70] {
        for mode in ["repeat", "working_set\ndedupe_working_set_percentage=10"] {
            let lines = format!("size=16m\ndedupe_percentage={percentage}\ndedupe_mode={mode}");
            written(&scene, &lines);
            let found = repeated_by_fio(&scene.at("target"));
            let off = (found - f64::from(percentage)).abs();
            assert!(off <= 2.0, "{lines}: fio-dedupe finds {found} %");
        }
    }
}

#[test]
fn the_asked_part_compresses_away() {
    require!(zstd);
    let scene = Scene::new();
    for percentage in [25, 50, 75] {
        for more in ["", "buffer_compress_chunk=0", "buffer_compress_chunk=4k\nbs=64k"] {
            let lines = format!("size=8m\nbuffer_compress_percentage={percentage}\n{more}");
            written(&scene, &lines);
            let left = compressed(&scene.at("target"));
            let off = (left - f64::from(100 - percentage)).abs();
            assert!(off <= 2.0, "{lines}: {left} % are left");
        }
    }
    written(&scene, "size=8m\nrefill_buffers");
    assert!(compressed(&scene.at("target")) > 99.0, "random data does not compress");
}

#[test]
fn data_may_repeat_and_compress() {
    let scene = Scene::new();
    let data =
        written(&scene, "size=8m\ndedupe_percentage=40\nbuffer_compress_percentage=50\nbs=16k");
    let off = (repeated(&data, 4 * BLOCK) - 40.0).abs();
    assert!(off <= 0.3, "{off} off");
    assert!(data.chunks(512).all(|chunk| chunk[256..] == [0; 256]));
}

#[test]
fn a_pattern_is_the_part_that_compresses() {
    let scene = Scene::new();
    let lines = "size=1m\nbuffer_compress_percentage=50\nbuffer_pattern=\"pq\"";
    let data = written(&scene, lines);
    assert!(data.chunks(512).all(|chunk| chunk[256..] == *b"pq".repeat(128)));
    assert_eq!(repeated(&data, BLOCK), 0.0);
}

#[test]
fn the_seed_decides_about_the_data() {
    let scene = Scene::new();
    let lines = "size=1m\ndedupe_percentage=50\nbuffer_compress_percentage=20";
    let first = written(&scene, lines);
    assert_eq!(first, written(&scene, lines));
    assert_ne!(first, written(&scene, &format!("{lines}\nrandseed=5")));
    assert!(Path::new(&scene.at("target")).exists());
}

/// What cannot be read is told before anything is made.
#[test]
fn a_pattern_of_a_file_that_is_not_there_is_refused_before_the_layout() {
    let scene = Scene::new();
    let file = scene.at("data");
    let job = format!("[a]\nrw=write\nsize=64k\nfilename={file}\nbuffer_pattern='/no/such'\n");
    scene.run_json(&job).expect(2).says(&["job a: buffer_pattern: /no/such", "No such file"]);
    assert!(!std::path::Path::new(&file).exists(), "nothing was laid out");
}
