//! A ring that is shared with the kernel (io_uring), for engines that send their requests by one.
//!
//! `kernel` has the numbers and structs; `ring` is the ring itself, for entries of any form;
//! `requests` keeps the engine contract's rules about what is in flight; `files`, `buffers`,
//! `share` and `wake` are what can be registered or shared; `options` are the rows that all their
//! tables have; `words` puts failures into words.
//! What an entry means is the engine's own.

pub mod buffers;
pub mod files;
pub mod kernel;
pub mod options;
pub mod requests;
pub mod ring;
pub mod share;
mod wake;
pub mod words;
