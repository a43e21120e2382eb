//! How fast a worker goes and what is asked of its latencies: everything that holds a job back or
//! is told of each request, in one place.
//!
//! Made by `run` from the job. A job that asks for none of it pays for two flags: `paced`, which
//! turns the loop to [`super::openloop`], and `watched`, which turns accounting to
//! [`super::watch`]. Holds state only; decides and measures nothing itself.

use super::flow::Flow;
use super::schedule::{Limit, Pacer, Spread};
use super::target_depth::{DepthSearch, TargetRule};
use super::thinktime::{ThinkRule, Thinking};
use super::trouble::TooSlow;
use crate::ddir::PerDir;
use crate::sys::clock::Ticks;

/// Which latencies are recorded (`disable_lat` and its kin, `gtod_reduce`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Records {
    /// `slat_ns`.
    pub slat: bool,
    /// `clat_ns`.
    pub clat: bool,
    /// `lat_ns`.
    pub lat: bool,
    /// `qlat_ns` and `rlat_ns`, where there is a rate.
    pub response: bool,
}

impl Records {
    /// Everything.
    pub const ALL: Records = Records { slat: true, clat: true, lat: true, response: true };
}

/// What the job asks for.
#[derive(Debug)]
pub struct PaceRules<'a> {
    /// Rates, of the directions that the job uses.
    pub limits: PerDir<Option<Limit>>,
    /// `rate_process`.
    pub spread: Spread,
    /// `thinktime`.
    pub think: Option<ThinkRule>,
    /// `flow`.
    pub flow: Option<Flow<'a>>,
    /// `latency_target`.
    pub target: Option<TargetRule>,
    /// `max_latency`, nanoseconds.
    pub max_latency_ns: PerDir<Option<u64>>,
    /// What is recorded.
    pub records: Records,
}

impl PaceRules<'_> {
    /// As fast as it goes, everything recorded.
    pub fn none() -> PaceRules<'static> {
        PaceRules {
            limits: PerDir::all(None),
            spread: Spread::Linear,
            think: None,
            flow: None,
            target: None,
            max_latency_ns: PerDir::all(None),
            records: Records::ALL,
        }
    }

    /// Whether the worker may have to sleep.
    pub fn sleeps(&self) -> bool {
        let limited = self.limits.iter().any(|(_, limit)| limit.is_some());
        limited || self.think.is_some() || self.flow.is_some()
    }
}

/// The pace of one worker.
#[derive(Debug)]
pub struct Pace<'a> {
    /// Something is to be asked before each request.
    pub(super) paced: bool,
    /// Something is to be told of each finished request, beyond the usual latencies.
    pub(super) watched: bool,
    pub(super) pacer: Pacer,
    pub(super) think: Option<Thinking>,
    pub(super) flow: Option<Flow<'a>>,
    pub(super) target: Option<DepthSearch>,
    /// Requests that began earlier belong to another depth.
    pub(super) window_since: Ticks,
    /// The search for a depth is over, and so is the job.
    pub(super) found: bool,
    pub(super) max_latency_ns: PerDir<u64>,
    pub(super) records: Records,
    /// What ends the job.
    pub(super) too_slow: Option<TooSlow>,
}

impl<'a> Pace<'a> {
    /// For a worker that can have `depth` requests in flight.
    pub fn new(rules: PaceRules<'a>, depth: u32) -> Pace<'a> {
        let judged =
            rules.target.is_some() || rules.max_latency_ns.iter().any(|(_, limit)| limit.is_some());
        let pacer = Pacer::new(rules.limits, rules.spread);
        Pace {
            paced: rules.sleeps() || judged,
            watched: judged || pacer.is_limited() || rules.records != Records::ALL,
            pacer,
            think: rules.think.map(Thinking::new),
            flow: rules.flow,
            target: rules.target.map(|rule| DepthSearch::new(rule, depth)),
            window_since: Ticks(0),
            found: false,
            max_latency_ns: rules.max_latency_ns.map(|limit| limit.unwrap_or(u64::MAX)),
            records: rules.records,
            too_slow: None,
        }
    }
}

#[cfg(test)]
mod tests;
