// SPDX-License-Identifier: MIT OR Apache-2.0
//! `idm iterate`: train, enhance the training pictures, train again towards them.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use restore_core::DeviceChoice;

use super::enhance::STEPS;
use crate::iteration::IterateJob;
use crate::jobs::interrupt::Outcome;
use crate::memory::keep_freed;
use crate::train::LossNetworkFiles;

/// Train, enhance the training pictures, train again towards them: the paper's two iterations (Eq. 10)
///
/// RUN/first: f is trained on (x, d(x)), as idm train does. RUN/enhanced: x* = f(x) of every training picture, as idm
/// enhance does. RUN/second: f* is trained from f's weights on (x*, d(x)), by the same configuration with the next seed
/// (RUN/second.toml). RUN/model.safetensors is f*, the model to use.
///
/// With --validation, what the second iteration changed on those pictures is printed and written to RUN/iterations.md
/// and RUN/iterations.json: PSNR and SSIM of x_d, f(x_d), f*(x_d), f(x) and f*(x) against x, and their differences
/// picture by picture, with 95 % bootstrap intervals.
///
/// It may be interrupted at any moment (Ctrl-C, kill -9, a full disk, the end of a job): the same command goes on where it
/// was, to the same model. RUN/iterate.json holds what it was started with; a RUN of another configuration or other
/// pictures is refused. On a cluster, the jobs of an array may share the enhancement: once f is trained, run idm enhance
/// --shard I/N from --data into RUN/enhanced with RUN/first/model.safetensors and the same --steps and --seed (that of
/// the configuration), then this command again.
///
/// A training picture that cannot be enhanced keeps itself as its target.
#[derive(Debug, Args)]
pub struct IterateArgs {
    /// Configuration of both trainings (TOML), see training/configs
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Folder of training pictures, PNG, JPEG, WebP, TIFF, GIF or BMP, in folders below it too
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Folder for everything that is made
    #[arg(long, value_name = "RUN")]
    output: PathBuf,
    /// Folder of pictures to compare the two models on, which are in no training set
    #[arg(long, value_name = "DIR")]
    validation: Option<PathBuf>,
    /// Start f from the weights of this model of the same network, as idm train does; once f's training has begun this has no
    /// effect
    #[arg(long, value_name = "MODEL")]
    init: Option<PathBuf>,
    /// With --init, the weights of model.unet.coarse: a model of that network, trained at half the size
    #[arg(long, value_name = "MODEL", requires = "init")]
    coarse: Option<PathBuf>,
    #[command(flatten)]
    networks: LossNetworkFiles,
    /// Iterations of the second training [default: those of the first]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    second_iterations: Option<u64>,
    /// Sampling steps of the enhancement and of the comparison
    #[arg(long, value_name = "N", default_value_t = STEPS)]
    steps: usize,
    /// auto, cpu or cuda:N
    #[arg(long, default_value = "auto", value_name = "DEVICE")]
    device: DeviceChoice,
    /// Threads that load and degrade pictures
    #[arg(long, default_value_t = 2, value_name = "N")]
    workers: usize,
}

/// Runs `idm iterate`.
///
/// # Errors
/// As [`IterateJob::run`].
pub fn run(args: &IterateArgs) -> Result<Outcome> {
    keep_freed();
    let job = IterateJob {
        config: args.config.clone(),
        data: args.data.clone(),
        output: args.output.clone(),
        validation: args.validation.clone(),
        init: args.init.clone(),
        coarse: args.coarse.clone(),
        networks: args.networks.clone(),
        second_iterations: args.second_iterations,
        steps: args.steps,
        device: args.device,
        workers: args.workers,
    };
    Ok(job.run()?)
}
