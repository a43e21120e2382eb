//! The board against a device of its own that believes nobody: many workers, many seeds, failures
//! and resets at any moment.

use super::*;
use crate::workload::Rng;

const ZONE: u64 = 64 << 10;
const BLOCK: u64 = 4 << 10;

/// What a device would say.
struct Device {
    zones: Vec<ZoneFacts>,
    limits: ZoneLimits,
}

impl Device {
    fn new(conventional: u32, sequential: u32, capacity: u64, limits: ZoneLimits) -> Device {
        let zone = |number: u32| {
            let (start, sequential) = (u64::from(number) * ZONE, number >= conventional);
            ZoneFacts {
                start,
                len: ZONE,
                capacity: if sequential { capacity } else { ZONE },
                wp: start,
                sequential,
                readable: true,
                writable: true,
                active: false,
            }
        };
        Device { zones: (0..conventional + sequential).map(zone).collect(), limits }
    }

    fn zone(&mut self, offset: u64) -> &mut ZoneFacts {
        &mut self.zones[(offset / ZONE) as usize]
    }

    fn check_limits(&self) {
        let active = self.zones.iter().filter(|zone| zone.active).count() as u32;
        assert!(self.limits.active == 0 || active <= self.limits.active, "{active} active zones");
    }

    /// A write takes effect.
    fn write(&mut self, offset: u64, len: u64) {
        let zone = self.zone(offset);
        assert!(offset + len <= zone.start + zone.capacity, "a write crosses a zone's end");
        if zone.sequential {
            assert_eq!(offset, zone.wp, "a write off the pointer");
            zone.wp += len;
            zone.active = zone.wp < zone.start + zone.capacity;
            self.check_limits();
        }
    }
}

fn rules(worker: u32, device: &Device) -> ShareRules {
    ShareRules {
        worker,
        begin: 0,
        len: device.zones.len() as u64 * ZONE,
        sequential: true,
        writes: true,
        mixed: false,
        block: 512,
        write_min: BLOCK,
        max_open: 0,
        job_max_open: 0,
        read_beyond_wp: false,
        passes: 1,
        skip: 0,
        reset_every: 0,
        reset_above: 0.0,
    }
}

/// A request under way.
struct Flight {
    ddir: Ddir,
    offset: u64,
    len: u64,
    held: Option<u32>,
}

struct Worker {
    share: Share,
    rules: ShareRules,
    ddirs: &'static [Ddir],
    /// Drawn and not placed.
    request: Option<(Ddir, u64, u64)>,
    flights: Vec<Flight>,
    done: u64,
    is_over: bool,
}

struct Stage {
    device: Device,
    board: ZoneBoard,
    workers: Vec<Worker>,
    rng: Rng,
    bs: u64,
    resets: u64,
    /// One write in so many fails, taking effect or not; 0 = none.
    fails: u64,
}

impl Stage {
    fn new(device: Device, seed: u64, bs: u64) -> Stage {
        let board = ZoneBoard::new(&device.zones, device.limits);
        let rng = Rng::new(seed);
        Stage { device, board, workers: Vec::new(), rng, bs, resets: 0, fails: 0 }
    }

    fn join(&mut self, rules: ShareRules, ddirs: &'static [Ddir]) {
        let share = self.board.join(rules);
        self.workers.push(Worker {
            share,
            rules,
            ddirs,
            request: None,
            flights: Vec::new(),
            done: 0,
            is_over: false,
        });
    }

