//! What a run will do to its targets, told without doing it: files and their sizes, what will be
//! made and filled, how much will be transferred, whether O_DIRECT will work, what does not fit.
//!
//! Called by `cli` for `iodyno lint`. Opens nothing for writing and creates nothing; what it says
//! holds for this moment.

use super::super::plan::{Plan, PlannedWorker};
use super::check::{guard, Known};
use super::{discover, diskless, layout, per_file, rules, sized, told, without_io, zoned};
use crate::ddir::Ddir;
use crate::job::spec::{JobSpec, RunSpec};
use crate::target::{self, Direct, Kind, Probe, Purpose, Room, Target, TargetError};
use iodyno_engine_api::abi::IOE_F_FAKE;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::PathBuf;

/// What [`FileOutlook::kind`] is of a target that an engine makes up.
pub const ENGINES_OWN: &str = "engine's own";

/// One worker's targets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkerOutlook {
    /// Index of its job.
    pub job: usize,
    /// Which clone of the job.
    pub clone: u32,
    /// In which stage it runs.
    pub stage: u32,
    /// Its files, in the order in which they are used.
    pub files: Vec<FileOutlook>,
    /// Bytes to transfer in one loop; none where nobody can know (`fill_device`, an engine that
    /// alone knows its target's size).
    pub bytes_per_loop: Option<u64>,
    /// Requests of one loop; none where the block sizes or the order leave it open.
    pub requests_per_loop: Option<u64>,
    /// Bytes that are written before the start.
    pub filled: u64,
    /// Room that is set aside before the start, without being written.
    pub reserved: u64,
    /// The file systems that get fuller by this worker.
    pub spaces: Vec<SpaceOutlook>,
    /// What may surprise, in words.
    pub traps: Vec<String>,
    /// Why it cannot run as things are: the words with which the run would be refused.
    pub problem: Option<String>,
}

/// One file or device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileOutlook {
    /// As the job names it.
    pub path: PathBuf,
    /// "file", "new file", "block device", "character device", "pipe", "engine's own".
    pub kind: &'static str,
    /// Bytes now.
    pub size: u64,
    /// Bytes once it is laid out; files that grow while they are written are longer in the end.
    pub size_laid_out: u64,
    /// Where the region of the load begins.
    pub offset: u64,
    /// Its length; none for "until there is no space left".
    pub len: Option<u64>,
    /// Whether O_DIRECT will work; none where it is not known.
    pub direct: Option<bool>,
    /// Why so, or what it asks for; empty where the job does not want it.
    pub direct_reason: String,
    /// Bytes that are written before the start.
    pub filled: u64,
    /// Room that is set aside before the start.
    pub reserved: u64,
}

/// A file system that gets fuller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpaceOutlook {
    /// One of the files on it.
    pub path: PathBuf,
    /// Bytes that are free now.
    pub free: u64,
    /// Bytes that this worker and all before it will add there.
    pub needed: u64,
}

/// Looks at the targets of every worker, in the order of the run.
pub fn explain(spec: &RunSpec) -> Vec<WorkerOutlook> {
    let mut ledger = Ledger::default();
    let run = Plan::new(spec);
    let one = |worker: &PlannedWorker| {
        let job = &spec.jobs[worker.job as usize];
        let mut outlook = WorkerOutlook {
            job: worker.job as usize,
            clone: worker.clone,
            stage: worker.stage,
            ..WorkerOutlook::default()
        };
        if let Err(error) = look(job, worker, &run, &mut ledger, &mut outlook) {
            // An engine with targets of its own may know what is not known here.
            if !(diskless(job) && matches!(error, TargetError::SizeNeeded { .. })) {
                outlook.problem = Some(told(job, &error).message);
            }
        }
        outlook
    };
    run.workers.iter().map(one).collect()
}

/// What earlier workers leave behind.
#[derive(Default)]
struct Ledger {
    known: Known,
    /// Length that each file will have.
    lengths: BTreeMap<PathBuf, u64>,
    /// By the file system's number: free and needed bytes.
    spaces: BTreeMap<u64, (u64, u64)>,
    /// File systems whose lack of room was told.
    told: BTreeSet<u64>,
    /// Regions that are written: by which job, where.
    written: BTreeMap<PathBuf, Vec<(u32, Range<u64>)>>,
}

