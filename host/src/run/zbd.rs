//! A worker's way to the zones of its targets (`zonemode=zbd`): asks its engine (`iodyno.zbd/1`) or
//! the kernel how they stand, and brings the workers of one device together at one board.
//!
//! Called by [`super::worker`] while a worker is set up, and through [`ZoneKeeper`] by its loop.
//! Also says where a write should have gone that a zoned device refused. Decides nothing about
//! where requests go: that is `workload::zoned`.

use super::doors::Opened;
use super::result::RunError;
use super::targets::{self, Files};
use super::words::{self, place};
use super::worker::Context;
use crate::ddir::Ddir;
use crate::io::failures::Failures;
use crate::io::trouble::{RequestError, Trouble};
use crate::io::zoned::{SharedBoard, ZoneKeeper, ZoneTrouble, Zoned, ZonedFile};
use crate::job::spec::{JobSpec, Zbd};
use crate::plugin::handle::{Instance, Refusal};
use crate::plugin::lent::FileTable;
use crate::sys::zones::{Zone, CONVENTIONAL};
use crate::target::{self, DeviceZones, Kind, Target, TargetError, ZoneNode};
use crate::workload::zoned::{Manage, ShareRules, ZoneBoard, ZoneFacts, ZoneLimits};
use crate::workload::Region;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Zones to a question that an engine answers.
const BATCH: u32 = 4096;

/// The devices whose zones the workers of this process share: a device is one, whoever looks.
static BOARDS: Mutex<BTreeMap<Key, SharedBoard>> = Mutex::new(BTreeMap::new());

/// What makes two targets one: the number of the disk, or a name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Disk(u32, u32),
    Name(PathBuf),
}

/// How the zones of a file are reached.
#[derive(Debug)]
enum Way {
    Engine,
    Kernel(ZoneNode),
}

/// What is known before the start.
#[derive(Debug)]
pub(super) struct ZonePlan {
    ways: Vec<Way>,
    files: Vec<(Key, ShareRules, ZoneLimits)>,
}

/// Looks at the zones of all files, judges them, and fits the amount to what they hold.
pub(super) fn prepare(
    context: &Context,
    engine: &mut Instance<'_>,
    files: &mut Files,
) -> Result<Option<ZonePlan>, RunError> {
    let job = &context.job;
    let Some(zbd) = &job.load.zbd else { return Ok(None) };
    let mut plan = ZonePlan { ways: Vec::new(), files: Vec::new() };
    let mut amount = 0;
    for index in 0..files.table.len() {
        let (target, file) = files.opened.planned(index);
        let (target, file) = (target.clone(), *file);
        let (way, device) = find_way(job, engine, &mut files.table, index, &target)?;
        let told = |error: TargetError| targets::told(job, &error);
        targets::zoned::judge(job, &target, &file, &device).map_err(told)?;
        let region = Region { offset: file.offset, len: file.len };
        amount += room(job, &device, region);
        let rules = rules(context, zbd, &target, region, &device);
        plan.ways.push(way);
        plan.files.push((key(&target), rules, targets::zoned::limits(job, &device)));
    }
    if job.load.io_size.is_none() && job.load.rw.writes() {
        files.amount = amount;
    }
    Ok(Some(plan))
}

/// What a pass of writes fills.
fn room(job: &JobSpec, device: &DeviceZones, region: Region) -> u64 {
    let least = job.load.bs.write.min.0.max(1);
    let is_used = |zone: &&Zone| (region.offset..region.offset + region.len).contains(&zone.start);
    let writable = |zone: &&Zone| targets::zoned::facts(zone).writable;
    let zones = device.zones.iter().filter(is_used).filter(writable);
    zones.map(|zone| zone.capacity - zone.capacity % least).sum()
}

/// The engine's own way where it has one, else the kernel's.
fn find_way(
    job: &JobSpec,
    engine: &mut Instance<'_>,
    table: &mut FileTable,
    index: u32,
    target: &Target,
) -> Result<(Way, DeviceZones), RunError> {
    let refused = |refusal: Refusal| words::refused(job, &refusal);
    if let Some((max_open, max_active)) = engine.zone_limits(table, index).map_err(refused)? {
        if let Some(zones) = all_zones(engine, table, index).map_err(refused)? {
            return Ok((Way::Engine, DeviceZones { zones, max_open, max_active }));
        }
    }
    if target.kind != Kind::Block {
        let why = format!(
            "{}: {}: zonemode=zbd: engine {} does not tell of zones (it lacks iodyno.zbd/1; name \
             the disk's block device with another engine)",
            place(job),
            target.path.display(),
            job.engine.name
        );
        return Err(RunError::usage(&job.name, why));
    }
    let told = |error: TargetError| targets::told(job, &error);
    let device = target::device_zones(target).map_err(told)?;
    let changes = job.load.rw.writes() || job.load.rw.trims();
    let node = ZoneNode::open(&target.path, changes).map_err(told)?;
    Ok((Way::Kernel(node), device))
}

