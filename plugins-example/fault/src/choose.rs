//! Which requests are chosen: side, place, each n-th, so many of a hundred, so many at most.
//!
//! Asked by `engine` once for each request that could suffer the class at all. The same requests
//! in the same order give the same choice.

use crate::rng::Rng;
use crate::settings::{Class, Settings, FLUSH, READ, TRIM, WRITE};
use iodyno_engine_api::abi::*;
use iodyno_engine_api::Request;

/// Where a choice stands.
#[derive(Debug)]
pub(crate) struct Chooser {
    rng: Rng,
    /// Requests that could have been chosen.
    pub(crate) seen: u64,
    pub(crate) chosen: u64,
    limit: u64,
}

/// The side of a request; 0: none of them.
fn side(op: u32) -> u64 {
    match op {
        IOE_OP_READ => READ,
        IOE_OP_WRITE | IOE_OP_WRITE_ZEROES => WRITE,
        IOE_OP_TRIM => TRIM,
        IOE_OP_FSYNC | IOE_OP_FDATASYNC | IOE_OP_SYNC_RANGE => FLUSH,
        _ => 0,
    }
}

impl Chooser {
    pub(crate) fn new(settings: &Settings, clone: u32) -> Chooser {
        // A swap takes two.
        let each = if settings.class == Class::Swap { 2 } else { 1 };
        let limit = match settings.at_most {
            0 => u64::MAX,
            at_most => at_most.saturating_mul(each),
        };
        Chooser { rng: Rng::new(settings.seed, clone), seen: 0, chosen: 0, limit }
    }

    /// Whether this request is one.
    pub(crate) fn chooses(&mut self, settings: &Settings, io: &Request) -> bool {
        if settings.class == Class::None || side(io.op()) & settings.sides == 0 {
            return false;
        }
        let end = io.offset().saturating_add(io.len());
        let touches = |(from, to): &(u64, u64)| io.offset() < *to && *from < end;
        if !settings.places.is_empty() && !settings.places.iter().any(touches) {
            return false;
        }
        self.seen += 1;
        let counted = self.seen.saturating_sub(settings.skip_first);
        if counted == 0 || !counted.is_multiple_of(settings.every_nth) || self.chosen >= self.limit
        {
            return false;
        }
        let chosen = self.rng.percent(settings.percentage);
        self.chosen += u64::from(chosen);
        chosen
    }
}