    /// A worker does what it can. True: something moved.
    fn step(&mut self, at: usize, depth: usize) -> bool {
        let worker = &mut self.workers[at];
        let ends = worker.flights.len() >= depth || worker.is_over || self.rng.below(3) == 0;
        if ends && !worker.flights.is_empty() {
            self.end_one(at);
            return true;
        }
        if worker.is_over {
            return false;
        }
        let (ddir, offset, len) = match worker.request {
            Some(request) => request,
            None => {
                let ddir = worker.ddirs[self.rng.below(worker.ddirs.len() as u64) as usize];
                let spots = worker.rules.len / self.bs;
                let offset = worker.rules.begin + self.rng.below(spots) * self.bs;
                self.board.drawn(&mut worker.share, ddir);
                (ddir, offset, self.bs)
            }
        };
        worker.request = Some((ddir, offset, len));
        match self.board.place_request(&mut worker.share, ddir, offset, len) {
            Step::Go { ddir, offset, len, held } => {
                worker.request = None;
                assert!(len > 0 && len <= self.bs, "{len} bytes");
                let region = worker.rules.begin..worker.rules.begin + worker.rules.len;
                assert!(region.contains(&offset) && offset + len <= region.end, "outside");
                self.check_begin(at, ddir, offset, len);
                self.workers[at].flights.push(Flight { ddir, offset, len, held });
                true
            }
            Step::Manage { zone, what } => {
                self.manage(at, zone, what);
                true
            }
            Step::Trim { zone } => {
                worker.request = None;
                assert!(worker.rules.writes && ddir == Ddir::Trim);
                assert_ne!(self.device.zones[zone as usize].wp, self.board.place(zone).0, "empty");
                self.manage(at, zone, Manage::Reset);
                self.workers[at].done += 1;
                true
            }
            Step::Wait => false,
            Step::Over => {
                worker.is_over = true;
                true
            }
            Step::NoPlace => panic!("no place"),
        }
    }

    fn check_begin(&mut self, at: usize, ddir: Ddir, offset: u64, len: u64) {
        let facts = *self.device.zone(offset);
        let in_zone =
            |flight: &&Flight| (facts.start..facts.start + facts.len).contains(&flight.offset);
        let flights = self.workers.iter().flat_map(|worker| &worker.flights).filter(in_zone);
        if ddir == Ddir::Write && facts.sequential {
            let writes = flights.filter(|flight| flight.ddir == Ddir::Write).count();
            assert_eq!(writes, 0, "two writes in one zone");
            let limit = self.workers[at].rules.max_open;
            assert!(limit == 0 || self.board.open_zones() <= limit, "too many open zones");
        } else if ddir == Ddir::Read && facts.sequential && !self.workers[at].rules.read_beyond_wp {
            assert!(offset + len <= facts.wp, "a read beyond the pointer");
        }
    }

    fn manage(&mut self, at: usize, zone: u32, what: Manage) {
        let facts = &mut self.device.zones[zone as usize];
        let (start, end) = (facts.start, facts.start + facts.capacity);
        let touched = |flight: &Flight| (start..end).contains(&flight.offset);
        let others = self.workers.iter().flat_map(|worker| &worker.flights).any(touched);
        match what {
            Manage::Reset => {
                assert!(!others, "a reset under a request");
                (facts.wp, facts.active) = (start, false);
                self.resets += 1;
                self.board.was_reset(zone);
            }
            Manage::Finish => {
                assert!(self.workers[at].rules.writes);
                (facts.wp, facts.active) = (end, false);
                self.board.was_finished(zone);
            }
            Manage::Report => self.board.was_reported(zone, *facts),
        }
    }

    /// One of the requests under way ends, in any order.
    fn end_one(&mut self, at: usize) {
        let count = self.workers[at].flights.len() as u64;
        let chosen = self.rng.below(count) as usize;
        let flight = self.workers[at].flights.swap_remove(chosen);
        let fails = self.fails > 0 && self.rng.below(self.fails) == 0;
        match (flight.ddir, flight.held) {
            (Ddir::Write, held) => {
                let applies = !fails || self.rng.below(2) == 0;
                if applies {
                    self.device.write(flight.offset, flight.len);
                }
                match held {
                    Some(zone) if fails => self.board.failed(zone),
                    Some(zone) => self.board.written(zone, flight.offset + flight.len),
                    None => {}
                }
            }
            (_, Some(zone)) => self.board.read_done(zone),
            _ => {}
        }
        self.workers[at].done += flight.len;
    }

    /// Goes on until so many bytes were moved by each, or it is over for them. Never stands still.
    fn run(&mut self, depth: usize, bytes: u64) {
        let mut still = 0;
        while self.workers.iter().any(|worker| worker.done < bytes && !worker.is_over) {
            let at = self.rng.below(self.workers.len() as u64) as usize;
            still = if self.step(at, depth) { 0 } else { still + 1 };
            assert!(still < 10_000, "nothing moves any more");
        }
        for at in 0..self.workers.len() {
            while !self.workers[at].flights.is_empty() {
                self.end_one(at);
            }
        }
    }