/// All zones of a file, as its engine tells of them.
fn all_zones(
    engine: &mut Instance<'_>,
    table: &mut FileTable,
    index: u32,
) -> Result<Option<Vec<Zone>>, Refusal> {
    let mut zones: Vec<Zone> = Vec::new();
    loop {
        let from = zones.last().map_or(0, |last| last.start.saturating_add(last.len));
        let Some(more) = engine.zone_report(table, index, from, BATCH)? else { return Ok(None) };
        let follow = more.first().is_some_and(|first| first.start == from && first.len > 0);
        let is_last = more.len() < BATCH as usize;
        if !follow {
            return Ok(Some(zones));
        }
        zones.extend(more);
        if is_last {
            return Ok(Some(zones));
        }
    }
}

fn key(target: &Target) -> Key {
    match &target.device {
        Some(device) => Key::Disk(device.number.0, device.number.1),
        None => Key::Name(target.path.clone()),
    }
}

fn rules(
    context: &Context,
    zbd: &Zbd,
    target: &Target,
    region: Region,
    device: &DeviceZones,
) -> ShareRules {
    let (job, load) = (&context.job, &context.job.load);
    let zone_bytes = device.zones.first().map_or(1, |zone| zone.len.max(1));
    let ends = load.io_size.is_none() && !job.time.time_based;
    let device_max = if zbd.ignore_limits { 0 } else { device.max_open };
    let every = (zbd.reset_frequency > 0.0).then(|| (1.0 / zbd.reset_frequency).round() as u64);
    ShareRules {
        worker: context.planned.id,
        begin: region.offset,
        len: region.len,
        sequential: !load.rw.is_random(),
        writes: load.rw.writes() || load.rw.trims(),
        mixed: load.rw.is_mixed(),
        block: u64::from(target.block_size.max(1)),
        write_min: load.bs.write.min.0.max(1),
        max_open: if zbd.max_open > 0 { zbd.max_open } else { device_max },
        job_max_open: zbd.job_max_open,
        read_beyond_wp: zbd.read_beyond_wp,
        passes: if ends { job.time.loops } else { u64::MAX },
        skip: (zbd.skip.0 / zone_bytes) as u32,
        reset_every: every.unwrap_or(0),
        reset_above: zbd.reset_threshold,
    }
}

/// Takes a worker's place at the boards of its devices. What nobody uses at the moment is asked for
/// anew.
pub(super) fn join(
    context: &Context,
    engine: &mut Instance<'_>,
    files_of: &mut Files,
    plan: ZonePlan,
    depth: u32,
) -> Result<Zoned<'static>, RunError> {
    let (job, table) = (&context.job, &mut files_of.table);
    let keeper = Keeper { ways: plan.ways };
    let mut files = Vec::new();
    let mut boards = BOARDS.lock().unwrap_or_else(PoisonError::into_inner);
    for (index, (key, rules, limits)) in plan.files.into_iter().enumerate() {
        let board = boards.get(&key).cloned();
        let in_use =
            |board: &SharedBoard| board.lock().unwrap_or_else(PoisonError::into_inner).users() > 0;
        let board = match board.filter(in_use) {
            Some(board) => board,
            None => {
                let facts = keeper.all(engine, table, index as u32).map_err(|trouble| {
                    let words = format!("{}: {}", place(job), trouble.message);
                    words::io_error(job, Some(trouble.errno), words)
                })?;
                let board = Arc::new(Mutex::new(ZoneBoard::new(&facts, limits)));
                boards.insert(key, Arc::clone(&board));
                board
            }
        };
        let share = board.lock().unwrap_or_else(PoisonError::into_inner).join(rules);
        files.push(ZonedFile { board, share });
    }
    drop(boards);
    Ok(Zoned::new(files, Box::new(keeper), place(job), depth))
}

/// Does to zones what has to be done.
#[derive(Debug)]
struct Keeper {
    ways: Vec<Way>,
}

impl Keeper {
    fn all(
        &self,
        engine: &mut Instance<'_>,
        table: &mut FileTable,
        file: u32,
    ) -> Result<Vec<ZoneFacts>, ZoneTrouble> {
        let zones = match &self.ways[file as usize] {
            Way::Kernel(node) => node.zones().map_err(of_kernel)?,
            Way::Engine => all_zones(engine, table, file).map_err(of_engine)?.unwrap_or_default(),
        };
        Ok(zones.iter().map(targets::zoned::facts).collect())
    }
}

