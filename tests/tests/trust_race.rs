//! Somebody exchanges a plugin's file all the time: what ran is what the report tells, or nothing
//! ran.
//!
//! Two hundred runs, of plugins that say which one they are (tests/plugins/who.c), against a thread
//! that exchanges the file in three ways. A run may be refused; it may not tell one digest and have
//! run the other content. Without this the checks could all pass and mean nothing.

use iodyno_tests::{plugins, require, Outcome, Scene};
use rustix::fs::{renameat_with, RenameFlags, CWD};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

const RUNS: usize = 100;

/// How the file is exchanged.
#[derive(Clone, Copy, Debug)]
enum How {
    /// A new file takes the name.
    Rename,
    /// Two files exchange their names, there and back: the old one is there again.
    Exchange,
    /// The same file gets another content.
    Rewrite,
}

struct Race {
    scene: Scene,
    engine: String,
    contents: [Vec<u8>; 2],
    /// From a digest to the name of the plugin.
    names: BTreeMap<String, &'static str>,
}

impl Race {
    fn new() -> Race {
        let scene = Scene::new();
        let names = ["one", "two"].map(|who| {
            let path = scene.at(who);
            plugins::who(who, &path);
            (plugins::sha256(&path), who)
        });
        let contents = ["one", "two"].map(|who| std::fs::read(scene.at(who)).expect("read"));
        let engine = scene.at("who.so");
        Race { scene, engine, contents, names: names.into_iter().collect() }
    }

    /// Puts the first one in its place, by a rename.
    fn reset(&self) {
        plugins::who("one", &self.engine);
        plugins::who("two", &self.scene.at("other.so"));
    }

    fn exchange(&self, how: How, turn: usize) {
        let content = &self.contents[turn % 2];
        match how {
            How::Rename => {
                let fresh = self.scene.file("fresh.so", content);
                std::fs::rename(fresh, &self.engine).expect("renamed");
            }
            How::Exchange => {
                let other = self.scene.at("other.so");
                let flags = RenameFlags::EXCHANGE;
                renameat_with(CWD, &other, CWD, &self.engine, flags).expect("exchanged");
            }
            How::Rewrite => {
                use std::os::unix::fs::FileExt;
                let file = std::fs::File::options().write(true).open(&self.engine);
                file.expect("opened").write_all_at(content, 0).expect("written");
            }
        }
    }

    /// One run, with the file being exchanged from `start` on, once or all the time.
    fn run(&self, job: &str, how: How, start: Option<Duration>, pause: Duration) -> Outcome {
        self.reset();
        let ended = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let Some(start) = start else { return };
                std::thread::sleep(start);
                for turn in 1.. {
                    if ended.load(Relaxed) {
                        return;
                    }
                    self.exchange(how, turn);
                    std::thread::sleep(pause);
                }
            });
            let outcome = self.scene.run_json(job);
            ended.store(true, Relaxed);
            outcome
        })
    }

    /// Whether it ran; panics where what ran is not what is told.
    fn judge(&self, outcome: Outcome, words: &str) -> bool {
        assert!([0, 5].contains(&outcome.status), "{words}:\n{outcome}");
        let document = outcome.document();
        if outcome.status == 5 {
            let told_too_late = document.errors().contains("was written to while it was in use");
            let nothing_ran = document.all_ios() == 0;
            assert!(nothing_ran || told_too_late, "{words}: refused and run:\n{outcome}");
            return false;
        }
        let told = self.names[document.text("/iodyno/engines/0/sha256")];
        let probed = document.text("/iodyno/engines/0/version");
        let ran = document.text("/jobs/0/iodyno/identity/who");
        assert_eq!((told, told), (probed, ran), "{words}: told, probed, ran:\n{outcome}");
        true
    }

    fn runs(&self, pin: &str) -> (usize, usize) {
        let job = format!("[a]\nioengine={}\nsize=64k\n{pin}\n", self.engine);
        let (mut ran, mut refused) = (0, 0);
        for n in 0..RUNS {
            let how = [How::Rename, How::Exchange, How::Rewrite][n % 3];
            // Every moment of a run is to be hit, and some runs are left in peace.
            let start = (n % 10 != 0).then(|| Duration::from_millis((n * 7 % 50) as u64));
            let pause = Duration::from_micros([0, 300, 5_000, 30_000][n % 4]);
            let words = format!("run {n}, {how:?} after {start:?} every {pause:?}, {pin}");
            match self.judge(self.run(&job, how, start, pause), &words) {
                true => ran += 1,
                false => refused += 1,
            }
        }
        (ran, refused)
    }
}

#[test]
fn what_ran_is_what_is_told() {
    require!(c_compiler);
    let race = Race::new();
    let (ran, refused) = race.runs("");
    assert!(ran >= RUNS / 10, "those in peace ran: {ran}");
    assert!(refused > 0, "no exchange was ever seen");
}

#[test]
fn what_is_pinned_is_all_that_ever_runs() {
    require!(c_compiler);
    let race = Race::new();
    let one = race.names.iter().find(|(_, who)| **who == "one").expect("there").0;
    let (ran, _) = race.runs(&format!("engine_sha256={one}"));
    assert!(ran >= RUNS / 10, "those in peace ran: {ran}");
}
