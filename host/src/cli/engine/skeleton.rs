//! From a name to the files of an engine's project: the templates below `host/skeletons`, with
//! their words filled in. Called by `cli::engine`, which writes them. Pure: touches no file.
//!
//! A template is a file as it will be, with words such as `__NAME__`, which C and Rust take for
//! identifiers. Lines that begin with `%sync `, `%async ` or `%copy ` are for such projects alone.

use super::names::Names;
use iodyno_engine_api::source;

/// The language that a project is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Lang {
    /// A cdylib crate: one trait, one macro
    Rust,
    /// C11, a Makefile and one header
    C,
}

/// Where a project in Rust has the contract from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Contract {
    /// A copy of the crate, in the project's own directory.
    Copy,
    /// A checkout: the crate's absolute path.
    Checkout(String),
}

/// What is asked for.
#[derive(Debug, Clone)]
pub(super) struct Wish {
    pub(super) names: Names,
    /// Reverse DNS.
    pub(super) id: String,
    pub(super) lang: Lang,
    pub(super) asynchronous: bool,
    pub(super) contract: Contract,
}

/// A file: path from the project's root, and text.
pub(super) type File = (String, String);

type Template = (&'static str, &'static str);

macro_rules! template {
    ($to:literal, $from:literal) => {
        ($to, include_str!(concat!("../../../skeletons/", $from)))
    };
}

const RUST: &[Template] = &[
    template!("Cargo.toml", "rust/package.toml"),
    template!("README.md", "rust/README.md"),
    template!(".gitignore", "rust/gitignore"),
    template!("job.toml", "job.toml"),
    template!("src/calls.rs", "rust/calls.rs"),
];
const RUST_SYNC: &[Template] = &[
    template!("src/engine.rs", "rust/sync/engine.rs"),
    template!("src/lib.rs", "rust/sync/lib.rs"),
    template!("src/options.rs", "rust/sync/options.rs"),
    template!("src/tests.rs", "rust/sync/tests.rs"),
];
const RUST_ASYNC: &[Template] = &[
    template!("src/engine.rs", "rust/async/engine.rs"),
    template!("src/lib.rs", "rust/async/lib.rs"),
    template!("src/options.rs", "rust/async/options.rs"),
    template!("src/pool.rs", "rust/async/pool.rs"),
    template!("src/tests.rs", "rust/async/tests.rs"),
];
const C: &[Template] = &[
    template!("Makefile", "c/Makefile"),
    template!("README.md", "c/README.md"),
    template!(".gitignore", "c/gitignore"),
    template!("job.toml", "job.toml"),
    template!("calls.c", "c/calls.c"),
    template!("calls.h", "c/calls.h"),
];
const C_SYNC: &[Template] = &[template!("__NAME__.c", "c/sync/engine.c")];
const C_ASYNC: &[Template] = &[
    template!("__NAME__.c", "c/async/engine.c"),
    template!("pool.c", "c/async/pool.c"),
    template!("pool.h", "c/async/pool.h"),
];

impl Wish {
    /// The project's files.
    pub(super) fn files(&self) -> Vec<File> {
        let templates = match (self.lang, self.asynchronous) {
            (Lang::Rust, false) => [RUST, RUST_SYNC],
            (Lang::Rust, true) => [RUST, RUST_ASYNC],
            (Lang::C, false) => [C, C_SYNC],
            (Lang::C, true) => [C, C_ASYNC],
        };
        let words = self.words();
        let filled = templates.into_iter().flatten();
        let mut files: Vec<File> = filled
            .map(|(path, text)| (fill(path, &words), fill(&self.lines_of(text), &words)))
            .collect();
        match (self.lang, &self.contract) {
            (Lang::C, _) => {
                files.push(("iodyno_engine.h".to_owned(), source::HEADER.to_owned()));
            }
            (Lang::Rust, Contract::Copy) => files.extend(
                source::FILES
                    .iter()
                    .map(|(path, text)| (format!("engine-api/{path}"), (*text).to_owned())),
            ),
            (Lang::Rust, Contract::Checkout(_)) => {}
        }
        files
    }

    /// The plugin as a command names it, from the project's root.
    pub(super) fn plugin(&self) -> String {
        match self.lang {
            Lang::Rust => format!("target/release/{}", self.plugin_file()),
            Lang::C => format!("./{}", self.plugin_file()),
        }
    }

    /// What builds it, in the project's root.
    pub(super) fn build(&self) -> &'static str {
        match self.lang {
            Lang::Rust => "cargo build --release",
            Lang::C => "make",
        }
    }

    /// Cargo's names have no `-` in a library's file; a Makefile takes every name.
    fn plugin_file(&self) -> String {
        let stem = match self.lang {
            Lang::Rust => &self.names.lib,
            Lang::C => &self.names.name,
        };
        format!("libiodyno_engine_{stem}.so")
    }

    fn words(&self) -> [(&'static str, String); 11] {
        let (api_path, api_readme) = match &self.contract {
            Contract::Copy => (
                "engine-api".to_owned(),
                "`engine-api/` is a copy of iodyno's crate, MIT or Apache-2.0.".to_owned(),
            ),
            Contract::Checkout(path) => {
                (path.clone(), format!("iodyno-engine-api comes from the checkout in `{path}`."))
            }
        };
        [
            ("__NAME__", self.names.name.clone()),
            ("__lib__", self.names.lib.clone()),
            ("__prefix__", self.names.prefix.clone()),
            ("__Type__", self.names.type_name.clone()),
            ("__ID__", self.id.clone()),
            ("__PLUGIN__", self.plugin()),
            ("__PLUGIN_FILE__", self.plugin_file()),
            ("__VERSION__", env!("CARGO_PKG_VERSION").to_owned()),
            ("__API_VERSION__", source::VERSION.to_owned()),
            ("__API_PATH__", toml::Value::String(api_path).to_string()),
            ("__API_README__", api_readme),
        ]
    }

    /// The template without the lines that are for other projects.
    fn lines_of(&self, text: &str) -> String {
        let copy = self.contract == Contract::Copy;
        let marks =
            [("%sync ", !self.asynchronous), ("%async ", self.asynchronous), ("%copy ", copy)];
        let mut out = String::with_capacity(text.len());
        for line in text.split_inclusive('\n') {
            match marks.iter().find(|(mark, _)| line.starts_with(mark)) {
                None => out += line,
                Some((mark, true)) => out += &line[mark.len()..],
                Some((_, false)) => {}
            }
        }
        out
    }
}

