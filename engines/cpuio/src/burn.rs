//! The two ways to burn CPU time.
//!
//! Called by `engine` until a time has come. Makes no system call but the look at the clock, and
//! allocates when it is made only.

use std::hint::black_box;
use std::time::Instant;

/// Turns of the empty loop between two looks at the clock: about a microsecond.
const TURNS: u32 = 1000;
/// Numbers that are sorted between two looks at the clock: some microseconds.
const NUMBERS: usize = 256;

/// A way to burn.
pub(crate) enum Burner {
    Noop,
    Qsort { numbers: Vec<u64>, state: u64 },
}

impl Burner {
    pub(crate) fn new(sorts: bool) -> Burner {
        match sorts {
            false => Burner::Noop,
            true => Burner::Qsort { numbers: vec![0; NUMBERS], state: 0x9e37_79b9_7f4a_7c15 },
        }
    }

    /// Burns until `end` is over.
    pub(crate) fn until(&mut self, end: Instant) {
        while Instant::now() < end {
            match self {
                Burner::Noop => (0..TURNS).for_each(|turn| {
                    black_box(turn);
                }),
                Burner::Qsort { numbers, state } => {
                    for number in numbers.iter_mut() {
                        // xorshift: any order will do, but it must be another one each time.
                        *state ^= *state << 13;
                        *state ^= *state >> 7;
                        *state ^= *state << 17;
                        *number = *state;
                    }
                    numbers.sort_unstable();
                    black_box(&numbers);
                }
            }
        }
    }
}
