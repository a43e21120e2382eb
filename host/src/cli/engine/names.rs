//! Whether a name will do for a new engine, and what it turns into where languages have rules of
//! their own. Called by `cli::engine`, before anything is written.
//!
//! Pure: knows names, no files. What an engine may be called is the plugin room's rule, not ours.

use crate::job::options::known::FIO_ENGINES;
use crate::plugin::is_engine_name;
use anyhow::bail;

/// Names that are kept for engines of iodyno's own: those that ship, and those that are to. A
/// second one of a name is refused where both are found.
const SHIPPED: [&str; 25] = [
    "cpuio",
    "dircreate",
    "dirdelete",
    "dirstat",
    "exec",
    "falloc",
    "filecreate",
    "filedelete",
    "filestat",
    "ftruncate",
    "io_uring",
    "io_uring_cmd",
    "libaio",
    "mmap",
    "net",
    "null",
    "posixaio",
    "psync",
    "pvsync",
    "pvsync2",
    "sg",
    "splice",
    "sync",
    "syslet-rw",
    "vsync",
];

/// The shapes of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Names {
    /// As in `ioengine = NAME`.
    pub(super) name: String,
    /// As in the file of a library in Rust: no `-`.
    pub(super) lib: String,
    /// In front of C's functions.
    pub(super) prefix: String,
    /// The type of an instance in Rust.
    pub(super) type_name: String,
}

impl Names {
    /// Judges a name.
    ///
    /// # Errors
    /// No engine can bear it, or iodyno has one of that name; in words.
    pub(super) fn of(name: &str) -> anyhow::Result<Names> {
        if !is_engine_name(name) {
            bail!(
                "`{name}` is no engine name: 1 to 32 of a-z, 0-9, _ and -{}",
                proposal(name).map(|better| format!(" (`{better}` would be)")).unwrap_or_default()
            );
        }
        if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
            bail!("`{name}`: begin with a letter or a digit, which no command takes for an option");
        }
        if SHIPPED.contains(&name) {
            bail!(
                "`{name}` is kept for an engine of iodyno's own, and two of one name are refused \
                 where both are found: take another name, such as `my-{name}`"
            );
        }
        // One underscore between words and none behind them, as rustc wants it.
        let words = name.split(['-', '_']).filter(|word| !word.is_empty());
        let lib = words.collect::<Vec<&str>>().join("_");
        let prefix = match name.starts_with(|c: char| c.is_ascii_digit()) {
            true => format!("e{lib}"), // no identifier begins with a digit
            false => lib.clone(),
        };
        Ok(Names { name: name.to_owned(), lib, type_name: type_name(&prefix), prefix })
    }

    /// What is worth knowing about a name that will do.
    pub(super) fn remark(&self) -> Option<String> {
        FIO_ENGINES.contains(&self.name.as_str()).then(|| {
            format!(
                "fio has an engine `{}`: should iodyno get one, yours is reached as PLUGIN-ID:NAME",
                self.name
            )
        })
    }
}

/// The nearest name that will do.
fn proposal(name: &str) -> Option<String> {
    let lower = name.to_lowercase();
    let fit = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
    let better: String = lower.chars().map(fit).take(32).collect();
    let better = better.trim_matches('-');
    (is_engine_name(better) && !SHIPPED.contains(&better)).then(|| better.to_owned())
}

/// `my_fast` -> `MyFastEngine`: the ending keeps it apart from the types of the ABI crate, such as
/// `Host` and `Engine`.
fn type_name(prefix: &str) -> String {
    let mut camel = String::new();
    for part in prefix.split('_') {
        let mut chars = part.chars();
        camel.extend(chars.next().map(|first| first.to_ascii_uppercase()));
        camel.push_str(chars.as_str());
    }
    match camel.strip_suffix("Engine") {
        Some(rest) if !rest.is_empty() => camel,
        _ => camel + "Engine",
    }
}

/// Whether an id is reverse DNS: parts of letters, digits and `-`, at least two, parted by dots.
pub(super) fn is_plugin_id(id: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    id.len() <= 128
        && id.contains('.')
        && id.split('.').all(|part| !part.is_empty() && part.chars().all(allowed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_takes_the_shapes_that_it_needs() {
        for (name, lib, prefix, type_name) in [
            ("fast", "fast", "fast", "FastEngine"),
            ("my-fast_one", "my_fast_one", "my_fast_one", "MyFastOneEngine"),
            ("9p", "9p", "e9p", "E9pEngine"),
            ("engine", "engine", "engine", "EngineEngine"),
            ("my-engine", "my_engine", "my_engine", "MyEngine"),
            ("self", "self", "self", "SelfEngine"),
            ("a--b-", "a_b", "a_b", "ABEngine"),
        ] {
            let names = Names::of(name).unwrap();
            let shapes = (&*names.name, &*names.lib, &*names.prefix, &*names.type_name);
            assert_eq!(shapes, (name, lib, prefix, type_name));
        }
    }

    #[test]
    fn what_will_not_do_is_refused_in_words() {
        let long = "n".repeat(33);
        for (name, word) in [
            ("", "is no engine name"),
            ("Fast", "(`fast` would be)"),
            ("my engine", "(`my-engine` would be)"),
            ("../fast", "(`fast` would be)"),
            (&long, "1 to 32"),
            ("PSYNC", "is no engine name: 1 to 32 of a-z, 0-9, _ and -"),
            ("-x", "begin with a letter"),
            ("_", "begin with a letter"),
            ("psync", "`psync` is kept for an engine of iodyno's own"),
            ("null", "such as `my-null`"),
        ] {
            let words = Names::of(name).unwrap_err().to_string();
            assert!(words.contains(word), "{name}: {words}");
        }
    }

    #[test]
    fn every_engine_that_ships_is_known() {
        let engines = concat!(env!("CARGO_MANIFEST_DIR"), "/../engines");
        let dirs = std::fs::read_dir(engines).unwrap().flatten();
        let mut there: Vec<String> =
            dirs.filter_map(|dir| dir.file_name().into_string().ok()).collect();
        there.retain(|name| name != "support");
        there.retain(|name| !SHIPPED.contains(&name.as_str()));
        assert!(there.is_empty(), "{there:?} are missing from SHIPPED");
    }

    #[test]
    fn names_of_fio_will_do_with_a_remark() {
        assert!(Names::of("rbd").unwrap().remark().unwrap().contains("fio has an engine"));
        assert_eq!(Names::of("fast").unwrap().remark(), None);
    }

    #[test]
    fn an_id_is_reverse_dns() {
        for id in ["com.acme.fast", "org.example.my-fast_one", "io.x"] {
            assert!(is_plugin_id(id), "{id}");
        }
        for id in ["", "fast", "com..fast", ".com.fast", "com.acme.", "com.a\"b", "com.a b"] {
            assert!(!is_plugin_id(id), "{id}");
        }
    }
}
