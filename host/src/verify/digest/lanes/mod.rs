//! Keeps the lanes of a kernel filled with messages, whatever their lengths are.
//!
//! Used by `md5` and `sha2`, which have the kernels. Each lane goes over the whole chunks of its
//! message, then over the padded rest; a lane that has finished takes the next message, or closes
//! up with the last one in use. All lanes advance together by as much as the shortest has left, so
//! that messages of one length, which is what verification has, go through in two steps. What is
//! too little to fill the lanes goes one by one. Allocates nothing.

pub(super) mod kernel;
#[cfg(target_arch = "x86_64")]
pub(super) mod vectors;

use super::Digest;
use kernel::{Kernel, States, Streams, MAX_LANES};
use std::ops::Range;
use std::sync::LazyLock;

/// Names the widest lanes that digests may use.
const SWITCH: &str = "IODYNO_DIGEST_LANES";

/// The widest lanes that may be used, if the machine has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limit {
    /// Whatever there is.
    Avx512,
    /// AVX2 at most.
    Avx2,
    /// One message after the other.
    None,
}

/// What the switch says is no such limit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{SWITCH}={0}: the widest lanes that digests may use are avx512, avx2 or none")]
pub struct UnknownLimit(String);

impl Limit {
    /// What the switch says.
    pub(super) fn of(word: Option<&str>) -> Result<Limit, UnknownLimit> {
        match word {
            None | Some("avx512") => Ok(Limit::Avx512),
            Some("avx2") => Ok(Limit::Avx2),
            Some("none") => Ok(Limit::None),
            Some(other) => Err(UnknownLimit(other.to_owned())),
        }
    }

    /// What the environment says, at the first call.
    ///
    /// # Errors
    /// It says something else. Whoever asks all the same does without lanes.
    pub(super) fn given() -> &'static Result<Limit, UnknownLimit> {
        static GIVEN: LazyLock<Result<Limit, UnknownLimit>> = LazyLock::new(|| {
            let word = std::env::var_os(SWITCH);
            Limit::of(word.map(|word| word.to_string_lossy().into_owned()).as_deref())
        });
        &GIVEN
    }

    /// The widest that is allowed and there.
    pub(super) fn choose<P>(
        self,
        avx512: impl FnOnce() -> Option<P>,
        avx2: impl FnOnce() -> Option<P>,
        one_by_one: P,
    ) -> P {
        let wide = if self == Limit::Avx512 { avx512() } else { None };
        let narrow = || if self == Limit::None { None } else { avx2() };
        wide.or_else(narrow).unwrap_or(one_by_one)
    }
}

/// The widest way that is allowed and there.
pub(super) fn best<P>(
    avx512: impl FnOnce() -> Option<P>,
    avx2: impl FnOnce() -> Option<P>,
    one_by_one: P,
) -> P {
    Limit::given().as_ref().unwrap_or(&Limit::None).choose(avx512, avx2, one_by_one)
}

/// Chunks that the rest of a message takes at most, with its padding.
const TAIL: usize = 2;

/// A digest that goes over its message chunk by chunk and ends it with a bit, zeros and its length.
#[derive(Debug)]
pub(super) struct Chain<W: 'static, const WORDS: usize, const CHUNK: usize> {
    /// What every message begins with.
    pub(super) initial: [W; WORDS],
    /// Goes over chunks of one message.
    pub(super) compress: fn(&mut [W; WORDS], &[[u8; CHUNK]]),
    /// Bytes that the length in bits takes at the end.
    pub(super) length_len: usize,
    /// Its last eight bytes as they stand there; what is before them is zero.
    pub(super) length: fn(u64) -> [u8; 8],
    /// The digest that a state stands for.
    pub(super) digest: fn(&[W; WORDS]) -> Digest,
}

