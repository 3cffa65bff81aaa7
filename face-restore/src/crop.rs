// SPDX-License-Identifier: MIT OR Apache-2.0
//! The crop of a face, as networks take it.

use face_detect::{Point, Similarity};
use opencv::core::Mat;

use crate::error::FaceRestoreError;
use crate::pixels::FramePixels;

/// A face's crop and how it was made.
#[derive(Debug)]
pub struct AlignedFace {
    /// Of the face's track, or its number in a photo.
    pub id: u64,
    /// From the frame to the crop.
    pub to_crop: Similarity,
    /// `CV_8UC3`, RGB, square.
    pub crop: Mat,
}

/// The crop, `size` pixels square, of the face with these landmarks; reads and filters no more of the frame than the face
/// needs. `None` when the landmarks fit no similarity (they coincide, are not finite or a mirror image), or the face misses
/// the frame.
///
/// # Errors
/// [`FaceRestoreError`] when pixels cannot be read or warped.
pub fn align_face(
    frame: &dyn FramePixels,
    id: u64,
    landmarks: &[Point; 5],
    size: u32,
) -> Result<Option<AlignedFace>, FaceRestoreError> {
    let (width, height) = frame.size();
    let Ok(to_crop) = face_detect::face_to_crop(landmarks, size) else { return Ok(None) };
    let Some(region) = face_detect::face_region(&to_crop, size, width, height) else { return Ok(None) };
    let pixels = frame.region_rgb(region)?;
    let crop = face_detect::align(&pixels, region, &to_crop, size)?;
    Ok(Some(AlignedFace { id, to_crop, crop }))
}
