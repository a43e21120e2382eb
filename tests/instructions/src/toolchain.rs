//! What counts depend on: the compiler, the C library that is linked, the processor that valgrind
//! plays, the clock that it offers.
//!
//! Told beside recorded figures, so that a new compiler is not taken for a change of ours.
//! Valgrind's own version is told for the record; it counts what it is given.

use std::process::Command;

/// Where counts come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toolchain {
    /// The compiler's version.
    pub rustc: String,
    /// The C library and its version.
    pub libc: String,
    /// Architecture and, where it matters, level: two kinds have no code in common.
    pub cpu: String,
    /// Where the program took the time from, as it reports it: counter or system call.
    pub clock: String,
    /// Valgrind's version.
    pub valgrind: String,
}

/// How far two of them may be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Likeness {
    /// The same code comes out.
    Same,
    /// Other code of the same kind.
    Other,
    /// Nothing can be said.
    None,
}

impl Toolchain {
    /// Of this machine, with the clock that was reported.
    pub fn here(clock: String) -> Toolchain {
        let avx2 = std::fs::read_to_string("/proc/cpuinfo")
            .is_ok_and(|text| text.split_whitespace().any(|flag| flag == "avx2"));
        let level = if avx2 { " with AVX2" } else { "" };
        Toolchain {
            rustc: said("rustc", &["--version"], 1),
            libc: said("getconf", &["GNU_LIBC_VERSION"], 1),
            cpu: format!("{}{level}", std::env::consts::ARCH),
            clock,
            valgrind: said("valgrind", &["--version"], 0).replace("valgrind-", ""),
        }
    }

    /// How far figures of the two may be compared.
    pub fn likeness(&self, other: &Toolchain) -> Likeness {
        if (&self.cpu, &self.clock) != (&other.cpu, &other.clock) {
            Likeness::None
        } else if (&self.rustc, &self.libc) == (&other.rustc, &other.libc) {
            Likeness::Same
        } else {
            Likeness::Other
        }
    }

    /// In words.
    pub fn words(&self) -> String {
        format!(
            "rustc {}, libc {}, {}, clock {}, valgrind {}",
            self.rustc, self.libc, self.cpu, self.clock, self.valgrind
        )
    }
}

/// That word of what a program prints.
fn said(program: &str, args: &[&str], word: usize) -> String {
    let output = Command::new(program).args(args).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let text = text.unwrap_or_default();
    text.split_whitespace().nth(word).unwrap_or("unknown").to_owned()
}
