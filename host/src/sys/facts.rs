//! Facts about the host that a reader of the figures needs: which machine, kernel, processor.
//!
//! Called by `run` once at a run's start. What cannot be found out is empty or zero: a report must
//! not fail for want of a processor's name.

use rustix::{system, thread};
use std::fs::File;
use std::io::Read;

/// Variables that make the loader put foreign code into a process.
const LOADER_VARIABLES: [&str; 3] = ["LD_PRELOAD", "LD_AUDIT", "LD_LIBRARY_PATH"];

/// Where the program runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Host name.
    pub hostname: String,
    /// Kernel release.
    pub kernel: String,
    /// Processor model, or the architecture where the kernel names no model.
    pub cpu: String,
    /// Processors that this process may use.
    pub cpus: u32,
    /// Memory in bytes.
    pub memory_bytes: u64,
    /// Seconds that local time is ahead of UTC now.
    pub utc_offset_s: i32,
    /// LD_PRELOAD, LD_AUDIT, LD_LIBRARY_PATH as they stand in the environment, set ones alone.
    pub loader_environment: Vec<(String, String)>,
}

/// Collects the facts. Reads /proc/cpuinfo and the environment; takes well below a millisecond.
pub fn facts() -> Facts {
    let uname = system::uname();
    let cpuinfo = first_processor().unwrap_or_default();
    let machine = uname.machine().to_string_lossy().into_owned();
    Facts {
        hostname: uname.nodename().to_string_lossy().into_owned(),
        kernel: uname.release().to_string_lossy().into_owned(),
        cpu: model(&cpuinfo).map_or(machine, str::to_owned),
        cpus: cpus(),
        memory_bytes: memory_bytes(),
        utc_offset_s: utc_offset_s(),
        loader_environment: loader_environment(),
    }
}

/// Processors that this process may use.
pub fn cpus() -> u32 {
    thread::sched_getaffinity(None).map_or(0, |set| set.count())
}

/// Memory of this machine in bytes.
pub fn memory_bytes() -> u64 {
    let info = system::sysinfo();
    info.totalram * u64::from(info.mem_unit)
}

/// The beginning of /proc/cpuinfo, which is about the first processor: what comes after it says the
/// same, and asks every single processor.
fn first_processor() -> std::io::Result<String> {
    let mut begin = Vec::new();
    File::open("/proc/cpuinfo")?.take(1024).read_to_end(&mut begin)?;
    Ok(String::from_utf8_lossy(&begin).into_owned())
}

/// Ids of the CPUs that this process may use, ascending.
pub fn cpu_ids() -> Vec<u32> {
    let Ok(set) = thread::sched_getaffinity(None) else { return Vec::new() };
    (0..rustix::thread::CpuSet::MAX_CPU).filter(|&id| set.is_set(id)).map(|id| id as u32).collect()
}

/// Memory nodes that are online, ascending, each with its CPUs. A kernel that knows none has one
/// node, 0, with all CPUs.
pub fn memory_nodes() -> Vec<(u32, Vec<u32>)> {
    let read = |path: &str| {
        let text = std::fs::read_to_string(format!("/sys/devices/system/node/{path}"));
        id_list(text.unwrap_or_default().trim())
    };
    let nodes = read("online");
    if nodes.is_empty() {
        return vec![(0, cpu_ids())];
    }
    nodes.into_iter().map(|node| (node, read(&format!("node{node}/cpulist")))).collect()
}

/// Sizes of huge pages in bytes, ascending, each with the number of pages that are set aside.
pub fn huge_pages() -> Vec<(u64, u64)> {
    let Ok(directory) = std::fs::read_dir("/sys/kernel/mm/hugepages") else { return Vec::new() };
    let mut sizes: Vec<(u64, u64)> = directory
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let kib = name.strip_prefix("hugepages-")?.strip_suffix("kB")?.parse::<u64>().ok()?;
            let count = std::fs::read_to_string(entry.path().join("nr_hugepages")).ok()?;
            Some((kib << 10, count.trim().parse().ok()?))
        })
        .collect();
    sizes.sort_unstable();
    sizes
}

/// The kernel's lists: `0-3,5`.
fn id_list(text: &str) -> Vec<u32> {
    let mut ids = Vec::new();
    for part in text.split(',') {
        let (low, high) = part.split_once('-').unwrap_or((part, part));
        if let (Ok(low), Ok(high)) = (low.parse::<u32>(), high.parse::<u32>()) {
            ids.extend(low..=high);
        }
    }
    ids
}

fn model(cpuinfo: &str) -> Option<&str> {
    cpuinfo.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == "model name").then_some(value.trim())
    })
}

/// Variables of this process's environment that change what is loaded beside a plugin.
pub fn loader_environment() -> Vec<(String, String)> {
    loader_variables(|name| std::env::var_os(name))
}

fn loader_variables(
    variable: impl Fn(&str) -> Option<std::ffi::OsString>,
) -> Vec<(String, String)> {
    LOADER_VARIABLES
        .iter()
        .filter_map(|&name| {
            let value = variable(name).filter(|value| !value.is_empty())?;
            Some((name.to_owned(), value.to_string_lossy().into_owned()))
        })
        .collect()
}

/// Zero where the C library knows no local time.
fn utc_offset_s() -> i32 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Realtime).tv_sec;
    let mut local = std::mem::MaybeUninit::<libc::tm>::zeroed();
    // SAFETY: both pointers come from live locals of the right types; localtime_r keeps neither.
    let answer = unsafe { libc::localtime_r(&now, local.as_mut_ptr()) };
    if answer.is_null() {
        return 0;
    }
    // SAFETY: the answer was checked not to be null, so the fields were written; they were zeroed
    // before, which is a valid state of each.
    let local = unsafe { local.assume_init() };
    i32::try_from(local.tm_gmtoff).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_host_has_facts() {
        let facts = facts();
        assert!(!facts.hostname.is_empty());
        assert!(!facts.kernel.is_empty());
        assert!(!facts.cpu.is_empty());
        assert_eq!(facts.cpus as usize, cpu_ids().len());
        assert!(facts.memory_bytes > 1 << 20);
        assert!(facts.utc_offset_s.abs() <= 14 * 3600);
    }

    #[test]
    fn there_is_a_memory_node() {
        assert_eq!(id_list("0-2,5"), [0, 1, 2, 5]);
        assert_eq!(id_list(""), [0; 0]);
        let nodes = memory_nodes();
        let cpus: Vec<u32> = nodes.iter().flat_map(|(_, cpus)| cpus.clone()).collect();
        assert!(cpu_ids().iter().all(|cpu| cpus.contains(cpu)), "{nodes:?}");
    }

    #[test]
    fn the_model_is_read_from_the_first_processor() {
        let text =
            "processor\t: 0\nmodel\t\t: 85\nmodel name\t: Example CPU @ 2.5GHz\n\nmodel name: B";
        assert_eq!(model(text), Some("Example CPU @ 2.5GHz"));
        assert_eq!(model("processor\t: 0\nCPU part\t: 0xd0c\n"), None);
    }

    #[test]
    fn only_variables_that_are_set_are_told() {
        let found = loader_variables(|name| match name {
            "LD_PRELOAD" => Some("/x.so".into()),
            "LD_AUDIT" => Some("".into()),
            _ => None,
        });
        assert_eq!(found, [("LD_PRELOAD".to_owned(), "/x.so".to_owned())]);
    }
}
