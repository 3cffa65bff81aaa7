// SPDX-License-Identifier: MIT OR Apache-2.0
//! One draw from a recipe, and what it does to a picture.

use image::RgbImage;
use serde::{Deserialize, Serialize};

use super::stage::Recording;
use super::{
    ColorParams, DegradationError, H264Params, MotionBlurParams, ResizeParams, RingingParams, SharpenParams,
    StageParams, TapeParams, resample,
};
use crate::picture::{to_f32, to_rgb8};

/// The side in pixels of the pictures that the parameters are meant for.
const REFERENCE_SIZE: f64 = 512.0;

/// Side of the blur kernel at the reference size, as in GFPGAN.
const KERNEL: f64 = 41.0;

/// Side of the second stage's blur kernel, as in Real-ESRGAN.
const SECOND_KERNEL: f64 = 21.0;

/// One draw from a [`Degradation`](super::Degradation), with lengths in pixels of a 512×512 picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DegradationParams {
    /// The picture is left as it is and the other parameters have no effect.
    pub clean: bool,
    /// Standard deviation of the blur along the first axis.
    pub sigma_x: f64,
    /// Standard deviation of the blur along the second axis; equal to `sigma_x` for isotropic blur.
    pub sigma_y: f64,
    /// Angle of the blur's axes in radians.
    pub rotation: f64,
    /// Factor of the down-sampling.
    pub scale: f64,
    /// Standard deviation of the noise on the scale 0–255.
    pub noise: f64,
    /// The noise is the same in the three colours.
    pub gray_noise: bool,
    /// Seed of the noise.
    pub noise_seed: u64,
    /// JPEG quality.
    pub quality: u8,
    /// Motion blur, before all else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub motion_blur: Option<MotionBlurParams>,
    /// A second blur, down-sampling, noise and JPEG.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second: Option<StageParams>,
    /// The filters that shrink and enlarge; bilinear interpolation where there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resize: Option<ResizeParams>,
    /// Sharpening of the small picture before it is coded for the first time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sharpen: Option<SharpenParams>,
    /// What analogue video does to the small picture before it is coded for the first time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tape: Option<TapeParams>,
    /// The clip that is coded in place of the last JPEG.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub h264: Option<H264Params>,
    /// Ringing after the enlarging.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ringing: Option<RingingParams>,
    /// What happens to the colours at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub color: Option<ColorParams>,
}

impl DegradationParams {
    /// The degraded picture x_d, of the size of `clean`.
    ///
    /// The parameters are meant for 512×512 pixels. For a picture whose longer side is S, blur (σ and the
    /// 41-pixel kernel), motion and down-sampling factor are scaled by S/512 (the factor to no less than 1), noise,
    /// quality and colours are not: the picture that receives the noise and the JPEG then has the same size for every S, so
    /// a face is degraded in the same way whatever the size of its crop.
    ///
    /// # Errors
    /// [`DegradationError`] when the picture has no pixels or is too large for JPEG, or H.264 cannot be had.
    pub fn apply(&self, clean: &RgbImage) -> Result<RgbImage, DegradationError> {
        if self.clean {
            return Ok(clean.clone());
        }
        let (width, height) = clean.dimensions();
        let ratio = f64::from(width.max(height)) / REFERENCE_SIZE;
        let mut picture = to_f32(clean);
        if let Some(motion) = &self.motion_blur {
            picture = motion.kernel(ratio).apply(&picture);
        }
        let resize = self.resize.unwrap_or_default();
        let h264 = self.h264.as_ref();
        let camera = Recording {
            shrink: resize.shrink,
            sharpen: self.sharpen.as_ref(),
            tape: self.tape.as_ref(),
            h264: None,
        };
        let coded = match &self.second {
            None => self.first().apply(&picture, ratio, KERNEL, &Recording { h264, ..camera })?.0,
            Some(second) => {
                let (small, ratio) = self.first().apply(&picture, ratio, KERNEL, &camera)?;
                let copy = Recording { shrink: resize.shrink, sharpen: None, tape: None, h264 };
                second.apply(&to_f32(&small), ratio, SECOND_KERNEL, &copy)?.0
            }
        };
        let mut enlarged = resample::resize(&to_f32(&coded), width, height, resize.enlarge)?;
        if let Some(ringing) = &self.ringing {
            let factor = f64::from(width) / f64::from(coded.width());
            enlarged = ringing.apply(&enlarged, factor, ratio);
        }
        if let Some(color) = &self.color {
            color.apply(&mut enlarged);
        }
        Ok(to_rgb8(&enlarged))
    }

    /// The blur, down-sampling, noise and JPEG of Eq. 11.
    fn first(&self) -> StageParams {
        StageParams {
            sigma_x: self.sigma_x,
            sigma_y: self.sigma_y,
            rotation: self.rotation,
            scale: self.scale,
            noise: self.noise,
            gray_noise: self.gray_noise,
            noise_seed: self.noise_seed,
            quality: self.quality,
        }
    }
}
