// SPDX-License-Identifier: MIT OR Apache-2.0
//! Peak signal-to-noise ratio and root mean square difference of two pictures.

use image::RgbImage;

use super::error::{MetricError, check_sizes};

/// Largest difference of two pixel values.
pub(super) const PEAK: f64 = 255.0;

/// What an identical pair counts as in a mean of PSNR, in dB. (One value out of a whole 512×512 picture
/// that is off by one already gives 107 dB, so the cap touches only what is identical to the eye.)
pub const PSNR_CAP: f64 = 100.0;

/// Peak signal-to-noise ratio in dB over all pixels and colours of two 8-bit pictures,
/// 10 lg(255² / mean squared error); infinite for identical pictures.
///
/// # Errors
/// [`MetricError`] when the sizes differ or there are no pixels.
pub fn psnr(left: &RgbImage, right: &RgbImage) -> Result<f64, MetricError> {
    Ok(10.0 * (PEAK * PEAK / mean_square(left, right)?).log10())
}

/// Root of the mean squared difference over all pixels and colours of two 8-bit pictures, in levels: 0 for identical pictures.
///
/// # Errors
/// [`MetricError`] when the sizes differ or there are no pixels.
pub fn rms_difference(left: &RgbImage, right: &RgbImage) -> Result<f64, MetricError> {
    Ok(mean_square(left, right)?.sqrt())
}

fn mean_square(left: &RgbImage, right: &RgbImage) -> Result<f64, MetricError> {
    check_sizes(left, right, 1)?;
    let squares: u64 =
        left.as_raw().iter().zip(right.as_raw()).map(|(&a, &b)| u64::from(a.abs_diff(b)).pow(2)).sum();
    Ok(squares as f64 / left.as_raw().len() as f64)
}
