// SPDX-License-Identifier: MIT OR Apache-2.0
//! `idm train`: trains a model on a folder of pictures.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use restore_core::DeviceChoice;

use crate::jobs::interrupt::Outcome;
use crate::memory::keep_freed;
use crate::train::{LossNetworkFiles, TrainJob};

/// Arguments of `idm train`.
#[derive(Debug, Args)]
pub struct TrainArgs {
    /// Configuration of the run (TOML), see training/configs
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Folder of pictures, PNG, JPEG, WebP, TIFF, GIF or BMP, in folders below it too: aligned faces, or what data.kind says; of a generator with classes
    /// a folder for each
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Folder of targets x* by the names of the pictures in --data, as idm enhance writes them [default: the pictures]
    #[arg(long, value_name = "DIR")]
    targets: Option<PathBuf>,
    /// Folder of the run: model.safetensors, state.safetensors, metrics.csv, loss.png, samples, TensorBoard events
    #[arg(long, value_name = "RUN")]
    output: PathBuf,
    /// Folder of faces to look at during the run [default: some of those in --data]
    #[arg(long, value_name = "DIR")]
    validation: Option<PathBuf>,
    /// Start from the weights of this model of the same network, trained at any size
    #[arg(long, value_name = "MODEL", conflicts_with = "resume")]
    init: Option<PathBuf>,
    /// With --init, the weights of model.unet.coarse: a model of that network, trained at half the size
    #[arg(long, value_name = "MODEL", requires = "init")]
    coarse: Option<PathBuf>,
    #[command(flatten)]
    networks: LossNetworkFiles,
    /// Go on from the state in RUN
    #[arg(long)]
    resume: bool,
    /// auto, cpu or cuda:N
    #[arg(long, default_value = "auto", value_name = "DEVICE")]
    device: DeviceChoice,
    /// Threads that load and degrade pictures
    #[arg(long, default_value_t = 2, value_name = "N")]
    workers: usize,
}

/// Runs `idm train`.
///
/// # Errors
/// As [`TrainJob::run`].
pub fn run(args: &TrainArgs) -> Result<Outcome> {
    keep_freed();
    let job = TrainJob {
        config: args.config.clone(),
        data: args.data.clone(),
        targets: args.targets.clone(),
        output: args.output.clone(),
        validation: args.validation.clone(),
        init: args.init.clone(),
        coarse: args.coarse.clone(),
        networks: args.networks.clone(),
        resume: args.resume,
        device: args.device,
        workers: args.workers,
    };
    Ok(job.run()?)
}
