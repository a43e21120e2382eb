//! Where checks put their files: a directory of their own that is gone afterwards, a path that the
//! user named, or a device that the user gives up. Wherever it is, each check has a directory to
//! stand in, for what an engine puts there on its own.
//!
//! Made by `cli` in the control process and handed to the children as data. Must not touch anything
//! that it did not make, but for a device that was asked for by name and that nobody uses.

use super::sweep;
use crate::target::{self, Kind};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

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

const USE_TARGET: &str = "name another one with --target";

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
            None => Made::scratch(&std::env::temp_dir(), USE_TARGET),
            Some(path) if diskless => {
                Ok(Made::whole(Place::Opaque(path.to_string_lossy().into_owned())))
            }
            Some(path) if path.is_dir() => Made::scratch(path, USE_TARGET),
            Some(path) => match std::fs::metadata(path) {
                Ok(_) => Made::device(path),
                Err(why) => Err(format!(
                    "--target {}: {why} (name a directory or a device that is there)",
                    path.display()
                )),
            },
        }
    }

    fn whole(place: Place) -> Made {
        Made { place, scratch: None }
    }

    fn scratch(parent: &Path, remedy: &str) -> Result<Made, String> {
        let dir = make_directory(parent, remedy)?;
        Ok(Made { place: Place::Directory(dir.clone()), scratch: Some(dir) })
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
            path: std::path::absolute(path).map_err(|error| error.to_string())?,
            kind: kind as u32,
            size: found.size,
            block_size: found.block_size,
        }))
    }

    /// The same for one check alone, so that what another left behind is not met, with a
    /// directory to stand in.
    ///
    /// # Errors
    /// The directory cannot be made.
    pub fn apart(&self) -> Result<Made, String> {
        match &self.place {
            Place::Directory(dir) => Made::scratch(dir, USE_TARGET),
            other => {
                let dir = make_directory(&std::env::temp_dir(), "TMPDIR names another one")?;
                Ok(Made { place: other.clone(), scratch: Some(dir) })
            }
        }
    }

    /// The directory that goes away with it.
    pub fn directory(&self) -> Option<&Path> {
        self.scratch.as_deref()
    }
}

fn make_directory(parent: &Path, remedy: &str) -> Result<PathBuf, String> {
    // Absolute, since children stand elsewhere.
    let dir = std::path::absolute(parent).and_then(|parent| sweep::make_directory(&parent));
    dir.map_err(|error| {
        let parent = parent.display();
        format!("make a directory for the checks' files in {parent}: {error} ({remedy})")
    })
}

impl Drop for Made {
    fn drop(&mut self) {
        if let Some(dir) = &self.scratch {
            sweep::remove_directory(dir);
        }
    }
}
