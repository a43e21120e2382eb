//! What `zonemode=zbd` demands of a job's targets: each contradiction an error in words, before
//! anything is opened; and the region as zones have it.
//!
//! Called by [`super::check`] and [`super::explain`] with what the kernel says of block devices,
//! and by [`super::super::zbd`] with what an engine says of its own. Pure but for [`check`].

use super::{diskless, per_file};
use crate::ddir::Ddir;
use crate::job::spec::{Amount, JobSpec, Zbd};
use crate::sys::zones::{cond, Zone, CONVENTIONAL};
use crate::target::{self, DeviceZones, FilePlan, Kind, Plan, Target, TargetError};
use crate::workload::zoned::{ZoneFacts, ZoneLimits};
use iodyno_engine_api::abi::IOE_F_RAW;

fn refused(path: &std::path::Path, why: impl Into<String>) -> TargetError {
    TargetError::Refused {
        doing: path.display().to_string(),
        why: format!("zonemode=zbd: {}", why.into()),
    }
}

/// What can be judged without an engine.
pub(super) fn check(job: &JobSpec, targets: &[Target], plan: &Plan) -> Result<(), TargetError> {
    if job.load.zbd.is_none() {
        return Ok(());
    }
    for (target, file) in targets.iter().zip(&plan.files) {
        judge_kind(job, target)?;
        if target.kind == Kind::Block {
            judge(job, target, file, &target::device_zones(target)?)?;
        }
    }
    Ok(())
}

/// An engine that has no targets, or no place in them, has no zones.
pub(super) fn judge_engine(job: &JobSpec) -> Result<(), TargetError> {
    if job.load.zbd.is_none() || !(diskless(job) || per_file(job)) {
        return Ok(());
    }
    let why = format!("engine {} works on no device (name another engine)", job.engine.name);
    Err(TargetError::Refused { doing: "zonemode=zbd".into(), why })
}

fn judge_kind(job: &JobSpec, target: &Target) -> Result<(), TargetError> {
    let what = match target.kind {
        Kind::Block | Kind::Char => {
            let device = target.device.as_ref();
            if device.is_some_and(|device| device.zone_bytes.is_none()) {
                let why = "the device has no zones (leave zonemode out, or name a zoned device: \
                           /sys/block/*/queue/zoned tells)";
                return Err(refused(&target.path, why));
            }
            return Ok(());
        }
        Kind::Regular | Kind::Missing => "a regular file",
        Kind::Pipe => "a pipe or socket",
        Kind::Directory => "a directory",
        Kind::Opaque => return judge_engine(job),
    };
    let why = format!("{what} has no zones (name a zoned block device)");
    Err(refused(&target.path, why))
}

/// Everything that a job demands of the zones that are there.
pub(in super::super) fn judge(
    job: &JobSpec,
    target: &Target,
    file: &FilePlan,
    device: &DeviceZones,
) -> Result<(), TargetError> {
    let Some(zbd) = &job.load.zbd else { return Ok(()) };
    let fail = |why: String| Err(refused(&target.path, why));
    let Some(zone_bytes) = device.zones.first().map(|zone| zone.len) else {
        return fail("the device has no zones (leave zonemode out)".into());
    };
    if zbd.zone_size.0 != 0 && zbd.zone_size.0 != zone_bytes {
        return fail(format!(
            "zonesize is {} bytes, the device's zones have {zone_bytes} (leave zonesize out)",
            zbd.zone_size.0
        ));
    }
    if zbd.skip.0 % zone_bytes != 0 {
        return fail(format!(
            "zoneskip of {} bytes: give whole zones of {zone_bytes} bytes",
            zbd.skip.0
        ));
    }
    if let Some(why) = wrong_limit(zbd, device) {
        return fail(why);
    }
    let end = file.offset + file.len;
    let used: Vec<&Zone> =
        device.zones.iter().filter(|z| z.start < end && z.start + z.len > file.offset).collect();
    match wrong_blocks(job, target, &used, zone_bytes)
        .or_else(|| wrong_region(job, file, &device.zones, zone_bytes))
        .or_else(|| buffered(job, &used))
    {
        Some(why) => fail(why),
        None => Ok(()),
    }
}

fn wrong_limit(zbd: &Zbd, device: &DeviceZones) -> Option<String> {
    let limits = [device.max_open, device.max_active];
    let limit = limits.into_iter().filter(|limit| *limit > 0).min()?;
    for (name, asked) in
        [("max_open_zones", zbd.max_open), ("job_max_open_zones", zbd.job_max_open)]
    {
        if asked > limit && !zbd.ignore_limits {
            return Some(format!(
                "{name}={asked}: the device allows {limit} (lower it, or set ignore_zone_limits=1)"
            ));
        }
    }
    None
}

fn wrong_blocks(job: &JobSpec, target: &Target, used: &[&Zone], zone_bytes: u64) -> Option<String> {
    let load = &job.load;
    let capacity = used.iter().filter(|zone| zone.capacity > 0).map(|zone| zone.capacity).min();
    let capacity = capacity.unwrap_or(zone_bytes);
    for (ddir, is_used) in [(Ddir::Read, load.rw.reads()), (Ddir::Write, load.rw.writes())] {
        let bs = load.bs[ddir];
        if !is_used {
            continue;
        }
        if bs.max.0 > capacity {
            return Some(format!(
                "bs of {} bytes is larger than what a zone holds, {capacity} bytes (lower bs)",
                bs.max.0
            ));
        }
        let block = u64::from(target.block_size.max(1));
        let odd = [bs.min.0, bs.max.0].into_iter().find(|bs| !bs.is_multiple_of(block));
        if let (Ddir::Write, Some(odd)) = (ddir, odd) {
            return Some(format!(
                "bs of {odd} bytes: zones are written in the device's blocks of {block} bytes"
            ));
        }
    }
    let trim = load.bs.trim;
    (load.rw.trims() && (trim.min.0, trim.max.0) != (zone_bytes, zone_bytes)).then(|| {
        format!(
            "a trim empties a whole zone: bs of {} bytes for trims is not the zones' {zone_bytes} \
             (set bs=,,{zone_bytes})",
            trim.min.0
        )
    })
}

