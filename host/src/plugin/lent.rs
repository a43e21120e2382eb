//! The tables that an instance reads: the job with its option values, and the files.
//!
//! Their addresses are part of the contract: entries never move and live until `cleanup` has
//! returned. So they are left where they are by default, whatever path the host takes, and given
//! back only by an orderly end. Must not be used for anything that the engine does not see.

use super::stack::{Below, Inner};
use crate::catalogue::{EngineOptionKind, EngineValue};
use crate::sys::guard;
use iodyno_engine_api::abi::*;
use iodyno_engine_api::v1_0;
use std::ffi::{c_char, c_void, CString};
use std::ptr::NonNull;

/// Facts about a job, as they go into `ioe_job`.
#[derive(Clone, Debug)]
pub struct JobFacts {
    /// The job's name.
    pub name: String,
    /// Units that may be in flight.
    pub iodepth: u32,
    /// Clones of the job.
    pub numjobs: u32,
    /// Which clone.
    pub job_index: u32,
    /// Largest request in bytes.
    pub max_bs: u64,
    /// Alignment of the buffers in bytes.
    pub align: u32,
    /// O_DIRECT.
    pub direct: bool,
    /// Bit per `IOE_OP_*`.
    pub op_mask: u32,
    /// Kind and value of each option, indexed like the engine's table.
    pub options: Vec<(EngineOptionKind, EngineValue)>,
}

/// An `ioe_job` with everything that it points to. Left where it is unless [`JobTable::dispose`] is
/// called: an engine may look at it until `cleanup` has returned.
pub struct JobTable {
    job: *mut ioe_job,
    values: *mut [ioe_value],
    pointers: *mut [*const ioe_value],
    texts: Vec<*mut c_char>,
    /// What the engine stands on; null: nothing.
    below: *mut Below,
    /// Lies before guard pages, for ever.
    guarded: bool,
}

impl std::fmt::Debug for JobTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JobTable").field("job", &self.job).finish()
    }
}

impl JobTable {
    /// Lays the tables out. None where a text holds a NUL byte, which no C string can.
    pub fn new(facts: &JobFacts) -> Option<JobTable> {
        let mut texts = Vec::new();
        let name = lend_text(&facts.name, &mut texts)?;
        let mut values = Vec::with_capacity(facts.options.len());
        for (kind, value) in &facts.options {
            values.push(raw_value(*kind, value, &mut texts)?);
        }
        let count = values.len();
        let values = Box::into_raw(values.into_boxed_slice());
        let first = values.cast::<ioe_value>();
        let pointers: Box<[*const ioe_value]> =
            (0..count).map(|i| first.wrapping_add(i).cast_const()).collect();
        let pointers = Box::into_raw(pointers);
        let job = Box::into_raw(Box::new(ioe_job {
            struct_size: size_of::<ioe_job>() as u32,
            iodepth: facts.iodepth,
            numjobs: facts.numjobs,
            job_index: facts.job_index,
            max_bs: facts.max_bs,
            align: facts.align,
            direct: facts.direct as u32,
            name,
            op_mask: facts.op_mask,
            verify: 0,
            opts: pointers.cast::<*const ioe_value>(),
            n_opts: count as u32,
            reserved: 0,
        }));
        let below = std::ptr::null_mut();
        Some(JobTable { job, values, pointers, texts, below, guarded: false })
    }

    /// The same, with each struct cut to its size in 1.0 and right before a page that nobody may
    /// touch. Never given back. None where there is no memory either.
    pub fn guarded(facts: &JobFacts) -> Option<JobTable> {
        let mut table = JobTable::new(facts)?;
        let first = table.values.cast::<ioe_value>();
        let placed: Option<Vec<usize>> = (0..facts.options.len())
            .map(|i| {
                let value = first.wrapping_add(i);
                // SAFETY: one of `options.len()` values that `new` laid out and initialised.
                unsafe {
                    (*value).struct_size = v1_0::VALUE;
                    Some(cut(value, v1_0::VALUE)?.as_ptr() as usize)
                }
            })
            .collect();
        let pointers: Vec<u8> = placed?.iter().flat_map(|at| at.to_ne_bytes()).collect();
        let opts = guard::place(&pointers).ok()?;
        // SAFETY: laid out and initialised by `new`; nobody was shown it yet.
        let job = unsafe {
            (*table.job).struct_size = v1_0::JOB;
            (*table.job).opts = opts.as_ptr().cast();
            cut(table.job, v1_0::JOB)?
        };
        table.job = job.as_ptr();
        table.guarded = true;
        Some(table)
    }