/// One way of going over several messages.
#[derive(Clone, Copy, Debug)]
pub(super) struct Path<W: 'static, const WORDS: usize, const CHUNK: usize> {
    /// From the narrowest to the widest: the first one with enough lanes is the fastest. None: one
    /// message after the other.
    kernels: Option<[Kernel<W, WORDS, CHUNK>; 3]>,
    /// So many messages, at least, are sooner done in lanes than one by one.
    pays_from: usize,
    chain: &'static Chain<W, WORDS, CHUNK>,
}

impl<W: Copy, const WORDS: usize, const CHUNK: usize> Path<W, WORDS, CHUNK> {
    /// One message after the other.
    pub(super) const fn one_by_one(chain: &'static Chain<W, WORDS, CHUNK>) -> Self {
        Path { kernels: None, pays_from: usize::MAX, chain }
    }

    /// These lanes, from the narrowest kernel to the widest, where there are so many messages.
    pub(super) const fn in_lanes(
        chain: &'static Chain<W, WORDS, CHUNK>,
        kernels: [Kernel<W, WORDS, CHUNK>; 3],
        pays_from: usize,
    ) -> Self {
        Path { kernels: Some(kernels), pays_from, chain }
    }

    /// How many messages it takes at once.
    pub(super) fn lanes(&self) -> usize {
        self.kernels.as_ref().map_or(1, |[.., widest]| widest.lanes())
    }

    /// The digest of each message.
    ///
    /// # Panics
    /// If there are not as many places as messages.
    pub(super) fn many(&self, messages: &[&[u8]], out: &mut [Digest]) {
        assert_eq!(messages.len(), out.len(), "a place for each digest");
        match &self.kernels {
            Some(kernels) if messages.len() >= self.pays_from => self.fill(kernels, messages, out),
            _ => messages.iter().zip(out).for_each(|(message, to)| *to = self.one(message)),
        }
    }

    fn one(&self, message: &[u8]) -> Digest {
        let mut state = self.chain.initial;
        let (body, _) = message.as_chunks();
        (self.chain.compress)(&mut state, body);
        self.chain.end(&mut state, message)
    }

    fn fill(&self, kernels: &[Kernel<W, WORDS, CHUNK>; 3], messages: &[&[u8]], out: &mut [Digest]) {
        let [.., widest] = kernels;
        let mut all = Lanes::new(self.chain, messages);
        while all.used < widest.lanes() && all.next < messages.len() {
            all.used += 1;
            all.begin(all.used - 1);
        }
        while all.used >= self.pays_from {
            let enough = kernels.iter().find(|kernel| kernel.lanes() >= all.used);
            let chunks = all.advance(enough.unwrap_or(widest));
            all.settle(chunks, out);
        }
        (0..all.used).for_each(|lane| all.finish(lane, out));
    }
}

impl<W, const WORDS: usize, const CHUNK: usize> Chain<W, WORDS, CHUNK> {
    /// The rest of a message, a bit, zeros, and the length in bits. Returns how many chunks it is.
    fn pad(&self, message: &[u8], tail: &mut [[u8; CHUNK]; TAIL]) -> usize {
        let (_, rest) = message.as_chunks::<CHUNK>();
        let chunks = (rest.len() + 1 + self.length_len).div_ceil(CHUNK);
        let tail = tail.as_flattened_mut();
        tail[..rest.len()].copy_from_slice(rest);
        tail[rest.len()] = 0x80;
        let end = chunks * CHUNK;
        let length = (self.length)((message.len() as u64).wrapping_mul(8));
        tail[rest.len() + 1..end].fill(0);
        tail[end - length.len()..end].copy_from_slice(&length);
        chunks
    }

    /// The digest of a message whose whole chunks are behind the state.
    fn end(&self, state: &mut [W; WORDS], message: &[u8]) -> Digest {
        let mut tail = [[0; CHUNK]; TAIL];
        let chunks = self.pad(message, &mut tail);
        (self.compress)(state, &tail[..chunks]);
        (self.digest)(state)
    }
}

/// Where a lane is in its message.
#[derive(Clone)]
enum Part<'a, const CHUNK: usize> {
    /// Whole chunks of the message that are left, at least one.
    Body(&'a [[u8; CHUNK]]),
    /// Chunks of the padded rest that are left, at least one.
    Tail(Range<usize>),
}

