//! Judges or records what the benchmark counted.
//!
//! Called by scripts/lib/instructions.sh. Exit status: 0 nothing grew, 1 something did, 2 it could
//! not be told, 3 nothing is recorded that this machine's figures could be compared with.
//!
//! ```text
//! instructions judge COUNTED RECORDED     COUNTED: directory with counted.json, the benchmark's
//! instructions compare BEFORE COUNTED     output, and what the runs printed
//! instructions record COUNTED RECORDED
//! ```

use iodyno_instructions::counted::{self, PerRequest};
use iodyno_instructions::recorded::Recorded;
use iodyno_instructions::toolchain::Toolchain;
use iodyno_instructions::verdict::{self, Outcome};
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match args[..] {
        ["judge", counted, recorded] => judge(counted.as_ref(), recorded.as_ref()),
        ["compare", before, counted] => compare(before.as_ref(), counted.as_ref()),
        ["record", counted, recorded] => record(counted.as_ref(), recorded.as_ref()),
        _ => Err("usage: instructions judge COUNTED RECORDED".to_owned()),
    };
    done.unwrap_or_else(|error| {
        eprintln!("instructions: {error}");
        ExitCode::from(2)
    })
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("read {}: {error}", path.display()))
}

fn counted_in(dir: &Path) -> Result<PerRequest, String> {
    counted::read(&read(&dir.join("counted.json"))?, dir)
}

fn here(counted: &Path) -> Result<Toolchain, String> {
    Ok(Toolchain::here(counted::clock(counted)?))
}

fn judge(counted: &Path, recorded: &Path) -> Result<ExitCode, String> {
    let now = counted_in(counted)?;
    let before = Recorded::parse(&read(recorded)?)
        .map_err(|error| format!("{}: {error}", recorded.display()))?;
    let (outcome, text) = verdict::judge(&before, &here(counted)?, &now);
    print!("{text}");
    Ok(match outcome {
        Outcome::Passed => ExitCode::SUCCESS,
        Outcome::Failed => ExitCode::from(1),
        Outcome::NotComparable => ExitCode::from(3),
    })
}

fn compare(before: &Path, counted: &Path) -> Result<ExitCode, String> {
    print!("{}", verdict::compare(&counted_in(before)?, &counted_in(counted)?));
    Ok(ExitCode::SUCCESS)
}

fn record(counted: &Path, recorded: &Path) -> Result<ExitCode, String> {
    let now = Recorded { toolchain: here(counted)?, per_request: counted_in(counted)? };
    if let Ok(before) = read(recorded).and_then(|text| Recorded::parse(&text)) {
        print!("{}", verdict::compare(&before.per_request, &now.per_request));
    }
    std::fs::write(recorded, now.text())
        .map_err(|error| format!("write {}: {error}", recorded.display()))?;
    println!("written: {}", recorded.display());
    Ok(ExitCode::SUCCESS)
}
