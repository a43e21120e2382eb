//! Reports: each a pure function of a [`crate::run::result::RunResult`].
//!
//! [`json::json`] speaks fio's JSON, [`text::text`] fio's normal output. Users' scripts know both,
//! so lines and keys keep fio's shape and what is ours comes after. `cli` writes what they return.
//! Must not: read a clock, a file or the environment; print; know engines or the data plane.

mod calendar;
mod entry;
#[cfg(test)]
mod fixture;
pub mod json;
mod json_style;
pub mod text;
