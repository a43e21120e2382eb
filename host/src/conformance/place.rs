//! Where checks put their files: a directory of their own that is gone afterwards, a path that the
//! user named, or a device that the user gives up.
//!
//! Made by `cli` in the control process and handed to the children as data. Must not touch anything
//! that it did not make, but for a device that was asked for by name and that nobody uses.

use crate::target::{self, Kind};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// Where the I/O of checks goes to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// Regular files in this directory, made and sized by each check.
    Directory(PathBuf),
    /// A device, whose content is lost.
    Device {
        /// Its node.
        path: PathBuf,
        /// `IOE_KIND_*`.
        kind: u32,
        /// Bytes; 0 = the engine knows.
        size: u64,
        /// Logical block size in bytes.
        block_size: u32,
    },
    /// No path at all, such as host and port of an engine without files.
    Opaque(String),
    /// The same, and nobody named one: whether the engine needs one is seen.
    Unnamed,
}

impl Place {
    /// The name of a check's file number `index`.
    pub fn name(&self, index: u32) -> PathBuf {
        match self {
            Place::Directory(dir) => dir.join(format!("file.{index}")),
            Place::Device { path, .. } => path.clone(),
            Place::Opaque(name) => PathBuf::from(name),
            Place::Unnamed => PathBuf::from("target"),
        }
    }

    /// Whether checks make their own files here.
    pub fn is_directory(&self) -> bool {
        matches!(self, Place::Directory(_))
    }
}

/// A place, and the directory that goes away with it.
#[derive(Debug)]
pub struct Made {
    /// The place.
    pub place: Place,
    scratch: Option<PathBuf>,
}

impl Made {
    /// Looks at what the user named, or makes a directory for temporary files.
    ///
    /// # Errors
    /// In words: what is in the way, and what to name instead.
    pub fn new(asked: Option<&Path>, diskless: bool) -> Result<Made, String> {
        match asked {
            None if diskless => Ok(Made::whole(Place::Unnamed)),
            None => Made::scratch(&std::env::temp_dir()),
            Some(path) if diskless => {
                Ok(Made::whole(Place::Opaque(path.to_string_lossy().into_owned())))
            }
            Some(path) if path.is_dir() => Made::scratch(path),
            Some(path) => Made::device(path),
        }
    }

    fn whole(place: Place) -> Made {
        Made { place, scratch: None }
    }

    fn scratch(parent: &Path) -> Result<Made, String> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        use std::os::unix::fs::DirBuilderExt;
        loop {
            let number = COUNT.fetch_add(1, Ordering::Relaxed);
            let dir = parent.join(format!("iodyno-check-{}-{number}", std::process::id()));
            match std::fs::DirBuilder::new().mode(0o700).create(&dir) {
                Ok(()) => {
                    return Ok(Made { place: Place::Directory(dir.clone()), scratch: Some(dir) })
                }
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => {
                    return Err(format!(
                        "make a directory for the checks' files in {}: {error} (name another one \
                         with --target)",
                        parent.display()
                    ))
                }
            }
        }
    }

    fn device(path: &Path) -> Result<Made, String> {
        let found = target::discover(path).map_err(|error| error.to_string())?;
        let kind = match found.kind {
            Kind::Block => iodyno_engine_api::abi::IOE_KIND_BLOCK,
            Kind::Char => iodyno_engine_api::abi::IOE_KIND_CHAR,
            _ => {
                return Err(format!(
                    "--target {}: neither a directory, in which the checks make their own files, \
                     nor a device, whose content they overwrite",
                    path.display()
                ))
            }
        };
        target::check_write(&found).map_err(|error| error.to_string())?;
        Ok(Made::whole(Place::Device {
            path: path.to_owned(),
            kind: kind as u32,
            size: found.size,
            block_size: found.block_size,
        }))
    }

    /// The same for one check alone, so that what another left behind is not met.
    ///
    /// # Errors
    /// The directory cannot be made.
    pub fn apart(&self) -> Result<Made, String> {
        match &self.place {
            Place::Directory(dir) => Made::scratch(dir),
            other => Ok(Made::whole(other.clone())),
        }
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        if let Some(dir) = &self.scratch {
            // What cannot be removed now is in the way of nobody.
            let _left = std::fs::remove_dir_all(dir);
        }
    }
}