    /// What the board believes is what the device says.
    fn check(&self) {
        for (known, real) in self.board.zones.iter().zip(&self.device.zones) {
            if !known.stale && real.sequential {
                assert_eq!(known.facts.wp, real.wp);
            }
            assert_eq!((known.hold, known.readers), (Hold::Free, 0), "a lock that was lost");
        }
    }
}

const WRITE: &[Ddir] = &[Ddir::Write];
const READ: &[Ddir] = &[Ddir::Read];
const MIX: &[Ddir] = &[Ddir::Read, Ddir::Write];
const TRIM: &[Ddir] = &[Ddir::Trim];

#[test]
fn any_mix_of_workers_keeps_to_the_device() {
    for seed in 0..400 {
        let mut dice = Rng::new(seed);
        let limits = [(0, 0), (3, 0), (0, 4), (3, 5)][dice.below(4) as usize];
        let limits = ZoneLimits { open: limits.0, active: limits.1 };
        let capacity = [ZONE, ZONE - 3 * BLOCK, ZONE - 512][dice.below(3) as usize];
        let device = Device::new(dice.below(3) as u32, 12, capacity, limits);
        let zones = device.zones.len() as u64;
        let mut stage = Stage::new(device, seed, [BLOCK, 3 * BLOCK][dice.below(2) as usize]);
        stage.fails = [0, 0, 7][dice.below(3) as usize];
        let bs = stage.bs;
        for worker in 0..1 + dice.below(5) as u32 {
            let ddirs = [WRITE, WRITE, MIX, TRIM, READ][dice.below(5) as usize];
            let part = [(0, zones), (zones / 2, zones - zones / 2)][dice.below(2) as usize];
            let rules = ShareRules {
                begin: part.0 * ZONE,
                len: part.1 * ZONE,
                sequential: dice.below(2) == 0,
                writes: ddirs != READ,
                mixed: ddirs == MIX,
                write_min: bs,
                max_open: limits.open,
                job_max_open: [0, 2][dice.below(2) as usize],
                passes: u64::MAX,
                reset_every: [0, 5][dice.below(2) as usize],
                reset_above: 0.5,
                ..rules(worker, &stage.device)
            };
            stage.join(rules, ddirs);
        }
        // Readers alone, or trims alone, find nothing: each seed has a writer.
        let writer = ShareRules {
            max_open: limits.open,
            sequential: seed % 2 == 0,
            write_min: bs,
            passes: u64::MAX,
            ..rules(9, &stage.device)
        };
        stage.join(writer, WRITE);
        stage.run(1 + dice.below(8) as usize, 100);
        let writer = stage.workers.len() - 1;
        while stage.workers[writer].done < 2 * zones * ZONE {
            stage.run(8, stage.workers[writer].done + ZONE);
        }
        stage.check();
    }
}

#[test]
fn zones_are_filled_in_order_each_once() {
    let device = Device::new(1, 3, ZONE - 3 * BLOCK, ZoneLimits::default());
    let mut stage = Stage::new(device, 1, BLOCK);
    for worker in 0..3 {
        stage.join(rules(worker, &stage.device), WRITE);
    }
    while stage.workers.iter().map(|worker| worker.done).sum::<u64>()
        < ZONE + 3 * (ZONE - 3 * BLOCK)
    {
        let at = stage.rng.below(3) as usize;
        stage.step(at, 8);
    }
    assert_eq!(stage.resets, 0);
    stage.workers.iter_mut().for_each(|worker| worker.is_over = true);
    stage.run(1, 0);
    stage.check();
    // Another pass begins with a reset of the first one that is written at its pointer.
    stage.workers[0].is_over = false;
    stage.run(1, stage.workers[0].done + ZONE + BLOCK);
    assert_eq!(stage.resets, 1);
}

#[test]
fn what_is_left_of_a_zone_is_finished_or_kept() {
    for (sequential, random) in [(true, 0), (false, 0)] {
        let limits = ZoneLimits { open: 1, active: 1 };
        let device = Device::new(0, 4, ZONE - 512, limits);
        let mut stage = Stage::new(device, 7 + random, BLOCK);
        stage.join(ShareRules { sequential, max_open: 1, ..rules(0, &stage.device) }, WRITE);
        stage.run(4, 3 * ZONE);
        stage.check();
    }
}

