// SPDX-License-Identifier: MIT OR Apache-2.0
//! Colours of less width than the luma.

use image::Rgb32FImage;
use rand::Rng;
use serde::{Deserialize, Serialize};

use super::interpolated;
use crate::data::degradation::DegradationError;
use crate::data::degradation::ranges::{chance, check_probability};
use crate::data::tone::luma;

/// Weights of the colours in the luma (ITU-R BT.601).
const RED: f32 = 0.299;
const GREEN: f32 = 0.587;
const BLUE: f32 = 0.114;

/// Colour differences at a part of the luma's width, as tapes record them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Chroma {
    /// Probability of narrow colours.
    pub probability: f64,
    /// Probability that they have a quarter of the width, not half of it.
    pub quarter: f64,
}

impl Default for Chroma {
    /// Broadcast tapes have half the width, VHS less than a quarter.
    fn default() -> Self {
        Self { probability: 0.8, quarter: 0.5 }
    }
}

impl Chroma {
    pub(super) fn validate(&self) -> Result<(), DegradationError> {
        check_probability("tape.chroma.probability", self.probability)?;
        check_probability("tape.chroma.quarter", self.quarter)
    }

    pub(super) fn draw<R: Rng + ?Sized>(&self, rng: &mut R) -> Option<ChromaWidth> {
        let width = if chance(rng, self.quarter) { ChromaWidth::Quarter } else { ChromaWidth::Half };
        chance(rng, self.probability).then_some(width)
    }
}

/// Width of the colours as a share of the luma's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChromaWidth {
    /// A value for two pixels.
    Half,
    /// A value for four pixels.
    Quarter,
}

impl ChromaWidth {
    fn pixels(self) -> usize {
        match self {
            Self::Half => 2,
            Self::Quarter => 4,
        }
    }

    /// Gives every row the means of so many neighbouring colour differences R - Y and B - Y (of which Cr and Cb are multiples),
    /// interpolated between their middles. The luma stays.
    pub(super) fn narrow(self, picture: &mut Rgb32FImage) {
        let (pixels, length) = (self.pixels(), 3 * picture.width() as usize);
        for row in picture.chunks_exact_mut(length) {
            let differences: Vec<[f32; 2]> = row.chunks_exact(3).map(differences).collect();
            let means: Vec<[f32; 2]> = differences.chunks(pixels).map(mean).collect();
            for (x, pixel) in row.chunks_exact_mut(3).enumerate() {
                let place = (x as f64 + 0.5) / pixels as f64 - 0.5;
                let [red, blue] = [0, 1].map(|index| interpolated(|at| means[at][index], means.len(), place));
                let luma = luma([pixel[0], pixel[1], pixel[2]]);
                let green = -(RED * red + BLUE * blue) / GREEN;
                pixel.copy_from_slice(&[luma + red, luma + green, luma + blue]);
            }
        }
    }
}

fn differences(pixel: &[f32]) -> [f32; 2] {
    let luma = luma([pixel[0], pixel[1], pixel[2]]);
    [pixel[0] - luma, pixel[2] - luma]
}

fn mean(values: &[[f32; 2]]) -> [f32; 2] {
    [0, 1].map(|index| values.iter().map(|value| value[index]).sum::<f32>() / values.len() as f32)
}
