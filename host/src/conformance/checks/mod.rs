//! The checks themselves, one file a subject. Each file ends with nothing but functions over a
//! `Stand`; what a rule is stands in its table. Must not talk to each other.

mod admission;
mod data;
mod ends;
mod entry;
mod in_use;
mod instance;
mod loading;
mod operations;
mod options;
mod ownership;
mod random;
mod reaping;
mod requests;
mod tables;
mod targets;

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
    options::CHECKS,
    targets::CHECKS,
    in_use::CHECKS,
    requests::CHECKS,
    ownership::CHECKS,
    reaping::CHECKS,
    ends::CHECKS,
    data::CHECKS,
    operations::CHECKS,
    random::CHECKS,
];
