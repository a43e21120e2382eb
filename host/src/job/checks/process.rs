//! CPUs, memory nodes, priorities, and what ends with whom, against the machine and one another.
//!
//! Called by `check` for each job. What cannot be done is an error; what does nothing is a warning.

use super::Judged;
use crate::job::diagnostic::{push_once, Diagnostic};
use crate::job::machine;
use crate::job::spec::{CpusPolicy, ExitWhat};

/// `prioclass` that knows no priorities.
const IDLE: u8 = 3;

/// All of them.
pub(super) fn check(job: &Judged<'_>, out: &mut Vec<Diagnostic>) {
    cpus(job, out);
    nodes(job, out);
    split(job, out);
    rank(job, out);
    errors(job, out);
    offload(job, out);
    let process = &job.draft.process;
    if let Some(said) = job.said("exit_what").filter(|_| {
        let ends = process.exitall || process.exitall_on_error;
        !ends && process.exit_what != ExitWhat::default()
    }) {
        let message = "`exit_what` has no effect without `exitall` or `exitall_on_error`";
        push_once(out, Diagnostic::warning(message).at(&said.place));
    }
}

/// The option that `cpus_allowed` comes from.
fn cpus_name(job: &Judged<'_>) -> &'static str {
    let mut said = job.said.iter().rev().map(|said| said.name);
    said.find(|name| matches!(*name, "cpus_allowed" | "cpumask")).unwrap_or("cpus_allowed")
}

fn cpus(job: &Judged<'_>, out: &mut Vec<Diagnostic>) {
    if let Some((list, mask)) = job.together("cpus_allowed", "cpumask") {
        let error = Diagnostic::error("`cpus_allowed` and `cpumask` in one section");
        let error = error.at(&mask.place).related(&list.place, "the other");
        push_once(out, error.help("give one of them"));
    }
    let Some(cpus) = &job.draft.process.cpus_allowed else { return };
    let here = &job.env.cpu_ids;
    if let Some(missing) = cpus.iter().find(|cpu| !here.contains(cpu)) {
        let name = cpus_name(job);
        let message = format!("{name}: CPU {missing} is not there");
        let error = Diagnostic::error(message).at(job.place(name));
        push_once(out, error.note(format!("CPUs here: {}", joined(here))));
    }
}

fn nodes(job: &Judged<'_>, out: &mut Vec<Diagnostic>) {
    let process = &job.draft.process;
    let known: Vec<u32> = job.env.nodes.iter().map(|(node, _)| *node).collect();
    let cpu_nodes = process.numa_cpu_nodes.as_deref().unwrap_or_default();
    let memory = process.numa_mem_policy.as_ref().map(machine::nodes).unwrap_or_default();
    let mut all_there = true;
    for (name, asked) in [("numa_cpu_nodes", cpu_nodes), ("numa_mem_policy", memory)] {
        let Some(missing) = asked.iter().find(|node| !known.contains(node)) else { continue };
        all_there = false;
        let message = format!("{name}: memory node {missing} is not there");
        let error = Diagnostic::error(message).at(job.place(name));
        push_once(out, error.note(format!("memory nodes here: {}", joined(&known))));
    }
    if cpu_nodes.is_empty() || !all_there {
        return;
    }
    let here = &job.env.cpu_ids;
    let on_nodes = on_nodes(job, cpu_nodes);
    let name = "numa_cpu_nodes";
    if !on_nodes.iter().any(|cpu| here.contains(cpu)) {
        let message = format!("{name}: none of the nodes' CPUs is there");
        let error = Diagnostic::error(message).at(job.place(name));
        push_once(out, error.note(format!("CPUs here: {}", joined(here))));
    } else if process.cpus_allowed.as_ref().is_some_and(|c| !c.iter().any(|c| on_nodes.contains(c)))
    {
        let other = cpus_name(job);
        let message = format!("`{name}` and `{other}` have no CPU in common");
        let error = Diagnostic::error(message).at(job.place(name));
        let error = error.related(job.place(other), "the other");
        push_once(out, error.note(format!("CPUs of the nodes: {}", joined(&on_nodes))));
    }
}

fn on_nodes(job: &Judged<'_>, nodes: &[u32]) -> Vec<u32> {
    let wanted = job.env.nodes.iter().filter(|(node, _)| nodes.contains(node));
    wanted.flat_map(|(_, cpus)| cpus.iter().copied()).collect()
}

fn split(job: &Judged<'_>, out: &mut Vec<Diagnostic>) {
    let process = &job.draft.process;
    if process.cpus_allowed_policy != CpusPolicy::Split {
        return;
    }
    let place = job.place("cpus_allowed_policy");
    let of_nodes = process.numa_cpu_nodes.as_deref().map(|nodes| on_nodes(job, nodes));
    let cpus = match (&process.cpus_allowed, of_nodes) {
        (None, None) => {
            let message = "`cpus_allowed_policy=split` has no effect without `cpus_allowed`";
            push_once(out, Diagnostic::warning(message).at(place));
            return;
        }
        (Some(cpus), None) => cpus.clone(),
        (None, Some(cpus)) => cpus,
        (Some(cpus), Some(also)) => cpus.iter().copied().filter(|c| also.contains(c)).collect(),
    };
    let (cpus, clones) = (cpus.len(), process.numjobs);
    if u32::try_from(cpus).is_ok_and(|cpus| cpus < clones) {
        let message = format!("`cpus_allowed_policy=split`: {clones} clones share {cpus} CPUs");
        let warning = Diagnostic::warning(message).at(place);
        push_once(out, warning.note("they get one each, in turn"));
    }
}

fn rank(job: &Judged<'_>, out: &mut Vec<Diagnostic>) {
    if job.draft.process.prioclass == Some(IDLE) {
        let Some(said) = job.said("prio") else { return };
        let message = "`prio` has no effect: `prioclass=3` (idle) knows no priorities";
        let warning = Diagnostic::warning(message).at(&said.place);
        push_once(out, warning.related(job.place("prioclass"), "the class"));
    }
}

/// Lists for kinds of requests that the job does not make.
fn errors(job: &Judged<'_>, out: &mut Vec<Diagnostic>) {
    let (rw, errors) = (job.draft.load.rw, &job.draft.errors.ignore_error);
    let Some(said) = job.said("ignore_error") else { return };
    let reads = !errors.read.is_empty();
    let writes = !errors.write.is_empty();
    let meets = (reads && rw.reads()) || (writes && (rw.writes() || rw.trims()));
    if meets || !errors.verify.is_empty() || !(reads || writes) {
        return;
    }
    let message = format!(
        "`ignore_error` has no effect: its list is for {}, and `rw={}` makes none",
        if reads { "reads" } else { "writes" },
        rw.name()
    );
    let warning = Diagnostic::warning(message).at(&said.place);
    push_once(out, warning.help("the lists are for reads, writes and verification: `,EIO`"));
}

fn offload(job: &Judged<'_>, out: &mut Vec<Diagnostic>) {
    let Some(engine) = job.engine.filter(|engine| job.draft.offload && !engine.synchronous) else {
        return;
    };
    let message = format!(
        "`io_submit_mode=offload` is for synchronous engines: engine {} keeps requests in flight \
         by itself",
        engine.name
    );
    let error = Diagnostic::error(message).at(job.place("io_submit_mode"));
    push_once(out, error.help("drop it, or choose a synchronous engine"));
}

fn joined(ids: &[u32]) -> String {
    ids.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")
}
