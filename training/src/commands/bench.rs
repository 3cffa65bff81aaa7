//! `idm bench`: the speed of a model beside the machine's own peak, measured in the same run.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Result, ensure};
use clap::Args;
use restore_core::{
    Checkpoint, DeviceChoice, DiffusionRestorer, Precision, Restorer, RestorerOptions, device_name,
};
use tch::{Device, Kind, Tensor};

/// Arguments of `idm bench`.
#[derive(Debug, Args)]
pub struct BenchArgs {
    /// The model
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// Width and height of the faces [default: the model's crop size]
    #[arg(long, value_name = "N")]
    size: Option<u32>,
    /// Faces in one batch
    #[arg(long, default_value_t = 1, value_name = "N")]
    batch: usize,
    /// Sampling steps
    #[arg(long, default_value_t = 1, value_name = "N")]
    steps: usize,
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
    ensure!(args.batch > 0, "--batch is 0, must be at least 1");
    let mut checkpoint = Checkpoint::open(&args.model)?;
    if let Some(size) = args.size {
        checkpoint.config.crop_size = size;
        checkpoint.config.validate()?;
    }
    let options = RestorerOptions {
        device: args.device,
        precision: Some(args.precision),
        steps: Some(args.steps),
        sampler: None,
    };
    let restorer = DiffusionRestorer::new(&checkpoint, &args.model, &options)?;
    let (device, precision, size) =
        (restorer.device(), restorer.precision(), i64::from(restorer.crop_size()));

    // The machine's clock and its neighbours vary: the peak is taken before and after, and the better one counts.
    let peak_before = convolution_peak(device, precision.kind(), args.seconds / 4.0)?;
    let faces = Tensor::f_rand([args.batch as i64, 3, size, size], (Kind::Float, Device::Cpu))?
        .f_mul_scalar(2.0)?
        .f_sub_scalar(1.0)?;
    let seeds: Vec<u64> = (0..args.batch as u64).collect();
    let seconds = median_seconds(args.seconds, || {
        let _ = restorer.restore(&faces, &seeds)?;
        Ok(())
    })?;
    let peak = peak_before.max(convolution_peak(device, precision.kind(), args.seconds / 4.0)?);

    let step_flops = restorer.flops(size) as f64;
    let steps = (args.batch * args.steps) as f64;
    let achieved = step_flops * steps / seconds;
    println!("device      {} in {precision}, {} threads", device_name(device), tch::get_num_threads());
    println!("face        {size}×{size}, batch {}, {} steps", args.batch, args.steps);
    println!("work        {:.2} GFLOP a step and face", step_flops / 1e9);
    println!(
        "time        {:.1} ms a step and face, {:.1} ms a face",
        seconds / steps * 1e3,
        seconds / args.batch as f64 * 1e3
    );
    println!("speed       {:.3} TFLOP/s", achieved / 1e12);
    println!("peak        {:.3} TFLOP/s (3×3 convolution, 256 channels, 64×64, {precision})", peak / 1e12);
    println!("share       {:.0} %", 100.0 * achieved / peak);
    Ok(())
}

/// FLOP/s of a plain 3×3 convolution of 256 channels at 64×64 in channels-last memory.
fn convolution_peak(device: Device, kind: Kind, seconds: f64) -> Result<f64> {
    let _no_grad = tch::no_grad_guard();
    let channels_last = |tensor: Tensor| -> Result<Tensor> {
        Ok(tensor.f_permute([0, 2, 3, 1])?.f_contiguous()?.f_permute([0, 3, 1, 2])?)
    };
    let x = channels_last(Tensor::f_rand([1, 256, 64, 64], (Kind::Float, device))?.f_to_kind(kind)?)?;
    let weight = channels_last(Tensor::f_rand([256, 256, 3, 3], (Kind::Float, device))?.f_to_kind(kind)?)?;
    let time = median_seconds(seconds, || {
        let _ = x.f_conv2d(&weight, None::<&Tensor>, [1, 1], [1, 1], [1, 1], 1)?;
        if let Device::Cuda(index) = device {
            tch::Cuda::synchronize(index as i64);
        }
        Ok(())
    })?;
    Ok(2.0 * 9.0 * 256.0 * 256.0 * 64.0 * 64.0 / time)
}

/// The median time of a call over about `seconds`, after three calls to warm up; at least five calls.
fn median_seconds(seconds: f64, mut call: impl FnMut() -> Result<()>) -> Result<f64> {
    for _ in 0..3 {
        call()?;
    }
    let mut times = Vec::new();
    let start = Instant::now();
    while times.len() < 5 || start.elapsed().as_secs_f64() < seconds {
        let begin = Instant::now();
        call()?;
        times.push(begin.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}
