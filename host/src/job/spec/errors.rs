//! What happens when a request fails.
//!
//! Filled by the options of the same chapter; acted on by `io`, told by `report`.

use serde::{Deserialize, Serialize};

/// `continue_on_error`: failures that do not end the job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContinueOnError {
    /// Of reads.
    pub read: bool,
    /// Of writes, trims and syncs.
    pub write: bool,
    /// Of verification.
    pub verify: bool,
}

/// `ignore_error`: errnos that count as success, by kind of request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IgnoreError {
    /// Of reads.
    pub read: Vec<i32>,
    /// Of writes, trims and syncs.
    pub write: Vec<i32>,
    /// Of verification.
    pub verify: Vec<i32>,
}

/// What happens when a request fails.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorsSpec {
    /// `continue_on_error`.
    pub continue_on_error: ContinueOnError,
    /// `ignore_error`.
    pub ignore_error: IgnoreError,
    /// `error_dump`: each failure is told, not the first alone.
    pub error_dump: bool,
}

impl ErrorsSpec {
    /// Whether there are failures that do not end the job.
    pub fn survives_any(&self) -> bool {
        let ContinueOnError { read, write, verify } = self.continue_on_error;
        let ignored = &self.ignore_error;
        let ignores = [&ignored.read, &ignored.write, &ignored.verify];
        read || write || verify || ignores.iter().any(|errnos| !errnos.is_empty())
    }
}
