//! The shared page: a sealed header and one [`WorkerPage`] for each worker.
//!
//! Made by the control process, which only reads it afterwards; mapped by cells, whose workers
//! write their own page each. Behind these lies a crash record for each cell. The header is sealed
//! by a CRC-32, so that a plugin that scribbles through the mapping does not go unseen.

use crate::ddir::Ddir;
use crate::stats::buckets::index;
use crate::stats::live::{
    DirCounters, Histogram, Latencies, MeasureCounters, RampCounters, VerifyCounters, WorkerPage,
    WorkerState,
};
use crate::stats::snapshot::{DirSnapshot, HistogramSnapshot, PhaseSnapshot};
use crate::sys::crash::CrashRecord;
use crate::sys::crash_report::Crash;
use crate::sys::shm::{Shared, SharedMemory};
use std::mem::offset_of;

const MAGIC: u64 = u64::from_le_bytes(*b"iodyno01");
const PAGE: u64 = 4096;

// SAFETY: a WorkerPage consists of counters alone, which are atomics of 8 bytes; no pointer, every
// bit pattern is a number; its alignment of 8 is asserted where it is defined.
unsafe impl Shared for WorkerPage {}

/// Distance between two worker pages.
const STRIDE: u64 = size_of::<WorkerPage>() as u64;
const _: () = assert!(STRIDE.is_multiple_of(PAGE));

/// Where the latencies begin in a worker's page, and the distance between two of them.
const LATENCIES: u64 = offset_of!(WorkerPage, latencies) as u64;
const ROW: u64 = size_of::<Histogram>() as u64;

/// A cell's crash record has a page to itself, for a mapping cannot begin elsewhere.
const _: () = assert!(size_of::<CrashRecord>() as u64 <= PAGE);

/// The shared page, as the control process holds it.
#[derive(Debug)]
pub struct Pages {
    memory: SharedMemory,
    workers: u32,
}

/// The small counters of a worker, read while it runs.
#[derive(Clone, Debug, Default)]
pub struct LiveSnapshot {
    /// Number of its state.
    pub state: u64,
    /// Its thread's begin.
    pub begin: Begin,
    /// Breadcrumb.
    pub callback: u64,
    /// Requests in flight.
    pub in_flight: u64,
    /// Open files.
    pub open_files: u64,
    /// What it is to transfer.
    pub goal_bytes: u64,
    /// Requests and bytes of the ramp phase, all directions.
    pub ramp: (u64, u64),
    /// Begin of the ramp phase.
    pub ramp_begin_ns: u64,
    /// Verification.
    pub verify: VerifyProgress,
    /// The measure phase, without histograms.
    pub measure: PhaseSnapshot,
}

impl LiveSnapshot {
    /// Requests and bytes of a direction. What is read back counts as read, also where it is no
    /// part of the load's figures.
    pub fn done(&self, ddir: Ddir) -> (u64, u64) {
        let dir = self.measure.dir(ddir);
        match ddir {
            Ddir::Read => (dir.ios.max(self.verify.ios), dir.bytes.max(self.verify.bytes)),
            _ => (dir.ios, dir.bytes),
        }
    }
}

/// The begin of a worker's thread.
#[derive(Clone, Copy, Debug, Default)]
pub struct Begin {
    /// Kernel thread id; 0 = it has not begun.
    pub tid: u32,
    /// Milliseconds since the epoch.
    pub start_ms: u64,
    /// CLOCK_MONOTONIC.
    pub began_ns: u64,
}

/// How far verification is.
#[derive(Clone, Copy, Debug, Default)]
pub struct VerifyProgress {
    /// Begin of the phase that reads back; 0 = not begun.
    pub begin_ns: u64,
    /// What is to be read back.
    pub goal_bytes: u64,
    /// What was.
    pub bytes: u64,
    /// By so many requests.
    pub ios: u64,
    /// Intervals that are wrong.
    pub wrong: u64,
}

