// SPDX-License-Identifier: MIT OR Apache-2.0
//! A short clip made by moving a still smoothly.

use image::{Rgb, Rgb32FImage};

use super::resample::{Axis, resample};
use super::{Filter, H264Params};

/// What moves.
pub(super) struct Still<'a> {
    /// The picture before the down-sampling.
    pub picture: &'a Rgb32FImage,
    /// The same after it, the frame at time 0.
    pub small: &'a Rgb32FImage,
    /// What shrinks it.
    pub filter: Filter,
}

impl Still<'_> {
    /// The frame `time` frames after the kept one, of the small picture's size: the scene is enlarged about its centre and
    /// shifted at constant speed. It is made of the large picture by the filter that made the small one, beyond the border
    /// of the nearest pixel. `ratio` is that of the picture to the reference size.
    pub(super) fn at(&self, time: i32, motion: &H264Params, ratio: f64) -> Rgb32FImage {
        if time == 0 {
            return self.small.clone();
        }
        let zoom = libm::pow(motion.zoom, f64::from(time));
        let [right, down] = motion.shift.map(|shift| f64::from(time) * shift * ratio);
        if self.filter != Filter::Linear {
            let columns = Axis::new(self.filter, self.picture.width(), self.small.width(), zoom, right);
            let rows = Axis::new(self.filter, self.picture.height(), self.small.height(), zoom, down);
            return resample(self.picture, &columns, &rows);
        }
        let columns = positions(self.picture.width(), self.small.width(), zoom, right);
        let rows = positions(self.picture.height(), self.small.height(), zoom, down);
        Rgb32FImage::from_fn(self.small.width(), self.small.height(), |x, y| {
            self.sample(&columns[x as usize], &rows[y as usize])
        })
    }

    fn sample(&self, column: &Position, row: &Position) -> Rgb<f32> {
        let pixel = |x, y| self.picture.get_pixel(x, y).0;
        let (top, bottom) = (row.first, row.second);
        let (upper_left, upper_right) = (pixel(column.first, top), pixel(column.second, top));
        let (lower_left, lower_right) = (pixel(column.first, bottom), pixel(column.second, bottom));
        let between = |from: f32, to: f32, part: f32| from + part * (to - from);
        Rgb(std::array::from_fn(|channel| {
            let upper = between(upper_left[channel], upper_right[channel], column.part);
            let lower = between(lower_left[channel], lower_right[channel], column.part);
            between(upper, lower, row.part)
        }))
    }
}

/// Two neighbouring pixels and how far a position is from the first to the second, 0 to 1.
struct Position {
    first: u32,
    second: u32,
    part: f32,
}

/// Where the `small` pixels of a side lie on the `large` ones of a picture that is enlarged by `zoom` about its centre and
/// shifted by `shift` of its pixels.
fn positions(large: u32, small: u32, zoom: f64, shift: f64) -> Vec<Position> {
    let centre = 0.5 * f64::from(large);
    let step = f64::from(large) / f64::from(small);
    let last = f64::from(large - 1);
    let position = |index: u32| {
        let seen = (f64::from(index) + 0.5) * step;
        let source = (centre + (seen - centre - shift) / zoom - 0.5).clamp(0.0, last);
        let first = source as u32;
        Position { first, second: (first + 1).min(large - 1), part: (source - f64::from(first)) as f32 }
    };
    (0..small).map(position).collect()
}
