//! Where a job's I/O goes: names of files, how they are made, opened and closed.
//!
//! Filled by the options of the same chapter, read by `run::targets`. Names are as given; nothing
//! here has looked at a file.

use crate::units::Bytes;
use serde::{Deserialize, Serialize};

/// `fallocate`: how room is set aside for a file that is to be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fallocate {
    /// Not at all.
    None,
    /// fallocate(2), where the file system can.
    #[default]
    Native,
    /// posix_fallocate(3): where the file system cannot, the C library writes.
    Posix,
    /// fallocate(2) that keeps the file's length.
    Keep,
    /// ftruncate(2): a length without blocks.
    Truncate,
}

/// `sync`: how files are opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SyncMode {
    /// Neither.
    #[default]
    None,
    /// O_SYNC.
    Sync,
    /// O_DSYNC.
    Dsync,
}

/// Where it goes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TargetSpec {
    /// `filename`, split at `:`, escapes taken out; empty = made from the job's name.
    pub filename: Vec<String>,
    /// `directory`, split at `:`; clones are spread over them.
    pub directory: Vec<String>,
    /// `filename_format`; none = `$jobname.$jobnum.$filenum`.
    pub filename_format: Option<String>,
    /// `unique_filename`.
    pub unique_filename: bool,
    /// `opendir`: all files below these directories.
    pub opendir: Vec<String>,
    /// `nrfiles`.
    pub nrfiles: u32,
    /// `openfiles`: open at once; 0 = all.
    pub openfiles: u32,
    /// `filesize`: of each file; a range is drawn from by the job's seed.
    pub filesize: Option<(Bytes, Bytes)>,
    /// `create_serialize`: one worker lays its files out at a time.
    pub create_serialize: bool,
    /// `create_fsync`: files are durable once laid out.
    pub create_fsync: bool,
    /// `create_on_open`: files are made when they are opened, not before.
    pub create_on_open: bool,
    /// `create_only`: lay the files out, and that is all.
    pub create_only: bool,
    /// `allow_file_create`: missing files may be made.
    pub allow_file_create: bool,
    /// `fallocate`.
    pub fallocate: Fallocate,
    /// `overwrite`: files are filled before they are written.
    pub overwrite: bool,
    /// `pre_read`: files are read once before the start.
    pub pre_read: bool,
    /// `direct`, or the opposite of `buffered`.
    pub direct: bool,
    /// `sync`.
    pub sync: SyncMode,
    /// `fsync_on_close`.
    pub fsync_on_close: bool,
    /// `unlink`: remove the files after the run.
    pub unlink: bool,
    /// `unlink_each_loop`: remove and make them again at each loop.
    pub unlink_each_loop: bool,
    /// `invalidate`: drop the target's cached pages before the start.
    pub invalidate: bool,
    /// `allow_mounted_write`: write to a device that somebody uses.
    pub allow_mounted_write: bool,
}