impl Pages {
    /// Makes it for so many workers in so many cells.
    pub fn create(workers: u32, cells: u32) -> std::io::Result<Pages> {
        let memory = SharedMemory::create("iodyno-page", crash_offset(workers, cells))?;
        memory.write(&header(workers), 0)?;
        Ok(Pages { memory, workers })
    }

    /// The memory, to hand to a cell.
    pub fn memory(&self) -> &SharedMemory {
        &self.memory
    }

    /// Whether the header is as it was made.
    pub fn is_intact(&self) -> bool {
        check_header(&self.memory) == Some(self.workers)
    }

    /// Says that a worker runs no more, which it cannot say itself where its process is gone or
    /// its engine has it: partners of its flow would wait for it for ever.
    pub fn mark_failed(&self, worker: u32) {
        let offset = worker_offset(worker) + offset_of!(WorkerPage, state) as u64;
        let state = (WorkerState::Failed as u64).to_ne_bytes();
        if worker < self.workers {
            // Where it cannot be written, the run's end will tell.
            let _unwritten = self.memory.write(&state, offset);
        }
    }

    /// A cell of this number is about to be started, perhaps once more.
    pub fn forget_crash(&self, cell: u32) -> std::io::Result<()> {
        let offset = crash_offset(self.workers, cell);
        Ok(self.memory.write(&[0; size_of::<CrashRecord>()], offset)?)
    }

    /// What a cell's crash has left, if it left anything.
    pub fn crash(&self, cell: u32) -> Option<Crash> {
        let offset = crash_offset(self.workers, cell);
        Crash::from_words(&self.memory.read_words(offset, size_of::<CrashRecord>()).ok()?)
    }

    /// A worker's small counters.
    pub fn live(&self, worker: u32) -> std::io::Result<LiveSnapshot> {
        let words = self.memory.read_words(worker_offset(worker), WorkerPage::HEAD_LEN)?;
        Ok(live_from_words(&words))
    }

    /// A worker's measure phase with its latencies.
    pub fn measured(&self, worker: u32) -> std::io::Result<PhaseSnapshot> {
        let mut phase = self.live(worker)?.measure;
        self.latencies(worker, &mut phase)?;
        for dir in &mut phase.dirs {
            if dir.lat_ns.count == 0 {
                dir.lat_ns = dir.clat_ns.clone();
            }
        }
        let nothing_reaped = phase.complete_levels.iter().all(|&n| n == 0);
        if nothing_reaped {
            // Every request was completed on the spot: a batch of one each, as fio counts it.
            let ios = phase.dirs.iter().map(|dir| dir.ios).fold(0, u64::saturating_add);
            phase.submit_levels[1] = ios;
            phase.complete_levels[1] = ios;
        }
        Ok(phase)
    }

    /// Reads the histograms that were ever touched: most never were.
    fn latencies(&self, worker: u32, phase: &mut PhaseSnapshot) -> std::io::Result<()> {
        let begin = worker_offset(worker) + LATENCIES;
        let end = begin + size_of::<Latencies>() as u64;
        let mut at = begin;
        while let Some(data) = self.memory.data_from(at).filter(|&data| data < end) {
            let row = (data - begin) / ROW;
            let histogram = self.histogram(begin + row * ROW)?;
            let dir = &mut phase.dirs[row as usize % 4];
            *match row / 4 {
                0 => &mut dir.slat_ns,
                1 => &mut dir.clat_ns,
                2 => &mut dir.lat_ns,
                3 => &mut dir.qlat_ns,
                _ => &mut dir.rlat_ns,
            } = histogram;
            at = begin + (row + 1) * ROW;
        }
        Ok(())
    }

    /// The begin of a worker's thread.
    pub fn begin(&self, worker: u32) -> std::io::Result<Begin> {
        let offset = worker_offset(worker) + offset_of!(WorkerPage, tid) as u64;
        let words = self.memory.read_words(offset, 24)?;
        Ok(begin_from_words(&words))
    }

