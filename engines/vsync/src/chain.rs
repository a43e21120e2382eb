//! Requests that follow one another: same file, same direction, same flags, each one beginning
//! where the one before it ends.
//!
//! `engine` asks whether a request fits, takes it, transfers the whole chain at commit and hands
//! the units back. A result is each unit's own: nobody's error is another's, and only the end of
//! the file ends a chain. Allocates nothing after `new`, save for files that are opened.

use iodyno_engine_api::abi::IOE_OP_READ;
use iodyno_engine_api::{File, Reaped, Request, Unit};
use iodyno_engine_support::errno::Errno;
use iodyno_engine_support::position::Positions;
use iodyno_engine_support::whole::rwf;
use iodyno_engine_support::{fd, iovec};
use std::collections::VecDeque;

/// What the kernel takes in one call: iovecs (UIO_MAXIOV), and bytes (MAX_RW_COUNT).
const MAX_PARTS: usize = 1024;
const MAX_BYTES: u64 = 0x7fff_f000;

/// Units between `queue` and `getevents`, in the order of their offsets.
pub(crate) struct Chain {
    depth: usize,
    taken: VecDeque<Unit>,
    parts: Vec<libc::iovec>, // of what was taken since the last commit, in the same order
    end: u64,                // where the next neighbour begins
    bytes: u64,
    done: VecDeque<(Unit, Result<u64, Errno>)>,
    positions: Positions,
}

impl Chain {
    /// Room for `depth` units.
    pub(crate) fn new(depth: usize) -> Chain {
        let depth = depth.max(1);
        Chain {
            depth,
            taken: VecDeque::with_capacity(depth),
            parts: Vec::with_capacity(depth),
            end: 0,
            bytes: 0,
            done: VecDeque::with_capacity(depth),
            positions: Positions::default(),
        }
    }

    /// A file is to be opened.
    pub(crate) fn opened(&mut self, file: &File<'_>) {
        self.positions.opened(file);
    }

    /// Whether nothing is waiting for its commit.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.taken.is_empty()
    }

    /// Whether a request is the next neighbour, and there is room for it.
    #[inline]
    pub(crate) fn fits(&self, io: &Request) -> bool {
        if self.taken.len() + self.done.len() >= self.depth {
            return false;
        }
        let Some(last) = self.taken.back() else { return true };
        io.offset() == self.end
            && io.op() == last.op()
            && io.flags() == last.flags()
            && self.taken.len() < MAX_PARTS
            && self.bytes.saturating_add(io.len()) <= MAX_BYTES
            && same_file(io, last)
    }

    /// Takes a request that fits.
    #[inline]
    pub(crate) fn take(&mut self, unit: Unit) {
        if self.taken.is_empty() {
            self.bytes = 0;
        }
        // What has no end is judged by the kernel, alone: nothing can follow it.
        self.end = unit.offset().saturating_add(unit.len());
        self.bytes = self.bytes.saturating_add(unit.len());
        self.parts.push(iovec::of(&unit));
        self.taken.push_back(unit);
    }

    /// Transfers all that was taken: in one call, unless the kernel stops in between.
    #[inline]
    pub(crate) fn transfer(&mut self) {
        while !self.taken.is_empty() {
            match self.call(self.taken.len()) {
                Ok(done) => self.share_out(done),
                Err(errno) if self.taken.len() == 1 => self.ended(Err(errno)),
                // The error of all is the error of one: the first finds out, the others go on.
                Err(_) => {
                    let alone = self.call(1);
                    self.ended(alone);
                }
            }
        }
        self.parts.clear();
    }

    /// One system call for the first `count` of those that are still to be transferred.
    #[inline]
    fn call(&mut self, count: usize) -> Result<u64, Errno> {
        let Some(first) = self.taken.front() else { return Ok(0) };
        let Some(file) = first.file() else { return Err(libc::EBADF) };
        let (offset, flags) = (first.offset(), rwf(first));
        self.positions.go(&file, offset)?;
        let begin = self.parts.len() - self.taken.len();
        let parts = &self.parts[begin..begin + count];
        // SAFETY: each part is the buffer of a unit that was taken and not handed back yet; all
        // units of a chain are reads, whose buffers are writable, or writes, whose are readable.
        let result = unsafe {
            match first.op() {
                IOE_OP_READ => fd::readv(file.fd(), parts, flags),
                _ => fd::writev(file.fd(), parts, flags),
            }
        };
        self.positions.moved(&file, offset, result);
        result
    }

    /// Gives each unit its part of what one call has done. The first one that got less than it
    /// wanted ends short; those behind it are left, for the next call.
    #[inline]
    fn share_out(&mut self, done: u64) {
        let mut left = done;
        while let Some(unit) = self.taken.front() {
            let (len, part) = (unit.len(), left.min(unit.len()));
            if part < len && part == 0 && done > 0 {
                return;
            }
            self.ended(Ok(part));
            left -= part;
            if part < len && done > 0 {
                return;
            }
        }
    }

    /// The first of those that are still to be transferred has its result.
    #[inline]
    fn ended(&mut self, result: Result<u64, Errno>) {
        if let Some(unit) = self.taken.pop_front() {
            self.done.push_back((unit, result));
        }
    }

    /// Hands back as many units as are done and fit.
    #[inline]
    pub(crate) fn hand_back(&mut self, reaped: &mut Reaped<'_>) {
        while reaped.room() > 0 {
            let Some((unit, result)) = self.done.pop_front() else { return };
            reaped.push(unit, result);
        }
    }
}

/// Whether two requests go to one target.
#[inline]
fn same_file(a: &Request, b: &Request) -> bool {
    match (a.file(), b.file()) {
        (Some(a), Some(b)) => a.index() == b.index() && a.fd() == b.fd(),
        _ => false,
    }
}
