//! Makes plugins for tests: compiles `faulty.c` into a directory of its own, and asks the built
//! program about them.
//!
//! Used by the tests of plugins only. Needs `cc`, which building iodyno needs as well.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A directory with plugins in it, gone at the end of the test.
pub(crate) struct Workshop {
    temp: tempfile::TempDir,
}

impl Workshop {
    /// An empty one, which passes the trust rules.
    pub(crate) fn new() -> Self {
        Self { temp: tempfile::tempdir().unwrap() }
    }

    /// Its path, without links.
    pub(crate) fn dir(&self) -> PathBuf {
        self.temp.path().canonicalize().unwrap()
    }

    /// A plugin of that file name, with these arguments to the compiler.
    pub(crate) fn plugin(&self, file: &str, args: &[&str]) -> PathBuf {
        let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plugin");
        let header = Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine-api/include");
        let path = self.dir().join(file);
        let output = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-std=gnu11", "-w", "-I"])
            .arg(header)
            .args(args)
            .arg("-o")
            .arg(&path)
            .arg(tests.join("faulty.c"))
            .output()
            .expect("cc, which building iodyno needs as well");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        set_mode(&path, 0o755);
        path
    }

    /// A file of that name with these bytes.
    pub(crate) fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.dir().join(name);
        fs::write(&path, bytes).unwrap();
        set_mode(&path, 0o644);
        path
    }
}

/// What the program said.
pub(crate) struct Said {
    /// Exit status.
    pub(crate) status: i32,
    /// Standard output.
    pub(crate) stdout: String,
    /// Standard error.
    pub(crate) stderr: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Self {
            status: output.status.code().expect("the program itself must not crash"),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// The program with these arguments, in an environment without engine settings.
pub(crate) fn iodyno(args: &[&OsStr]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_iodyno"));
    command.args(args);
    for name in ["IODYNO_ENGINE_PATH", "LD_PRELOAD", "LD_AUDIT", "LD_LIBRARY_PATH"] {
        command.env_remove(name);
    }
    command
}

/// `iodyno engines show ENGINE ARGS...`.
pub(crate) fn show(engine: impl AsRef<OsStr>, args: &[&str]) -> Said {
    let mut command = iodyno(&[OsStr::new("engines"), OsStr::new("show"), engine.as_ref()]);
    command.args(args).output().unwrap().into()
}

/// Asserts that the plugin is refused with that status and in these words, and nothing on standard
/// output.
pub(crate) fn assert_refused(
    engine: impl AsRef<OsStr>,
    args: &[&str],
    status: i32,
    words: &[&str],
) {
    let said = show(engine.as_ref(), args);
    for word in words {
        assert!(said.stderr.contains(word), "`{word}` is missing in: {}", said.stderr);
    }
    assert_eq!(said.status, status, "{}", said.stderr);
    assert_eq!(said.stdout, "");
}

/// What `show --json` says of a good plugin.
pub(crate) fn json(engine: impl AsRef<OsStr>, args: &[&str]) -> serde_json::Value {
    let args: Vec<&str> = args.iter().copied().chain(["--json"]).collect();
    let said = show(engine, &args);
    assert_eq!(said.status, 0, "{}", said.stderr);
    serde_json::from_str(&said.stdout).unwrap()
}

/// chmod.
pub(crate) fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}
