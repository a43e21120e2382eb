//! Copies that a missing page ends early, and the handler of SIGBUS that makes them do so.
//!
//! `copy` takes a [`Guard`] per instance and copies through [`copy`]; `engine` asks [`is_there`].
//! The two functions that may touch a page that is gone are a few instructions of machine code,
//! so that it is known which one faults and what is in the registers then. Must not keep from
//! anybody a SIGBUS that is not of these instructions, nor stay when no instance is left.

use iodyno_engine_api::Error;
use std::arch::global_asm;
use std::ffi::{c_int, c_void};
use std::io;
use std::mem::zeroed;
use std::ptr::{from_ref, null, null_mut};
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Mutex, PoisonError};

#[cfg(test)]
mod tests;

// System V calling convention: arguments in rdi, rsi, rdx; result in rax; rcx, rsi, rdi and the
// vector registers are the callee's to change; the direction flag is clear. `rep movsb` counts rcx
// down by what it has moved, and a fault in it leaves rip at it and the three registers as far as
// it came: the landing is the next instruction, which is reached with rcx = 0 where nothing
// faults. With AVX, pieces of 128 bytes go through registers of 32, which takes some 50 of 200 ns
// less for 4 KiB out of a third-level cache (Zen 5). There the three registers move on when a piece
// is through, so that a fault within one goes on with `rep movsb` from the piece's beginning. No
// function touches the stack.
global_asm!(
    ".pushsection .text.iodyno_mmap_guard,\"ax\",@progbits",
    ".p2align 5",
    ".hidden iodyno_mmap_copy_avx",
    ".globl iodyno_mmap_copy_avx",
    ".type iodyno_mmap_copy_avx,@function",
    "iodyno_mmap_copy_avx:",
    ".cfi_startproc",
    "mov rcx, rdx",
    "cmp rcx, 128",
    "jb iodyno_mmap_copy_rest",
    ".p2align 5",
    ".hidden iodyno_mmap_copy_pieces",
    ".globl iodyno_mmap_copy_pieces",
    "iodyno_mmap_copy_pieces:",
    "vmovdqu ymm0, [rsi]",
    "vmovdqu ymm1, [rsi + 32]",
    "vmovdqu ymm2, [rsi + 64]",
    "vmovdqu ymm3, [rsi + 96]",
    "vmovdqu [rdi], ymm0",
    "vmovdqu [rdi + 32], ymm1",
    "vmovdqu [rdi + 64], ymm2",
    "vmovdqu [rdi + 96], ymm3",
    ".hidden iodyno_mmap_copy_pieces_end",
    ".globl iodyno_mmap_copy_pieces_end",
    "iodyno_mmap_copy_pieces_end:",
    "add rsi, 128",
    "add rdi, 128",
    "sub rcx, 128",
    "cmp rcx, 128",
    "jae iodyno_mmap_copy_pieces",
    "vzeroupper",
    "test rcx, rcx",
    "jnz iodyno_mmap_copy_rest",
    "xor eax, eax",
    "ret",
    ".cfi_endproc",
    ".size iodyno_mmap_copy_avx, . - iodyno_mmap_copy_avx",
    ".p2align 5",
    ".hidden iodyno_mmap_copy",
    ".globl iodyno_mmap_copy",
    ".type iodyno_mmap_copy,@function",
    "iodyno_mmap_copy:",
    ".cfi_startproc",
    "mov rcx, rdx",
    "iodyno_mmap_copy_rest:",
    ".hidden iodyno_mmap_copy_faults",
    ".globl iodyno_mmap_copy_faults",
    "iodyno_mmap_copy_faults:",
    "rep movsb",
    ".hidden iodyno_mmap_copy_lands",
    ".globl iodyno_mmap_copy_lands",
    "iodyno_mmap_copy_lands:",
    "mov rax, rcx",
    "ret",
    ".cfi_endproc",
    ".size iodyno_mmap_copy, . - iodyno_mmap_copy",
    ".p2align 5",
    ".hidden iodyno_mmap_touch",
    ".globl iodyno_mmap_touch",
    ".type iodyno_mmap_touch,@function",
    "iodyno_mmap_touch:",
    ".cfi_startproc",
    "xor eax, eax",
    ".hidden iodyno_mmap_touch_faults",
    ".globl iodyno_mmap_touch_faults",
    "iodyno_mmap_touch_faults:",
    "movzx ecx, byte ptr [rdi]",
    "mov eax, 1",
    ".hidden iodyno_mmap_touch_lands",
    ".globl iodyno_mmap_touch_lands",
    "iodyno_mmap_touch_lands:",
    "ret",
    ".cfi_endproc",
    ".size iodyno_mmap_touch, . - iodyno_mmap_touch",
    ".popsection",
);

