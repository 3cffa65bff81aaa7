// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a benchmark compares with: the median time of a call, the machine's own convolution peak, the memory it took.

use std::time::{Duration, Instant};

use anyhow::Result;
use tch::{Device, Kind, Tensor};

/// What the peak is of, for the report.
pub const PEAK: &str = "3×3 convolution, 256 channels, 64×64";

/// FLOP/s of a plain 3×3 convolution of 256 channels at 64×64 in channels-last memory, measured for about `seconds`.
pub fn convolution_peak(device: Device, kind: Kind, seconds: f64) -> Result<f64> {
    let _no_grad = tch::no_grad_guard();
    let channels_last = |tensor: Tensor| -> Result<Tensor> {
        Ok(tensor.f_permute([0, 2, 3, 1])?.f_contiguous()?.f_permute([0, 3, 1, 2])?)
    };
    let x = channels_last(Tensor::f_rand([1, 256, 64, 64], (Kind::Float, device))?.f_to_kind(kind)?)?;
    let weight = channels_last(Tensor::f_rand([256, 256, 3, 3], (Kind::Float, device))?.f_to_kind(kind)?)?;
    let time = median_seconds(seconds, || {
        let _ = x.f_conv2d(&weight, None::<&Tensor>, [1, 1], [1, 1], [1, 1], 1)?;
        synchronise(device);
        Ok(())
    })?;
    Ok(2.0 * 9.0 * 256.0 * 256.0 * 64.0 * 64.0 / time)
}

/// Waits for the work that a CUDA device was given.
pub fn synchronise(device: Device) {
    if let Device::Cuda(index) = device {
        tch::Cuda::synchronize(index as i64);
    }
}

/// What a call returns over about `seconds`, after up to three calls to warm up. At least five times, unless a call takes
/// so long that they would be four times as many seconds.
pub fn repeat<T>(seconds: f64, mut call: impl FnMut() -> Result<T>) -> Result<Vec<T>> {
    let start = Instant::now();
    for _ in 0..3 {
        call()?;
        if start.elapsed().as_secs_f64() > seconds {
            break;
        }
    }
    let mut results = Vec::new();
    let start = Instant::now();
    loop {
        results.push(call()?);
        let elapsed = start.elapsed().as_secs_f64();
        if elapsed >= seconds && (results.len() >= 5 || elapsed >= 4.0 * seconds) {
            return Ok(results);
        }
    }
}

/// The median time in seconds of a call over about `seconds`, repeated as by [`repeat`].
pub fn median_seconds(seconds: f64, mut call: impl FnMut() -> Result<()>) -> Result<f64> {
    let times = repeat(seconds, || {
        let begin = Instant::now();
        call()?;
        Ok(begin.elapsed())
    })?;
    Ok(median(times))
}

/// The median of some times, in seconds; 0 of none.
pub fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times.get(times.len() / 2).map_or(0.0, Duration::as_secs_f64)
}

/// The most memory in bytes that this process has had at once (Linux: VmHWM); `None` elsewhere.
pub fn peak_memory() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kilobytes = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.split_whitespace().next()?;
    Some(kilobytes.parse::<f64>().ok()? * 1024.0)
}
