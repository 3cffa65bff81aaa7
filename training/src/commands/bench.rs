// SPDX-License-Identifier: MIT OR Apache-2.0
//! `idm bench`: the speed of restoration, generation or training beside the machine's own peak, measured in the same run.

mod generation;
mod measure;
mod restoration;
mod training;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Args;
use restore_core::{Checkpoint, DeviceChoice, Precision, device_name};
use tch::Device;

use crate::train::config::TrainConfig;

/// Arguments of `idm bench`.
#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("network").required(true).multiple(false).args(["model", "config"])))]
pub struct BenchArgs {
    /// The model
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// An untrained model of this configuration (TOML), see training/configs
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Measure training by --config instead of restoration
    #[arg(long, conflicts_with = "steps")]
    train: bool,
    /// Train on the pictures of this folder, to see whether loading them keeps up; without it on noise
    #[arg(long, value_name = "DIR", requires = "train")]
    data: Option<PathBuf>,
    /// Threads that load and degrade pictures
    #[arg(long, default_value_t = 2, value_name = "N", requires = "data")]
    workers: usize,
    /// Width and height of the faces [default: the model's crop size]
    #[arg(long, value_name = "N")]
    size: Option<u32>,
    /// Faces in one batch [default: 1, in training what the configuration says]
    #[arg(long, value_name = "N")]
    batch: Option<usize>,
    /// Sampling steps [default: 1; for a model with a detail head the mean once and the detail once, beside two steps]
    #[arg(long, value_name = "N")]
    steps: Option<usize>,
    /// auto, cpu or cuda:N
    #[arg(long, default_value = "auto", value_name = "DEVICE")]
    device: DeviceChoice,
    /// auto, fp32, bf16 or fp16
    #[arg(long, default_value = "auto", value_name = "PRECISION")]
    precision: Precision,
    /// Seconds to measure for, after a warm-up
    #[arg(long, default_value_t = 5.0, value_name = "SECONDS")]
    seconds: f64,
}

/// Runs `idm bench`.
///
/// # Errors
/// When the model cannot be used at that size.
pub fn run(args: &BenchArgs) -> Result<()> {
    let Some(path) = &args.config else {
        ensure!(
            !args.train,
            "--train measures the recipe of a configuration; give --config instead of --model"
        );
        let path = args.model.as_deref().context("--model is missing")?;
        return inference(args, Checkpoint::open(path)?, path);
    };
    if args.train {
        crate::memory::keep_freed();
    }
    let mut config = TrainConfig::open(path)?;
    if !args.train {
        return inference(args, Checkpoint::untrained(&config.model, config.run.seed as i64)?, path);
    }
    if let Some(size) = args.size {
        (config.model.crop_size, config.data.crop) = (size, None);
    }
    if let Some(batch) = args.batch {
        (config.run.batch, config.optimiser.accumulate) = (batch, 1);
    }
    if args.precision != Precision::Auto {
        config.run.precision = args.precision;
    }
    // The work that is counted is that of a training of all weights.
    config.optimiser.only.clear();
    config.validate()?;
    training::run(args, &config)
}

/// Measures what a model is for.
fn inference(args: &BenchArgs, checkpoint: Checkpoint, path: &Path) -> Result<()> {
    if checkpoint.config.unet.condition.generates() {
        generation::run(args, checkpoint, path)
    } else {
        restoration::run(args, checkpoint, path)
    }
}

/// Prints what a step of `flops` costs, of `steps` for each of `batch` things called `noun` in `seconds`.
fn print_cost(noun: &str, flops: f64, seconds: f64, steps: usize, batch: usize) {
    println!("work        {:.2} GFLOP a step and {noun}", flops / 1e9);
    println!(
        "time        {:.1} ms a step and {noun}, {:.1} ms a {noun}",
        seconds / (batch * steps) as f64 * 1e3,
        seconds / batch as f64 * 1e3
    );
}

/// The part of the report that restoration and training share.
struct Speed {
    device: Device,
    precision: Precision,
    /// FLOP/s of the network.
    achieved: f64,
    /// FLOP/s of the convolution.
    peak: f64,
}

impl Speed {
    fn print(&self) {
        let Self { precision, achieved, peak, .. } = self;
        println!("speed       {:.3} TFLOP/s", achieved / 1e12);
        println!("peak        {:.3} TFLOP/s ({}, {precision})", peak / 1e12, measure::PEAK);
        println!("share       {:.0} % of the peak", 100.0 * achieved / peak);
        println!(
            "device      {} in {precision}, {} threads",
            device_name(self.device),
            tch::get_num_threads()
        );
        if let Some(bytes) = measure::peak_memory() {
            println!("memory      {:.2} GB at most", bytes / 1e9);
        }
    }
}
