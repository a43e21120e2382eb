//! How the intervals of a job are made: payload, stamp, digest.
//!
//! One for each worker, made by `run` from the job, constant while it runs, and shared with the
//! pool. Writes into the memory that it is given and allocates nothing.

use super::digest::Digest;
use super::method::Method;
use super::payload::Payload;
use super::stamp::{Stamp, STAMP_LEN};
use crate::workload::mix_seed;

/// Intervals whose digests are made at once: more than any set of lanes takes.
const TOGETHER: usize = 64;

/// How intervals are made.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// The method.
    pub method: Method,
    /// Bytes of an interval.
    pub interval: usize,
    /// Where in it the stamp stands (`verify_offset`).
    pub place: usize,
    /// What else is in it.
    pub payload: Payload,
    /// This run.
    pub run: u64,
    /// This worker.
    pub worker: u32,
    /// Of the payloads.
    pub seed: u64,
    /// What stamps call the worker's targets.
    pub targets: Vec<u64>,
}

/// A write that is to be sealed.
#[derive(Debug)]
pub struct Sealing<'a> {
    /// What will be written: whole intervals.
    pub data: &'a mut [u8],
    /// Which target.
    pub file: u32,
    /// Where on it.
    pub offset: u64,
    /// Number of the write.
    pub generation: u64,
}

impl Recipe {
    /// The stamp of an interval; without the time.
    #[inline]
    pub fn stamp(&self, file: u32, offset: u64, generation: u64) -> Stamp {
        Stamp {
            method: self.method,
            payload: self.payload.kind(),
            len: self.interval as u32,
            offset,
            target: self.targets.get(file as usize).copied().unwrap_or(0),
            run: self.run,
            worker: self.worker,
            place: self.place as u32,
            generation,
            seed: mix_seed(self.seed ^ generation, offset),
            time_ns: 0,
        }
    }

    /// Where the digest stands in an interval.
    pub fn digest_range(&self) -> std::ops::Range<usize> {
        let begin = self.place + STAMP_LEN;
        begin..begin + self.method.digest_len()
    }

    /// Makes what the writes are to hold; digests of several intervals are made together.
    pub fn seal<'a>(&self, writes: impl IntoIterator<Item = Sealing<'a>>, time_ns: u64) {
        let mut waiting: [&'a mut [u8]; TOGETHER] = std::array::from_fn(|_| &mut [][..]);
        let mut count = 0;
        for write in writes {
            let (file, generation, mut offset) = (write.file, write.generation, write.offset);
            for interval in write.data.chunks_mut(self.interval) {
                let stamp = Stamp { time_ns, ..self.stamp(file, offset, generation) };
                self.lay(interval, &stamp);
                offset += self.interval as u64;
                waiting[count] = interval;
                count += 1;
                if count == TOGETHER {
                    self.put_digests(&mut waiting);
                    count = 0;
                }
            }
        }
        self.put_digests(&mut waiting[..count]);
    }

    /// Payload and stamp; zeros where the digest will stand.
    pub(super) fn lay(&self, interval: &mut [u8], stamp: &Stamp) {
        // A run that is repeated writes the same seeds. Its bytes have to be others all the same: a
        // part of a write that was lost would leave what the earlier run wrote there.
        self.payload.fill(interval, mix_seed(stamp.seed, stamp.run), stamp.offset);
        if !self.method.stamps() {
            return;
        }
        if let Some(room) = interval.get_mut(self.place..) {
            stamp.put(room);
        }
        if let Some(room) = interval.get_mut(self.digest_range()) {
            room.fill(0);
        }
    }

    fn put_digests(&self, intervals: &mut [&mut [u8]]) {
        let Method::Digest(algorithm) = self.method else { return };
        // Places for many cost as much as a small block's digest.
        if let [interval] = intervals {
            let digest = algorithm.digest(interval);
            return interval[self.digest_range()].copy_from_slice(digest.as_bytes());
        }
        let mut digests = [Digest::default(); TOGETHER];
        let mut data: [&[u8]; TOGETHER] = [&[]; TOGETHER];
        for (place, interval) in data.iter_mut().zip(intervals.iter()) {
            *place = interval;
        }
        let (data, digests) = (&data[..intervals.len()], &mut digests[..intervals.len()]);
        algorithm.digest_many(data, digests);
        for (interval, digest) in intervals.iter_mut().zip(digests.iter()) {
            interval[self.digest_range()].copy_from_slice(digest.as_bytes());
        }
    }

    /// A sealed interval made once more, to compare with one that is not as it should be.
    pub(super) fn make_again(&self, stamp: &Stamp) -> Vec<u8> {
        let mut interval = vec![0; self.interval];
        self.lay(&mut interval, stamp);
        self.put_digests(&mut [&mut interval]);
        interval
    }
}
