//! The four directions of I/O, and a value for each of the three that carry data.
//!
//! A word of the whole house: imports nothing, any room may use it.

use serde::{Deserialize, Serialize};
use std::ops::{Index, IndexMut};

/// Data direction, fio's `ddir`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum Ddir {
    /// Data from the target.
    Read = 0,
    /// Data to the target.
    Write = 1,
    /// Discard.
    Trim = 2,
    /// fsync and its kin: no data.
    Sync = 3,
}

impl Ddir {
    /// All four, in the order of their numbers.
    pub const ALL: [Ddir; 4] = [Ddir::Read, Ddir::Write, Ddir::Trim, Ddir::Sync];
    /// The three that carry data and take a block size.
    pub const DATA: [Ddir; 3] = [Ddir::Read, Ddir::Write, Ddir::Trim];

    /// fio's word.
    pub fn name(self) -> &'static str {
        match self {
            Ddir::Read => "read",
            Ddir::Write => "write",
            Ddir::Trim => "trim",
            Ddir::Sync => "sync",
        }
    }
}

/// One value for each direction that carries data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PerDir<T> {
    /// For reads.
    pub read: T,
    /// For writes.
    pub write: T,
    /// For trims.
    pub trim: T,
}

impl<T> PerDir<T> {
    /// The same value for all.
    pub fn all(value: T) -> Self
    where
        T: Clone,
    {
        PerDir { read: value.clone(), write: value.clone(), trim: value }
    }

    /// The values in the order of [`Ddir::DATA`].
    pub fn iter(&self) -> impl Iterator<Item = (Ddir, &T)> {
        [(Ddir::Read, &self.read), (Ddir::Write, &self.write), (Ddir::Trim, &self.trim)].into_iter()
    }

    /// A new value for each direction.
    pub fn map<U>(self, mut f: impl FnMut(T) -> U) -> PerDir<U> {
        PerDir { read: f(self.read), write: f(self.write), trim: f(self.trim) }
    }
}

/// A sync has no value of its own: asking for it is a defect of the caller.
impl<T> Index<Ddir> for PerDir<T> {
    type Output = T;

    fn index(&self, ddir: Ddir) -> &T {
        match ddir {
            Ddir::Read => &self.read,
            Ddir::Write => &self.write,
            Ddir::Trim => &self.trim,
            Ddir::Sync => unreachable!("a sync carries no data"),
        }
    }
}

impl<T> IndexMut<Ddir> for PerDir<T> {
    fn index_mut(&mut self, ddir: Ddir) -> &mut T {
        match ddir {
            Ddir::Read => &mut self.read,
            Ddir::Write => &mut self.write,
            Ddir::Trim => &mut self.trim,
            Ddir::Sync => unreachable!("a sync carries no data"),
        }
    }
}
