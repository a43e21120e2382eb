//! The hand-over under shuttle: thousands of orders in which worker and threads may meet.
//!
//! The same source as in use, with shuttle's locks. Holds no second version of anything.

mod sync {
    pub(super) use shuttle::sync::{Arc, Condvar, Mutex, MutexGuard};
    pub(super) use std::sync::PoisonError;
}

#[path = "hands.rs"]
// Twice on purpose: each has its own `sync`.
#[allow(clippy::duplicate_mod, dead_code, unreachable_pub)]
mod hands;

use hands::{Desk, Done, Pool, Work};

/// Orders that are tried.
const ORDERS: usize = 2000;

/// A batch that counts who did it, and may panic.
#[derive(Debug)]
struct Batch {
    id: usize,
    runs: u32,
    panics: bool,
}

impl Work for Batch {
    fn run(&mut self) {
        shuttle::thread::yield_now();
        self.runs += 1;
        if self.panics {
            std::panic::resume_unwind(Box::new("a check panics"));
        }
    }
}

/// What one worker does with so many batches; all come back, each done once.
fn work(mut desk: Desk<Batch>, first: usize, count: usize, panics: bool) {
    let mut seen = vec![0; count];
    let mut note = |done: Done<Batch>| {
        let (batch, panicked) = match done {
            Done::Well(batch) => (batch, false),
            Done::Panicked(batch) => (batch, true),
        };
        assert_eq!(batch.runs, 1, "done once");
        assert_eq!(panicked, batch.panics, "what panicked is told apart");
        seen[batch.id - first] += 1;
    };
    for id in first..first + count {
        let batch = Batch { id, runs: 0, panics: panics && id % 2 == 1 };
        if let Err(mut batch) = desk.hand_over(batch) {
            // No room: the worker does it itself.
            batch.panics = false;
            batch.run();
            note(Done::Well(batch));
        }
        if let Some(done) = desk.take() {
            note(done);
        }
    }
    while let Some(done) = desk.wait() {
        note(done);
    }
    assert_eq!(desk.out(), 0);
    assert!(seen.iter().all(|&times| times == 1), "none is lost, none comes twice");
}

fn model(threads: usize, workers: usize, room: usize, panics: bool) {
    let pool = Pool::new(room);
    let serving: Vec<_> = (0..threads)
        .map(|_| {
            let pool = pool.clone();
            shuttle::thread::spawn(move || pool.serve())
        })
        .collect();
    let working: Vec<_> = (0..workers)
        .map(|worker| {
            let desk = pool.desk(2);
            shuttle::thread::spawn(move || work(desk, worker * 10, 4, panics))
        })
        .collect();
    working.into_iter().for_each(|thread| thread.join().unwrap());
    pool.close();
    serving.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn no_batch_is_lost_and_nobody_waits_for_ever() {
    for (threads, workers, room) in [(1, 1, 1), (1, 2, 1), (2, 1, 2), (2, 2, 3)] {
        shuttle::check_random(move || model(threads, workers, room, false), ORDERS);
    }
}

#[test]
fn a_panic_takes_nothing_with_it() {
    shuttle::check_random(|| model(2, 2, 2, true), ORDERS);
}

/// Without a thread the workers do everything themselves.
#[test]
fn a_pool_without_threads_is_served_by_its_workers() {
    shuttle::check_random(|| model(0, 2, 2, false), ORDERS);
}

#[test]
fn rare_orders_are_tried_as_well() {
    shuttle::check_pct(|| model(1, 2, 1, true), ORDERS, 3);
}
