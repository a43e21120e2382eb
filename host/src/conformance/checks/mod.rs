//! The checks themselves, one file a subject. Each file ends with nothing but functions over a
//! `Stand`; what a rule is stands in its table. Must not talk to each other.

mod admission;
mod data;
mod instance;
mod operations;
mod options;
mod random;
mod requests;
mod targets;

use super::check::Check;

/// All tables, in the order in which they run.
pub(super) const GROUPS: &[&[Check]] = &[
    admission::CHECKS,
    instance::CHECKS,
    options::CHECKS,
    targets::CHECKS,
    requests::CHECKS,
    data::CHECKS,
    operations::CHECKS,
    random::CHECKS,
];
