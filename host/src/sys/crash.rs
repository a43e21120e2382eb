//! Where a process was when a signal ended it: a handler that leaves signal, code address and
//! thread in a record of shared memory, and then lets the signal do what it would have done.
//!
//! [`watch`] is called by a cell before the first plugin is loaded, [`guard_thread`] by each thread
//! that calls engines; [`super::crash_report`] reads the record from outside. The handler allocates
//! nothing, takes no lock and calls nothing that is not async-signal-safe. Must not be used in the
//! control process, nor where a debugger is to see the signal first.

use super::maps::{self, Maps};
use super::region::Region;
use super::shm::Shared;
use std::cell::Cell;
use std::ffi::c_void;
use std::mem::ManuallyDrop;
use std::ptr::{null, null_mut};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicPtr, AtomicUsize};
use std::sync::{Mutex, PoisonError};

/// The signals of a program's own mistakes.
const SIGNALS: [i32; 7] = [
    libc::SIGSEGV,
    libc::SIGBUS,
    libc::SIGILL,
    libc::SIGFPE,
    libc::SIGABRT,
    libc::SIGTRAP,
    libc::SIGSYS,
];

/// Alternate stack of a thread: the kernel's frame with all vector registers, and the handler's.
const STACK_BYTES: usize = 64 << 10;

/// Plugins that are told apart from other libraries.
const MODULES_MAX: usize = 64;

/// Bytes of a path that are kept: its end, for the name is there.
pub(super) const NAME_BYTES: usize = 256;

/// Bytes of a stack that are searched for a return address.
const SEARCH_BYTES: usize = 64 << 10;

/// Ranges of code of plugins that are looked for there.
const CODE_RANGES_MAX: usize = 64;

/// How often a second thread that crashes looks whether the first one's record is written.
const PATIENCE: u32 = 10_000;

/// No worker's thread: anybody's, or the one that watched first.
pub(super) const NOBODY: u64 = u64::MAX;
pub(super) const MAIN: u64 = u64::MAX - 1;

/// Filled so far: nothing; being filled; the numbers; the modules too.
pub(super) const EMPTY: u64 = 0;
const CLAIMED: u64 = 1;
const NUMBERS: u64 = 2;
const MODULES: u64 = 3;

/// A place in code.
#[repr(C)]
#[derive(Debug)]
pub(super) struct PlaceRecord {
    /// Its address.
    pub(super) address: AtomicU64,
    /// Where the file begins that it lies in.
    pub(super) base: AtomicU64,
    /// Bytes of that file's path.
    pub(super) name_len: AtomicU64,
    /// The path's end.
    pub(super) name: [AtomicU64; NAME_BYTES / 8],
}

/// What the first signal leaves. All zero bytes: nothing happened.
#[repr(C)]
#[derive(Debug)]
pub struct CrashRecord {
    pub(super) state: AtomicU64,
    pub(super) signal: AtomicU64,
    /// `si_code`, sign-extended.
    pub(super) code: AtomicU64,
    /// `si_pid` where the signal was sent; our own id is no other process.
    pub(super) sender: AtomicU64,
    /// `si_addr`.
    pub(super) data_address: AtomicU64,
    pub(super) tid: AtomicU64,
    /// Number of the worker whose thread it was, or [`NOBODY`], or [`MAIN`].
    pub(super) worker: AtomicU64,
    pub(super) at: PlaceRecord,
    /// Where in a plugin that was called from; address 0: not known.
    pub(super) caller: PlaceRecord,
}

// SAFETY: consists of AtomicU64 alone: no pointer, every bit pattern is a number, alignment 8.
unsafe impl Shared for CrashRecord {}

static RECORD: AtomicPtr<CrashRecord> = AtomicPtr::new(null_mut());
static MODULES_KNOWN: [AtomicPtr<Vec<u8>>; MODULES_MAX] =
    [const { AtomicPtr::new(null_mut()) }; MODULES_MAX];
static MODULES_COUNT: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// Without a destructor and known at compile time, so that a handler may read it on any thread.
    static WORKER: Cell<u64> = const { Cell::new(NOBODY) };
}