fn look(
    job: &JobSpec,
    worker: &PlannedWorker,
    run: &Plan,
    ledger: &mut Ledger,
    outlook: &mut WorkerOutlook,
) -> Result<(), TargetError> {
    zoned::judge_engine(job)?;
    if without_io(job) {
        (outlook.bytes_per_loop, outlook.requests_per_loop) = (Some(0), Some(0));
        return Ok(());
    }
    let mut targets = discover(job, worker.clone)?;
    let found = targets.clone();
    outlook.files = found.iter().map(|target| file_outlook(job, target)).collect();
    let directs = ledger.known.directs(job, &targets, Probe::Look);
    for (file, direct) in outlook.files.iter_mut().zip(&directs) {
        (file.direct, file.direct_reason) = direct_words(direct);
    }
    if !diskless(job) {
        guard(job, &targets, &mut ledger.known.guarded)?;
    }
    ledger.known.foresee(&mut targets, run, worker);
    let plan = sized(job, worker.clone, &targets)?;
    outlook.traps.extend(plan.notes.iter().cloned());
    for ((file, target), planned) in outlook.files.iter_mut().zip(&targets).zip(&plan.files) {
        let is_file = matches!(target.kind, Kind::Regular | Kind::Missing);
        file.offset = planned.offset;
        file.len = (!is_file || planned.file_len.is_some()).then_some(planned.len);
        lay_out_on_paper(job, target, planned.file_len, file);
    }
    outlook.filled = outlook.files.iter().map(|file| file.filled).sum();
    outlook.reserved = outlook.files.iter().map(|file| file.reserved).sum();
    outlook.bytes_per_loop = (!plan.unbounded).then_some(plan.amount);
    outlook.requests_per_loop = outlook.bytes_per_loop.and_then(|b| requests(job, &plan.files, b));
    if per_file(job) {
        let most = job.load.number_ios.unwrap_or(u64::MAX);
        outlook.bytes_per_loop = Some(0);
        outlook.requests_per_loop = Some(plan.amount.min(most));
    }
    if job.target.create_only {
        (outlook.bytes_per_loop, outlook.requests_per_loop) = (Some(0), Some(0));
    }
    if diskless(job) {
        return Ok(());
    }
    ledger.count_space(job, &found, &plan, outlook);
    add_traps(job, &found, outlook);
    ledger.add_shared_writes(job, worker, run, outlook);
    ledger.known.remember(job, worker, &targets, &plan);
    rules::judge(job, &targets, &plan)?;
    zoned::check(job, &targets, &plan)?;
    rules::judge_direct(job, &targets, &plan, &directs)
}

fn file_outlook(job: &JobSpec, target: &Target) -> FileOutlook {
    FileOutlook {
        path: target.path.clone(),
        kind: match target.kind {
            Kind::Regular => "file",
            Kind::Missing => "new file",
            Kind::Block => "block device",
            Kind::Char => "character device",
            Kind::Pipe => "pipe",
            Kind::Directory => "directory",
            Kind::Opaque => ENGINES_OWN,
        },
        size: target.size,
        size_laid_out: target.size,
        offset: 0,
        len: None,
        direct: (!job.target.direct).then_some(false),
        direct_reason: String::new(),
        filled: 0,
        reserved: 0,
    }
}

fn direct_words(direct: &Direct) -> (Option<bool>, String) {
    match direct {
        Direct::Possible { offset_align: Some(bytes), .. } => {
            (Some(true), format!("in multiples of {bytes} bytes"))
        }
        Direct::Possible { offset_align: None, .. } => (Some(true), "of any length".into()),
        Direct::Impossible(why) => (Some(false), why.clone()),
        Direct::Unknown(why) => (None, why.clone()),
    }
}

/// What the layout would do to a file.
fn lay_out_on_paper(job: &JobSpec, target: &Target, file_len: Option<u64>, out: &mut FileOutlook) {
    out.size_laid_out = target.size;
    let Some(len) = file_len.filter(|&len| len > target.size) else { return };
    if job.target.create_on_open || job.only_looks() {
        return;
    }
    let missing = len - target.size;
    match layout::purpose(job, job.engine.flags) {
        Purpose::Fill => (out.filled, out.size_laid_out) = (missing, len),
        Purpose::Reserve(Room::None) => {}
        Purpose::Reserve(Room::Keep) => out.reserved = missing,
        Purpose::Reserve(Room::Truncate) => out.size_laid_out = len,
        Purpose::Reserve(Room::Native | Room::Posix) => {
            (out.reserved, out.size_laid_out) = (missing, len);
        }
    }
}

