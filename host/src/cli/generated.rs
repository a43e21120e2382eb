//! What is generated from the command line's definition: shell completions and the manual page.
//! Called by the commands `completions` and `man`, which print it. Holds no text about options of
//! its own: what a page says stands in `args` alone.

use super::args::Cli;
use clap::{Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;
use std::io;

/// The completion script of a shell.
pub fn completions(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut visible_commands(), "iodyno", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// The command line without the commands that are hidden: the generators would offer those too.
fn visible_commands() -> Command {
    let all = Cli::command();
    let visible = all.get_subcommands().filter(|command| !command.is_hide_set());
    Command::new("iodyno")
        .version(env!("CARGO_PKG_VERSION"))
        .args(all.get_arguments().cloned())
        .subcommands(visible.cloned())
}

/// The manual page in troff: the program, then a section for each command.
pub fn man() -> String {
    let mut root = Cli::command();
    root.build();
    let mut page = Vec::new();
    // Writing into a vector cannot fail.
    render(&root, &mut page).expect("a manual page prints into a vector");
    String::from_utf8_lossy(&page).into_owned()
}

fn render(root: &Command, page: &mut Vec<u8>) -> io::Result<()> {
    let man = Man::new(root.clone());
    man.render_title(page)?;
    man.render_name_section(page)?;
    man.render_synopsis_section(page)?;
    man.render_description_section(page)?;
    man.render_options_section(page)?;
    for command in root.get_subcommands() {
        render_command(command, page)?;
    }
    man.render_extra_section(page)?;
    man.render_version_section(page)
}

/// A command and the commands below it; hidden ones are iodyno's own business.
fn render_command(command: &Command, page: &mut Vec<u8>) -> io::Result<()> {
    if command.is_hide_set() || command.get_name() == "help" {
        return Ok(());
    }
    let man = Man::new(command.clone());
    let mut text = Vec::new();
    man.render_synopsis_section(&mut text)?;
    man.render_description_section(&mut text)?;
    man.render_options_section(&mut text)?;
    // One page: what would be sections of a command's own page are subsections here.
    let text = String::from_utf8_lossy(&text).replace("\n.SH ", "\n.SS ");
    let text = text.strip_prefix(".SH ").map_or(text.clone(), |rest| format!(".SS {rest}"));
    let name = command.get_bin_name().unwrap_or(command.get_name());
    page.extend_from_slice(format!(".SH \"{}\"\n{text}", name.to_uppercase()).as_bytes());
    for below in command.get_subcommands() {
        render_command(below, page)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::ValueEnum;

    fn visible() -> Vec<String> {
        let root = Cli::command();
        let shown = root.get_subcommands().filter(|command| !command.is_hide_set());
        shown.map(|command| command.get_name().to_owned()).collect()
    }

    #[test]
    fn completions_know_each_command() {
        for shell in Shell::value_variants() {
            let script = completions(*shell);
            for command in visible() {
                assert!(script.contains(&command), "{shell}: no {command}");
            }
            assert!(script.contains("allow-untrusted-engines"), "{shell}");
            assert!(!script.contains("__probe"), "{shell}");
        }
    }

    #[test]
    fn the_page_has_a_section_for_each_command() {
        let page = man();
        for command in visible() {
            let section = format!(".SH \"IODYNO {}\"", command.to_uppercase());
            assert!(page.contains(&section), "no {section} in\n{page}");
        }
        let parts = [
            ".TH iodyno 1",
            ".SH NAME",
            ".SH \"IODYNO ENGINES SHOW\"",
            "\\-\\-engine\\-path",
            "Exit status",
            "\\-\\-eta",
        ];
        for part in parts {
            assert!(page.contains(part), "no {part} in\n{page}");
        }
        assert!(!page.contains("__CELL") && !page.contains("__probe"), "{page}");
    }
}
