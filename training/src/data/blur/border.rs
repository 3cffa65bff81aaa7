// SPDX-License-Identifier: MIT OR Apache-2.0
//! The border of a picture under a kernel: mirrored without repeating the edge pixel.

use image::Rgb32FImage;

/// A picture with a border, interleaved RGB.
pub(super) struct Padded {
    /// Floats of a row.
    pub(super) row: usize,
    /// The picture's values, border included.
    pub(super) values: Vec<f32>,
}

impl Padded {
    /// Mirrors `radius` pixels on every side, without repeating the edge pixel.
    pub(super) fn reflect_101(picture: &Rgb32FImage, radius: usize) -> Self {
        let (width, height) = (picture.width() as usize, picture.height() as usize);
        let row = 3 * (width + 2 * radius);
        let columns: Vec<usize> = (0..width + 2 * radius).map(|x| 3 * mirrored(x, radius, width)).collect();
        let mut values = Vec::with_capacity(row * (height + 2 * radius));
        for y in 0..height + 2 * radius {
            let source = &picture.as_raw()[3 * width * mirrored(y, radius, height)..][..3 * width];
            for &x in &columns {
                values.extend_from_slice(&source[x..x + 3]);
            }
        }
        Self { row, values }
    }
}

/// Index into a side of `length` pixels of position `padded - radius`, mirrored at the first and the last
/// pixel as often as needed.
pub(crate) fn mirrored(padded: usize, radius: usize, length: usize) -> usize {
    let period = 2 * (length - 1);
    if period == 0 {
        return 0;
    }
    let position = (padded as i64 - radius as i64).rem_euclid(period as i64) as usize;
    position.min(period - position)
}
