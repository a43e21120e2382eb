//! Options that say where the I/O goes.
//!
//! Part of the option table. Names are only written down here: whether a file exists, how large a
//! device is and who uses it, the `target` room finds out at the start of the run.

use super::super::value::Value;
use super::{bytes, list, quoted, Category, JobOption, Kind, OPTION};
use crate::units::Bytes;

pub(super) const OPTIONS: &[JobOption] = &[
    JobOption {
        name: "filename",
        category: Category::Target,
        kind: Kind::List,
        unset: "JOBNAME.CLONE.FILE, numbers from 0",
        help: "Files or devices that the I/O goes to",
        doc: "In fio's format several names are joined by `:`, and `\\:` stands for a colon in a \
              name. In TOML a string is one name as it stands, an array holds several. All clones \
              of the job share them.",
        good: &["/dev/nvme0n1", "a:b"],
        bad: &["", "a::b"],
        apply: |draft, value| {
            draft.target.filename = value.list().to_vec();
            draft.target.opendir.clear();
        },
        show: |job| list(&job.target.filename),
        ..OPTION
    },
    JobOption {
        name: "directory",
        category: Category::Target,
        kind: Kind::List,
        unset: "the current directory",
        help: "Directories that the files lie in",
        doc: "Put before each file name. In fio's format several are joined by `:`, in TOML they \
              are an array; the clones of the job are spread over them. It has to exist.",
        good: &["/mnt/scratch", "/mnt/a:/mnt/b"],
        bad: &["", ":"],
        apply: |draft, value| draft.target.directory = value.list().to_vec(),
        show: |job| list(&job.target.directory),
        ..OPTION
    },
    JobOption {
        name: "filename_format",
        category: Category::Target,
        kind: Kind::NameFormat,
        unset: "$jobname.$jobnum.$filenum",
        help: "How the names of the job's files are made",
        doc: "$jobname is the job's name, $jobnum the number of the clone, $filenum that of the \
              file, both from 0. Jobs share files by leaving something out: `data.$filenum`. \
              Directories in it are made. No effect with `filename`, and a warning says so.",
        fio: "another word behind a `$` is an error, where fio leaves it as it stands.",
        good: &["$jobname.$filenum", "data.$jobnum.$filenum"],
        bad: &["", "x.$filename", "$"],
        later: |text| text.contains("$clientuid"),
        apply: |draft, value| draft.target.filename_format = Some(value.text().to_owned()),
        show: |job| job.target.filename_format.as_deref().map(quoted),
        ..OPTION
    },
    JobOption {
        name: "unique_filename",
        category: Category::Target,
        kind: Kind::Bool,
        default: "1",
        help: "Names differ from client to client of a distributed run",
        doc:
            "Taken as in fio, where it changes the names of networked clients alone: a run on one \
              machine has none.",
        good: &["1", "0"],
        bad: &["2", "yes", ""],
        apply: |draft, value| draft.target.unique_filename = value.bool(),
        show: |job| {
            let target = &job.target;
            let matters = target.filename.is_empty() && target.opendir.is_empty();
            (matters || !target.unique_filename).then(|| target.unique_filename.to_string())
        },
        ..OPTION
    },
    JobOption {
        name: "opendir",
        category: Category::Target,
        kind: Kind::List,
        unset: "`filename`, or names made from the job's name",
        help: "Work on all files below these directories",
        doc: "Regular files and devices, found before the start, in the order of their names; \
              symbolic links are not followed. Joined by `:` as `filename`, in TOML an array. The \
              later of it and `filename` wins; both in one section are an error.",
        fio: "in the order of their names, where fio takes them as the directory gives them; none \
              at all is an error.",
        good: &["/mnt/data", "/mnt/a:/mnt/b"],
        bad: &["", ":"],
        apply: |draft, value| {
            draft.target.opendir = value.list().to_vec();
            draft.target.filename.clear();
        },
        show: |job| list(&job.target.opendir),
        ..OPTION
    },
    JobOption {
        name: "nrfiles",
        aliases: &["nr_files"],
        category: Category::Target,
        kind: Kind::Count { min: 1, max: 1 << 24 },
        default: "1",
        help: "Number of files of each clone",
        doc: "`size` is split evenly over them. Only for names that are made from the job's name.",
        good: &["1", "8"],
        bad: &["", "0", "1.5", "16777217"],
        apply: |draft, value| draft.target.nrfiles = value.count_u32(),
        show: |job| Some(job.target.nrfiles.to_string()),
        ..OPTION
    },
    JobOption {
        name: "filesize",
        category: Category::Target,
        kind: Kind::Range,
        unset: "`size` split over the files",
        help: "Size of each file, or a range to draw it from",
        doc: "With a range, each file's size is drawn from it by the job's seed. `size` is then \
              the sum that the job works on. 0 is the same as not given.",
        good: &["64m", "1m-16m"],
        bad: &["", "2m-1m", "big"],
        apply: |draft, value| {
            let Value::Range(low, high) = *value else { unreachable!("the option is a range") };
            draft.target.filesize = (high != 0).then_some((Bytes(low), Bytes(high)));
        },
        show: |job| {
            let (low, high) = job.target.filesize?;
            Some(match (bytes(low), bytes(high)) {
                (low, high) if low == high => low,
                (low, high) => format!("\"{}-{}\"", low.trim_matches('"'), high.trim_matches('"')),
            })
        },
        ..OPTION
    },
    JobOption {
        name: "allow_mounted_write",
        category: Category::Target,
        kind: Kind::Bool,
        default: "0",
        help: "Write to a device that somebody uses",
        doc: "Without it a job that writes is refused when its device is mounted in any \
              namespace, used as swap, or held by md, dm or loop. With it, what is there will be \
              destroyed.",
        good: &["0", "1"],
        bad: &["2", "yes", ""],
        apply: |draft, value| draft.target.allow_mounted_write = value.bool(),
        show: |job| Some(job.target.allow_mounted_write.to_string()),
        ..OPTION
    },
];
