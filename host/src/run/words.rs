//! What went wrong with a worker, in words: where in the job file, who, what, why, what to do.
//!
//! Called by whoever makes a [`RunError`]. Pure; knows the troubles of the loop and the refusals of
//! engines, and decides which class (and so which exit status) each of them is.

use super::result::{EngineFault, ErrorKind, RunError};
use crate::ddir::Ddir;
use crate::io::failures::{Failure, Failures};
use crate::io::trouble::{FileTrouble, RequestError, TooSlow, Trouble};
use crate::job::spec::JobSpec;
use crate::plugin::handle::{Callback, Refusal};
use iodyno_engine_api::abi::{IOE_F_NOIO, IOE_F_PER_FILE, IOE_OP_FDATASYNC, IOE_OP_SYNC_RANGE};

/// "job.fio:3: job reader", for messages.
pub(super) fn place(job: &JobSpec) -> String {
    match job.origin.line {
        0 => format!("job {}", job.name),
        line => format!("{}:{line}: job {}", job.origin.file, job.name),
    }
}

/// Words of, or about, a job's engine.
pub(super) fn of_engine(job: &JobSpec, words: &str) -> String {
    format!("{}: engine {}: {words}", place(job), job.engine.name)
}

/// Something failed that could have worked.
pub(super) fn io_error(job: &JobSpec, errno: Option<i32>, message: String) -> RunError {
    RunError { kind: ErrorKind::Io, job: Some(job.name.clone()), errno, message, engine: None }
}

/// A callback answered -errno.
pub(super) fn refused(job: &JobSpec, refusal: &Refusal) -> RunError {
    let error = io_error(job, Some(refusal.errno), of_engine(job, &refusal.to_string()));
    let kind = if is_misfit(refusal) { ErrorKind::Usage } else { error.kind };
    RunError { kind, ..error }
}

/// Whether an engine says of a target that it is of the wrong kind, or lacks what the job asks of
/// it: no system failed there, the job asks for what cannot be.
fn is_misfit(refusal: &Refusal) -> bool {
    let says_so = matches!(refusal.errno, libc::ENOTBLK | libc::ENOTTY | libc::EOPNOTSUPP);
    let of_target = matches!(refusal.callback, Callback::OpenFile | Callback::GetFileSize);
    of_target && says_so && refusal.words.is_some()
}

/// The engine broke its contract in `callback`.
pub(super) fn fault(job: &JobSpec, callback: Callback, breach: &str, in_flight: u32) -> RunError {
    let callback = Some(callback.name()).filter(|_| callback != Callback::None);
    let who = callback.unwrap_or("some callback");
    let message = of_engine(job, &format!("broke its contract: {who} {breach}"));
    let mut error = RunError::engine(&job.name, message);
    error.engine = Some(Box::new(EngineFault {
        callback: callback.map(str::to_owned),
        in_flight: u64::from(in_flight),
        ..EngineFault::default()
    }));
    error
}

/// The error of a worker whose engine did not hand all requests back: whatever it was, the engine
/// broke its contract by that.
pub(super) fn with_loss(mut error: RunError, lost: u32) -> RunError {
    if error.kind != ErrorKind::Engine {
        error.kind = ErrorKind::Engine;
        error.message.push_str(&format!("; {lost} requests never came back"));
        let in_flight = u64::from(lost);
        error.engine = Some(Box::new(EngineFault { in_flight, ..EngineFault::default() }));
    }
    error
}