// SAFETY: the functions above, their signatures as their registers are used there; all others
// are places in them, of which nothing but the address is ever taken.
unsafe extern "C" {
    fn iodyno_mmap_copy(to: *mut u8, from: *const u8, len: usize) -> usize;
    fn iodyno_mmap_copy_avx(to: *mut u8, from: *const u8, len: usize) -> usize;
    fn iodyno_mmap_touch(at: *const u8) -> usize;
    static iodyno_mmap_copy_pieces: u8;
    static iodyno_mmap_copy_pieces_end: u8;
    static iodyno_mmap_copy_faults: u8;
    static iodyno_mmap_copy_lands: u8;
    static iodyno_mmap_touch_faults: u8;
    static iodyno_mmap_touch_lands: u8;
}

/// Copies until a page is missing: bytes copied.
///
/// # Safety
/// `to` is in mappings of this process that allow stores, `from` in ones that allow loads, `len`
/// bytes each, which do not overlap and which nobody relies on to stay as they are. A [`Guard`] is
/// there, or a missing page is the end of the process.
#[inline]
pub(crate) unsafe fn copy(to: *mut u8, from: *const u8, len: usize) -> usize {
    let has_avx = is_x86_feature_detected!("avx");
    // SAFETY: the caller's ranges, of which no byte outside is touched; the processor has what the
    // first one asks for. What is left is <= len.
    let left = unsafe {
        match has_avx {
            true => iodyno_mmap_copy_avx(to, from, len),
            false => iodyno_mmap_copy(to, from, len),
        }
    };
    len - left
}

/// Whether the page of this byte is there; reads it in where it is.
///
/// # Safety
/// As for [`copy`], of one byte.
#[inline]
pub(crate) unsafe fn is_there(at: *const u8) -> bool {
    // SAFETY: the caller's byte, read and forgotten.
    unsafe { iodyno_mmap_touch(at) != 0 }
}

/// Who gets what is not ours: what was set when the handler was. Points to one that lives for
/// ever, since a handler may look at it at any time; null until there was one.
static PREVIOUS: AtomicPtr<libc::sigaction> = AtomicPtr::new(null_mut());

static STATE: Mutex<State> = Mutex::new(State { guards: 0, left: false });

#[derive(Debug)]
struct State {
    guards: usize,
    left: bool, // somebody has set a handler over ours, which may call ours: it cannot go
}

/// While there is one, missing pages end copies and not the process.
#[derive(Debug)]
pub(crate) struct Guard(());

impl Guard {
    /// Sets the handler, if this is the only guard.
    pub(crate) fn new() -> Result<Guard, Error> {
        if is_blocked() {
            return Err(refusal(libc::EINVAL, "this thread blocks SIGBUS"));
        }
        let mut state = STATE.lock().unwrap_or_else(PoisonError::into_inner);
        if state.guards == 0 {
            set(&mut state)?;
        }
        state.guards += 1;
        Ok(Guard(()))
    }
}

