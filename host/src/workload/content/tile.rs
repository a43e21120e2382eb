//! A pattern written out once to the length of the largest request, so that laying it into a
//! buffer is one copy.
//!
//! Used by the rest of [`super`]; knows nothing of where a pattern comes from.

/// The pattern, repeated.
#[derive(Clone, Debug)]
pub(super) struct Tile {
    /// A whole number of repetitions.
    bytes: Vec<u8>,
}

impl Tile {
    /// None where the pattern is empty. No copy will be longer than `max_len` for long: a longer
    /// one is made of several.
    pub(super) fn new(pattern: &[u8], max_len: u64) -> Option<Tile> {
        if pattern.is_empty() {
            return None;
        }
        let times = (max_len as usize).div_ceil(pattern.len()).max(1);
        Some(Tile { bytes: pattern.repeat(times) })
    }

    /// Lays the pattern into `place`, from its beginning.
    pub(super) fn lay(&self, place: &mut [u8]) {
        for piece in place.chunks_mut(self.bytes.len()) {
            piece.copy_from_slice(&self.bytes[..piece.len()]);
        }
    }
}
