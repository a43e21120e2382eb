//! What works while the worker goes on: some threads, and two queues between them and the engine.
//! Replace this by the queues of your device or library.
//!
//! The queues are made once, as long as the job is deep: nothing grows during a run. Dropping the
//! pool ends its threads, which by then have nothing to do.

use crate::calls::{self, Errno, Place};
use iodyno_engine_api::abi::{IOE_OP_READ, IOE_OP_WRITE};
use iodyno_engine_api::{Error, Reaped, Unit, Wait};
use std::collections::VecDeque;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Instant;

/// The threads of one instance.
pub(crate) struct Pool {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

/// Interrupts a wait from another thread.
pub(crate) struct Waker(Arc<Shared>);

struct Shared {
    work: Mutex<Work>,
    more_to_do: Condvar,
    more_done: Condvar,
}

struct Work {
    to_do: VecDeque<Unit>,
    done: VecDeque<(Unit, Result<u64, Errno>)>,
    over: bool,
}

impl Pool {
    /// Starts `threads` threads for at most `depth` units.
    pub(crate) fn new(threads: u64, depth: usize) -> Result<Pool, Error> {
        let (to_do, done) = (
            VecDeque::with_capacity(depth),
            VecDeque::with_capacity(depth),
        );
        let shared = Arc::new(Shared {
            work: Mutex::new(Work {
                to_do,
                done,
                over: false,
            }),
            more_to_do: Condvar::new(),
            more_done: Condvar::new(),
        });
        // The pool exists before its threads: where one does not start, drop() ends the others.
        let mut pool = Pool {
            shared,
            threads: Vec::new(),
        };
        for number in 1..=threads {
            let shared = Arc::clone(&pool.shared);
            let started = Builder::new()
                .name("__NAME__".to_owned())
                .spawn(move || serve(&shared));
            let thread = started.map_err(|why| {
                let errno = why.raw_os_error().unwrap_or(libc::EAGAIN);
                Error::new(errno, format!("start thread {number} of {threads}: {why}"))
            })?;
            pool.threads.push(thread);
        }
        Ok(pool)
    }

    /// What `terminate` is to call.
    pub(crate) fn waker(&self) -> Waker {
        Waker(Arc::clone(&self.shared))
    }

    /// Hands all of `taken` to the threads.
    pub(crate) fn submit(&self, taken: &mut Vec<Unit>) {
        let count = taken.len();
        self.shared.lock().to_do.extend(taken.drain(..));
        for _ in 0..count {
            self.shared.more_to_do.notify_one();
        }
    }

    /// Hands back what is done: at least `wait.min` units, unless the time runs out or
    /// `interrupted` says so.
    pub(crate) fn reap(&self, wait: Wait, reaped: &mut Reaped<'_>, interrupted: impl Fn() -> bool) {
        let end = wait
            .timeout()
            .and_then(|limit| Instant::now().checked_add(limit));
        let mut work = self.shared.lock();
        loop {
            while reaped.room() > 0 {
                let Some((unit, result)) = work.done.pop_front() else {
                    break;
                };
                reaped.push(unit, result);
            }
            if reaped.count() >= wait.min || interrupted() {
                return;
            }
            let more_done = &self.shared.more_done;
            work = match end.map(|end| end.saturating_duration_since(Instant::now())) {
                None => more_done.wait(work).unwrap_or_else(PoisonError::into_inner),
                Some(left) if left.is_zero() => return,
                Some(left) => {
                    let woken = more_done.wait_timeout(work, left);
                    woken.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.lock().over = true;
        self.shared.more_to_do.notify_all();
        for thread in self.threads.drain(..) {
            let _ = thread.join(); // serve() catches panics
        }
    }
}

impl Waker {
    /// Wakes the waiting worker. Under the lock, or a worker that is about to wait would miss it.
    pub(crate) fn wake(&self) {
        let _work = self.0.lock();
        self.0.more_done.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A thread's life: one unit after the other.
fn serve(shared: &Shared) {
    let mut work = shared.lock();
    loop {
        if let Some(mut unit) = work.to_do.pop_front() {
            drop(work);
            // The host catches panics on its own thread only; here a unit would be lost.
            let result = catch_unwind(AssertUnwindSafe(|| perform(&mut unit)));
            work = shared.lock();
            work.done
                .push_back((unit, result.unwrap_or(Err(libc::EIO))));
            shared.more_done.notify_one();
        } else if work.over {
            return;
        } else {
            work = shared
                .more_to_do
                .wait(work)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

fn perform(unit: &mut Unit) -> Result<u64, Errno> {
    let at = Place::of(unit);
    match unit.op() {
        IOE_OP_READ => calls::read(at, unit.buf_mut()),
        IOE_OP_WRITE => calls::write(at, unit.buf()),
        _ => calls::control(unit),
    }
}
