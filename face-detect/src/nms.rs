// SPDX-License-Identifier: MIT OR Apache-2.0
//! Non-maximum suppression: one box per face.

use opencv::core::{Rect2d, Vector};
use opencv::dnn;

use crate::error::DetectError;
use crate::face::Face;

/// Keeps the best of every group of boxes that overlap by more than `threshold` (intersection over
/// union, 0 to 1); the result is sorted by falling score.
///
/// # Errors
/// When OpenCV fails.
pub fn suppress_overlaps(faces: &[Face], threshold: f32) -> Result<Vec<Face>, DetectError> {
    let boxes: Vector<Rect2d> = faces
        .iter()
        .map(|face| {
            let bbox = face.bbox;
            Rect2d::new(bbox.x.into(), bbox.y.into(), bbox.width.into(), bbox.height.into())
        })
        .collect();
    let scores: Vector<f32> = faces.iter().map(|face| face.score).collect();
    let mut kept = Vector::<i32>::new();
    dnn::nms_boxes_f64_def(&boxes, &scores, 0.0, threshold, &mut kept)
        .map_err(DetectError::at("removing duplicate faces"))?;
    Ok(kept.iter().filter_map(|index| faces.get(usize::try_from(index).ok()?).copied()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::face::{BoundingBox, Point};

    fn face(x: f32, width: f32, score: f32) -> Face {
        Face {
            bbox: BoundingBox { x, y: 0.0, width, height: 10.0 },
            landmarks: [Point { x: 0.0, y: 0.0 }; 5],
            score,
        }
    }

    #[test]
    fn the_best_of_overlapping_boxes_stays() {
        // IoU of the first two: 5/15; the third touches nobody.
        let faces = [face(0.0, 10.0, 0.7), face(5.0, 10.0, 0.9), face(40.0, 10.0, 0.8)];
        let scores = |threshold| {
            let kept = suppress_overlaps(&faces, threshold).unwrap();
            kept.iter().map(|face| face.score).collect::<Vec<_>>()
        };
        assert_eq!(scores(0.3), [0.9, 0.8]);
        assert_eq!(scores(0.34), [0.9, 0.8, 0.7]);
    }

    #[test]
    fn a_suppressed_box_suppresses_nobody() {
        // A chain: 1 overlaps 0 and 2, which do not overlap each other.
        let chain = [face(0.0, 10.0, 0.9), face(4.0, 10.0, 0.8), face(8.0, 10.0, 0.7)];
        let kept = suppress_overlaps(&chain, 0.3).unwrap();
        assert_eq!(kept, [chain[0], chain[2]]);
        assert!(suppress_overlaps(&[], 0.3).unwrap().is_empty());
    }
}
