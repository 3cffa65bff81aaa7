// SPDX-License-Identifier: MIT OR Apache-2.0
//! How sharp a picture is beside another: gradient energy.

use image::RgbImage;

use super::error::{MetricError, check_sizes};

/// Added to both energies: that of steps by 0.1 of 255, which no 8-bit picture can tell from none. It keeps the ratio finite.
const FLOOR: f64 = 0.01;

/// Gradient energy of `picture` as a share of that of `truth`: the mean square of the differences of neighbours in x plus
/// that in y, over all colours of 8-bit pictures. 1 is as sharp as the truth, less is softer, more is sharper than it or noisy.
///
/// # Errors
/// [`MetricError`] when the sizes differ or there are no pixels.
pub fn sharpness(picture: &RgbImage, truth: &RgbImage) -> Result<f64, MetricError> {
    check_sizes(picture, truth, 1)?;
    Ok((gradient_energy(picture) + FLOOR) / (gradient_energy(truth) + FLOOR))
}

fn gradient_energy(picture: &RgbImage) -> f64 {
    let row = picture.width() as usize * 3;
    let square = |(&a, &b): (&u8, &u8)| u64::from(a.abs_diff(b)).pow(2);
    let bytes = picture.as_raw();
    let across: u64 = bytes.chunks_exact(row).flat_map(|row| row.iter().zip(&row[3..])).map(square).sum();
    let down: u64 = bytes.iter().zip(&bytes[row..]).map(square).sum();
    let (width, height) = (f64::from(picture.width()), f64::from(picture.height()));
    let mean = |sum: u64, count: f64| sum as f64 / (3.0 * count).max(1.0);
    mean(across, (width - 1.0) * height) + mean(down, width * (height - 1.0))
}
