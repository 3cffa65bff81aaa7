// SPDX-License-Identifier: MIT OR Apache-2.0
//! `idm pack`: the same model in a smaller file.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use clap::{Args, ValueEnum};
use restore_core::Checkpoint;
use tch::Kind;

/// Write a model with its weights in another precision, or averaged with another's
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
    /// Average with the weights of this model: that which --model was trained from (Wortsman et al. 2022, WiSE-FT). It
    /// keeps what a short training for one thing lost of another
    #[arg(long, value_name = "MODEL")]
    average: Option<PathBuf>,
    /// The share of --average in the result
    #[arg(long, value_name = "0..1", default_value_t = 0.5, requires = "average")]
    share: f64,
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
    let mut model = Checkpoint::open(&args.model)?;
    if let Some(path) = &args.average {
        ensure!((0.0..=1.0).contains(&args.share), "--share is {}, it must be from 0 to 1", args.share);
        average(&mut model, path, args.share)?;
    }
    model.save(&args.output, kind)?;
    let size = |path: &PathBuf| -> anyhow::Result<f64> {
        let metadata = std::fs::metadata(path).with_context(|| path.display().to_string())?;
        Ok(metadata.len() as f64 / 1e6)
    };
    println!("{:.1} MB → {:.1} MB, {}", size(&args.model)?, size(&args.output)?, args.output.display());
    Ok(())
}

/// Moves the weights of `model` by `share` of the way to those of the model in `path`. Where only `model` has a detail head, the other
/// gets one like its own prediction's; a branch stays as it is.
fn average(model: &mut Checkpoint, path: &Path, share: f64) -> anyhow::Result<()> {
    let mut other = Checkpoint::open(path)?;
    if model.config.unet.detail_head {
        let lacks_branch = other.config.unet.detail_width == 0;
        other = other.with_detail_head(model.config.unet.detail_width)?;
        if lacks_branch {
            let branch = model.weights.iter().filter(|(name, _)| name.starts_with("branch."));
            for (name, weight) in branch {
                other.weights.insert(name.clone(), weight.f_detach_copy()?);
            }
        }
    }
    ensure!(
        other.config.unet == model.config.unet && other.config.class_names == model.config.class_names,
        "{} is of another network than --model; only weights of the same can be averaged",
        path.display()
    );
    for (name, weight) in &mut model.weights {
        let other = other.weights.get(name).with_context(|| format!("{} lacks {name}", path.display()))?;
        let (own, other) = (weight.f_to_kind(Kind::Float)?, other.f_to_kind(Kind::Float)?);
        *weight = own.f_lerp(&other, share)?;
    }
    Ok(())
}
