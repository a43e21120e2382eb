//! Offsets of a plain load with one file, one direction and one block size, drawn many at a time.
//!
//! Called by [`super::generator`]: what it would ask for each request (is the loop over, whose turn
//! is it, is there room) it asks once for a stretch of them, and random numbers are drawn in
//! registers. The sequence is the one that single requests would have. Holds offsets alone; when a
//! stretch may be drawn, and how long it may be, the generator knows.

/// Offsets drawn at a time.
pub(super) const STRETCH_MAX: usize = 32;

/// Offsets that were drawn and not yet given.
#[derive(Clone, Debug, Default)]
pub(super) struct Stretch {
    offsets: [u64; STRETCH_MAX],
    len: usize,
    at: usize,
}

impl Stretch {
    /// The next one.
    #[inline(always)]
    pub(super) fn next(&mut self) -> Option<u64> {
        if self.at == self.len {
            return None;
        }
        let offset = self.offsets[self.at % STRETCH_MAX];
        self.at += 1;
        Some(offset)
    }

    /// All were given.
    pub(super) fn is_empty(&self) -> bool {
        self.at == self.len
    }

    /// Takes up to `count` offsets, fewer where there are no more. How many there were.
    #[inline(always)]
    pub(super) fn fill(&mut self, count: usize, mut draw: impl FnMut() -> Option<u64>) -> usize {
        debug_assert!(self.is_empty());
        (self.at, self.len) = (0, 0);
        for place in self.offsets.iter_mut().take(count) {
            let Some(offset) = draw() else { break };
            *place = offset;
            self.len += 1;
        }
        self.len
    }
}