/// From now on a crash of this process is recorded, and one of the calling thread also where its
/// stack is used up.
///
/// # Errors
/// The kernel refuses; nothing is recorded then, and all else is as it was.
pub fn watch(record: &'static CrashRecord) -> std::io::Result<Guard> {
    let guard = Guard::new()?;
    WORKER.set(MAIN);
    RECORD.store(std::ptr::from_ref(record).cast_mut(), Release);
    // SAFETY: a zeroed sigaction is a valid one (no flags, empty mask, SIG_DFL).
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    let handler: extern "C" fn(i32, *mut libc::siginfo_t, *mut c_void) = on_signal;
    action.sa_sigaction = handler as usize;
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
    // SAFETY: the mask is a local one.
    unsafe { libc::sigfillset(&raw mut action.sa_mask) };
    for signal in SIGNALS {
        // SAFETY: `on_signal` has the signature that SA_SIGINFO asks for and keeps to what a
        // handler may do (see there); the action is whole, and no old one is asked for.
        if unsafe { libc::sigaction(signal, &raw const action, null_mut()) } != 0 {
            return Err(std::io::Error::last_os_error());
        }
    }
    Ok(guard)
}

/// A file whose code is a plugin's, as `/proc/self/maps` names it. What does not fit into the list
/// is told apart no more.
pub fn know_module(path: Vec<u8>) {
    let free = MODULES_COUNT.fetch_add(1, Relaxed);
    if let Some(slot) = MODULES_KNOWN.get(free) {
        // For ever: a handler may look at it at any time.
        slot.store(Box::into_raw(Box::new(path)), Release);
    }
}

/// The calling thread is the worker's of this number, and has a stack for the handler until the
/// guard is dropped, on this thread. Nothing where nobody watches.
pub fn guard_thread(worker: u32) -> Option<Guard> {
    if RECORD.load(Relaxed).is_null() {
        return None;
    }
    WORKER.set(u64::from(worker));
    // Without it a stack overflow ends the process as it would have without a handler.
    Guard::new().ok()
}

/// Alternate stacks that no thread has, by address. Made many at a time, and kept: a thousand
/// threads would otherwise map and unmap a thousand times.
static STACKS: Mutex<Vec<usize>> = Mutex::new(Vec::new());

/// So many at a time.
const STACKS_MADE: usize = 64;

fn free_stack() -> std::io::Result<usize> {
    let mut free = STACKS.lock().unwrap_or_else(PoisonError::into_inner);
    if free.is_empty() {
        // Without guard pages between them: the handler needs a fraction of one.
        let made = ManuallyDrop::new(Region::new(STACK_BYTES * STACKS_MADE, 4096)?);
        let first = made.base().as_ptr() as usize;
        free.extend((0..STACKS_MADE).map(|index| first + index * STACK_BYTES));
    }
    Ok(free.pop().unwrap_or_else(|| unreachable!("some were made")))
}

/// A thread's alternate stack.
#[derive(Debug)]
pub struct Guard {
    /// One of [`STACKS`].
    stack: usize,
    /// It is the making thread's.
    _here: std::marker::PhantomData<*const ()>,
}

