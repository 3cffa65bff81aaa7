//! `idm`: trains, applies and measures face restoration models.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use training::commands::{bench, degrade, evaluate, restore, train};

/// Train, apply and measure iterative diffusion models for face restoration.
#[derive(Debug, Parser)]
#[command(name = "idm", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Train a model on a folder of aligned faces
    Train(train::TrainArgs),
    // The help of these three is the comment on their arguments.
    Degrade(degrade::DegradeArgs),
    Restore(restore::RestoreArgs),
    // It has by far the most options; the others need not be as large.
    Evaluate(Box<evaluate::EvaluateArgs>),
    /// Measure the speed of a model beside the machine's own peak
    Bench(bench::BenchArgs),
}

fn main() -> ExitCode {
    end_quietly_on_a_closed_pipe();
    let filter = tracing_subscriber::EnvFilter::try_from_env("IDM_LOG").unwrap_or_else(|_| "warn".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false).init();
    let result = match Cli::parse().command {
        Command::Train(args) => train::run(&args).map(|_| ()),
        Command::Degrade(args) => degrade::run(&args),
        Command::Restore(args) => restore::run(&args),
        Command::Evaluate(args) => evaluate::run(&args),
        Command::Bench(args) => bench::run(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The whole chain in one line, as `cause: cause`.
            eprintln!("idm: {error:#}");
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
