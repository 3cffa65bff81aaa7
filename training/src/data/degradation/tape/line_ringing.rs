// SPDX-License-Identifier: MIT OR Apache-2.0
//! Ringing of a composite signal: an edge in a line has echoes to its right.

use image::Rgb32FImage;
use rand::Rng;
use serde::{Deserialize, Serialize};

use super::interpolated;
use crate::data::degradation::DegradationError;
use crate::data::degradation::ranges::{chance, check_probability, check_range, uniform};
use crate::data::tone::luma;

/// Swings after an edge, the first beyond it.
const SWINGS: i32 = 4;

/// Size of a swing against the one before it, on the other side.
const DECAY: f32 = -0.5;

/// Overshoots of the luma after every edge along a line, each half as large as the one before and on the other side.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LineRinging {
    /// Probability of ringing.
    pub probability: f64,
    /// Sizes of the first overshoot as shares of the edge.
    pub strength: [f64; 2],
    /// Lengths of a swing in pixels of the small picture.
    pub length: [f64; 2],
}

impl Default for LineRinging {
    /// From what is just seen to a badly adjusted recorder's sharpness.
    fn default() -> Self {
        Self { probability: 0.5, strength: [0.05, 0.3], length: [1.0, 3.0] }
    }
}

impl LineRinging {
    pub(super) fn validate(&self) -> Result<(), DegradationError> {
        check_probability("tape.ringing.probability", self.probability)?;
        let expected = "two numbers, 0 <= low <= high <= 1";
        check_range("tape.ringing.strength", self.strength, [0.0, 1.0], expected)?;
        let expected = "two numbers, 0 <= low <= high <= 64";
        check_range("tape.ringing.length", self.length, [0.0, 64.0], expected)
    }

    pub(super) fn draw<R: Rng + ?Sized>(&self, rng: &mut R) -> Option<LineRingingParams> {
        let strength = uniform(rng, self.strength);
        let length = uniform(rng, self.length);
        chance(rng, self.probability).then_some(LineRingingParams { strength, length })
    }
}

/// One draw from [`LineRinging`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineRingingParams {
    /// Size of the first overshoot as a share of the edge.
    pub strength: f64,
    /// Length of a swing in pixels of the small picture.
    pub length: f64,
}

impl LineRingingParams {
    /// Adds to every row's luma Y its swings a·Σ (-1/2)ᵏ (Y(x - k·l) - Y(x - (k + 1)·l)), k from 0 to 3, of strength a and
    /// length l.
    pub(super) fn ring(&self, picture: &mut Rgb32FImage, ratio: f64) {
        let swing = self.length * ratio;
        let length = 3 * picture.width() as usize;
        for row in picture.chunks_exact_mut(length) {
            let lumas: Vec<f32> =
                row.chunks_exact(3).map(|pixel| luma([pixel[0], pixel[1], pixel[2]])).collect();
            for (x, pixel) in row.chunks_exact_mut(3).enumerate() {
                let before = |swings: i32| {
                    interpolated(|at| lumas[at], lumas.len(), x as f64 - f64::from(swings) * swing)
                };
                let (mut added, mut strength) = (0.0_f32, self.strength as f32);
                for swings in 0..SWINGS {
                    added += strength * (before(swings) - before(swings + 1));
                    strength *= DECAY;
                }
                pixel.iter_mut().for_each(|value| *value += added);
            }
        }
    }
}
