//! Options that decide which request comes next, read off an engine that writes them down: skips,
//! runs, sizes, shares, laws, zones, files in turn.
//! One test an option, on the built program.

use crate::workload::{offsets, record, Seen};
use iodyno_tests::require;
use std::collections::{BTreeMap, BTreeSet};

const K: u64 = 1024;

fn seen(lines: &str) -> Vec<Seen> {
    record(&format!("[a]\n{lines}")).1
}

fn kib(seen: &[Seen]) -> Vec<u64> {
    offsets(seen).iter().map(|offset| offset / K).collect()
}

/// Percent of the requests that go on where the one before ended.
fn following(seen: &[Seen]) -> f64 {
    let follow = seen.windows(2).filter(|pair| pair[1].offset == pair[0].offset + pair[0].len);
    follow.count() as f64 * 100.0 / (seen.len() - 1) as f64
}

fn share(seen: &[Seen], is: impl Fn(&Seen) -> bool) -> f64 {
    seen.iter().filter(|request| is(request)).count() as f64 * 100.0 / seen.len() as f64
}

#[track_caller]
fn near(seen: f64, wanted: f64, off: f64) {
    assert!((seen - wanted).abs() <= off, "{seen} percent instead of {wanted}");
}

#[test]
fn a_number_behind_a_sequential_rw_is_added_to_each_offset() {
    require!(c_compiler);
    let eight = seen("rw=read:8\nsize=64k");
    let wanted: Vec<u64> = (0..15).map(|n| n * 4104).chain([0]).collect();
    assert_eq!(offsets(&eight), wanted, "bytes, and the last block would not fit");
    assert_eq!(kib(&seen("rw=read:-8k\nsize=32k")), [24, 20, 16, 12, 8, 4, 0, 24]);
    assert_eq!(kib(&seen("rw=read:-8k\nsize=16k\noffset=64k")), [72, 68, 64, 72]);
    let skipped = kib(&seen("rw=read:512k\nsize=2m"));
    assert_eq!(skipped.len(), 512, "the size is transferred, over again");
    assert!(skipped.chunks(4).all(|pass| pass == [0, 516, 1032, 1548]));
    let pairs = seen("rw=trimwrite:4k\nsize=16k");
    assert_eq!(kib(&pairs), [0, 0, 8, 8, 0, 0, 8, 8]);
}

#[test]
fn a_number_behind_a_random_rw_is_a_run() {
    require!(c_compiler);
    for size in ["1m", "1000k", "4100k"] {
        let runs = seen(&format!("rw=randread:8\nsize={size}"));
        assert_eq!(offsets(&runs).into_iter().collect::<BTreeSet<_>>().len(), runs.len(), "{size}");
        near(following(&runs), 87.5, 2.0);
        for run in runs.chunks(8).take(8) {
            let ends = run.windows(2).filter(|p| p[1].offset != p[0].offset + p[0].len).count();
            assert!(ends <= 1, "{size}: {run:?}");
        }
    }
    let runs = seen("rw=randread:8\nsize=1m\nnorandommap");
    near(following(&runs), 87.5, 3.0);
}

#[test]
fn rw_sequencer_identical_repeats_the_offset() {
    require!(c_compiler);
    let same = seen("rw=randread:8\nsize=1m\nrw_sequencer=identical");
    assert_eq!(same.len(), 256);
    for run in same.chunks(8) {
        assert!(run.iter().all(|request| request.offset == run[0].offset), "{run:?}");
    }
    let places: BTreeSet<u64> = offsets(&same).into_iter().collect();
    assert_eq!(places.len(), 32, "no offset in two runs");
}

#[test]
fn randtrimwrite_trims_random_blocks_and_writes_them() {
    require!(c_compiler);
    let pairs = seen("rw=randtrimwrite\nsize=256k");
    assert_eq!(pairs.len(), 128);
    for pair in pairs.chunks(2) {
        assert_eq!((pair[0].op.as_str(), pair[1].op.as_str()), ("trim", "write"));
        assert_eq!((pair[0].offset, pair[0].len), (pair[1].offset, pair[1].len));
    }
    let trims: Vec<u64> = pairs.iter().step_by(2).map(|request| request.offset).collect();
    assert_eq!(trims.iter().collect::<BTreeSet<_>>().len(), 64);
    assert!(!trims.is_sorted());
}

