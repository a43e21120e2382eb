//! How the counters of disks grew while jobs ran.
//!
//! Called by `run` in the control process: when the first workers are let go, at each tick and when
//! none of them runs any more. Reads sysfs alone. A disk that goes away meanwhile is no error: what
//! it had done by the last look is kept.

use super::disks::DiskFacts;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Looks that follow each other faster bring nothing.
const LOOK_APART: Duration = Duration::from_millis(200);

/// Counters of a disk, or what they grew by.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct DiskCounters {
    /// Reads completed.
    pub read_ios: u64,
    /// Writes completed.
    pub write_ios: u64,
    /// 512-byte sectors read.
    pub read_sectors: u64,
    /// 512-byte sectors written.
    pub write_sectors: u64,
    /// Reads merged.
    pub read_merges: u64,
    /// Writes merged.
    pub write_merges: u64,
    /// Milliseconds spent reading.
    pub read_ticks: u64,
    /// Milliseconds spent writing.
    pub write_ticks: u64,
    /// Weighted milliseconds in queue.
    pub in_queue: u64,
    /// Percent of the time in which it was busy, at most 100.
    pub util: f64,
}

/// Growth of a disk's counters.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DiskGrowth {
    /// Kernel name.
    pub name: String,
    /// Its own.
    pub own: DiskCounters,
    /// Of the disks that it is made of: their mean, and the largest `util`. None where it is a disk
    /// of its own, or none of those was watched.
    pub slaves: Option<DiskCounters>,
}

/// The first eleven fields of /sys/block/NAME/stat, in the kernel's order.
type Stat = [u64; 11];

#[derive(Debug)]
struct Watched {
    name: String,
    slaves: Vec<String>,
    /// At the last look; none before the first, and while the disk is away.
    seen: Option<Stat>,
    grown: Stat,
    /// It was there once.
    is_known: bool,
}

/// Watches disks while it is told to.
#[derive(Debug)]
pub struct DiskWatch {
    sysfs: PathBuf,
    disks: Vec<Watched>,
    /// When it began to watch; none while it does not.
    since: Option<Instant>,
    looked: Option<Instant>,
    watched: Duration,
}

impl DiskWatch {
    /// Of those of these disks that are to be watched. Does not watch yet.
    pub fn new<'a>(disks: impl IntoIterator<Item = &'a DiskFacts>) -> DiskWatch {
        DiskWatch::of(PathBuf::from("/sys"), disks)
    }

    fn of<'a>(sysfs: PathBuf, disks: impl IntoIterator<Item = &'a DiskFacts>) -> DiskWatch {
        let watched = |disk: &DiskFacts| Watched {
            name: disk.name.clone(),
            slaves: disk.slaves.clone(),
            seen: None,
            grown: [0; 11],
            is_known: false,
        };
        let disks = disks.into_iter().filter(|disk| disk.is_watched).map(watched).collect();
        DiskWatch { sysfs, disks, since: None, looked: None, watched: Duration::ZERO }
    }

    /// From now on what disks do counts. Nothing where it does already.
    pub fn begin(&mut self) {
        if self.since.is_some() {
            return;
        }
        self.disks.iter_mut().for_each(|disk| disk.seen = None);
        self.since = Some(Instant::now());
        self.look_now();
    }

    /// Adds what the disks did since the last look. Nothing while it does not watch.
    pub fn look(&mut self) {
        let is_due = self.looked.is_none_or(|last| last.elapsed() >= LOOK_APART);
        if self.since.is_some() && is_due {
            self.look_now();
        }
    }

    /// What disks do from now on does not count.
    pub fn pause(&mut self) {
        if let Some(since) = self.since.take() {
            self.look_now();
            self.watched += since.elapsed();
        }
    }

    fn look_now(&mut self) {
        self.looked = Some(Instant::now());
        for disk in &mut self.disks {
            let path = self.sysfs.join("block").join(&disk.name).join("stat");
            let now = fs::read_to_string(path).ok().and_then(|text| parse(&text));
            if let (Some(before), Some(now)) = (disk.seen, now) {
                add_growth(&mut disk.grown, &before, &now);
            }
            disk.seen = now;
            disk.is_known |= now.is_some();
        }
    }

    /// What each disk did while it was watched, in the order in which they were named; those that
    /// were never there are left out. Pauses.
    pub fn finish(&mut self) -> Vec<DiskGrowth> {
        self.pause();
        let ms = self.watched.as_secs_f64() * 1e3;
        let known = || self.disks.iter().filter(|disk| disk.is_known);
        let growth = |disk: &Watched| {
            let below = known().filter(|other| disk.slaves.contains(&other.name));
            let below: Vec<DiskCounters> = below.map(|disk| counters(&disk.grown, ms)).collect();
            DiskGrowth {
                name: disk.name.clone(),
                own: counters(&disk.grown, ms),
                slaves: mean(&below),
            }
        };
        known().map(growth).collect()
    }
}

