//! What makes a recipe give no load, each with its words.
//!
//! Called when a generator is made, before anything is allocated. Judges numbers alone: which
//! option they came from, and at which line, is for the option table's own checks.

use super::laws;
use super::places::{Source, Style};
use super::recipe::{Order, Recipe, Region, Repeat, WorkloadError};
use super::varied::drawn;
use crate::ddir::Ddir;

/// Largest random map: 2^35 units are 4 GiB of memory.
pub(super) const MAP_UNITS_MAX: u64 = 1 << 35;

/// What is wrong with a recipe, whichever way it will be gone about.
pub(super) fn check(recipe: &Recipe) -> Result<(), WorkloadError> {
    for ddir in Ddir::DATA.into_iter().filter(|&ddir| recipe.order.uses(ddir)) {
        let (min, max) = recipe.bs[ddir];
        if min == 0 || min > max {
            return Err(WorkloadError::BadBlockSize { ddir: ddir.name(), min, max });
        }
        for (file, region) in recipe.files.iter().enumerate() {
            if region.len < min {
                let (len, ddir) = (region.len, ddir.name());
                return Err(WorkloadError::RegionTooShort { file, len, ddir, block: min });
            }
        }
    }
    for (file, &Region { offset, len }) in recipe.files.iter().enumerate() {
        if offset.checked_add(len).is_none_or(|end| end > i64::MAX as u64) {
            return Err(WorkloadError::RegionTooFar { file, offset, len });
        }
    }
    if recipe.files.is_empty() {
        return Err(WorkloadError::NoFiles);
    }
    let (write, trim) = (recipe.bs.write, recipe.bs.trim);
    let split = &recipe.shape.bssplit;
    let differs = write != trim || split.write != split.trim;
    if matches!(recipe.order, Order::TrimWrite { .. }) && differs {
        return Err(WorkloadError::TrimWriteSizes { write, trim });
    }
    if recipe.rwmixread > 100 {
        return Err(WorkloadError::BadMix { percent: recipe.rwmixread });
    }
    for (what, zero) in [
        ("the amount of data", recipe.amount == 0),
        ("the number of requests", recipe.max_ios == Some(0)),
        ("the number of loops", recipe.repeat == Repeat::Loops(0)),
    ] {
        if zero {
            return Err(WorkloadError::Nothing { what });
        }
    }
    check_shape(recipe)
}

/// What is wrong with the shape by itself.
fn check_shape(recipe: &Recipe) -> Result<(), WorkloadError> {
    let shape = &recipe.shape;
    let sizes = |ddir: Ddir| {
        if shape.seq_rand {
            vec![Ddir::Read, Ddir::Write]
        } else {
            vec![ddir]
        }
    };
    for ddir in drawn(recipe) {
        let percent = shape.percentage_random[ddir];
        if percent > 100 {
            return Err(WorkloadError::BadPercentage { ddir: ddir.name(), percent });
        }
        if shape.blockalign[ddir] == Some(0) {
            return Err(WorkloadError::BadAlign { ddir: ddir.name() });
        }
        if let Some(what) = laws::complaint(&shape.laws[ddir]) {
            return Err(WorkloadError::BadLaw { ddir: ddir.name(), what });
        }
        for ddir in sizes(ddir) {
            let ((min, max), split) = (recipe.bs[ddir], &shape.bssplit[ddir]);
            let percent: u32 = split.iter().map(|share| u32::from(share.1)).sum();
            if !split.is_empty() && percent != 100 {
                return Err(WorkloadError::BadSplit { ddir: ddir.name(), percent });
            }
            if split.iter().any(|share| share.0 == 0) || split.is_empty() && (min == 0 || min > max)
            {
                return Err(WorkloadError::BadBlockSize { ddir: ddir.name(), min, max });
            }
        }
    }
    if let Some(what) = shape.files.law().and_then(|law| laws::complaint(&law)) {
        return Err(WorkloadError::BadFileChoice { what });
    }
    Ok(())
}

/// What is wrong with the shape on these files.
pub(super) fn check_regions(recipe: &Recipe, style: &Style) -> Result<(), WorkloadError> {
    let block = style.block_min();
    if let Some(zoning) = recipe.shape.strided {
        if zoning.size == 0 || zoning.range < block {
            return Err(WorkloadError::BadZones { size: zoning.size, range: zoning.range, block });
        }
    }
    for (file, region) in recipe.files.iter().enumerate() {
        if region.len < block {
            let ddir = drawn(recipe).next().unwrap_or(Ddir::Read).name();
            return Err(WorkloadError::RegionTooShort { file, len: region.len, ddir, block });
        }
        let len = recipe.shape.strided.map_or(region.len, |zoning| zoning.range.min(region.len));
        let units = len / style.unit;
        if style.source == Source::Mapped && units > MAP_UNITS_MAX {
            return Err(WorkloadError::MapTooLarge { file, units, unit: style.unit });
        }
        for ddir in drawn(recipe).filter(|_| style.source == Source::Law) {
            if let Some(zone) = laws::part_behind(&recipe.shape.laws[ddir], len) {
                return Err(WorkloadError::ZoneBehind { file, zone: zone + 1, len });
            }
        }
    }
    Ok(())
}
