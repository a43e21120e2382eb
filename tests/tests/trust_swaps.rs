//! A plugin's file is exchanged between the moment at which it is checked and the moment at which
//! it is loaded.
//!
//! The exchange is made by a constructor of tests/plugins/who.c, in the probe or in the cell, and
//! so happens at the same point in each run. Pinned: the content that was checked runs, and is what
//! the report tells. Not pinned: refused.

use iodyno_tests::{plugins, process, require, Document, Outcome, Scene};
use std::time::Duration;

/// A scene with two plugins: `who.so`, which says "one", and `two.so`, which is to take its place.
fn scene() -> Scene {
    let scene = Scene::new();
    plugins::who("one", &scene.at("who.so"));
    plugins::who("two", &scene.at("two.so"));
    scene
}

/// `WHO_SWAP`: in a process of this role, `two.so` becomes `who.so`.
fn swap(scene: &Scene, role: &str, how: &str) -> String {
    format!("{role}:{how}:{}:{}", scene.at("two.so"), scene.at("who.so"))
}

fn who_ran(document: &Document, job: usize) -> &str {
    document.text(&format!("/jobs/{job}/iodyno/identity/who"))
}

/// The swap took place: the file on disk is the other one now.
#[track_caller]
fn assert_swapped(scene: &Scene, before: &str) {
    assert_ne!(plugins::sha256(&scene.at("who.so")), before, "nothing was swapped");
    assert!(!std::path::Path::new(&scene.at("two.so")).exists(), "nothing was swapped");
}

#[track_caller]
fn assert_old_content(scene: &Scene, outcome: Outcome, sha256: &str, pinned_by: &str) {
    let document = outcome.clean();
    assert_swapped(scene, sha256);
    assert_eq!(who_ran(&document, 0), "one");
    assert_eq!(document.text("/iodyno/engines/0/version"), "one");
    assert_eq!(document.text("/iodyno/engines/0/sha256"), sha256);
    assert_eq!(document.text("/iodyno/engines/0/path"), scene.at("who.so"));
    let by = document.text("/iodyno/engines/0/pinned_by/0");
    assert!(by.ends_with(pinned_by), "{by}");
    assert_eq!(document.ios(0, "read"), 256);
}

const MOMENTS: [(&str, &str); 4] =
    [("probe", "rename"), ("probe", "rewrite"), ("cell", "rename"), ("cell", "rewrite")];

#[test]
fn pinned_by_the_job_the_checked_content_runs() {
    require!(c_compiler);
    for (role, how) in MOMENTS {
        let scene = scene();
        let engine = scene.at("who.so");
        let sha256 = plugins::sha256(&engine);
        let job = format!("[a]\nioengine={engine}\nengine_sha256={sha256}\nsize=1m\n");
        let outcome = scene.json(&job).env("WHO_SWAP", swap(&scene, role, how)).run();
        assert_old_content(&scene, outcome, &sha256, "engine_sha256");
    }
}

#[test]
fn pinned_by_a_lock_the_checked_content_runs() {
    require!(c_compiler);
    for (role, how) in MOMENTS {
        let scene = scene();
        let engine = scene.at("who.so");
        let sha256 = plugins::sha256(&engine);
        scene.file("engines.lock", format!("{sha256}  who.so\n"));
        let job = format!("[a]\nioengine={engine}\nsize=1m\n");
        let outcome = scene.json(&job).env("WHO_SWAP", swap(&scene, role, how)).run();
        assert_old_content(&scene, outcome, &sha256, "/engines.lock:1");
    }
}

#[test]
fn pinned_with_isolation_none_the_checked_content_runs() {
    require!(c_compiler);
    let scene = scene();
    let engine = scene.at("who.so");
    let sha256 = plugins::sha256(&engine);
    let job = format!(
        "[global]\nisolation=none\n[a]\nioengine={engine}\nengine_sha256={sha256}\nsize=1m\n"
    );
    let outcome = scene.json(&job).env("WHO_SWAP", swap(&scene, "probe", "rename")).run();
    assert_old_content(&scene, outcome, &sha256, "engine_sha256");
}

#[test]
fn not_pinned_an_exchanged_file_is_refused() {
    require!(c_compiler);
    for isolation in ["run", "job"] {
        for (role, how) in MOMENTS {
            let scene = scene();
            let engine = scene.at("who.so");
            let sha256 = plugins::sha256(&engine);
            let job = format!("[global]\nisolation={isolation}\n[a]\nioengine={engine}\nsize=1m\n");
            let outcome = scene.json(&job).env("WHO_SWAP", swap(&scene, role, how)).run();
            let outcome = outcome.expect(5).says(&[&engine, "has changed since it was probed"]);
            assert_swapped(&scene, &sha256);
            assert_eq!(outcome.document().all_ios(), 0, "{outcome}");
        }
    }
}

