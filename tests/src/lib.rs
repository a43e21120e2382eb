//! Harness of the black-box tests: finds (and where needed builds) the programs, runs them with a
//! deadline, reads their documents, and says aloud what a test could not do here.
//!
//! Used by the test binaries under `tests/tests`; [`needs::skip`] also by tests of other crates, so
//! that all skips are counted in one place. Must not import the host or an engine: what is tested
//! is what a user holds in hand, the built files.

pub mod abi;
pub mod corpus;
pub mod device;
pub mod document;
pub mod engines;
pub mod lab;
pub mod lab_jobs;
pub mod memory_group;
pub mod needs;
pub mod plugins;
pub mod process;
pub mod programs;
pub mod run;
pub mod verify;

pub use document::Document;
pub use run::{patiently, Iodyno, Outcome, Scene};
