//! The pool with real threads.

use super::{Done, Pool, Work};

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

#[test]
fn a_closed_pool_takes_nothing() {
    let pool: Pool<Sum> = Pool::new(4);
    let mut desk = pool.desk(1);
    pool.close();
    assert!(desk.hand_over(Sum { numbers: Vec::new(), sum: 0 }).is_err());
    assert!(desk.wait().is_none());
}
