// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sharpening of the small picture before it is coded, as cameras and phones do it, as an option of the recipe.

use image::Rgb32FImage;
use rand::Rng;
use serde::{Deserialize, Serialize};

use super::DegradationError;
use super::ranges::{chance, check_probability, check_range, uniform};
use crate::data::blur::Kernel;

/// Half the kernel's side in standard deviations.
const REACH: f64 = 4.0;

/// An unsharp mask on the small picture and its noise, before it is coded for the first time. An empty table is this default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sharpen {
    /// Probability of sharpening.
    pub probability: f64,
    /// Factors of what a blurred picture lacks, which is added to the picture.
    pub amount: [f64; 2],
    /// Standard deviations of that blur in pixels of the small picture.
    pub radius: [f64; 2],
}

impl Default for Sharpen {
    /// From what phones and web cameras do by default to what their owners call over-sharpened.
    fn default() -> Self {
        Self { probability: 0.4, amount: [0.3, 1.5], radius: [0.7, 2.0] }
    }
}

impl Sharpen {
    pub(super) fn validate(&self) -> Result<(), DegradationError> {
        check_probability("sharpen.probability", self.probability)?;
        check_range("sharpen.amount", self.amount, [0.0, 10.0], "two numbers, 0 <= low <= high <= 10")?;
        check_range("sharpen.radius", self.radius, [0.0, 16.0], "two numbers, 0 <= low <= high <= 16")
    }

    pub(super) fn draw<R: Rng + ?Sized>(&self, rng: &mut R) -> Option<SharpenParams> {
        let amount = uniform(rng, self.amount);
        let radius = uniform(rng, self.radius);
        chance(rng, self.probability).then_some(SharpenParams { amount, radius })
    }
}

/// One draw from [`Sharpen`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SharpenParams {
    /// Factor of what the blurred picture lacks.
    pub amount: f64,
    /// Standard deviation of the blur in pixels of the small picture.
    pub radius: f64,
}

impl SharpenParams {
    /// Sharpens `picture`, values 0 to 255, which is clipped after it. It is `ratio` times as large as the small picture
    /// that the radius is meant for.
    pub fn apply(&self, picture: &mut Rgb32FImage, ratio: f64) {
        let sigma = self.radius * ratio;
        let radius = (REACH * sigma).ceil() as usize;
        let blurred = Kernel::isotropic(sigma, 2 * radius + 1).apply(picture);
        let amount = self.amount as f32;
        for (value, blurred) in picture.iter_mut().zip(blurred.iter()) {
            *value = (*value + amount * (*value - blurred)).clamp(0.0, 255.0);
        }
    }
}
