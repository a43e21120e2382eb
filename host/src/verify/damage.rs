//! What happened to an interval that does not hold what it must.
//!
//! Asked by [`super::check`] for each miscompare, never for a good block: it may take its time. It
//! says what it can prove and no more; docs/verify-format.md has the table of what can be named by
//! which method. Changes nothing.

use super::check::{Expectation, Interval, Rules};
use super::recipe::Recipe;
use super::stamp::{NoStamp, Stamp, MAGIC, STAMP_LEN};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What devices write as one: what was torn was torn between two of these.
const SECTOR: usize = 512;

/// So many wrong bits in a sector are no flipped bits any more; other data has 2048 of them.
const FLIPS_MAX: u32 = 256;

/// What happened to an interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "class")]
pub enum Damage {
    /// Single bits are wrong.
    BitFlips {
        /// So many.
        bits: u64,
    },
    /// An older write is there: a newer one was lost.
    Stale {
        /// Its number; none where another run wrote it.
        generation: Option<u64>,
    },
    /// A newer write is there than the one that is known of.
    Newer {
        /// Its number.
        generation: u64,
    },
    /// What is there was written to another place.
    Misdirected {
        /// To this offset,
        offset: u64,
        /// of another target.
        other_target: bool,
    },
    /// Another worker, or another job, wrote there.
    OtherWriter {
        /// Its number.
        worker: u32,
    },
    /// Two writes are there, one before and one behind this byte.
    Torn {
        /// Where, from the beginning of the interval.
        at: u64,
    },
    /// The bytes are there, and so many bytes too late (or, negative, too early).
    Shifted {
        /// By so many.
        by: i64,
    },
    /// A part was overwritten with something else.
    Overwritten {
        /// Where, from the beginning of the interval.
        at: u64,
        /// How many bytes.
        len: u64,
    },
    /// Nothing but zeros: never written, or lost.
    Zeros,
    /// It was trimmed, and is not zero.
    NotZero,
    /// There is no stamp: what is there was not written by a verifying run.
    Foreign,
    /// There is a stamp, and it was changed in a way that nothing can be made of.
    StampDamaged,
    /// It was stamped for another method, interval or `verify_offset`.
    OtherShape,
    /// It was stamped in a format that this version does not know.
    OtherFormat {
        /// Its version.
        version: u16,
    },
    /// The digest is wrong, and what was written cannot be made again.
    Digest,
    /// The target ends in the middle of it.
    Cut {
        /// So many bytes are there.
        len: u64,
    },
}

/// An interval that does not hold what it must.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Miscompare {
    /// Which target.
    pub file: u32,
    /// Where it begins.
    pub offset: u64,
    /// Its length.
    pub len: u64,
    /// What happened to it.
    pub damage: Damage,
    /// The number of the write that must be there, where one is known.
    pub expected: Option<u64>,
    /// The number of the write that is there, where one is.
    pub found: Option<u64>,
    /// The first byte that is wrong, where the right ones are known.
    pub first: Option<Wrong>,
    /// `verify_dump`: what was read.
    #[serde(skip)]
    pub received: Option<Box<[u8]>>,
    /// `verify_dump`: what should have been read, where that is known.
    #[serde(skip)]
    pub wanted: Option<Box<[u8]>>,
}

/// A byte that is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wrong {
    /// Where, from the beginning of the interval.
    pub at: u64,
    /// What is there.
    pub is: u8,
    /// What should be.
    pub should: u8,
}

/// What can be said of a wrong interval.
pub(super) fn explain(recipe: &Recipe, rules: &Rules, interval: &Interval<'_>) -> Miscompare {
    let data = &*interval.data;
    let stamp = data.get(recipe.place..).map_or(Err(NoStamp::Magic), Stamp::take);
    let wanted = wanted(recipe, interval, stamp.ok());
    let damage = name(recipe, rules, interval, stamp, wanted.as_deref());
    let newest = match interval.expected {
        Expectation::Own { newest, .. } => Some(newest),
        _ => None,
    };
    Miscompare {
        file: interval.file,
        offset: interval.offset,
        len: recipe.interval as u64,
        damage,
        expected: newest,
        found: stamp.ok().map(|stamp| stamp.generation),
        first: wanted.as_deref().and_then(|wanted| first_wrong(data, wanted)),
        received: rules.dump.then(|| data.into()),
        wanted: wanted.filter(|_| rules.dump).map(Vec::into_boxed_slice),
    }
}

/// The bytes that must be there, as far as they are known: those of the write that must be there,
/// or, where any may be, those of the stamp that is.
fn wanted(recipe: &Recipe, interval: &Interval<'_>, found: Option<Stamp>) -> Option<Vec<u8>> {
    let (file, offset) = (interval.file, interval.offset);
    match interval.expected {
        Expectation::Zeros => Some(vec![0; recipe.interval]),
        _ if !recipe.method.stamps() => Some(recipe.make_again(&recipe.stamp(file, offset, 0))),
        Expectation::Own { newest, .. } => {
            let wanted = recipe.stamp(file, offset, newest);
            let time_ns = match found {
                Some(found) if found.generation == newest => found.time_ns,
                _ => time_in(interval.data, recipe.place),
            };
            Some(recipe.make_again(&Stamp { time_ns, ..wanted }))
        }
        _ => {
            let stamp = found.or_else(|| mended(interval.data.get(recipe.place..)?))?;
            let is_ours = stamp.len as usize == recipe.interval
                && stamp.method == recipe.method
                && stamp.place as usize == recipe.place
                && stamp.payload == recipe.payload.kind()
                && stamp.offset == offset;
            is_ours.then(|| recipe.make_again(&stamp))
        }
    }
}

