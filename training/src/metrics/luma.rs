// SPDX-License-Identifier: MIT OR Apache-2.0
//! The brightness of a picture, whose spectrum measures look at.

use image::{Rgb, RgbImage};

/// Shares of red, green and blue in luma (ITU-R BT.601).
const WEIGHTS: [f64; 3] = [0.299, 0.587, 0.114];

/// Luma in levels of an 8-bit picture: 0 to 255, not rounded, row by row.
pub(super) struct Luma {
    values: Vec<f64>,
    width: usize,
    height: usize,
}

impl Luma {
    /// The luma of `picture`.
    pub(super) fn of(picture: &RgbImage) -> Self {
        let luma = |&Rgb(colours): &Rgb<u8>| {
            colours.iter().zip(WEIGHTS).map(|(&value, weight)| weight * f64::from(value)).sum()
        };
        Self {
            values: picture.pixels().map(luma).collect(),
            width: picture.width() as usize,
            height: picture.height() as usize,
        }
    }

    /// `height` rows of `width` values each.
    pub(super) fn from_rows<R: Iterator<Item = f64>>(
        width: usize,
        height: usize,
        row: impl Fn(usize) -> R,
    ) -> Self {
        let mut values = Vec::with_capacity(width * height);
        (0..height).for_each(|y| values.extend(row(y)));
        Self { values, width, height }
    }

    /// Values in a row.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// Rows.
    pub(super) fn height(&self) -> usize {
        self.height
    }

    /// All values, row by row.
    pub(super) fn values(&self) -> &[f64] {
        &self.values
    }

    /// Row `y`, counted from the top.
    pub(super) fn row(&self, y: usize) -> &[f64] {
        &self.values[y * self.width..][..self.width]
    }

    /// Columns as rows.
    pub(super) fn transposed(&self) -> Self {
        let column = |x: usize| self.values[x..].iter().step_by(self.width).copied();
        Self::from_rows(self.height, self.width, column)
    }

    /// Every other value of every other row, from the first.
    pub(super) fn halved(&self) -> Self {
        let row = |y: usize| self.row(2 * y).iter().step_by(2).copied();
        Self::from_rows(self.width.div_ceil(2), self.height.div_ceil(2), row)
    }
}
