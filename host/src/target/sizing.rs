//! From wishes (size, filesize, offset, io_size) and what is there to regions and file lengths.
//!
//! Called by `run` for each worker. Pure arithmetic in bytes, by fio's rules; touches no file and
//! draws no random number of its own.

use super::discover::{Kind, Target};
use super::error::TargetError;

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
    /// `io_size`: how much to issue; percent of the regions.
    pub io_size: Option<Amount>,
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
    let mut notes = Vec::new();
    let amount = match (wishes.io_size, wishes.size) {
        (Some(Amount::Bytes(bytes)), _) => bytes,
        (Some(Amount::Percent(percent)), _) => part(total, percent),
        (Some(Amount::Zones(zones)), _) => return Err(not_zoned(&targets[0], zones)),
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
    Ok(Plan { files, amount, notes })
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
    let wanted = match (filesize, wishes.size) {
        (_, Some(Amount::Percent(percent))) => {
            let bytes = part(needed_base(target, there)?, percent);
            if filesize.is_none() && offset.saturating_add(bytes) > there {
                return Err(TargetError::BadPercent {
                    path: target.path.clone(),
                    what: format!("size={percent}%"),
                    why: "more than what is left of it behind the offset",
                });
            }
            bytes.min(there.saturating_sub(offset))
        }
        (_, Some(Amount::Zones(zones))) => return Err(not_zoned(target, zones)),
        (None, Some(Amount::Bytes(_))) => share.unwrap_or(0),
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
    let is_bounded = target.kind == Kind::Block || (target.kind == Kind::Opaque && target.size > 0);
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

fn resolve_offset(target: &Target, wishes: &Wishes, there: u64) -> Result<u64, TargetError> {
    match wishes.offset {
        None => Ok(0),
        Some(Amount::Bytes(bytes)) => Ok(bytes),
        Some(Amount::Zones(zones)) => Err(not_zoned(target, zones)),
        Some(Amount::Percent(percent)) if there == 0 => Err(TargetError::BadPercent {
            path: target.path.clone(),
            what: format!("offset={percent}%"),
            why: "a part of nothing: no length is there (give it in bytes, or set filesize=)",
        }),
        Some(Amount::Percent(percent)) => {
            let bytes = part(there, percent);
            Ok(bytes - bytes % wishes.unit.max(1))
        }
    }
}

fn not_zoned(target: &Target, zones: u64) -> TargetError {
    TargetError::BadPercent {
        path: target.path.clone(),
        what: format!("{zones}z"),
        why: "zones are counted on zoned block devices only (give bytes)",
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
mod tests {
    use super::*;
    use std::path::Path;

    const K: u64 = 1024;

    fn target(kind: Kind, size: u64) -> Target {
        Target { kind, ..Target::opaque(Path::new("x"), size) }
    }

    fn wishes() -> Wishes {
        Wishes {
            size: None,
            filesize: None,
            offset: None,
            io_size: None,
            unit: 4 * K,
            block: 4 * K,
        }
    }

    fn bytes(k: u64) -> Option<Amount> {
        Some(Amount::Bytes(k * K))
    }

    fn percent(percent: u8) -> Option<Amount> {
        Some(Amount::Percent(percent))
    }

    /// (offset, len, file_len) of each file, and the amount; all in KiB, 0 = no file_len.
    type Expected<'a> = (&'a [(u64, u64, u64)], u64);

    fn assert_plan(what: &str, targets: &[Target], wishes: Wishes, expected: Expected<'_>) {
        let plan = plan(targets, &wishes, |bound| bound - 1).expect(what);
        let files: Vec<_> = plan
            .files
            .iter()
            .map(|f| (f.offset / K, f.len / K, f.file_len.unwrap_or(0) / K))
            .collect();
        assert_eq!((&files[..], plan.amount / K), expected, "{what}");
    }

    #[test]
    fn regions_of_files_to_be_made_follow_fio() {
        let none = target(Kind::Missing, 0);
        let three = [none.clone(), none.clone(), none.clone()];
        let one = std::slice::from_ref(&none);
        let w = wishes;
        let size = |k| Wishes { size: bytes(k), ..w() };
        assert_plan("one file", one, size(50), (&[(0, 48, 48)], 48));
        assert_plan("split", &three, size(50), (&[(0, 16, 16); 3], 48));
        let case = Wishes { offset: bytes(8), ..size(16) };
        assert_plan("offset", one, case, (&[(8, 16, 24)], 16));
        let filesize = Some((16 * K, 16 * K));
        let of = |size| Wishes { filesize, size, ..w() };
        assert_plan("filesize alone", &three[1..], of(None), (&[(0, 16, 16); 2], 32));
        assert_plan("less than filesize", &three, of(bytes(32)), (&[(0, 16, 16); 3], 32));
        assert_plan("more than filesize", one, of(bytes(64)), (&[(0, 16, 16)], 16));
        assert_plan("percent of filesize", one, of(percent(50)), (&[(0, 8, 16)], 8));
        let case = Wishes { offset: bytes(8), ..of(bytes(16)) };
        assert_plan("filesize and offset", one, case, (&[(8, 8, 16)], 8));
        let case = Wishes { offset: percent(50), ..of(None) };
        assert_plan("filesize and offset in percent", one, case, (&[(8, 8, 16)], 8));
        let case = Wishes { filesize: Some((6 * K, 23 * K)), ..w() };
        assert_plan("a range of filesize", one, case, (&[(0, 20, 20)], 20));
    }

    #[test]
    fn regions_of_files_that_are_there_follow_fio() {
        let two = [target(Kind::Regular, 64 * K), target(Kind::Regular, 32 * K)];
        let one = &two[..1];
        let w = wishes;
        assert_plan("whole", one, w(), (&[(0, 64, 64)], 64));
        assert_plan("two", &two, w(), (&[(0, 64, 64), (0, 32, 32)], 96));
        let size = |size| Wishes { size, ..w() };
        assert_plan("part", one, size(percent(50)), (&[(0, 32, 32)], 32));
        assert_plan("part of each", &two, size(percent(50)), (&[(0, 32, 32), (0, 16, 16)], 48));
        assert_plan("grows", one, size(bytes(96)), (&[(0, 96, 96)], 96));
        let from = |offset, size| Wishes { offset, size, ..w() };
        assert_plan("rest", one, from(bytes(16), None), (&[(16, 48, 64)], 48));
        let case = from(percent(25), percent(50));
        assert_plan("offset and size in percent", one, case, (&[(16, 32, 48)], 32));
        let case = from(bytes(80), bytes(16));
        assert_plan("behind the end", one, case, (&[(80, 16, 96)], 16));
        let issue = |io_size| Wishes { io_size, ..size(bytes(32)) };
        assert_plan("io_size", one, issue(bytes(500)), (&[(0, 32, 32)], 500));
        assert_plan("io_size in percent", one, issue(percent(50)), (&[(0, 32, 32)], 16));
    }

    #[test]
    fn regions_of_devices() {
        let device = target(Kind::Block, 64 * K);
        let zero = target(Kind::Char, 0);
        let opaque = target(Kind::Opaque, 0);
        let w = wishes;
        let one = std::slice::from_ref;
        assert_plan("whole", one(&device), w(), (&[(0, 64, 0)], 64));
        assert_plan("part", one(&device), Wishes { size: percent(25), ..w() }, (&[(0, 16, 0)], 16));
        assert_plan(
            "offset",
            one(&device),
            Wishes { offset: percent(50), ..w() },
            (&[(32, 32, 0)], 32),
        );
        assert_plan(
            "character device",
            one(&zero),
            Wishes { size: bytes(48), ..w() },
            (&[(0, 48, 0)], 48),
        );
        assert_plan(
            "no path",
            one(&opaque),
            Wishes { size: bytes(48), ..w() },
            (&[(0, 48, 0)], 48),
        );
    }

    #[test]
    fn a_size_above_filesize_is_told() {
        let wishes = Wishes { size: bytes(64), filesize: Some((16 * K, 16 * K)), ..wishes() };
        let plan = plan(&[target(Kind::Missing, 0)], &wishes, |_| 0).expect("a plan");
        assert_eq!(
            plan.notes,
            ["size=65536 is more than the files hold by filesize: 16384 bytes are used"]
        );
    }

    #[test]
    fn what_cannot_be_is_refused_in_words() {
        let (none, file, device) =
            (target(Kind::Missing, 0), target(Kind::Regular, 64 * K), target(Kind::Block, 64 * K));
        let w = wishes;
        let cases = [
            (none.clone(), w(), "size is needed: x does not exist"),
            (target(Kind::Regular, 0), w(), "size is needed: x is empty"),
            (target(Kind::Char, 0), w(), "size is needed: x has no size of its own"),
            (target(Kind::Opaque, 0), w(), "size is needed: x has no size of its own"),
            (none.clone(), Wishes { size: percent(50), ..w() }, "size is needed: x does not exist"),
            (
                none.clone(),
                Wishes { size: bytes(16), offset: percent(50), ..w() },
                "x: offset=50% is a part of nothing",
            ),
            (target(Kind::Directory, 0), w(), "x: is a directory"),
            (
                device.clone(),
                Wishes { size: bytes(128), ..w() },
                "x: 131072 bytes from offset 0 on are asked for, but the device holds 65536 bytes",
            ),
            (
                device.clone(),
                Wishes { size: bytes(64), offset: bytes(16), ..w() },
                "65536 bytes from offset 16384 on",
            ),
            (
                device.clone(),
                Wishes { offset: bytes(64), ..w() },
                "x: offset 65536 is at or beyond its end (65536 bytes)",
            ),
            (
                device.clone(),
                Wishes { size: bytes(4), offset: bytes(640), ..w() },
                "x: offset 655360 is at or beyond its end",
            ),
            (
                device,
                Wishes { size: percent(90), offset: percent(25), ..w() },
                "x: size=90% is more than what is left of it behind the offset",
            ),
            (file, Wishes { offset: bytes(64), ..w() }, "x: offset 65536 is at or beyond its end"),
            (
                none.clone(),
                Wishes { size: bytes(3), ..w() },
                "x: its part of 3072 bytes is smaller than one block of 4096 bytes",
            ),
            (
                none,
                Wishes { size: Some(Amount::Bytes(1 << 63)), ..w() },
                "x: offset plus size is beyond 2^63 bytes",
            ),
        ];
        for (target, wishes, expected) in cases {
            let error = plan(&[target], &wishes, |_| 0).expect_err(expected).to_string();
            assert!(error.contains(expected), "{error:?} should say {expected:?}");
        }
    }
}