/// The time in what may be a damaged stamp: no clock can tell it again.
fn time_in(data: &[u8], place: usize) -> u64 {
    let bytes = data.get(place + 64..place + 72).and_then(|bytes| bytes.try_into().ok());
    bytes.map_or(0, u64::from_le_bytes)
}

/// The stamp in which one bit is wrong, with that bit put right.
fn mended(bytes: &[u8]) -> Option<Stamp> {
    let mut bytes: [u8; STAMP_LEN] = bytes.get(..STAMP_LEN)?.try_into().ok()?;
    (0..STAMP_LEN * 8).find_map(|bit| {
        bytes[bit / 8] ^= 1 << (bit % 8);
        let stamp = Stamp::take(&bytes).ok();
        bytes[bit / 8] ^= 1 << (bit % 8);
        stamp
    })
}

/// What happened.
fn name(
    recipe: &Recipe,
    rules: &Rules,
    interval: &Interval<'_>,
    stamp: Result<Stamp, NoStamp>,
    wanted: Option<&[u8]>,
) -> Damage {
    let data = &*interval.data;
    if data.len() < recipe.interval {
        return Damage::Cut { len: data.len() as u64 };
    }
    if interval.expected == Expectation::Zeros {
        return Damage::NotZero;
    }
    match stamp {
        _ if !recipe.method.stamps() => by_bytes(data, wanted).unwrap_or(Damage::Foreign),
        Ok(stamp) => by_stamp(recipe, rules, interval, &stamp, wanted),
        Err(NoStamp::Unknown { version, .. }) => Damage::OtherFormat { version },
        Err(_) if data.iter().all(|&byte| byte == 0) => Damage::Zeros,
        Err(NoStamp::Crc) => by_bytes(data, wanted).unwrap_or(Damage::StampDamaged),
        Err(NoStamp::Magic) => shifted(recipe, data)
            .or_else(|| by_bytes(data, wanted).filter(|damage| !is_all(damage, data)))
            .unwrap_or(Damage::Foreign),
    }
}

/// Whether the whole interval is something else.
fn is_all(damage: &Damage, data: &[u8]) -> bool {
    matches!(damage, Damage::Overwritten { at: 0, len } if *len == data.len() as u64)
}

/// There is a whole stamp.
fn by_stamp(
    recipe: &Recipe,
    rules: &Rules,
    interval: &Interval<'_>,
    stamp: &Stamp,
    wanted: Option<&[u8]>,
) -> Damage {
    let is_own = matches!(interval.expected, Expectation::Own { .. });
    let target = recipe.targets.get(interval.file as usize).copied().unwrap_or(0);
    let other_target = is_own && rules.origin && stamp.target != target;
    let of_run = rules.run.is_none_or(|run| stamp.run == run);
    if stamp.offset != interval.offset || (other_target && of_run) {
        return Damage::Misdirected { offset: stamp.offset, other_target };
    }
    let has_shape = stamp.len as usize == recipe.interval
        && stamp.place as usize == recipe.place
        && stamp.method == recipe.method;
    if !has_shape {
        return Damage::OtherShape;
    }
    // Is the rest that of the stamp? Where it is not, two writes are there, or bits are wrong.
    let as_stamped = (stamp.payload == recipe.payload.kind()).then(|| recipe.make_again(stamp));
    let inner = as_stamped.as_deref().map(|made| by_bytes(interval.data, Some(made)));
    match interval.expected {
        _ if !of_run => torn_or(inner, Damage::Stale { generation: None }),
        Expectation::Own { .. } if rules.origin && stamp.worker != recipe.worker => {
            Damage::OtherWriter { worker: stamp.worker }
        }
        Expectation::Own { oldest, .. } if rules.generation && stamp.generation < oldest => {
            torn_or(inner, Damage::Stale { generation: Some(stamp.generation) })
        }
        Expectation::Own { newest, .. } if rules.generation && stamp.generation > newest => {
            torn_or(inner, Damage::Newer { generation: stamp.generation })
        }
        _ => match inner {
            Some(Some(damage)) => damage,
            // The stamp fits, and so does what can be made of it: the seed is another one.
            Some(None) => by_bytes(interval.data, wanted).unwrap_or(Damage::Digest),
            None => Damage::Digest,
        },
    }
}

/// A block whose stamp belongs to another write is torn if the rest does not.
fn torn_or(inner: Option<Option<Damage>>, whole: Damage) -> Damage {
    match inner {
        Some(Some(torn @ (Damage::Torn { .. } | Damage::Overwritten { .. }))) => torn,
        _ => whole,
    }
}

