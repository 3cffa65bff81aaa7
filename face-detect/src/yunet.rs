// SPDX-License-Identifier: MIT OR Apache-2.0
//! Decoding of YuNet's raw outputs into boxes, landmarks and scores.

use crate::face::{BoundingBox, Face, Point};

/// The strides of YuNet's three output grids.
pub(crate) const STRIDES: [u32; 3] = [8, 16, 32];
/// Names of the outputs of one grid, less the stride, with the number of values per cell.
pub(crate) const OUTPUTS: [(&str, usize); 4] = [("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10)];

/// The four outputs of one grid; cells run row by row, each slice holds its values cell by cell.
pub(crate) struct Grid<'a> {
    /// Input pixels per cell.
    pub stride: u32,
    /// Cells in a row of the grid.
    pub columns: usize,
    /// How sure the network is that the object is a face, 1 value per cell.
    pub class: &'a [f32],
    /// How sure it is that there is an object, 1 value per cell.
    pub objectness: &'a [f32],
    /// Centre offset and logarithm of the size in strides, 4 values per cell.
    pub boxes: &'a [f32],
    /// Landmark offsets in strides, x then y, 10 values per cell.
    pub landmarks: &'a [f32],
}

/// Appends the faces of one grid whose score reaches `threshold`, in pixels of the network's input.
///
/// As `FaceDetectorYN` of OpenCV 4.8 and later does it: score = √(class · objectness), both clamped to 0..1;
/// centre = (column + b₀, row + b₁) · stride; size = e^(b₂, b₃) · stride; landmark k =
/// (column + kₓ, row + k_y) · stride. The landmarks come in the template's order already.
pub(crate) fn decode(grid: &Grid, threshold: f32, faces: &mut Vec<Face>) {
    let stride = grid.stride as f32;
    let cells = grid.class.iter().zip(grid.objectness);
    let geometry = grid.boxes.chunks_exact(4).zip(grid.landmarks.chunks_exact(10));
    for (index, ((class, objectness), (shape, points))) in cells.zip(geometry).enumerate() {
        let score = (class.clamp(0.0, 1.0) * objectness.clamp(0.0, 1.0)).sqrt();
        if score < threshold || score.is_nan() {
            continue;
        }
        let (column, row) = ((index % grid.columns) as f32, (index / grid.columns) as f32);
        let (width, height) = (shape[2].exp() * stride, shape[3].exp() * stride);
        let bbox = BoundingBox {
            x: (column + shape[0]) * stride - width / 2.0,
            y: (row + shape[1]) * stride - height / 2.0,
            width,
            height,
        };
        let landmarks = std::array::from_fn(|k| Point {
            x: (column + points[2 * k]) * stride,
            y: (row + points[2 * k + 1]) * stride,
        });
        let finite = [bbox.x, bbox.y, bbox.width, bbox.height].iter().all(|v| v.is_finite())
            && landmarks.iter().all(|point: &Point| point.x.is_finite() && point.y.is_finite());
        if finite {
            faces.push(Face { bbox, landmarks, score });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_cell_decodes_to_the_closed_form() {
        // 3 columns, 2 rows; the only face sits in cell 4: column 1, row 1.
        let mut class = [0.0; 6];
        let mut objectness = [0.0; 6];
        let mut boxes = [0.0; 24];
        let mut landmarks = [0.0; 60];
        class[4] = 0.81;
        objectness[4] = 1.7; // clamped to 1
        boxes[16..20].copy_from_slice(&[0.5, -0.25, 2.0_f32.ln(), 3.0_f32.ln()]);
        for (k, value) in landmarks[40..50].iter_mut().enumerate() {
            *value = k as f32 / 4.0;
        }
        let grid = Grid {
            stride: 16,
            columns: 3,
            class: &class,
            objectness: &objectness,
            boxes: &boxes,
            landmarks: &landmarks,
        };
        let mut faces = Vec::new();
        decode(&grid, 0.6, &mut faces);
        let [face] = faces[..] else { panic!("{faces:?}") };
        let close = |a: f32, b: f32| assert!((a - b).abs() < 1e-4, "{a} is not {b}");
        close(face.score, 0.9);
        close(face.bbox.width, 32.0);
        close(face.bbox.height, 48.0);
        close(face.bbox.x, 24.0 - 16.0);
        close(face.bbox.y, 12.0 - 24.0);
        close(face.landmarks[0].x, 16.0);
        close(face.landmarks[0].y, 20.0);
        close(face.landmarks[4].x, 48.0);
        close(face.landmarks[4].y, 52.0);
    }

    #[test]
    fn values_that_are_not_finite_are_no_face() {
        let (one, nan) = ([1.0], [f32::NAN]);
        let (boxes, huge) = ([0.0; 4], [0.0, 0.0, 200.0, 0.0]);
        let landmarks = [0.0; 10];
        for (class, boxes) in [(&nan, &boxes), (&one, &huge)] {
            let grid = Grid { stride: 8, columns: 1, class, objectness: &one, boxes, landmarks: &landmarks };
            let mut faces = Vec::new();
            decode(&grid, 0.0, &mut faces);
            assert!(faces.is_empty(), "{faces:?}");
        }
    }
}
