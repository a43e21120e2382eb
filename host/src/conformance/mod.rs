//! `iodyno check`: does a plugin keep to the contract? About ninety named checks, each in a child
//! process of its own with a deadline, so that no engine can spoil more than its own verdict.
//!
//! `cli` calls [`runner`] in the control process, which loads no plugin, and [`child`] in the
//! children. A check is a function over a [`stand::Stand`]; most of them drive an instance through
//! a [`rig::Rig`], the strictest of hosts. Measures nothing, and is no part of a run.

pub mod check;
pub mod child;
pub mod list;
pub mod place;
pub mod report;
pub mod runner;
pub mod sweep;

mod checks;
mod pattern;
mod rig;
pub mod stand;
mod units;
