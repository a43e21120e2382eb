//! What the run went to: a line or two for each disk, as the kernel knows it, and one for each job
//! whose engine asked its target who it is. Called by `text`.
//!
//! Says what is known and leaves out what is not; must not judge.

use crate::report::entry::Entry;
use crate::run::result::{DiskFacts, RunResult};
use crate::stats::figures::kib;

/// The paragraph's lines.
pub(super) fn lines(result: &RunResult, entries: &[Entry<'_>]) -> Vec<String> {
    let mut lines: Vec<String> = result.devices.iter().map(disk).collect();
    let mut told: Vec<(&str, &[(String, String)])> = Vec::new();
    for entry in entries {
        let facts = entry.first.identity.as_slice();
        let engine = entry.first.job.engine.name.as_str();
        // Jobs on one device are told the same.
        if facts.is_empty() || told.contains(&(engine, facts)) {
            continue;
        }
        told.push((engine, facts));
        let words: Vec<String> =
            facts.iter().map(|(key, value)| format!("{key} {}", one_line(value))).collect();
        let job = &entry.first.job.name;
        lines.push(format!("engine {engine}, job {job}: {}", words.join(", ")));
    }
    lines
}

/// A device may call itself anything.
fn one_line(text: &str) -> String {
    text.replace(char::is_control, "?")
}

fn disk(disk: &DiskFacts) -> String {
    let first = format!("{}: {}", disk.name, list(&[who(disk), place(disk)].concat()));
    let second = list(&properties(disk));
    if second.is_empty() {
        first
    } else {
        format!("{first}\n{second}")
    }
}

fn list(words: &[String]) -> String {
    words.join(", ")
}

fn who(disk: &DiskFacts) -> Vec<String> {
    let named = |name: &str, value: &Option<String>| {
        value.as_ref().map(|value| format!("{name} {}", one_line(value)))
    };
    let maker: Vec<&str> =
        [&disk.vendor, &disk.model].into_iter().filter_map(|word| word.as_deref()).collect();
    let parts = [
        (!maker.is_empty()).then(|| maker.join(" ")),
        named("serial", &disk.serial),
        named("firmware", &disk.firmware),
        named("device mapper's", &disk.dm_name),
        named("over", &disk.backing_file),
        (!disk.slaves.is_empty()).then(|| format!("over {}", disk.slaves.join(" and "))),
    ];
    parts.into_iter().flatten().collect()
}

fn place(disk: &DiskFacts) -> Vec<String> {
    let blocks = match (disk.logical_block_size, disk.physical_block_size) {
        (Some(logical), Some(physical)) if logical != physical => {
            Some(format!("blocks of {logical} bytes ({physical} physical)"))
        }
        (Some(logical), _) => Some(format!("blocks of {logical} bytes")),
        (None, _) => None,
    };
    let kind = disk.rotational.map(|turns| if turns { "rotational" } else { "non-rotational" });
    [disk.size_bytes.map(kib), blocks, kind.map(str::to_owned)].into_iter().flatten().collect()
}

fn properties(disk: &DiskFacts) -> Vec<String> {
    let most = |what: &str, bytes: Option<u64>| {
        bytes.map(|bytes| match bytes {
            0 => format!("no {what}"),
            bytes => format!("{what} up to {}", kib(bytes)),
        })
    };
    let zones = disk.zoned.as_deref().filter(|model| *model != "none").map(|model| {
        let length = disk.zone_bytes.map(|bytes| format!(" of {}", kib(bytes)));
        format!("{model} zones{}", length.unwrap_or_default())
    });
    let fua = if disk.fua == Some(true) { " with FUA" } else { "" };
    let parts = [
        zones,
        most("discard", disk.discard_max_bytes),
        most("write zeroes", disk.write_zeroes_max_bytes),
        disk.write_cache.as_ref().map(|cache| format!("{cache} cache{fua}")),
        disk.scheduler.as_ref().map(|name| format!("scheduler {name}")),
        (disk.io_poll == Some(true)).then(|| "poll queues".to_owned()),
    ];
    parts.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{entry, fixture};

    #[test]
    fn what_is_not_known_is_left_out() {
        let bare = DiskFacts { name: "md0".to_owned(), ..DiskFacts::default() };
        assert_eq!(disk(&bare).trim_end(), "md0:");
        let text = |text: &str| Some(text.to_owned());
        let stacked = DiskFacts {
            name: "dm-0".to_owned(),
            dm_name: text("data"),
            slaves: vec!["sda".to_owned(), "sdb".to_owned()],
            size_bytes: Some(1 << 30),
            ..DiskFacts::default()
        };
        let expected = "dm-0: device mapper's data, over sda and sdb, 1024MiB";
        assert_eq!(disk(&stacked), expected);
    }

    #[test]
    fn jobs_on_one_device_are_told_of_once() {
        let mut result = fixture::groups();
        for worker in &mut result.workers {
            worker.job.process.group_reporting = false;
            worker.identity = vec![("model".to_owned(), "a\nb".to_owned())];
        }
        result.devices.clear();
        let lines = lines(&result, &entry::entries(&result));
        let mut engines: Vec<&str> =
            result.workers.iter().map(|worker| worker.job.engine.name.as_str()).collect();
        engines.sort_unstable();
        engines.dedup();
        assert_eq!(lines.len(), engines.len(), "{lines:?}");
        assert!(lines[0].ends_with(": model a?b"), "{lines:?}");
    }
}
