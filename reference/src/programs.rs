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
        batch_enhance::Cli::command().name("batch-enhance"),
        live_conference::Cli::command().name("live-conference"),
        photo::Cli::command(),
    ]
}
