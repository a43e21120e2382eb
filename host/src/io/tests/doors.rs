//! Files that are opened and closed on the way, with the toy.
//!
//! The doors write down what they were asked to do and when; each request is then compared with
//! what was open.

use super::*;
use crate::io::doors::{Doors, Doorway};

/// What was done, and how many pieces the engine had seen by then.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Did {
    Opened(u32, u64),
    Closed(u32, u64),
    Renewed(u64),
}

#[derive(Debug)]
struct Notebook(Rc<RefCell<Vec<Did>>>);

pub(super) fn doorway(
    did: &Rc<RefCell<Vec<Did>>>,
    files: u32,
    limit: u32,
    renews: bool,
) -> Doorway<'static> {
    Doorway::new(Box::new(Notebook(Rc::clone(did))), files, limit, renews)
}

fn seen() -> u64 {
    TOY.with_borrow(|toy| toy.pieces)
}

impl Doors for Notebook {
    fn open(&mut self, _: &mut Instance<'_>, _: &mut FileTable, file: u32) -> Result<(), Trouble> {
        self.0.borrow_mut().push(Did::Opened(file, seen()));
        Ok(())
    }

    fn close(&mut self, _: &mut Instance<'_>, _: &mut FileTable, file: u32) -> Result<(), Trouble> {
        assert!(!is_held(file), "something of file {file} is in flight");
        self.0.borrow_mut().push(Did::Closed(file, seen()));
        Ok(())
    }

    fn renew_all(&mut self) -> Result<(), Trouble> {
        self.0.borrow_mut().push(Did::Renewed(seen()));
        Ok(())
    }
}

/// Three files of ten blocks each, written in turn.
fn three_files(takes: usize, depth: u32) -> Bench {
    let mut bench = bench(takes, depth);
    bench.recipe.order = Order::Single { ddir: Ddir::Write, random: false };
    bench.recipe.files = vec![Region { offset: 0, len: 4096 * 10 }; 3];
    bench.recipe.amount = 4096 * 30;
    bench
}

/// Replays what was done; each request found its file open, and no more were than allowed.
fn check(outcome: &Outcome, limit: usize) {
    let mut open = Vec::new();
    let mut doors = outcome.doors.iter().copied().peekable();
    for (at, file) in outcome.toy.files.iter().enumerate() {
        let before = |did: &Did| match *did {
            Did::Opened(_, seen) | Did::Closed(_, seen) | Did::Renewed(seen) => seen <= at as u64,
        };
        while let Some(did) = doors.next_if(before) {
            match did {
                Did::Opened(file, _) => open.push(file),
                Did::Closed(file, _) => open.retain(|open| *open != file),
                Did::Renewed(_) => assert!(open.is_empty(), "all are closed before"),
            }
            assert!(open.len() <= limit);
        }
        assert!(open.contains(file), "request {at} to file {file}, open: {open:?}");
    }
}

#[test]
fn no_more_files_are_open_than_allowed() {
    for (takes, depth) in [(0, 1), (7, 7)] {
        for limit in 1..=3 {
            let mut bench = three_files(takes, depth);
            bench.doors = Some((limit, false));
            let outcome = bench.run();
            assert_eq!(outcome.result, Ok(()));
            assert_eq!(totals(&outcome, Ddir::Write), (30, 30 * 4096, 0));
            check(&outcome, limit as usize);
            assert!(outcome.page.open_files.get() <= u64::from(limit));
        }
    }
}

#[test]
fn each_loop_has_new_files() {
    for (takes, depth) in [(0, 1), (7, 7)] {
        let mut bench = three_files(takes, depth);
        bench.recipe.repeat = Repeat::Loops(3);
        bench.doors = Some((0, true));
        let outcome = bench.run();
        assert_eq!(outcome.result, Ok(()));
        check(&outcome, 3);
        let renewed = outcome.doors.iter().filter_map(|did| match did {
            Did::Renewed(seen) => Some(*seen),
            _ => None,
        });
        assert_eq!(renewed.collect::<Vec<_>>(), [30, 60]);
        let opened = outcome.doors.iter().filter(|did| matches!(did, Did::Opened(..)));
        assert_eq!(opened.count(), 9);
    }
}

#[test]
fn files_that_were_closed_are_synced_too() {
    let mut bench = three_files(0, 1);
    bench.doors = Some((1, false));
    bench.settings.end_fsync = true;
    let outcome = bench.run();
    assert_eq!(outcome.result, Ok(()));
    assert_eq!(totals(&outcome, Ddir::Sync).0, 3);
    check(&outcome, 1);
}

#[test]
fn a_file_is_synced_whenever_it_is_closed() {
    let mut bench = three_files(0, 1);
    bench.doors = Some((1, false));
    bench.settings.syncs.on_close = true;
    let outcome = bench.run();
    assert_eq!(outcome.result, Ok(()));
    let closed = outcome.doors.iter().filter(|did| matches!(did, Did::Closed(..))).count() as u64;
    assert_eq!(totals(&outcome, Ddir::Sync).0, closed + 1, "and the last one at the end");
    let latency = &outcome.page.latencies.clat_ns[Ddir::Write as usize];
    assert!(latency.max.get() <= 200, "{} ns", latency.max.get());
}

#[test]
fn a_device_that_is_full_leaves_no_file_unsynced() {
    let mut bench = three_files(0, 1);
    bench.doors = Some((1, false));
    bench.settings.end_fsync = true;
    bench.tolerance.fill_device = true;
    bench.manners.fails_at = Some((21, libc::ENOSPC));
    let outcome = bench.run();
    assert_eq!(outcome.result, Ok(()));
    assert_eq!(totals(&outcome, Ddir::Sync).0, 3);
    check(&outcome, 1);
}

#[test]
fn after_a_sync_that_failed_no_other_file_is_asked() {
    let mut bench = three_files(0, 1);
    bench.doors = Some((1, false));
    bench.settings.end_fsync = true;
    bench.manners.fails_at = Some((31, libc::EIO));
    let outcome = bench.run();
    assert!(matches!(outcome.result, Err(Trouble::Request(_))), "{:?}", outcome.result);
    assert_eq!(outcome.failures.failed, 1);
    check(&outcome, 1);
}
