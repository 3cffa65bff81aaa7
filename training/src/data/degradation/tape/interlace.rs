// SPDX-License-Identifier: MIT OR Apache-2.0
//! Two fields of a frame, and what a de-interlacer makes of them.

use image::Rgb32FImage;
use rand::Rng;
use serde::{Deserialize, Serialize};

use super::interpolated;
use crate::data::blur::mirrored;
use crate::data::degradation::DegradationError;
use crate::data::degradation::ranges::{chance, check, check_probability, check_range, uniform, weighted};

/// Two fields between which the picture moves to a side, and their de-interlacing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Interlace {
    /// Probability of two fields.
    pub probability: f64,
    /// Distances between the fields in pixels of the small picture; the direction is random.
    pub motion: [f64; 2],
    /// How likely each de-interlacer is.
    pub deinterlacer: DeinterlacerWeights,
}

impl Default for Interlace {
    fn default() -> Self {
        Self { probability: 0.6, motion: [0.0, 3.0], deinterlacer: DeinterlacerWeights::default() }
    }
}

/// How likely each [`Deinterlacer`] is: its weight's share of the sum.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DeinterlacerWeights {
    /// Weight of [`Deinterlacer::Bob`].
    pub bob: f64,
    /// Weight of [`Deinterlacer::Blend`].
    pub blend: f64,
    /// Weight of [`Deinterlacer::Comb`].
    pub comb: f64,
}

impl Default for DeinterlacerWeights {
    /// Every one as often as the next.
    fn default() -> Self {
        Self { bob: 1.0, blend: 1.0, comb: 1.0 }
    }
}

impl Interlace {
    pub(super) fn validate(&self) -> Result<(), DegradationError> {
        check_probability("tape.interlace.probability", self.probability)?;
        let expected = "two numbers, 0 <= low <= high <= 64";
        check_range("tape.interlace.motion", self.motion, [0.0, 64.0], expected)?;
        let weights = [self.deinterlacer.bob, self.deinterlacer.blend, self.deinterlacer.comb];
        let valid = weights.iter().all(|weight| (0.0..=1e6).contains(weight));
        let expected = "weights of 0 to 1000000, one of them above 0";
        let some = weights.iter().any(|&weight| weight > 0.0);
        check(valid && some, "tape.interlace.deinterlacer", self.deinterlacer, expected)
    }

    pub(super) fn draw<R: Rng + ?Sized>(&self, rng: &mut R) -> Option<InterlaceParams> {
        let distance = uniform(rng, self.motion);
        let motion = if chance(rng, 0.5) { distance } else { -distance };
        let DeinterlacerWeights { bob, blend, comb } = self.deinterlacer;
        let choices = [(Deinterlacer::Bob, bob), (Deinterlacer::Blend, blend), (Deinterlacer::Comb, comb)];
        let deinterlacer = weighted(rng, choices);
        chance(rng, self.probability).then_some(InterlaceParams { motion, deinterlacer })
    }
}

/// What becomes of the two fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deinterlacer {
    /// The first field alone; the lines between are the means of their neighbours.
    Bob,
    /// Every line with its neighbours, which are the other field's: weights 1/4, 1/2, 1/4.
    Blend,
    /// Both fields as they are: what moves has combs for edges.
    Comb,
}

/// One draw from [`Interlace`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InterlaceParams {
    /// How far to the right the second field is of the first, in pixels of the small picture.
    pub motion: f64,
    /// What becomes of them.
    pub deinterlacer: Deinterlacer,
}

impl InterlaceParams {
    /// Makes the even rows of `picture` the first field and the odd rows the second. Both are half the motion from where the
    /// picture is, so that it stays where it was on the whole; a field that will be alone is not moved.
    pub(super) fn weave(&self, picture: &mut Rgb32FImage, ratio: f64) {
        if self.deinterlacer == Deinterlacer::Bob {
            return;
        }
        let half = 0.5 * self.motion * ratio;
        let length = 3 * picture.width() as usize;
        for (y, row) in picture.chunks_exact_mut(length).enumerate() {
            move_right(row, if y % 2 == 0 { -half } else { half });
        }
    }

    /// Makes a picture of the fields. Beyond the first and the last row lies the other field's next one.
    pub(super) fn deinterlace(&self, picture: &mut Rgb32FImage) {
        let (own, step) = match self.deinterlacer {
            Deinterlacer::Bob => (0.0_f32, 2),
            Deinterlacer::Blend => (0.5, 1),
            Deinterlacer::Comb => return,
        };
        let (length, height) = (3 * picture.width() as usize, picture.height() as usize);
        let woven = picture.as_raw().clone();
        let line = |y: usize| &woven[y * length..][..length];
        // The second field's rows, or all.
        for (y, row) in picture.chunks_exact_mut(length).enumerate().skip(step - 1).step_by(step) {
            let (above, below) = (line(mirrored(y, 1, height)), line(mirrored(y + 2, 1, height)));
            for ((value, above), below) in row.iter_mut().zip(above).zip(below) {
                *value = own * *value + (1.0 - own) * 0.5 * (above + below);
            }
        }
    }
}

/// Moves a row of RGB pixels to the right by `distance` pixels.
fn move_right(row: &mut [f32], distance: f64) {
    let still = row.to_vec();
    let count = still.len() / 3;
    for (x, pixel) in row.chunks_exact_mut(3).enumerate() {
        for (channel, value) in pixel.iter_mut().enumerate() {
            *value = interpolated(|at| still[3 * at + channel], count, x as f64 - distance);
        }
    }
}
