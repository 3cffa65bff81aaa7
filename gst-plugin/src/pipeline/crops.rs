//! The crops of a frame's faces, as networks take them.

use face_detect::{Point, Similarity};
use opencv::core::Mat;

use crate::error::FrameError;
use crate::pixels::{FrameView, region_rgb};

/// A face's crop and how it was made.
pub struct AlignedFace {
    /// Of the face's track.
    pub id: u64,
    /// From the frame to the crop.
    pub to_crop: Similarity,
    /// `CV_8UC3`, RGB, square.
    pub crop: Mat,
}

/// The crop, `size` pixels square, of the face with these landmarks. `None` when they fit no similarity, or the face
/// misses the frame.
///
/// # Errors
/// [`FrameError`] when pixels cannot be read or warped.
pub fn align_face(
    frame: &FrameView,
    id: u64,
    landmarks: &[Point; 5],
    size: u32,
) -> Result<Option<AlignedFace>, FrameError> {
    let (width, height) = frame.layout().size();
    let Ok(to_crop) = face_detect::face_to_crop(landmarks, size) else { return Ok(None) };
    let Some(region) = face_detect::face_region(&to_crop, size, width, height) else { return Ok(None) };
    let pixels = region_rgb(frame, region)?;
    let crop = face_detect::align(&pixels, region, &to_crop, size)?;
    Ok(Some(AlignedFace { id, to_crop, crop }))
}