/// One pass over the text, so that what is filled in is not searched again.
fn fill(text: &str, words: &[(&str, String)]) -> String {
    let mut out = String::with_capacity(text.len() + 256);
    let mut rest = text;
    while let Some(at) = rest.find("__") {
        let found = words.iter().find_map(|(word, value)| {
            // `lib` in front of a word may end in an underscore of its own.
            let from = at + usize::from(rest[at..].starts_with("___"));
            rest[from..].starts_with(word).then_some((from, word.len(), value))
        });
        let Some((from, len, value)) = found else {
            out += &rest[..at + 2];
            rest = &rest[at + 2..];
            continue;
        };
        out += &rest[..from];
        out += value;
        rest = &rest[from + len..];
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(name: &str, lang: Lang, asynchronous: bool) -> Wish {
        let id = "com.acme.fast".to_owned();
        Wish { names: Names::of(name).unwrap(), id, lang, asynchronous, contract: Contract::Copy }
    }

    fn all() -> Vec<Wish> {
        let kinds = [(Lang::Rust, false), (Lang::Rust, true), (Lang::C, false), (Lang::C, true)];
        let names = ["fast", "9p", "my_odd-engine", "a-name-of-thirty-two-characters-"];
        let each = names.iter().flat_map(|name| kinds.map(|(lang, kind)| wish(name, lang, kind)));
        each.collect()
    }

    /// What `fill` may have missed: `__word__`.
    fn leftover(text: &str) -> Option<&str> {
        let starts = text.match_indices("__").map(|(at, _)| &text[at..]);
        let words = starts.filter_map(|from| {
            let end = from[2..].find("__")? + 4;
            let word = &from[..end];
            word[2..end - 2].chars().all(|c| c.is_ascii_alphabetic() || c == '_').then_some(word)
        });
        words.into_iter().find(|word| word.len() > 4)
    }

    #[test]
    fn nothing_is_left_to_fill_in() {
        for wish in all() {
            let files = wish.files();
            let own = files
                .iter()
                .filter(|(path, _)| !path.starts_with("engine-api/") && path != "iodyno_engine.h");
            for (path, text) in own {
                let context = format!("{} {path}", wish.names.name);
                assert_eq!(leftover(path), None, "{context}");
                assert_eq!(leftover(text), None, "{context}");
                assert!(!text.lines().any(|line| line.starts_with('%')), "{context}");
                assert!(text.ends_with('\n') && !text.ends_with("\n\n"), "{context}");
            }
        }
    }

    #[test]
    fn words_are_filled_in_once() {
        let words = [("__A__", "__B__".to_owned()), ("__B__", "b".to_owned())];
        for (text, expected) in [
            ("__A__", "__B__"),
            ("x___A___y", "x___B___y"),
            ("lib___B__.so __B____B__", "lib_b.so bb"),
            ("__attribute__ __C__ _", "__attribute__ __C__ _"),
            ("____B__", "__b"),
            ("", ""),
        ] {
            assert_eq!(fill(text, &words), expected, "{text}");
        }
    }

    #[test]
    fn a_project_holds_what_its_kind_needs() {
        let paths = |wish: &Wish| -> Vec<String> {
            let files = wish.files().into_iter().map(|(path, _)| path);
            files.filter(|path| !path.starts_with("engine-api/")).collect()
        };
        let text = |wish: &Wish, name: &str| {
            wish.files().into_iter().find(|(path, _)| path == name).expect("a file").1
        };
        let rust = wish("my-fast", Lang::Rust, false);
        assert!(text(&rust, "Cargo.toml").contains("name = \"iodyno_engine_my_fast\""));
        assert!(text(&rust, "src/engine.rs").contains("impl Engine for MyFastEngine {"));
        assert!(text(&rust, "src/lib.rs").contains("id: \"com.acme.fast\","));
        assert!(text(&rust, "README.md").contains("target/release/libiodyno_engine_my_fast.so"));
        assert!(text(&rust, "engine-api/Cargo.toml").contains("iodyno-engine-api"));
        assert!(!paths(&rust).contains(&"src/pool.rs".to_owned()));
        assert!(!text(&rust, "README.md").contains("pool"));
        let c = wish("9p", Lang::C, true);
        assert!(text(&c, "9p.c").contains("e9p_getevents"));
        assert!(text(&c, "Makefile").contains("libiodyno_engine_9p.so"));
        assert!(paths(&c).contains(&"pool.c".to_owned()));
        assert_eq!(text(&c, "iodyno_engine.h"), source::HEADER);
        let checkout = Contract::Checkout("/src/it's \"here\"".to_owned());
        let rust = Wish { contract: checkout, ..rust };
        let manifest: toml::Table = text(&rust, "Cargo.toml").parse().expect("TOML");
        let path = manifest["dependencies"]["iodyno-engine-api"]["path"].as_str();
        assert_eq!(path, Some("/src/it's \"here\""));
        assert!(!rust.files().iter().any(|(path, _)| path.starts_with("engine-api")));
    }
}
