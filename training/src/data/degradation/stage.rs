// SPDX-License-Identifier: MIT OR Apache-2.0
//! One blur, down-sampling, noise and coding: the whole of Eq. 11, or a link of a longer chain.

use image::{Rgb32FImage, RgbImage};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

use super::h264::H264Params;
use super::jpeg::through_jpeg;
use super::ranges::{chance, check_probability, check_range, uniform, uniform_whole};
use super::{DegradationError, Filter, SharpenParams, TapeParams, clip, resample};
use crate::data::blur::Kernel;
use crate::picture::to_rgb8;

/// The ranges of one stage.
#[derive(Debug, Clone)]
pub(super) struct StageRanges {
    pub sigma: [f64; 2],
    pub isotropic_probability: f64,
    pub scale: [f64; 2],
    pub noise: [f64; 2],
    pub noise_probability: f64,
    pub gray_noise_probability: f64,
    pub quality: [u8; 2],
    pub skipped_share: f64,
}

impl StageRanges {
    /// Checks every field; `prefix` goes before their names.
    pub(super) fn validate(&self, prefix: &str) -> Result<(), DegradationError> {
        let name = |field: &str| format!("{prefix}{field}");
        let infinity = f64::MAX;
        check_range(&name("sigma"), self.sigma, [0.0, infinity], "two numbers, 0 <= low <= high")?;
        check_range(&name("scale"), self.scale, [1.0, infinity], "two numbers, 1 <= low <= high")?;
        check_range(&name("noise"), self.noise, [0.0, infinity], "two numbers, 0 <= low <= high")?;
        let expected = "two whole numbers, 1 <= low <= high <= 100";
        check_range(&name("quality"), self.quality, [1.0, 100.0], expected)?;
        check_probability(&name("isotropic_probability"), self.isotropic_probability)?;
        check_probability(&name("noise_probability"), self.noise_probability)?;
        check_probability(&name("gray_noise_probability"), self.gray_noise_probability)
    }

    /// Draws a stage, and whether the picture skips it. It takes the same number of values from `rng` whatever the
    /// ranges; their order is part of what a seed means.
    pub(super) fn draw<R: Rng + ?Sized>(&self, rng: &mut R) -> (bool, StageParams) {
        let (sigma_x, sigma_y) = (uniform(rng, self.sigma), uniform(rng, self.sigma));
        let rotation = uniform(rng, [-std::f64::consts::PI, std::f64::consts::PI]);
        let scale = uniform(rng, self.scale);
        let noise = uniform(rng, self.noise);
        let quality = uniform_whole(rng, self.quality);
        let isotropic = chance(rng, self.isotropic_probability);
        let gray_noise = chance(rng, self.gray_noise_probability);
        let skipped = chance(rng, self.skipped_share);
        let noise_seed = rng.random();
        let noisy = chance(rng, self.noise_probability);
        let params = StageParams {
            sigma_x,
            sigma_y: if isotropic { sigma_x } else { sigma_y },
            rotation: if isotropic { 0.0 } else { rotation },
            scale,
            noise: if noisy { noise } else { 0.0 },
            gray_noise,
            noise_seed,
            quality,
        };
        (skipped, params)
    }
}

/// A second blur, down-sampling, noise and JPEG after the first, as in Real-ESRGAN's second-order chain. Lengths are in
/// pixels of the picture that the first stage leaves. An empty table is this default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SecondStage {
    /// Probability of a second stage.
    pub probability: f64,
    /// Standard deviations of the blur in pixels.
    pub sigma: [f64; 2],
    /// Probability that the blur is the same in all directions.
    pub isotropic_probability: f64,
    /// Factors of the down-sampling, at least 1.
    pub scale: [f64; 2],
    /// Standard deviations of the noise on the scale 0–255.
    pub noise: [f64; 2],
    /// Probability of noise at all.
    pub noise_probability: f64,
    /// Probability that the noise is the same in the three colours.
    pub gray_noise_probability: f64,
    /// JPEG qualities, 1 to 100, as libjpeg counts them.
    pub quality: [u8; 2],
}

impl Default for SecondStage {
    /// Real-ESRGAN's published values (`train_realesrgan_x4plus.yml`) for blur, noise and JPEG; its shapes of kernels beyond
    /// the Gaussian and its Poisson noise are left out, and the picture shrinks by no more than 2, as it has shrunk before.
    fn default() -> Self {
        Self {
            probability: 0.5,
            sigma: [0.2, 1.5],
            isotropic_probability: 0.6,
            scale: [1.0, 2.0],
            noise: [1.0, 25.0],
            noise_probability: 0.5,
            gray_noise_probability: 0.4,
            quality: [30, 95],
        }
    }
}

impl SecondStage {
    fn ranges(&self) -> StageRanges {
        StageRanges {
            sigma: self.sigma,
            isotropic_probability: self.isotropic_probability,
            scale: self.scale,
            noise: self.noise,
            noise_probability: self.noise_probability,
            gray_noise_probability: self.gray_noise_probability,
            quality: self.quality,
            skipped_share: 1.0 - self.probability,
        }
    }

    pub(super) fn validate(&self) -> Result<(), DegradationError> {
        check_probability("second.probability", self.probability)?;
        self.ranges().validate("second.")
    }

