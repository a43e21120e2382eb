//! The JSON as a user gets it: shape and kinds against fio's, figures by snapshot.

use super::*;
use crate::report::fixture;

/// Keys, order and kinds of a document that fio 3.33 printed, as facts: `PATH KIND` a line.
const FIO_KEYS: &str = include_str!("fio_keys.txt");

/// Keys that fio got after 3.33, or that are ours.
const LATER: [&str; 10] = [
    "job_start",
    "latency_target_ns",
    "latency_window_us",
    "read_sectors",
    "write_sectors",
    "aggr_read_sectors",
    "aggr_write_sectors",
    "qlat_ns",
    "rlat_ns",
    "iodyno",
];

fn parsed(result: &RunResult) -> Value {
    serde_json::from_str(&json(result)).expect("the report is JSON")
}

fn walk(path: &str, value: &Value, out: &mut Vec<String>) {
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}/{key}") };
    let kind = match value {
        Value::Object(_) => "object",
        Value::Array(_) => "array",
        Value::String(_) => "string",
        Value::Number(number) if number.is_f64() => "float",
        Value::Number(_) => "int",
        other => panic!("fio prints no {other}"),
    };
    if !path.is_empty() {
        out.push(format!("{path} {kind}"));
    }
    match value {
        Value::Object(_) if path.ends_with("options") => {}
        Value::Object(object) => {
            for (key, value) in object.iter().filter(|(key, _)| !LATER.contains(&key.as_str())) {
                walk(&below(key), value, out);
            }
        }
        Value::Array(array) => walk(&below("0"), &array[0], out),
        _ => {}
    }
}

#[test]
fn keys_order_and_kinds_are_fios() {
    let mut result = fixture::synchronous();
    result.workers[0].job.report.percentile_list = vec![50.0, 99.9];
    let mut ours = Vec::new();
    walk("", &parsed(&result), &mut ours);
    let theirs: Vec<&str> = FIO_KEYS.lines().collect();
    assert_eq!(ours, theirs);
}

#[test]
fn style_is_fios() {
    let text = json(&fixture::synchronous());
    assert!(text.starts_with("{\n  \"fio version\" : \"fio-3.42\",\n  \"timestamp\" : "), "{text}");
    assert!(text.ends_with("\n  }\n}\n"), "{text}");
    assert!(text.contains("\n          \"mean\" : "), "{text}");
    assert!(text.contains("\"desc\" : \"mixed \\\"load\\\"\\n\""), "{text}");
    assert_eq!(text.lines().filter(|line| *line == "{" || *line == "}").count(), 2);
}

#[test]
fn every_document_parses_and_its_percentages_sum_to_100() {
    let all = [
        fixture::synchronous(),
        fixture::asynchronous(),
        fixture::groups(),
        fixture::failed(),
        fixture::gtod_reduce(),
        fixture::idle(),
        fixture::run(Vec::new()),
    ];
    for result in all {
        let document = parsed(&result);
        for job in document["jobs"].as_array().unwrap() {
            let sum = |key: &str| -> f64 {
                job[key].as_object().unwrap().values().map(|v| v.as_f64().unwrap()).sum()
            };
            let latency = sum("latency_ns") + sum("latency_us") + sum("latency_ms");
            for sum in [latency, sum("iodepth_level"), sum("iodepth_submit")] {
                assert!(sum == 0.0 || (sum - 100.0).abs() < 1e-4, "{sum}");
            }
        }
    }
}

#[test]
fn a_synchronous_engine_has_no_slat_and_its_lat_is_its_clat() {
    let read = parsed(&fixture::synchronous())["jobs"][0]["read"].take();
    assert_eq!(read["slat_ns"]["N"], 0);
    assert_eq!(read["clat_ns"]["N"], 1990);
    assert_eq!(read["lat_ns"]["mean"], read["clat_ns"]["mean"]);
    assert!(read["lat_ns"].get("percentile").is_none());
}

#[test]
fn without_clock_reads_there_are_zeros() {
    let document = parsed(&fixture::gtod_reduce());
    let read = &document["jobs"][0]["read"];
    assert_eq!((&read["total_ios"], &read["clat_ns"]["N"]), (&json!(65_536), &json!(0)));
    assert!(read["clat_ns"].get("percentile").is_none());
    assert_eq!(document["iodyno"]["harness_ns_per_io"], Value::Null);
}

#[test]
fn group_reporting_makes_one_record_of_a_group() {
    let document = parsed(&fixture::groups());
    let jobs = document["jobs"].as_array().unwrap();
    let names: Vec<&Value> = jobs.iter().map(|job| &job["jobname"]).collect();
    assert_eq!(names, ["reader", "trimmer"]);
    let reader = &jobs[0];
    assert_eq!(reader["read"]["total_ios"], 4000);
    assert_eq!((&reader["read"]["runtime"], &reader["job_runtime"]), (&json!(2005), &json!(4006)));
    assert_eq!(reader["iodyno"]["workers"], 2);
    assert_eq!(reader["read"]["clat_ns"]["N"], 4000);
}

