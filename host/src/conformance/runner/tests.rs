//! Judging without children: what excuses what.

use super::*;
use crate::conformance::check::DEADLINE;

const CHECK: Check = Check {
    id: "a.b",
    rule: "A rule.",
    level: Level::Requests,
    rests_on: &["a.base"],
    deadline: DEADLINE,
    run: |_| Ok(()),
};

fn row(id: &'static str, verdict: Verdict) -> Row {
    let judged = Judged {
        id,
        engine: Some("x".to_owned()),
        verdict,
        cause: "because".to_owned(),
        rule: "",
        seconds: 0.0,
    };
    Row { judged, breaks: None, ending: None, unmet: false }
}

fn ended(report: &str, prints: &str, end: End) -> Ended {
    Ended { report: report.into(), prints: prints.into(), end }
}

#[test]
fn each_end_has_its_verdict() {
    let queue = 0x100 | Callback::Queue as u64;
    let cases = [
        (ended("{\"finding\":null}\n", "", End::Exited(0)), 0, Verdict::Pass, ""),
        (ended("{\"finding\":{\"warn\":\"w\"}}", "", End::Exited(0)), 0, Verdict::Warn, "w"),
        (ended("", "", End::Exited(0)), queue, Verdict::Crash, "status 0 in queue"),
        (
            ended("", "boo\n", End::Signalled(11)),
            queue,
            Verdict::Crash,
            "SIGSEGV in queue; it printed: boo",
        ),
        (ended("", "", End::TimedOut), 0, Verdict::Timeout, "after 10 s, outside"),
        (ended("{\"finding\":null}\n", "", End::Signalled(6)), 0, Verdict::Crash, "SIGABRT"),
    ];
    for (ended, crumb, verdict, words) in cases {
        let Judgement { verdict: got, cause, .. } = interpret(&ended, &CHECK, crumb);
        assert_eq!(got, verdict, "{cause}");
        assert!(cause.contains(words), "{words}: {cause}");
    }
}

#[test]
fn what_rests_on_a_failure_is_not_run() {
    let rows = [row("a.base", Verdict::Crash)];
    assert!(failed_base(&CHECK, Some("x"), &rows).unwrap().contains("a.base"));
    assert_eq!(failed_base(&CHECK, Some("other"), &rows), None);
    assert_eq!(failed_base(&CHECK, Some("x"), &[row("a.base", Verdict::Warn)]), None);
    assert_eq!(failed_base(&CHECK, Some("x"), &[row("a.base", Verdict::Skip)]), None);
    let moot = judge(Some(Finding::moot("w")));
    assert!(moot.verdict == Verdict::Warn && moot.unmet, "{moot:?}");
    let unmet = Row { unmet: true, ..row("a.base", Verdict::Skip) };
    assert!(failed_base(&CHECK, Some("x"), &[unmet]).is_some());
    let deep = Check { rests_on: &["queue.status"], ..CHECK };
    let words = failed_base(&deep, Some("x"), &[row("instance.once", Verdict::Timeout)]);
    assert!(words.unwrap().contains("instance.once"), "what a base rests on counts as well");
}

#[test]
fn whose_rule_was_broken_looks_for_itself() {
    let mut base = row("a.base", Verdict::Fail);
    base.breaks = Some("a.b".to_owned());
    assert_eq!(failed_base(&CHECK, Some("x"), std::slice::from_ref(&base)), None);
    base.breaks = Some("a.c".to_owned());
    let words = failed_base(&CHECK, Some("x"), &[base]).unwrap();
    assert!(words.contains("a broken rule of a.c"), "{words}");
}

#[test]
fn one_cause_is_one_failure() {
    let mut first = row("a.first", Verdict::Fail);
    first.breaks = Some("a.owner".to_owned());
    let mut same = row("a.same", Verdict::Crash);
    same.ending = Some("SIGSEGV in queue".to_owned());
    let mut again = row("a.again", Verdict::Crash);
    again.ending = same.ending.clone();
    let mut alone = row("a.alone", Verdict::Fail);
    alone.breaks = Some("a.passes".to_owned());
    let mut rows = vec![
        first,
        same,
        again,
        row("a.owner", Verdict::Fail),
        row("a.passes", Verdict::Pass),
        alone,
    ];
    let earlier: Vec<Row> = rows.drain(..2).collect();
    excuse(&mut rows[0], &earlier);
    rows.splice(0..0, earlier);
    settle(&mut rows);
    let verdicts: Vec<(&str, Verdict)> =
        rows.iter().map(|row| (row.judged.id, row.judged.verdict)).collect();
    assert_eq!(
        verdicts,
        [
            ("a.first", Verdict::Skip),
            ("a.same", Verdict::Crash),
            ("a.again", Verdict::Skip),
            ("a.owner", Verdict::Fail),
            ("a.passes", Verdict::Pass),
            ("a.alone", Verdict::Fail),
        ]
    );
    assert!(rows[0].judged.cause.contains("a.owner"));
    assert!(rows[5].judged.cause.contains("a rule of a.passes"));
}