    pub(super) fn draw<R: Rng + ?Sized>(&self, rng: &mut R) -> Option<StageParams> {
        let (skipped, params) = self.ranges().draw(rng);
        (!skipped).then_some(params)
    }
}

/// How the picture of a stage is shrunk, finished and coded, beside the stage's own parameters.
#[derive(Debug, Clone, Copy)]
pub(super) struct Recording<'a> {
    /// What shrinks it.
    pub shrink: Filter,
    /// What the camera does to it and its noise.
    pub sharpen: Option<&'a SharpenParams>,
    /// What it is recorded on.
    pub tape: Option<&'a TapeParams>,
    /// The clip that is coded in place of a JPEG.
    pub h264: Option<&'a H264Params>,
}

/// One draw of a blur, down-sampling, noise and JPEG.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StageParams {
    /// Standard deviation of the blur along the first axis in pixels.
    pub sigma_x: f64,
    /// Standard deviation of the blur along the second axis; equal to `sigma_x` for isotropic blur.
    pub sigma_y: f64,
    /// Angle of the blur's axes in radians.
    pub rotation: f64,
    /// Factor of the down-sampling.
    pub scale: f64,
    /// Standard deviation of the noise on the scale 0–255.
    pub noise: f64,
    /// The noise is the same in the three colours.
    pub gray_noise: bool,
    /// Seed of the noise.
    pub noise_seed: u64,
    /// JPEG quality.
    pub quality: u8,
}

impl StageParams {
    /// Blurs (with a kernel of `kernel` pixels), shrinks, adds noise to, finishes and codes `picture` (values 0 to 255), as
    /// `recording` says. It is `ratio` times as large as the picture that the parameters are meant for. Returns the small
    /// picture and how large it is against the one that the parameters would make.
    pub(super) fn apply(
        &self,
        picture: &Rgb32FImage,
        ratio: f64,
        kernel: f64,
        recording: &Recording<'_>,
    ) -> Result<(RgbImage, f64), DegradationError> {
        let scale = (self.scale * ratio).max(1.0);
        let shrunken = |side: u32| ((f64::from(side) / scale) as u32).max(1);
        let (width, height) = (shrunken(picture.width()), shrunken(picture.height()));
        let kernel = self.kernel(ratio, kernel);
        let blurred = if recording.h264.is_none() && recording.shrink == Filter::Linear {
            // Down-sampling without a filter reads two rows for each of its own; the moving clip reads all.
            let wanted = rows_read(picture.height(), height);
            kernel.apply_to_rows(picture, |row| wanted[row])
        } else {
            kernel.apply(picture)
        };
        let size = (self.scale * ratio).min(1.0);
        let small = resample::resize(&blurred, width, height, recording.shrink)?;
        let recorded = |mut frame: Rgb32FImage, time: i32| {
            // The kept frame, at time 0, gets the noise that it would have alone.
            self.add_noise(&mut frame, time as u64);
            if let Some(sharpen) = recording.sharpen {
                sharpen.apply(&mut frame, size);
            }
            if let Some(tape) = recording.tape {
                tape.apply(&mut frame, size, time);
            }
            to_rgb8(&frame)
        };
        let coded = match recording.h264 {
            None => through_jpeg(&recorded(small, 0), self.quality)?,
            Some(h264) => {
                let still = clip::Still { picture: &blurred, small: &small, filter: recording.shrink };
                h264.apply(|time| recorded(still.at(time, h264, ratio), time))?
            }
        };
        Ok((coded, size))
    }

    fn kernel(&self, ratio: f64, size: f64) -> Kernel {
        let size = (size * ratio).round() as usize;
        if self.sigma_x == self.sigma_y {
            Kernel::isotropic(self.sigma_x * ratio, size)
        } else {
            Kernel::anisotropic(self.sigma_x * ratio, self.sigma_y * ratio, self.rotation, size)
        }
    }

    /// Adds the noise of the seed's generator number `stream`.
    fn add_noise(&self, picture: &mut Rgb32FImage, stream: u64) {
        let mut rng = ChaCha8Rng::seed_from_u64(self.noise_seed);
        rng.set_stream(stream);
        let deviation = self.noise as f32;
        let mut normal = || -> f32 { StandardNormal.sample(&mut rng) };
        for pixel in picture.pixels_mut() {
            let common = if self.gray_noise { Some(normal()) } else { None };
            for value in &mut pixel.0 {
                *value += deviation * common.unwrap_or_else(&mut normal);
            }
        }
    }
}

/// Which of `from` rows bilinear interpolation to `to` rows reads: those on both sides of each target row's centre.
fn rows_read(from: u32, to: u32) -> Vec<bool> {
    /// A centre that falls on a row may be rounded to either side of it.
    const ROUNDING: f64 = 1e-3;
    let mut read = vec![false; from as usize];
    if read.is_empty() {
        return read;
    }
    for row in 0..to {
        let centre = (f64::from(row) + 0.5) * f64::from(from) / f64::from(to) - 0.5;
        let last = f64::from(from - 1);
        let (first, last) = ((centre - ROUNDING).floor().max(0.0), (centre + ROUNDING).ceil().min(last));
        read[first as usize..=last as usize].fill(true);
    }
    read
}
