//! The checks themselves, one file a subject. Each file ends with nothing but functions over a
//! `Stand`; what a rule is stands in its table. Must not talk to each other.

mod admission;
mod data;
mod entry;
mod instance;
mod loading;
mod requests;
mod tables;

use super::check::Check;

/// All tables, in the order in which they run.
pub(super) const GROUPS: &[&[Check]] = &[
    admission::FILE,
    entry::ANSWERS,
    tables::ADMISSION,
    admission::WHOLE,
    loading::CHECKS,
    entry::CHECKS,
    tables::CHECKS,
    instance::CHECKS,
    requests::CHECKS,
    data::CHECKS,
];
