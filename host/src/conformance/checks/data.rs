//! What is written is what is read.

use super::super::check::{Check, Level, Outcome, DEADLINE};
use super::super::rig::{Request, RigWish};
use super::super::stand::Stand;
use iodyno_engine_api::abi::IOE_F_UNIDIR;

pub(super) const CHECKS: &[Check] = &[Check {
    id: "data.read-after-write",
    rule: "A read that begins after a write has ended finds what was written.",
    level: Level::Requests,
    rests_on: &["queue.status"],
    deadline: DEADLINE,
    run: read_after_write,
}];

fn read_after_write(stand: &Stand) -> Outcome {
    let mut rig = stand.rig(RigWish::default())?;
    rig.moves_data()?;
    if rig.is(IOE_F_UNIDIR) {
        return Err(super::super::check::Finding::skip("a job of it reads or writes, never both"));
    }
    let pattern = rig.pattern(1);
    for n in 0..16 {
        rig.fill(0, n * 4096, pattern);
        rig.complete(0, Request::write(n * 4096, 4096))?.whole()?;
    }
    for n in (0..16).rev() {
        rig.complete(0, Request::read(n * 4096, 4096))?.whole()?;
        rig.expect(0, n * 4096, 4096, pattern)?;
    }
    rig.end()
}