/// Adds to each counter what it grew by.
fn add_growth(grown: &mut Stat, before: &Stat, now: &Stat) {
    for ((sum, &before), &now) in grown.iter_mut().zip(before).zip(now) {
        *sum += match now.checked_sub(before) {
            Some(more) => more,
            // Some counters are 32 bits wide in the kernel and start over in mid-run; those of a
            // disk that was plugged in again begin at zero.
            None if before > u64::from(u32::MAX >> 1) && before < 1 << 32 => {
                now + (1 << 32) - before
            }
            None => now,
        };
    }
}

fn counters(grown: &Stat, watched_ms: f64) -> DiskCounters {
    let busy_ms = grown[9] as f64;
    DiskCounters {
        read_ios: grown[0],
        read_merges: grown[1],
        read_sectors: grown[2],
        read_ticks: grown[3],
        write_ios: grown[4],
        write_merges: grown[5],
        write_sectors: grown[6],
        write_ticks: grown[7],
        in_queue: grown[10],
        util: if watched_ms > 0.0 { (busy_ms * 100.0 / watched_ms).min(100.0) } else { 0.0 },
    }
}

/// As fio has it: of counters the mean, of `util` the largest.
fn mean(disks: &[DiskCounters]) -> Option<DiskCounters> {
    let count = disks.len() as u64;
    if count == 0 {
        return None;
    }
    let mean = |of: fn(&DiskCounters) -> u64| disks.iter().map(of).sum::<u64>() / count;
    Some(DiskCounters {
        read_ios: mean(|disk| disk.read_ios),
        write_ios: mean(|disk| disk.write_ios),
        read_sectors: mean(|disk| disk.read_sectors),
        write_sectors: mean(|disk| disk.write_sectors),
        read_merges: mean(|disk| disk.read_merges),
        write_merges: mean(|disk| disk.write_merges),
        read_ticks: mean(|disk| disk.read_ticks),
        write_ticks: mean(|disk| disk.write_ticks),
        in_queue: mean(|disk| disk.in_queue),
        util: disks.iter().map(|disk| disk.util).fold(0.0, f64::max),
    })
}