/// By comparison with what must be there; none where they are the same, or nothing is known.
fn by_bytes(data: &[u8], wanted: Option<&[u8]>) -> Option<Damage> {
    let wanted = wanted?;
    let sectors = data.chunks(SECTOR).zip(wanted.chunks(SECTOR));
    let bits: Vec<u32> = sectors
        .map(|(is, should)| is.iter().zip(should).map(|(a, b)| (a ^ b).count_ones()).sum())
        .collect();
    let replaced = |&bits: &u32| bits > FLIPS_MAX;
    let all: u64 = bits.iter().map(|&bits| u64::from(bits)).sum();
    let Some(first) = bits.iter().position(&replaced) else {
        return (all > 0).then_some(Damage::BitFlips { bits: all });
    };
    let last = bits.iter().rposition(&replaced).unwrap_or(first);
    let at = (first * SECTOR) as u64;
    let end = ((last + 1) * SECTOR).min(data.len()) as u64;
    let is_dense = bits[first..=last].iter().all(replaced);
    let (to_end, from_begin) = (last + 1 == bits.len(), first == 0);
    Some(match (is_dense, from_begin, to_end) {
        (true, false, true) => Damage::Torn { at },
        (true, true, false) => Damage::Torn { at: end },
        _ => Damage::Overwritten { at, len: end - at },
    })
}

/// Whether a stamp stands somewhere else in the block than where it belongs.
fn shifted(recipe: &Recipe, data: &[u8]) -> Option<Damage> {
    let places = 0..=data.len().checked_sub(STAMP_LEN)?;
    let mut found = places.filter(|&at| data[at..].starts_with(&MAGIC));
    let at = found.find(|&at| Stamp::take(&data[at..]).is_ok())?;
    Some(Damage::Shifted { by: at as i64 - recipe.place as i64 })
}

fn first_wrong(data: &[u8], wanted: &[u8]) -> Option<Wrong> {
    let at = data.iter().zip(wanted).position(|(is, should)| is != should)?;
    Some(Wrong { at: at as u64, is: data[at], should: wanted[at] })
}

impl Damage {
    /// One word for it, as the table of docs/verify-format.md has it.
    pub fn class(&self) -> &'static str {
        match self {
            Damage::BitFlips { .. } => "bit flips",
            Damage::Stale { .. } => "stale",
            Damage::Newer { .. } => "newer",
            Damage::Misdirected { .. } => "misdirected",
            Damage::OtherWriter { .. } => "other writer",
            Damage::Torn { .. } => "torn",
            Damage::Shifted { .. } => "shifted",
            Damage::Overwritten { .. } => "overwritten",
            Damage::Zeros => "zeros",
            Damage::NotZero => "not zero",
            Damage::Foreign => "foreign",
            Damage::StampDamaged => "damaged stamp",
            Damage::OtherShape => "other shape",
            Damage::OtherFormat { .. } => "other format",
            Damage::Digest => "wrong digest",
            Damage::Cut { .. } => "cut",
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Damage::BitFlips { bits: 1 } => write!(f, "bit flip: one bit is wrong"),
            Damage::BitFlips { bits } => write!(f, "bit flips: {bits} bits are wrong"),
            Damage::Stale { generation: Some(number) } => {
                write!(f, "stale: write {number} is there, a later one was lost")
            }
            Damage::Stale { generation: None } => write!(f, "stale: another run wrote it"),
            Damage::Newer { generation } => {
                write!(f, "newer: write {generation} is there, which is not known to have ended")
            }
            Damage::Misdirected { offset, other_target: false } => {
                write!(f, "misdirected: it was written to offset {offset}")
            }
            Damage::Misdirected { offset, other_target: true } => {
                write!(f, "misdirected: it was written to offset {offset} of another target")
            }
            Damage::OtherWriter { worker } => {
                write!(f, "other writer: worker {worker} wrote there as well")
            }
            Damage::Torn { at } => {
                write!(f, "torn: one write ends and another one begins at byte {at}")
            }
            Damage::Shifted { by } => write!(f, "shifted: everything lies {by} bytes too far"),
            Damage::Overwritten { at, len } => {
                write!(f, "overwritten: {len} bytes from byte {at} on are something else")
            }
            Damage::Zeros => write!(f, "zeros: the write is not there"),
            Damage::NotZero => write!(f, "not zero: it was trimmed, and holds data"),
            Damage::Foreign => {
                write!(f, "foreign: no stamp, it was not written by a verifying run")
            }
            Damage::StampDamaged => {
                write!(f, "damaged stamp: more than its bits can tell is wrong")
            }
            Damage::OtherShape => {
                write!(
                    f,
                    "other shape: stamped with another verify, verify_interval or verify_offset"
                )
            }
            Damage::OtherFormat { version } => {
                write!(f, "other format: stamped in version {version} of the format")
            }
            Damage::Digest => {
                write!(f, "wrong digest: what was written is not known, so no more can be said")
            }
            Damage::Cut { len } => write!(f, "cut: the target ends {len} bytes behind its begin"),
        }
    }
}
