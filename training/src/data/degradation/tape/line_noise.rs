// SPDX-License-Identifier: MIT OR Apache-2.0
//! Noise of a tape: streaks along the lines.

use image::Rgb32FImage;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

use crate::data::degradation::DegradationError;
use crate::data::degradation::ranges::{chance, check_probability, check_range, uniform};

/// Normal noise of the luma that is alike in neighbouring pixels of a line: the correlation of two that lie d apart is
/// exp(-d / length).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LineNoise {
    /// Probability of noise.
    pub probability: f64,
    /// Standard deviations on the scale 0–255.
    pub deviation: [f64; 2],
    /// Lengths over which the correlation falls by e, in pixels of the small picture.
    pub length: [f64; 2],
}

impl Default for LineNoise {
    /// From a good tape to a copy of a copy; the luma of VHS resolves about a third of a digital line's pixels.
    fn default() -> Self {
        Self { probability: 0.6, deviation: [1.0, 10.0], length: [0.5, 4.0] }
    }
}

impl LineNoise {
    pub(super) fn validate(&self) -> Result<(), DegradationError> {
        check_probability("tape.noise.probability", self.probability)?;
        let expected = "two numbers, 0 <= low <= high <= 255";
        check_range("tape.noise.deviation", self.deviation, [0.0, 255.0], expected)?;
        let expected = "two numbers, 0 <= low <= high <= 512";
        check_range("tape.noise.length", self.length, [0.0, 512.0], expected)
    }

    pub(super) fn draw<R: Rng + ?Sized>(&self, rng: &mut R) -> Option<LineNoiseParams> {
        let deviation = uniform(rng, self.deviation);
        let length = uniform(rng, self.length);
        let seed = rng.random();
        chance(rng, self.probability).then_some(LineNoiseParams { deviation, length, seed })
    }
}

/// One draw from [`LineNoise`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineNoiseParams {
    /// Standard deviation on the scale 0–255.
    pub deviation: f64,
    /// Length over which the correlation falls by e, in pixels of the small picture.
    pub length: f64,
    /// Seed of the noise.
    pub seed: u64,
}

impl LineNoiseParams {
    /// Adds to every row a first-order autoregressive process, the same to the three colours. `frame` chooses the generator.
    pub(super) fn add(&self, picture: &mut Rgb32FImage, ratio: f64, frame: i32) {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(frame as u64);
        let kept = libm::exp(-1.0 / (self.length * ratio));
        let fresh = (1.0 - kept * kept).sqrt();
        let mut normal = || -> f64 { StandardNormal.sample(&mut rng) };
        let length = 3 * picture.width() as usize;
        for row in picture.chunks_exact_mut(length) {
            let mut noise = normal();
            for pixel in row.chunks_exact_mut(3) {
                let added = (self.deviation * noise) as f32;
                pixel.iter_mut().for_each(|value| *value += added);
                noise = kept * noise + fresh * normal();
            }
        }
    }
}