#[test]
fn bssplit_gives_each_size_its_share() {
    require!(c_compiler);
    for rw in ["read", "randread\nnorandommap"] {
        let sizes = seen(&format!("rw={rw}\nsize=64m\nbssplit=4k/60:16k/30:64k/10"));
        for (size, percent) in [(4, 60.0), (16, 30.0), (64, 10.0)] {
            near(share(&sizes, |r| r.len == size * K), percent, 2.0);
        }
    }
    let mixed = seen("rw=randrw\nsize=32m\nnorandommap\nbssplit=2k/50:4k/50,4k/90:8k/10");
    let (reads, writes): (Vec<Seen>, Vec<Seen>) = mixed.into_iter().partition(|r| r.op == "read");
    near(share(&reads, |r| r.len == 2 * K), 50.0, 2.0);
    near(share(&writes, |r| r.len == 8 * K), 10.0, 2.0);
    // With the random map each unit of the sizes comes once.
    let once = seen("rw=randread\nsize=4m\nbssplit=4k/50:8k/50");
    let bytes: u64 = once.iter().map(|r| r.len).sum();
    let units: BTreeSet<u64> =
        once.iter().flat_map(|r| r.offset / (4 * K)..(r.offset + r.len) / (4 * K)).collect();
    assert_eq!((bytes, units.len()), (4 << 20, 1024));
}

#[test]
fn blockalign_places_random_offsets() {
    require!(c_compiler);
    let places = offsets(&seen("rw=randread\nsize=4m\nbs=4k\nblockalign=1k"));
    assert_eq!(places.len(), 1024);
    assert!(places.iter().all(|offset| offset % K == 0));
    assert!(places.iter().any(|offset| offset % (2 * K) != 0));
    let wide = offsets(&seen("rw=randwrite\nsize=4m\nbs=4k\nblockalign=16k"));
    assert!(wide.iter().all(|offset| offset % (16 * K) == 0));
}

#[test]
fn bs_unaligned_draws_any_size() {
    require!(c_compiler);
    let sizes = seen("rw=read\nsize=16m\nbsrange=4k-8k\nbs_unaligned=1");
    assert!(sizes[..sizes.len() - 1].iter().all(|r| (4 * K..=8 * K).contains(&r.len)));
    assert!(share(&sizes, |r| r.len % (4 * K) != 0) > 99.0);
    let mean = sizes.iter().map(|r| r.len).sum::<u64>() as f64 / sizes.len() as f64;
    assert!((5900.0..6400.0).contains(&mean), "{mean}");
    assert_eq!(following(&sizes), 100.0);
}

#[test]
fn bs_is_seq_rand_takes_sizes_by_order() {
    require!(c_compiler);
    for (rw, size) in [("read", 4), ("write", 4), ("randread", 16), ("randwrite", 16)] {
        let sizes = seen(&format!("rw={rw}\nsize=1m\nbs=4k,16k\nbs_is_seq_rand=1"));
        assert!(sizes.iter().all(|r| r.len == size * K), "{rw}");
    }
    let both = seen("rw=randread\nsize=16m\nbs=4k,16k\nbs_is_seq_rand=1\npercentage_random=50");
    near(share(&both, |r| r.len == 4 * K), 50.0, 3.0);
}

#[test]
fn percentage_random_lets_the_others_follow() {
    require!(c_compiler);
    for (percent, lines) in [(0, ""), (25, ""), (50, "norandommap"), (75, "iodepth=8"), (100, "")] {
        let lines = format!("rw=randread\nsize=16m\npercentage_random={percent}\n{lines}");
        near(following(&seen(&lines)), 100.0 - f64::from(percent), 3.0);
    }
    let mixed = seen("rw=randrw\nsize=16m\npercentage_random=0,100");
    let (reads, writes): (Vec<Seen>, Vec<Seen>) = mixed.into_iter().partition(|r| r.op == "read");
    near(following(&reads), 100.0, 0.1);
    near(following(&writes), 0.0, 1.0);
}

/// The offsets by how often they came, the most frequent first.
fn hot(seen: &[Seen]) -> Vec<(u64, usize)> {
    let mut counts: BTreeMap<u64, usize> = BTreeMap::new();
    seen.iter().for_each(|request| *counts.entry(request.offset).or_default() += 1);
    let mut hot: Vec<_> = counts.into_iter().collect();
    hot.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
    hot
}

#[test]
fn laws_have_hot_blocks() {
    require!(c_compiler);
    let run =
        |law: &str| seen(&format!("rw=randread\nsize=4m\nio_size=32m\nrandom_distribution={law}"));
    // Of 1024 blocks the first has 1 / 4.341 of the requests at theta 1.2.
    let zipf = run("zipf:1.2");
    near(hot(&zipf)[0].1 as f64 * 100.0 / zipf.len() as f64, 23.0, 2.0);
    assert_eq!(hot(&run("zipf:1.2:0.25"))[0].0, 1 << 20);
    let pareto = hot(&run("pareto:0.2"));
    let first: usize = pareto.iter().take(205).map(|&(_, count)| count).sum();
    near(first as f64 * 100.0 / 8192.0, 80.0, 3.0);
    let inside = |seen: &[Seen], from: u64, to: u64| {
        share(seen, |r| (from << 12..to << 12).contains(&r.offset))
    };
    near(inside(&run("normal:10"), 410, 614), 68.1, 3.0);
    near(inside(&run("normal:10:0.25"), 154, 358), 68.1, 3.0);
    let zoned = run("zoned:60/10:30/20:8/30:2/40");
    near(inside(&zoned, 0, 102), 60.0, 2.0);
    near(inside(&zoned, 102, 307), 30.0, 2.0);
    near(inside(&zoned, 614, 1024), 2.0, 1.0);
    let bytes = run("zoned_abs:70/400k:30/1m");
    near(inside(&bytes, 0, 100), 70.0, 2.0);
    near(inside(&bytes, 100, 356), 30.0, 2.0);
    assert!(hot(&run("random")).iter().all(|&(_, count)| count == 8), "each block once a pass");
}

