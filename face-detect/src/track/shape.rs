// SPDX-License-Identifier: MIT OR Apache-2.0
//! A face's place as a vector of numbers, for filters, and how it moves.

use crate::face::{BoundingBox, Face, Point};
use crate::similarity::Similarity;

/// x and y of the five landmarks and of the box's centre, then the box's width and height.
pub(super) type Shape = [f64; 14];

pub(super) fn shape(face: &Face) -> Shape {
    let centre = face.bbox.centre();
    let mut values = [0.0; 14];
    for (pair, point) in values.chunks_exact_mut(2).zip(face.landmarks.iter().chain([&centre])) {
        pair.copy_from_slice(&[point.x.into(), point.y.into()]);
    }
    values[12..].copy_from_slice(&[face.bbox.width.into(), face.bbox.height.into()]);
    values
}

pub(super) fn face(shape: &Shape, score: f32) -> Face {
    let point = |index: usize| Point { x: shape[2 * index] as f32, y: shape[2 * index + 1] as f32 };
    let bbox = BoundingBox::around(point(5), shape[12] as f32, shape[13] as f32);
    Face { bbox, landmarks: std::array::from_fn(point), score }
}

/// The shape after a motion. The box stays upright: its centre moves, its size scales.
pub(super) fn moved(mut shape: Shape, motion: &Similarity) -> Shape {
    for pair in shape[..12].chunks_exact_mut(2) {
        let (x, y) = motion.apply_f64(pair[0], pair[1]);
        pair.copy_from_slice(&[x, y]);
    }
    shape[12..].iter_mut().for_each(|side| *side *= motion.scale());
    shape
}
