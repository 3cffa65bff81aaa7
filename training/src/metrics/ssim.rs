// SPDX-License-Identifier: MIT OR Apache-2.0
//! Structural similarity of two pictures.

use image::RgbImage;

use super::error::{MetricError, SSIM_WINDOW as WINDOW, check_sizes};
use super::psnr::PEAK;

/// Standard deviation of SSIM's window in pixels.
const WINDOW_SIGMA: f64 = 1.5;

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
