//! Any legal order of calls: seeded, so that what went wrong can be had again.
//!
//! A model beside the rig knows what each block must hold; everything else the rig judges.

use super::super::check::{Check, Finding, Level, Outcome, DEADLINE};
use super::super::rig::{rules, Done, Request, Rig, RigWish, Taken};
use super::super::stand::Stand;
use crate::workload::{mix_seed, Rng};
use iodyno_engine_api::abi::*;
use std::time::{Duration, Instant};

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "random.calls",
        rule: "Any legal order of offers, commits and reaps keeps all rules and all data.",
        level: Level::Stress,
        rests_on: &["queue.works", "units.once"],
        deadline: DEADLINE.saturating_mul(2),
        run: calls,
    },
    Check {
        id: "random.lives",
        rule: "Any legal order of instances, openings and closings leaves the next one in order.",
        level: Level::Stress,
        rests_on: &["queue.works", "instance.two"],
        deadline: DEADLINE.saturating_mul(2),
        run: lives,
    },
];

const BLOCK: u64 = 4096;
const BLOCKS: u64 = 64;
/// How long each of these goes on.
const LENGTH: Duration = Duration::from_millis(1500);
const ROUNDS_MAX: u32 = 200;

/// What each block holds: the generation last written; and whether a request of it is in flight.
struct Model {
    generations: Vec<u64>,
    busy: Vec<bool>,
    next: u64,
}

struct Drive<'r, 's> {
    rig: &'r mut Rig<'s>,
    model: Model,
    rng: Rng,
    free: Vec<usize>,
    /// By unit: the generation that it writes, or has to find.
    expected: Vec<u64>,
    compares: bool,
    ops: Vec<u32>,
}

fn calls(stand: &Stand) -> Outcome {
    let begun = Instant::now();
    for round in 0..ROUNDS_MAX {
        let seed = mix_seed(stand.seed, u64::from(round));
        let mut rng = Rng::new(seed);
        let depth = 1 << rng.below(6);
        let mut rig = stand.rig(RigWish { depth, ..RigWish::default() })?;
        let count = depth as usize;
        let mut drive = Drive {
            ops: operations(&rig),
            compares: rig.keeps_data().is_ok(),
            model: Model {
                generations: vec![0; BLOCKS as usize],
                busy: vec![false; BLOCKS as usize],
                next: 1 + (u64::from(round) << 20),
            },
            rng,
            free: (0..count).collect(),
            expected: vec![0; count],
            rig: &mut rig,
        };
        if drive.ops.is_empty() {
            return Err(Finding::skip("its get_caps names no operation that this takes"));
        }
        drive.all_over().map_err(|finding| with_round(finding, round))?;
        rig.end()?;
        if begun.elapsed() > LENGTH {
            break;
        }
    }
    Ok(())
}

fn with_round(finding: Finding, round: u32) -> Finding {
    match finding {
        Finding::Fail { cause, breaks } => {
            Finding::Fail { cause: format!("{cause} (round {round})"), breaks }
        }
        other => other,
    }
}

fn operations(rig: &Rig<'_>) -> Vec<u32> {
    let one_way = rig.is(IOE_F_UNIDIR);
    let usual = [IOE_OP_READ, IOE_OP_WRITE, IOE_OP_FSYNC];
    usual
        .into_iter()
        .filter(|op| rig.can(*op).is_ok() && !(one_way && *op != IOE_OP_READ))
        .collect()
}

impl Drive<'_, '_> {
    fn all_over(&mut self) -> Outcome {
        for _ in 0..400 {
            match self.rng.below(10) {
                0..=5 => self.offer()?,
                6..=7 => self.rig.commit()?,
                _ => self.reap()?,
            }
        }
        for done in self.rig.reap_all()? {
            self.account(done)?;
        }
        if self.compares {
            for block in 0..BLOCKS {
                self.look(block)?;
            }
        }
        Ok(())
    }

