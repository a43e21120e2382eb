//! The option table of exec, and its reading: which program with what. Names and defaults are
//! fio's. Called by `engine` when an instance is made, so that a program that cannot be run is
//! refused before the start. Runs nothing.

use crate::words::split;
use iodyno_engine_api::abi::ioe_option;
use iodyno_engine_api::{Error, Job, Opt};
use std::ffi::{CStr, CString, OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The rows, for `Engine::OPTIONS`.
pub(crate) const OPTIONS: &[&ioe_option] = &[
    &Opt::text(c"program", c"the program: a path, or a name that is looked for in PATH")
        .required()
        .build(),
    &Opt::text(
        c"arguments",
        c"its arguments; quotes hold blanks; %r: runtime in seconds, %n: name of the job",
    )
    .build(),
    &Opt::uint(c"grace_time", c"seconds between SIGTERM and SIGKILL when the job's time is up")
        .range(0, 86_400)
        .default(c"1")
        .build(),
    &Opt::boolean(
        c"std_redirect",
        c"its output goes to files, JOB.stdout and JOB.stderr; else to standard error",
    )
    .default(c"1")
    .build(),
];

/// What is to be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<String>,
    pub(crate) grace: Duration,
    /// Where standard output and standard error go; none: to standard error.
    pub(crate) files: Option<(PathBuf, PathBuf)>,
}

/// What the job wants.
pub(crate) fn order(job: &Job) -> Result<Order, Error> {
    let wrong = |why: String| Error::new(libc::EINVAL, why);
    let program = job.text("program")?.ok_or_else(|| wrong("program is needed".to_owned()))?;
    let arguments = job.text("arguments")?.unwrap_or(c"").to_string_lossy().into_owned();
    let redirects = job.boolean("std_redirect")?.unwrap_or(true);
    Ok(Order {
        program: find(program)?,
        arguments: split(&arguments).map_err(wrong)?,
        grace: Duration::from_secs(job.uint("grace_time")?.unwrap_or(1)),
        files: redirects.then(|| files(job)),
    })
}

/// "JOB.stdout" and "JOB.stderr"; clones have their number in between.
fn files(job: &Job) -> (PathBuf, PathBuf) {
    let mut name = job.name().to_string_lossy().replace('/', "_");
    if job.numjobs() > 1 {
        name.push_str(&format!(".{}", job.job_index()));
    }
    (PathBuf::from(format!("{name}.stdout")), PathBuf::from(format!("{name}.stderr")))
}

/// The program's file.
fn find(program: &CStr) -> Result<PathBuf, Error> {
    let asked = Path::new(OsStr::from_bytes(program.to_bytes()));
    let shown = asked.display();
    if asked.as_os_str().is_empty() {
        return Err(Error::new(libc::EINVAL, "program is empty: name one"));
    }
    if asked.components().count() > 1 || asked.is_absolute() {
        return match runnable(asked) {
            Ok(()) => Ok(asked.to_path_buf()),
            Err(errno) => {
                let why = std::io::Error::from_raw_os_error(errno);
                Err(Error::new(errno, format!("program {shown} cannot be run: {why}")))
            }
        };
    }
    let path = std::env::var_os("PATH").unwrap_or_else(|| OsString::from("/usr/bin:/bin"));
    let mut found = std::env::split_paths(&path).map(|dir| dir.join(asked));
    found.find(|file| runnable(file).is_ok()).ok_or_else(|| {
        let why = "is in no directory of PATH (write ./NAME for one in the working directory)";
        Error::new(libc::ENOENT, format!("program {shown} {why}"))
    })
}

fn runnable(file: &Path) -> Result<(), i32> {
    let name = CString::new(file.as_os_str().as_bytes()).map_err(|_| libc::EINVAL)?;
    // SAFETY: a C string.
    if unsafe { libc::access(name.as_ptr(), libc::X_OK) } != 0 {
        return Err(std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO));
    }
    match file.is_dir() {
        true => Err(libc::EISDIR),
        false => Ok(()),
    }
}