/// Requests of one loop, where all blocks are of one size and nothing is skipped.
fn requests(job: &JobSpec, files: &[target::FilePlan], amount: u64) -> Option<u64> {
    let load = &job.load;
    let used = [
        (Ddir::Read, load.rw.reads()),
        (Ddir::Write, load.rw.writes()),
        (Ddir::Trim, load.rw.trims()),
    ];
    let mut sizes = used.iter().filter(|(_, used)| *used).map(|(ddir, _)| load.bs[*ddir]);
    let first = sizes.next()?;
    let bs = first.min.0;
    let is_plain = sizes.all(|size| size == first) && first.min == first.max && bs > 0;
    let skips = load.strided.is_some() || load.seq_add != 0;
    if !is_plain || skips || load.bssplit.iter().any(|(_, split)| !split.is_empty()) {
        return None;
    }
    let pass: u64 = files.iter().map(|file| file.len / bs).sum();
    let pass_bytes = (pass * bs).max(bs);
    let (whole, rest) = (amount / pass_bytes, amount % pass_bytes);
    // What is less than a block short of a whole pass ends with it.
    let blocks = whole * pass + if whole > 0 && rest < bs { 0 } else { rest.div_ceil(bs) };
    let of_both = if load.rw.is_trimwrite() { blocks * 2 } else { blocks };
    Some(load.number_ios.map_or(of_both, |most| of_both.min(most)))
}

impl Ledger {
    /// Adds up what files grow by, in the layout or while they are written.
    fn count_space(
        &mut self,
        job: &JobSpec,
        found: &[Target],
        plan: &target::Plan,
        outlook: &mut WorkerOutlook,
    ) {
        let mut touched = BTreeMap::new();
        for (target, file) in found.iter().zip(&plan.files) {
            let (Some(len), Some(space)) = (file.file_len, target::space_at(target)) else {
                continue;
            };
            let known = self.lengths.entry(target.path.clone()).or_insert(target.size);
            let grows = len.saturating_sub(*known);
            *known = len.max(*known);
            let (_, needed) = self.spaces.entry(space.id).or_insert((space.free, 0));
            *needed = needed.saturating_add(grows);
            if grows > 0 {
                touched.entry(space.id).or_insert_with(|| target.path.clone());
            }
        }
        for (id, path) in touched {
            let (free, needed) = self.spaces[&id];
            if needed > free && self.told.insert(id) {
                let so_far = if job.target.unlink { " if all are there at once" } else { "" };
                outlook.traps.push(format!(
                    "{}: files are to grow by {needed} bytes{so_far}, and {free} are free there",
                    path.display()
                ));
            }
            outlook.spaces.push(SpaceOutlook { path, free, needed });
        }
    }

    /// Workers that write the same blocks at the same time.
    fn add_shared_writes(
        &mut self,
        job: &JobSpec,
        worker: &PlannedWorker,
        run: &Plan,
        outlook: &mut WorkerOutlook,
    ) {
        if (!job.load.rw.writes() && !job.load.rw.trims()) || per_file(job) {
            return;
        }
        for file in &outlook.files {
            let region = file.offset..file.offset.saturating_add(file.len.unwrap_or(u64::MAX));
            let written = self.written.entry(file.path.clone()).or_default();
            let meets = |(first, other): &(u32, Range<u64>)| {
                other.start < region.end
                    && region.start < other.end
                    && !run.is_through_before(*first, worker)
            };
            if written.iter().any(meets) {
                let path = file.path.display();
                let words = format!("{path}: another worker writes the same blocks of it");
                outlook.traps.push(words);
            }
            written.push((worker.job, region));
        }
    }
}

fn add_traps(job: &JobSpec, found: &[Target], outlook: &mut WorkerOutlook) {
    for (file, target) in outlook.files.iter().zip(found) {
        let path = file.path.display();
        if job.target.direct && file.direct.is_none() {
            let why = &file.direct_reason;
            outlook.traps.push(format!("{path}: whether direct=1 will work is not known: {why}"));
        }
        let reads = job.load.rw.reads() && job.engine.flags & IOE_F_FAKE == 0;
        let blocks = target::allocated(target).filter(|_| reads);
        if let Some(blocks) = blocks.filter(|&blocks| blocks < target.size) {
            outlook.traps.push(format!(
                "{path}: it has holes ({blocks} of {} bytes are on the device): reads of a hole \
                 never reach the device",
                target.size
            ));
        }
    }
    if job.load.fill_device && outlook.bytes_per_loop.is_none() {
        outlook.traps.push("fill_device: it will write until there is no space left".into());
    }
}
