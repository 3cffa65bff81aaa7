//! PSNR and SSIM between two pictures, and the mean of a measure over a set with its uncertainty.

use image::RgbImage;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

/// Side of SSIM's window in pixels.
const WINDOW: usize = 11;
/// Standard deviation of SSIM's window in pixels.
const WINDOW_SIGMA: f64 = 1.5;
/// Largest difference of two pixel values.
const PEAK: f64 = 255.0;

/// What an identical pair counts as in a mean of PSNR, in dB. (One value out of a whole 512×512 picture
/// that is off by one already gives 107 dB, so the cap touches only what is identical to the eye.)
pub const PSNR_CAP: f64 = 100.0;

/// Resamples of [`Mean::of`].
const RESAMPLES: usize = 2000;

/// Two pictures that cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum MetricError {
    /// Different sizes.
    #[error("cannot compare a picture of {left:?} pixels with one of {right:?}: make them the same size")]
    SizesDiffer {
        /// Width and height of the first.
        left: (u32, u32),
        /// Width and height of the second.
        right: (u32, u32),
    },
    /// Too few pixels for the measure.
    #[error("a picture of {0:?} pixels is too small: SSIM's window is {WINDOW}×{WINDOW} pixels")]
    TooSmall((u32, u32)),
}

/// Peak signal-to-noise ratio in dB over all pixels and colours of two 8-bit pictures,
/// 10 lg(255² / mean squared error); infinite for identical pictures.
///
/// # Errors
/// [`MetricError`] when the sizes differ or there are no pixels.
pub fn psnr(left: &RgbImage, right: &RgbImage) -> Result<f64, MetricError> {
    check_sizes(left, right, 1)?;
    let squares: u64 =
        left.as_raw().iter().zip(right.as_raw()).map(|(&a, &b)| u64::from(a.abs_diff(b)).pow(2)).sum();
    let mean = squares as f64 / left.as_raw().len() as f64;
    Ok(10.0 * (PEAK * PEAK / mean).log10())
}

/// Structural similarity (Wang et al. 2004): 11×11 Gaussian window with σ = 1.5, K1 = 0.01, K2 = 0.03,
/// L = 255, over the positions where the window lies inside the picture, for each colour; their mean.
///
/// # Errors
/// [`MetricError`] when the sizes differ or a side is below 11 pixels.
pub fn ssim(left: &RgbImage, right: &RgbImage) -> Result<f64, MetricError> {
    check_sizes(left, right, WINDOW as u32)?;
    let (width, height) = (left.width() as usize, left.height() as usize);
    let mean = (0..3).map(|colour| ssim_of_plane(&plane(left, colour), &plane(right, colour), width, height));
    Ok(mean.sum::<f64>() / 3.0)
}

fn check_sizes(left: &RgbImage, right: &RgbImage, least: u32) -> Result<(), MetricError> {
    if left.dimensions() != right.dimensions() {
        return Err(MetricError::SizesDiffer { left: left.dimensions(), right: right.dimensions() });
    }
    if left.width().min(left.height()) < least {
        return Err(MetricError::TooSmall(left.dimensions()));
    }
    Ok(())
}

fn plane(picture: &RgbImage, colour: usize) -> Vec<f64> {
    picture.as_raw().iter().skip(colour).step_by(3).map(|&value| f64::from(value)).collect()
}

fn ssim_of_plane(left: &[f64], right: &[f64], width: usize, height: usize) -> f64 {
    let (c1, c2) = ((0.01 * PEAK).powi(2), (0.03 * PEAK).powi(2));
    let products = |a: &[f64], b: &[f64]| -> Vec<f64> { a.iter().zip(b).map(|(a, b)| a * b).collect() };
    let windowed = |values: &[f64]| window_means(values, width, height);
    let (mean_l, mean_r) = (windowed(left), windowed(right));
    let square_l = windowed(&products(left, left));
    let square_r = windowed(&products(right, right));
    let product = windowed(&products(left, right));
    let sum: f64 = (0..product.len())
        .map(|i| {
            let (l, r) = (mean_l[i], mean_r[i]);
            let variances = square_l[i] - l * l + square_r[i] - r * r;
            let covariance = product[i] - l * r;
            (2.0 * l * r + c1) * (2.0 * covariance + c2) / ((l * l + r * r + c1) * (variances + c2))
        })
        .sum();
    sum / product.len() as f64
}

/// Gaussian-weighted means of every whole window of a plane, row by row.
fn window_means(values: &[f64], width: usize, height: usize) -> Vec<f64> {
    let radius = (WINDOW / 2) as f64;
    let weights: [f64; WINDOW] =
        std::array::from_fn(|i| (-0.5 * ((i as f64 - radius) / WINDOW_SIGMA).powi(2)).exp());
    let sum: f64 = weights.iter().sum();
    let weights = weights.map(|weight| weight / sum);
    let columns = width - WINDOW + 1;
    let mut means = Vec::with_capacity(columns * (height - WINDOW + 1));
    let mut down = vec![0.0; width];
    for top in 0..=height - WINDOW {
        down.fill(0.0);
        for (row, weight) in values[top * width..].chunks_exact(width).zip(weights) {
            down.iter_mut().zip(row).for_each(|(sum, value)| *sum += weight * value);
        }
        means.extend(
            down.windows(WINDOW).map(|window| window.iter().zip(weights).map(|(v, w)| v * w).sum::<f64>()),
        );
    }
    means
}

/// The mean of a measure over a set of pictures and its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Mean {
    /// The mean.
    pub mean: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

impl Mean {
    /// The mean of `values` with the percentile bootstrap interval (2000 resamples from a fixed seed, so the
    /// same values always give the same interval). `None` without values. Cap infinite PSNRs first
    /// ([`PSNR_CAP`]).
    #[must_use]
    pub fn of(values: &[f64]) -> Option<Self> {
        if values.is_empty() {
            return None;
        }
        let count = values.len();
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let mut means: Vec<f64> = (0..RESAMPLES)
            .map(|_| (0..count).map(|_| values[rng.random_range(0..count)]).sum::<f64>() / count as f64)
            .collect();
        means.sort_by(f64::total_cmp);
        let quantile = |share: f64| means[((RESAMPLES - 1) as f64 * share).round() as usize];
        Some(Self {
            mean: values.iter().sum::<f64>() / count as f64,
            low: quantile(0.025),
            high: quantile(0.975),
        })
    }
}
