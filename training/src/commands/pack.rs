//! `idm pack`: the same model in a smaller file.

use std::path::PathBuf;

use anyhow::{Context, ensure};
use clap::{Args, ValueEnum};
use restore_core::Checkpoint;
use tch::Kind;

/// Write a model with its weights in another precision
///
/// int8 stores convolutions in 8 bits with a scale for each output channel, half of bf16, which idm train writes; they are
/// expanded when the model is loaded, so it runs as before. Compare the two with idm evaluate before you give one away.
#[derive(Debug, Args)]
pub struct PackArgs {
    /// The model
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// The file to write
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    /// How weights are stored
    #[arg(long, value_name = "KIND", default_value = "int8")]
    weights: Weights,
}

/// How weights are stored.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Weights {
    Fp32,
    Bf16,
    Fp16,
    Int8,
}

/// Writes the file, and says what became of the size.
///
/// # Errors
/// When the model cannot be read, or the file not written.
pub fn run(args: &PackArgs) -> anyhow::Result<()> {
    ensure!(
        args.model != args.output,
        "--output is --model itself; write to another name, then compare the two"
    );
    let kind = match args.weights {
        Weights::Fp32 => Kind::Float,
        Weights::Bf16 => Kind::BFloat16,
        Weights::Fp16 => Kind::Half,
        Weights::Int8 => Kind::Int8,
    };
    Checkpoint::open(&args.model)?.save(&args.output, kind)?;
    let size = |path: &PathBuf| -> anyhow::Result<f64> {
        let metadata = std::fs::metadata(path).with_context(|| path.display().to_string())?;
        Ok(metadata.len() as f64 / 1e6)
    };
    println!("{:.1} MB → {:.1} MB, {}", size(&args.model)?, size(&args.output)?, args.output.display());
    Ok(())
}
