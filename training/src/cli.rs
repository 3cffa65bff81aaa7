// SPDX-License-Identifier: MIT OR Apache-2.0
//! The command line of `idm`.

use clap::{Parser, Subcommand};

#[cfg(feature = "detect")]
use crate::commands::prepare;
use crate::commands::{
    bench, degrade, distance, doctor, enhance, evaluate, export, generate, iterate, pack, quality, report,
    restore, study, train,
};

/// Train, apply and measure iterative diffusion models for face restoration.
#[derive(Debug, Parser)]
#[command(name = "idm", version)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What `idm` can be asked for.
#[derive(Debug, Subcommand)]
#[expect(missing_docs, reason = "a comment here would hide that on the arguments, which is the help")]
pub enum Command {
    #[cfg(feature = "detect")]
    Prepare(prepare::PrepareArgs),
    /// Train a model on a folder of aligned faces
    Train(train::TrainArgs),
    // The help of those without a comment is the comment on their arguments.
    Degrade(degrade::DegradeArgs),
    Enhance(enhance::EnhanceArgs),
    Iterate(iterate::IterateArgs),
    Restore(restore::RestoreArgs),
    Generate(generate::GenerateArgs),
    // It has by far the most options; the others need not be as large.
    Evaluate(Box<evaluate::EvaluateArgs>),
    Distance(distance::DistanceArgs),
    Quality(quality::QualityArgs),
    Study(study::StudyArgs),
    Report(report::ReportArgs),
    Export(export::ExportArgs),
    Pack(pack::PackArgs),
    /// Measure the speed of a model beside the machine's own peak
    Bench(bench::BenchArgs),
    Doctor(doctor::DoctorArgs),
}
