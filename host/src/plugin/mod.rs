//! (room to be filled)

pub mod handle;
pub mod host_table;
pub mod lent;
mod tables;
mod refusal;
