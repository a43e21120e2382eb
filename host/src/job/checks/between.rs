//! Jobs that name or need one another: `wait_for` and `flow`, and jobs that end with
//! the I/O of others; and, by `writers`, those that are in one another's way.
//!
//! Called by `resolve` once, when all jobs were read. Jobs stand in the order of the files.

use super::{writers, Judged};
use crate::job::diagnostic::{push_once, Diagnostic};
use crate::job::suggest::did_you_mean;

/// All of them.
pub(crate) fn check(jobs: &[Judged<'_>], out: &mut Vec<Diagnostic>) {
    for (index, job) in jobs.iter().enumerate() {
        wait_for(jobs, index, job, out);
        flow(jobs, index, job, out);
        company(jobs, index, job, out);
    }
    writers::check(jobs, out);
}

fn wait_for(jobs: &[Judged<'_>], index: usize, job: &Judged<'_>, out: &mut Vec<Diagnostic>) {
    let Some(name) = job.draft.process.wait_for.as_deref() else { return };
    let error = |message: String| Diagnostic::error(message).at(job.place("wait_for"));
    match jobs.iter().position(|other| other.name == name) {
        Some(at) if at < index => {}
        Some(at) if at == index => {
            push_once(out, error(format!("`wait_for`: job {name} would wait for itself")));
        }
        Some(at) => {
            let message = format!("`wait_for`: job {name} stands below job {}", job.name);
            let error = error(message).related(jobs[at].section, "it begins here");
            push_once(out, error.help("a job can wait for those above it only: move it down"));
        }
        None => {
            let names = jobs.iter().map(|job| job.name).filter(|name| *name != job.name);
            let error = error(format!("`wait_for`: no job is called `{name}`"));
            push_once(out, error.maybe_help(did_you_mean(name, names)));
        }
    }
}

/// A weight means something only beside another one that runs at the same time.
fn flow(jobs: &[Judged<'_>], index: usize, job: &Judged<'_>, out: &mut Vec<Diagnostic>) {
    let flow = job.draft.flow;
    if flow.weight == 0 || job.draft.process.numjobs > 1 {
        return;
    }
    let shares = |at: usize| {
        let other = jobs[at].draft.flow;
        at != index && other.weight != 0 && other.id == flow.id
    };
    let partners: Vec<usize> = (0..jobs.len()).filter(|at| shares(*at)).collect();
    let beside = |at: usize| {
        stage(jobs, at) == stage(jobs, index) && !waits(jobs, at, index) && !waits(jobs, index, at)
    };
    if partners.iter().any(|at| beside(*at)) {
        return;
    }
    let id = flow.id;
    let error = match partners.first() {
        None => {
            let message = format!("`flow`: no other job, and no clone, has `flow_id` {id}");
            let help = "give another job a `flow`, or drop this one";
            Diagnostic::error(message).help(help)
        }
        Some(at) => {
            let message = format!("`flow`: the partners of `flow_id` {id} do not run beside it");
            let place = jobs[*at].place("flow");
            Diagnostic::error(message).related(place, "runs before or after")
        }
    };
    push_once(out, error.at(job.place("flow")));
}

/// A job without I/O that ends with the I/O of others needs others.
fn company(jobs: &[Judged<'_>], index: usize, job: &Judged<'_>, out: &mut Vec<Diagnostic>) {
    let does_io = |at: &usize| jobs[*at].engine.is_none_or(|engine| !engine.no_io);
    let mut others = (0..jobs.len()).filter(|at| stage(jobs, *at) == stage(jobs, index));
    if !job.ends_with_io || others.any(|at| does_io(&at)) {
        return;
    }
    let message = format!(
        "job {} would never end, or end at once: it does no I/O, and ends when no other job of its \
         stage does any",
        job.name
    );
    let help =
        "set `runtime` (and leave `exit_on_io_done` out), or run it beside a job that does I/O";
    push_once(out, Diagnostic::error(message).at(job.section).help(help));
}

/// Stonewalls up to a job.
fn stage(jobs: &[Judged<'_>], at: usize) -> usize {
    jobs[..=at].iter().skip(1).filter(|job| job.draft.process.stonewall).count()
}

/// The stage of each job.
pub(super) fn stages(jobs: &[Judged<'_>]) -> Vec<usize> {
    let mut stage = 0;
    let numbered = jobs.iter().enumerate().map(|(at, job)| {
        stage += usize::from(at > 0 && job.draft.process.stonewall);
        stage
    });
    numbered.collect()
}

/// Whether nothing keeps two jobs from running at the same time.
pub(super) fn run_together(jobs: &[Judged<'_>], stages: &[usize], a: usize, b: usize) -> bool {
    stages[a] == stages[b] && !waits(jobs, a, b) && !waits(jobs, b, a)
}

/// Whether job `a` waits for job `b`, directly or by way of others.
fn waits(jobs: &[Judged<'_>], mut a: usize, b: usize) -> bool {
    // Each step goes up in the file, so it ends.
    while let Some(name) = jobs[a].draft.process.wait_for.as_deref() {
        match jobs[..a].iter().position(|job| job.name == name) {
            Some(next) if next == b => return true,
            Some(next) => a = next,
            None => return false,
        }
    }
    false
}
