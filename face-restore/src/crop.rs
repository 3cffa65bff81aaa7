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

/// The side may grow so far beyond what half a crop shows before a face that was restored in half a crop gets a whole one, so that one
/// of about that size does not change between them.
const HYSTERESIS: f64 = 1.15;

/// The sides of the crops that a network takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CropSides {
    /// The side of the crops that it was made for.
    pub whole: u32,
    /// Half of it, where small faces are to get that.
    pub half: Option<u32>,
}

impl CropSides {
    /// These, with half crops only if they are to match the faces' size.
    #[must_use]
    pub fn matched(self, match_size: bool) -> Self {
        Self { half: self.half.filter(|_| match_size), ..self }
    }

    /// The side for the face with these landmarks: half where such a crop shows all that the frame has of it, and the whole side for
    /// the others. `last` is what the face got before.
    #[must_use]
    pub fn for_face(&self, landmarks: &[Point; 5], last: Option<u32>) -> u32 {
        let Some(half) = self.half else { return self.whole };
        // One that fits no similarity is left out by whoever aligns it.
        let Ok(to_crop) = face_detect::face_to_crop(landmarks, half) else { return self.whole };
        let least = if last == Some(half) { 1.0 / HYSTERESIS } else { 1.0 };
        if to_crop.scale() >= least { half } else { self.whole }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A face whose whole crop is `side` pixels of the frame.
    fn face(side: f64) -> [Point; 5] {
        let scale = (side / 512.0) as f32;
        face_detect::template(512).map(|point| Point { x: 40.0 + scale * point.x, y: 30.0 + scale * point.y })
    }

    #[test]
    fn a_face_gets_half_a_crop_where_that_shows_all_there_is() {
        let sides = CropSides { whole: 512, half: Some(256) };
        for (side, last, expected) in [
            (120.0, None, 256),
            (250.0, None, 256),
            (262.0, None, 512),
            (262.0, Some(256), 256),
            (262.0, Some(512), 512),
            (310.0, Some(256), 512),
            (250.0, Some(512), 256),
        ] {
            assert_eq!(sides.for_face(&face(side), last), expected, "{side} after {last:?}");
        }
        assert_eq!(CropSides { half: None, ..sides }.for_face(&face(60.0), None), 512);
        assert_eq!(sides.for_face(&[Point { x: 1.0, y: 1.0 }; 5], None), 512);
    }
}