#[test]
fn without_group_reporting_each_worker_has_its_record() {
    let mut result = fixture::groups();
    for worker in &mut result.workers {
        worker.job.process.group_reporting = false;
    }
    let document = parsed(&result);
    let ios: Vec<u64> = document["jobs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|job| job["read"]["total_ios"].as_u64().unwrap())
        .collect();
    assert_eq!(ios, [3000, 1000, 0]);
}

#[test]
fn secrets_are_not_printed() {
    for key in ["psync.token", "token", "key"] {
        let mut result = fixture::synchronous();
        result.workers[0].job.given[2].0 = key.to_owned();
        result.global_given.push((key.to_owned(), "hunter2".to_owned()));
        assert!(!json(&result).contains("hunter2"), "{key}");
    }
}

#[test]
fn a_worker_that_died_before_its_first_window_counts_still() {
    let mut result = fixture::synchronous();
    result.workers[0].windows = Default::default();
    let document = parsed(&result);
    let read = &document["jobs"][0]["read"];
    assert_eq!((&read["bw_agg"], &read["bw_samples"]), (&json!(0.0), &json!(0)));
    assert!(read["bw_bytes"].as_u64().unwrap() > 0);
}

/// Two groups of directions of one record, and all of them as one.
#[test]
fn directions_can_be_reported_as_one() {
    use crate::job::spec::UnifiedRw;
    let with = |unified| {
        let mut result = fixture::synchronous();
        result.workers[0].job.report.unified_rw_reporting = unified;
        parsed(&result)["jobs"][0].take()
    };
    let keys = |job: &Value| ["read", "write", "trim", "mixed"].map(|key| job.get(key).is_some());
    assert_eq!(keys(&with(UnifiedRw::None)), [true, true, true, false]);
    assert_eq!(keys(&with(UnifiedRw::Both)), [true, true, true, true]);
    let mixed = with(UnifiedRw::Mixed);
    assert_eq!(keys(&mixed), [false, false, false, true]);
    assert_eq!(mixed["mixed"]["total_ios"], 1990 + 2102);
    assert_eq!(mixed["mixed"]["clat_ns"]["N"], 1990 + 2102);
    assert_eq!(mixed["mixed"]["io_bytes"], (1990 + 2102) * 4096);
}

#[test]
fn percentiles_are_those_that_are_asked_for() {
    let mut result = fixture::asynchronous();
    let report = &mut result.workers[0].job.report;
    (report.slat_percentiles, report.clat_percentiles, report.lat_percentiles) =
        (true, false, true);
    let read = parsed(&result)["jobs"][0]["read"].take();
    let has = ["slat_ns", "clat_ns", "lat_ns"].map(|key| read[key].get("percentile").is_some());
    assert_eq!(has, [true, false, true]);
    result.workers[0].job.report.disable_lat = true;
    assert_eq!(parsed(&result)["jobs"][0]["read"]["lat_ns"]["N"], 0);
}

#[test]
fn an_open_loop_has_response_times_and_a_backlog() {
    let job = parsed(&fixture::open_loop())["jobs"][0].take();
    for key in ["qlat_ns", "rlat_ns"] {
        assert_eq!(job["read"][key]["N"], 5000, "{key}");
        assert!(job["read"][key]["percentile"]["99.000000"].is_u64(), "{key}");
        assert_eq!(job["write"][key]["N"], 0, "{key}");
    }
    assert_eq!(job["iodyno"]["backlog"], json!({ "max": 812, "mean": 2.5 }));
    let closed = parsed(&fixture::asynchronous())["jobs"][0].take();
    assert!(closed["iodyno"].get("backlog").is_none());
    assert_eq!(closed["read"]["rlat_ns"]["N"], 0);
}

#[test]
fn the_search_for_a_depth_and_the_steady_state_are_told() {
    let job = parsed(&fixture::searching())["jobs"][0].take();
    let found = ["latency_depth", "latency_target", "latency_window"].map(|key| job[key].clone());
    assert_eq!(found, [json!(6), json!(2_000_000), json!(500_000)]);
    assert_eq!(job["iodyno"]["latency_met"], true);
    let steady = &job["steadystate"];
    assert_eq!(steady["ss"], "iops_slope:0.300000%");
    assert_eq!((&steady["attained"], &steady["duration"]), (&json!(1), &json!(3)));
    assert_eq!(steady["criterion"], "0.120000%");
    assert_eq!(steady["data"]["iops"], json!([4998, 5000, 5002]));
    assert_eq!(steady["data"]["bw_mean"], 20_480_000);
}

#[test]
fn synchronous_snapshot() {
    insta::assert_snapshot!(json(&fixture::synchronous()));
}

#[test]
fn failed_snapshot() {
    let document = parsed(&fixture::failed());
    let part = json!({
        "errors": [document["jobs"][0]["error"], document["jobs"][1]["error"]],
        "job": document["jobs"][0]["iodyno"],
        "iodyno": document["iodyno"],
    });
    insta::assert_snapshot!(print(&part));
}
