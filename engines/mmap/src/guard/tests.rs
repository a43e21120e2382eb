//! The handler alone: copies that end early, and signals that are somebody else's. What is set for
//! a whole process is tested in a process of its own: this test program, started once more for one
//! test.

use super::*;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output};
use std::sync::atomic::AtomicUsize;

const PAGE: usize = 4096;
const ALONE: &str = "IODYNO_MMAP_GUARD_TEST";

/// Runs the test of this name in a process of its own; `None` in that process.
fn alone(name: &str) -> Option<Output> {
    if std::env::var_os(ALONE).is_some() {
        return None;
    }
    let mut child = Command::new(std::env::current_exe().unwrap());
    let name = format!("guard::tests::{name}");
    child.args(["--exact", &name, "--nocapture", "--test-threads=1"]).env(ALONE, "1");
    Some(child.output().unwrap())
}

/// Asserts that the test of this name passes in a process of its own; true in that process.
fn is_alone(name: &str) -> bool {
    let Some(output) = alone(name) else { return true };
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{name}: {output:?}");
    false
}

/// A mapping of a file that can be cut.
struct Mapped {
    file: File,
    start: *mut u8,
}

impl Mapped {
    fn new(pages: usize) -> Mapped {
        let file = tempfile::tempfile().unwrap();
        file.set_len((pages * PAGE) as u64).unwrap();
        let (kind, both) = (libc::MAP_SHARED, libc::PROT_READ | libc::PROT_WRITE);
        // SAFETY: a new mapping, kept for ever.
        let start =
            unsafe { libc::mmap(null_mut(), pages * PAGE, both, kind, file.as_raw_fd(), 0) };
        assert_ne!(start, libc::MAP_FAILED);
        Mapped { file, start: start.cast() }
    }

    fn at(&self, offset: usize) -> *mut u8 {
        // SAFETY: within the mapping, say the tests.
        unsafe { self.start.add(offset) }
    }
}

fn set_action(handler: usize, flags: i32) -> libc::sigaction {
    // SAFETY: a zeroed action is a valid one; handlers are functions of this file of the right
    // signature, or SIG_DFL, SIG_IGN.
    unsafe {
        let (mut action, mut before): (libc::sigaction, libc::sigaction) = (zeroed(), zeroed());
        action.sa_sigaction = handler;
        action.sa_flags = flags;
        libc::sigaddset(&raw mut action.sa_mask, libc::SIGUSR2);
        assert_eq!(libc::sigaction(libc::SIGBUS, &raw const action, &raw mut before), 0);
        before
    }
}

/// Faults that the test's own handler saw, and the last one's address, code and errors.
static SEEN: AtomicUsize = AtomicUsize::new(0);
static ADDRESS: AtomicUsize = AtomicUsize::new(0);
static WRONG: AtomicUsize = AtomicUsize::new(0);

/// Notes what it sees, and puts a page where one is missing, so that the program goes on.
extern "C" fn mend(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: a handler's arguments; a page is replaced that nobody could use.
    unsafe {
        let mut mask: libc::sigset_t = zeroed();
        libc::pthread_sigmask(libc::SIG_SETMASK, null(), &raw mut mask);
        let masked = libc::sigismember(&raw const mask, libc::SIGUSR2) == 1;
        let whole = signal == libc::SIGBUS && !context.is_null() && masked;
        WRONG.fetch_add(usize::from(!whole), Ordering::Relaxed);
        SEEN.fetch_add(1, Ordering::Relaxed);
        if (*info).si_code == libc::BUS_ADRERR {
            ADDRESS.store((*info).si_addr() as usize, Ordering::Relaxed);
            let page = ((*info).si_addr() as usize & !(PAGE - 1)) as *mut c_void;
            let kind = libc::MAP_FIXED | libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
            libc::mmap(page, PAGE, libc::PROT_READ | libc::PROT_WRITE, kind, -1, 0);
        }
    }
}

fn mender() -> usize {
    let handler: extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) = mend;
    handler as usize
}

