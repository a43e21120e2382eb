//! A compression function that goes over several streams at once, one in each lane of a register.
//!
//! Made by `md5` and `sha2` of what they have for this machine, advanced by `lanes`. The one place
//! where a kernel is called: it makes sure that no lane reads beyond its stream. Knows nothing of
//! padding or of messages' ends.

/// Lanes of the widest kernel.
pub(in super::super) const MAX_LANES: usize = 32;

/// The state words of each lane: word, then lane.
#[derive(Clone)]
#[repr(C, align(64))]
pub(in super::super) struct States<W, const WORDS: usize>(pub [[W; MAX_LANES]; WORDS]);

/// What each lane reads from.
pub(in super::super) type Streams<'a, const CHUNK: usize> = [&'a [[u8; CHUNK]]; MAX_LANES];

/// Where each lane begins to read.
pub(in super::super) type Begins = [*const u8; MAX_LANES];

/// Advances the states of a kernel's lanes by so many chunks.
pub(in super::super) type Run<W, const WORDS: usize> =
    unsafe fn(&mut States<W, WORDS>, &Begins, usize);

/// A compression function that this machine can run.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Kernel<W, const WORDS: usize, const CHUNK: usize> {
    lanes: usize,
    run: Run<W, WORDS>,
}

impl<W, const WORDS: usize, const CHUNK: usize> Kernel<W, WORDS, CHUNK> {
    /// One of so many lanes, at most [`MAX_LANES`].
    ///
    /// # Safety
    /// This machine has what `run` needs. `run` asks for nothing else than so many chunks of
    /// `CHUNK` readable bytes as it is told, behind each of the first `lanes` begins.
    #[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))] // no other machine has kernels
    pub(in super::super) unsafe fn new(lanes: usize, run: Run<W, WORDS>) -> Self {
        assert!(lanes <= MAX_LANES);
        Kernel { lanes, run }
    }

    /// How many streams it advances at once.
    pub(super) fn lanes(&self) -> usize {
        self.lanes
    }

    /// Advances the first [`Kernel::lanes`] states by `chunks`.
    ///
    /// # Panics
    /// If one of these streams is shorter.
    #[inline]
    pub(super) fn advance(
        &self,
        states: &mut States<W, WORDS>,
        streams: &Streams<'_, CHUNK>,
        chunks: usize,
    ) {
        let used = &streams[..self.lanes];
        assert!(used.iter().all(|stream| stream.len() >= chunks), "a lane would run dry");
        let begins = streams.map(|stream| stream.as_ptr().cast::<u8>());
        // SAFETY: the assertion has made sure that each stream of a lane in use holds `chunks`
        // whole chunks, and `streams` keeps them borrowed; who made `self` vouched that `run` asks
        // for no more, and that the machine has what it needs.
        unsafe { (self.run)(states, &begins, chunks) }
    }
}

/// The `n`th group of so many lanes.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(in super::super) fn group<T, const LANES: usize>(
    of_all: &[T; MAX_LANES],
    n: usize,
) -> &[T; LANES] {
    of_all[n * LANES..].first_chunk().expect("MAX_LANES are as many as the widest kernel has")
}

/// The `n`th group of so many lanes, to be written.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(in super::super) fn group_mut<T, const LANES: usize>(
    of_all: &mut [T; MAX_LANES],
    n: usize,
) -> &mut [T; LANES] {
    of_all[n * LANES..].first_chunk_mut().expect("MAX_LANES are as many as the widest kernel has")
}
