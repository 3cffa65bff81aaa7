// SPDX-License-Identifier: MIT OR Apache-2.0
//! Paste-back: what restoration changed, added to the frame inside a feathered mask.

use opencv::prelude::*;

use crate::correction::Correction;
use crate::detail::FaceDetail;
use crate::error::DetectError;
use crate::image::check_bgr;
use crate::similarity::Similarity;

/// How a restored face is pasted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PasteOptions {
    /// Share of the change that is applied: 0 leaves the frame as it is, 1 applies all of it.
    pub strength: f32,
    /// Keep the frame's brightness and colour at large: the change loses its low frequencies
    /// (Gaussian, σ an eighth of the crop) and its mean.
    pub keep_color: bool,
}

impl Default for PasteOptions {
    fn default() -> Self {
        Self { strength: 1.0, keep_color: true }
    }
}

/// The correction that turns the frame's face, seen as `aligned`, into `restored`:
/// `mask · strength · warp⁻¹(restored − aligned)`. `None` when it would change nothing, because the mask misses
/// the frame or the strength is 0.
///
/// `aligned` is what [`align()`](crate::align()) gave for `to_crop`, `restored` the network's answer to it; both
/// square `CV_8UC3` of one size and channel order. Since only the difference is warped, a
/// face that the network left alone leaves the frame bit-identical, and detail finer than
/// the crop stays. Where the warp shrinks (a face that was enlarged for the crop) the difference is filtered first.
///
/// # Errors
/// When the crops are not of that kind, the strength is not within 0 to 1, `to_crop` has no
/// inverse, or OpenCV fails.
pub fn correction(
    aligned: &impl MatTraitConst,
    restored: &impl MatTraitConst,
    to_crop: &Similarity,
    frame_width: u32,
    frame_height: u32,
    options: &PasteOptions,
) -> Result<Option<Correction>, DetectError> {
    let detail = FaceDetail::between(aligned, restored, options.keep_color)?;
    detail.correction(to_crop, frame_width, frame_height, options.strength)
}

/// Pastes a restored face into the frame (`CV_8UC3`, channels as in the crops): [`correction()`], then
/// [`Correction::apply`]. Only pixels inside the mask are touched.
///
/// Faces are pasted one after another, and since each paste adds a change, none overwrites another.
/// Where two masks overlap both changes add up; to have the second face start from the first one's
/// result instead, align it from the frame that holds the first paste.
///
/// # Errors
/// As [`correction()`], and when the frame is empty or not `CV_8UC3`; the frame is then unchanged.
pub fn paste(
    frame: &mut impl MatTrait,
    aligned: &impl MatTraitConst,
    restored: &impl MatTraitConst,
    to_crop: &Similarity,
    options: &PasteOptions,
) -> Result<(), DetectError> {
    let size = check_bgr("frame", frame)?;
    let (width, height) = (size.width as u32, size.height as u32);
    match correction(aligned, restored, to_crop, width, height, options)? {
        Some(correction) => correction.apply(frame),
        None => Ok(()),
    }
}
