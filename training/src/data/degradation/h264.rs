// SPDX-License-Identifier: MIT OR Apache-2.0
//! H.264 as a degradation: a clip of the moving still is coded and decoded, and one frame of it kept.

use image::RgbImage;
use rand::Rng;
use serde::{Deserialize, Serialize};

use super::error::DegradationError;
use super::ranges::{chance, check_probability, check_range, uniform, uniform_signed, uniform_whole};
use super::rate::Rate;

/// H.264 by x264 in place of the last JPEG: a short clip of the still in smooth motion is coded and decoded, and the frame in
/// which the still is where it belongs is kept. An empty table is this default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct H264 {
    /// Probability of H.264.
    pub probability: f64,
    /// Constant rate factors, 1 to 50: whole numbers, higher is worse.
    pub crf: [u8; 2],
    /// In place of `crf`, bit rates as bits for a pixel: 0.1 is 650 kbit/s for 512×512 pixels and 25 frames a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bits_per_pixel: Option<[f64; 2]>,
    /// Frames of the clip, 1 to 32. The kept frame can be any of them, so it can be an I, P or B frame.
    pub frames: [u8; 2],
    /// Speeds in pixels (of 512×512) a frame; the direction is random.
    pub speed: [f64; 2],
    /// Factors by which the picture grows from one frame to the next.
    pub zoom: [f64; 2],
    /// Offsets of x264's deblocking filter, -6 to 6: whole numbers, each for both its strength (alpha) and its threshold
    /// (beta); below 0 blocks stay, above 0 detail goes. x264's own 0 where there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deblock: Option<[i8; 2]>,
    /// Probability that a clip that was coded is coded a second time, at a rate of its own, as what is uploaded is.
    #[serde(skip_serializing_if = "is_zero")]
    pub twice: f64,
}

fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

impl Default for H264 {
    /// The rate factors of web video and worse, and the motion of a head in front of a camera.
    fn default() -> Self {
        Self {
            probability: 0.3,
            crf: [18, 40],
            bits_per_pixel: None,
            frames: [3, 8],
            speed: [0.0, 4.0],
            zoom: [0.99, 1.01],
            deblock: None,
            twice: 0.0,
        }
    }
}

impl H264 {
    pub(super) fn validate(&self) -> Result<(), DegradationError> {
        check_probability("h264.probability", self.probability)?;
        check_range("h264.crf", self.crf, [1.0, 50.0], "two whole numbers, 1 <= low <= high <= 50")?;
        if let Some(rates) = self.bits_per_pixel {
            check_range(
                "h264.bits_per_pixel",
                rates,
                [1e-3, 24.0],
                "two numbers, 0.001 <= low <= high <= 24",
            )?;
        }
        check_range("h264.frames", self.frames, [1.0, 32.0], "two whole numbers, 1 <= low <= high <= 32")?;
        check_range("h264.speed", self.speed, [0.0, 64.0], "two numbers, 0 <= low <= high <= 64")?;
        check_range("h264.zoom", self.zoom, [0.9, 1.1], "two numbers, 0.9 <= low <= high <= 1.1")?;
        if let Some(offsets) = self.deblock {
            let expected = "two whole numbers, -6 <= low <= high <= 6";
            check_range("h264.deblock", offsets, [-6.0, 6.0], expected)?;
        }
        check_probability("h264.twice", self.twice)?;
        check_available()
    }

    pub(super) fn draw<R: Rng + ?Sized>(&self, rng: &mut R) -> Option<H264Params> {
        let rate = self.rate(rng);
        let frames = uniform_whole(rng, self.frames);
        let kept = uniform_whole(rng, [0, frames.max(1) - 1]);
        let speed = uniform(rng, self.speed);
        let (sin, cos) = libm::sincos(uniform(rng, [-std::f64::consts::PI, std::f64::consts::PI]));
        let zoom = uniform(rng, self.zoom);
        let coded = chance(rng, self.probability);
        // After what recipes without them draw.
        let deblock = uniform_signed(rng, self.deblock.unwrap_or_default());
        let again = self.rate(rng);
        let twice = chance(rng, self.twice);
        coded.then_some(H264Params {
            rate,
            frames,
            kept,
            shift: [speed * cos, speed * sin],
            zoom,
            deblock: self.deblock.map(|_| deblock),
            again: twice.then_some(again),
        })
    }

    fn rate<R: Rng + ?Sized>(&self, rng: &mut R) -> Rate {
        let crf = uniform_whole(rng, self.crf);
        let bits = uniform(rng, self.bits_per_pixel.unwrap_or_default());
        if self.bits_per_pixel.is_some() { Rate::BitsPerPixel(bits) } else { Rate::Crf(crf) }
    }
}

/// One draw from [`H264`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct H264Params {
    /// How many bits x264 spends.
    pub rate: Rate,
    /// Frames of the clip.
    pub frames: u8,
    /// Which of them is kept, from 0; in it the picture is where it belongs.
    pub kept: u8,
    /// Movement from one frame to the next, right and down, in pixels of 512×512.
    pub shift: [f64; 2],
    /// Factor by which the picture grows about its centre from one frame to the next.
    pub zoom: f64,
    /// Offset of x264's deblocking filter, strength and threshold; its own 0 where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deblock: Option<i8>,
    /// How many bits x264 spends when it codes the decoded clip once more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<Rate>,
}

impl H264Params {
    /// Codes and decodes the clip and returns its kept frame. `frame` makes the frame so many frames after the kept one.
    pub(super) fn apply(&self, frame: impl Fn(i32) -> RgbImage) -> Result<RgbImage, DegradationError> {
        let kept = i32::from(self.kept);
        let mut frames: Vec<RgbImage> =
            (0..i32::from(self.frames)).map(|index| frame(index - kept)).collect();
        let mut rate = self.rate;
        if let Some(again) = self.again {
            frames = through_h264(&frames, frames.len(), rate, self.deblock)?;
            rate = again;
        }
        let kept = usize::from(self.kept);
        Ok(through_h264(&frames, kept + 1, rate, self.deblock)?.swap_remove(kept))
    }
}

#[cfg(feature = "video")]
use super::x264::{check_available, through_h264};

#[cfg(not(feature = "video"))]
fn check_available() -> Result<(), DegradationError> {
    Err(DegradationError::NoVideo)
}

#[cfg(not(feature = "video"))]
fn through_h264(_: &[RgbImage], _: usize, _: Rate, _: Option<i8>) -> Result<Vec<RgbImage>, DegradationError> {
    Err(DegradationError::NoVideo)
}
