// SPDX-License-Identifier: MIT OR Apache-2.0
//! The speed of training.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tch::{Device, Kind, Tensor};

use super::measure::{convolution_peak, median, repeat, synchronise};
use super::{BenchArgs, Speed};
use crate::data::dataset::FaceDataset;
use crate::train::config::TrainConfig;
use crate::train::loader::{Loader, LoaderOptions};
use crate::train::parallel::{Group, Share};
use crate::train::trainer::{StartFiles, Trainer};

/// What a training step costs in forward passes: its own, and one each for the gradients of activations and weights.
const FORWARD_PASSES: f64 = 3.0;

/// Measures optimiser steps of `config` on the pictures of `--data`, or on one batch of noise.
pub fn run(args: &BenchArgs, config: &TrainConfig) -> Result<()> {
    let mut trainer = Trainer::new(config, args.device, &StartFiles::default())?;
    let device = trainer.device();
    let precision = config.run.precision.resolve(device);
    let group = Group::alone();
    let mut batches = Batches::open(args, config)?;

    let peak_before = convolution_peak(device, precision.kind(), args.seconds / 4.0)?;
    let steps = repeat(args.seconds, || {
        let begin = Instant::now();
        let (x, x_d) = batches.next(device)?;
        let waited = begin.elapsed();
        trainer.step(&x, &x_d, &group)?;
        synchronise(device);
        Ok(Step { whole: begin.elapsed(), waited })
    })?;
    let peak = peak_before.max(convolution_peak(device, precision.kind(), args.seconds / 4.0)?);

    let seconds = median(steps.iter().map(|step| step.whole).collect());
    let (whole, waited) = steps.iter().fold((Duration::ZERO, Duration::ZERO), |(whole, waited), step| {
        (whole + step.whole, waited + step.waited)
    });
    let side = i64::from(config.pair_recipe().side());
    let flops = FORWARD_PASSES * trainer.unet().flops(side) as f64;
    let samples = config.faces_per_step() as f64;
    println!(
        "sample      {side}×{side}, {} in a step, {} at a time",
        config.faces_per_step(),
        config.run.batch
    );
    println!("work        {:.2} GFLOP a sample (3 forward passes)", flops / 1e9);
    println!(
        "time        {:.1} ms a sample, {:.1} ms a step (median of {})",
        seconds / samples * 1e3,
        seconds * 1e3,
        steps.len()
    );
    println!("samples     {:.2} a second", samples / seconds);
    Speed { device, precision, achieved: flops * samples / seconds, peak }.print();
    match args.data {
        Some(_) => println!(
            "waiting     {:.1} % of the time for data",
            100.0 * waited.as_secs_f64() / whole.as_secs_f64()
        ),
        None => println!("waiting     not measured; --data DIR measures with the loader"),
    }
    Ok(())
}

/// How long an optimiser step took.
struct Step {
    /// With the wait for its data.
    whole: Duration,
    /// The wait alone.
    waited: Duration,
}

/// Where the batches come from.
enum Batches {
    /// Degraded pictures, made by threads during the steps before.
    Loaded(Loader),
    /// The same noise each time, beside noise or the first class.
    Noise(Tensor, Tensor),
}

impl Batches {
    fn open(args: &BenchArgs, config: &TrainConfig) -> Result<Self> {
        let (recipe, condition) = (config.pair_recipe(), config.model.unet.condition);
        let Some(folder) = &args.data else {
            let (count, side) = (config.faces_per_step() as i64, i64::from(recipe.side()));
            let noise = || -> Result<Tensor> {
                let noise = Tensor::f_rand([count, 3, side, side], (Kind::Float, Device::Cpu))?;
                Ok(noise.f_mul_scalar(2.0)?.f_sub_scalar(1.0)?)
            };
            let told = if condition.generates() {
                Tensor::f_zeros([count], (Kind::Int64, Device::Cpu))?
            } else {
                noise()?
            };
            return Ok(Self::Noise(noise()?, told));
        };
        let options = LoaderOptions {
            recipe,
            condition,
            batch: config.faces_per_step(),
            share: Share::WHOLE,
            seed: config.run.seed,
            workers: args.workers,
        };
        let dataset = FaceDataset::open(folder, None, config.data.balance)
            .and_then(|dataset| dataset.for_condition(condition))
            .with_context(|| format!("cannot train on {}", folder.display()))?;
        Ok(Self::Loaded(Loader::start(dataset, &options, 0)))
    }

    fn next(&mut self, device: Device) -> Result<(Tensor, Tensor)> {
        Ok(match self {
            Self::Loaded(loader) => loader.next_batch(device)?,
            Self::Noise(x, x_d) => (x.shallow_clone(), x_d.shallow_clone()),
        })
    }
}
