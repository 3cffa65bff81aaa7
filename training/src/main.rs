// SPDX-License-Identifier: MIT OR Apache-2.0
//! `idm`: trains, applies and measures face restoration models.

use std::process::ExitCode;

use clap::Parser;
use training::cli::{Cli, Command};
#[cfg(feature = "detect")]
use training::commands::prepare;
use training::commands::{
    bench, degrade, distance, doctor, enhance, evaluate, export, generate, iterate, pack, quality, report,
    restore, study, train,
};
use training::jobs::interrupt::{self, Outcome};
use training::jobs::last_words;

fn main() -> ExitCode {
    end_quietly_on_a_closed_pipe();
    let filter = tracing_subscriber::EnvFilter::try_from_env("IDM_LOG").unwrap_or_else(|_| "warn".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false).init();
    let result = match Cli::parse().command {
        #[cfg(feature = "detect")]
        Command::Prepare(args) => prepare::run(&args).map(|()| Outcome::Finished),
        Command::Train(args) => train::run(&args).map(|_| Outcome::Finished),
        Command::Degrade(args) => degrade::run(&args).map(|()| Outcome::Finished),
        Command::Enhance(args) => enhance::run(&args),
        Command::Iterate(args) => iterate::run(&args),
        Command::Restore(args) => restore::run(&args).map(|()| Outcome::Finished),
        Command::Generate(args) => generate::run(&args),
        Command::Evaluate(args) => evaluate::run(&args).map(|()| Outcome::Finished),
        Command::Distance(args) => distance::run(&args),
        Command::Quality(args) => quality::run(&args).map(|()| Outcome::Finished),
        Command::Study(args) => study::run(&args).map(|()| Outcome::Finished),
        Command::Report(args) => report::run(&args).map(|()| Outcome::Finished),
        Command::Export(args) => export::run(&args).map(|()| Outcome::Finished),
        Command::Pack(args) => pack::run(&args).map(|()| Outcome::Finished),
        Command::Bench(args) => bench::run(&args).map(|()| Outcome::Finished),
        Command::Doctor(args) => doctor::run(&args).map(|()| Outcome::Finished),
    };
    match result {
        Ok(Outcome::Finished) => ExitCode::SUCCESS,
        Ok(Outcome::Interrupted) => ExitCode::from(interrupt::EXIT_CODE),
        Err(error) => {
            eprintln!("idm: {}", last_words(&error));
            ExitCode::FAILURE
        }
    }
}

/// Makes `idm … | head` end as other programs do. Rust starts with SIGPIPE ignored, and printing then panics.
fn end_quietly_on_a_closed_pipe() {
    // SAFETY: no other thread runs yet, and the default action needs no handler.
    unsafe {
        libc::signal(libc::SIGPIPE, libc::SIG_DFL);
    }
}
