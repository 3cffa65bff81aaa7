// SPDX-License-Identifier: MIT OR Apache-2.0
//! What analogue video does to a picture, as an option of the recipe: two fields, narrow colours, ringing and noise along the
//! lines, then what a de-interlacer leaves. Lines are the rows of the small picture, before it is coded.

mod chroma;
mod interlace;
mod line_noise;
mod line_ringing;

use image::Rgb32FImage;
use rand::Rng;
use serde::{Deserialize, Serialize};

pub use chroma::{Chroma, ChromaWidth};
pub use interlace::{Deinterlacer, DeinterlacerWeights, Interlace, InterlaceParams};
pub use line_noise::{LineNoise, LineNoiseParams};
pub use line_ringing::{LineRinging, LineRingingParams};

use super::DegradationError;
use super::ranges::{chance, check_probability};

/// Old video: what a tape, its cables and the de-interlacer do to the small picture before it is coded for the first time.
/// Each part has a probability of its own among the pictures that are from a tape at all. An empty table is this default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tape {
    /// Probability of a tape.
    pub probability: f64,
    /// Colours of less width than the luma.
    pub chroma: Chroma,
    /// Two fields and their de-interlacing.
    pub interlace: Interlace,
    /// Ringing of the composite signal.
    pub ringing: LineRinging,
    /// Noise along the lines.
    pub noise: LineNoise,
}

impl Default for Tape {
    fn default() -> Self {
        Self {
            probability: 0.3,
            chroma: Chroma::default(),
            interlace: Interlace::default(),
            ringing: LineRinging::default(),
            noise: LineNoise::default(),
        }
    }
}

impl Tape {
    pub(super) fn validate(&self) -> Result<(), DegradationError> {
        check_probability("tape.probability", self.probability)?;
        self.chroma.validate()?;
        self.interlace.validate()?;
        self.ringing.validate()?;
        self.noise.validate()
    }

    pub(super) fn draw<R: Rng + ?Sized>(&self, rng: &mut R) -> Option<TapeParams> {
        let params = TapeParams {
            chroma: self.chroma.draw(rng),
            interlace: self.interlace.draw(rng),
            ringing: self.ringing.draw(rng),
            noise: self.noise.draw(rng),
        };
        chance(rng, self.probability).then_some(params)
    }
}

/// One draw from [`Tape`]. Lengths are in pixels of the small picture.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TapeParams {
    /// Width of the colours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chroma: Option<ChromaWidth>,
    /// Two fields and their de-interlacing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interlace: Option<InterlaceParams>,
    /// Ringing of the composite signal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ringing: Option<LineRingingParams>,
    /// Noise along the lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub noise: Option<LineNoiseParams>,
}

impl TapeParams {
    /// Does to `picture`, values 0 to 255 and clipped to them, what the camera's fields, the tape and the de-interlacer do.
    /// It is `ratio` times as large as the small picture that the lengths are meant for. `frame` numbers the noise.
    pub fn apply(&self, picture: &mut Rgb32FImage, ratio: f64, frame: i32) {
        if let Some(interlace) = &self.interlace {
            interlace.weave(picture, ratio);
        }
        if let Some(chroma) = self.chroma {
            chroma.narrow(picture);
        }
        if let Some(ringing) = &self.ringing {
            ringing.ring(picture, ratio);
        }
        if let Some(noise) = &self.noise {
            noise.add(picture, ratio, frame);
        }
        if let Some(interlace) = &self.interlace {
            interlace.deinterlace(picture);
        }
        picture.iter_mut().for_each(|value| *value = value.clamp(0.0, 255.0));
    }
}

/// The value at `place` of `count` values, interpolated between two neighbours; beyond the ends the first and the last.
fn interpolated(value: impl Fn(usize) -> f32, count: usize, place: f64) -> f32 {
    let place = place.clamp(0.0, (count - 1) as f64);
    let first = place as usize;
    let (low, high) = (value(first), value((first + 1).min(count - 1)));
    low + (place - first as f64) as f32 * (high - low)
}
