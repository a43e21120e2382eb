//! Where a worker's thread runs and with what right: CPUs, memory nodes, priorities.
//!
//! [`settle`] is called by `worker` on the worker's own thread, before the engine's instance is
//! made, so that whatever the engine allocates or starts inherits it; [`check`] by `cli` before
//! anything is started. What the kernel refuses is an error in words, never left out.

use super::result::RunError;
use super::words::place;
use crate::job::spec::{CpusPolicy, JobSpec, NumaPolicy, ProcessSpec, RunSpec};
use crate::sys::{numa, priority, thread};
use std::io;

/// Best effort, as with fio where `prio` stands alone.
const BEST_EFFORT: u8 = 2;

/// What the machine has not. Empty: all is well.
pub fn check(spec: &RunSpec) -> Vec<RunError> {
    let wrong = spec.jobs.iter().filter_map(|job| {
        let why = lacks(&job.process)?;
        Some(RunError::usage(&job.name, format!("{}: {why}", place(job))))
    });
    wrong.collect()
}

fn lacks(process: &ProcessSpec) -> Option<String> {
    let nodes = process.numa_cpu_nodes.iter().flatten();
    if let Some(node) = nodes.copied().find(|&node| !numa::has_node(node)) {
        return Some(format!("numa_cpu_nodes: there is no memory node {node} on this machine"));
    }
    let of_memory = match &process.numa_mem_policy {
        Some(NumaPolicy::Prefer(node)) => std::slice::from_ref(node),
        Some(NumaPolicy::Bind(nodes) | NumaPolicy::Interleave(nodes)) => nodes,
        Some(NumaPolicy::Default | NumaPolicy::Local) | None => &[],
    };
    if let Some(node) = of_memory.iter().find(|&&node| !numa::has_node(node)) {
        return Some(format!("numa_mem_policy: there is no memory node {node} on this machine"));
    }
    cpus_of(process, 0).err()
}

/// Sets the calling thread up for a clone of `job`.
pub(super) fn settle(job: &JobSpec, clone: u32) -> Result<(), String> {
    let process = &job.process;
    if let Some(cpus) = cpus_of(process, clone)? {
        thread::bind_to_cpus(&cpus)
            .map_err(|error| format!("bind the worker to {}: {error}", words_of(&cpus)))?;
    }
    if let Some(policy) = &process.numa_mem_policy {
        let (mode, nodes) = match policy {
            NumaPolicy::Default => (numa::Policy::Default, &[][..]),
            NumaPolicy::Prefer(node) => (numa::Policy::Preferred, std::slice::from_ref(node)),
            NumaPolicy::Bind(nodes) => (numa::Policy::Bind, &nodes[..]),
            NumaPolicy::Interleave(nodes) => (numa::Policy::Interleave, &nodes[..]),
            NumaPolicy::Local => (numa::Policy::Local, &[][..]),
        };
        numa::set_policy(mode, nodes).map_err(|error| match error.raw_os_error() {
            Some(libc::ENOSYS) => "numa_mem_policy: this kernel knows no memory nodes".to_owned(),
            _ => format!("numa_mem_policy: the kernel refuses it: {error}"),
        })?;
    }
    if process.nice != 0 {
        let nice = process.nice;
        priority::set_nice(nice).map_err(|error| {
            let may = "a value below the present one needs CAP_SYS_NICE or a limit, ulimit -e";
            refused(&format!("nice={nice}"), &error, may)
        })?;
    }
    if process.prio.is_some() || process.prioclass.is_some() {
        let class = process.prioclass.unwrap_or(BEST_EFFORT);
        let level = process.prio.unwrap_or(0);
        priority::set_io_priority(class, level).map_err(|error| {
            let may = "class 1, realtime, needs CAP_SYS_NICE or CAP_SYS_ADMIN";
            refused(&format!("prioclass={class}, prio={level}"), &error, may)
        })?;
    }
    Ok(())
}

fn refused(what: &str, error: &io::Error, may: &str) -> String {
    match error.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => format!("{what}: {error} ({may})"),
        _ => format!("{what}: {error}"),
    }
}

/// The CPUs of a clone; none = it may use all.
fn cpus_of(process: &ProcessSpec, clone: u32) -> Result<Option<Vec<u32>>, String> {
    let mut cpus = process.cpus_allowed.clone();
    if let Some(nodes) = &process.numa_cpu_nodes {
        let mut of_nodes = Vec::new();
        for &node in nodes {
            let found = numa::node_cpus(node);
            of_nodes
                .extend(found.map_err(|error| format!("numa_cpu_nodes: node {node}: {error}"))?);
        }
        match &mut cpus {
            Some(cpus) => cpus.retain(|cpu| of_nodes.contains(cpu)),
            None => cpus = Some(of_nodes),
        }
    }
    match cpus {
        Some(cpus) if cpus.is_empty() => Err("numa_cpu_nodes: no CPU is left: these nodes have \
                                              none, or none of those in cpus_allowed"
            .to_owned()),
        Some(cpus) if process.cpus_allowed_policy == CpusPolicy::Split => {
            Ok(Some(vec![cpus[clone as usize % cpus.len()]]))
        }
        cpus => Ok(cpus),
    }
}

/// "CPU 3", "CPUs 0, 2".
fn words_of(cpus: &[u32]) -> String {
    let numbers: Vec<String> = cpus.iter().map(u32::to_string).collect();
    match cpus {
        [one] => format!("CPU {one}"),
        _ => format!("CPUs {}", numbers.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn split_gives_each_clone_one_cpu_in_turn() {
        let mut process = ProcessSpec { cpus_allowed: Some(vec![1, 4]), ..ProcessSpec::default() };
        assert_eq!(cpus_of(&process, 1), Ok(Some(vec![1, 4])));
        process.cpus_allowed_policy = CpusPolicy::Split;
        let of_clones: Vec<_> = (0..3).map(|clone| cpus_of(&process, clone).unwrap()).collect();
        assert_eq!(of_clones, [Some(vec![1]), Some(vec![4]), Some(vec![1])]);
        assert_eq!(cpus_of(&ProcessSpec::default(), 5), Ok(None));
    }

    #[test]
    fn what_the_machine_has_not_is_told_before_the_start() {
        let with = |change: fn(&mut ProcessSpec)| {
            let mut process = ProcessSpec::default();
            change(&mut process);
            lacks(&process).unwrap_or_default()
        };
        type Row<'a> = (fn(&mut ProcessSpec), &'a str);
        let table: [Row<'_>; 3] = [
            (
                |it| it.numa_cpu_nodes = Some(vec![999]),
                "numa_cpu_nodes: there is no memory node 999",
            ),
            (
                |it| it.numa_mem_policy = Some(NumaPolicy::Prefer(998)),
                "numa_mem_policy: there is no memory node 998",
            ),
            (|_| {}, ""),
        ];
        for (change, words) in table {
            let told = with(change);
            assert!(told.starts_with(words) && told.is_empty() == words.is_empty(), "{told}");
        }
    }
}
