//! What is right is never called wrong: seeded random jobs of everything that could confuse a
//! verifier. Each must end with status 0 and have looked at all that it wrote.
//!
//! `IODYNO_VERIFY_JOBS=N` runs more of them; a failure tells its seed's job.

use iodyno_tests::{needs, Scene};

/// Jobs unless more are asked for.
const JOBS: u64 = 200;

/// splitmix64: the jobs are the same on every machine.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }

    fn one_of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.below(words.len() as u64) as usize]
    }

    fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// The lines of one job.
fn lines(dice: &mut Dice, engines: &[&str], path: &str) -> String {
    let engine = dice.one_of(engines);
    let rw = dice.one_of(&["write", "randwrite", "rw", "randrw"]);
    let method =
        dice.one_of(&["md5", "crc32c", "crc64", "xxhash", "sha256", "crc7", "meta", "sha512"]);
    let sizes =
        dice.one_of(&["bs=4k", "bs=8k", "bsrange=4k-32k", "bssplit=4k/50:16k/50", "bs=64k"]);
    let depth = 1 + dice.below(24);
    let mut lines = format!(
        "[global]\nfilename={path}\n[a]\nioengine={engine}\nrw={rw}\nverify={method}\n{sizes}\niodepth={depth}\n\
         size=2m\nrandseed={}\nverify_state_save=0\n",
        dice.below(1 << 30)
    );
    let random = rw.starts_with("rand");
    for (percent, line) in [
        (40, if random { "norandommap" } else { "" }),
        (20, if random { "random_distribution=zipf:1.2" } else { "" }),
        (20, if random { "percentage_random=60" } else { "" }),
        (25, "verify_backlog=37"),
        (25, "verify_async=2"),
        (15, "loops=2"),
        (15, "io_size=5m"),
        (15, "time_based\nruntime=300ms"),
        (15, "fsync=16"),
        (15, "trim_percentage=20\ntrim_verify_zero=0"),
        (10, "nrfiles=3\nfilename=a:b:c"),
        (10, "buffer_compress_percentage=50"),
        (10, "number_ios=100"),
    ] {
        if dice.percent(percent) && !line.is_empty() {
            lines.push_str(line);
            lines.push('\n');
        }
    }
    lines
}

fn engines() -> Vec<&'static str> {
    let mut all = vec!["psync", "libaio", "pvsync2", "posixaio"];
    match needs::io_uring() {
        Ok(()) => all.push("io_uring"),
        Err(why) => needs::skip_for("io_uring", &why),
    }
    all
}

#[test]
fn random_jobs_end_well() {
    let jobs = std::env::var("IODYNO_VERIFY_JOBS").ok();
    let jobs = jobs.map_or(JOBS, |jobs| jobs.parse().expect("IODYNO_VERIFY_JOBS is a number"));
    let engines = engines();
    for seed in 0..jobs {
        let scene = Scene::new();
        let mut dice = Dice(seed);
        let lines = lines(&mut dice, &engines, &scene.at("target"));
        // Several jobs on one file, each with a range of its own.
        let many = dice.percent(20) && !lines.contains("filename=a:b:c");
        let clones = if many { "numjobs=3\noffset_increment=2m\n" } else { "" };
        let outcome = scene.run_json(&format!("{lines}{clones}"));
        assert_eq!(outcome.status, 0, "seed {seed}: {lines}{clones}{outcome}");
        let document = outcome.document();
        document.assert_no_errors();
        for job in 0..document.jobs() {
            let coverage = document.float(&format!("/jobs/{job}/verify/coverage"));
            assert_eq!(coverage, 100.0, "seed {seed}: {lines}{outcome}");
        }
    }
    println!("{jobs} jobs, no false alarm");
}
