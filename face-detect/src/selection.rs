// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which of the detector's candidates are the faces that were asked for.

use crate::detector::DetectOptions;
use crate::error::DetectError;
use crate::face::{Face, keep_largest};
use crate::misfit::is_plausible;
use crate::nms::suppress_overlaps;

/// The faces among `candidates`, largest first, in frame pixels: those that look like one, one for each group of overlapping boxes,
/// not too small, and not too many. `factors` are the input's pixels per pixel of the frame, across and down. What is not finite in
/// the frame, or has no finite area, is no face.
pub(crate) fn select(
    mut candidates: Vec<Face>,
    factors: (f32, f32),
    options: &DetectOptions,
) -> Result<Vec<Face>, DetectError> {
    // Before the suppression of overlaps: what is no face must not push one aside.
    candidates.retain(|face| face.bbox.area().is_finite() && is_plausible(&face.landmarks));
    let mut faces = suppress_overlaps(&candidates, options.nms_threshold)?;
    faces.iter_mut().for_each(|face| *face = face.resized(factors.0.recip(), factors.1.recip()));
    // A box of 1e30 pixels in the input has no size in a frame ten times as large.
    faces.retain(is_finite);
    faces.retain(|face| face.bbox.longer_side() >= options.min_face_size as f32);
    keep_largest(&mut faces, options.max_faces);
    Ok(faces)
}

fn is_finite(face: &Face) -> bool {
    let bbox = &face.bbox;
    [bbox.x, bbox.y, bbox.area()].iter().all(|value| value.is_finite())
        && face.landmarks.iter().all(|point| point.x.is_finite() && point.y.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::face::BoundingBox;
    use crate::template::template;

    #[test]
    fn boxes_beyond_all_numbers_are_no_faces() {
        let options = DetectOptions { min_face_size: 1, ..DetectOptions::default() };
        let count = |width: f32, height: f32, factor: f32| {
            let bbox = BoundingBox { x: 0.0, y: 0.0, width, height };
            let face = Face { bbox, landmarks: template(64), score: 0.9 };
            let found = select(vec![face, face], (factor, factor), &options).unwrap();
            assert!(found.iter().all(|face| face.bbox.area().is_finite()), "{found:?}");
            found.len()
        };
        assert_eq!(count(60.0, 80.0, 0.5), 1);
        // Finite in the input; the area is not, or is not in the frame.
        assert_eq!(count(1e30, 1e30, 0.5), 0);
        assert_eq!(count(1e19, 1e19, 0.1), 0);
        assert_eq!(count(60.0, 80.0, 0.0), 0, "a frame without end");
    }
}