/// Between its check and its load another plugin's constructor runs, which exchanges the file.
fn two_plugins(pinned: bool, role: &str, later: &str) -> (Scene, Outcome) {
    let scene = scene();
    let (engine, other) = (scene.at("who.so"), scene.at("other.so"));
    plugins::variant("who", "other", &["-DWHO=\"other\"", "-DENGINE=\"other\""], &other);
    let pin = match pinned {
        true => format!("engine_sha256={}", plugins::sha256(&engine)),
        false => String::new(),
    };
    let victim = format!("[victim]\nioengine={engine}\nsize=1m\n{pin}\n");
    let swapper = format!("[swapper]\nioengine={other}\nsize=1m\n");
    let jobs = match later.is_empty() {
        true => format!("{victim}{swapper}"),
        false => format!("{swapper}{victim}{later}\n"),
    };
    let job = format!("[global]\nisolation=job\n{jobs}");
    let run = scene.json(&job).env("WHO_SWAP", swap(&scene, role, "rename"));
    let outcome = run.env("WHO_ONLY", "other").run();
    (scene, outcome)
}

#[test]
fn another_plugin_exchanges_the_file_after_its_check() {
    require!(c_compiler);
    for (role, later) in [("probe", ""), ("cell", "stonewall")] {
        let (scene, outcome) = two_plugins(true, role, later);
        let document = outcome.clean();
        assert_eq!(who_ran(&document, document.job("victim")), "one", "{role}");
        assert_swapped(&scene, "");
        let (scene, outcome) = two_plugins(false, role, later);
        let engine = scene.at("who.so");
        let outcome = outcome.expect(5).says(&[&engine, "has changed since it was probed"]);
        let document = outcome.document();
        assert_eq!(document.ios(document.job("victim"), "read"), 0, "{role}: {outcome}");
        assert_eq!(document.ios(document.job("swapper"), "read"), 256, "{role}: {outcome}");
    }
}

#[test]
fn a_file_that_goes_away_after_its_check() {
    require!(c_compiler);
    for pinned in [true, false] {
        let scene = scene();
        let engine = scene.at("who.so");
        let pin = match pinned {
            true => format!("engine_sha256={}", plugins::sha256(&engine)),
            false => String::new(),
        };
        let job = format!("[a]\nioengine={engine}\nsize=1m\n{pin}\n");
        let away = format!("cell:rename:{engine}:{}", scene.at("away.so"));
        let outcome = scene.json(&job).env("WHO_SWAP", away).run();
        match pinned {
            true => assert_eq!(who_ran(&outcome.clean(), 0), "one"),
            false => drop(outcome.expect(5).says(&[&engine])),
        }
    }
}

/// What is mapped changes with the file: that cannot be prevented without a pin, but told.
#[test]
fn a_file_that_is_written_to_while_it_is_in_use() {
    require!(c_compiler);
    for (pinned, rewritten) in [(false, true), (false, false), (true, true)] {
        let scene = scene();
        let engine = scene.at("who.so");
        let pin = match pinned {
            true => format!("engine_sha256={}", plugins::sha256(&engine)),
            false => String::new(),
        };
        let more = format!("size=1m\nruntime=30\ntime_based\n{pin}");
        let running = scene.json(&format!("[a]\nioengine={engine}\n{more}\n")).start();
        let cell = running.wait_for_cells(1).remove(0);
        let loaded = if pinned { "memfd:who.so" } else { engine.as_str() };
        process::eventually("the plugin is mapped", Duration::from_secs(20), || {
            process::maps(cell.pid, loaded).then_some(())
        });
        // Loaded is not yet taken: the last check comes after the mapping.
        std::thread::sleep(Duration::from_millis(300));
        match rewritten {
            true => {
                use std::os::unix::fs::FileExt;
                let content = std::fs::read(scene.at("two.so")).expect("read");
                let file = std::fs::File::options().write(true).open(&engine).expect("opened");
                file.write_all_at(&content, 0).expect("written");
            }
            false => std::fs::rename(scene.at("two.so"), &engine).expect("renamed"),
        }
        process::signal(running.pid(), rustix::process::Signal::INT);
        let outcome = running.wait();
        let told = "was written to while it was in use";
        match rewritten && !pinned {
            true => drop(outcome.expect(5).says(&[&engine, told])),
            false => assert!(!outcome.expect(128).stderr.contains(told)),
        }
    }
}

/// The link is followed once; what it led to is loaded, whatever it leads to afterwards.
#[test]
fn a_link_that_is_exchanged_after_its_check() {
    require!(c_compiler);
    let scene = scene();
    let (link, other) = (scene.at("link.so"), scene.at("other-link.so"));
    std::os::unix::fs::symlink("who.so", &link).expect("a link");
    std::os::unix::fs::symlink("two.so", &other).expect("a link");
    let sha256 = plugins::sha256(&link);
    let job = format!("[a]\nioengine={link}\nsize=1m\n");
    let run = scene.json(&job).env("WHO_SWAP", format!("probe:rename:{other}:{link}"));
    let document = run.run().clean();
    let now = std::fs::read_link(&link).expect("a link");
    assert_eq!(now.to_str(), Some("two.so"), "the link was exchanged");
    assert_eq!(who_ran(&document, 0), "one");
    assert_eq!(document.text("/iodyno/engines/0/sha256"), sha256);
    assert_eq!(document.text("/iodyno/engines/0/path"), scene.at("who.so"));
}
