//! Options that say what is measured and shown.
//!
//! Part of the option table. The form of the report is no job's option: the command line says it
//! (`--output-format`).

use super::super::spec::UnifiedRw;
use super::super::value::Value;
use super::{quoted, Category, JobOption, Kind, OPTION};

pub(super) const OPTIONS: &[JobOption] = &[
    JobOption {
        name: "gtod_reduce",
        category: Category::Report,
        kind: Kind::Bool,
        default: "0",
        help: "Read the clock as little as possible",
        doc: "No latencies are measured then: the report has rates and counts only.",
        good: &["1", "0"],
        bad: &["2", "yes", ""],
        apply: |draft, value| draft.report.gtod_reduce = value.bool(),
        show: |job| Some(job.report.gtod_reduce.to_string()),
        ..OPTION
    },
    JobOption {
        name: "percentile_list",
        category: Category::Report,
        kind: Kind::Percentiles,
        default: "1:5:10:20:30:40:50:60:70:80:90:95:99:99.5:99.9:99.95:99.99",
        help: "Percentiles of latency in the report",
        doc: "In fio's format joined by `:`, in TOML an array of numbers. At most 20, in any \
              order.",
        good: &["50:99:99.9", "100"],
        bad: &["", "0", "101", "50,99", "p99"],
        apply: |draft, value| {
            let Value::Percentiles(list) = value else { unreachable!("a list of percentiles") };
            draft.report.percentile_list.clone_from(list);
        },
        show: |job| {
            let list: Vec<String> = job.report.percentile_list.iter().map(f64::to_string).collect();
            Some(format!("[{}]", list.join(", ")))
        },
        ..OPTION
    },
    JobOption {
        name: "disable_lat",
        category: Category::Report,
        kind: Kind::Bool,
        default: "0",
        help: "Do not measure total latency (`lat_ns`)",
        doc: "Bounds on it (`max_latency`, `latency_target`) are kept all the same, unless \
              `disable_clat` is set as well: then an error says so.",
        good: &["1", "0"],
        bad: &["2", "yes", ""],
        apply: |draft, value| draft.report.disable_lat = value.bool(),
        show: |job| Some(job.report.disable_lat.to_string()),
        ..OPTION
    },
    JobOption {
        name: "disable_clat",
        category: Category::Report,
        kind: Kind::Bool,
        default: "0",
        help: "Do not measure completion latency (`clat_ns`)",
        doc: "From submission to completion.",
        good: &["1", "0"],
        bad: &["2", "yes", ""],
        apply: |draft, value| draft.report.disable_clat = value.bool(),
        show: |job| Some(job.report.disable_clat.to_string()),
        ..OPTION
    },
    JobOption {
        name: "disable_slat",
        category: Category::Report,
        kind: Kind::Bool,
        default: "0",
        help: "Do not measure submission latency (`slat_ns`)",
        doc: "The time that handing a request over takes.",
        good: &["1", "0"],
        bad: &["2", "yes", ""],
        apply: |draft, value| draft.report.disable_slat = value.bool(),
        show: |job| Some(job.report.disable_slat.to_string()),
        ..OPTION
    },
    JobOption {
        name: "disable_bw",
        aliases: &["disable_bw_measurement"],
        category: Category::Report,
        kind: Kind::Bool,
        default: "0",
        help: "Do not measure bandwidth and IOPS over time",
        doc: "Their means stay in the report, least, most and deviation do not.",
        good: &["1", "0"],
        bad: &["2", "yes", ""],
        apply: |draft, value| draft.report.disable_bw = value.bool(),
        show: |job| Some(job.report.disable_bw.to_string()),
        ..OPTION
    },
    JobOption {
        name: "clat_percentiles",
        category: Category::Report,
        kind: Kind::Bool,
        default: "1",
        help: "Percentiles of completion latency in the report",
        doc: "See `percentile_list`.",
        good: &["1", "0"],
        bad: &["2", "yes", ""],
        apply: |draft, value| draft.report.clat_percentiles = value.bool(),
        // On by default, which needs no mention where there is nothing to be on for.
        show: |job| {
            let report = &job.report;
            let idle = report.clat_percentiles && (report.disable_clat || report.gtod_reduce);
            (!idle).then(|| report.clat_percentiles.to_string())
        },
        ..OPTION
    },
    JobOption {
        name: "lat_percentiles",
        category: Category::Report,
        kind: Kind::Bool,
        default: "0",
        help: "Percentiles of total latency in the report",
        doc: "See `percentile_list`.",
        good: &["1", "0"],
        bad: &["2", "yes", ""],
        apply: |draft, value| draft.report.lat_percentiles = value.bool(),
        show: |job| Some(job.report.lat_percentiles.to_string()),
        ..OPTION
    },
    JobOption {
        name: "slat_percentiles",
        category: Category::Report,
        kind: Kind::Bool,
        default: "0",
        help: "Percentiles of submission latency in the report",
        doc: "See `percentile_list`.",
        good: &["1", "0"],
        bad: &["2", "yes", ""],
        apply: |draft, value| draft.report.slat_percentiles = value.bool(),
        show: |job| Some(job.report.slat_percentiles.to_string()),
        ..OPTION
    },
    JobOption {
        name: "unified_rw_reporting",
        category: Category::Report,
        kind: Kind::Choice(&[
            ("none", "by direction"),
            ("mixed", "all directions as one, called mixed"),
            ("both", "by direction, and mixed as well"),
            ("0", "the same as none"),
            ("1", "the same as mixed"),
            ("2", "the same as both"),
        ]),
        default: "none",
        help: "Whether the directions are reported together",
        doc: "Counts are added and histograms merged, so that percentiles are those of all \
              requests.",
        good: &["mixed", "2", "none"],
        bad: &["", "3", "yes"],
        apply: |draft, value| {
            draft.report.unified_rw_reporting = match value.text() {
                "mixed" | "1" => UnifiedRw::Mixed,
                "both" | "2" => UnifiedRw::Both,
                _ => UnifiedRw::None,
            };
        },
        show: |job| {
            Some(quoted(match job.report.unified_rw_reporting {
                UnifiedRw::None => "none",
                UnifiedRw::Mixed => "mixed",
                UnifiedRw::Both => "both",
            }))
        },
        ..OPTION
    },
    JobOption {
        name: "significant_figures",
        category: Category::Report,
        kind: Kind::Count { min: 1, max: 10 },
        default: "4",
        help: "Digits of the numbers in the normal output",
        doc: "Other forms of the report have all digits.",
        good: &["6", "1", "10"],
        bad: &["", "0", "11", "-1"],
        apply: |draft, value| {
            let digits = u8::try_from(value.count());
            draft.report.significant_figures =
                digits.unwrap_or_else(|_| unreachable!("bounded by the option table"));
        },
        show: |job| Some(job.report.significant_figures.to_string()),
        ..OPTION
    },
    JobOption {
        name: "disk_util",
        category: Category::Report,
        kind: Kind::Bool,
        default: "1",
        help: "What the disks under the targets did, as the kernel counts it",
        doc:
            "Of the disk of a block device, or of the file system of a file, and of those that it \
              is made of; not of tmpfs, overlays and networks, which have none, nor of /dev/sgN \
              and /dev/ngXnY, whose commands the kernel does not count. Other users of the disk \
              are counted as well. A disk is left out where no job on it wants it.",
        good: &["1", "0"],
        bad: &["2", "yes", ""],
        apply: |draft, value| draft.report.disk_util = value.bool(),
        show: |job| Some(job.report.disk_util.to_string()),
        ..OPTION
    },
];
