//! The threads, each with a desk on which the worker lays a request and finds it again when done.
//!
//! Used by `engine`. There are as many desks as requests in flight, so nothing queues up: a desk
//! belongs to the worker, or from `submit` until its number stands in `done` to its thread, and
//! the two pass it on by atomics alone. Who has nothing to do sleeps in a futex. Dropping the pool
//! ends the threads, which by then have nothing to do.

use crate::calls::perform;
use crate::futex;
use iodyno_engine_api::{Error, Host, Reaped, Unit, Wait};
use iodyno_engine_support::errno::Errno;
use std::cell::UnsafeCell;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::Instant;

/// A thread needs little: a system call and what leads to it.
const STACK: usize = 128 << 10;

/// States of a desk.
const IDLE: u32 = 0; // its thread is awake, or the worker has it
const ASLEEP: u32 = 1; // its thread waits for the futex
const GIVEN: u32 = 2; // a request lies on it
const OVER: u32 = 3; // its thread is to end

/// A request and what came of it.
#[derive(Debug)]
struct Task {
    unit: Unit,
    done: u64,
    result: Result<u64, Errno>,
}

#[repr(align(64))] // a cache line each: threads do not slow one another down
struct Desk {
    state: AtomicU32,
    task: UnsafeCell<Option<Task>>,
}

struct Shared {
    desks: Box<[Desk]>,
    /// A ring of at least as many places as there are desks: numbers of desks whose requests are
    /// done, in that order, one added to each. 0 is a place that is free.
    done: Box<[AtomicU32]>,
    tail: AtomicU32,    // places of the ring that were ever taken
    events: AtomicU32,  // counts what may end a wait
    waiting: AtomicU32, // 1: the worker sleeps, or is about to
}

// SAFETY: everything in it is atomic but the tasks. A task is touched by its thread alone between
// the worker's release of GIVEN and its own release of the number in `done`, and by the worker
// alone at any other time; a Unit may go to another thread.
unsafe impl Sync for Shared {}
// SAFETY: as for Sync.
unsafe impl Send for Shared {}

/// The threads of one instance.
pub(crate) struct Pool {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    idle: Vec<u32>, // desks that are free; the one that was used last is used next
    taken: Vec<(Unit, u64)>,
    head: usize, // places of the ring that were read
}

/// Interrupts a wait from another thread.
pub(crate) struct Waker(Arc<Shared>);

impl Pool {
    /// Starts a thread for each request that may be in flight.
    pub(crate) fn new(depth: u32) -> Result<Pool, Error> {
        let desk = || Desk { state: AtomicU32::new(IDLE), task: UnsafeCell::new(None) };
        let shared = Arc::new(Shared {
            desks: (0..depth).map(|_| desk()).collect(),
            done: (0..depth.next_power_of_two()).map(|_| AtomicU32::new(0)).collect(),
            tail: AtomicU32::new(0),
            events: AtomicU32::new(0),
            waiting: AtomicU32::new(0),
        });
        // The pool exists before its threads: where one does not start, drop() ends the others.
        let (threads, taken) = (Vec::new(), Vec::with_capacity(depth as usize));
        let idle = (0..depth).rev().collect();
        let mut pool = Pool { shared, threads, idle, taken, head: 0 };
        for number in 0..depth {
            let shared = Arc::clone(&pool.shared);
            let builder = Builder::new().name("syslet-rw".to_owned()).stack_size(STACK);
            let started = builder.spawn(move || serve(&shared, number as usize));
            let thread = started.map_err(|why| {
                let errno = why.raw_os_error().unwrap_or(libc::EAGAIN);
                let words = format!("thread {} of {depth} (iodepth): {why}", number + 1);
                Error::new(errno, words)
            })?;
            pool.threads.push(thread);
        }
        Ok(pool)
    }

    /// What `terminate` is to call.
    pub(crate) fn waker(&self) -> Waker {
        Waker(Arc::clone(&self.shared))
    }

    /// Whether there is a desk for another request.
    #[inline]
    pub(crate) fn has_room(&self) -> bool {
        self.taken.len() < self.idle.len()
    }

    /// Takes a request of which `done` bytes are done; only with room.
    #[inline]
    pub(crate) fn take(&mut self, unit: Unit, done: u64) {
        self.taken.push((unit, done));
    }

