//! File names of a clone, as fio makes them.
//!
//! Called by `run` for each worker. Pure: looks at no file.

use super::error::TargetError;
use std::path::{Path, PathBuf};

/// What a job says about its files' names.
#[derive(Clone, Copy, Debug)]
pub struct Naming<'a> {
    /// The job's name, from which names are made where it gives none.
    pub prefix: &'a str,
    /// Which clone, from 0.
    pub clone: u32,
    /// `filename`: shared by all clones; empty = made from the job's name.
    pub filename: &'a [String],
    /// `directory`: clones with made names are spread over them; given names lie in the first.
    pub directory: &'a [String],
    /// `nrfiles`: with given names 1 or their number.
    pub nrfiles: u32,
}

/// The clone's files, in the order in which they are used. A given absolute name stays as it is.
///
/// # Errors
/// `nrfiles` that contradicts the list of names.
pub fn names(naming: &Naming<'_>) -> Result<Vec<PathBuf>, TargetError> {
    let named = naming.filename.len();
    if named == 0 {
        let directory = match naming.directory {
            [] => "",
            list => &list[naming.clone as usize % list.len()],
        };
        let name = |file| format!("{}.{}.{file}", naming.prefix, naming.clone);
        return Ok((0..naming.nrfiles).map(|file| Path::new(directory).join(name(file))).collect());
    }
    if naming.nrfiles > 1 && naming.nrfiles as usize != named {
        return Err(TargetError::NameCount { nrfiles: naming.nrfiles, named });
    }
    let directory = Path::new(naming.directory.first().map_or("", String::as_str));
    Ok(naming.filename.iter().map(|name| directory.join(name)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Clone, filename, directory, nrfiles; the names.
    type Case<'a> = (u32, &'a [&'a str], &'a [&'a str], u32, &'a [&'a str]);

    #[test]
    fn names_are_those_of_fio() {
        let cases: [Case<'_>; 9] = [
            (0, &[], &[], 1, &["job.0.0"]),
            (2, &[], &[], 2, &["job.2.0", "job.2.1"]),
            (0, &[], &["/d"], 1, &["/d/job.0.0"]),
            (1, &[], &["a", "b"], 2, &["b/job.1.0", "b/job.1.1"]),
            (2, &[], &["a", "b"], 1, &["a/job.2.0"]),
            (3, &["x", "y"], &[], 1, &["x", "y"]),
            (3, &["x", "y"], &["a", "b"], 2, &["a/x", "a/y"]),
            (0, &["/dev/sda", "y"], &["a"], 1, &["/dev/sda", "a/y"]),
            (0, &["x"], &[], 1, &["x"]),
        ];
        for (clone, filename, directory, nrfiles, expected) in cases {
            let owned = |list: &[&str]| list.iter().map(|s| s.to_string()).collect::<Vec<_>>();
            let (filename, directory) = (owned(filename), owned(directory));
            let naming = Naming {
                prefix: "job",
                clone,
                filename: &filename,
                directory: &directory,
                nrfiles,
            };
            let expected: Vec<PathBuf> = expected.iter().map(PathBuf::from).collect();
            assert_eq!(names(&naming).expect("a good naming"), expected);
        }
    }

    #[test]
    fn a_contradicting_number_of_files_is_refused() {
        for nrfiles in [2, 4] {
            let filename = ["x".into(), "y".into(), "z".into()];
            let naming =
                Naming { prefix: "j", clone: 0, filename: &filename, directory: &[], nrfiles };
            let error = names(&naming).expect_err("three names").to_string();
            assert!(error.contains("filename names 3 files"), "{error}");
        }
    }
}
