//! Where a worker's thread runs and with what right: CPUs, memory nodes, priorities.
//!
//! Called by `worker` on the worker's own thread, before the engine's instance is made, so that
//! whatever the engine allocates or starts inherits it. What the kernel refuses is an error in
//! words, never left out; CPUs and nodes that are not there were told of before the start.

use crate::job::spec::{CpusPolicy, JobSpec, NumaPolicy, ProcessSpec};
use crate::sys::{facts, numa, priority, thread};
use std::io;

/// Best effort, as with fio where `prio` stands alone.
const BEST_EFFORT: u8 = 2;

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
        let known = facts::memory_nodes();
        let wanted = known.iter().filter(|(node, _)| nodes.contains(node));
        let of_nodes: Vec<u32> = wanted.flat_map(|(_, cpus)| cpus.iter().copied()).collect();
        cpus.get_or_insert_with(facts::cpu_ids).retain(|cpu| of_nodes.contains(cpu));
    }
    match cpus {
        Some(cpus) if cpus.is_empty() => {
            Err("numa_cpu_nodes: no CPU is left that this process may use".to_owned())
        }
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
    fn nodes_and_cpus_both_hold() {
        let of_node = |nodes: &[u32], cpus: Option<Vec<u32>>| {
            let numa_cpu_nodes = Some(nodes.to_vec());
            let process =
                ProcessSpec { numa_cpu_nodes, cpus_allowed: cpus, ..ProcessSpec::default() };
            cpus_of(&process, 0)
        };
        let (node, cpus) = facts::memory_nodes().swap_remove(0);
        assert!(of_node(&[node], None).unwrap().unwrap().iter().all(|cpu| cpus.contains(cpu)));
        assert!(of_node(&[node], Some(vec![9999])).unwrap_err().contains("no CPU is left"));
        assert!(of_node(&[9999], None).is_err());
    }
}
