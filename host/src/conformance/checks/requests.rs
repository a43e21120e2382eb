//! One request at a time: what `queue` may say, and what a finished unit looks like.

use super::super::check::{Check, Level, Outcome, DEADLINE};
use super::super::rig::{Request, RigWish};
use super::super::stand::Stand;

pub(super) const CHECKS: &[Check] = &[Check {
    id: "queue.status",
    rule: "queue answers Completed (0), Queued (1), Busy (2) or -errno, and nothing else; an \
           engine with IOE_F_SYNC never answers Queued.",
    level: Level::Requests,
    rests_on: &["instance.once"],
    deadline: DEADLINE,
    run: status,
}];

fn status(stand: &Stand) -> Outcome {
    let mut rig = stand.rig(RigWish::default())?;
    for n in 0..16 {
        rig.complete(0, Request::read(n * 4096, 4096))?;
    }
    rig.end()
}
