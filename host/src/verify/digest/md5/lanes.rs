//! Keeps the lanes of a kernel filled with messages, whatever their lengths are.
//!
//! Called by `Path::many`. Each lane goes over the whole chunks of its message, then over the
//! padded rest; a lane that has finished takes the next message, or closes up with the last one in
//! use. All lanes advance together by as much as the shortest has left, so that messages of one
//! length, which is what verification has, go through in two steps. Allocates nothing.

use super::kernels::{Kernel, States, Streams, CHUNK, INITIAL, MAX_LANES};
use super::Digest;
use std::ops::Range;

/// Chunks that the rest of a message takes at most, with its padding.
const TAIL: usize = 2;

type Chunk = [u8; CHUNK];

/// Where a lane is in its message.
#[derive(Clone)]
enum Part<'a> {
    /// Whole chunks of the message that are left, at least one.
    Body(&'a [Chunk]),
    /// Chunks of the padded rest that are left, at least one.
    Tail(Range<usize>),
}

/// What fills a lane. Its state stands in the column of `States`.
#[derive(Clone)]
struct Lane<'a> {
    /// Which message.
    message: usize,
    part: Part<'a>,
}

/// All lanes; those in use are the first ones.
struct Lanes<'a> {
    messages: &'a [&'a [u8]],
    /// The next message that no lane has yet.
    next: usize,
    used: usize,
    lanes: [Lane<'a>; MAX_LANES],
    tails: [[Chunk; TAIL]; MAX_LANES],
    states: States,
}

/// The digest of each message.
pub(super) fn many(kernels: [Kernel; 3], messages: &[&[u8]], out: &mut [Digest]) {
    let [.., widest] = kernels;
    let lanes = std::array::from_fn(|_| Lane { message: 0, part: Part::Body(&[]) });
    let tails = [[[0; CHUNK]; TAIL]; MAX_LANES];
    let states = States(INITIAL.map(|word| [word; MAX_LANES]));
    let mut all = Lanes { messages, next: 0, used: 0, lanes, tails, states };
    while all.used < widest.lanes() && all.next < messages.len() {
        all.used += 1;
        all.begin(all.used - 1);
    }
    while all.used > 0 {
        let enough = kernels.into_iter().find(|kernel| kernel.lanes() >= all.used);
        let chunks = match all.used {
            1 => all.advance_alone(),
            _ => all.advance(enough.unwrap_or(widest)),
        };
        all.settle(chunks, out);
    }
}

impl<'a> Lanes<'a> {
    /// Puts the next message into a lane.
    fn begin(&mut self, lane: usize) {
        let message = self.next;
        self.next += 1;
        self.states.0.iter_mut().zip(INITIAL).for_each(|(words, word)| words[lane] = word);
        let (body, _) = self.messages[message].as_chunks();
        self.lanes[lane] = Lane { message, part: Part::Body(body) };
        if body.is_empty() {
            self.begin_tail(lane);
        }
    }

    /// The rest of the message, a bit, zeros, and the length in bits (RFC 1321, 3.1 and 3.2).
    fn begin_tail(&mut self, lane: usize) {
        let message = self.messages[self.lanes[lane].message];
        let (_, rest) = message.as_chunks::<CHUNK>();
        let chunks = (rest.len() + 1 + size_of::<u64>()).div_ceil(CHUNK);
        let tail = self.tails[lane].as_flattened_mut();
        tail[..rest.len()].copy_from_slice(rest);
        tail[rest.len()] = 0x80;
        let end = chunks * CHUNK;
        tail[rest.len() + 1..end].fill(0);
        let bits = (message.len() as u64).wrapping_mul(8);
        tail[end - size_of::<u64>()..end].copy_from_slice(&bits.to_le_bytes());
        self.lanes[lane].part = Part::Tail(0..chunks);
    }

    fn left(&self, lane: usize) -> &[Chunk] {
        match &self.lanes[lane].part {
            Part::Body(body) => body,
            Part::Tail(range) => &self.tails[lane][range.clone()],
        }
    }

    /// Advances all lanes in use by as much as the shortest has left; those out of use read what
    /// the first reads. Returns how much.
    fn advance(&mut self, kernel: Kernel) -> usize {
        let mut streams: Streams<'_> = [self.left(0); MAX_LANES];
        for (lane, stream) in streams[..self.used].iter_mut().enumerate() {
            *stream = self.left(lane);
        }
        let chunks = streams[..self.used].iter().map(|stream| stream.len()).min().unwrap_or(0);
        let mut states = self.states.clone();
        kernel.advance(&mut states, &streams, chunks);
        self.states = states;
        chunks
    }

    /// The last lane in use goes on as one chain, to its end. Returns how far.
    fn advance_alone(&mut self) -> usize {
        let left = self.left(0);
        let mut state = self.state(0);
        md5::block_api::compress(&mut state, left);
        let chunks = left.len();
        self.states.0.iter_mut().zip(state).for_each(|(words, word)| words[0] = word);
        chunks
    }

    /// Takes note that each lane in use has advanced by so many chunks.
    fn settle(&mut self, chunks: usize, out: &mut [Digest]) {
        let mut lane = 0;
        while lane < self.used {
            let done = match &mut self.lanes[lane].part {
                Part::Body(body) => {
                    *body = &body[chunks..];
                    if body.is_empty() {
                        self.begin_tail(lane);
                    }
                    false
                }
                Part::Tail(range) => {
                    range.start += chunks;
                    range.start == range.end
                }
            };
            if !done {
                lane += 1;
                continue;
            }
            out[self.lanes[lane].message] = self.digest(lane);
            if self.next < self.messages.len() {
                self.begin(lane);
                lane += 1;
            } else {
                // The one that takes its place has not been settled yet.
                self.close_up(lane);
            }
        }
    }

    /// The last lane in use moves to where one has finished.
    fn close_up(&mut self, lane: usize) {
        self.used -= 1;
        let last = self.used;
        self.lanes[lane] = self.lanes[last].clone();
        self.tails[lane] = self.tails[last];
        self.states.0.iter_mut().for_each(|words| words[lane] = words[last]);
    }

    fn state(&self, lane: usize) -> [u32; 4] {
        self.states.0.each_ref().map(|words| words[lane])
    }

    fn digest(&self, lane: usize) -> Digest {
        let mut bytes = [0; 16];
        let words = self.state(lane).map(u32::to_le_bytes);
        bytes.copy_from_slice(words.as_flattened());
        Digest::new(bytes)
    }
}
