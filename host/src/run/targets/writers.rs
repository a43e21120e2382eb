//! Two writers on one target, one of which verifies, where only the run can tell: two names lead to
//! one file or device, or sizes follow from what is there.
//!
//! Called by [`super::check`] for one worker after the other; what the job file alone tells is
//! refused before, by `job`. Looks at directories only to tell where a missing file would be made.

use super::super::plan::{Plan, PlannedWorker};
use super::per_file;
use crate::job::spec::JobSpec;
use crate::target::{self, FilePlan, Kind, Target, TargetError};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What a target is, whatever it is called.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Identity {
    File(u64, u64),
    Device(u32, u32),
    Missing(PathBuf),
}

/// A worker that goes to a part of a target.
struct User {
    worker: PlannedWorker,
    job: String,
    looks: bool,
    changes: bool,
    begin: u64,
    end: u64,
}

impl User {
    /// One would take for damage what the other writes.
    fn disturbs(&self, other: &User) -> bool {
        let one_way = (self.looks && other.changes) || (self.changes && other.looks);
        one_way && self.begin < other.end && other.begin < self.end
    }
}

/// Who goes where, of the workers that were looked at.
#[derive(Default)]
pub(super) struct Writers(BTreeMap<Identity, Users>);

/// The users of one target. By where their parts begin, so that thousands with a part for each are
/// not all compared with one another.
#[derive(Default)]
struct Users {
    by_begin: BTreeMap<u64, Vec<User>>,
    /// The longest part.
    len_max: u64,
}

impl Users {
    /// Those whose parts may meet this one's, and perhaps some more.
    fn near(&self, user: &User) -> impl Iterator<Item = &User> {
        let begin = user.begin.saturating_sub(self.len_max);
        self.by_begin.range(begin..user.end).flat_map(|(_, users)| users)
    }

    fn add(&mut self, user: User) {
        self.len_max = self.len_max.max(user.end - user.begin);
        self.by_begin.entry(user.begin).or_default().push(user);
    }
}

impl Writers {
    /// Refuses a worker whose job disturbs an earlier one, or is disturbed by it.
    pub(super) fn judge(
        &mut self,
        job: &JobSpec,
        worker: &PlannedWorker,
        run: &Plan,
        targets: &[Target],
        plan: &target::Plan,
    ) -> Result<(), TargetError> {
        let (verify, rw) = (&job.verify, job.load.rw);
        let looks = job.verifies() && verify.do_verify;
        let only_looks = job.verifies() && verify.verify_only;
        let changes = (rw.writes() || job.trims()) && !only_looks && !job.target.create_only;
        if per_file(job) || !(looks || changes) {
            return Ok(());
        }
        for (target, FilePlan { offset, len, .. }) in targets.iter().zip(&plan.files) {
            let Some(identity) = identity(target) else { continue };
            let (begin, end) = (*offset, offset.saturating_add(*len));
            let user = User { worker: *worker, job: job.name.clone(), looks, changes, begin, end };
            let users = self.0.entry(identity).or_default();
            let disturbed = |other: &&User| {
                other.disturbs(&user)
                    && !run.is_through_before(other.worker.job, worker)
                    && !run.is_through_before(worker.job, &other.worker)
            };
            if let Some(other) = users.near(&user).find(disturbed) {
                return Err(refusal(&user, other, target));
            }
            users.add(user);
        }
        Ok(())
    }
}

fn refusal(user: &User, other: &User, target: &Target) -> TargetError {
    let who = match user.job == other.job {
        true => format!("clones {} and {} of the job", other.worker.clone, user.worker.clone),
        false => format!("the job and job {}", other.job),
    };
    TargetError::Refused {
        doing: target.path.display().to_string(),
        why: format!(
            "verify: {who} go to the same part of it at the same time, whatever they call it, and \
             what one writes the other would take for damage (a part for each by offset and size, \
             a target for each, or stonewall)"
        ),
    }
}

fn identity(target: &Target) -> Option<Identity> {
    match target.kind {
        Kind::Block => {
            let (major, minor) = target.device.as_ref()?.number;
            Some(Identity::Device(major, minor))
        }
        Kind::Regular => target.identity.map(|(device, inode)| Identity::File(device, inode)),
        Kind::Missing => {
            let name = target.path.file_name()?;
            let directory = target.path.parent()?;
            let here = directory.as_os_str().is_empty();
            let directory = if here { ".".as_ref() } else { directory };
            let directory = directory.canonicalize().ok()?;
            Some(Identity::Missing(directory.join(name)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(begin: u64, end: u64) -> User {
        let worker =
            PlannedWorker { id: 0, job: 0, clone: 0, stage: 0, wave: 0, group: 0, cell: 0 };
        User { worker, job: String::new(), looks: true, changes: true, begin, end }
    }

    #[test]
    fn whoever_disturbs_is_near_and_few_others_are() {
        let mut users = Users::default();
        let parts = [(0, 100), (100, 200), (150, 151), (200, 1000), (1000, u64::MAX)];
        for (begin, end) in parts {
            let new = user(begin, end);
            let near: Vec<u64> = users.near(&new).map(|other| other.begin).collect();
            for other in users.by_begin.values().flatten().filter(|other| other.disturbs(&new)) {
                assert!(near.contains(&other.begin), "{begin}: {near:?}");
            }
            users.add(new);
        }
        let mut users = Users::default();
        for index in 0..1000 {
            let new = user(index * 10, index * 10 + 10);
            assert!(users.near(&new).count() <= 1, "only the neighbour");
            users.add(new);
        }
    }
}
