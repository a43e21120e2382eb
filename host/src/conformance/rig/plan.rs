//! Which requests make sense of this instance: kinds, sizes, places.
//!
//! Asked by checks. Looks at what the instance and its files say of themselves; drives nothing.

use super::super::check::Finding;
use super::words::Request;
use super::Rig;
use iodyno_engine_api::abi::*;

impl Rig<'_> {
    /// Reading and writing, as far as one job of this instance does them; reading where it says
    /// that it does neither.
    pub(in super::super) fn moves(&self) -> Vec<u32> {
        let both = [IOE_OP_READ, IOE_OP_WRITE];
        let asked = both.into_iter().filter(|op| self.ops & 1 << op != 0);
        let mut moves: Vec<u32> = asked.filter(|op| self.can(*op).is_ok()).collect();
        if self.is(IOE_F_UNIDIR) {
            moves.truncate(1);
        }
        if moves.is_empty() {
            moves.push(IOE_OP_READ);
        }
        moves
    }

    /// Skips instances that cannot do this in the job that they were told of.
    pub(in super::super) fn issues(&self, op: u32) -> Result<(), Finding> {
        self.can(op)?;
        match op > IOE_OP_WRITE || self.moves().contains(&op) {
            true => Ok(()),
            false => Err(Finding::skip("a job of it reads or writes, never both")),
        }
    }

    /// Request number `n` of a series: pieces of this length, one after the other, from the
    /// beginning again behind the file's last one.
    pub(in super::super) fn piece(&self, op: u32, n: u64, len: u64) -> Request {
        let (size, _) = self.file_size(0);
        let span = if size == 0 { self.span } else { size.min(self.span) };
        Request::new(op, n % (span / len).max(1) * len, len)
    }

    /// Request number `n` of a series of 4 KiB each: all that it reads and writes, in turn.
    pub(in super::super) fn nth(&self, n: u64) -> Request {
        let moves = self.moves();
        let op = moves[(n % moves.len() as u64) as usize];
        self.piece(op, n, 4096)
    }

    /// The same, as slow as can be asked for: durable writes where it writes, else long reads.
    pub(in super::super) fn slow(&self, n: u64) -> Request {
        let len = self.units.buffer_bytes() as u64;
        match self.moves().contains(&IOE_OP_WRITE) {
            true => Request { flags: IOE_IO_FUA, ..self.piece(IOE_OP_WRITE, n, len) },
            false => self.piece(IOE_OP_READ, n, len),
        }
    }

    /// Bytes that lengths and offsets have to be a multiple of: 1 where the target is a file of
    /// bytes.
    pub(in super::super) fn grain(&self) -> u64 {
        let (_, block_size) = self.file_size(0);
        match self.stand.place.is_directory() && !self.is(IOE_F_RAW | IOE_F_DISKLESS) {
            true => 1,
            false => u64::from(block_size.max(512)),
        }
    }

    /// The longest request of this instance, with buffers of this rig.
    pub(in super::super) fn len_max(&self) -> u64 {
        let buffer = self.units.buffer_bytes() as u64;
        match self.caps.max_transfer {
            0 => buffer,
            limit => buffer.min(limit),
        }
    }

    /// As many as there are units, in this order of preference: iodepths that the instance takes.
    pub(in super::super) fn depths(&self, wanted: &[u32]) -> Vec<u32> {
        let most = if self.caps.max_depth == 0 { u32::MAX } else { self.caps.max_depth };
        wanted.iter().copied().filter(|depth| *depth <= most).collect()
    }
}
