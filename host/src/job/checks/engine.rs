//! What an engine makes of options that are meant for reads and writes: engines whose requests are
//! whole files, and those that do no I/O at all.
//!
//! Called by `checks` for each job. Looks at the engine's flags as plain data.

use super::super::diagnostic::{push_once, Diagnostic};
use super::Judged;

pub(super) fn check(job: &Judged<'_>, out: &mut Vec<Diagnostic>) {
    let Some(engine) = job.engine else { return };
    if engine.whole_files {
        let why = format!("a request of engine {} is a whole file, without bytes", engine.name);
        for name in ["rate", "io_size", "offset", "bssplit", "blockalign"] {
            job.no_effect(name, &why, out);
        }
    }
    let on_files = engine.whole_files || (engine.fake && !engine.diskless);
    if on_files && job.readonly {
        let message = format!(
            "job {}: what engine {} does to files the job's direction does not say, but \
             `--readonly` was given",
            job.name, engine.name
        );
        push_once(out, Diagnostic::error(message).at(job.place("ioengine")));
    }
    if engine.no_io {
        let why = format!("engine {} does no I/O", engine.name);
        for name in [
            "filename",
            "size",
            "filesize",
            "io_size",
            "offset",
            "number_ios",
            "bssplit",
            "rate",
            "rate_iops",
            "latency_target",
            "max_latency",
        ] {
            job.no_effect(name, &why, out);
        }
    }
}
