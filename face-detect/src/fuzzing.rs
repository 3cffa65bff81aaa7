// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the fuzz target `detector` reaches of this crate's inside (`fuzz/`); for no other use.
#![doc(hidden)]

use crate::detector::DetectOptions;
use crate::error::DetectError;
use crate::face::Face;
use crate::selection::select;
use crate::yunet::{Grid, OUTPUTS, decode};

/// The faces that the detector would report for these outputs of one grid: `values` holds class, objectness, boxes and landmarks
/// one after the other, for `columns` cells in a row and as many rows as there are values for.
///
/// # Errors
/// As [`FaceDetector::detect`](crate::FaceDetector::detect).
pub fn faces_of_outputs(
    values: &[f32],
    columns: usize,
    stride: u32,
    factors: (f32, f32),
    options: &DetectOptions,
) -> Result<Vec<Face>, DetectError> {
    let per_cell: usize = OUTPUTS.iter().map(|(_, values)| values).sum();
    let cells = values.len() / per_cell / columns.max(1) * columns;
    let (class, rest) = values.split_at(cells);
    let (objectness, rest) = rest.split_at(cells);
    let (boxes, rest) = rest.split_at(4 * cells);
    let grid = Grid { stride, columns, class, objectness, boxes, landmarks: &rest[..10 * cells] };
    let mut candidates = Vec::new();
    decode(&grid, options.score_threshold, &mut candidates);
    select(candidates, factors, options)
}
