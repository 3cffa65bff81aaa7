// SPDX-License-Identifier: MIT OR Apache-2.0
//! The speed of restoring faces.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use restore_core::{Checkpoint, DiffusionOptions, DiffusionRestorer, Restorer, Sampling};
use tch::{Device, Kind, Tensor};

use super::measure::{convolution_peak, median, repeat};
use super::{BenchArgs, Speed, print_cost};

/// Measures the restoration of faces of noise by `checkpoint`; `path` is for messages.
pub fn run(args: &BenchArgs, mut checkpoint: Checkpoint, path: &Path) -> Result<()> {
    let batch = args.batch.unwrap_or(1);
    ensure!(batch > 0, "--batch is 0, must be at least 1");
    if let Some(size) = args.size {
        checkpoint.config.crop_size = size;
        checkpoint.config.validate()?;
    }
    let options = DiffusionOptions {
        device: args.device,
        precision: Some(args.precision),
        steps: args.steps.or(checkpoint.config.inference.detail_gamma.is_none().then_some(1)),
        sampler: None,
    };
    let mut restorer = DiffusionRestorer::new(&checkpoint, path, &options)?;
    let (device, precision, size) =
        (restorer.device(), restorer.precision(), i64::from(restorer.crop_size()));

    // The machine's clock and its neighbours vary: the peak is taken before and after, and the better one counts.
    let peak_before = convolution_peak(device, precision.kind(), args.seconds / 4.0)?;
    let faces = Tensor::f_rand([batch as i64, 3, size, size], (Kind::Float, Device::Cpu))?
        .f_mul_scalar(2.0)?
        .f_sub_scalar(1.0)?;
    let seeds: Vec<u64> = (0..batch as u64).collect();
    let own = restorer.sampling();
    let sampler = restorer.config().inference.sampler;
    let two_steps =
        matches!(own, Sampling::MeanDetail { .. }).then_some(Sampling::Steps { steps: 2, sampler });
    // In turns, so that the machine's clock and its neighbours are the same to both.
    let turns = repeat(args.seconds, || {
        let time = |sampling| -> Result<Duration> {
            restorer.set_sampling(sampling)?;
            let begin = Instant::now();
            let _ = restorer.restore(&faces, &seeds)?;
            Ok(begin.elapsed())
        };
        [Some(own), two_steps].into_iter().flatten().map(time).collect::<Result<Vec<Duration>>>()
    })?;
    let median_of = |way: usize| median(turns.iter().filter_map(|turn| turn.get(way)).copied().collect());
    let seconds = median_of(0);
    let peak = peak_before.max(convolution_peak(device, precision.kind(), args.seconds / 4.0)?);

    let step_flops = restorer.flops(size) as f64;
    let steps = args.steps.unwrap_or(1);
    let way = match own {
        Sampling::MeanDetail { .. } => "the mean once, the detail once".to_owned(),
        Sampling::Steps { steps, .. } => format!("{steps} steps"),
    };
    println!("face        {size}×{size}, batch {batch}, {way}");
    print_cost("face", step_flops, seconds, steps, batch);
    if two_steps.is_some() {
        let two = median_of(1);
        println!(
            "two steps   {:.1} ms a face; {:.2} of that is the time above",
            two / batch as f64 * 1e3,
            seconds / two
        );
    }
    Speed { device, precision, achieved: step_flops * (batch * steps) as f64 / seconds, peak }.print();
    Ok(())
}