impl Drop for Guard {
    /// The last one gives back what was there before, unless somebody else has come since.
    fn drop(&mut self) {
        let mut state = STATE.lock().unwrap_or_else(PoisonError::into_inner);
        state.guards -= 1;
        if state.guards > 0 {
            return;
        }
        let before = PREVIOUS.load(Ordering::Relaxed);
        state.left = !is_ours(&current());
        if !state.left {
            // SAFETY: not null and for ever, since set() has succeeded for this guard.
            unsafe { libc::sigaction(libc::SIGBUS, before, null_mut()) };
        }
    }
}

fn set(state: &mut State) -> Result<(), Error> {
    let before = current();
    if is_ours(&before) {
        return Ok(()); // left beneath somebody who is gone by now
    }
    if state.left {
        let why = "a handler of SIGBUS that was set over this engine's is still there";
        return Err(refusal(libc::EBUSY, why));
    }
    remember(before);
    let mut action = before;
    let handler: extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) = on_sigbus;
    action.sa_sigaction = handler as usize;
    // The former one's mask stays, and what it says of nesting; it is run on the stack of its
    // wish where a thread has one, and gets SA_SIGINFO's arguments only if it wants them.
    action.sa_flags &= libc::SA_NODEFER | libc::SA_RESTART;
    action.sa_flags |= libc::SA_SIGINFO | libc::SA_ONSTACK;
    // SAFETY: `on_sigbus` has the signature that SA_SIGINFO asks for and does what a handler may
    // do; the action is whole, copied from one that the kernel gave.
    match unsafe { libc::sigaction(libc::SIGBUS, &raw const action, null_mut()) } {
        0 => Ok(()),
        _ => {
            let why = io::Error::last_os_error();
            Err(refusal(why.raw_os_error().unwrap_or(libc::EIO), &why.to_string()))
        }
    }
}

/// Makes it the one that [`PREVIOUS`] leads to. What is leaked is one for each change of it: a run
/// of many jobs in one process finds the same one again and again.
fn remember(before: libc::sigaction) {
    let kept = PREVIOUS.load(Ordering::Relaxed);
    // SAFETY: null, or one that lives for ever and that nobody changes.
    if unsafe { kept.as_ref() }.is_none_or(|kept| !is_same(kept, &before)) {
        PREVIOUS.store(Box::into_raw(Box::new(before)), Ordering::Release);
    }
}

fn is_same(a: &libc::sigaction, b: &libc::sigaction) -> bool {
    let blocks = |action: &libc::sigaction, signal| {
        // SAFETY: a whole mask; a number that is no signal is answered with -1.
        unsafe { libc::sigismember(&raw const action.sa_mask, signal) }
    };
    a.sa_sigaction == b.sa_sigaction
        && a.sa_flags == b.sa_flags
        && (1..=64).all(|signal| blocks(a, signal) == blocks(b, signal))
}

fn is_ours(action: &libc::sigaction) -> bool {
    let handler: extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) = on_sigbus;
    action.sa_sigaction == handler as usize
}

fn current() -> libc::sigaction {
    // SAFETY: a zeroed action is a valid one; the kernel fills it. It cannot fail: the signal
    // exists and the pointer is a local's.
    unsafe {
        let mut action: libc::sigaction = zeroed();
        libc::sigaction(libc::SIGBUS, null(), &raw mut action);
        action
    }
}

/// A fault while its signal is blocked ends the process, whatever handler there is.
fn is_blocked() -> bool {
    // SAFETY: a zeroed mask is an empty one; the kernel fills it.
    unsafe {
        let mut mask: libc::sigset_t = zeroed();
        libc::pthread_sigmask(libc::SIG_SETMASK, null(), &raw mut mask);
        libc::sigismember(&raw const mask, libc::SIGBUS) == 1
    }
}

fn refusal(errno: c_int, why: &str) -> Error {
    let words = format!(
        "copy=guarded needs a handler of SIGBUS, which cannot be set here: {why} (copy=kernel \
         does without)"
    );
    Error::new(errno, words)
}