    /// Number and sum of a worker's total latencies so far, all directions of data.
    pub fn total_latency(&self, worker: u32) -> std::io::Result<(u64, u64)> {
        let latencies = worker_offset(worker) + LATENCIES;
        let (mut count, mut sum) = (0u64, 0u64);
        for ddir in Ddir::DATA {
            // lat is empty where it is the same as clat.
            for set in [2, 1] {
                let row = (set * 4 + ddir as u64) * ROW;
                let head = self.memory.read_words(latencies + row, 16)?;
                count = count.saturating_add(head[0]);
                sum = sum.saturating_add(head[1]);
                if head[0] > 0 {
                    break;
                }
            }
        }
        Ok((count, sum))
    }

    fn histogram(&self, offset: u64) -> std::io::Result<HistogramSnapshot> {
        let head = self.memory.read_words(offset, offset_of!(Histogram, buckets))?;
        let [count, sum, min_inverted, max] = head[..] else { unreachable!("four words") };
        if count == 0 {
            return Ok(HistogramSnapshot::default());
        }
        // A damaged page may say anything; what follows relies on this order.
        let min = (u64::MAX - min_inverted).min(max);
        // A sample's bucket is filled before its count says so, and both bounds in between.
        let (first, last) = (index(min), index(max));
        let buckets = self.memory.read_words(
            offset + (offset_of!(Histogram, buckets) + first * 8) as u64,
            (last - first + 1) * 8,
        )?;
        let filled = (first..).zip(&buckets).filter(|(_, &n)| n > 0);
        Ok(HistogramSnapshot {
            count,
            sum: u128::from(sum),
            min,
            max,
            buckets: filled.map(|(index, &n)| (index as u32, n)).collect(),
        })
    }
}

/// Maps the pages of `count` workers from `first` on in a cell.
pub fn map_workers(
    memory: &SharedMemory,
    first: u32,
    count: u32,
) -> std::io::Result<&'static [WorkerPage]> {
    let workers = check_header(memory).unwrap_or(0);
    if first.checked_add(count).is_none_or(|end| end > workers) {
        return Err(std::io::Error::other("the shared page's header is damaged"));
    }
    Ok(memory.map_array(worker_offset(first), count as usize)?)
}

/// Maps a cell's crash record in that cell.
pub fn map_crash(memory: &SharedMemory, cell: u32) -> std::io::Result<&'static CrashRecord> {
    let Some(workers) = check_header(memory) else {
        return Err(std::io::Error::other("the shared page's header is damaged"));
    };
    Ok(memory.map(crash_offset(workers, cell))?)
}

fn crash_offset(workers: u32, cell: u32) -> u64 {
    worker_offset(workers) + PAGE * u64::from(cell)
}

fn worker_offset(worker: u32) -> u64 {
    PAGE + STRIDE * u64::from(worker)
}

/// Magic, number of workers, size of a page, CRC-32 of these.
fn header(workers: u32) -> Vec<u8> {
    let mut bytes = MAGIC.to_ne_bytes().to_vec();
    bytes.extend(u64::from(workers).to_ne_bytes());
    bytes.extend((size_of::<WorkerPage>() as u64).to_ne_bytes());
    let seal = u64::from(crc32fast::hash(&bytes));
    bytes.extend(seal.to_ne_bytes());
    bytes
}

fn check_header(memory: &SharedMemory) -> Option<u32> {
    let words = memory.read_words(0, 32).ok()?;
    let workers = u32::try_from(words[1]).ok()?;
    let expected = header(workers);
    let found: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
    (found == expected).then_some(workers)
}

/// `tid` and the two words behind it.
fn begin_from_words(words: &[u64]) -> Begin {
    Begin { tid: words[0] as u32, start_ms: words[1], began_ns: words[2] }
}

/// The words of a direction's counters.
fn dir_word(words: &[u64], base: usize, i: usize, field: usize) -> u64 {
    words[(base + i * size_of::<DirCounters>() + field) / 8]
}

