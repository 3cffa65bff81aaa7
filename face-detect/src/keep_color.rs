// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keeping the frame's own tone: what a correction says about brightness and colour at large is dropped.

use opencv::core::{self, BORDER_CONSTANT, Mat, Scalar, Size, no_array};
use opencv::imgproc::{self, INTER_AREA, INTER_CUBIC};
use opencv::prelude::*;

use crate::error::DetectError;

/// σ of the Gaussian that separates tone from detail, as a share of the crop's side.
const SIGMA_SHARE: f64 = 1.0 / 8.0;
/// The low frequencies are computed on a grid on which the crop has at most this side; at σ = 8 of its
/// pixels the coarser grid loses nothing.
const COARSE_SIDE: f64 = 64.0;

/// One pass leaves a share of a slope across the face, since a mean within the mask leans inwards at
/// its rim; the second takes that share of the share.
const PASSES: u32 = 2;

/// Subtracts from `delta` (`CV_32FC3`, a part of a `crop_size`×`crop_size` crop) its low frequencies and then its mean, both weighted
/// by `mask` (`CV_32FC1`, same size), so that Σ mask·delta = 0 per channel afterwards.
///
/// The low frequencies are a normalised convolution, G∗(mask·delta) / G∗mask, which lets nothing
/// from outside the mask leak in.
pub(crate) fn remove_tone(delta: &mut Mat, mask: &Mat, crop_size: u32) -> Result<(), DetectError> {
    remove(delta, mask, f64::from(crop_size)).map_err(DetectError::at("keeping the tone of a face"))
}

fn remove(delta: &mut Mat, mask: &Mat, crop_size: f64) -> opencv::Result<()> {
    let mut weights = Mat::default();
    imgproc::cvt_color_def(mask, &mut weights, imgproc::COLOR_GRAY2BGR)?;
    for _ in 0..PASSES {
        let low = weighted_low_frequencies(delta, &weights, crop_size)?;
        subtract_in_place(delta, &low)?;
    }
    let total = core::sum_elems(mask)?[0];
    if total > 0.0 {
        let sums = core::sum_elems(&product(delta, &weights)?)?;
        let mean = Scalar::new(sums[0] / total, sums[1] / total, sums[2] / total, 0.0);
        subtract_in_place(delta, &mean)?;
    }
    Ok(())
}

fn weighted_low_frequencies(delta: &Mat, weights: &Mat, crop_size: f64) -> opencv::Result<Mat> {
    let shrink = (COARSE_SIDE / crop_size).min(1.0);
    let coarse_side = |side: i32| ((f64::from(side) * shrink).round() as i32).max(1);
    let coarse = Size::new(coarse_side(delta.cols()), coarse_side(delta.rows()));
    let sigma = crop_size * shrink * SIGMA_SHARE;
    let blurred = |image: &Mat| -> opencv::Result<Mat> {
        let mut small = Mat::default();
        imgproc::resize(image, &mut small, coarse, 0.0, 0.0, INTER_AREA)?;
        let mut smooth = Mat::default();
        imgproc::gaussian_blur(&small, &mut smooth, Size::default(), sigma, sigma, BORDER_CONSTANT)?;
        Ok(smooth)
    };
    let tone = blurred(&product(delta, weights)?)?;
    let mut share = Mat::default();
    // Far from the mask both terms vanish; the small number keeps their quotient finite.
    core::add(&blurred(weights)?, &Scalar::all(1e-6), &mut share, &no_array(), -1)?;
    let mut ratio = Mat::default();
    core::divide2(&tone, &share, &mut ratio, 1.0, -1)?;
    let mut low = Mat::default();
    imgproc::resize(&ratio, &mut low, delta.size()?, 0.0, 0.0, INTER_CUBIC)?;
    Ok(low)
}

fn product(image: &Mat, weights: &Mat) -> opencv::Result<Mat> {
    let mut result = Mat::default();
    core::multiply(image, weights, &mut result, 1.0, -1)?;
    Ok(result)
}

fn subtract_in_place(image: &mut Mat, subtrahend: &impl core::ToInputArray) -> opencv::Result<()> {
    let mut result = Mat::default();
    core::subtract(image, subtrahend, &mut result, &no_array(), -1)?;
    *image = result;
    Ok(())
}
