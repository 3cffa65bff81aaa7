// SPDX-License-Identifier: MIT OR Apache-2.0
//! A change of a frame's pixels within a region.

use multiversion::multiversion;
use opencv::core::{Mat, Vec3b, Vec3f};
use opencv::prelude::*;

use crate::error::DetectError;
use crate::image::check_bgr;
use crate::region::Region;

/// What restoration changes, at the frame's scale.
#[derive(Debug, Clone)]
pub struct Correction {
    /// The rectangle of the frame that the two images cover; inside the frame and inside
    /// [`face_region`](crate::face_region).
    pub region: Region,
    /// The change, `CV_32FC3`, in units of 0..255 and the crops' channel order, already multiplied
    /// by mask and strength; exactly 0 where the mask is.
    pub delta: Mat,
    /// The mask, `CV_32FC1`, 0 to 1, without the strength.
    pub mask: Mat,
}

impl Correction {
    /// Adds the change to the frame, rounded and saturated. Pixels with mask 0 are not touched.
    ///
    /// # Errors
    /// When `frame` is not `CV_8UC3` or does not hold `region`.
    pub fn apply(&self, frame: &mut impl MatTrait) -> Result<(), DetectError> {
        let size = check_bgr("frame", frame)?;
        let Region { x, y, width, height } = self.region;
        let fits = |start: i32, length: i32, limit: i32| {
            start >= 0 && length >= 0 && start.checked_add(length).is_some_and(|end| end <= limit)
        };
        if !(fits(x, width, size.width) && fits(y, height, size.height)) {
            return Err(DetectError::WrongImage {
                what: "frame",
                expected: format!("an image that holds {:?}", self.region),
                found: format!("{}x{} pixels", size.width, size.height),
            });
        }
        let at = || DetectError::at("pasting a face");
        for row in 0..height {
            let mask = self.mask.at_row::<f32>(row).map_err(at())?;
            let delta = self.delta.at_row::<Vec3f>(row).map_err(at())?;
            let pixels = frame.at_row_mut::<Vec3b>(y + row).map_err(at())?;
            add_to_row(&mut pixels[x as usize..(x + width) as usize], delta, mask);
        }
        Ok(())
    }
}

/// Compiled for wide vector units too: rounding is a call of its own on the least x86-64.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2", "aarch64+neon"))]
fn add_to_row(pixels: &mut [Vec3b], delta: &[Vec3f], mask: &[f32]) {
    for ((pixel, change), weight) in pixels.iter_mut().zip(delta).zip(mask) {
        if *weight > 0.0 {
            for (value, change) in pixel.0.iter_mut().zip(change.0) {
                // The cast saturates.
                *value = (f32::from(*value) + change).round() as u8;
            }
        }
    }
}