    /// The same for an engine that stands on others. None where a text holds a NUL byte.
    pub fn over(mut self, facts: &JobFacts, inner: &[Inner]) -> Option<JobTable> {
        if !inner.is_empty() {
            self.below = Box::into_raw(Box::new(Below::new(facts, inner)?));
        }
        Some(self)
    }

    /// What the engine stands on; null: nothing.
    pub(super) fn below(&self) -> *const Below {
        self.below
    }

    /// For `init()`.
    pub fn as_ptr(&self) -> *const ioe_job {
        self.job
    }

    /// Gives the memory back. To be called once the instance is cleaned up.
    pub fn dispose(self) {
        if self.guarded {
            return;
        }
        // SAFETY: not guarded (checked above), so all came from `Box::into_raw` and
        // `CString::into_raw` in `new` and `over`; they are given back once (this takes the table),
        // and nobody looks at them after `cleanup`, which is when the callers (`Instance::cleanup`,
        // `Below::dispose`) come here.
        unsafe {
            drop(Box::from_raw(self.job));
            drop(Box::from_raw(self.pointers));
            drop(Box::from_raw(self.values));
            self.texts.into_iter().for_each(|text| drop(CString::from_raw(text)));
            if !self.below.is_null() {
                Box::from_raw(self.below).dispose();
            }
        }
    }
}

/// A copy of the first `size` bytes of a struct, right before a page that nobody may touch.
///
/// # Safety
/// `from` leads to a whole struct of at least `size` bytes without padding.
pub(super) unsafe fn cut<T>(from: *const T, size: u32) -> Option<NonNull<T>> {
    // SAFETY: the caller vouches for it.
    let bytes = unsafe { std::slice::from_raw_parts(from.cast::<u8>(), size as usize) };
    Some(guard::place(bytes).ok()?.cast())
}

/// A C string of its own for the engine; its address goes into `texts`.
fn lend_text(text: &str, texts: &mut Vec<*mut c_char>) -> Option<*const c_char> {
    let text = CString::new(text).ok()?.into_raw();
    texts.push(text);
    Some(text)
}

fn raw_value(
    kind: EngineOptionKind,
    value: &EngineValue,
    texts: &mut Vec<*mut c_char>,
) -> Option<ioe_value> {
    let v = match value {
        EngineValue::Unset => ioe_value_v { u: 0 },
        EngineValue::Int(i) => ioe_value_v { i: *i },
        EngineValue::Uint(u) => ioe_value_v { u: *u },
        EngineValue::Float(f) => ioe_value_v { f: *f },
        EngineValue::Text(text) => ioe_value_v { s: lend_text(text, texts)? },
    };
    Some(ioe_value {
        struct_size: size_of::<ioe_value>() as u32,
        r#type: raw_kind(kind),
        is_set: !matches!(value, EngineValue::Unset) as u32,
        reserved: 0,
        v,
    })
}

fn raw_kind(kind: EngineOptionKind) -> u32 {
    match kind {
        EngineOptionKind::Bool => IOE_OPT_BOOL,
        EngineOptionKind::Int => IOE_OPT_INT,
        EngineOptionKind::Uint => IOE_OPT_UINT,
        EngineOptionKind::Size => IOE_OPT_SIZE,
        EngineOptionKind::TimeNs => IOE_OPT_TIME_NS,
        EngineOptionKind::Float => IOE_OPT_FLOAT,
        EngineOptionKind::Str => IOE_OPT_STR,
        EngineOptionKind::Path => IOE_OPT_PATH,
        EngineOptionKind::Enum => IOE_OPT_ENUM,
        EngineOptionKind::Flagset => IOE_OPT_FLAGSET,
        EngineOptionKind::Engine => IOE_OPT_ENGINE,
    }
}

/// One target, as it goes into an `ioe_file`.
#[derive(Clone, Debug)]
pub struct FileFacts {
    /// Name as the job gives it.
    pub name: String,
    /// Bytes; 0 = unknown.
    pub size: u64,
    /// `IOE_KIND_*`.
    pub kind: u32,
    /// `IOE_OPEN_*`.
    pub open_flags: u32,
    /// Logical block size in bytes.
    pub block_size: u32,
}

