//! The figures that were committed, in recorded.json, with the toolchain that they came from.
//!
//! Read and written by main; the file is written by `scripts/bench instructions --record` alone.

use crate::counted::PerRequest;
use crate::toolchain::Toolchain;
use serde_json::{json, Value};

/// What the file holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// What made the program that was counted.
    pub toolchain: Toolchain,
    /// The figures.
    pub per_request: PerRequest,
}

impl Recorded {
    /// From the file's text.
    ///
    /// # Errors
    /// It is not such a file: in words.
    pub fn parse(text: &str) -> Result<Recorded, String> {
        let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let word = |key: &str| {
            let word = value[key].as_str().map(str::to_owned);
            word.ok_or_else(|| format!("no text \"{key}\""))
        };
        let figures = value["instructions_per_request"].as_object();
        let mut per_request = PerRequest::new();
        for (name, figure) in figures.ok_or("no \"instructions_per_request\"")? {
            let figure = figure.as_f64().filter(|figure| *figure > 0.0);
            let figure = figure.ok_or_else(|| format!("\"{name}\" is no number above 0"))?;
            per_request.insert(name.clone(), figure);
        }
        Ok(Recorded {
            toolchain: Toolchain {
                rustc: word("rustc")?,
                libc: word("libc")?,
                cpu: word("cpu")?,
                clock: word("clock")?,
                valgrind: word("valgrind")?,
            },
            per_request,
        })
    }

    /// The file's text.
    pub fn text(&self) -> String {
        let value = json!({
            "rustc": self.toolchain.rustc,
            "libc": self.toolchain.libc,
            "cpu": self.toolchain.cpu,
            "clock": self.toolchain.clock,
            "valgrind": self.toolchain.valgrind,
            "instructions_per_request": self.per_request,
        });
        format!("{value:#}\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let recorded = Recorded {
            toolchain: Toolchain {
                rustc: "1.95.0".to_owned(),
                libc: "2.36".to_owned(),
                cpu: "x86_64".to_owned(),
                clock: "tsc".to_owned(),
                valgrind: "3.19.0".to_owned(),
            },
            per_request: [("null read".to_owned(), 374.1)].into(),
        };
        assert_eq!(Recorded::parse(&recorded.text()), Ok(recorded.clone()));
        let broken = recorded.text().replace("374.1", "0");
        assert_eq!(Recorded::parse(&broken), Err("\"null read\" is no number above 0".to_owned()));
        assert_eq!(Recorded::parse("{}"), Err("no \"instructions_per_request\"".to_owned()));
    }
}