/// The handler. A fault of one of the instructions above goes on at its landing; all else is the
/// former handler's. Allocates nothing, takes no lock, keeps errno (the landing needs no system
/// call, and what needs one does not come back).
extern "C" fn on_sigbus(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel's own, or those of a handler that calls this one with what it got.
    let code = unsafe { (*info).si_code };
    // A signal that somebody sent, or news of memory that fails somewhere, may come at any
    // instruction and is not about it.
    let is_fault = matches!(code, libc::BUS_ADRERR | libc::BUS_OBJERR | libc::BUS_MCEERR_AR);
    // SAFETY: as above; handlers may write to the context, which the kernel restores from.
    let registers = unsafe { &mut (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs };
    let pc = &mut registers[libc::REG_RIP as usize];
    if let Some(landing) = landing(*pc as usize).filter(|_| is_fault) {
        *pc = landing as i64;
        return;
    }
    pass_on(signal, info, context, is_fault);
}

/// Where to go on after a fault at this address.
fn landing(pc: usize) -> Option<usize> {
    let place = |label: *const u8| label as usize;
    // Only addresses are taken, and no memory is read.
    let faults = [
        (&raw const iodyno_mmap_copy_faults, &raw const iodyno_mmap_copy_lands),
        (&raw const iodyno_mmap_touch_faults, &raw const iodyno_mmap_touch_lands),
    ];
    let pieces =
        place(&raw const iodyno_mmap_copy_pieces)..place(&raw const iodyno_mmap_copy_pieces_end);
    if pieces.contains(&pc) {
        return Some(place(&raw const iodyno_mmap_copy_faults));
    }
    faults.into_iter().find(|(fault, _)| place(*fault) == pc).map(|(_, landing)| place(landing))
}

/// Does what would have been done without this handler.
fn pass_on(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void, is_fault: bool) {
    // SAFETY: set before this handler was, and for ever.
    let Some(former) = (unsafe { PREVIOUS.load(Ordering::Acquire).as_ref() }) else {
        return die_of(signal, info);
    };
    match former.sa_sigaction {
        // The kernel lets nobody ignore a fault.
        libc::SIG_IGN if !is_fault => {}
        libc::SIG_IGN | libc::SIG_DFL => die_of(signal, info),
        handler => {
            if former.sa_flags & libc::SA_RESETHAND != 0 {
                PREVIOUS.store(from_ref(&DEFAULT.0).cast_mut(), Ordering::Release);
            }
            if former.sa_flags & libc::SA_SIGINFO == 0 {
                // SAFETY: neither of the two above, and so a function that somebody gave to
                // sigaction without SA_SIGINFO, whose signature that is.
                let handler: extern "C" fn(c_int) = unsafe { std::mem::transmute(handler) };
                return handler(signal);
            }
            // SAFETY: as above, with SA_SIGINFO.
            let handler: extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) =
                unsafe { std::mem::transmute(handler) };
            handler(signal, info, context);
        }
    }
}

/// What a handler that was for one time leaves.
static DEFAULT: Default = Default(
    // SAFETY: a zeroed action is SIG_DFL without flags and mask.
    unsafe { zeroed() },
);

struct Default(libc::sigaction);

// SAFETY: never written to.
unsafe impl Sync for Default {}

/// The default action, with the signal as it came: a core and a parent see what they would have
/// seen. It is blocked until the handler returns, unless the former one wished otherwise.
fn die_of(signal: c_int, info: *mut libc::siginfo_t) {
    // SAFETY: the default action is a whole one; a process may send itself any siginfo, and this
    // one is the kernel's. All calls are async-signal-safe.
    unsafe {
        libc::sigaction(signal, &raw const DEFAULT.0, null_mut());
        let (process, thread) = (libc::getpid(), libc::gettid());
        libc::syscall(libc::SYS_rt_tgsigqueueinfo, process, thread, signal, info);
    }
}
