//! CPU time that the hypervisor gave to others while this machine had something to do.
//!
//! Called by `run` at a run's two ends. The kernel counts by CPU since it booted, in ticks; what it
//! does not tell is absent. Decides nothing.

/// Times of some CPUs since the machine began, nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuTimes {
    /// In which they did something.
    pub busy_ns: u64,
    /// In which they had something to do and were not let.
    pub steal_ns: u64,
    /// How many they are.
    pub cpus: u32,
}

impl CpuTimes {
    /// Of those CPUs; none where the kernel tells nothing of them.
    pub fn of(cpus: &[u32]) -> Option<CpuTimes> {
        let text = std::fs::read_to_string("/proc/stat").ok()?;
        let tick_ns = 1_000_000_000 / rustix::param::clock_ticks_per_second().max(1);
        parse(&text, cpus, tick_ns)
    }

    /// What was added since `earlier`.
    pub fn since(&self, earlier: &CpuTimes) -> CpuTimes {
        CpuTimes {
            // The kernel's counters have been seen to go back by a tick.
            busy_ns: self.busy_ns.saturating_sub(earlier.busy_ns),
            steal_ns: self.steal_ns.saturating_sub(earlier.steal_ns),
            cpus: self.cpus,
        }
    }
}

/// `cpuN user nice system idle iowait irq softirq steal guest guest_nice`, the last two within user
/// and nice.
fn parse(text: &str, cpus: &[u32], tick_ns: u64) -> Option<CpuTimes> {
    let mut all = CpuTimes::default();
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace();
        let id = words.next().and_then(|word| word.strip_prefix("cpu")).map(str::parse::<u32>);
        let Some(Ok(id)) = id else { continue };
        let ticks: Vec<u64> = words.map_while(|word| word.parse().ok()).collect();
        let [user, nice, system, _idle, _iowait, irq, softirq, steal, ..] = ticks[..] else {
            return None;
        };
        if cpus.contains(&id) {
            all.busy_ns += (user + nice + system + irq + softirq) * tick_ns;
            all.steal_ns += steal * tick_ns;
            all.cpus += 1;
        }
    }
    (all.cpus > 0).then_some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_counters_are_read_by_cpu() {
        let text = "cpu  99 99 99 99 99 99 99 99 0 0\ncpu0 1 2 3 90 80 4 5 6 1 1\n\
                    cpu1 10 20 30 0 0 40 50 60 0 0\ncpu12 100 0 0 0 0 0 0 7 0 0\nintr 5 6\n";
        let times =
            |cpus: &[u32]| parse(text, cpus, 10).map(|it| (it.busy_ns, it.steal_ns, it.cpus));
        assert_eq!(times(&[0]), Some((150, 60, 1)));
        assert_eq!(times(&[0, 1]), Some((1650, 660, 2)));
        assert_eq!(times(&[12]), Some((1000, 70, 1)));
        assert_eq!(times(&[2]), None);
        assert_eq!(parse("cpu0 1 2 3 4\n", &[0], 10), None, "a kernel before 2.6.11");
        assert_eq!(parse("", &[0], 10), None);
    }

    #[test]
    fn this_machine_does_something() {
        let cpus = crate::sys::facts::cpu_ids();
        let Some(first) = CpuTimes::of(&cpus) else {
            // Nothing to look at: as a report then has it.
            assert!(!std::path::Path::new("/proc/stat").exists());
            return;
        };
        assert_eq!(first.cpus as usize, cpus.len());
        while CpuTimes::of(&cpus).is_some_and(|now| now.since(&first).busy_ns == 0) {
            std::hint::spin_loop();
        }
        assert_eq!(first.since(&CpuTimes { busy_ns: u64::MAX, ..first }).busy_ns, 0);
    }
}
