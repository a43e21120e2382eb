//! `iodyno lint`: what would this job do? Prints what will run, in sentences, and the effective
//! job; runs nothing.
//!
//! Called by `jobs`, which has looked at the targets. The text is a TOML job file that means the
//! same: the sentences are comments.

use super::explain;
use crate::job::effective::{EffectiveJob, EffectiveOption, Provenance};
use crate::job::spec::{Isolation, Origin, RunSpec};
use crate::job::{fingerprint, Resolved};
use crate::run::targets::WorkerOutlook;
use std::fmt::Write;

/// Column that the comments begin at, where the line leaves room.
const COMMENT_COLUMN: usize = 40;

/// The effective jobs as TOML, each line with its origin; before each, what it will do.
pub fn lint(resolved: &Resolved, outlook: &[WorkerOutlook]) -> String {
    let mut text = head(&resolved.spec);
    let jobs = resolved.effective.iter().zip(&resolved.spec.jobs);
    for (index, (job, spec)) in jobs.enumerate() {
        let engine = &spec.engine;
        let workers: Vec<&WorkerOutlook> = outlook.iter().filter(|it| it.job == index).collect();
        text.push('\n');
        push(&mut text, format_args!("# {}:", spec.name));
        for line in explain::lines(spec, &workers) {
            push(&mut text, format_args!("#   {line}"));
        }
        text.push_str("[[job]]\n");
        push(&mut text, format_args!("# engine {} of {}", engine.name, engine.plugin_id));
        push(&mut text, format_args!("# from {}", engine.plugin.display()));
        push_job(&mut text, job);
    }
    text
}

fn head(spec: &RunSpec) -> String {
    let mut text = String::new();
    let jobs = spec.jobs.len();
    let plural = if jobs == 1 { "" } else { "s" };
    push(&mut text, format_args!("# {jobs} job{plural}, fingerprint {}", fingerprint(spec)));
    let isolation = match spec.isolation {
        Isolation::Run => "run",
        Isolation::Job => "job",
        Isolation::None => "none",
    };
    push(&mut text, format_args!("\n[global]\nisolation = \"{isolation}\""));
    text
}

/// What is set first, then what is not.
fn push_job(text: &mut String, job: &EffectiveJob) {
    let (set, unset): (Vec<_>, Vec<_>) =
        job.options.iter().partition(|option| option.value.is_some());
    for option in set {
        let value = option.value.as_deref().unwrap_or_default();
        let line = format!("{} = {value}", option.key);
        push(text, format_args!("{line:COMMENT_COLUMN$} # {}", origin(&option.from)));
    }
    // Without words another option has taken its place, as `bsrange` that of `bs`.
    for EffectiveOption { key, unset, .. } in unset.iter().filter(|o| !o.unset.is_empty()) {
        push(text, format_args!("# {key} is not set: {unset}"));
    }
}

fn origin(from: &Provenance) -> String {
    let place = |origin: &Origin| format!("{}:{}", origin.file, origin.line);
    match from {
        Provenance::Default => "default".to_owned(),
        Provenance::Global(origin) => format!("[global] {}", place(origin)),
        Provenance::Section(origin) => place(origin),
        Provenance::CommandLine(argument) => argument.clone(),
        Provenance::Implied(words) => words.clone(),
    }
}

fn push(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing into a String cannot fail.
    let _ = writeln!(text, "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::{engines_wanted, fixtures, parse, render, resolve};
    use crate::job::{Catalogue, Overrides, Source};
    use insta::assert_snapshot;

    fn load_text(name: &str, text: &str, overrides: &Overrides) -> Resolved {
        let sources = [Source::new(name, text)];
        let env = fixtures::test_environment();
        let raw = parse(&sources, &env).expect("good form");
        let wishes = engines_wanted(&raw, overrides);
        let catalogue = Catalogue::look_up(&wishes, fixtures::known(), &fixtures::find);
        resolve(&raw, overrides, &catalogue, &env)
            .unwrap_or_else(|errors| panic!("{}", render(&errors, &sources, false)))
    }

    const JOB: &str = "[global]\nioengine=vast\nbs=4k,64k\nsize=1g\n\
                       [writer]\nrw=randrw\nrwmixwrite=30\niodepth=8\nfilename=/dev/x:/dev/a b\n\
                       runtime=1m\ntime_based\nrate=1m,\npassword=hunter2\nmarks=a|c\n\
                       bsrange=1k-4k\npercentile_list=50:99\n";

    #[test]
    fn each_value_has_its_origin() {
        let overrides = Overrides { sets: vec!["iodepth=16".to_owned()], ..Overrides::default() };
        let text = lint(&load_text("job.fio", JOB, &overrides), &[]);
        assert!(!text.contains("hunter2"));
        assert_snapshot!(text);
    }

    /// Whoever changes an option sees at once whether the examples still mean something.
    #[test]
    fn the_examples_resolve_without_a_warning() {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples");
        let mut seen = 0;
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let text = std::fs::read_to_string(&path).unwrap();
            let resolved = load_text(&name, &text, &Overrides::default());
            assert_eq!(resolved.warnings, vec![], "{name}");
            seen += 1;
        }
        assert!(seen >= 5, "the examples are gone from {directory}");
    }

    /// The printed job is a job file that means the same.
    #[test]
    fn the_effective_job_can_be_run() {
        for text in [
            JOB,
            "[a]\nsize=10%\noffset=1000\nrandrepeat=0\nfilesize=1m-2m\ncpus_allowed=1,3\n",
            "[a]\nioengine=null\nsize=1m\nlatency=5us\nrw=trimwrite\nrate_iops=,100\n",
            "[global]\nisolation=job\nsize=1m\n[a]\n[b]\nstonewall\ndescription=\"x\\y\" 'z'\n",
        ] {
            // A secret is never printed, so it is left out here.
            let text = text.replace("password=hunter2\n", "");
            let first = load_text("job.fio", &text, &Overrides::default());
            let printed = lint(&first, &[]);
            let second = load_text("job.toml", &printed, &Overrides::default());
            assert_eq!(fingerprint(&first.spec), fingerprint(&second.spec), "{printed}");
            let loads = |r: &Resolved| {
                let jobs = r.spec.jobs.iter();
                jobs.map(|j| (j.load.clone(), j.depth, j.target.clone())).collect::<Vec<_>>()
            };
            assert_eq!(loads(&first), loads(&second), "{printed}");
        }
    }
}
