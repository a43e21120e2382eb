//! What a job writes, and the memory that its requests use.
//!
//! Filled by the options of the chapters on data and memory; `run` makes the workload's content and
//! the slab's shape of it. Files of a pattern are named here and read elsewhere.

use crate::units::Bytes;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// A piece of `buffer_pattern`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PatternPart {
    /// These bytes.
    Bytes(Vec<u8>),
    /// What is in this file when the run begins.
    File(PathBuf),
}

/// `dedupe_mode`: what a repeated block repeats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DedupeMode {
    /// The block before it.
    #[default]
    Repeat,
    /// One of a set of blocks.
    WorkingSet,
}

/// `mem`: where the buffers come from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemoryKind {
    /// Anonymous memory.
    #[default]
    Malloc,
    /// A mapping, of this file where one is given.
    Mmap(Option<PathBuf>),
    /// System V shared memory.
    Shm,
    /// As `mmap`, in huge pages.
    MmapHuge(Option<PathBuf>),
    /// As `shm`, in huge pages.
    ShmHuge,
}

/// What is written, and where the buffers lie.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContentSpec {
    /// `refill_buffers`: fresh data for each request.
    pub refill_buffers: bool,
    /// `zero_buffers`: zeros.
    pub zero_buffers: bool,
    /// `scramble_buffers`: change a bit of the data for each request.
    pub scramble_buffers: bool,
    /// `buffer_pattern`, in order; empty = none.
    pub buffer_pattern: Vec<PatternPart>,
    /// `buffer_compress_percentage`: part of each chunk that compresses away; 0 = none.
    pub compress_percentage: u8,
    /// `buffer_compress_chunk`: 0 = the whole block.
    pub compress_chunk: Bytes,
    /// `dedupe_percentage`: part of the blocks that were there before; 0 = none.
    pub dedupe_percentage: u8,
    /// `dedupe_mode`.
    pub dedupe_mode: DedupeMode,
    /// `dedupe_working_set_percentage`: of the job's size.
    pub dedupe_working_set_percentage: u8,
    /// `mem`.
    pub mem: MemoryKind,
    /// `mem_align`; 0 = a page.
    pub mem_align: Bytes,
    /// `hugepage-size`.
    pub hugepage_size: Bytes,
    /// `lockmem`: so much memory is taken away from everybody else; 0 = none.
    pub lockmem: Bytes,
}
