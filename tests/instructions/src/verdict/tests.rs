//! The guard can fail, and says of what: each outcome with its words.

use super::*;

fn toolchain(rustc: &str, cpu: &str) -> Toolchain {
    Toolchain {
        rustc: rustc.to_owned(),
        libc: "2.36".to_owned(),
        cpu: cpu.to_owned(),
        clock: "tsc".to_owned(),
        valgrind: "3.19.0".to_owned(),
    }
}

fn all(figure: f64) -> PerRequest {
    CASES.iter().map(|case| (case.name.to_owned(), figure)).collect()
}

fn recorded(figure: f64) -> Recorded {
    Recorded { toolchain: toolchain("1.95.0", "x86_64"), per_request: all(figure) }
}

#[test]
fn growth_beyond_the_limit_fails_and_is_told() {
    let here = toolchain("1.95.0", "x86_64");
    for (now, expected) in [
        (100.0, Outcome::Passed),
        (103.0, Outcome::Passed),
        (103.1, Outcome::Failed),
        (105.0, Outcome::Failed),
        (60.0, Outcome::Passed),
    ] {
        assert_eq!(judge(&recorded(100.0), &here, &all(now)).0, expected, "{now}");
    }
    let mut now = all(100.0);
    now.insert(CASES[3].name.to_owned(), 105.0);
    let (outcome, text) = judge(&recorded(100.0), &here, &now);
    assert_eq!(outcome, Outcome::Failed);
    let line = format!("  {}: 100.0 recorded, 105.0 now\n", CASES[3].name);
    for words in
        [line.as_str(), "+5.0 %  GREW", "more than 3 % more", "docs/instructions.md", RECORD]
    {
        assert!(text.contains(words), "{words}\n{text}");
    }
    assert_eq!(text.matches("GREW").count(), 1, "{text}");
}

#[test]
fn what_became_cheaper_passes_with_a_hint() {
    let here = toolchain("1.95.0", "x86_64");
    let (_, text) = judge(&recorded(100.0), &here, &all(98.0));
    assert!(text.contains("became cheaper. To keep that: scripts/bench"), "{text}");
    let (_, text) = judge(&recorded(100.0), &here, &all(99.9));
    assert!(!text.contains("cheaper"), "{text}");
}

#[test]
fn another_compiler_has_a_limit_of_its_own_that_is_told() {
    let here = toolchain("1.99.0", "x86_64");
    for (now, expected) in [(109.0, Outcome::Passed), (111.0, Outcome::Failed)] {
        let (outcome, text) = judge(&recorded(100.0), &here, &all(now));
        assert_eq!(outcome, expected, "{now}");
        let words = "limit: 10 % more than recorded instead of 3 %, since compiler or C library";
        assert!(text.contains(words) && text.contains("recorded with rustc 1.95.0"), "{text}");
    }
}

#[test]
fn another_processor_is_not_compared() {
    let here = toolchain("1.95.0", "aarch64");
    for now in [50.0, 100.0, 200.0] {
        let (outcome, text) = judge(&recorded(100.0), &here, &all(now));
        assert_eq!(outcome, Outcome::NotComparable);
        assert!(text.contains("not comparable") && !text.contains("GREW"), "{text}");
    }
}

#[test]
fn another_clock_is_not_compared() {
    let mut here = toolchain("1.95.0", "x86_64");
    here.clock = "monotonic".to_owned();
    let (outcome, text) = judge(&recorded(100.0), &here, &all(500.0));
    assert_eq!(outcome, Outcome::NotComparable);
    assert!(text.contains("clock monotonic"), "{text}");
}

#[test]
fn cases_that_are_not_on_both_sides_fail() {
    let here = toolchain("1.95.0", "x86_64");
    let mut more = recorded(100.0);
    more.per_request.insert("a case of old".to_owned(), 1.0);
    let mut less = recorded(100.0);
    less.per_request.remove(CASES[0].name);
    for (recorded, name) in [(more, "a case of old"), (less, CASES[0].name)] {
        let (outcome, text) = judge(&recorded, &here, &all(100.0));
        assert_eq!(outcome, Outcome::Failed);
        assert!(text.contains(&format!("not the same cases ({name})")), "{text}");
    }
}

#[test]
fn two_builds_are_only_shown() {
    let text = compare(&all(100.0), &all(150.0));
    assert!(text.contains("before") && text.contains("+50.0 %") && !text.contains("GREW"));
}
