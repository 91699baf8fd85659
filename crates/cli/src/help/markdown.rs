//! The whole command line as Markdown: docs/cli.md is this text, and a test compares them.

use std::fmt::Write;

use clap::{Command, CommandFactory};

use crate::args::Polyarch;
use crate::fronts;

/// Writes the reference of every verb and topic.
pub fn markdown() -> String {
    let mut command = Polyarch::command().term_width(100);
    command.build();
    let mut text = String::from("# The command line\n\nMade by `cargo xtask docs`; a test compares it with the program.\n");
    section(&mut text, &mut command, 2);
    for topic in super::names_of_topics() {
        let _ = write!(text, "\n## polyarch help {}\n\n{}.\n\n```text\n{}```\n", topic.name, topic.headline, topic.text());
    }
    text
}

fn section(text: &mut String, command: &mut Command, level: usize) {
    let name = command.get_bin_name().unwrap_or_else(|| command.get_name()).to_owned();
    let help = command.render_long_help().to_string();
    let help: String = help.lines().fold(String::new(), |mut lines, line| {
        lines.push_str(line.trim_end());
        lines.push('\n');
        lines
    });
    let _ = write!(text, "\n{} {name}\n\n```text\n{help}```\n", "#".repeat(level));
    for child in command.get_subcommands_mut().filter(|child| !child.is_hide_set()) {
        // Only at the top there are fronts.
        match fronts::own_words(child.get_name()).filter(|_| level == 2) {
            Some(mut own) => {
                own.build();
                section(text, &mut own, level + 1);
            }
            None => section(text, child, level + 1),
        }
    }
}
