//! What is contradictory or without effect in what is written, and in where the buffers lie.
//!
//! Called by `checks` for each job. What the machine has of huge pages comes with the environment.

use super::super::diagnostic::{push_once, Diagnostic};
use super::super::spec::{DedupeMode, MemoryKind};
use super::Judged;

pub(super) fn check(job: &Judged<'_>, out: &mut Vec<Diagnostic>) {
    fixed(job, out);
    repeated(job, out);
    memory(job, out);
}

/// Blocks that are all alike, and wishes that they be not.
fn fixed(job: &Judged<'_>, out: &mut Vec<Diagnostic>) {
    let content = &job.draft.content;
    if job.draft.zeros_asked {
        job.exclude("zero_buffers", "buffer_pattern", out);
    }
    let fixed = match (content.zero_buffers, content.buffer_pattern.is_empty()) {
        (true, _) => "zero_buffers",
        (_, false) => "buffer_pattern",
        _ => return,
    };
    for (name, percent) in [
        ("buffer_compress_percentage", content.compress_percentage),
        ("dedupe_percentage", content.dedupe_percentage),
    ] {
        if percent > 0 {
            let message = format!("`{fixed}` and `{name}` contradict one another");
            let help = format!("`{name}=0` lifts one that is inherited");
            job.refuse(name, fixed, &message, &help, out);
        }
    }
    if content.refill_buffers {
        let why = format!("with `{fixed}` all data is the same");
        job.no_effect("refill_buffers", &why, out);
    }
}

fn repeated(job: &Judged<'_>, out: &mut Vec<Diagnostic>) {
    let content = &job.draft.content;
    if content.compress_percentage == 0 {
        let why = "`buffer_compress_percentage` is not set";
        job.no_effect("buffer_compress_chunk", why, out);
    }
    if content.dedupe_percentage == 0 {
        for name in ["dedupe_mode", "dedupe_working_set_percentage"] {
            job.no_effect(name, "`dedupe_percentage` is not set", out);
        }
    } else if content.dedupe_mode != DedupeMode::WorkingSet {
        job.no_effect("dedupe_working_set_percentage", "`dedupe_mode` is repeat", out);
    }
}

fn memory(job: &Judged<'_>, out: &mut Vec<Diagnostic>) {
    let content = &job.draft.content;
    let align = content.mem_align.0;
    if align != 0 && !align.is_power_of_two() {
        let message = format!("`mem_align` is {align} bytes, which is no power of two");
        push_once(out, Diagnostic::error(message).at(job.place("mem_align")));
    }
    if !matches!(content.mem, MemoryKind::MmapHuge(_) | MemoryKind::ShmHuge) {
        let why = "`mem` is neither mmaphuge nor shmhuge";
        job.no_effect("hugepage-size", why, out);
        return;
    }
    let size = content.hugepage_size.0;
    match job.env.huge_pages.iter().find(|(bytes, _)| *bytes == size) {
        Some((_, 0)) => {
            let kib = size >> 10;
            let message = format!("`mem`: no huge pages of {size} bytes are set aside here");
            let help = format!(
                "as root: echo 64 > /sys/kernel/mm/hugepages/hugepages-{kib}kB/nr_hugepages"
            );
            push_once(out, Diagnostic::error(message).at(job.place("mem")).help(help));
        }
        Some(_) => {}
        None => {
            let here: Vec<String> =
                job.env.huge_pages.iter().map(|(bytes, _)| bytes.to_string()).collect();
            let message = format!("`hugepage-size`: this machine has no pages of {size} bytes");
            let place = match job.said("hugepage-size") {
                Some(said) => &said.place,
                None => job.place("mem"),
            };
            let error = Diagnostic::error(message).at(place);
            push_once(
                out,
                match here.is_empty() {
                    true => error.note("it has no huge pages at all"),
                    false => error.note(format!("bytes of a huge page here: {}", here.join(", "))),
                },
            );
        }
    }
}
