// SPDX-License-Identifier: MIT OR Apache-2.0
//! The arguments that say which model to run and how, shared by the commands that restore faces.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::Context;
use clap::Args;
use restore_core::{DeviceChoice, MODEL_FILE, Precision, Sampler, shipped};

use crate::restore::ModelChoice;

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
    /// The model: a safetensors file as `idm train` writes it [default: the one that came with this program]
    #[arg(long, value_name = "FILE")]
    pub model: Option<PathBuf>,
    /// Where and how exactly to compute.
    #[command(flatten)]
    pub compute: ComputeArgs,
    /// Sampler: ddpm (with noise between steps) or ddim (without) [default: the model's own]
    #[arg(long, value_name = "SAMPLER")]
    pub sampler: Option<Sampler>,
}

impl ComputeArgs {
    /// Runs the model in `file` so; without a sampler by its own.
    pub fn choice(self, file: &Path, sampler: Option<Sampler>) -> ModelChoice {
        ModelChoice { file: file.to_owned(), device: self.device, precision: self.precision, sampler }
    }
}

impl RestorerArgs {
    /// The model that the arguments name, or the shipped one.
    ///
    /// # Errors
    /// None is named, and none was shipped with this program.
    pub fn choice(&self) -> anyhow::Result<ModelChoice> {
        let file = match &self.model {
            Some(file) => file.clone(),
            None => shipped(MODEL_FILE).context("name a model with --model")?,
        };
        Ok(self.compute.choice(&file, self.sampler))
    }
}

/// A number from 0 to 1, for clap.
///
/// # Errors
/// What is wrong with the text.
pub fn share<T: FromStr + PartialOrd + From<u8>>(text: &str) -> Result<T, String> {
    let value: T = text.parse().map_err(|_| "it must be a number".to_owned())?;
    if (T::from(0)..=T::from(1)).contains(&value) {
        Ok(value)
    } else {
        Err("it must be from 0 to 1".to_owned())
    }
}
