// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which filters shrink and enlarge a picture, as an option of the recipe.

use rand::Rng;
use serde::{Deserialize, Serialize};

use super::DegradationError;
use super::ranges::{check, weighted};

/// How the pixels of one size are made of those of another. All but `Linear` widen with the reduction, as FFmpeg's scaler,
/// Pillow and browsers do, so that what they shrink does not alias.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Filter {
    /// The mean of what lies under a pixel (OpenCV's `INTER_AREA`). It only shrinks.
    Area,
    /// Bilinear interpolation between the four nearest pixels, also when shrinking (OpenCV's `INTER_LINEAR`).
    #[default]
    Linear,
    /// The cubic through the pixels with a = -1/2 (Catmull-Rom).
    Cubic,
    /// Lanczos' windowed sinc of three lobes.
    Lanczos,
}

/// How likely each filter is: its weight's share of the sum. A filter that is not named has a weight of 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FilterWeights {
    /// Weight of [`Filter::Area`].
    pub area: f64,
    /// Weight of [`Filter::Linear`].
    pub linear: f64,
    /// Weight of [`Filter::Cubic`].
    pub cubic: f64,
    /// Weight of [`Filter::Lanczos`].
    pub lanczos: f64,
}

impl FilterWeights {
    fn all(&self) -> [(Filter, f64); 4] {
        [
            (Filter::Area, self.area),
            (Filter::Linear, self.linear),
            (Filter::Cubic, self.cubic),
            (Filter::Lanczos, self.lanczos),
        ]
    }

    fn validate(&self, field: &str) -> Result<(), DegradationError> {
        let weights = self.all().map(|(_, weight)| weight);
        let valid = weights.iter().all(|weight| (0.0..=1e6).contains(weight));
        let expected = "weights of 0 to 1000000, one of them above 0";
        check(valid && weights.iter().any(|&weight| weight > 0.0), field, self, expected)
    }

    fn draw<R: Rng + ?Sized>(&self, rng: &mut R) -> Filter {
        weighted(rng, self.all())
    }
}

/// Filters that shrink and enlarge in place of bilinear interpolation. An empty table is this default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Resize {
    /// What shrinks the picture, in both stages where there are two.
    pub shrink: FilterWeights,
    /// What enlarges it to its size at the end.
    pub enlarge: FilterWeights,
}

impl Default for Resize {
    /// DicFace's weights for shrinking; for enlarging every one that is in use, as often as the next.
    fn default() -> Self {
        Self {
            shrink: FilterWeights { area: 0.2, linear: 0.4, cubic: 0.4, lanczos: 0.0 },
            enlarge: FilterWeights { area: 0.0, linear: 1.0, cubic: 1.0, lanczos: 1.0 },
        }
    }
}

impl Resize {
    pub(super) fn validate(&self) -> Result<(), DegradationError> {
        self.shrink.validate("resize.shrink")?;
        self.enlarge.validate("resize.enlarge")?;
        let area = self.enlarge.area;
        check(area == 0.0, "resize.enlarge.area", area, "0: a mean of pixels only shrinks")
    }

    pub(super) fn draw<R: Rng + ?Sized>(&self, rng: &mut R) -> ResizeParams {
        ResizeParams { shrink: self.shrink.draw(rng), enlarge: self.enlarge.draw(rng) }
    }
}

/// One draw from [`Resize`]. The default is what happens without one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResizeParams {
    /// What shrinks.
    pub shrink: Filter,
    /// What enlarges.
    pub enlarge: Filter,
}
