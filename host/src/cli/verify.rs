//! `iodyno verify TARGET`: checks what a verifying run wrote, without its job file. The first stamp
//! tells how the target was stamped; the rest is a job that reads all of it.
//!
//! Writes nothing. What the target holds besides stamped data is told, not judged: zeros may never
//! have been written.

use super::args::VerifyArgs;
use super::jobs;
use super::run::{self, Output};
use crate::job::{Overrides, Source};
use crate::verify::stamp::{self, Stamp};
use anyhow::{bail, Context};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

/// Bytes in which the first stamp is looked for, at the target's beginning.
const LOOK: u64 = 64 << 20;

/// Bytes that are looked at together.
const CHUNK: usize = 1 << 20;

/// Checks; the answer is the exit status.
pub(super) fn verify(args: &VerifyArgs) -> anyhow::Result<u8> {
    let name = args.target.display();
    let mut file = File::open(&args.target).with_context(|| format!("open {name}"))?;
    let size = file.seek(SeekFrom::End(0)).with_context(|| format!("find the end of {name}"))?;
    let found = first_stamp(&mut file).with_context(|| format!("read {name}"))?;
    let Some((at, stamp)) = found else {
        bail!(
            "{name}: no stamp in the first {} MiB: no run with verify= wrote it (or with \
             verify=pattern, which has none; check the name)",
            LOOK >> 20
        );
    };
    let begin = at.checked_sub(u64::from(stamp.place)).with_context(|| {
        format!("{name}: the first stamp, at offset {at}, belongs to an interval before the begin")
    })?;
    let intervals = intervals(&mut file, &stamp, begin, size);
    let intervals = intervals.with_context(|| format!("read the end of {name}"))?;
    let text = job(args, &stamp, begin, intervals)?;
    let output = Output::open(&args.show)?;
    let sources = vec![Source::new("verify.toml", text)];
    let overrides = Overrides { readonly: true, ..Overrides::default() };
    let jobs = jobs::resolve_sources(sources, &overrides, &args.search).map(|mut jobs| {
        jobs.resolved.spec.jobs.iter_mut().for_each(|job| job.verify.blank = true);
        jobs
    });
    run::run_jobs(output, args.show.eta, jobs, None)
}

/// The first stamp, and its offset.
fn first_stamp(file: &mut File) -> std::io::Result<Option<(u64, Stamp)>> {
    file.seek(SeekFrom::Start(0))?;
    let mut window = Vec::with_capacity(2 * CHUNK);
    let mut offset = 0;
    while offset < LOOK {
        let read = file.by_ref().take(CHUNK as u64).read_to_end(&mut window)?;
        if let Some((at, stamp)) = stamp::find(&window) {
            return Ok(Some((offset + at as u64, stamp)));
        }
        if read == 0 {
            return Ok(None);
        }
        // A stamp may lie across the border.
        let keep = window.len().min(stamp::STAMP_LEN - 1);
        offset += (window.len() - keep) as u64;
        window.drain(..window.len() - keep);
    }
    Ok(None)
}

/// Intervals of the target. One that is stamped and ends too early is among them.
fn intervals(file: &mut File, stamp: &Stamp, begin: u64, size: u64) -> std::io::Result<u64> {
    let interval = u64::from(stamp.len).max(1);
    let whole = size.saturating_sub(begin % interval) / interval;
    let end = begin % interval + whole * interval;
    file.seek(SeekFrom::Start(end + u64::from(stamp.place)))?;
    let mut word = Vec::new();
    file.by_ref().take(stamp::MAGIC.len() as u64).read_to_end(&mut word)?;
    Ok(whole + u64::from(word == stamp::MAGIC))
}

/// The job that reads everything from the first interval on.
fn job(args: &VerifyArgs, stamp: &Stamp, begin: u64, intervals: u64) -> anyhow::Result<String> {
    let interval = u64::from(stamp.len).max(1);
    let offset = begin % interval;
    let bs = block(interval, intervals, args.bs);
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let path = args.target.to_str().context("the target's name is not text (UTF-8)")?;
    let mut lines = vec![
        "[[job]]".to_owned(),
        "name = \"verify\"".to_owned(),
        format!("ioengine = {}", quoted(&args.engine)),
        format!("filename = [{}]", quoted(path)),
        "rw = \"read\"".to_owned(),
        format!("offset = {offset}"),
        format!("size = {}", intervals * interval),
        format!("bs = {bs}"),
        format!("iodepth = {}", args.iodepth),
        format!("verify = {}", quoted(stamp.method.name())),
        format!("verify_interval = {interval}"),
        format!("verify_offset = {}", stamp.place),
        format!("verify_async = {}", args.verify_async),
        format!("direct = {}", args.direct),
    ];
    lines.extend(args.verify_run.iter().map(|run| format!("verify_run = {}", quoted(run))));
    Ok(lines.join("\n") + "\n")
}

/// The largest block up to the wanted one of which the target is a whole number.
fn block(interval: u64, intervals: u64, wanted: u64) -> u64 {
    let most = (wanted / interval).clamp(1, intervals.max(1));
    let divides = |count: &u64| intervals.is_multiple_of(*count);
    (1..=most).rev().find(divides).unwrap_or(1) * interval
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_cover_the_target() {
        for (interval, intervals, wanted, bs) in [
            (4096, 256, 1 << 20, 1 << 20),
            (4096, 255, 1 << 20, 255 * 4096),
            (4096, 257, 1 << 20, 4096),
            (4096, 300, 65536, 15 * 4096),
            (65536, 3, 4096, 65536),
            (4096, 0, 4096, 4096),
        ] {
            assert_eq!(block(interval, intervals, wanted), bs, "{interval} x {intervals}");
        }
    }
}