fn of_kernel(error: TargetError) -> ZoneTrouble {
    ZoneTrouble { errno: error.errno().unwrap_or(libc::EIO), message: error.to_string() }
}

fn of_engine(refusal: Refusal) -> ZoneTrouble {
    ZoneTrouble { errno: refusal.errno, message: format!("iodyno.zbd/1: {refusal}") }
}

fn left_alone(what: &str) -> ZoneTrouble {
    let message = format!("the engine's iodyno.zbd/1 cannot {what} (report says it has zones)");
    ZoneTrouble { errno: libc::EOPNOTSUPP, message }
}

impl ZoneKeeper for Keeper {
    fn manage(
        &mut self,
        engine: &mut Instance<'_>,
        files: &mut FileTable,
        file: u32,
        what: Manage,
        (start, len): (u64, u64),
    ) -> Result<(), ZoneTrouble> {
        match (&self.ways[file as usize], what) {
            (Way::Kernel(node), Manage::Finish) => node.finish(start, len).map_err(of_kernel),
            (Way::Kernel(node), _) => node.reset(start, len).map_err(of_kernel),
            (Way::Engine, Manage::Finish) => {
                let done = engine.zone_finish(files, file, start).map_err(of_engine)?;
                done.ok_or_else(|| left_alone("finish zones"))
            }
            (Way::Engine, _) => {
                let done = engine.zone_reset(files, file, start).map_err(of_engine)?;
                done.ok_or_else(|| left_alone("reset zones"))
            }
        }
    }

    fn report(
        &mut self,
        engine: &mut Instance<'_>,
        files: &mut FileTable,
        file: u32,
        start: u64,
    ) -> Result<ZoneFacts, ZoneTrouble> {
        let zone = match &self.ways[file as usize] {
            Way::Kernel(node) => node.zone_at(start).map_err(of_kernel)?,
            Way::Engine => {
                let zones = engine.zone_report(files, file, start, 1).map_err(of_engine)?;
                zones.and_then(|zones| zones.first().copied())
            }
        };
        let zone = zone.filter(|zone| zone.start == start);
        zone.as_ref().map(targets::zoned::facts).ok_or_else(|| ZoneTrouble {
            errno: libc::EIO,
            message: format!("no zone begins at {start} any more"),
        })
    }
}

/// Where a write should have gone that a zoned device did not take; empty where it was another
/// error, or the job knows of zones.
pub(super) fn hint(
    job: &JobSpec,
    opened: &Opened,
    trouble: Option<&Trouble>,
    failures: &Failures,
) -> String {
    let failed = match trouble {
        Some(Trouble::Request(error)) => Some(&**error),
        _ => failures.told.first().map(|failure| &failure.error),
    };
    let is_write = |error: &&RequestError| error.ddir == Ddir::Write;
    let Some(error) = failed.filter(is_write).filter(|_| job.load.zbd.is_none()) else {
        return String::new();
    };
    let (target, _) = opened.planned(error.file);
    pointer_words(target, error).unwrap_or_default()
}

fn pointer_words(target: &Target, error: &RequestError) -> Option<String> {
    let device = target.device.as_ref()?;
    device.zone_bytes?;
    let path = match target.kind {
        Kind::Block => target.path.clone(),
        _ => Path::new("/dev").join(device.disk.as_deref()?),
    };
    let zone = ZoneNode::open(&path, false).ok()?.zone_at(error.offset).ok()??;
    if zone.kind == CONVENTIONAL {
        return None;
    }
    let facts = targets::zoned::facts(&zone);
    let (begin, end) = (facts.start, facts.start + facts.capacity);
    let stands = match facts.wp {
        wp if wp == end => "it is full: it has to be reset first".to_owned(),
        wp if wp == error.offset && error.offset + error.len > end => {
            format!("what can be written of it ends at {end}")
        }
        wp if wp == error.offset => return None,
        wp => format!("its write pointer stands at {wp}, and the next write has to begin there"),
    };
    Some(format!(
        "; the device is zoned, and of the zone at {begin} {stands} (zonemode=zbd writes like that)"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_disk_is_one_board_by_whatever_name() {
        let disk = |path: &str| Target {
            kind: Kind::Block,
            device: Some(target::BlockDevice {
                number: (8, 0),
                name: None,
                disk: None,
                is_partition: false,
                rotational: None,
                zone_bytes: Some(1 << 20),
                ..target::BlockDevice::default()
            }),
            ..Target::opaque(Path::new(path), 0)
        };
        assert_eq!(key(&disk("/dev/sda")), key(&disk("/dev/disk/by-id/x")));
        let bare = |path: &str| Target { device: None, ..disk(path) };
        assert_ne!(key(&bare("a")), key(&bare("b")));
    }
}
