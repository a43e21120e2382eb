//! What was found, as text for a person, JSON for a program, JUnit's XML for a build server.
//! Called by `cli` with the judged checks. Pure: each form is a function of the same rows, and none
//! of them judges anew.

use super::check::{Judged, Verdict};
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};
use quick_xml::Writer;
use serde_json::{json, Value};
use std::fmt::Write as _;

/// What the reports tell beside the verdicts.
#[derive(Clone, Debug)]
pub struct Heading {
    /// The plugin's file.
    pub path: String,
    /// Its digest.
    pub sha256: String,
    /// Id and version, where it could be loaded.
    pub plugin: Option<(String, String)>,
    /// What random choices began with.
    pub seed: u64,
}

const ALL: [Verdict; 6] =
    [Verdict::Pass, Verdict::Warn, Verdict::Skip, Verdict::Fail, Verdict::Crash, Verdict::Timeout];

fn counts(rows: &[Judged]) -> Vec<(Verdict, usize)> {
    ALL.iter()
        .map(|verdict| (*verdict, rows.iter().filter(|r| r.verdict == *verdict).count()))
        .collect()
}

/// One line a check, with cause and rule where it is no pass.
#[must_use]
pub fn text(heading: &Heading, rows: &[Judged]) -> String {
    let mut out = String::new();
    let who = match &heading.plugin {
        Some((id, version)) => format!("{id} {version}, "),
        None => String::new(),
    };
    let digest = heading.sha256.get(..12).unwrap_or_default();
    let _ = writeln!(out, "{who}{}, sha256 {digest}", heading.path);
    let width = rows.iter().map(|row| row.id.len()).max().unwrap_or(0);
    let mut engine = None;
    for row in rows {
        if row.engine.is_some() && row.engine != engine {
            engine = row.engine.clone();
            let _ = writeln!(out, "\nengine {}", engine.as_deref().unwrap_or_default());
        }
        let word = row.verdict.word();
        let word = if row.verdict.is_bad() { word.to_uppercase() } else { word.to_owned() };
        let line = format!("  {word:<8}{:<width$}  {}", row.id, row.cause);
        let _ = writeln!(out, "{}", line.trim_end());
        if row.verdict.is_bad() {
            let _ = writeln!(out, "          rule: {}", row.rule);
        }
    }
    let some: Vec<String> = counts(rows)
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(verdict, count)| format!("{count} {}", verdict.word()))
        .collect();
    let seconds: f64 = rows.iter().map(|row| row.seconds).sum();
    let _ = writeln!(
        out,
        "\n{} checks in {seconds:.1} s: {} (--seed {})",
        rows.len(),
        some.join(", "),
        heading.seed
    );
    out
}

/// `{"plugin": {...}, "seed": n, "summary": {...}, "checks": [{"id", "verdict", "cause", "rule",
/// "engine", "seconds"}, ...]}`.
#[must_use]
pub fn json(heading: &Heading, rows: &[Judged]) -> Value {
    let summary: serde_json::Map<String, Value> = counts(rows)
        .into_iter()
        .map(|(verdict, count)| (verdict.word().to_owned(), json!(count)))
        .collect();
    let (id, version) = match &heading.plugin {
        Some((id, version)) => (Some(id), Some(version)),
        None => (None, None),
    };
    json!({
        "plugin": { "path": heading.path, "sha256": heading.sha256, "id": id, "version": version },
        "seed": heading.seed,
        "summary": summary,
        "checks": rows,
    })
}

