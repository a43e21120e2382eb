//! The beginning and the end of a rig: the instance, its files, its units, in the order of a run.
//! Called by `Stand::rig` and by checks of just that. Drives no request, and judges nothing but
//! what the contract says of these callbacks.

use super::super::check::Finding;
use super::super::place::Place;
use super::super::stand::{Stand, Subject, Value};
use super::super::units::Units;
use super::words::{rules, RigWish};
use super::{refused, Rig};
use crate::plugin::handle::{Callback, Instance, Refusal};
use crate::plugin::host_table;
use crate::plugin::lent::{FileFacts, FileTable, JobFacts, JobTable};
use crate::target::{self, OpenWish};
use iodyno_engine_api::abi::*;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

impl<'s> Rig<'s> {
    /// Makes the files, the instance and the units, in the order of a run, up to `start`.
    pub(in super::super) fn new(
        stand: &'s Stand,
        subject: Subject,
        wish: RigWish,
    ) -> Result<Self, Finding> {
        let mut rig = Rig::bare(stand, subject, &wish)?;
        for index in 0..wish.files {
            rig.open(index).map_err(|refusal| not_made(stand, rules::OPEN, &refusal))?;
        }
        for index in 0..rig.units.count() {
            let announced = rig.instance.io_init(rig.units.ptr(index));
            announced.map_err(|refusal| refused(rules::INIT, &refusal))?;
        }
        rig.instance.start().map_err(|refusal| refused(rules::INIT, &refusal))?;
        Ok(rig)
    }

    /// The same without any file open and any unit announced: for checks of just that.
    pub(in super::super) fn bare(
        stand: &'s Stand,
        subject: Subject,
        wish: &RigWish,
    ) -> Result<Self, Finding> {
        let wish = &fitting(subject, wish.clone());
        let values = match &wish.values {
            Some(values) => values.clone(),
            None => stand.values(subject.info())?,
        };
        let instance = init(stand, subject, wish, &values);
        let mut instance = instance.map_err(|refusal| not_made(stand, rules::INIT, &refusal))?;
        let caps = instance.caps().map_err(|r| refused(rules::INIT, &r))?;
        if caps.ops != 0 && u64::from(wish.ops) & !caps.ops == u64::from(wish.ops) {
            return Err(Finding::skip("its get_caps names none of the operations that this takes"));
        }
        let align = caps.mem_align.max(4096) as usize;
        let facts: Vec<FileFacts> = (0..wish.files)
            .map(|index| file_facts(stand, wish, index))
            .collect::<Result<_, _>>()?;
        let files = FileTable::new(&facts).ok_or_else(|| Finding::skip("a name with a NUL"))?;
        let count = (wish.depth + wish.spare) as usize;
        let units = Units::new(count, wish.bs, align, &mut instance)?;
        Ok(Rig {
            stand,
            subject,
            instance,
            caps,
            files,
            descriptors: (0..wish.files).map(|_| None).collect(),
            units,
            in_flight: vec![None; count],
            offered: vec![None; count],
            uncommitted: 0,
            sources: vec![None; count],
            gone: vec![None; count],
            interrupted: false,
            short_waits: 0,
            span: wish.file_bytes,
            ops: wish.ops,
        })
    }

    /// Opens file number `index`, by the engine or for it.
    pub(in super::super) fn open(&mut self, index: u32) -> Result<(), Refusal> {
        let answer = self.instance.open_file(&mut self.files, index)?;
        if answer > IOE_OPEN_HOST as u32 {
            return Err(Refusal {
                callback: Callback::OpenFile,
                errno: libc::EINVAL,
                words: Some(format!("answered {answer}, neither 0 nor 1")),
            });
        }
        if answer == IOE_OPEN_HOST as u32 && !self.is(IOE_F_DISKLESS) {
            let flags = self.open_flags(index);
            let wish = OpenWish {
                read: flags & IOE_OPEN_READ != 0,
                write: flags & IOE_OPEN_WRITE != 0,
                direct: flags & IOE_OPEN_DIRECT != 0,
                ..OpenWish::default()
            };
            let fd =
                target::open(&self.stand.place.name(index), wish).map_err(|error| Refusal {
                    callback: Callback::OpenFile,
                    errno: error.errno().unwrap_or(libc::EIO),
                    words: Some(error.to_string()),
                })?;
            self.files.set_fd(index, fd.as_raw_fd());
            self.descriptors[index as usize] = Some(fd);
        }
        self.instance.get_file_size(&mut self.files, index).map(drop)
    }

    /// What `open_file` answers, and nothing more.
    pub(in super::super) fn open_answer(&mut self, index: u32) -> Result<u32, Refusal> {
        self.instance.open_file(&mut self.files, index)
    }

    /// Closes it.
    pub(in super::super) fn close(&mut self, index: u32) -> Result<(), Refusal> {
        self.instance.close_file(&mut self.files, index)?;
        if let Some(fd) = self.descriptors[index as usize].take() {
            self.files.set_fd(index, -1);
            drop(fd);
        }
        Ok(())
    }

    fn open_flags(&self, index: u32) -> u32 {
        self.files.open_flags(index)
    }

    /// Ends an instance that nothing was opened for.
    pub(in super::super) fn end_bare(mut self) {
        self.units.give_back(&mut self.instance);
        self.instance.cleanup();
        self.files.dispose();
        self.units.dispose();
    }