#[test]
fn whole_copies_are_whole() {
    let source: Vec<u8> = (0..3 * PAGE).map(|n| (n % 253) as u8).collect();
    for (from, to, len) in [(0, 0, 0), (1, 0, 1), (0, 3, 63), (5, 7, 4097), (0, 0, 3 * PAGE)] {
        let mut target = vec![0xaa; 3 * PAGE + 16];
        // SAFETY: both ranges lie in their vectors.
        let done = unsafe { copy(target.as_mut_ptr().add(to), source.as_ptr().add(from), len) };
        assert_eq!(done, len);
        assert_eq!(target[to..to + len], source[from..from + len]);
        assert!(target[..to].iter().chain(&target[to + len..]).all(|byte| *byte == 0xaa));
    }
}

#[test]
fn copies_end_where_pages_do() {
    let _guard = Guard::new().unwrap();
    let mapped = Mapped::new(4);
    let mut buf = vec![7_u8; 4 * PAGE];
    mapped.file.set_len(2 * PAGE as u64).unwrap();
    for begin in [0, 1, 31, 100, 127, 128, PAGE - 129, PAGE - 1, 2 * PAGE - 1, 2 * PAGE, 3 * PAGE] {
        let (len, there) = (4 * PAGE - begin, (2 * PAGE).saturating_sub(begin));
        // SAFETY: inside the mapping and the vector.
        unsafe {
            assert_eq!(copy(buf.as_mut_ptr(), mapped.at(begin), len), there, "from {begin}");
            assert_eq!(copy(mapped.at(begin), buf.as_ptr(), len), there, "to {begin}");
        }
    }
    // SAFETY: inside the mapping.
    let found =
        [0, 2 * PAGE - 1, 2 * PAGE, 4 * PAGE - 1].map(|n| unsafe { is_there(mapped.at(n)) });
    assert_eq!(found, [true, true, false, false]);
}

#[test]
fn many_threads_take_and_leave_it() {
    let one = |seed: usize| {
        let mapped = Mapped::new(4);
        let mut buf = vec![0_u8; 4 * PAGE];
        for n in seed..seed + 300 {
            let _guard = Guard::new().unwrap();
            mapped.file.set_len((n % 4 * PAGE) as u64).unwrap();
            // SAFETY: inside the mapping and the vector.
            let done = unsafe { copy(buf.as_mut_ptr(), mapped.start, buf.len()) };
            assert_eq!(done, n % 4 * PAGE);
        }
    };
    std::thread::scope(|scope| {
        (0..4).for_each(|seed| {
            scope.spawn(move || one(seed));
        });
    });
}

#[test]
fn it_goes_with_the_last_guard() {
    if !is_alone("it_goes_with_the_last_guard") {
        return;
    }
    let flags = libc::SA_SIGINFO | libc::SA_RESTART;
    set_action(mender(), flags);
    for _ in 0..3 {
        let first = Guard::new().unwrap();
        let second = Guard::new().unwrap();
        assert!(is_ours(&current()));
        assert_eq!(current().sa_flags & (flags | libc::SA_ONSTACK), flags | libc::SA_ONSTACK);
        drop(first);
        assert!(is_ours(&current()), "one is left");
        drop(second);
        assert_eq!((current().sa_sigaction, current().sa_flags & flags), (mender(), flags));
    }
}

#[test]
fn what_is_not_ours_goes_to_the_former_handler() {
    if !is_alone("what_is_not_ours_goes_to_the_former_handler") {
        return;
    }
    set_action(mender(), libc::SA_SIGINFO | libc::SA_ONSTACK);
    let _guard = Guard::new().unwrap();
    let mapped = Mapped::new(2);
    mapped.file.set_len(0).unwrap();
    // SAFETY: inside the mapping.
    assert!(!unsafe { is_there(mapped.start) });
    assert_eq!(SEEN.load(Ordering::Relaxed), 0, "ours");
    // SAFETY: the handler puts a page there.
    assert_eq!(unsafe { mapped.at(PAGE + 5).read_volatile() }, 0);
    assert_eq!(SEEN.load(Ordering::Relaxed), 1);
    assert_eq!(ADDRESS.load(Ordering::Relaxed), mapped.at(PAGE + 5) as usize);
    // SAFETY: a signal with a handler, to this process.
    unsafe { libc::raise(libc::SIGBUS) };
    assert_eq!((SEEN.load(Ordering::Relaxed), WRONG.load(Ordering::Relaxed)), (2, 0));
    assert!(is_ours(&current()));
}

