//! `iodyno engine new`: makes the project of a new engine, which builds, loads and passes
//! `iodyno check` as it is.
//!
//! Called by `cli::main`. Judges what was asked for before it writes anything, writes into a
//! directory that is not there yet or empty, and overwrites nothing. Loads no plugin; `engines` is
//! the command about those that exist.

mod names;
mod skeleton;

pub use skeleton::Lang;

use super::args::{EngineArgs, EngineCommand, EngineNewArgs};
use anyhow::{bail, Context};
use names::Names;
use skeleton::{Contract, Wish};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

/// Does what the command says; the answer is the exit status.
///
/// # Errors
/// Nothing can be made of what was asked for, or it cannot be written; in words.
pub(super) fn engine(args: &EngineArgs) -> anyhow::Result<u8> {
    match &args.command {
        EngineCommand::New(args) => new(args),
    }
}

/// A line more where a command line was refused that has its words in the wrong one of `engine` and
/// `engines`.
pub(super) fn hint(args: impl Iterator<Item = OsString>) -> Option<&'static str> {
    let words: Vec<OsString> = args.skip(1).take(2).collect();
    let words: Vec<&str> = words.iter().filter_map(|word| word.to_str()).collect();
    match words[..] {
        ["engines", "new"] => Some("a new engine's project is made by `iodyno engine new NAME`"),
        ["engine", "show" | "list"] => {
            Some("engines that are here: `iodyno engines`, `iodyno engines show NAME`")
        }
        _ => None,
    }
}

fn new(args: &EngineNewArgs) -> anyhow::Result<u8> {
    let wish = wish(args)?;
    let dir = args.dir.clone().unwrap_or_else(|| PathBuf::from(&wish.names.name));
    let mut notes: Vec<String> = wish.names.remark().into_iter().collect();
    if args.id.is_none() {
        notes.push(format!(
            "the plugin's id is `{}` for now: put in a domain that is yours (or --id com.acme.{})",
            wish.id, wish.names.name
        ));
    }
    write(&dir, &wish.files())?;
    let mut stderr = std::io::stderr().lock();
    for note in notes {
        writeln!(stderr, "iodyno: note: {note}")?;
    }
    std::io::stdout().write_all(next_steps(&dir, &wish).as_bytes())?;
    Ok(0)
}

fn wish(args: &EngineNewArgs) -> anyhow::Result<Wish> {
    let names = Names::of(&args.name)?;
    let id = args.id.clone().unwrap_or_else(|| format!("org.example.{}", names.name));
    if !names::is_plugin_id(&id) {
        bail!("--id {id}: not reverse DNS, such as com.acme.{}", names.name);
    }
    let contract = match &args.engine_api {
        None => Contract::Copy,
        Some(path) if args.lang == Lang::C => bail!(
            "--engine-api {}: a project in C has its own copy of iodyno_engine.h, no crate",
            path.display()
        ),
        Some(path) => Contract::Checkout(checkout(path)?),
    };
    Ok(Wish { names, id, lang: args.lang, asynchronous: args.asynchronous, contract })
}

/// The crate's directory as a manifest names it.
fn checkout(path: &Path) -> anyhow::Result<String> {
    let shown = path.display();
    let manifest = path.join("Cargo.toml");
    let text = fs::read_to_string(&manifest)
        .with_context(|| format!("--engine-api {shown}: read {}", manifest.display()))?;
    if !text.lines().any(|line| line.trim() == "name = \"iodyno-engine-api\"") {
        bail!("--engine-api {shown}: not the crate iodyno-engine-api (directory engine-api/)");
    }
    let whole = path.canonicalize().with_context(|| format!("--engine-api {shown}"))?;
    match whole.into_os_string().into_string() {
        Ok(text) => Ok(text),
        Err(_) => bail!("--engine-api {shown}: a manifest can only name paths in UTF-8"),
    }
}

fn write(dir: &Path, files: &[skeleton::File]) -> anyhow::Result<()> {
    let shown = dir.display();
    match fs::read_dir(dir).map(|mut entries| entries.next().is_some()) {
        Ok(true) => bail!(
            "{shown} is there already and not empty: nothing was written (--dir DIR for another \
             place)"
        ),
        Ok(false) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {
            fs::create_dir_all(dir).with_context(|| format!("create {shown}"))?;
        }
        Err(error) if error.kind() == ErrorKind::NotADirectory => {
            bail!("{shown} is there already and no directory (--dir DIR for another place)")
        }
        Err(error) => return Err(error).with_context(|| format!("look into {shown}")),
    }
    for (path, text) in files {
        let path = dir.join(path);
        put(&path, text).with_context(|| {
            format!("write {} (the project in {shown} is not whole: remove it)", path.display())
        })?;
    }
    Ok(())
}

fn put(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    File::create_new(path)?.write_all(text.as_bytes())
}

fn next_steps(dir: &Path, wish: &Wish) -> String {
    let kind = if wish.asynchronous { "asynchronous" } else { "synchronous" };
    let lang = match wish.lang {
        Lang::Rust => "Rust",
        Lang::C => "C",
    };
    let (dir, name) = (dir.display(), &wish.names.name);
    let (plugin, build) = (wish.plugin(), wish.build());
    format!(
        "made {dir}: `{name}`, an engine in {lang}, {kind}\n\n\
         \x20 cd {dir}\n\
         \x20 {build}\n\
         \x20 iodyno check {plugin}\n\
         \x20 iodyno run job.toml --engine {plugin}\n\n\
         README.md says what to change first.\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_in_the_wrong_command_are_put_right() {
        let hint_for = |line: &str| hint(line.split(' ').map(OsString::from));
        assert!(hint_for("iodyno engines new x").unwrap().contains("iodyno engine new"));
        assert!(hint_for("iodyno engine show psync").unwrap().contains("iodyno engines show"));
        for line in ["iodyno", "iodyno engines", "iodyno engine new x", "iodyno run new"] {
            assert_eq!(hint_for(line), None, "{line}");
        }
    }

    #[test]
    fn what_is_there_stays_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let files = [("a/b".to_owned(), "text\n".to_owned())];
        let at = |name: &str| dir.path().join(name);
        for place in ["new", "new/two/deep"] {
            write(&at(place), &[]).unwrap();
            write(&at(place).join("project"), &files).unwrap();
            assert_eq!(fs::read_to_string(at(place).join("project/a/b")).unwrap(), "text\n");
        }
        fs::write(at("file"), "mine").unwrap();
        let refusals = [("new", "not empty"), ("file", "no directory"), ("file/x", "no directory")];
        for (place, word) in refusals {
            let words = format!("{:#}", write(&at(place), &files).unwrap_err());
            assert!(words.contains(word), "{place}: {words}");
        }
        assert_eq!(fs::read_to_string(at("file")).unwrap(), "mine");
        assert!(!at("new/a").exists());
    }

    #[test]
    fn the_next_steps_are_told() {
        let names = Names::of("my-fast").unwrap();
        let id = "com.acme.fast".to_owned();
        let (lang, contract) = (Lang::Rust, Contract::Copy);
        let wish = Wish { names, id, lang, asynchronous: true, contract };
        insta::assert_snapshot!(next_steps(Path::new("/tmp/my-fast"), &wish), @r"
        made /tmp/my-fast: `my-fast`, an engine in Rust, asynchronous

          cd /tmp/my-fast
          cargo build --release
          iodyno check target/release/libiodyno_engine_my_fast.so
          iodyno run job.toml --engine target/release/libiodyno_engine_my_fast.so

        README.md says what to change first.
        ");
    }
}
