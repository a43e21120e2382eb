//! The door for the fuzzer into what a cell may send: any bytes at all, as a plugin may write into
//! every descriptor that it finds.
//!
//! Called by `fuzz/fuzz_targets` and by the test below, over the same corpus. Compiled for these
//! two only.

use super::protocol::{Heard, Lines, ToControl};

/// Small, so that the fuzzer comes across it.
const LINE_MAX: usize = 4096;

/// Lines from a cell: how they were cut on their way makes no difference.
pub fn cell(data: &[u8]) {
    let chunk = data.first().map_or(1, |first| usize::from(*first).max(1));
    let whole = heard(data, data.len().max(1));
    let in_pieces = heard(data, chunk);
    assert_eq!(whole, in_pieces, "in pieces of {chunk} bytes");
}

/// What comes out, in words.
fn heard(data: &[u8], chunk: usize) -> Vec<String> {
    let mut lines = Lines::new(LINE_MAX);
    let mut all = Vec::new();
    for piece in data.chunks(chunk) {
        lines.push(piece);
        while let Some(heard) = lines.take::<ToControl>() {
            all.push(match heard {
                Heard::Message(message) => {
                    serde_json::to_string(&message).expect("what was read can be written")
                }
                Heard::Garbage => "garbage".to_owned(),
            });
        }
    }
    all
}

#[cfg(test)]
mod tests {
    #[test]
    fn corpus_of_cell() {
        iodyno_tests::corpus::each("cell", super::cell);
    }
}
