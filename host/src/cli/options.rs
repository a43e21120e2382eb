//! `iodyno options [NAME] [--markdown]`: the reference of all job options.
//!
//! Printed from the option table, where each option has its only definition; docs/options.md is
//! what `--markdown` prints, and a test compares.

use crate::job::options::{all, did_you_mean, find, Category, JobOption, Kind};
use std::fmt::Write;

/// All options in a line each, chapter by chapter.
pub fn list() -> String {
    let mut text = String::new();
    let mut category = None;
    for option in all() {
        if category != Some(option.category) {
            let gap = if category.is_some() { "\n" } else { "" };
            push(&mut text, format_args!("{gap}{}", option.category.title()));
            category = Some(option.category);
        }
        push(&mut text, format_args!("  {:30}{}", option.name, option.help));
    }
    push(&mut text, format_args!("\n`iodyno options NAME` tells more about one of them;"));
    push(&mut text, format_args!("`iodyno engines show NAME` lists the options of an engine."));
    text
}

/// All about one option, or the names that come near.
///
/// # Errors
///
/// The words for a user who asked for an option that does not exist.
pub fn one(name: &str) -> Result<String, String> {
    let Some(option) = find(name) else {
        let guess = did_you_mean(name);
        let help = guess.unwrap_or_else(|| "`iodyno options` lists all options".to_owned());
        return Err(format!("no option is called `{name}`: {help}"));
    };
    let mut text = String::new();
    push(&mut text, format_args!("{}: {}\n", option.name, option.help));
    if !option.aliases.is_empty() {
        push(&mut text, format_args!("  also     {}", option.aliases.join(", ")));
    }
    push(&mut text, format_args!("  type     {}", option.kind.describe()));
    push(&mut text, format_args!("  default  {}", default(option)));
    push(&mut text, format_args!("  example  {}\n", example(option)));
    push(&mut text, format_args!("{}", wrap(option.doc)));
    if !option.fio.is_empty() {
        let words = format!("Difference from fio: {}", option.fio);
        push(&mut text, format_args!("\n{}", wrap(&words)));
    }
    if let Kind::Choice(words) = option.kind {
        text.push('\n');
        for (word, help) in words {
            push(&mut text, format_args!("  {word:12}{help}"));
        }
    }
    Ok(text)
}

/// docs/options.md.
pub fn markdown() -> String {
    let mut text = String::from(
        "# Job options\n\n\
         Printed by `iodyno options --markdown` from the option table; a test compares. How job\n\
         files are written, with units and values per direction, is in\n\
         [job-files.md](job-files.md). Engines have options of their own:\n\
         `iodyno engines show NAME`.\n",
    );
    let mut category = None;
    for option in all() {
        if category != Some(option.category) {
            push(&mut text, format_args!("\n## {}", option.category.title()));
            category = Some(option.category);
        }
        push_option(&mut text, option);
    }
    text
}

fn push_option(text: &mut String, option: &JobOption) {
    let words = wrap(&format!("{}. {}", option.help, option.doc));
    push(text, format_args!("\n### `{}`\n\n{words}\n", option.name));
    if !option.aliases.is_empty() {
        let aliases: Vec<String> = option.aliases.iter().map(|a| format!("`{a}`")).collect();
        push(text, format_args!("- also: {}", aliases.join(", ")));
    }
    match option.kind {
        Kind::Choice(words) => {
            push(text, format_args!("- type: one of"));
            for (word, help) in words {
                push(text, format_args!("  - `{word}`: {help}"));
            }
        }
        kind => push(text, format_args!("- type: {}", kind.describe())),
    }
    push(text, format_args!("- default: {}", default(option)));
    push(text, format_args!("- example in fio's format: `{}`", example(option)));
    if !option.fio.is_empty() {
        push(text, format_args!("- difference from fio: {}", option.fio));
    }
}

fn default(option: &JobOption) -> String {
    if option.default.is_empty() {
        option.unset.to_owned()
    } else {
        option.default.to_owned()
    }
}

fn example(option: &JobOption) -> String {
    let value = option.good.first().copied().unwrap_or_default();
    if option.category == Category::Description && option.name == "name" {
        format!("[{value}]")
    } else if option.kind == Kind::Flag {
        option.name.to_owned()
    } else {
        format!("{}={value}", option.name)
    }
}

/// Longest line of a paragraph.
const WIDTH: usize = 100;

fn wrap(paragraph: &str) -> String {
    let (mut text, mut column) = (String::new(), 0);
    for word in paragraph.split_whitespace() {
        let width = word.chars().count();
        if column > 0 && column + 1 + width > WIDTH {
            text.push('\n');
            column = 0;
        }
        if column > 0 {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += width;
    }
    text
}

fn push(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing into a String cannot fail.
    let _ = writeln!(text, "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use insta::assert_snapshot;

    #[test]
    fn the_reference_is_up_to_date() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/options.md");
        let found = std::fs::read_to_string(path).unwrap_or_default();
        let command = "iodyno options --markdown > docs/options.md";
        assert!(found == markdown(), "docs/options.md is stale: run `{command}`");
    }

    #[test]
    fn every_option_is_listed() {
        let (list, markdown) = (list(), markdown());
        for option in all() {
            assert!(list.contains(&format!("  {} ", option.name)), "{}", option.name);
            assert!(markdown.contains(&format!("### `{}`", option.name)), "{}", option.name);
        }
        assert!(list.lines().all(|line| line.len() <= 100));
    }

    #[test]
    fn one_option() {
        assert_snapshot!(one("blocksize").unwrap(), @r#"
    bs: Size of each request

      also     blocksize
      type     bytes, 1 to 1073741824, per direction
      default  4k
      example  bs=4k

    Per direction: `4k,64k` is for reads and for writes and trims, `,64k` leaves reads as they are,
    `4k,` sets reads alone; in TOML an array of up to three values. A rest of `size` that is smaller
    than a block is not worked on.
    "#);
        assert_snapshot!(one("isolation").unwrap(), @r#"
    isolation: Which jobs share a process

      type     one of run, job, none
      default  run
      example  isolation=run

    In `[global]` only. Engines run in processes of their own, so that one that crashes takes no
    measurement with it. `none` gives that up, for debuggers and profilers.

      run         one process for the engines of all jobs
      job         a process for each job: a crash costs one job
      none        no process of its own, for debuggers and profilers
    "#);
        let refusal = "no option is called `iodept`: did you mean `iodepth`?";
        assert_eq!(one("iodept").unwrap_err(), refusal);
    }
}