/// Regions that are written or emptied consist of whole zones.
fn wrong_region(job: &JobSpec, file: &FilePlan, zones: &[Zone], zone_bytes: u64) -> Option<String> {
    if !job.load.rw.writes() && !job.load.rw.trims() {
        return None;
    }
    let end = file.offset + file.len;
    let device_end = zones.last().map_or(0, |zone| zone.start + zone.len);
    let is_border = |at: u64| at == device_end || zones.iter().any(|zone| zone.start == at);
    let tell = |what: &str, bytes: u64| {
        format!(
            "{what} of {bytes} bytes is in the middle of a zone: zones have {zone_bytes} bytes \
             (give multiples of it, or zones as in `4z`)"
        )
    };
    if !is_border(file.offset) {
        return Some(tell("an offset", file.offset));
    }
    (!is_border(end)).then(|| tell("the end of a region", end))
}

fn buffered(job: &JobSpec, used: &[&Zone]) -> Option<String> {
    let sequential = used.iter().any(|zone| zone.kind != CONVENTIONAL);
    let raw = job.engine.flags & IOE_F_RAW != 0;
    (job.load.rw.writes() && sequential && !job.target.direct && !raw).then(|| {
        "direct=0: the page cache writes back in any order, and zones are written at their \
         pointers only (set direct=1)"
            .to_owned()
    })
}

/// A region in percent becomes one of whole zones, which a note tells.
pub(super) fn round(job: &JobSpec, targets: &[Target], plan: &mut Plan) {
    let load = &job.load;
    let amounts = [load.size, load.offset, load.offset_increment];
    let parts = amounts.iter().any(|amount| matches!(amount, Some(Amount::Percent(_))));
    let changes = load.rw.writes() || load.rw.trims();
    if load.zbd.is_none() || !parts || !changes {
        return;
    }
    for (target, file) in targets.iter().zip(&mut plan.files) {
        let Some(zone) = target.device.as_ref().and_then(|device| device.zone_bytes) else {
            continue;
        };
        let end = file.offset + file.len;
        let begin = file.offset.next_multiple_of(zone);
        let end = if end == target.size { end } else { end - end % zone };
        let len = end.saturating_sub(begin);
        if (begin, len) == (file.offset, file.len) || len == 0 {
            continue;
        }
        plan.notes.push(format!(
            "{}: the region of {} bytes at {} becomes {len} bytes at {begin}: whole zones",
            target.path.display(),
            file.len,
            file.offset
        ));
        plan.amount = plan.amount.min(plan.amount.saturating_sub(file.len) + len);
        (file.offset, file.len) = (begin, len);
    }
}

/// A device's words as the workload has them.
pub(in super::super) fn facts(zone: &Zone) -> ZoneFacts {
    let end = zone.start.saturating_add(zone.capacity);
    let sequential = zone.kind != CONVENTIONAL;
    ZoneFacts {
        start: zone.start,
        len: zone.len,
        capacity: zone.capacity,
        wp: match zone.cond {
            _ if !sequential => zone.start,
            cond::EMPTY | cond::OFFLINE => zone.start,
            cond::FULL => end,
            _ => zone.wp.clamp(zone.start, end),
        },
        sequential,
        readable: zone.cond != cond::OFFLINE,
        writable: !matches!(zone.cond, cond::OFFLINE | cond::READ_ONLY),
        active: matches!(zone.cond, cond::IMPLICIT | cond::EXPLICIT | cond::CLOSED),
    }
}

/// What a device allows at once, as the workload has it.
pub(in super::super) fn limits(job: &JobSpec, device: &DeviceZones) -> ZoneLimits {
    let ignores = job.load.zbd.as_ref().is_some_and(|zbd| zbd.ignore_limits);
    let active = if ignores { 0 } else { device.max_active };
    ZoneLimits { open: device.max_open, active }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_are_those_of_the_condition() {
        let zone = |kind, cond, wp| Zone { start: 1000, len: 100, capacity: 80, wp, kind, cond };
        let cases = [
            (zone(2, cond::EMPTY, 1000), 1000, true, false),
            (zone(2, cond::IMPLICIT, 1010), 1010, true, true),
            (zone(2, cond::EXPLICIT, 1000), 1000, true, true),
            (zone(3, cond::CLOSED, 1079), 1079, true, true),
            (zone(2, cond::FULL, u64::MAX), 1080, true, false),
            (zone(2, cond::READ_ONLY, 1050), 1050, false, false),
            (zone(2, cond::OFFLINE, 1050), 1000, false, false),
            (zone(1, cond::NOT_WP, u64::MAX), 1000, true, false),
        ];
        for (zone, wp, writable, active) in cases {
            let facts = facts(&zone);
            assert_eq!(
                (facts.wp, facts.writable, facts.active),
                (wp, writable, active),
                "{zone:?}"
            );
        }
    }
}
