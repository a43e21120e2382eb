//! The hand-over between workers and the threads of the pool.
//!
//! Ownership is by move: a batch is with its worker, in the queue, with one thread, or in its
//! worker's tray, never in two of these, and none is dropped on the way: what panics comes back as
//! [`Done::Panicked`]. Nobody spins. The locks are held for a push or a pop, and never two at once.

use super::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::collections::VecDeque;
use std::panic::{catch_unwind, AssertUnwindSafe};

/// A batch.
pub trait Work: Send + 'static {
    /// Does it. What it finds stays in it.
    fn run(&mut self);
}

/// A batch that comes back.
#[derive(Debug)]
pub enum Done<W> {
    /// It was done.
    Well(W),
    /// It was begun, and is not to be trusted.
    Panicked(W),
}

/// A batch on its way, with the tray that it is to be put into.
struct Parcel<W> {
    work: W,
    tray: Arc<Tray<W>>,
}

/// Where a worker's batches come back.
struct Tray<W> {
    done: Mutex<Vec<Done<W>>>,
    filled: Condvar,
}

struct Queue<W> {
    parcels: VecDeque<Parcel<W>>,
    closed: bool,
}

/// What workers and threads share.
struct Shared<W> {
    queue: Mutex<Queue<W>>,
    /// A parcel was queued, or the pool is closed.
    arrived: Condvar,
    /// Parcels that may wait.
    room: usize,
}

impl<W> Shared<W> {
    fn queue(&self) -> MutexGuard<'_, Queue<W>> {
        // Nothing panics while it is held; and if it did, the queue would be whole.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The pool. Threads that serve it call [`Pool::serve`]; when the last handle is closed they end.
pub struct Pool<W>(Arc<Shared<W>>);

impl<W> Clone for Pool<W> {
    fn clone(&self) -> Self {
        Pool(Arc::clone(&self.0))
    }
}

impl<W> std::fmt::Debug for Pool<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").field("room", &self.0.room).finish_non_exhaustive()
    }
}

impl<W: Work> Pool<W> {
    /// One in which so many batches may wait.
    pub fn new(room: usize) -> Pool<W> {
        let queue = Queue { parcels: VecDeque::with_capacity(room), closed: false };
        Pool(Arc::new(Shared { queue: Mutex::new(queue), arrived: Condvar::new(), room }))
    }

    /// The life of one of its threads.
    pub fn serve(&self) {
        while let Some(parcel) = self.next() {
            run(parcel);
        }
    }

    fn next(&self) -> Option<Parcel<W>> {
        let mut queue = self.0.queue();
        loop {
            if let Some(parcel) = queue.parcels.pop_front() {
                return Some(parcel);
            }
            if queue.closed {
                return None;
            }
            queue = self.0.arrived.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// No more batches will come: the threads end once the queue is empty.
    pub fn close(&self) {
        self.0.queue().closed = true;
        self.0.arrived.notify_all();
    }

    /// Batches that no thread has taken yet.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.0.queue().parcels.len()
    }

    /// A worker's place at it. At most so many of its batches are away at once.
    pub fn desk(&self, most: usize) -> Desk<W> {
        let done = Mutex::new(Vec::with_capacity(most));
        let tray = Arc::new(Tray { done, filled: Condvar::new() });
        Desk { pool: self.clone(), tray, out: 0, most }
    }
}

/// A worker's place at the pool.
pub struct Desk<W> {
    pool: Pool<W>,
    tray: Arc<Tray<W>>,
    out: usize,
    most: usize,
}

impl<W> std::fmt::Debug for Desk<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Desk").field("out", &self.out).finish_non_exhaustive()
    }
}

impl<W: Work> Desk<W> {
    /// Hands a batch over.
    ///
    /// # Errors
    /// There is no room: here it is again, to be done by who has it.
    pub fn hand_over(&mut self, work: W) -> Result<(), W> {
        if self.out >= self.most {
            return Err(work);
        }
        let mut queue = self.pool.0.queue();
        if queue.closed || queue.parcels.len() >= self.pool.0.room {
            return Err(work);
        }
        queue.parcels.push_back(Parcel { work, tray: Arc::clone(&self.tray) });
        drop(queue);
        self.out += 1;
        self.pool.0.arrived.notify_one();
        Ok(())
    }

    /// Batches that are away.
    pub fn out(&self) -> usize {
        self.out
    }

    /// A batch that has come back, if any has.
    pub fn take(&mut self) -> Option<Done<W>> {
        let done = self.tray().pop();
        self.out -= usize::from(done.is_some());
        done
    }

    /// A batch that comes back; none where none is away. Instead of sleeping, what waits in the
    /// queue is done here, whosever it is.
    pub fn wait(&mut self) -> Option<Done<W>> {
        loop {
            if self.out == 0 {
                return None;
            }
            if let Some(done) = self.take() {
                return Some(done);
            }
            let parcel = self.pool.0.queue().parcels.pop_front();
            match parcel {
                Some(parcel) => run(parcel),
                None => self.sleep(),
            }
        }
    }

    /// Until something is in the tray. All that is away is with threads: nothing waits in the queue
    /// that was there when this was called.
    fn sleep(&self) {
        let mut done = self.tray();
        while done.is_empty() {
            done = self.tray.filled.wait(done).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn tray(&self) -> MutexGuard<'_, Vec<Done<W>>> {
        self.tray.done.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn run<W: Work>(parcel: Parcel<W>) {
    let Parcel { mut work, tray } = parcel;
    let outcome = catch_unwind(AssertUnwindSafe(|| work.run()));
    let done = if outcome.is_ok() { Done::Well(work) } else { Done::Panicked(work) };
    tray.done.lock().unwrap_or_else(PoisonError::into_inner).push(done);
    tray.filled.notify_one();
}