fn parse(text: &str) -> Option<Stat> {
    let mut fields = text.split_ascii_whitespace().map(str::parse::<u64>);
    let mut stat = [0; 11];
    for counter in &mut stat {
        *counter = fields.next()?.ok()?;
    }
    Some(stat)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sysfs with these disks at their first counters, and a watch over them.
    fn watched(disks: &[(&str, &[&str])]) -> (tempfile::TempDir, DiskWatch) {
        let root = tempfile::tempdir().expect("a directory");
        let facts = |&(name, slaves): &(&str, &[&str])| DiskFacts {
            name: name.to_owned(),
            slaves: slaves.iter().map(|&slave| slave.to_owned()).collect(),
            is_watched: true,
            ..DiskFacts::default()
        };
        let facts: Vec<DiskFacts> = disks.iter().map(facts).collect();
        facts.iter().for_each(|disk| set(&root, &disk.name, "1 2 3 4 5 6 7 8 0 10 11 12 13 14"));
        let watch = DiskWatch::of(root.path().to_owned(), &facts);
        (root, watch)
    }

    fn set(root: &tempfile::TempDir, name: &str, text: &str) {
        let disk = root.path().join("block").join(name);
        fs::create_dir_all(&disk).expect("made");
        fs::write(disk.join("stat"), text).expect("written");
    }

    const LATER: &str = "101 202 303 404 505 606 707 808 9 5000000 1111";

    fn later() -> DiskCounters {
        DiskCounters {
            read_ios: 100,
            read_merges: 200,
            read_sectors: 300,
            read_ticks: 400,
            write_ios: 500,
            write_merges: 600,
            write_sectors: 700,
            write_ticks: 800,
            in_queue: 1100,
            util: 100.0,
        }
    }

    #[test]
    fn growth_is_told_and_a_disk_that_was_never_there_left_out() {
        let (root, mut watch) = watched(&[("sda", &[]), ("sdb", &[])]);
        set(&root, "sdb", "garbage");
        watch.begin();
        set(&root, "sda", LATER);
        let expected = DiskGrowth { name: "sda".to_owned(), own: later(), slaves: None };
        assert_eq!(watch.finish(), [expected]);
    }

    #[test]
    fn only_what_happens_between_begin_and_pause_counts() {
        let (root, mut watch) = watched(&[("sda", &[])]);
        let ios = |count: u64| format!("{count} 0 0 0 0 0 0 0 0 0 0");
        set(&root, "sda", &ios(10));
        watch.begin();
        set(&root, "sda", &ios(13));
        watch.begin();
        watch.pause();
        set(&root, "sda", &ios(1000));
        watch.look();
        watch.begin();
        set(&root, "sda", &ios(1004));
        assert_eq!(watch.finish()[0].own.read_ios, 7);
        assert_eq!(watch.finish()[0].own.read_ios, 7, "nothing since");
    }

    #[test]
    fn a_disk_that_goes_away_keeps_what_it_did_and_may_come_back() {
        let (root, mut watch) = watched(&[("sda", &[])]);
        watch.begin();
        set(&root, "sda", LATER);
        watch.look_now();
        fs::remove_dir_all(root.path().join("block/sda")).expect("gone");
        watch.look_now();
        assert_eq!(watch.finish()[0].own, later());
        watch.begin();
        set(&root, "sda", "40 0 0 0 0 0 0 0 0 0 0");
        watch.look_now();
        set(&root, "sda", "42 0 0 0 0 0 0 0 0 0 0");
        assert_eq!(watch.finish()[0].own.read_ios, 102);
    }

    #[test]
    fn what_it_is_made_of_is_told_as_a_mean() {
        let (root, mut watch) = watched(&[("dm-0", &["sda", "sdb"]), ("sda", &[]), ("sdb", &[])]);
        watch.begin();
        set(&root, "sda", LATER);
        let grown = watch.finish();
        let below = grown[0].slaves.expect("two disks below");
        assert_eq!((below.read_ios, below.write_ticks, below.util), (50, 400, 100.0));
        assert_eq!((grown[0].own.read_ios, grown[1].slaves), (0, None));
    }

    #[test]
    fn util_is_a_part_of_the_time() {
        let mut grown = [0; 11];
        grown[9] = 250;
        assert_eq!(counters(&grown, 1000.0).util, 25.0);
        assert_eq!(counters(&grown, 0.0).util, 0.0);
    }

    #[test]
    fn a_counter_of_32_bits_may_start_over_and_so_may_a_disk() {
        for (before, now, expected) in
            [(u64::from(u32::MAX), 4, 5), (1000, 4, 4), (1 << 40, 4, 4), (7, 7, 0)]
        {
            let mut grown = [0; 11];
            let (mut first, mut second) = ([0; 11], [0; 11]);
            (first[10], second[10]) = (before, now);
            add_growth(&mut grown, &first, &second);
            assert_eq!(grown[10], expected, "{before}");
        }
    }
}
