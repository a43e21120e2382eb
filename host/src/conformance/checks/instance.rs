//! Instances come and go.

use super::super::check::{Check, Level, Outcome, DEADLINE};
use super::super::rig::RigWish;
use super::super::stand::Stand;

pub(super) const CHECKS: &[Check] = &[Check {
    id: "instance.once",
    rule: "init, get_caps, open_file, io_init, start, io_free, close_file, cleanup: an instance \
           comes and goes without a request.",
    level: Level::Instance,
    rests_on: &["load.admitted"],
    deadline: DEADLINE,
    run: once,
}];

fn once(stand: &Stand) -> Outcome {
    stand.rig(RigWish::default())?.end()
}
