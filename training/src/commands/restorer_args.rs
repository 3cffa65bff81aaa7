//! The arguments that say which model to run and how, shared by the commands that restore faces.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use restore_core::{Checkpoint, DeviceChoice, DiffusionOptions, DiffusionRestorer, Precision, Sampler};

/// Where and how exactly to compute.
#[derive(Debug, Clone, Copy, Args)]
#[command(next_help_heading = "Model")]
pub struct ComputeArgs {
    /// Where to compute: auto, cpu, cuda or cuda:N
    #[arg(long, value_name = "DEVICE", default_value_t = DeviceChoice::Auto)]
    pub device: DeviceChoice,
    /// In which precision: auto, fp32, bf16 or fp16
    #[arg(long, value_name = "PRECISION", default_value_t = Precision::Auto)]
    pub precision: Precision,
}

/// Which model to run, and how.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Model")]
pub struct RestorerArgs {
    /// The model: a safetensors file as `idm train` writes it
    #[arg(long, value_name = "FILE")]
    pub model: PathBuf,
    /// Where and how exactly to compute.
    #[command(flatten)]
    pub compute: ComputeArgs,
    /// Sampler: ddpm (with noise between steps) or ddim (without) [default: the model's own]
    #[arg(long, value_name = "SAMPLER")]
    pub sampler: Option<Sampler>,
}

impl RestorerArgs {
    /// Reads the model file.
    pub fn checkpoint(&self) -> anyhow::Result<Checkpoint> {
        Ok(Checkpoint::open(&self.model)?)
    }

    /// Makes a restorer of `steps` sampling steps (`None`: the model's own number).
    pub fn restorer(
        &self,
        checkpoint: &Checkpoint,
        steps: Option<usize>,
    ) -> anyhow::Result<DiffusionRestorer> {
        new_restorer(checkpoint, &self.model, self.compute, steps, self.sampler)
    }
}

/// Makes a restorer of the model in the file `model`; `None` is the model's own number of steps or sampler.
pub fn new_restorer(
    checkpoint: &Checkpoint,
    model: &Path,
    compute: ComputeArgs,
    steps: Option<usize>,
    sampler: Option<Sampler>,
) -> anyhow::Result<DiffusionRestorer> {
    let ComputeArgs { device, precision } = compute;
    let options = DiffusionOptions { device, precision: Some(precision), steps, sampler };
    DiffusionRestorer::new(checkpoint, model, &options)
        .with_context(|| format!("cannot run {}", model.display()))
}