    /// Lays what was taken on desks and wakes their threads.
    #[inline]
    pub(crate) fn submit(&mut self) {
        for (unit, done) in self.taken.drain(..) {
            let Some(number) = self.idle.pop() else {
                unreachable!("has_room() was asked before each take()");
            };
            let desk = &self.shared.desks[number as usize];
            // SAFETY: an idle desk is the worker's: it was never given, or its number in `done`
            // was read with acquire ordering in collect().
            unsafe { *desk.task.get() = Some(Task { unit, done, result: Ok(0) }) };
            if desk.state.swap(GIVEN, Ordering::AcqRel) == ASLEEP {
                futex::wake(&desk.state);
            }
        }
    }

    /// Hands back what is done: at least `wait.min` units, unless the time runs out or `terminate`
    /// interrupts.
    #[inline]
    pub(crate) fn reap(&mut self, wait: Wait, reaped: &mut Reaped<'_>, host: &Host) {
        let seen = self.shared.events.load(Ordering::Acquire);
        self.collect(reaped);
        if reaped.count() < wait.min && wait.timeout_ns != 0 {
            self.wait(wait, reaped, host, seen);
        }
    }

    /// The part of `reap` that sleeps; `seen` are the events before the last look.
    fn wait(&mut self, wait: Wait, reaped: &mut Reaped<'_>, host: &Host, mut seen: u32) {
        let end = wait.timeout().and_then(|limit| Instant::now().checked_add(limit));
        while reaped.count() < wait.min && !host.take_interrupt() {
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return;
            }
            // Before the look at `events` that the futex takes, or a thread would not wake us.
            self.shared.waiting.store(1, Ordering::SeqCst);
            futex::wait(&self.shared.events, seen, left);
            self.shared.waiting.store(0, Ordering::Relaxed);
            seen = self.shared.events.load(Ordering::Acquire);
            self.collect(reaped);
        }
    }

    /// Takes what is done from its desks, as much as there is room for.
    #[inline]
    fn collect(&mut self, reaped: &mut Reaped<'_>) {
        while reaped.room() > 0 {
            let place = &self.shared.done[self.head & (self.shared.done.len() - 1)];
            let Some(number) = place.load(Ordering::Acquire).checked_sub(1) else { return };
            place.store(0, Ordering::Relaxed); // free before its desk can be given once more
            self.head = self.head.wrapping_add(1);
            // SAFETY: its thread wrote the number with release ordering and has left the desk.
            let task = unsafe { (*self.shared.desks[number as usize].task.get()).take() };
            if let Some(Task { unit, result, .. }) = task {
                reaped.push(unit, result);
            }
            self.idle.push(number);
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        for desk in &self.shared.desks {
            desk.state.store(OVER, Ordering::Release);
            futex::wake(&desk.state);
        }
        for thread in self.threads.drain(..) {
            let _ = thread.join(); // serve() catches panics
        }
    }
}

impl Waker {
    /// Wakes the waiting worker, which then asks whether it was interrupted.
    pub(crate) fn wake(&self) {
        self.0.events.fetch_add(1, Ordering::SeqCst);
        futex::wake(&self.0.events);
    }
}

/// A thread's life: one request after the other, on its own desk.
fn serve(shared: &Shared, number: usize) {
    let desk = &shared.desks[number];
    loop {
        match desk.state.load(Ordering::Acquire) {
            GIVEN => {}
            OVER => return,
            IDLE => {
                let asleep =
                    desk.state.compare_exchange(IDLE, ASLEEP, Ordering::AcqRel, Ordering::Relaxed);
                if asleep.is_ok() {
                    futex::wait(&desk.state, ASLEEP, None);
                }
                continue;
            }
            _ => {
                futex::wait(&desk.state, ASLEEP, None);
                continue;
            }
        }
        // SAFETY: the worker gave the desk with release ordering, and leaves it alone until it
        // reads its number.
        if let Some(task) = unsafe { &mut *desk.task.get() } {
            // The host catches panics on its own thread only; here a unit would be lost.
            let result = catch_unwind(AssertUnwindSafe(|| perform(&mut task.unit, task.done)));
            task.result = result.unwrap_or(Err(libc::EIO));
        }
        let _ = desk.state.compare_exchange(GIVEN, IDLE, Ordering::Relaxed, Ordering::Relaxed);
        // The place is free: there are as many as desks, and before one is taken for the second
        // time some desk was given again after it was read. AcqRel carries that from thread to
        // thread.
        let place = shared.tail.fetch_add(1, Ordering::AcqRel) as usize & (shared.done.len() - 1);
        shared.done[place].store(number as u32 + 1, Ordering::Release);
        shared.events.fetch_add(1, Ordering::SeqCst);
        if shared.waiting.load(Ordering::SeqCst) != 0 {
            futex::wake(&shared.events);
        }
    }
}
