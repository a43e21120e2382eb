//! Interrupts the system calls of one thread again and again, as a busy machine's signals do.
//!
//! Called by `conformance` in a child that ends soon: the handler of SIGUSR1 stays as it is set
//! here. Must not be used where somebody else handles that signal.

use super::thread;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// Sends signals to the thread that made it, until it is dropped.
#[derive(Debug)]
pub struct Interrupter {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// Signals that were handled.
static HANDLED: AtomicU64 = AtomicU64::new(0);

extern "C" fn handle(_signal: libc::c_int) {
    HANDLED.fetch_add(1, Ordering::Relaxed);
}

impl Interrupter {
    /// From now on this thread is interrupted once in a `period`, in whatever it does.
    ///
    /// # Errors
    /// The handler cannot be set, or no thread can be started.
    pub fn start(period: Duration) -> io::Result<Interrupter> {
        set_handler()?;
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, tid) = (Arc::clone(&stop), thread::tid());
        let send = move || {
            while !stopped.load(Ordering::Relaxed) {
                // SAFETY: no memory is handed over; the thread is one of this process, which
                // outlives this one (`drop` waits), and the signal has a handler.
                unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), tid, libc::SIGUSR1) };
                std::thread::sleep(period);
            }
        };
        let thread = std::thread::Builder::new().name("interrupter".to_owned()).spawn(send)?;
        Ok(Interrupter { stop, thread: Some(thread) })
    }

    /// How many signals were handled in this process so far.
    #[must_use]
    pub fn handled() -> u64 {
        HANDLED.load(Ordering::Relaxed)
    }
}

impl Drop for Interrupter {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It cannot panic.
            let _ended = thread.join();
        }
    }
}

/// Without SA_RESTART: system calls end with EINTR.
fn set_handler() -> io::Result<()> {
    // SAFETY: all zero is a valid sigaction and an empty mask; the handler only adds to an atomic;
    // all pointers lead to locals.
    let failed = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handle as extern "C" fn(libc::c_int) as usize;
        let mut mask: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&mut mask);
        libc::sigaddset(&mut mask, libc::SIGUSR1);
        libc::sigaction(libc::SIGUSR1, &action, std::ptr::null_mut()) != 0
            || libc::pthread_sigmask(libc::SIG_UNBLOCK, &mask, std::ptr::null_mut()) != 0
    };
    if failed {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_of_this_thread_is_interrupted() {
        let before = Interrupter::handled();
        let interrupter = Interrupter::start(Duration::from_millis(1)).unwrap();
        let limit = rustix::time::Timespec { tv_sec: 20, tv_nsec: 0 };
        let answer = rustix::event::poll(&mut [], Some(&limit));
        assert_eq!(answer, Err(rustix::io::Errno::INTR));
        drop(interrupter);
        assert!(Interrupter::handled() > before);
    }
}