/// The files of a worker, at addresses that never change. Left where they are unless
/// [`FileTable::dispose`] is called: an engine may look at them until `cleanup` has returned.
#[derive(Debug)]
pub struct FileTable {
    files: *mut ioe_file,
    len: u32,
    names: Vec<*mut c_char>,
}

impl FileTable {
    /// None where a name holds a NUL byte.
    pub fn new(facts: &[FileFacts]) -> Option<FileTable> {
        let mut names = Vec::with_capacity(facts.len());
        for facts in facts {
            lend_text(&facts.name, &mut names)?;
        }
        let files: Box<[ioe_file]> = facts
            .iter()
            .zip(&names)
            .enumerate()
            .map(|(index, (facts, &name))| ioe_file {
                struct_size: size_of::<ioe_file>() as u32,
                fd: -1,
                name,
                size: facts.size,
                kind: facts.kind,
                open_flags: facts.open_flags,
                block_size: facts.block_size,
                index: index as u32,
                engine_data: std::ptr::null_mut::<c_void>(),
            })
            .collect();
        let len = files.len() as u32;
        Some(FileTable { files: Box::into_raw(files).cast::<ioe_file>(), len, names })
    }

    /// One file, cut to its size in 1.0 and right before a page that nobody may touch. To be left
    /// where it is: [`FileTable::dispose`] is not for this one. None where there is no memory
    /// either.
    pub fn guarded(facts: &FileFacts) -> Option<FileTable> {
        let mut table = FileTable::new(std::slice::from_ref(facts))?;
        // SAFETY: the one entry that `new` laid out and initialised; nobody was shown it yet.
        let file = unsafe {
            (*table.files).struct_size = v1_0::FILE;
            cut(table.files, v1_0::FILE)?
        };
        table.files = file.as_ptr();
        Some(table)
    }

    /// Number of files.
    pub fn len(&self) -> u32 {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The entry's address, for callbacks and for `ioe_io.file`.
    pub fn as_ptr(&self, index: u32) -> *mut ioe_file {
        assert!(index < self.len);
        // SAFETY: below the number of entries of the allocation (asserted).
        unsafe { self.files.add(index as usize) }
    }

    /// Sets the descriptor that the host opened, or -1.
    pub fn set_fd(&mut self, index: u32, fd: i32) {
        // SAFETY: a live entry (`as_ptr` asserts), and no callback is running: they all take
        // `&mut FileTable` or run while the worker holds it.
        unsafe { (*self.as_ptr(index)).fd = fd }
    }

    /// The descriptor that stands there now, or -1.
    pub fn fd(&self, index: u32) -> i32 {
        // SAFETY: as in `set_fd`.
        unsafe { (*self.as_ptr(index)).fd }
    }

    /// Size and block size as they stand there now: the engine may have filled them in.
    pub fn size(&self, index: u32) -> (u64, u32) {
        let file = self.as_ptr(index);
        // SAFETY: as in `set_fd`.
        unsafe { ((*file).size, (*file).block_size) }
    }

    /// `IOE_KIND_*` of the file, and its size as it stands there now.
    pub fn kind_and_size(&self, index: u32) -> (u32, u64) {
        let file = self.as_ptr(index);
        // SAFETY: as in `set_fd`.
        unsafe { ((*file).kind, (*file).size) }
    }

    /// `IOE_OPEN_*` of the file.
    pub fn open_flags(&self, index: u32) -> u32 {
        // SAFETY: as in `set_fd`.
        unsafe { (*self.as_ptr(index)).open_flags }
    }

    /// Sets size and block size.
    pub fn set_size(&mut self, index: u32, size: u64, block_size: u32) {
        let file = self.as_ptr(index);
        // SAFETY: as in `set_fd`.
        unsafe {
            (*file).size = size;
            (*file).block_size = block_size;
        }
    }

    /// Gives the memory back. To be called once the instance is cleaned up.
    pub fn dispose(self) {
        let files = std::ptr::slice_from_raw_parts_mut(self.files, self.len as usize);
        // SAFETY: the slice and the names came from `Box::into_raw` and `CString::into_raw` in
        // `new` and are given back once (this takes the table); callers come here after cleanup.
        unsafe {
            drop(Box::from_raw(files));
            self.names.into_iter().for_each(|name| drop(CString::from_raw(name)));
        }
    }
}