impl Guard {
    fn new() -> std::io::Result<Guard> {
        let stack = free_stack()?;
        let alternate =
            libc::stack_t { ss_sp: stack as *mut c_void, ss_flags: 0, ss_size: STACK_BYTES };
        // SAFETY: the memory stays mapped for ever, and is nobody else's until `drop` has taken it
        // away from the kernel again.
        match unsafe { libc::sigaltstack(&raw const alternate, null_mut()) } {
            0 => Ok(Guard { stack, _here: std::marker::PhantomData }),
            _ => Err(std::io::Error::last_os_error()),
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let none =
            libc::stack_t { ss_sp: null_mut(), ss_flags: libc::SS_DISABLE, ss_size: STACK_BYTES };
        // SAFETY: same thread (the guard is not Send), and no handler runs on the stack: one that
        // has begun ends the process.
        unsafe { libc::sigaltstack(&raw const none, null_mut()) };
        STACKS.lock().unwrap_or_else(PoisonError::into_inner).push(self.stack);
    }
}

/// The handler. Uses what signal-safety(7) allows: atomics, a thread-local without destructor,
/// open, read, close, sched_yield, sigaction and system calls; its buffers are static ones, which
/// belong to the one thread that has claimed the record.
extern "C" fn on_signal(signal: i32, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: set once by `watch`, from a reference that is valid for ever.
    if let Some(record) = unsafe { RECORD.load(Acquire).as_ref() } {
        if record.state.compare_exchange(EMPTY, CLAIMED, Acquire, Relaxed).is_ok() {
            // SAFETY: the kernel's own pointers, valid while the handler runs.
            let registers = unsafe { fill_numbers(record, signal, info, context) };
            record.state.store(NUMBERS, Release);
            fill_modules(record, registers);
            record.state.store(MODULES, Release);
        } else {
            wait_for_the_first(record);
        }
    }
    die_of(signal);
}

/// Two threads may crash at once: the record is the first one's, and is to be whole.
fn wait_for_the_first(record: &CrashRecord) {
    for _ in 0..PATIENCE {
        if record.state.load(Relaxed) == MODULES {
            return;
        }
        // SAFETY: takes nothing.
        unsafe { libc::sched_yield() };
    }
}

/// The signal once more, with its default action: blocked until the handler returns, and the end of
/// the process then.
fn die_of(signal: i32) {
    // SAFETY: as in `watch`: a zeroed action is SIG_DFL. tgkill takes numbers.
    unsafe {
        let action: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal, &raw const action, null_mut());
        libc::syscall(libc::SYS_tgkill, libc::getpid(), libc::gettid(), signal);
    }
}

/// Code address and stack pointer; 0 where this machine's are not known here.
#[derive(Clone, Copy)]
struct Registers {
    pc: usize,
    sp: usize,
}

/// # Safety
/// The pointers must be those of a running handler.
unsafe fn fill_numbers(
    record: &CrashRecord,
    signal: i32,
    info: *mut libc::siginfo_t,
    context: *mut c_void,
) -> Registers {
    // SAFETY: by contract.
    let (info, registers) = unsafe { (&*info, registers(context.cast())) };
    let sent = info.si_code <= 0;
    // SAFETY: a signal that was sent has a sender, any other an address; both are plain numbers of
    // a union that the kernel fills whole.
    let (sender, address) = unsafe { (info.si_pid(), info.si_addr()) };
    // SAFETY: takes nothing.
    let own = unsafe { libc::getpid() };
    let other = sent && sender != own;
    record.signal.store(signal as u64, Relaxed);
    record.code.store(i64::from(info.si_code) as u64, Relaxed);
    record.sender.store(if other { sender as u64 } else { 0 }, Relaxed);
    record.data_address.store(if sent { 0 } else { address as u64 }, Relaxed);
    // SAFETY: takes nothing.
    record.tid.store(unsafe { libc::gettid() } as u64, Relaxed);
    record.worker.store(WORKER.get(), Relaxed);
    record.at.address.store(registers.pc as u64, Relaxed);
    registers
}

/// # Safety
/// The pointer must be the context of a running handler.
#[cfg(target_arch = "x86_64")]
unsafe fn registers(context: *const libc::ucontext_t) -> Registers {
    // SAFETY: by contract.
    let all = unsafe { &(*context).uc_mcontext.gregs };
    Registers { pc: all[libc::REG_RIP as usize] as usize, sp: all[libc::REG_RSP as usize] as usize }
}

/// # Safety
/// The pointer must be the context of a running handler.
#[cfg(target_arch = "aarch64")]
unsafe fn registers(context: *const libc::ucontext_t) -> Registers {
    // SAFETY: by contract.
    let all = unsafe { &(*context).uc_mcontext };
    Registers { pc: all.pc as usize, sp: all.sp as usize }
}

/// # Safety
/// None needed.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
unsafe fn registers(_context: *const libc::ucontext_t) -> Registers {
    Registers { pc: 0, sp: 0 }
}

/// Code of a plugin.
#[derive(Clone, Copy)]
struct Code {
    start: usize,
    end: usize,
    base: usize,
    module: *const Vec<u8>,
}

