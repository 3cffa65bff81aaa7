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

/// The mask of a crop size as this needs it; the same for every face of that size.
#[derive(Debug)]
pub(crate) struct ToneMask {
    /// The mask in three channels, `CV_32FC3`.
    weights: Mat,
    /// Its low frequencies on the coarse grid, `CV_32FC3`, nowhere 0.
    share: Mat,
    /// Its sum over a channel.
    total: f64,
    /// Size of the coarse grid, and σ in its pixels.
    coarse: (Size, f64),
}

impl ToneMask {
    /// Of `mask` (`CV_32FC1`), a part of a `crop_size`×`crop_size` crop.
    pub(crate) fn new(mask: &Mat, crop_size: u32) -> Result<Self, DetectError> {
        Self::of(mask, f64::from(crop_size)).map_err(DetectError::at("keeping the tone of a face"))
    }

    fn of(mask: &Mat, crop_size: f64) -> opencv::Result<Self> {
        let mut weights = Mat::default();
        imgproc::cvt_color_def(mask, &mut weights, imgproc::COLOR_GRAY2BGR)?;
        let shrink = (COARSE_SIDE / crop_size).min(1.0);
        let coarse_side = |side: i32| ((f64::from(side) * shrink).round() as i32).max(1);
        let size = Size::new(coarse_side(mask.cols()), coarse_side(mask.rows()));
        let coarse = (size, crop_size * shrink * SIGMA_SHARE);
        let mut share = Mat::default();
        // Far from the mask the weights vanish; the small number keeps quotients by them finite.
        core::add(&blurred(&weights, coarse)?, &Scalar::all(1e-6), &mut share, &no_array(), -1)?;
        Ok(Self { weights, share, total: core::sum_elems(mask)?[0], coarse })
    }

    /// Subtracts from `delta` (`CV_32FC3`, the part of the crop that the mask covers) its low frequencies and then its mean, both
    /// weighted by the mask, so that Σ mask·delta = 0 per channel afterwards.
    ///
    /// The low frequencies are a normalised convolution, G∗(mask·delta) / G∗mask, which lets nothing
    /// from outside the mask leak in.
    pub(crate) fn remove_tone(&self, delta: &mut Mat) -> Result<(), DetectError> {
        self.remove(delta).map_err(DetectError::at("keeping the tone of a face"))
    }

    fn remove(&self, delta: &mut Mat) -> opencv::Result<()> {
        for _ in 0..PASSES {
            let low = self.low_frequencies(delta)?;
            subtract_in_place(delta, &low)?;
        }
        if self.total > 0.0 {
            let sums = core::sum_elems(&self.weighted(delta)?)?;
            let mean = |channel: usize| sums[channel] / self.total;
            subtract_in_place(delta, &Scalar::new(mean(0), mean(1), mean(2), 0.0))?;
        }
        Ok(())
    }

    fn low_frequencies(&self, delta: &Mat) -> opencv::Result<Mat> {
        let tone = blurred(&self.weighted(delta)?, self.coarse)?;
        let (mut ratio, mut low) = (Mat::default(), Mat::default());
        core::divide2(&tone, &self.share, &mut ratio, 1.0, -1)?;
        imgproc::resize(&ratio, &mut low, delta.size()?, 0.0, 0.0, INTER_CUBIC)?;
        Ok(low)
    }

    fn weighted(&self, image: &Mat) -> opencv::Result<Mat> {
        let mut result = Mat::default();
        core::multiply(image, &self.weights, &mut result, 1.0, -1)?;
        Ok(result)
    }
}

/// The image on the coarse grid, without its high frequencies.
fn blurred(image: &Mat, (size, sigma): (Size, f64)) -> opencv::Result<Mat> {
    let (mut small, mut smooth) = (Mat::default(), Mat::default());
    imgproc::resize(image, &mut small, size, 0.0, 0.0, INTER_AREA)?;
    imgproc::gaussian_blur(&small, &mut smooth, Size::default(), sigma, sigma, BORDER_CONSTANT)?;
    Ok(smooth)
}

fn subtract_in_place(image: &mut Mat, subtrahend: &impl core::ToInputArray) -> opencv::Result<()> {
    let mut result = Mat::default();
    core::subtract(image, subtrahend, &mut result, &no_array(), -1)?;
    *image = result;
    Ok(())
}