    /// Ends everything in order. What is in flight is reaped first.
    pub(in super::super) fn end(mut self) -> Result<(), Finding> {
        self.reap_all()?;
        (0..self.units.count()).for_each(|index| self.instance.io_free(self.units.ptr(index)));
        for index in 0..self.files.len() {
            self.close(index).map_err(|refusal| refused(rules::OPEN, &refusal))?;
        }
        self.units.give_back(&mut self.instance);
        let damage = (0..self.units.count()).find_map(|index| self.damage(index));
        self.instance.cleanup();
        self.files.dispose();
        self.units.dispose();
        damage.map_or(Ok(()), Err)
    }
}

/// A job of an engine with one direction has one.
fn fitting(subject: Subject, wish: RigWish) -> RigWish {
    const BOTH: u32 = 1 << IOE_OP_READ | 1 << IOE_OP_WRITE;
    match subject.has(IOE_F_UNIDIR) && wish.ops & BOTH == BOTH {
        true => RigWish { ops: wish.ops & !(1 << IOE_OP_WRITE), ..wish },
        false => wish,
    }
}

/// `init` or `open_file` of an instance as the user wants it was refused. An engine whose targets
/// are no paths may lawfully want to be told of one, or of options that say where it is.
pub(in super::super) fn not_made(stand: &Stand, rule: &str, refusal: &Refusal) -> Finding {
    match &refusal.words {
        Some(words) if stand.is_untold() => Finding::skip(format!(
            "it wants to be told where to go: {words} (--target NAME, --set OPTION=VALUE)"
        )),
        // Whose targets are devices alone says so by this errno.
        Some(words) if refusal.errno == libc::ENOTBLK && stand.place.is_directory() => {
            Finding::skip(format!("it takes no files: {words} (--target DEVICE)"))
        }
        _ => refused(rule, refusal),
    }
}

/// An instance alone.
pub(in super::super) fn init<'s>(
    stand: &'s Stand,
    subject: Subject,
    wish: &RigWish,
    values: &[Value],
) -> Result<Instance<'s>, Refusal> {
    let refusal = |words: String| Refusal {
        callback: Callback::Init,
        errno: libc::EINVAL,
        words: Some(words),
    };
    let facts = job_facts(wish, values);
    let inner = stand.inner(values).map_err(refusal)?;
    let job = JobTable::new(&facts)
        .and_then(|table| table.over(&facts, &inner))
        .ok_or_else(|| refusal("a text with a NUL".to_owned()))?;
    Instance::init(&subject.engine.ops, host_table::table(), job, stand.crumb)
}

/// What an instance is told of its job.
pub(in super::super) fn job_facts(wish: &RigWish, values: &[Value]) -> JobFacts {
    JobFacts {
        name: "check".to_owned(),
        iodepth: wish.depth,
        numjobs: wish.clone.0,
        job_index: wish.clone.1,
        max_bs: wish.bs as u64,
        align: 4096,
        direct: wish.direct,
        op_mask: wish.ops,
        options: values.to_vec(),
    }
}

/// Makes the file, where the place is a directory, and says what the engine is told of it.
pub(in super::super) fn file_facts(
    stand: &Stand,
    wish: &RigWish,
    index: u32,
) -> Result<FileFacts, Finding> {
    let name = file_name(stand, wish, index)?;
    let access = if wish.read_only { 0 } else { IOE_OPEN_WRITE };
    let direct = if wish.direct { IOE_OPEN_DIRECT } else { 0 };
    let (size, kind, block_size) = match &stand.place {
        Place::Directory(_) if makes_its_own(stand)? => {
            remove(&name)?;
            (0, IOE_KIND_REGULAR, 512)
        }
        Place::Directory(_) => {
            make_file(&name, wish.file_bytes)?;
            (wish.file_bytes, IOE_KIND_REGULAR, 512)
        }
        Place::Device { kind, size, block_size, .. } => (*size, *kind, *block_size),
        Place::Opaque(_) | Place::Unnamed => (0, IOE_KIND_NONE, 512),
    };
    Ok(FileFacts {
        name: name.to_string_lossy().into_owned(),
        size,
        kind,
        open_flags: IOE_OPEN_READ | access | direct,
        block_size,
    })
}

/// Clones that make or remove the same file would be in each other's way.
fn file_name(stand: &Stand, wish: &RigWish, index: u32) -> Result<PathBuf, Finding> {
    let mut name = stand.place.name(index);
    if stand.place.is_directory() && stand.subject()?.has(IOE_F_PER_FILE) {
        name.as_mut_os_string().push(format!(".{}", wish.clone.1));
    }
    Ok(name)
}

/// Whether requests are whole files that the engine has, or makes, by itself.
fn makes_its_own(stand: &Stand) -> Result<bool, Finding> {
    let subject = stand.subject()?;
    Ok(subject.has(IOE_F_PER_FILE) && !subject.has(IOE_F_NOEXTEND))
}

/// What an earlier instance made, file or directory, is not in the way of this one.
fn remove(path: &Path) -> Result<(), Finding> {
    let removed = match path.is_dir() {
        true => std::fs::remove_dir(path),
        false => std::fs::remove_file(path),
    };
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Finding::skip(format!("remove {}: {error}", path.display())))
        }
        _ => Ok(()),
    }
}

fn make_file(path: &Path, bytes: u64) -> Result<(), Finding> {
    let options = std::fs::File::options().create(true).truncate(false).write(true).open(path);
    let made = options.and_then(|file| match file.metadata()?.len() == bytes {
        true => Ok(()),
        false => file.set_len(bytes),
    });
    made.map_err(|error| Finding::skip(format!("make {}: {error}", path.display())))
}