/// Which file the code lies in and, where that is no plugin, the innermost return address on the
/// stack that is one into a plugin.
fn fill_modules(record: &CrashRecord, registers: Registers) {
    let none = Code { start: 0, end: 0, base: 0, module: null() };
    let mut codes = [none; CODE_RANGES_MAX];
    let (mut count, mut in_plugin, mut stack) = (0, false, (0, 0));
    // SAFETY: this thread has claimed the record, which happens once in a process.
    let Some(maps) = (unsafe { Maps::open() }) else { return };
    maps.each(|map| {
        let module = known(map.path);
        if map.holds(registers.pc) {
            store_place(&record.at, map.base, map.path);
            in_plugin = module.is_some();
        }
        if map.holds(registers.sp) && map.is_memory && map.readable {
            stack = (registers.sp.next_multiple_of(8), map.end);
        }
        let is_code = map.executable && map.readable;
        if let (Some(module), true, true) = (module, is_code, count < codes.len()) {
            codes[count] = Code { start: map.start, end: map.end, base: map.base, module };
            count += 1;
        }
    });
    if !in_plugin {
        find_caller(record, &codes[..count], stack);
    }
}

/// The known plugin of that path.
fn known(path: &[u8]) -> Option<*const Vec<u8>> {
    let path = path.strip_suffix(maps::DELETED).unwrap_or(path);
    let all = MODULES_KNOWN.iter().map(|slot| slot.load(Acquire).cast_const());
    let mut all = all.take_while(|module| !module.is_null());
    // SAFETY: not null, and so a vector that `know_module` left for ever and nobody writes.
    all.find(|module| unsafe { path == (**module).as_slice() })
}

fn find_caller(record: &CrashRecord, codes: &[Code], (begin, end): (usize, usize)) {
    let end = end.min(begin.saturating_add(SEARCH_BYTES));
    for at in (begin..end.saturating_sub(7)).step_by(8) {
        // SAFETY: aligned, and inside the mapping that holds the stack pointer, from there towards
        // its end: readable private memory, as the kernel's list of this process's maps has it.
        let word = unsafe { (at as *const usize).read_volatile() };
        let code = codes.iter().find(|code| code.start + 8 <= word && word < code.end);
        let Some(code) = code else { continue };
        // SAFETY: at least 8 bytes before `word` lie in readable code of that mapping.
        if unsafe { follows_call(word) } {
            // Within the call: a call that never returns may be the function's last instruction.
            record.caller.address.store(word as u64 - 1, Relaxed);
            // SAFETY: as in `known`.
            let path = unsafe { (*code.module).as_slice() };
            store_place(&record.caller, code.base, path);
            return;
        }
    }
}

/// Whether the instruction before this address is a call.
///
/// # Safety
/// The 8 bytes before it must be readable.
unsafe fn follows_call(address: usize) -> bool {
    // SAFETY: by contract, for the distances below.
    let byte = |back: usize| unsafe { ((address - back) as *const u8).read_volatile() };
    if cfg!(target_arch = "x86_64") {
        // call rel32, or call r/m in each of its lengths.
        let indirect = |len: usize| byte(len) == 0xff && (byte(len - 1) >> 3) & 7 == 2;
        byte(5) == 0xe8 || [2, 3, 4, 6, 7].into_iter().any(indirect)
    } else if cfg!(target_arch = "aarch64") {
        let word = u32::from_le_bytes([byte(4), byte(3), byte(2), byte(1)]);
        word & 0xfc00_0000 == 0x9400_0000 || word & 0xffff_fc1f == 0xd63f_0000
    } else {
        true
    }
}

fn store_place(place: &PlaceRecord, base: usize, path: &[u8]) {
    let name = &path[path.len().saturating_sub(NAME_BYTES)..];
    for (word, bytes) in place.name.iter().zip(name.chunks(8)) {
        let mut whole = [0; 8];
        whole[..bytes.len()].copy_from_slice(bytes);
        word.store(u64::from_ne_bytes(whole), Relaxed);
    }
    place.base.store(base as u64, Relaxed);
    place.name_len.store(name.len() as u64, Relaxed);
}
