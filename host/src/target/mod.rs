//! What the I/O goes to: names, kinds and sizes of targets, whether they may be written to, laying
//! them out, opening them, dropping their cached pages, removing them.
//!
//! Called by `run` before and after the data plane, never during it. Knows no options, no engine
//! and no workload: callers say in plain values what they want.

mod cache;
mod direct;
mod discover;
mod error;
mod fifo;
mod guard;
mod layout;
mod names;
mod open;
mod opendir;
mod remove;
mod sizing;
mod space;
mod zoned;

#[cfg(test)]
mod testbed;

pub use cache::{advise, invalidate, pre_read, Invalidated};
pub use direct::{direct, Direct, Probe};
pub use discover::{discover, discover_below, make_directories, BlockDevice, Kind, Target};
pub use error::{ErrorClass, TargetError};
pub use fifo::open_pipe;
pub use guard::{check_write, check_write_in, Roots};
pub use layout::{lay_out, LaidOut, LayoutOptions, Purpose, Room};
pub use names::{names, Naming};
pub use open::{open, OpenWish};
pub use opendir::files_below;
pub use remove::{remove, Left};
pub use sizing::{plan, Amount, FilePlan, Plan, Wishes};
pub use space::{allocated, space_at, Space};
pub use zoned::{device_zones, DeviceZones, ZoneNode};