/// What fills a lane. Its state stands in the column of `States`.
#[derive(Clone)]
struct Lane<'a, const CHUNK: usize> {
    /// Which message.
    message: usize,
    part: Part<'a, CHUNK>,
}

/// All lanes; those in use are the first ones.
struct Lanes<'a, W: 'static, const WORDS: usize, const CHUNK: usize> {
    chain: &'static Chain<W, WORDS, CHUNK>,
    messages: &'a [&'a [u8]],
    /// The next message that no lane has yet.
    next: usize,
    used: usize,
    lanes: [Lane<'a, CHUNK>; MAX_LANES],
    tails: [[[u8; CHUNK]; TAIL]; MAX_LANES],
    states: States<W, WORDS>,
}

impl<'a, W: Copy, const WORDS: usize, const CHUNK: usize> Lanes<'a, W, WORDS, CHUNK> {
    fn new(chain: &'static Chain<W, WORDS, CHUNK>, messages: &'a [&'a [u8]]) -> Self {
        Lanes {
            chain,
            messages,
            next: 0,
            used: 0,
            lanes: std::array::from_fn(|_| Lane { message: 0, part: Part::Body(&[]) }),
            tails: [[[0; CHUNK]; TAIL]; MAX_LANES],
            states: States(chain.initial.map(|word| [word; MAX_LANES])),
        }
    }

    /// Puts the next message into a lane.
    fn begin(&mut self, lane: usize) {
        let message = self.next;
        self.next += 1;
        self.put_state(lane, &self.chain.initial);
        let (body, _) = self.messages[message].as_chunks();
        self.lanes[lane] = Lane { message, part: Part::Body(body) };
        if body.is_empty() {
            self.begin_tail(lane);
        }
    }

    fn begin_tail(&mut self, lane: usize) {
        let message = self.messages[self.lanes[lane].message];
        let chunks = self.chain.pad(message, &mut self.tails[lane]);
        self.lanes[lane].part = Part::Tail(0..chunks);
    }

    fn left(&self, lane: usize) -> &[[u8; CHUNK]] {
        match &self.lanes[lane].part {
            Part::Body(body) => body,
            Part::Tail(range) => &self.tails[lane][range.clone()],
        }
    }

    /// Advances all lanes in use by as much as the shortest has left; those out of use read what
    /// the first reads. Returns how much.
    fn advance(&mut self, kernel: &Kernel<W, WORDS, CHUNK>) -> usize {
        let mut streams: Streams<'_, CHUNK> = [self.left(0); MAX_LANES];
        for (lane, stream) in streams[..self.used].iter_mut().enumerate() {
            *stream = self.left(lane);
        }
        let chunks = streams[..self.used].iter().map(|stream| stream.len()).min().unwrap_or(0);
        let mut states = self.states.clone();
        kernel.advance(&mut states, &streams, chunks);
        self.states = states;
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
            out[self.lanes[lane].message] = (self.chain.digest)(&self.state(lane));
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
        self.put_state(lane, &self.state(last));
    }

    /// A lane goes on alone, to the end of its message.
    fn finish(&mut self, lane: usize, out: &mut [Digest]) {
        let Lane { message, part } = self.lanes[lane].clone();
        let mut state = self.state(lane);
        let digest = match part {
            Part::Body(body) => {
                (self.chain.compress)(&mut state, body);
                self.chain.end(&mut state, self.messages[message])
            }
            Part::Tail(range) => {
                (self.chain.compress)(&mut state, &self.tails[lane][range]);
                (self.chain.digest)(&state)
            }
        };
        out[message] = digest;
    }

    fn put_state(&mut self, lane: usize, state: &[W; WORDS]) {
        self.states.0.iter_mut().zip(state).for_each(|(words, word)| words[lane] = *word);
    }

    fn state(&self, lane: usize) -> [W; WORDS] {
        self.states.0.each_ref().map(|words| words[lane])
    }
}
