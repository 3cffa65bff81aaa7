//! `idm`: trains, applies and measures face restoration models.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
#[cfg(feature = "detect")]
use training::commands::prepare;
use training::commands::{
    bench, degrade, distance, doctor, enhance, evaluate, export, iterate, pack, restore, study, train,
};
use training::jobs::interrupt::{self, Outcome};

/// Train, apply and measure iterative diffusion models for face restoration.
#[derive(Debug, Parser)]
#[command(name = "idm", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    #[cfg(feature = "detect")]
    Prepare(prepare::PrepareArgs),
    /// Train a model on a folder of aligned faces
    Train(train::TrainArgs),
    // The help of those without a comment is the comment on their arguments.
    Degrade(degrade::DegradeArgs),
    Enhance(enhance::EnhanceArgs),
    Iterate(iterate::IterateArgs),
    Restore(restore::RestoreArgs),
    // It has by far the most options; the others need not be as large.
    Evaluate(Box<evaluate::EvaluateArgs>),
    Distance(distance::DistanceArgs),
    Study(study::StudyArgs),
    Export(export::ExportArgs),
    Pack(pack::PackArgs),
    /// Measure the speed of a model beside the machine's own peak
    Bench(bench::BenchArgs),
    Doctor(doctor::DoctorArgs),
}

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
        Command::Evaluate(args) => evaluate::run(&args).map(|()| Outcome::Finished),
        Command::Distance(args) => distance::run(&args),
        Command::Study(args) => study::run(&args).map(|()| Outcome::Finished),
        Command::Export(args) => export::run(&args).map(|()| Outcome::Finished),
        Command::Pack(args) => pack::run(&args).map(|()| Outcome::Finished),
        Command::Bench(args) => bench::run(&args).map(|()| Outcome::Finished),
        Command::Doctor(args) => doctor::run(&args).map(|()| Outcome::Finished),
    };
    match result {
        Ok(Outcome::Finished) => ExitCode::SUCCESS,
        Ok(Outcome::Interrupted) => ExitCode::from(interrupt::EXIT_CODE),
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
