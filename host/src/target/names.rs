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
    /// `filename_format`; none = `$jobname.$jobnum.$filenum`.
    pub format: Option<&'a str>,
}

const FORMAT_DEFAULT: &str = "$jobname.$jobnum.$filenum";

/// The clone's files, in the order in which they are used. A given absolute name stays as it is.
///
/// # Errors
/// `nrfiles` that contradicts the list of names; a format with an unknown word, or one that gives
/// all files of a clone the same name.
pub fn names(naming: &Naming<'_>) -> Result<Vec<PathBuf>, TargetError> {
    let named = naming.filename.len();
    if named == 0 {
        let directory = match naming.directory {
            [] => "",
            list => &list[naming.clone as usize % list.len()],
        };
        let format = naming.format.unwrap_or(FORMAT_DEFAULT);
        if naming.nrfiles > 1 && !format.contains("$filenum") {
            let why = format!(
                "nrfiles={}, but without $filenum they would all be one file (add it)",
                naming.nrfiles
            );
            return Err(bad_format(format, why));
        }
        let path = |file| Ok(Path::new(directory).join(formatted(format, naming, file)?));
        return (0..naming.nrfiles).map(path).collect();
    }
    if naming.nrfiles > 1 && naming.nrfiles as usize != named {
        return Err(TargetError::NameCount { nrfiles: naming.nrfiles, named });
    }
    let directory = Path::new(naming.directory.first().map_or("", String::as_str));
    Ok(naming.filename.iter().map(|name| directory.join(name)).collect())
}

/// A name by a format. What follows a `$` up to the first character that is no letter is a word;
/// a `$` without a word stands for itself.
fn formatted(format: &str, naming: &Naming<'_>, file: u32) -> Result<String, TargetError> {
    let mut parts = format.split('$');
    let mut name = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(part.len());
        let (word, rest) = part.split_at(end);
        // As in fio a word ends where it is known to end: `$jobnumx` is $jobnum and an x.
        let known = ["jobname", "jobnum", "filenum", "clientuid", ""];
        let Some(found) = known.into_iter().find(|known| word.starts_with(known)) else {
            unreachable!("every word begins with the empty one")
        };
        match found {
            "jobname" => name.push_str(naming.prefix),
            "jobnum" => name.push_str(&naming.clone.to_string()),
            "filenum" => name.push_str(&file.to_string()),
            // The client of a run over the network; here nobody.
            "clientuid" => {}
            _ if word.is_empty() => name.push('$'),
            _ => {
                let why = format!(
                    "${word} is no word of it (there are $jobname, $jobnum, $filenum and \
                     $clientuid)"
                );
                return Err(bad_format(format, why));
            }
        }
        name.push_str(&word[found.len()..]);
        name.push_str(rest);
    }
    if name.is_empty() {
        return Err(bad_format(format, "it gives an empty name".into()));
    }
    Ok(name)
}

fn bad_format(format: &str, why: String) -> TargetError {
    TargetError::Refused { doing: format!("filename_format={format}"), why }
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
                format: None,
            };
            let expected: Vec<PathBuf> = expected.iter().map(PathBuf::from).collect();
            assert_eq!(names(&naming).expect("a good naming"), expected);
        }
    }

    #[test]
    fn a_contradicting_number_of_files_is_refused() {
        for nrfiles in [2, 4] {
            let filename = ["x".into(), "y".into(), "z".into()];
            let naming = Naming {
                prefix: "j",
                clone: 0,
                filename: &filename,
                directory: &[],
                nrfiles,
                format: None,
            };
            let error = names(&naming).expect_err("three names").to_string();
            assert!(error.contains("filename names 3 files"), "{error}");
        }
    }

    fn by_format(format: &str, nrfiles: u32) -> Result<Vec<PathBuf>, TargetError> {
        names(&Naming {
            prefix: "job",
            clone: 3,
            filename: &[],
            directory: &["d".into()],
            nrfiles,
            format: Some(format),
        })
    }

    #[test]
    fn a_format_makes_names() {
        let cases = [
            ("$jobname.$jobnum.$filenum", "d/job.3.0"),
            ("$filenum-$clientuid-$jobname", "d/0--job"),
            ("sub/$jobnum$jobnum", "d/sub/33"),
            ("$jobnumx", "d/3x"),
            ("price$", "d/price$"),
            ("$$1.$jobnum", "d/$$1.3"),
            ("fixed", "d/fixed"),
        ];
        for (format, expected) in cases {
            assert_eq!(by_format(format, 1).expect(format), [PathBuf::from(expected)], "{format}");
        }
        let two = by_format("f$filenum", 2).expect("two names");
        assert_eq!(two, [PathBuf::from("d/f0"), PathBuf::from("d/f1")]);
    }

    #[test]
    fn a_bad_format_is_told() {
        let cases = [
            ("$jobnam", 1, "$jobnam is no word of it (there are $jobname,"),
            ("a.$clone", 1, "filename_format=a.$clone: $clone is no word"),
            ("$clientuid", 1, "it gives an empty name"),
            ("$jobname", 4, "nrfiles=4, but without $filenum they would all be one file"),
        ];
        for (format, nrfiles, expected) in cases {
            let error = by_format(format, nrfiles).expect_err(format).to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