    fn offer(&mut self) -> Outcome {
        let Some(&index) = self.free.last() else { return self.reap() };
        let op = self.ops[self.rng.below(self.ops.len() as u64) as usize];
        let block = self.rng.below(BLOCKS);
        let (request, generation) = match op {
            IOE_OP_FSYNC => (Request::new(op, 0, 0), 0),
            // Two requests of one block at a time have no order.
            _ if self.model.busy[block as usize] => return Ok(()),
            IOE_OP_WRITE => (Request::write(block * BLOCK, BLOCK), self.model.next),
            _ => (Request::read(block * BLOCK, BLOCK), self.model.generations[block as usize]),
        };
        if op == IOE_OP_WRITE {
            let pattern = self.rig.pattern(generation);
            self.rig.fill(index, request.offset, pattern);
        }
        self.expected[index] = generation;
        match self.rig.offer(index, request)? {
            Taken::Busy => {
                self.rig.commit()?;
                self.reap()
            }
            Taken::Refused(errno) => {
                let why = std::io::Error::from_raw_os_error(errno);
                Err(Finding::breaks(rules::STATUS, format!("queue refused a request: {why}")))
            }
            Taken::Queued => {
                self.free.pop();
                self.mark(request, true);
                self.model.next += 1;
                Ok(())
            }
            Taken::Completed(done) => {
                self.model.next += 1;
                self.free.pop();
                self.account(done)
            }
        }
    }

    fn mark(&mut self, request: Request, busy: bool) {
        if request.op != IOE_OP_FSYNC {
            self.model.busy[(request.offset / BLOCK) as usize] = busy;
        }
    }

    fn reap(&mut self) -> Outcome {
        if !self.rig.may_queue() {
            return Ok(());
        }
        // The contract forbids a minimum above what is committed.
        self.rig.commit()?;
        let waiting = self.rig.in_flight() as u64;
        let min = self.rng.below(waiting + 1) as u32;
        let max = min + self.rng.below(waiting - u64::from(min) + 1) as u32;
        let timeout = match self.rng.below(3) {
            0 => Some(Duration::ZERO),
            1 => Some(Duration::from_millis(self.rng.below(3))),
            _ => Some(Duration::from_secs(4)),
        };
        for done in self.rig.reap(min, max.max(1), timeout)? {
            self.account(done)?;
        }
        Ok(())
    }

    fn account(&mut self, done: Done) -> Outcome {
        self.mark(done.request, false);
        self.free.push(done.index);
        if !self.compares || done.request.op == IOE_OP_FSYNC {
            return Ok(());
        }
        done.whole().map_err(|finding| match finding {
            Finding::Fail { cause, .. } => Finding::breaks(rules::DATA, cause),
            other => other,
        })?;
        let generation = self.expected[done.index];
        if done.request.op == IOE_OP_WRITE {
            self.model.generations[(done.request.offset / BLOCK) as usize] = generation;
            return Ok(());
        }
        self.compare(done.index, done.request.offset, generation)
    }

    fn compare(&mut self, index: usize, offset: u64, generation: u64) -> Outcome {
        // A block that was never written in this round holds what an earlier one left.
        if generation == 0 {
            return Ok(());
        }
        let pattern = self.rig.pattern(generation);
        self.rig.expect(index, offset, BLOCK as usize, pattern)
    }

    fn look(&mut self, block: u64) -> Outcome {
        let generation = self.model.generations[block as usize];
        let done = self.rig.complete(0, Request::read(block * BLOCK, BLOCK))?;
        done.whole()?;
        self.compare(0, block * BLOCK, generation)
    }
}

fn lives(stand: &Stand) -> Outcome {
    let begun = Instant::now();
    let mut rng = Rng::new(mix_seed(stand.seed, 77));
    let mut rigs: Vec<Rig<'_>> = Vec::new();
    for _ in 0..ROUNDS_MAX {
        match rng.below(4) {
            0 | 1 if rigs.len() < 8 => {
                let depth = 1 << rng.below(4);
                rigs.push(stand.rig(RigWish { depth, ..RigWish::default() })?);
            }
            2 if !rigs.is_empty() => {
                let which = rng.below(rigs.len() as u64) as usize;
                rigs.swap_remove(which).end()?;
            }
            _ => {
                for rig in &mut rigs {
                    let reads = (0..8).map(|n| (Request::read(n * BLOCK, BLOCK), None));
                    if rig.can(IOE_OP_READ).is_ok() {
                        rig.run(reads, |_, _| Ok(()))?;
                    }
                    if rng.below(3) == 0 {
                        let bad = |refusal: crate::plugin::handle::Refusal| {
                            Finding::breaks("target.reopen", refusal.to_string())
                        };
                        rig.close(0).map_err(bad)?;
                        rig.open(0).map_err(bad)?;
                    }
                }
            }
        }
        if begun.elapsed() > LENGTH {
            break;
        }
    }
    rigs.into_iter().try_for_each(Rig::end)
}