/// Words for what ended a worker.
pub(super) fn told(
    job: &JobSpec,
    names: &[String],
    trouble: Trouble,
    interrupted: bool,
) -> RunError {
    match trouble {
        Trouble::Request(error) => {
            io_error(job, Some(error.errno), request_words(job, names, &error))
        }
        Trouble::Refused(refusal) => {
            let caused = interrupted && refusal.errno == libc::EINTR;
            let words = if caused { "interrupted by the end of the run" } else { "refused" };
            let message = of_engine(job, &format!("{words}: {refusal}"));
            io_error(job, Some(refusal.errno), message)
        }
        Trouble::Fault(breach) => {
            fault(job, breach.callback, &breach.breach.to_string(), breach.in_flight)
        }
        Trouble::File(trouble) => {
            let FileTrouble { is_usage, errno, message } = *trouble;
            let kind = if is_usage { ErrorKind::Usage } else { ErrorKind::Io };
            RunError { kind, ..io_error(job, errno, message) }
        }
        Trouble::TooSlow(slow) => {
            io_error(job, Some(libc::ETIMEDOUT), slow_words(job, names, &slow))
        }
    }
}

/// Words for what went wrong before the start.
pub(super) fn at_setup(job: &JobSpec, trouble: Trouble) -> RunError {
    match trouble {
        Trouble::Refused(refusal) => refused(job, &refusal),
        other => told(job, &[], other, false),
    }
}

/// What becomes of a worker's outcome where requests failed: how many is said beside the one that
/// ended the job, and failures that did not are an error all the same.
pub(super) fn with_failures(
    job: &JobSpec,
    names: &[String],
    outcome: Result<(), RunError>,
    failures: &Failures,
) -> Result<(), RunError> {
    let many = failures.failed > 1;
    match outcome {
        Err(mut error) => {
            if many {
                error.message.push_str(&format!(" ({} requests failed in all)", failures.failed));
            }
            Err(error)
        }
        Ok(()) => match failures.told.iter().find(|failure| !failure.ignored) {
            Some(Failure { error: first, .. }) => {
                let words = bare_words(job, names, first);
                let message = match failures.failed {
                    1 => format!("{}: {words}", place(job)),
                    n => format!("{}: {n} requests failed, first: {words}", place(job)),
                };
                Err(io_error(job, Some(first.errno), message))
            }
            None => Ok(()),
        },
    }
}

/// With `error_dump`: a line for each failure that is told, and one for those that are not.
pub(super) fn dump(job: &JobSpec, names: &[String], failures: &Failures) -> Vec<String> {
    if !failures.dump() {
        return Vec::new();
    }
    let line = |failure: &Failure| {
        let ignored = if failure.ignored { " (ignored)" } else { "" };
        format!("{}{ignored}", request_words(job, names, &failure.error))
    };
    let mut lines: Vec<String> = failures.told.iter().map(line).collect();
    let all = failures.failed + failures.ignored;
    let untold = all.saturating_sub(lines.len() as u64);
    if untold > 0 {
        lines.push(format!("{}: {untold} more requests failed", place(job)));
    }
    lines
}

fn slow_words(job: &JobSpec, names: &[String], slow: &TooSlow) -> String {
    let words = match *slow {
        TooSlow::Request { ddir, file, offset, len, lat_ns, limit_ns } => {
            let name = names.get(file as usize).map_or("?", String::as_str);
            let what = format!("{} of {len} bytes at offset {offset} of {name}", ddir.name());
            let (took, limit) = (duration_words(lat_ns), duration_words(limit_ns));
            format!("{what} took {took}, max_latency is {limit}")
        }
        TooSlow::Target { target_ns, percentile, ios, slow_ios } => {
            let target = duration_words(target_ns);
            format!(
                "latency_target of {target} is missed with a single request in flight: {slow_ios} \
                 of {ios} requests took longer, and {percentile} % have to keep to it (raise \
                 latency_target or latency_window, or lower latency_percentile)"
            )
        }
    };
    format!("{}: {words}", place(job))
}

/// "1.5 ms".
fn duration_words(ns: u64) -> String {
    let (unit_ns, unit) = match ns {
        0..1_000 => (1, "ns"),
        1_000..1_000_000 => (1_000, "us"),
        1_000_000..1_000_000_000 => (1_000_000, "ms"),
        _ => (1_000_000_000, "s"),
    };
    format!("{} {unit}", (ns as f64 * 1000.0 / f64::from(unit_ns)).round() / 1000.0)
}

