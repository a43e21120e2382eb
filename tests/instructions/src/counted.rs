//! What was counted: gungraun's reports of the runs, put together to instructions per request.
//!
//! Called by main. Believes nothing that is not whole: each run is there once, made the requests
//! that it was asked for, and spent instructions on them. Judges nothing.

use crate::cases::{Case, Length, CASES};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Instructions per request, by the name of the case.
pub type PerRequest = BTreeMap<String, f64>;

/// Reads one JSON report a line, `reports`, and in `files` what the runs themselves printed.
///
/// # Errors
/// A run is missing, or did something else than it was to do: in words.
pub fn read(reports: &str, files: &Path) -> Result<PerRequest, String> {
    let mut counts = BTreeMap::new();
    for line in reports.lines().filter(|line| !line.trim().is_empty()) {
        let (id, count) = run(line)?;
        if counts.insert(id.clone(), count).is_some() {
            return Err(format!("the run {id} is reported twice"));
        }
    }
    for case in CASES {
        for length in Length::ALL {
            check_requests(case, length, files)?;
        }
    }
    per_request(CASES, &counts)
}

/// The id of a run and what it took.
fn run(line: &str) -> Result<(String, u64), String> {
    let report: Value =
        serde_json::from_str(line).map_err(|error| format!("gungraun's report: {error}"))?;
    let id = report["id"].as_str().ok_or("gungraun's report names no benchmark")?;
    let count = report.pointer("/profiles/0/data/total/metrics/Ir/values/new");
    let count = count
        .and_then(Value::as_u64)
        .ok_or_else(|| format!("gungraun's report of {id} has no count of instructions"))?;
    Ok((id.to_owned(), count))
}

/// The clock that the runs report.
///
/// # Errors
/// There is no such report.
pub fn clock(files: &Path) -> Result<String, String> {
    let id = CASES[0].run_id(Length::Long);
    let (path, report) = report(files, &id)?;
    let clock = report.pointer("/iodyno/host/clock").and_then(Value::as_str);
    clock.map(str::to_owned).ok_or_else(|| format!("{} names no clock", path.display()))
}

/// What a run printed.
fn report(files: &Path, id: &str) -> Result<(PathBuf, Value), String> {
    let path = files.join(format!("{id}.json"));
    let text = std::fs::read_to_string(&path)
        .map_err(|error| format!("read {}: {error}", path.display()))?;
    let report = serde_json::from_str(&text)
        .map_err(|error| format!("iodyno's report {}: {error}", path.display()))?;
    Ok((path, report))
}

/// A run that ended early would be a cheap one.
fn check_requests(case: &Case, length: Length, files: &Path) -> Result<(), String> {
    let (path, report) = report(files, &case.run_id(length))?;
    let ios = |ddir: &str| report["jobs"][0][ddir]["total_ios"].as_u64().unwrap_or(0);
    // What is checked beyond a case that writes is read back, each block once.
    let phases = if case.beyond.is_some() { 2 } else { 1 };
    let (made, asked) = (ios("read") + ios("write"), case.requests(length) * phases);
    if made != asked {
        return Err(format!("{made} requests were made, not {asked}: see {}", path.display()));
    }
    Ok(())
}

/// The differences of the lengths, of cases and what is taken off them.
fn per_request(cases: &[Case], counts: &BTreeMap<String, u64>) -> Result<PerRequest, String> {
    let count = |case: &Case, length| {
        let id = case.run_id(length);
        counts.get(&id).copied().ok_or_else(|| format!("the run {id} is not reported"))
    };
    let cost = |case: &Case| -> Result<f64, String> {
        let (short, long) = (count(case, Length::Short)?, count(case, Length::Long)?);
        if short == 0 || long <= short {
            return Err(format!(
                "{}: {short} instructions in the short run, {long} in the long one: does \
                 Worker::run have a symbol of its own?",
                case.name
            ));
        }
        Ok((long - short) as f64 / (case.requests.1 - case.requests.0) as f64)
    };
    let mut found = PerRequest::new();
    for case in cases {
        let mut instructions = cost(case)?;
        if let Some(part) = case.beyond {
            let part = cases.iter().find(|other| other.id == part);
            instructions -= part.map_or(Ok(0.0), &cost)?;
        }
        // What repeats: the rest is a matter of where samples of the tester itself fall.
        found.insert(case.name.to_owned(), (instructions * 10.0).round() / 10.0);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: [Case; 2] = [
        Case { id: "a", name: "case a", options: &[], requests: (100, 300), beyond: None },
        Case { id: "b", name: "case b", options: &[], requests: (100, 300), beyond: Some("a") },
    ];

    fn counts(counts: [(&str, u64); 4]) -> BTreeMap<String, u64> {
        counts.map(|(id, count)| (id.to_owned(), count)).into()
    }

    #[test]
    fn start_and_end_and_the_case_below_are_left_out() {
        let counts = counts([
            ("a_short", 5_100),
            ("a_long", 25_100),
            ("b_short", 9_000),
            ("b_long", 59_000),
        ]);
        let found = per_request(&TWO, &counts).unwrap();
        assert_eq!((found["case a"], found["case b"]), (100.0, 150.0));
    }

    #[test]
    fn what_was_not_counted_is_no_success() {
        let none = counts([("a_short", 0), ("a_long", 0), ("b_short", 0), ("b_long", 0)]);
        let words = per_request(&TWO, &none).unwrap_err();
        assert!(words.contains("case a") && words.contains("Worker::run"), "{words}");
        let words = per_request(&TWO, &BTreeMap::new()).unwrap_err();
        assert_eq!(words, "the run a_short is not reported");
    }

    #[test]
    fn a_report_is_read() {
        let line = r#"{"id":"a_long","profiles":[{"data":{"parts":[],"total":{"metrics":
            {"Ir":{"values":{"new":42}}}}}}]}"#;
        assert_eq!(run(line), Ok(("a_long".to_owned(), 42)));
        for (line, part) in [("{}", "no benchmark"), (r#"{"id":"a"}"#, "of a has no count")] {
            assert!(run(line).unwrap_err().contains(part));
        }
    }
}
