//! From wishes (size, filesize, offset, io_size) and what is there to regions and file lengths.
//!
//! Called by `run` for each worker. Pure arithmetic in bytes, by fio's rules; touches no file and
//! draws no random number of its own.

use super::discover::{Kind, Target};
use super::error::TargetError;

/// Where the region of a file ends that is written until there is no space left: farther than any
/// file system reaches, and near enough to be counted in 64 bits for many files.
const UNBOUNDED_END: u64 = 1 << 56;

/// A number of bytes, or a part of what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// That many.
    Bytes(u64),
    /// 1 to 100 percent.
    Percent(u8),
    /// That many zones of a zoned block device.
    Zones(u64),
}

/// What a job wants of its targets.
#[derive(Clone, Copy, Debug)]
pub struct Wishes {
    /// `size`: of all files of one clone together; percent of each file.
    pub size: Option<Amount>,
    /// `filesize`: of each file, from and to; drawn where they differ.
    pub filesize: Option<(u64, u64)>,
    /// `offset`: where the region of each file begins; percent of the file.
    pub offset: Option<Amount>,
    /// `offset_increment`: so much further on for each clone; percent of the file.
    pub increment: Option<Amount>,
    /// Which clone, from 0.
    pub clone: u32,
    /// `offset_align`: an offset that is given in percent is rounded up to it; 0 = the unit.
    pub offset_align: u64,
    /// `io_size`: how much to issue; percent of the regions.
    pub io_size: Option<Amount>,
    /// `fill_device`: files without a size are written until there is no space left.
    pub fill: bool,
    /// Regions are multiples of it: the smallest block of all directions in use.
    pub unit: u64,
    /// Each region holds at least so much: the largest of the directions' smallest blocks.
    pub block: u64,
}

/// Where the load of one file lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilePlan {
    /// Where the region begins.
    pub offset: u64,
    /// How long it is.
    pub len: u64,
    /// How long a regular file has to be for it; none for everything else.
    pub file_len: Option<u64>,
}

/// Where the load of one clone lies, in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// In the order of the targets.
    pub files: Vec<FilePlan>,
    /// How much to issue in one loop.
    pub amount: u64,
    /// Nobody knows how much it will be: `fill_device` without a size.
    pub unbounded: bool,
    /// What the user should know.
    pub notes: Vec<String>,
}

/// Lays regions over targets. `draw` gives a random number below its argument, for a range of
/// `filesize`.
///
/// # Errors
/// Sizes that are missing, too large for a device, too small for a block, or behind the end.
pub fn plan(
    targets: &[Target],
    wishes: &Wishes,
    mut draw: impl FnMut(u64) -> u64,
) -> Result<Plan, TargetError> {
    let zoned = |amount| zones_as_bytes(targets, amount);
    let (size, io_size) = (zoned(wishes.size)?, zoned(wishes.io_size)?);
    let wishes = &Wishes { size, io_size, ..*wishes };
    let share = match wishes.size {
        Some(Amount::Bytes(bytes)) => Some(bytes / (targets.len() as u64).max(1)),
        _ => None,
    };
    let files = targets
        .iter()
        .map(|target| {
            let filesize = wishes.filesize.map(|range| draw_filesize(range, wishes, &mut draw));
            plan_file(target, wishes, share, filesize)
        })
        .collect::<Result<Vec<_>, _>>()?;
    let total: u64 = files.iter().map(|file| file.len).fold(0, u64::saturating_add);
    let unbounded = wishes.io_size.is_none() && targets.iter().any(|t| is_unbounded(t, wishes));
    let mut notes = Vec::new();
    let amount = match (wishes.io_size, wishes.size) {
        (Some(Amount::Bytes(bytes)), _) => bytes,
        (Some(Amount::Percent(percent)), _) => part(total, percent),
        (None, Some(Amount::Bytes(size))) if wishes.filesize.is_some() => {
            if size > total {
                notes.push(format!(
                    "size={size} is more than the files hold by filesize: {total} bytes are used"
                ));
            }
            size.min(total)
        }
        _ => total,
    };
    Ok(Plan { files, amount, unbounded, notes })
}

/// A number of zones as bytes, by the first target's zones.
fn zones_as_bytes(
    targets: &[Target],
    amount: Option<Amount>,
) -> Result<Option<Amount>, TargetError> {
    match (amount, targets.first()) {
        (Some(Amount::Zones(zones)), Some(target)) => {
            zone_bytes(target, zones).map(|bytes| Some(Amount::Bytes(bytes)))
        }
        _ => Ok(amount),
    }
}

/// The length of so many zones.
fn zone_bytes(target: &Target, zones: u64) -> Result<u64, TargetError> {
    let zone = target.device.as_ref().and_then(|device| device.zone_bytes);
    let zone = zone.ok_or_else(|| TargetError::BadPercent {
        path: target.path.clone(),
        what: format!("{zones}z"),
        why: "zones are counted on zoned block devices only (give bytes)",
    })?;
    let overflow = || TargetError::Overflow { path: target.path.clone(), what: "so many zones" };
    zones.checked_mul(zone).ok_or_else(overflow)
}

/// A file that is written until there is no space left.
fn is_unbounded(target: &Target, wishes: &Wishes) -> bool {
    let is_file = matches!(target.kind, Kind::Regular | Kind::Missing);
    wishes.fill && is_file && wishes.size.is_none() && wishes.filesize.is_none()
}

