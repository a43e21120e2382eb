//! The checks themselves, one file a subject, and their order. Each file is a table of rules and
//! functions over a `Stand`; nobody but `list` reads the tables. Must not talk to each other: each
//! check runs in a process of its own.

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
    instance::FIRST,
    requests::FIRST,
    data::FIRST,
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
