// SPDX-License-Identifier: MIT OR Apache-2.0
//! Motion blur as an option of the recipe.

use rand::Rng;
use serde::{Deserialize, Serialize};

use super::DegradationError;
use super::ranges::{chance, check_probability, check_range, uniform};
use crate::data::blur::Kernel;

/// Motion blur along a straight line, before the other blur. An empty table is this default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MotionBlur {
    /// Probability of motion blur.
    pub probability: f64,
    /// Lengths of the path in pixels at 512×512.
    pub length: [f64; 2],
    /// Directions in degrees, from the x axis towards the y axis, which points down; 180 is 0 again.
    pub angle: [f64; 2],
}

impl Default for MotionBlur {
    /// A third of the pictures, up to a twentieth of the side, in every direction.
    fn default() -> Self {
        Self { probability: 0.3, length: [3.0, 25.0], angle: [0.0, 180.0] }
    }
}

impl MotionBlur {
    pub(super) fn validate(&self) -> Result<(), DegradationError> {
        check_probability("motion_blur.probability", self.probability)?;
        check_range("motion_blur.length", self.length, [0.0, 256.0], "two numbers, 0 <= low <= high <= 256")?;
        check_range(
            "motion_blur.angle",
            self.angle,
            [-360.0, 360.0],
            "two numbers, -360 <= low <= high <= 360",
        )
    }

    pub(super) fn draw<R: Rng + ?Sized>(&self, rng: &mut R) -> Option<MotionBlurParams> {
        let length = uniform(rng, self.length);
        let angle = uniform(rng, self.angle);
        chance(rng, self.probability).then_some(MotionBlurParams { length, angle })
    }
}

/// One draw from [`MotionBlur`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MotionBlurParams {
    /// Length of the path in pixels at 512×512.
    pub length: f64,
    /// Its direction in degrees.
    pub angle: f64,
}

impl MotionBlurParams {
    /// The kernel for a picture `ratio` times as large as the reference.
    pub(super) fn kernel(&self, ratio: f64) -> Kernel {
        Kernel::motion(self.length * ratio, self.angle.to_radians())
    }
}
