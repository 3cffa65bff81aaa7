// SPDX-License-Identifier: MIT OR Apache-2.0
//! The command lines of the programs.

use clap::{Command, CommandFactory};

#[path = "../../examples/batch-enhance/cli.rs"]
mod batch_enhance;
#[path = "../../examples/live-conference/cli.rs"]
#[expect(dead_code, reason = "what the program makes of its options is of no use here")]
mod live_conference;
#[path = "../../examples/photo/cli.rs"]
mod photo;

/// Every program that is installed, under its name.
pub fn all() -> Vec<Command> {
    vec![
        training::cli::Cli::command(),
        batch_enhance::Cli::command(),
        live_conference::Cli::command(),
        photo::Cli::command(),
    ]
}

/// The page of a program in the book, in Markdown: its options, and those of its subcommands.
pub fn page(program: &Command) -> String {
    let markdown = clap_markdown::help_markdown_command(program);
    // From the first heading of a command on, made that of the page: what is above says what clap-markdown is.
    let (_, commands) = markdown.split_once("\n## ").unwrap_or(("", &markdown));
    let commands = commands.split("<hr/>").next().unwrap_or(commands);
    // What the program starts itself is hidden, and would leave an empty list.
    format!("# {}\n", commands.replace("###### **Subcommands:**\n\n\n", "").trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_every_option_and_nothing_about_itself() {
        for program in all() {
            let page = page(&program);
            assert!(page.starts_with(&format!("# `{}", program.get_name())), "{page}");
            assert!(!page.contains("clap-markdown") && !page.contains("Subcommands:**\n\n\n"), "{page}");
            let commands = [&program].into_iter().chain(program.get_subcommands());
            for command in commands.filter(|command| !command.is_hide_set()) {
                for option in command.get_arguments().filter_map(|argument| argument.get_long()) {
                    assert!(page.contains(&format!("`--{option}")), "{} --{option}", command.get_name());
                }
            }
        }
    }
}
