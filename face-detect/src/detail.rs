// SPDX-License-Identifier: MIT OR Apache-2.0
//! What restoration changed in a face, apart from where the face is: it can be put into any later frame.

use std::sync::{Arc, Mutex, PoisonError};

use opencv::core::{self, BORDER_CONSTANT, BORDER_REPLICATE, CV_32F, Mat, Rect, Size, Vec3f, no_array};
use opencv::imgproc::{INTER_CUBIC, INTER_LINEAR};
use opencv::prelude::*;

use crate::correction::Correction;
use crate::error::DetectError;
use crate::image::check_bgr;
use crate::mask::{LEAST_WEIGHT, mask_bounds};
use crate::region::Region;
use crate::similarity::Similarity;
use crate::support::Support;
use crate::warp::{antialias, warp};

/// The change restored − aligned of one face, in crop space.
#[derive(Debug, Clone)]
pub struct FaceDetail {
    crop_size: u32,
    support: Arc<Support>,
    /// `CV_32FC3` over the support, units of 0..255, the crops' channel order, not yet masked.
    change: Mat,
    /// The change filtered for the scale, frame pixels a crop pixel, at which it was put into a frame last.
    filtered: Arc<Mutex<Option<(f64, Mat)>>>,
}

/// Scales that differ by less have the same filter: live, a detail is put into several frames, in which its face is of the same
/// size but for a trembling.
const SAME_SCALE: f64 = 0.01;

impl FaceDetail {
    /// What turns `aligned` into `restored`, both square `CV_8UC3` of one size and channel order. `keep_color` drops
    /// the change's low frequencies (Gaussian, σ an eighth of the crop) and its mean.
    ///
    /// # Errors
    /// When the crops are not of that kind, or OpenCV fails.
    pub fn between(
        aligned: &impl MatTraitConst,
        restored: &impl MatTraitConst,
        keep_color: bool,
    ) -> Result<Self, DetectError> {
        let crop_size = check_crops(aligned, restored)?;
        let support = Support::of(crop_size)?;
        let mut change = difference(restored, aligned, support.region)?;
        if keep_color {
            support.tone.remove_tone(&mut change)?;
        }
        Ok(Self { crop_size, support, change, filtered: Arc::default() })
    }

    /// Width and height of the crop.
    #[must_use]
    pub fn crop_size(&self) -> u32 {
        self.crop_size
    }

    /// The correction of a frame in which `to_crop` carries the face to the crop: `mask · strength · warp⁻¹(change)`.
    /// `None` when it would change nothing, because the mask misses the frame or the strength is 0. Where the warp
    /// shrinks (a face that was enlarged for the crop) the change is filtered first.
    ///
    /// # Errors
    /// When the strength is not within 0 to 1, `to_crop` has no inverse, or OpenCV fails.
    pub fn correction(
        &self,
        to_crop: &Similarity,
        frame_width: u32,
        frame_height: u32,
        strength: f32,
    ) -> Result<Option<Correction>, DetectError> {
        to_crop.check()?;
        if !(0.0..=1.0).contains(&strength) {
            return Err(DetectError::WrongValue {
                what: "strength",
                value: strength.to_string(),
                expected: "from 0 to 1",
            });
        }
        let footprint = mask_bounds(self.crop_size).transformed(&to_crop.inverse());
        let Some(region) = footprint.clipped(frame_width, frame_height) else { return Ok(None) };
        if strength == 0.0 {
            return Ok(None);
        }
        let scale = 1.0 / to_crop.scale();
        // What is behind the lock is valid at every step.
        let mut filtered = self.filtered.lock().unwrap_or_else(PoisonError::into_inner);
        let is_near = |(other, _): &(f64, Mat)| (scale / other - 1.0).abs() <= SAME_SCALE;
        if !filtered.as_ref().is_some_and(is_near) {
            *filtered = antialias(&self.change, scale)?.map(|change| (scale, change));
        }
        let change = filtered.as_ref().map_or(&self.change, |(_, change)| change);
        let to_support = to_crop
            .with_origin(region.x, region.y)
            .translated(-f64::from(self.support.region.x), -f64::from(self.support.region.y));
        let size = Size::new(region.width, region.height);
        // Straight lines would show the crop's grid in a large face, and blur a moving one by its position between pixels.
        let mut delta = warp(change, &to_support, size, INTER_CUBIC, BORDER_REPLICATE)?;
        let mut mask = warp(&self.support.mask, &to_support, size, INTER_LINEAR, BORDER_CONSTANT)?;
        weigh(&mut delta, &mut mask, strength).map_err(DetectError::at("masking a face"))?;
        Ok(Some(Correction { region, delta, mask }))
    }
}

/// The side of two square crops of the same kind.
fn check_crops(aligned: &impl MatTraitConst, restored: &impl MatTraitConst) -> Result<u32, DetectError> {
    let size = check_bgr("aligned face", aligned)?;
    let restored_size = check_bgr("restored face", restored)?;
    let wrong = |what, expected: String, found: Size| {
        let found = format!("{}x{} pixels", found.width, found.height);
        Err(DetectError::WrongImage { what, expected, found })
    };
    if size.width != size.height {
        return wrong("aligned face", "a square image".to_owned(), size);
    }
    if restored_size != size {
        let expected = format!("{0}x{0} pixels, as the aligned face", size.width);
        return wrong("restored face", expected, restored_size);
    }
    Ok(size.width as u32)
}

/// `restored` − `aligned` as floats, within `support`: the mask needs no more of the crop.
fn difference(
    restored: &impl MatTraitConst,
    aligned: &impl MatTraitConst,
    support: Region,
) -> Result<Mat, DetectError> {
    let rect = Rect::new(support.x, support.y, support.width, support.height);
    let mut change = Mat::default();
    Mat::roi(restored, rect)
        .and_then(|restored| {
            core::subtract(&restored, &Mat::roi(aligned, rect)?, &mut change, &no_array(), CV_32F)
        })
        .map_err(DetectError::at("comparing the restored with the aligned face"))?;
    Ok(change)
}

/// Multiplies `delta` by the mask and the strength; weights too small to see become 0 in both.
fn weigh(delta: &mut Mat, mask: &mut Mat, strength: f32) -> opencv::Result<()> {
    for row in 0..mask.rows() {
        let weights = mask.at_row_mut::<f32>(row)?;
        for (weight, change) in weights.iter_mut().zip(delta.at_row_mut::<Vec3f>(row)?) {
            if *weight < LEAST_WEIGHT {
                *weight = 0.0;
            }
            let factor = *weight * strength;
            change.0.iter_mut().for_each(|value| *value *= factor);
        }
    }
    Ok(())
}
