//! Reads the JSON document of a run the way a user's script does: by path, panicking with the whole
//! document where something is not there.
//!
//! Called by tests. Knows field names of fio's JSON and of the object `iodyno`, no meaning.

use serde_json::Value;

/// The JSON document of one run.
#[derive(Clone, Debug)]
pub struct Document(pub Value);

impl Document {
    /// Parses; panics with the text where it is no JSON.
    pub fn parse(text: &str) -> Document {
        match serde_json::from_str(text) {
            Ok(value) => Document(value),
            Err(error) => panic!("standard output is not one JSON document: {error}\n{text}"),
        }
    }

    /// The value at a JSON pointer, "/jobs/0/read/total_ios".
    pub fn at(&self, pointer: &str) -> &Value {
        let found = self.0.pointer(pointer);
        found.unwrap_or_else(|| panic!("no {pointer} in the document:\n{:#}", self.0))
    }

    /// The whole number at a JSON pointer.
    pub fn number(&self, pointer: &str) -> u64 {
        let value = self.at(pointer);
        value.as_u64().unwrap_or_else(|| panic!("{pointer} is no whole number: {value}"))
    }

    /// The number at a JSON pointer.
    pub fn float(&self, pointer: &str) -> f64 {
        let value = self.at(pointer);
        value.as_f64().unwrap_or_else(|| panic!("{pointer} is no number: {value}"))
    }

    /// The text at a JSON pointer.
    pub fn text(&self, pointer: &str) -> &str {
        let value = self.at(pointer);
        value.as_str().unwrap_or_else(|| panic!("{pointer} is no text: {value}"))
    }

    /// How many job records there are.
    pub fn jobs(&self) -> usize {
        self.at("/jobs").as_array().expect("jobs is an array").len()
    }

    /// The index of the first record of a job.
    pub fn job(&self, name: &str) -> usize {
        let jobs = self.at("/jobs").as_array().expect("jobs is an array");
        let found = jobs.iter().position(|job| job["jobname"] == name);
        found.unwrap_or_else(|| panic!("no job {name} in the document:\n{:#}", self.0))
    }

    /// Requests of a direction ("read", "write", "trim", "sync") of one record.
    pub fn ios(&self, job: usize, direction: &str) -> u64 {
        self.number(&format!("/jobs/{job}/{direction}/total_ios"))
    }

    /// Bytes of a direction of one record.
    pub fn bytes(&self, job: usize, direction: &str) -> u64 {
        self.number(&format!("/jobs/{job}/{direction}/io_bytes"))
    }

    /// Requests of all data directions of all records.
    pub fn all_ios(&self) -> u64 {
        let directions = ["read", "write", "trim"];
        (0..self.jobs()).flat_map(|job| directions.map(|dir| self.ios(job, dir))).sum()
    }

    /// `iodyno.exit_status`.
    pub fn exit_status(&self) -> u64 {
        self.number("/iodyno/exit_status")
    }

    /// `iodyno.errors`, as text to look for words in.
    pub fn errors(&self) -> String {
        self.at("/iodyno/errors").to_string()
    }

    /// Panics unless `iodyno.errors` is empty.
    pub fn assert_no_errors(&self) {
        assert_eq!(self.errors(), "[]");
    }
}
