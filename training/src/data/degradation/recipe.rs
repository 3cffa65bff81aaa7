// SPDX-License-Identifier: MIT OR Apache-2.0
//! The recipe: ranges from which every picture's parameters are drawn.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::ranges::check_probability;
use super::stage::StageRanges;
use super::{
    ColorJitter, DegradationError, DegradationParams, H264, MixPart, MotionBlur, Resize, Ringing,
    SecondStage, Sharpen, Tape, mix,
};
use crate::seed::seed_for;

/// The recipe: ranges `[low, high]` from which every picture's parameters are drawn uniformly, at 512×512
/// pixels. The default is the paper's (METHOD.md, Eq. 11); the tables at the end are off until they are named.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Degradation {
    /// Standard deviations of the blur in pixels.
    pub sigma: [f64; 2],
    /// `sigma` is in pixels of the small picture: what is drawn from it is multiplied by the factor of the down-sampling.
    #[serde(skip_serializing_if = "is_false")]
    pub sigma_in_small_pixels: bool,
    /// Probability that the blur is the same in all directions.
    pub isotropic_probability: f64,
    /// Factors of the down-sampling, at least 1.
    pub scale: [f64; 2],
    /// Standard deviations of the noise on the scale 0–255.
    pub noise: [f64; 2],
    /// Probability of noise at all, 1 in the paper. A network that has seen only noisy damage takes a blurred picture
    /// without noise, as an enlarged video frame is, for a clean one.
    pub noise_probability: f64,
    /// Probability that the noise is the same in the three colours.
    pub gray_noise_probability: f64,
    /// JPEG qualities, 1 to 100, as libjpeg counts them.
    pub quality: [u8; 2],
    /// Share of pictures left as they are, so that a network learns f(x) = x on clean ones.
    pub clean_share: f64,
    /// Motion blur before the other blur.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub motion_blur: Option<MotionBlur>,
    /// A second blur, down-sampling, noise and JPEG.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub second: Option<SecondStage>,
    /// Other filters than bilinear interpolation to shrink and enlarge.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resize: Option<Resize>,
    /// Sharpening of the small picture before it is coded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sharpen: Option<Sharpen>,
    /// What analogue video does to the small picture before it is coded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tape: Option<Tape>,
    /// H.264 in place of the last JPEG.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub h264: Option<H264>,
    /// Ringing after the enlarging.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ringing: Option<Ringing>,
    /// GFPGAN's changes of colour at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub color_jitter: Option<ColorJitter>,
    /// Recipes that take this one's place, each for a share of the pictures.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mix: Vec<MixPart>,
}

fn is_false(value: &bool) -> bool {
    !value
}

impl Default for Degradation {
    fn default() -> Self {
        Self {
            sigma: [0.2, 10.0],
            sigma_in_small_pixels: false,
            isotropic_probability: 0.5,
            scale: [1.0, 8.0],
            noise: [0.0, 15.0],
            noise_probability: 1.0,
            gray_noise_probability: 0.0,
            quality: [50, 100],
            clean_share: 0.0,
            motion_blur: None,
            second: None,
            resize: None,
            sharpen: None,
            tape: None,
            h264: None,
            ringing: None,
            color_jitter: None,
            mix: Vec::new(),
        }
    }
}

impl Degradation {
    /// Checks ranges and probabilities, and that this program and machine can do H.264 when it is asked for; call it
    /// once after reading a recipe from a file.
    ///
    /// # Errors
    /// [`DegradationError`] with the first field that is wrong, or with what is missing for H.264.
    pub fn validate(&self) -> Result<(), DegradationError> {
        self.first().validate("")?;
        check_probability("clean_share", self.clean_share)?;
        self.motion_blur.as_ref().map_or(Ok(()), MotionBlur::validate)?;
        self.second.as_ref().map_or(Ok(()), SecondStage::validate)?;
        self.resize.as_ref().map_or(Ok(()), Resize::validate)?;
        self.sharpen.as_ref().map_or(Ok(()), Sharpen::validate)?;
        self.tape.as_ref().map_or(Ok(()), Tape::validate)?;
        self.h264.as_ref().map_or(Ok(()), H264::validate)?;
        self.ringing.as_ref().map_or(Ok(()), Ringing::validate)?;
        self.color_jitter.as_ref().map_or(Ok(()), ColorJitter::validate)?;
        mix::validate(&self.mix)
    }

    /// Draws the parameters of one picture. It takes the same number of values from `rng` whatever the
    /// recipe, so that two recipes with one seed differ only where their ranges do: each option has a generator of its
    /// own, seeded with the picture's noise seed and the option's name. So has the choice among the recipes of a mix, and what
    /// is then drawn from the chosen one.
    pub fn draw<R: Rng + ?Sized>(&self, rng: &mut R) -> DegradationParams {
        let (clean, first) = self.first().draw(rng);
        let pixel = self.sigma_unit(first.scale);
        let own = |name: &str| ChaCha8Rng::seed_from_u64(seed_for(first.noise_seed, name));
        if let Some(other) = mix::draw(&self.mix, &mut own("mix")) {
            return other;
        }
        let motion_blur = self.motion_blur.as_ref().and_then(|option| option.draw(&mut own("motion_blur")));
        let second = self.second.as_ref().and_then(|option| option.draw(&mut own("second")));
        let resize = self.resize.as_ref().map(|option| option.draw(&mut own("resize")));
        let sharpen = self.sharpen.as_ref().and_then(|option| option.draw(&mut own("sharpen")));
        let tape = self.tape.as_ref().and_then(|option| option.draw(&mut own("tape")));
        let h264 = self.h264.as_ref().and_then(|option| option.draw(&mut own("h264")));
        let ringing = self.ringing.as_ref().and_then(|option| option.draw(&mut own("ringing")));
        let color = self.color_jitter.as_ref().and_then(|option| option.draw(&mut own("color_jitter")));
        DegradationParams {
            clean,
            sigma_x: pixel * first.sigma_x,
            sigma_y: pixel * first.sigma_y,
            rotation: first.rotation,
            scale: first.scale,
            noise: first.noise,
            gray_noise: first.gray_noise,
            noise_seed: first.noise_seed,
            quality: first.quality,
            motion_blur,
            second,
            resize,
            sharpen,
            tape,
            h264,
            ringing,
            color,
        }
    }

    /// The parameters of the picture called `name` (file name without folder and ending) in a validation
    /// set: they depend on `seed` and `name` alone, not on the other files or their order.
    #[must_use]
    pub fn params_for(&self, seed: u64, name: &str) -> DegradationParams {
        self.draw(&mut ChaCha8Rng::seed_from_u64(seed_for(seed, name)))
    }

    /// How many pixels the standard deviations' unit has when the picture shrinks by `scale`.
    pub(super) fn sigma_unit(&self, scale: f64) -> f64 {
        if self.sigma_in_small_pixels { scale } else { 1.0 }
    }

    fn first(&self) -> StageRanges {
        StageRanges {
            sigma: self.sigma,
            isotropic_probability: self.isotropic_probability,
            scale: self.scale,
            noise: self.noise,
            noise_probability: self.noise_probability,
            gray_noise_probability: self.gray_noise_probability,
            quality: self.quality,
            skipped_share: self.clean_share,
        }
    }
}
