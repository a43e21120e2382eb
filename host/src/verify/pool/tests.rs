//! The pool with real threads.

use super::{Done, Pool, Work};
use std::sync::mpsc::{channel, Receiver};
use std::thread::ThreadId;

struct Sum {
    numbers: Vec<u64>,
    sum: u64,
}

impl Work for Sum {
    fn run(&mut self) {
        self.sum = self.numbers.iter().sum();
    }
}

#[test]
fn batches_of_several_workers_come_back_to_their_own() {
    let pool: Pool<Sum> = Pool::new(4);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| pool.serve());
        }
        let workers: Vec<_> = (0..4u64)
            .map(|worker| {
                let mut desk = pool.desk(8);
                scope.spawn(move || {
                    let mut total = 0;
                    for n in 0..1000 {
                        let batch = Sum { numbers: vec![worker, n, 7], sum: 0 };
                        if let Err(mut batch) = desk.hand_over(batch) {
                            batch.run();
                            total += batch.sum;
                        }
                        while let Some(Done::Well(batch)) = desk.take() {
                            assert_eq!(batch.numbers[0], worker);
                            total += batch.sum;
                        }
                    }
                    while let Some(Done::Well(batch)) = desk.wait() {
                        total += batch.sum;
                    }
                    assert_eq!(total, 1000 * (worker + 7) + 999 * 500);
                })
            })
            .collect();
        workers.into_iter().for_each(|worker| worker.join().unwrap());
        pool.close();
    });
}

/// A batch that tells who did it; some wait until they are let go.
struct Told {
    gate: Option<Receiver<()>>,
    by: Option<ThreadId>,
}

impl Work for Told {
    fn run(&mut self) {
        self.by = Some(std::thread::current().id());
        if let Some(gate) = &self.gate {
            gate.recv().unwrap();
        }
    }
}

/// A worker that has run out of units does not sleep as long as work waits: it does it itself,
/// while the pool's only thread is busy.
#[test]
fn who_has_to_wait_does_what_is_queued() {
    let pool: Pool<Told> = Pool::new(4);
    let (open, gate) = channel();
    std::thread::scope(|scope| {
        let serving = scope.spawn(|| pool.serve());
        let mut desk = pool.desk(4);
        assert!(desk.hand_over(Told { gate: Some(gate), by: None }).is_ok());
        // The thread has taken it once there is nothing in the queue to take.
        while pool.waiting() > 0 {
            std::thread::yield_now();
        }
        for _ in 0..2 {
            assert!(desk.hand_over(Told { gate: None, by: None }).is_ok());
        }
        let here = std::thread::current().id();
        for _ in 0..2 {
            let Some(Done::Well(done)) = desk.wait() else { panic!("two are queued") };
            assert_eq!(done.by, Some(here));
        }
        assert_eq!(desk.out(), 1, "one is with the thread");
        open.send(()).unwrap();
        let Some(Done::Well(done)) = desk.wait() else { panic!("it comes back") };
        assert_eq!(done.by, Some(serving.thread().id()));
        assert!(desk.wait().is_none());
        pool.close();
    });
}

#[test]
fn a_closed_pool_takes_nothing() {
    let pool: Pool<Sum> = Pool::new(4);
    let mut desk = pool.desk(1);
    pool.close();
    assert!(desk.hand_over(Sum { numbers: Vec::new(), sum: 0 }).is_err());
    assert!(desk.wait().is_none());
}
