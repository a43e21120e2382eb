//! What is contradictory or without effect in the names of files, and in how they are made and
//! opened.
//!
//! Called by `checks` for each job. Looks at no file.

use super::super::diagnostic::{push_once, Diagnostic};
use super::Judged;

pub(super) fn check(job: &Judged<'_>, out: &mut Vec<Diagnostic>) {
    names(job, out);
    made(job, out);
    opened(job, out);
}

fn names(job: &Judged<'_>, out: &mut Vec<Diagnostic>) {
    let target = &job.draft.target;
    job.exclude("filename", "opendir", out);
    let why = match (target.filename.is_empty(), target.opendir.is_empty()) {
        (false, _) => "`filename` says what the files are called",
        (_, false) => "`opendir` finds the files as they are called",
        _ => return,
    };
    for name in ["filename_format", "unique_filename"] {
        job.no_effect(name, why, out);
    }
    if !target.opendir.is_empty() && target.nrfiles != 1 {
        job.no_effect("nrfiles", "`opendir` takes all files that are there", out);
    }
    if !target.opendir.is_empty() {
        job.no_effect("directory", "`opendir` says where the files are", out);
    }
}

fn made(job: &Judged<'_>, out: &mut Vec<Diagnostic>) {
    let target = &job.draft.target;
    let rw = job.draft.load.rw;
    if target.overwrite && !rw.writes() {
        job.no_effect("overwrite", &format!("`rw={}` never writes", rw.name()), out);
    }
    if !target.create_only {
        return;
    }
    if target.create_on_open {
        let message = "`create_only` lays files out before the start, `create_on_open` never does";
        job.refuse("create_only", "create_on_open", message, "drop one of them", out);
    }
    if !target.allow_file_create {
        let message = "`create_only` makes files, and `allow_file_create=0` forbids it";
        job.refuse("create_only", "allow_file_create", message, "drop one of them", out);
    }
    if let Some(engine) = job.engine.filter(|engine| engine.diskless) {
        let message =
            format!("`create_only` has nothing to do: engine {} has no files", engine.name);
        push_once(out, Diagnostic::error(message).at(job.place("create_only")));
    }
}

fn opened(job: &Judged<'_>, out: &mut Vec<Diagnostic>) {
    let target = &job.draft.target;
    let asked = (job.draft.direct_asked, job.draft.buffered_asked);
    if let Some((direct, buffered)) = job.together("direct", "buffered") {
        if asked.0 == asked.1 {
            let value = u8::from(asked.0);
            let message = format!("`direct={value}` and `buffered={value}` contradict one another");
            let error = Diagnostic::error(message).at(&buffered.place);
            push_once(out, error.related(&direct.place, "the other").help("give one of them"));
        }
    }
    let files = match target.filename.len() {
        0 => target.nrfiles as usize,
        named => named,
    };
    let open = target.openfiles as usize;
    if target.opendir.is_empty() && open > files {
        let message = format!("`openfiles` is {open}, more than the {files} of the job's files");
        let help = "0 is all of them";
        let other = if target.filename.is_empty() { "nrfiles" } else { "filename" };
        job.refuse("openfiles", other, &message, help, out);
    }
    if target.pre_read && target.direct {
        let message = "`pre_read` brings files into the page cache, which `direct=1` goes around";
        job.refuse("pre_read", "direct", message, "leave one of them out", out);
    }
    let comes_and_goes = [
        ("openfiles", open > 0 && target.opendir.is_empty() && open < files),
        ("create_on_open", target.create_on_open),
        ("unlink_each_loop", target.unlink_each_loop),
    ];
    for (name, _) in comes_and_goes.iter().filter(|(_, on)| *on && job.draft.offload) {
        let message = format!("`{name}`: io_submit_mode=offload keeps all files open");
        job.refuse(name, "io_submit_mode", &message, "leave one of them out", out);
    }
    if target.pre_read && target.invalidate {
        job.no_effect("invalidate", "it would drop what `pre_read` has read", out);
    }
}