/// One test case a check; a skip is `skipped`, a fail `failure`, a crash or timeout `error`.
///
/// # Errors
/// Never in practice: writing goes to memory.
pub fn junit(heading: &Heading, rows: &[Judged]) -> std::io::Result<Vec<u8>> {
    let mut xml = Writer::new_with_indent(Vec::new(), b' ', 2);
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let number = |verdicts: &[Verdict]| {
        rows.iter().filter(|row| verdicts.contains(&row.verdict)).count().to_string()
    };
    let mut suite = BytesStart::new("testsuite");
    suite.push_attribute(("name", format!("iodyno check {}", heading.path).as_str()));
    suite.push_attribute(("tests", rows.len().to_string().as_str()));
    suite.push_attribute(("failures", number(&[Verdict::Fail]).as_str()));
    suite.push_attribute(("errors", number(&[Verdict::Crash, Verdict::Timeout]).as_str()));
    suite.push_attribute(("skipped", number(&[Verdict::Skip]).as_str()));
    xml.write_event(Event::Start(suite))?;
    for row in rows {
        let mut case = BytesStart::new("testcase");
        case.push_attribute(("classname", row.engine.as_deref().unwrap_or("plugin")));
        case.push_attribute(("name", row.id));
        case.push_attribute(("time", format!("{:.3}", row.seconds).as_str()));
        xml.write_event(Event::Start(case))?;
        if let Some(tag) = tag(row.verdict) {
            let mut finding = BytesStart::new(tag);
            if tag != "system-out" {
                finding.push_attribute(("message", row.cause.as_str()));
            }
            xml.write_event(Event::Start(finding))?;
            let words = if tag == "system-out" { &row.cause } else { row.rule };
            xml.write_event(Event::Text(BytesText::new(words)))?;
            xml.write_event(Event::End(BytesEnd::new(tag)))?;
        }
        xml.write_event(Event::End(BytesEnd::new("testcase")))?;
    }
    xml.write_event(Event::End(BytesEnd::new("testsuite")))?;
    let mut bytes = xml.into_inner();
    bytes.push(b'\n');
    Ok(bytes)
}

fn tag(verdict: Verdict) -> Option<&'static str> {
    match verdict {
        Verdict::Pass => None,
        Verdict::Warn => Some("system-out"),
        Verdict::Skip => Some("skipped"),
        Verdict::Fail => Some("failure"),
        Verdict::Crash | Verdict::Timeout => Some("error"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Judged> {
        let row = |id, verdict, cause: &str| Judged {
            id,
            engine: (id != "load.quiet").then(|| "x".to_owned()),
            verdict,
            cause: cause.to_owned(),
            rule: "A unit comes back exactly once.",
            seconds: 0.5,
        };
        vec![
            row("load.quiet", Verdict::Pass, ""),
            row("units.once", Verdict::Fail, "unit 3 came back twice & <again>"),
            row("cancel.answers", Verdict::Skip, "it has no cancel"),
        ]
    }

    fn heading() -> Heading {
        Heading {
            path: "/x.so".to_owned(),
            sha256: "0123456789abcdef".to_owned(),
            plugin: Some(("com.acme.x".to_owned(), "1.2".to_owned())),
            seed: 42,
        }
    }

    #[test]
    fn text_tells_cause_and_rule() {
        insta::assert_snapshot!(text(&heading(), &rows()), @r"
        com.acme.x 1.2, /x.so, sha256 0123456789ab
          pass    load.quiet

        engine x
          FAIL    units.once      unit 3 came back twice & <again>
                  rule: A unit comes back exactly once.
          skip    cancel.answers  it has no cancel

        3 checks in 1.5 s: 1 pass, 1 skip, 1 fail (--seed 42)
        ");
    }

    #[test]
    fn json_has_what_programs_read() {
        let value = json(&heading(), &rows());
        assert_eq!(value["checks"][1]["id"], "units.once");
        assert_eq!(value["checks"][1]["verdict"], "fail");
        assert_eq!(value["checks"][1]["rule"], "A unit comes back exactly once.");
        assert!(value["checks"][1]["cause"].as_str().unwrap().contains("twice"));
        assert_eq!(value["summary"]["fail"], 1);
    }

    #[test]
    fn junit_escapes() {
        let xml = String::from_utf8(junit(&heading(), &rows()).unwrap()).unwrap();
        assert!(xml.contains("twice &amp; &lt;again&gt;"), "{xml}");
        assert!(xml.contains("tests=\"3\" failures=\"1\" errors=\"0\" skipped=\"1\""), "{xml}");
    }
}
