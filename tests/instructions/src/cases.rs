//! What is counted: one job for each way through the loop that is to stay short.
//!
//! Read by the benchmark, which makes command lines of it, and by `counted`, which puts the counts
//! together again. A case that is added or renamed has to be recorded anew.

/// A job in two lengths.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// For file names and for gungraun: letters, digits, underscores.
    pub id: &'static str,
    /// For people.
    pub name: &'static str,
    /// Options beside those of base.fio.
    pub options: &'static [&'static str],
    /// Requests of the short and of the long run.
    pub requests: (u64, u64),
    /// The case whose cost is part of this one's and is taken off it.
    pub beyond: Option<&'static str>,
}

/// The lengths of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// What start and end cost, and a few requests.
    Short,
    /// The same, and many more.
    Long,
}

impl Length {
    /// Both.
    pub const ALL: [Length; 2] = [Length::Short, Length::Long];

    /// For the ids of runs.
    pub fn word(self) -> &'static str {
        match self {
            Length::Short => "short",
            Length::Long => "long",
        }
    }
}

impl Case {
    /// What a run of it is called.
    pub fn run_id(&self, length: Length) -> String {
        format!("{}_{}", self.id, length.word())
    }

    /// Requests of such a run.
    pub fn requests(&self, length: Length) -> u64 {
        match length {
            Length::Short => self.requests.0,
            Length::Long => self.requests.1,
        }
    }
}

const fn null(id: &'static str, name: &'static str, options: &'static [&'static str]) -> Case {
    Case { id, name, options, requests: (8_000, 40_000), beyond: None }
}

const fn psync(id: &'static str, name: &'static str, options: &'static [&'static str]) -> Case {
    Case { id, name, options, requests: (1_000, 5_000), beyond: None }
}

/// Everything that is counted, in the order of the table.
pub const CASES: &[Case] = &[
    null("null_read_1", "null read, depth 1", &["ioengine=null", "rw=read", "size=1g"]),
    null("null_randread_1", "null randread, depth 1", &["ioengine=null", "rw=randread", "size=1g"]),
    null(
        "null_read_1_reduced",
        "null read, depth 1, gtod_reduce",
        &["ioengine=null", "rw=read", "size=1g", "gtod_reduce=1"],
    ),
    null(
        "null_randread_1_reduced",
        "null randread, depth 1, gtod_reduce",
        &["ioengine=null", "rw=randread", "size=1g", "gtod_reduce=1"],
    ),
    null(
        "null_read_32",
        "null read, depth 32",
        &["ioengine=null", "rw=read", "size=1g", "iodepth=32"],
    ),
    null(
        "null_randread_32",
        "null randread, depth 32",
        &["ioengine=null", "rw=randread", "size=1g", "iodepth=32"],
    ),
    null(
        "null_read_32_reduced",
        "null read, depth 32, gtod_reduce",
        &["ioengine=null", "rw=read", "size=1g", "iodepth=32", "gtod_reduce=1"],
    ),
    null(
        "null_randread_32_reduced",
        "null randread, depth 32, gtod_reduce",
        &["ioengine=null", "rw=randread", "size=1g", "iodepth=32", "gtod_reduce=1"],
    ),
    null(
        "null_randread_32_batches",
        "null randread, batches of 32, gtod_reduce, norandommap",
        &[
            "ioengine=null",
            "rw=randread",
            "size=1g",
            "iodepth=32",
            "iodepth_batch=32",
            "iodepth_batch_complete_max=32",
            "gtod_reduce=1",
            "norandommap=1",
        ],
    ),
    psync("psync_read", "psync read", &["ioengine=psync", "rw=read", "size=32m"]),
    psync("psync_randread", "psync randread", &["ioengine=psync", "rw=randread", "size=32m"]),
    psync(
        "psync_read_reduced",
        "psync read, gtod_reduce",
        &["ioengine=psync", "rw=read", "size=32m", "gtod_reduce=1"],
    ),
    psync(
        "psync_randread_reduced",
        "psync randread, gtod_reduce",
        &["ioengine=psync", "rw=randread", "size=32m", "gtod_reduce=1"],
    ),
    psync("psync_randwrite", "psync randwrite", &["ioengine=psync", "rw=randwrite", "size=32m"]),
    psync(
        "verify_write",
        "psync randwrite, verify=crc32c: write",
        &["ioengine=psync", "rw=randwrite", "size=32m", "verify=crc32c", "do_verify=0"],
    ),
    Case {
        beyond: Some("verify_write"),
        ..psync(
            "verify_check",
            "psync randwrite, verify=crc32c: check",
            &["ioengine=psync", "rw=randwrite", "size=32m", "verify=crc32c", "do_verify=1"],
        )
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn cases_are_told_apart_and_refer_to_one_another() {
        let ids: BTreeSet<_> = CASES.iter().map(|case| case.id).collect();
        let names: BTreeSet<_> = CASES.iter().map(|case| case.name).collect();
        assert_eq!((ids.len(), names.len()), (CASES.len(), CASES.len()));
        for case in CASES {
            assert!(case.requests.0 < case.requests.1, "{}", case.id);
            let other = case.beyond.map(|id| CASES.iter().find(|case| case.id == id));
            let same = other.is_none_or(|other| other.unwrap().requests == case.requests);
            assert!(same, "{} has other lengths than what is taken off it", case.id);
        }
    }
}