/// One size of a range, a multiple of the unit where the range has one.
fn draw_filesize(
    (from, to): (u64, u64),
    wishes: &Wishes,
    draw: &mut impl FnMut(u64) -> u64,
) -> u64 {
    if from >= to {
        return from;
    }
    let unit = wishes.unit.max(1);
    let (first, last) = (from.div_ceil(unit), to / unit);
    if first > last {
        return from;
    }
    (first + draw(last - first + 1)) * unit
}

fn plan_file(
    target: &Target,
    wishes: &Wishes,
    share: Option<u64>,
    filesize: Option<u64>,
) -> Result<FilePlan, TargetError> {
    if target.kind == Kind::Directory {
        return Err(TargetError::IsDirectory { path: target.path.clone() });
    }
    let there = filesize.unwrap_or(target.size);
    let offset = resolve_offset(target, wishes, there)?;
    if is_unbounded(target, wishes) {
        if offset >= UNBOUNDED_END {
            return Err(TargetError::Overflow { path: target.path.clone(), what: "its offset" });
        }
        let len = UNBOUNDED_END - offset;
        return Ok(FilePlan { offset, len: len - len % wishes.unit.max(1), file_len: None });
    }
    let wanted = match (filesize, wishes.size) {
        (_, Some(Amount::Percent(percent))) => {
            let bytes = part(needed_base(target, there)?, percent);
            // Rounding the offset up may have taken a little of it away.
            let most = there.saturating_add(round_of(wishes) - 1);
            if filesize.is_none() && offset.saturating_add(bytes) > most {
                return Err(TargetError::BadPercent {
                    path: target.path.clone(),
                    what: format!("size={percent}%"),
                    why: "more than what is left of it behind the offset",
                });
            }
            bytes.min(there.saturating_sub(offset))
        }
        (None, Some(Amount::Bytes(_) | Amount::Zones(_))) => share.unwrap_or(0),
        (Some(_), _) | (None, None) => {
            let base = needed_base(target, there)?;
            if offset >= base {
                let path = target.path.clone();
                return Err(TargetError::OffsetBeyondEnd { path, offset, size: base });
            }
            base - offset
        }
    };
    if wanted < wishes.block.max(1) {
        let (path, block) = (target.path.clone(), wishes.block);
        return Err(TargetError::BelowBlock { path, len: wanted, block });
    }
    fit(target, offset, wanted - wanted % wishes.unit.max(1), filesize)
}

/// Checks a region against what the target can hold.
fn fit(
    target: &Target,
    offset: u64,
    len: u64,
    filesize: Option<u64>,
) -> Result<FilePlan, TargetError> {
    let path = || target.path.clone();
    let Some(end) = offset.checked_add(len).filter(|&end| end <= i64::MAX as u64) else {
        return Err(TargetError::Overflow { path: path(), what: "offset plus size" });
    };
    let is_bounded = match target.kind {
        Kind::Block => true,
        Kind::Char | Kind::Opaque => target.size > 0,
        _ => false,
    };
    if is_bounded {
        let size = target.size;
        if offset >= size {
            return Err(TargetError::OffsetBeyondEnd { path: path(), offset, size });
        }
        if end > size {
            let (asked, available) = (len, size);
            return Err(TargetError::BeyondDevice { path: path(), asked, offset, available });
        }
    }
    let is_file = matches!(target.kind, Kind::Regular | Kind::Missing);
    let file_len = is_file.then(|| end.max(filesize.unwrap_or(0)));
    Ok(FilePlan { offset, len, file_len })
}

/// `offset` and the clone's increments; rounded up, as fio does, where one of them is in percent.
fn resolve_offset(target: &Target, wishes: &Wishes, there: u64) -> Result<u64, TargetError> {
    let amount = |name: &str, amount| match amount {
        None => Ok((0, false)),
        Some(Amount::Bytes(bytes)) => Ok((bytes, false)),
        Some(Amount::Zones(zones)) => Ok((zone_bytes(target, zones)?, false)),
        Some(Amount::Percent(percent)) if there == 0 => Err(TargetError::BadPercent {
            path: target.path.clone(),
            what: format!("{name}={percent}%"),
            why: "a part of nothing: no length is there (give it in bytes, or set filesize=)",
        }),
        Some(Amount::Percent(percent)) => Ok((part(there, percent), true)),
    };
    let (first, is_part) = amount("offset", wishes.offset)?;
    let (step, is_step_part) = amount("offset_increment", wishes.increment)?;
    let overflow = || TargetError::Overflow {
        path: target.path.clone(),
        what: "offset plus offset_increment of the last clones",
    };
    let steps = step.checked_mul(u64::from(wishes.clone)).ok_or_else(overflow)?;
    let offset = first.checked_add(steps).ok_or_else(overflow)?;
    if !is_part && !is_step_part {
        return Ok(offset);
    }
    offset.checked_next_multiple_of(round_of(wishes)).ok_or_else(overflow)
}

/// What offsets in percent are rounded up to.
fn round_of(wishes: &Wishes) -> u64 {
    if wishes.offset_align > 0 {
        wishes.offset_align
    } else {
        wishes.unit.max(1)
    }
}

/// The length that is there, for those who need one.
fn needed_base(target: &Target, there: u64) -> Result<u64, TargetError> {
    if there > 0 {
        return Ok(there);
    }
    let why = match target.kind {
        Kind::Missing => "does not exist",
        Kind::Regular => "is empty",
        _ => "has no size of its own",
    };
    Err(TargetError::SizeNeeded { path: target.path.clone(), why })
}

/// So many percent of a number, rounded down.
fn part(whole: u64, percent: u8) -> u64 {
    (u128::from(whole) * u128::from(percent) / 100) as u64
}

#[cfg(test)]
mod tests;