fn request_words(job: &JobSpec, names: &[String], error: &RequestError) -> String {
    format!("{}: {}", place(job), bare_words(job, names, error))
}

fn bare_words(job: &JobSpec, names: &[String], error: &RequestError) -> String {
    let os = std::io::Error::from_raw_os_error(error.errno);
    let name = names.get(error.file as usize).map_or("?", String::as_str);
    let what = match error.ddir {
        Ddir::Sync => format!("{} of {name}", sync_name(error.op)),
        _ if job.engine.flags & IOE_F_NOIO != 0 => "its run".to_owned(),
        _ if job.engine.flags & IOE_F_PER_FILE != 0 => name.to_owned(),
        ddir => {
            format!("{} of {} bytes at offset {} of {name}", ddir.name(), error.len, error.offset)
        }
    };
    let mut words = format!("{what}: {os}");
    // An engine that has nothing to add says the errno's name.
    let details = error.words.as_ref().filter(|details| **details != os.to_string());
    if let Some(details) = details {
        words.push_str(&format!("; engine {}: {details}", job.engine.name));
    }
    if error.vendor_status != 0 {
        words.push_str(&format!(" (vendor status {:#x})", error.vendor_status));
    }
    let said = if details.is_some() { None } else { device_words(error.errno) };
    if let Some(remedy) = remedy(job, error, name).or(said) {
        words.push_str(&format!(" ({remedy})"));
    }
    words
}

fn sync_name(op: u32) -> &'static str {
    match op {
        IOE_OP_FDATASYNC => "fdatasync",
        IOE_OP_SYNC_RANGE => "sync_file_range",
        _ => "fsync",
    }
}

/// What the kernel means where a device answers with an error: these names are the block layer's
/// for what they do not say.
fn device_words(errno: i32) -> Option<&'static str> {
    match errno {
        libc::ENODATA => Some("of a device: a medium error, its data cannot be read"),
        libc::EILSEQ => Some("of a device: data and protection information do not match"),
        libc::EREMOTEIO => Some("of a device: it failed, or refused the command"),
        libc::ENOLINK => Some("of a device: the way to it failed"),
        libc::EBADE => Some("of a device: somebody else holds a reservation"),
        libc::ENODEV | libc::ENXIO => Some("the device is gone"),
        _ => None,
    }
}

fn remedy(job: &JobSpec, error: &RequestError, name: &str) -> Option<&'static str> {
    match error.errno {
        libc::ENOSPC if name.starts_with("/dev/") => {
            Some("the device is full, or gone: of one that was unplugged nothing is left")
        }
        libc::ENOSPC => Some("free space there, or lower size"),
        libc::EFBIG => Some("the file may not grow that far: see ulimit -f, or lower size"),
        libc::EINVAL if job.target.direct => {
            Some("direct=1 wants bs and offset in multiples of the device's block size")
        }
        libc::EOPNOTSUPP if error.ddir == Ddir::Trim => Some("the target cannot discard"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_says_that_a_job_asks_for_what_cannot_be() {
        let job = JobSpec::default();
        let kind = |callback, errno, words: Option<&str>| {
            refused(&job, &Refusal { callback, errno, words: words.map(str::to_owned) }).kind
        };
        let open = Callback::OpenFile;
        for errno in [libc::ENOTBLK, libc::ENOTTY, libc::EOPNOTSUPP] {
            assert_eq!(kind(open, errno, Some("x: no device")), ErrorKind::Usage, "{errno}");
            let size = Callback::GetFileSize;
            assert_eq!(kind(size, errno, Some("x: no device")), ErrorKind::Usage, "{errno}");
            assert_eq!(kind(open, errno, None), ErrorKind::Io, "{errno}");
            assert_eq!(kind(Callback::Init, errno, Some("x")), ErrorKind::Io, "{errno}");
        }
        assert_eq!(kind(open, libc::EACCES, Some("open x")), ErrorKind::Io);
    }
}