#[test]
fn reads_end_where_the_data_does() {
    let mut device = Device::new(0, 4, ZONE, ZoneLimits::default());
    device.write(ZONE, 10 * BLOCK + 512);
    device.write(3 * ZONE, ZONE);
    let data = ZONE + 10 * BLOCK + 512;
    for (passes, beyond, expected) in [(1, false, data), (3, false, 3 * data), (1, true, 4 * ZONE)]
    {
        let mut stage = Stage::new(Device { zones: device.zones.clone(), ..device }, 1, BLOCK);
        let rules =
            ShareRules { writes: false, passes, read_beyond_wp: beyond, ..rules(0, &stage.device) };
        stage.join(rules, READ);
        stage.run(4, u64::MAX);
        assert_eq!(stage.workers[0].done, expected);
        stage.check();
    }
}

#[test]
fn nothing_to_read_and_nothing_to_trim_is_over() {
    for (ddirs, sequential) in [(READ, true), (READ, false), (TRIM, true), (TRIM, false)] {
        let mut stage = Stage::new(Device::new(0, 4, ZONE, ZoneLimits::default()), 1, BLOCK);
        let writes = ddirs == TRIM;
        stage.join(ShareRules { sequential, writes, ..rules(0, &stage.device) }, ddirs);
        stage.run(1, 1);
        assert!(stage.workers[0].is_over && !stage.workers[0].share.has_found(), "{ddirs:?}");
    }
}

#[test]
fn trims_empty_each_zone_once() {
    for sequential in [true, false] {
        let mut device = Device::new(1, 4, ZONE, ZoneLimits::default());
        device.write(2 * ZONE, BLOCK);
        device.write(3 * ZONE, ZONE);
        let mut stage = Stage::new(device, 1, ZONE);
        stage.join(ShareRules { sequential, ..rules(0, &stage.device) }, TRIM);
        stage.run(1, u64::MAX);
        assert_eq!(stage.resets, 2);
        stage.check();
    }
}

#[test]
fn who_leaves_loses_no_lock() {
    let mut stage = Stage::new(Device::new(0, 2, ZONE, ZoneLimits::default()), 1, BLOCK);
    stage.join(rules(0, &stage.device), WRITE);
    let share = &mut stage.workers[0].share;
    let step = stage.board.place_request(share, Ddir::Write, 0, BLOCK);
    assert!(matches!(step, Step::Go { offset: 0, held: Some(0), .. }), "{step:?}");
    stage.device.write(0, BLOCK);
    stage.board.leave(&stage.workers.pop().expect("a worker").share);
    assert_eq!(stage.board.users(), 0);
    stage.join(rules(1, &stage.device), WRITE);
    let share = &mut stage.workers[0].share;
    let step = stage.board.place_request(share, Ddir::Write, 0, BLOCK);
    assert_eq!(step, Step::Manage { zone: 0, what: Manage::Report });
    stage.board.was_reported(0, stage.device.zones[0]);
    let step = stage.board.place_request(share, Ddir::Write, 0, BLOCK);
    assert!(matches!(step, Step::Go { offset: BLOCK, .. }), "{step:?}");
}

#[test]
fn zones_beyond_the_device_s_limits_are_not_opened() {
    // Two zones are half full by somebody else; two more may be active.
    let limits = ZoneLimits { open: 0, active: 4 };
    let mut device = Device::new(0, 12, ZONE, limits);
    device.write(0, BLOCK);
    device.write(ZONE, BLOCK);
    let mut stage = Stage::new(device, 3, BLOCK);
    for worker in 0..3 {
        let sequential = worker == 2;
        let begin = u64::from(worker + 1) * 2 * ZONE;
        let rules = ShareRules { sequential, begin, len: 2 * ZONE, ..rules(worker, &stage.device) };
        stage.join(rules, WRITE);
    }
    stage.run(8, 6 * ZONE);
    stage.check();
}

#[test]
fn random_writes_stay_within_their_own_limit() {
    let mut stage = Stage::new(Device::new(0, 16, ZONE, ZoneLimits::default()), 3, BLOCK);
    for worker in 0..2 {
        let limits = ShareRules { job_max_open: 3, ..rules(worker, &stage.device) };
        stage.join(ShareRules { sequential: false, ..limits }, WRITE);
    }
    let mut most = 0;
    for _ in 0..4000 {
        let at = stage.rng.below(2) as usize;
        stage.step(at, 8);
        most = most.max(stage.board.open_zones());
    }
    assert_eq!(most, 6, "each its three");
}