/// The measure phase, without histograms.
fn measure_from_words(words: &[u64]) -> PhaseSnapshot {
    let measure = offset_of!(WorkerPage, measure);
    let dirs = measure + offset_of!(MeasureCounters, dirs);
    let dir = |i, field| dir_word(words, dirs, i, field);
    let field = |offset: usize| words[(measure + offset) / 8];
    let verify = |offset: usize| words[(offset_of!(WorkerPage, verify) + offset) / 8];
    PhaseSnapshot {
        begin_ns: field(offset_of!(MeasureCounters, begin_ns)),
        end_ns: field(offset_of!(MeasureCounters, end_ns)),
        dirs: std::array::from_fn(|i| DirSnapshot {
            ios: dir(i, offset_of!(DirCounters, ios)),
            bytes: dir(i, offset_of!(DirCounters, bytes)),
            short_ios: dir(i, offset_of!(DirCounters, short_ios)),
            cut_ios: dir(i, offset_of!(DirCounters, cut_ios)),
            failed_ios: dir(i, offset_of!(DirCounters, failed_ios)),
            ignored_ios: dir(i, offset_of!(DirCounters, ignored_ios)),
            ..DirSnapshot::default()
        }),
        depth_levels: array(words, measure + offset_of!(MeasureCounters, depth_levels)),
        submit_levels: array(words, measure + offset_of!(MeasureCounters, submit_levels)),
        complete_levels: array(words, measure + offset_of!(MeasureCounters, complete_levels)),
        user_us: field(offset_of!(MeasureCounters, user_us)),
        system_us: field(offset_of!(MeasureCounters, system_us)),
        switches: field(offset_of!(MeasureCounters, switches)),
        major_faults: field(offset_of!(MeasureCounters, major_faults)),
        minor_faults: field(offset_of!(MeasureCounters, minor_faults)),
        harness_ns: field(offset_of!(MeasureCounters, harness_ns)),
        harness_ios: field(offset_of!(MeasureCounters, harness_ios)),
        backlog_sum: field(offset_of!(MeasureCounters, backlog_sum)),
        backlog_looks: field(offset_of!(MeasureCounters, backlog_looks)),
        backlog_max: field(offset_of!(MeasureCounters, backlog_max)),
        first_error: words[offset_of!(WorkerPage, first_error) / 8],
        latency_depth: field(offset_of!(MeasureCounters, latency_depth)),
        latency_met: field(offset_of!(MeasureCounters, latency_met)),
        read_back_ns: verify(offset_of!(VerifyCounters, spent_ns)),
        read_back_within_ns: verify(offset_of!(VerifyCounters, within_ns)),
        zone_resets: field(offset_of!(MeasureCounters, zone_resets)),
        zones_open_max: field(offset_of!(MeasureCounters, zones_open_max)),
        involuntary: field(offset_of!(MeasureCounters, involuntary)),
        slips: field(offset_of!(MeasureCounters, slips)),
        slip_ns: field(offset_of!(MeasureCounters, slip_ns)),
        slip_ns_max: field(offset_of!(MeasureCounters, slip_ns_max)),
        profile_ns: array(words, measure + offset_of!(MeasureCounters, profile_ns)),
        profile_ios: field(offset_of!(MeasureCounters, profile_ios)),
    }
}

fn array<const N: usize>(words: &[u64], offset: usize) -> [u64; N] {
    std::array::from_fn(|i| words[offset / 8 + i])
}

