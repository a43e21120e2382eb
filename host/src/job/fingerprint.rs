//! A short name for what is asked for: equal requests have equal fingerprints.
//!
//! Used by `lint` and by reports, to tell results of the same job from results of another one.
//! Leaves out what does not change the request: descriptions, places in files, where the plugin
//! lies.

use super::effective;
use super::spec::{EngineSpec, Isolation, JobSpec, RunSpec};
use crate::catalogue::EngineValue;
use md5::{Digest, Md5};
use std::fmt::Write;

/// Options that do not belong to the request.
const LEFT_OUT: [&str; 3] = ["description", "ioengine", "engine_sha256"];

/// 32 hex digits.
pub fn fingerprint(run: &RunSpec) -> String {
    let mut text = String::from("iodyno request 1\n");
    let isolation = match run.isolation {
        Isolation::Run => "run",
        Isolation::Job => "job",
        Isolation::None => "none",
    };
    push(&mut text, format_args!("isolation = {isolation}"));
    for job in &run.jobs {
        canonical(&mut text, job);
    }
    let digest = Md5::digest(text.as_bytes());
    digest.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn canonical(text: &mut String, job: &JobSpec) {
    push(text, format_args!("[[job]]"));
    for line in effective::lines(job) {
        let key = line.split(' ').next().unwrap_or_default();
        if !LEFT_OUT.contains(&key) {
            push(text, format_args!("{line}"));
        }
    }
    engine_lines(text, "engine", &job.engine);
}

/// An engine with its options, then those that it stands on.
fn engine_lines(text: &mut String, what: &str, engine: &EngineSpec) {
    push(text, format_args!("{what} = {:?} of {:?}", engine.name, engine.plugin_id));
    for (index, value) in engine.options.iter().enumerate() {
        // A secret's digest would still tell a guess from a miss.
        let secret = engine.secrets.contains(&index);
        match value {
            EngineValue::Unset => {}
            _ if secret => push(text, format_args!("engine option {index} = (secret)")),
            value => push(text, format_args!("engine option {index} = {value:?}")),
        }
    }
    for inner in &engine.inner {
        engine_lines(text, &format!("engine at option {}", inner.option), &inner.engine);
    }
}

fn push(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing into a String cannot fail.
    let _ = writeln!(text, "{line}");
}
