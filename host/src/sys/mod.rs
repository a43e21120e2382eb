//! Thin safe wrappers of what the system offers. Called by any room; imports none.
//!
//! Each function does one thing and reports errors as the system gave them; policy is the callers'.

pub mod diskstats;
pub mod facts;
