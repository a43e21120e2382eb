//! From text to a validated description of the load: text -> [`raw::RawJob`] (spans, as written) ->
//! [`spec::JobSpec`] (validated, immutable).
//!
//! Called by `cli` and `run`. Pure: makes no system call, reads no file, loads no plugin; what the
//! engines offer comes in as a catalogue, what the environment holds as a function.

pub mod spec;