fn live_from_words(words: &[u64]) -> LiveSnapshot {
    let at = |offset: usize| words[offset / 8];
    let ramp = offset_of!(WorkerPage, ramp);
    let ramp_dirs = ramp + offset_of!(RampCounters, dirs);
    let sum = |field: usize| {
        (0..4).map(|i| dir_word(words, ramp_dirs, i, field)).fold(0, u64::saturating_add)
    };
    let verify = |offset: usize| at(offset_of!(WorkerPage, verify) + offset);
    LiveSnapshot {
        state: at(offset_of!(WorkerPage, state)),
        begin: begin_from_words(&words[offset_of!(WorkerPage, tid) / 8..]),
        callback: at(offset_of!(WorkerPage, callback)),
        in_flight: at(offset_of!(WorkerPage, in_flight)),
        open_files: at(offset_of!(WorkerPage, open_files)),
        goal_bytes: at(offset_of!(WorkerPage, goal_bytes)),
        ramp: (sum(offset_of!(DirCounters, ios)), sum(offset_of!(DirCounters, bytes))),
        ramp_begin_ns: at(ramp + offset_of!(RampCounters, begin_ns)),
        verify: VerifyProgress {
            begin_ns: verify(offset_of!(VerifyCounters, begin_ns)),
            goal_bytes: verify(offset_of!(VerifyCounters, goal_bytes)),
            bytes: verify(offset_of!(VerifyCounters, bytes)),
            ios: verify(offset_of!(VerifyCounters, ios)),
            wrong: verify(offset_of!(VerifyCounters, wrong)),
        },
        measure: measure_from_words(words),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::live::STAGES;

    #[test]
    fn what_a_worker_counts_is_what_is_read() {
        let pages = Pages::create(3, 1).unwrap();
        let page = &map_workers(pages.memory(), 1, 2).unwrap()[1];
        page.callback.set(0x1_0b);
        page.in_flight.set(5);
        page.first_error.set(28);
        page.measure.begin_ns.set(11);
        page.measure.harness_ios.set(12);
        page.measure.complete_levels[6].set(13);
        page.measure.dirs[Ddir::Write as usize].failed_ios.set(14);
        page.ramp.dirs[1].bytes.set(15);
        page.measure.slip_ns_max.set(16);
        page.measure.profile_ns[STAGES - 1].set(17);
        page.measure.profile_ios.set(18);
        for value in [100, 200, 1 << 62] {
            page.latencies.clat_ns[Ddir::Trim as usize].record(value);
        }
        let live = pages.live(2).unwrap();
        assert_eq!((live.callback, live.in_flight, live.ramp), (0x1_0b, 5, (0, 15)));
        let phase = pages.measured(2).unwrap();
        assert_eq!((phase.begin_ns, phase.harness_ios, phase.complete_levels[6]), (11, 12, 13));
        assert_eq!((phase.dir(Ddir::Write).failed_ios, phase.first_error), (14, 28));
        assert_eq!((phase.slip_ns_max, phase.profile_ns[STAGES - 1]), (16, 17));
        assert_eq!(phase.profile_ios, 18);
        let clat = &phase.dir(Ddir::Trim).clat_ns;
        assert_eq!((clat.count, clat.min, clat.max), (3, 100, 1 << 62));
        assert_eq!(clat.percentile(34.0), Some(201));
        assert_eq!(phase.dir(Ddir::Trim).lat_ns, *clat);
        assert_eq!(pages.measured(1).unwrap(), PhaseSnapshot::default());
        page.latencies.lat_ns[Ddir::Read as usize].record(7);
        page.latencies.clat_ns[Ddir::Read as usize].record(5);
        assert_eq!(pages.total_latency(2).unwrap(), (4, 7 + 300 + (1 << 62)));
    }

    #[test]
    fn a_scribbled_page_is_read_without_trouble() {
        for byte in [0xff, 0x80, 0x01] {
            let pages = Pages::create(2, 1).unwrap();
            let bytes = vec![byte; STRIDE as usize];
            pages.memory().write(&bytes, worker_offset(1)).unwrap();
            let mut all = pages.measured(1).unwrap();
            all.merge(&all.clone());
            let latencies = &all.dir(Ddir::Read).clat_ns;
            assert!(latencies.min <= latencies.max);
            assert!(latencies.stddev() >= 0.0 && latencies.percentile(50.0).is_some());
            assert!(pages.is_intact());
        }
    }

    #[test]
    fn a_scribbled_header_is_seen() {
        let pages = Pages::create(1, 1).unwrap();
        assert!(pages.is_intact());
        pages.memory().write(&[7], 9).unwrap();
        assert!(!pages.is_intact());
        assert!(map_workers(pages.memory(), 0, 1).is_err());
    }
}