#[test]
fn lfsr_gives_each_block_once_without_a_map() {
    require!(c_compiler);
    for size in ["1m", "1000k", "1234k"] {
        let blocks = offsets(&seen(&format!(
            "rw=randread\nsize={size}\nrandom_generator=lfsr\nnorandommap"
        )));
        let once: BTreeSet<u64> = blocks.iter().copied().collect();
        assert_eq!(once.len(), blocks.len(), "{size}");
        assert!(!blocks.is_sorted());
    }
}

#[test]
fn strided_zones_are_worked_on_in_parts() {
    require!(c_compiler);
    let zones = "zonemode=strided\nzonesize=16k\nzonerange=32k\nzoneskip=16k";
    let pass = [0, 4, 8, 12, 48, 52, 56, 60, 96, 100, 104, 108];
    assert_eq!(kib(&seen(&format!("rw=read\nsize=144k\n{zones}"))), pass.repeat(3));
    for (index, zone) in
        kib(&seen(&format!("rw=randread\nsize=480k\n{zones}"))).chunks(4).enumerate()
    {
        let begin = index as u64 % 10 * 48;
        assert!(zone.iter().all(|offset| (begin..begin + 32).contains(offset)), "{zone:?}");
        assert_eq!(zone.iter().collect::<BTreeSet<_>>().len(), 4);
    }
    let bare = kib(&seen("rw=read\nsize=64k\nzonemode=strided\nzonesize=8k\nzoneskip=8k"));
    assert_eq!(bare, [0, 4, 16, 20, 32, 36, 48, 52].repeat(2));
}

#[test]
fn file_service_type_says_which_file_comes_next() {
    require!(c_compiler);
    let files = |lines: &str| -> Vec<u32> {
        let lines = format!("rw=read\nnrfiles=4\nsize=64k\n{lines}");
        seen(&lines).iter().map(|request| request.file).collect()
    };
    assert_eq!(files(""), [0, 1, 2, 3].repeat(4));
    assert_eq!(files("file_service_type=roundrobin:2"), [0, 0, 1, 1, 2, 2, 3, 3].repeat(2));
    let one_by_one: Vec<u32> = (0..16).map(|n| n / 4).collect();
    assert_eq!(files("file_service_type=sequential"), one_by_one);
    let mut random = files("file_service_type=random");
    assert_ne!(random, files(""));
    random.sort_unstable();
    assert_eq!(random, one_by_one, "each file whole");
    for pair in files("file_service_type=random:2").chunks(2) {
        assert_eq!(pair[0], pair[1]);
    }
    for (law, first, percent) in
        [("zipf:1.2", 0..1, 52.8), ("pareto:0.25", 0..1, 75.0), ("normal:10", 1..3, 98.8)]
    {
        let named = files(&format!("io_size=16m\nfile_service_type={law}"));
        let hot = named.iter().filter(|file| first.contains(*file)).count();
        near(hot as f64 * 100.0 / named.len() as f64, percent, 3.0);
    }
}

#[test]
fn openfiles_bounds_the_files_that_are_worked_on() {
    require!(c_compiler);
    let named = seen("rw=read\nnrfiles=4\nsize=64k\nopenfiles=2");
    let files: Vec<u32> = named.iter().map(|request| request.file).collect();
    assert_eq!(files, [[0, 1].repeat(4), [2, 3].repeat(4)].concat());
}

#[test]
fn rwmix_holds_over_100_000_requests() {
    require!(c_compiler);
    for lines in ["rw=rw", "rw=randrw", "rw=randrw:4", "rw=randrw\nrandom_distribution=zipf:1.1"] {
        let mixed =
            seen(&format!("{lines}\nrwmixread=70\nsize=64m\nnumber_ios=100000\nio_size=1g"));
        assert_eq!(mixed.len(), 100_000);
        near(share(&mixed, |request| request.op == "read"), 70.0, 1.0);
    }
}

#[test]
fn the_same_seed_is_the_same_sequence_whatever_the_shape() {
    require!(c_compiler);
    for lines in [
        "rw=randrw:4",
        "rw=randread\nrandom_distribution=zipf:1.2",
        "rw=randread\nbssplit=4k/50:8k/50\npercentage_random=40",
        "rw=randread\nnrfiles=4\nfile_service_type=random:2",
    ] {
        let run = |more: &str| seen(&format!("{lines}\nsize=1m\n{more}"));
        let first = run("");
        assert_eq!(first, run(""), "{lines}");
        assert_ne!(first, run("randseed=7"), "{lines}");
    }
}
