// SPDX-License-Identifier: MIT OR Apache-2.0
//! A grid of equally large pictures without words.

use image::{GenericImage, Rgb, RgbImage};

/// White pixels between two pictures of the grid and around it.
const GAP: u32 = 4;

/// Draws `pictures`, all of the size of the first, row by row in `columns` columns on white.
#[must_use]
pub fn grid(pictures: &[RgbImage], columns: usize) -> RgbImage {
    let columns = columns.max(1);
    let (width, height) = pictures.first().map_or((0, 0), RgbImage::dimensions);
    let place =
        |column: usize, row: usize| (column as u32 * (width + GAP) + GAP, row as u32 * (height + GAP) + GAP);
    let (right, bottom) = place(columns, pictures.len().div_ceil(columns));
    let mut grid = RgbImage::from_pixel(right, bottom, Rgb([255; 3]));
    for (index, picture) in pictures.iter().enumerate() {
        let (left, top) = place(index % columns, index / columns);
        // It fits: the grid has the room of these pictures.
        let _ = grid.copy_from(picture, left, top);
    }
    grid
}

/// [`grid`] with as many columns as rows, or up to one more.
#[must_use]
pub fn square_grid(pictures: &[RgbImage]) -> RgbImage {
    grid(pictures, (pictures.len() as f64).sqrt().ceil() as usize)
}