/// A signal that is sent comes to a copy as to anything else, and takes nothing from it.
#[test]
fn signals_that_are_sent_end_no_copy() {
    if !is_alone("signals_that_are_sent_end_no_copy") {
        return;
    }
    set_action(mender(), libc::SA_SIGINFO);
    let _guard = Guard::new().unwrap();
    let (source, mut target) = (vec![1_u8; 4 << 20], vec![0_u8; 4 << 20]);
    // SAFETY: takes nothing.
    let (process, thread) = unsafe { (libc::getpid(), libc::gettid()) };
    let sender = std::thread::spawn(move || {
        for _ in 0..500 {
            // SAFETY: a signal with a handler, to a thread that waits for this one.
            unsafe { libc::syscall(libc::SYS_tgkill, process, thread, libc::SIGBUS) };
            std::thread::sleep(std::time::Duration::from_micros(200));
        }
    });
    while !sender.is_finished() {
        // SAFETY: both are that long.
        let done = unsafe { copy(target.as_mut_ptr(), source.as_ptr(), source.len()) };
        assert_eq!(done, source.len());
    }
    sender.join().unwrap();
    assert!(SEEN.load(Ordering::Relaxed) > 0, "none of 500");
}

#[test]
fn without_a_former_handler_a_fault_is_the_end() {
    if let Some(output) = alone("without_a_former_handler_a_fault_is_the_end") {
        assert_eq!(output.status.signal(), Some(libc::SIGBUS), "{output:?}");
        return;
    }
    set_action(libc::SIG_IGN, 0);
    let guard = Guard::new().unwrap();
    // SAFETY: ignored, as without the guard.
    unsafe { libc::raise(libc::SIGBUS) };
    drop(guard);
    set_action(libc::SIG_DFL, 0);
    let _guard = Guard::new().unwrap();
    let mapped = Mapped::new(1);
    mapped.file.set_len(0).unwrap();
    // SAFETY: not there: the process ends here.
    let found = unsafe { mapped.start.read_volatile() };
    assert!(found > 0, "it went on");
    std::process::exit(3);
}

#[test]
fn a_handler_for_one_time_is_called_once() {
    if let Some(output) = alone("a_handler_for_one_time_is_called_once") {
        assert_eq!(output.status.signal(), Some(libc::SIGBUS), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stdout).contains("still here"), "{output:?}");
        return;
    }
    set_action(mender(), libc::SA_SIGINFO | libc::SA_RESETHAND);
    let _guard = Guard::new().unwrap();
    // SAFETY: handled once, and the end the second time.
    unsafe { libc::raise(libc::SIGBUS) };
    assert_eq!(SEEN.load(Ordering::Relaxed), 1);
    std::io::Write::write_all(&mut std::io::stdout(), b"still here\n").unwrap();
    // SAFETY: the end.
    unsafe { libc::raise(libc::SIGBUS) };
    std::process::exit(3);
}

#[test]
fn who_comes_over_it_stays() {
    if !is_alone("who_comes_over_it_stays") {
        return;
    }
    let guard = Guard::new().unwrap();
    let ours = set_action(mender(), libc::SA_SIGINFO);
    drop(guard);
    assert_eq!(current().sa_sigaction, mender(), "it is theirs now");
    assert!(Guard::new().is_err(), "theirs may call ours");
    // SAFETY: an action that the kernel gave.
    unsafe { libc::sigaction(libc::SIGBUS, &raw const ours, null_mut()) };
    let guard = Guard::new().unwrap();
    drop(guard);
    assert!(!is_ours(&current()));
}

#[test]
fn a_thread_that_blocks_the_signal_gets_none() {
    let blocked = std::thread::spawn(|| {
        // SAFETY: this thread's mask, and a local one.
        unsafe {
            let mut mask: libc::sigset_t = zeroed();
            libc::sigaddset(&raw mut mask, libc::SIGBUS);
            libc::pthread_sigmask(libc::SIG_BLOCK, &raw const mask, null_mut());
        }
        Guard::new().is_err()
    });
    assert!(blocked.join().unwrap());
}
