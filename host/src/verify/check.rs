//! Whether blocks that were read hold what they must.
//!
//! Called with whole batches, by a worker or by a thread of the pool: the same code either way.
//! The way of a good block is short and allocates nothing; for a bad one [`super::damage`] is
//! asked what happened to it. Whoever calls owns the bytes; they are as they were when it returns.

use super::damage::{self, Miscompare};
use super::digest::{Algorithm, Digest};
use super::method::Method;
use super::mixed;
use super::recipe::Recipe;
use super::stamp::Stamp;

/// Intervals whose digests are made at once, where that is sooner done than one by one.
const TOGETHER: usize = 64;

/// What an interval is to hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Expectation {
    /// Nothing can be said of it: it is not looked at.
    #[default]
    Unknown,
    /// What some run wrote there: offset, length, the stamp's own CRC and the digest are checked.
    Stamped,
    /// What this worker wrote there by one of these writes, from the oldest to the newest; where
    /// these are several, also sectors of the one and of the other.
    Own {
        /// The oldest that may be there, from 1.
        oldest: u64,
        /// The newest.
        newest: u64,
    },
    /// Zeros: it was trimmed (`trim_verify_zero`).
    Zeros,
}

/// What is compared beside what always is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// The number of the write (`verify_write_sequence`).
    pub generation: bool,
    /// The seed of the payload (`verify_header_seed`).
    pub seed: bool,
    /// The run that wrote: this one's id, or the one that the user names (`verify_run`).
    pub run: Option<u64>,
    /// The target that was written to, and the worker that wrote.
    pub origin: bool,
    /// Intervals of nothing but zeros are no miscompares: nobody knows whether they were written.
    pub blank: bool,
    /// The bytes are kept, as they are and as they should be (`verify_dump`).
    pub dump: bool,
}

/// A block that was read.
#[derive(Debug)]
pub struct Block<'a> {
    /// Its bytes.
    pub data: &'a mut [u8],
    /// Which target.
    pub file: u32,
    /// Where on it, at the beginning of an interval.
    pub offset: u64,
    /// Of each interval.
    pub expected: &'a [Expectation],
}

/// An interval, and what it must be.
#[derive(Debug)]
pub(super) struct Interval<'a> {
    pub(super) data: &'a mut [u8],
    pub(super) file: u32,
    pub(super) offset: u64,
    pub(super) expected: Expectation,
}

/// What became of blocks.
#[derive(Debug, Default)]
pub struct Findings {
    /// Intervals that are right.
    pub right: u64,
    /// Intervals that were not looked at.
    pub unknown: u64,
    /// Intervals of zeros, where these are no miscompares.
    pub blank: u64,
    /// What is wrong with the others.
    pub miscompares: Vec<Miscompare>,
}

/// Looks at blocks. The last interval of one may be cut: then it is wrong.
pub fn check<'a>(
    recipe: &Recipe,
    rules: &Rules,
    blocks: impl IntoIterator<Item = Block<'a>>,
    findings: &mut Findings,
) {
    // Places for many cost as much as a look at a small block.
    match recipe.method.lanes() {
        1 => check_by::<1>(recipe, rules, blocks, findings),
        _ => check_by::<TOGETHER>(recipe, rules, blocks, findings),
    }
}

fn check_by<'a, const MANY: usize>(
    recipe: &Recipe,
    rules: &Rules,
    blocks: impl IntoIterator<Item = Block<'a>>,
    findings: &mut Findings,
) {
    let mut waiting: [Option<Interval<'a>>; MANY] = [const { None }; MANY];
    let mut count = 0;
    for block in blocks {
        let mut offset = block.offset;
        let mut parts = block.data.chunks_mut(recipe.interval);
        for &expected in block.expected {
            // Behind the end of the target there is nothing, and that is wrong, too.
            let data = parts.next().unwrap_or_default();
            let interval = Interval { data, file: block.file, offset, expected };
            offset += recipe.interval as u64;
            let Some(interval) = look(recipe, rules, interval, findings) else { continue };
            waiting[count] = Some(interval);
            count += 1;
            if count == MANY {
                check_digests::<MANY>(recipe, rules, &mut waiting, findings);
                count = 0;
            }
        }
    }
    if count > 0 {
        check_digests::<MANY>(recipe, rules, &mut waiting[..count], findings);
    }
}

/// Judges an interval by all but its digest; gives it back where it has one.
#[inline]
fn look<'a>(
    recipe: &Recipe,
    rules: &Rules,
    interval: Interval<'a>,
    findings: &mut Findings,
) -> Option<Interval<'a>> {
    let is_right = match (interval.expected, recipe.method) {
        (Expectation::Unknown, _) => {
            findings.unknown += 1;
            return None;
        }
        (_, Method::Null) => true,
        _ if interval.data.len() < recipe.interval => false,
        (Expectation::Zeros, _) => is_zero(interval.data),
        (_, Method::Pattern) => is_pattern(recipe, &interval),
        (_, method) => match Stamp::take(&interval.data[recipe.place..]) {
            Ok(stamp) if stamp_fits(recipe, rules, &interval, &stamp) => match method {
                Method::Digest(_) => return Some(interval),
                Method::PatternHdr => is_pattern_behind(recipe, &interval, &stamp),
                _ => true,
            },
            _ => false,
        },
    };
    if is_right {
        findings.right += 1;
    } else if rules.blank && interval.data.len() == recipe.interval && is_zero(interval.data) {
        findings.blank += 1;
    } else {
        wrong(recipe, rules, &interval, findings);
    }
    None
}

