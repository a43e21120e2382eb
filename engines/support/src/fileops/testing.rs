//! One name in the hands of an engine whose requests are whole files, through its raw table.
//!
//! Called by the unit tests of such engines and by nothing else. Makes and removes nothing itself.

use iodyno_engine_api::abi::*;
use iodyno_engine_api::testing::{file, request, TestHost, TestJob};
use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// What requests on one name came to.
#[derive(Debug, PartialEq, Eq)]
pub enum Came {
    /// To no request: `open_file` or `start` refused the name, in these words.
    Refused(String),
    /// To an errno each, 0 where all went well.
    To(Vec<i32>),
}

impl Came {
    /// To a refusal that says this.
    ///
    /// # Panics
    /// When it came to something else.
    #[track_caller]
    pub fn refused(self, words: &str) {
        match self {
            Came::Refused(said) if said.contains(words) => {}
            other => panic!("no refusal with {words:?}: {other:?}"),
        }
    }
}

/// Opens the name and makes requests of these operations, one after the other.
///
/// # Panics
/// Where the engine breaks its contract.
pub fn run(ops: &'static ioe_ops, job: &TestJob, path: &Path, kind: u32, what: &[u32]) -> Came {
    let host = TestHost::new();
    let instance = host.open(ops, job).expect("good options");
    let name = CString::new(path.as_os_str().as_bytes()).expect("a path without NUL");
    let mut file = file(-1, kind);
    file.name = name.as_ptr();
    // SAFETY: the instance and the file, whose name outlives both, live until the end of this.
    let opened = unsafe { ops.open_file.expect("open_file")(instance.inst, &mut *file) };
    let status = match opened {
        // SAFETY: the instance lives.
        0 => unsafe { ops.start.expect("start")(instance.inst) },
        refused => refused,
    };
    if status != 0 {
        assert!(status < 0, "an answer of neither 0 nor -errno: {status}");
        return Came::Refused(host.errors().pop().expect("words").1);
    }
    let mut one = |op: &u32| {
        let mut io = request(*op, &mut *file, 0, &mut []);
        assert_eq!(instance.queue(&mut io), IOE_Q_COMPLETED);
        assert_eq!(io.resid, 0, "a request of no bytes");
        io.error
    };
    let errors = what.iter().map(&mut one).collect();
    // SAFETY: as above; no request is in flight.
    let closed = unsafe { ops.close_file.expect("close_file")(instance.inst, &mut *file) };
    assert_eq!(closed, 0);
    Came::To(errors)
}
