// SPDX-License-Identifier: MIT OR Apache-2.0
//! The speed of making pictures of noise.

use std::path::Path;

use anyhow::{Result, ensure};
use restore_core::{Checkpoint, Generator, GeneratorOptions};

use super::measure::{convolution_peak, median_seconds};
use super::{BenchArgs, Speed, print_cost};

/// Measures `checkpoint`, a generator; `path` is for messages.
pub fn run(args: &BenchArgs, mut checkpoint: Checkpoint, path: &Path) -> Result<()> {
    let (batch, steps) = (args.batch.unwrap_or(1), args.steps.unwrap_or(1));
    ensure!(batch > 0, "--batch is 0, must be at least 1");
    if let Some(size) = args.size {
        checkpoint.config.crop_size = size;
        checkpoint.config.validate()?;
    }
    let options = GeneratorOptions {
        device: args.device,
        precision: Some(args.precision),
        steps: Some(steps),
        ..GeneratorOptions::default()
    };
    let generator = Generator::new(&checkpoint, path, &options)?;
    let (device, precision) = (generator.device(), generator.precision());
    let classes = vec![(checkpoint.config.unet.condition.classes() > 0).then_some(0); batch];
    let seeds: Vec<u64> = (0..batch as u64).collect();

    let peak_before = convolution_peak(device, precision.kind(), args.seconds / 4.0)?;
    let seconds = median_seconds(args.seconds, || {
        let _ = generator.generate(&seeds, &classes)?;
        Ok(())
    })?;
    let peak = peak_before.max(convolution_peak(device, precision.kind(), args.seconds / 4.0)?);

    let (size, flops) = (checkpoint.config.crop_size, generator.flops() as f64);
    println!("picture     {size}×{size}, batch {batch}, {steps} steps of {}", generator.sampler());
    print_cost("picture", flops, seconds, steps, batch);
    Speed { device, precision, achieved: flops * (batch * steps) as f64 / seconds, peak }.print();
    Ok(())
}