#[cold]
fn wrong(recipe: &Recipe, rules: &Rules, interval: &Interval<'_>, findings: &mut Findings) {
    if let Expectation::Own { oldest, newest } = interval.expected {
        if oldest < newest && mixed::may_be(recipe, rules, interval, oldest..=newest) {
            findings.right += 1;
            return;
        }
    }
    findings.miscompares.push(damage::explain(recipe, rules, interval));
}

/// Whether it is the stamp of what must be there.
#[inline]
pub(super) fn stamp_fits(
    recipe: &Recipe,
    rules: &Rules,
    interval: &Interval<'_>,
    stamp: &Stamp,
) -> bool {
    let in_place = stamp.offset == interval.offset
        && stamp.len as usize == recipe.interval
        && stamp.place as usize == recipe.place
        && stamp.method == recipe.method;
    let of_run = rules.run.is_none_or(|run| stamp.run == run);
    let Expectation::Own { oldest, newest } = interval.expected else { return in_place && of_run };
    let wanted = recipe.stamp(interval.file, interval.offset, stamp.generation);
    in_place
        && of_run
        && (!rules.generation || (oldest..=newest).contains(&stamp.generation))
        && (!rules.seed || stamp.seed == wanted.seed)
        && (!rules.origin || (stamp.target == wanted.target && stamp.worker == wanted.worker))
}

/// Compares the digests of intervals whose stamps are as they must be.
fn check_digests<const MANY: usize>(
    recipe: &Recipe,
    rules: &Rules,
    waiting: &mut [Option<Interval<'_>>],
    findings: &mut Findings,
) {
    let Method::Digest(algorithm) = recipe.method else { return };
    let mut found = [Digest::default(); MANY];
    let mut made = [Digest::default(); MANY];
    let range = recipe.digest_range();
    for (interval, found) in waiting.iter_mut().flatten().zip(&mut found) {
        let room = &mut interval.data[range.clone()];
        *found = Digest::new(&*room);
        room.fill(0);
    }
    make_digests::<MANY>(algorithm, waiting, &mut made);
    for ((place, found), made) in waiting.iter_mut().zip(&found).zip(&made) {
        let Some(interval) = place.take() else { continue };
        interval.data[range.clone()].copy_from_slice(found.as_bytes());
        let is_right = found == made && (!recipe.method.is_weak() || is_remade(recipe, &interval));
        if is_right {
            findings.right += 1;
        } else {
            wrong(recipe, rules, &interval, findings);
        }
    }
}

fn make_digests<const MANY: usize>(
    algorithm: Algorithm,
    waiting: &[Option<Interval<'_>>],
    made: &mut [Digest],
) {
    let mut data: [&[u8]; MANY] = [&[]; MANY];
    for (place, interval) in data.iter_mut().zip(waiting.iter().flatten()) {
        *place = interval.data;
    }
    algorithm.digest_many(&data[..waiting.len()], &mut made[..waiting.len()]);
}

/// What a weak digest lets pass, a comparison with the payload does not.
fn is_remade(recipe: &Recipe, interval: &Interval<'_>) -> bool {
    let Ok(stamp) = Stamp::take(&interval.data[recipe.place..]) else { return false };
    // A payload of another job's making cannot be made again: then the digest is all there is.
    stamp.payload != recipe.payload.kind() || recipe.make_again(&stamp)[..] == interval.data[..]
}

fn is_zero(data: &[u8]) -> bool {
    // Whole words first: as fast as memory.
    let (words, rest) = data.as_chunks::<8>();
    words.iter().all(|word| u64::from_ne_bytes(*word) == 0) && rest.iter().all(|&byte| byte == 0)
}

fn is_pattern(recipe: &Recipe, interval: &Interval<'_>) -> bool {
    let stamp = recipe.stamp(interval.file, interval.offset, 0);
    recipe.make_again(&stamp)[..] == interval.data[..]
}

/// As `is_pattern` behind a stamp that is right.
fn is_pattern_behind(recipe: &Recipe, interval: &Interval<'_>, stamp: &Stamp) -> bool {
    stamp.payload != recipe.payload.kind() || recipe.make_again(stamp)[..] == interval.data[..]
}
