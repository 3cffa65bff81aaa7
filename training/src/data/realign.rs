// SPDX-License-Identifier: MIT OR Apache-2.0
//! A small similarity transform of a face within its crop: training's variation of the alignment.

use image::{Rgb, RgbImage};
use rand::Rng;

use super::blur::mirrored;

/// A change of alignment about the crop's centre.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Alignment {
    /// How much larger the face becomes.
    pub scale: f64,
    /// Turn in radians, positive from x towards y.
    pub rotation: f64,
    /// Shift to the right and down, as a share of the crop's side.
    pub shift: [f64; 2],
}

impl Alignment {
    /// No change.
    pub const NONE: Self = Self { scale: 1.0, rotation: 0.0, shift: [0.0; 2] };

    /// A random change of strength `jitter`, as [`DataConfig::jitter`](crate::data::config::DataConfig::jitter) has it.
    /// It takes the same number of values from `rng` whatever the strength.
    pub fn draw<R: Rng + ?Sized>(jitter: f64, rng: &mut R) -> Self {
        let mut symmetric = || jitter * (2.0 * rng.random::<f64>() - 1.0);
        Self { scale: 1.0 + symmetric(), rotation: symmetric(), shift: [symmetric(), symmetric()] }
    }
}

/// `face`, square, with its alignment changed: sampled with a cubic kernel (Catmull-Rom), mirrored beyond its border.
/// Without a change it comes back as it is.
#[must_use]
pub fn realign(face: RgbImage, alignment: &Alignment) -> RgbImage {
    if *alignment == Alignment::NONE {
        return face;
    }
    let (width, height) = face.dimensions();
    let centre = [f64::from(width - 1) / 2.0, f64::from(height - 1) / 2.0];
    let [right, down] = alignment.shift.map(|share| share * f64::from(width));
    let (sin, cos) = alignment.rotation.sin_cos();
    RgbImage::from_fn(width, height, |x, y| {
        let dx = (f64::from(x) - centre[0] - right) / alignment.scale;
        let dy = (f64::from(y) - centre[1] - down) / alignment.scale;
        cubic_sample(&face, centre[0] + cos * dx + sin * dy, centre[1] + cos * dy - sin * dx)
    })
}

/// The value of `picture` between its pixels, whose centres are at whole numbers.
fn cubic_sample(picture: &RgbImage, x: f64, y: f64) -> Rgb<u8> {
    let ((columns, across), (rows, down)) = (taps(x, picture.width()), taps(y, picture.height()));
    let stride = 3 * picture.width() as usize;
    let mut sums = [0.0_f32; 3];
    for (&row, &down) in rows.iter().zip(&down) {
        let line = &picture.as_raw()[row * stride..(row + 1) * stride];
        for (&column, &across) in columns.iter().zip(&across) {
            let weight = down * across;
            for (sum, &value) in sums.iter_mut().zip(&line[3 * column..3 * column + 3]) {
                *sum += weight * f32::from(value);
            }
        }
    }
    Rgb(sums.map(|sum| (sum + 0.5) as u8))
}

/// The four pixels about `position` on a side of `length` pixels, and the weights of the Catmull-Rom cubic.
fn taps(position: f64, length: u32) -> ([usize; 4], [f32; 4]) {
    let first = position.floor() - 1.0;
    let t = (position - position.floor()) as f32;
    let weights = [
        0.5 * t * (-1.0 + t * (2.0 - t)),
        1.0 + 0.5 * t * t * (3.0 * t - 5.0),
        0.5 * t * (1.0 + t * (4.0 - 3.0 * t)),
        0.5 * t * t * (t - 1.0),
    ];
    let steps = [0, 1, 2, 3];
    let length = length as usize;
    let pixels = if first >= 0.0 && first as usize + 3 < length {
        steps.map(|step| first as usize + step)
    } else {
        // The alignment never leads further out than a few sides.
        let radius = 8 * length;
        let beyond = (first + radius as f64).max(0.0) as usize;
        steps.map(|step| mirrored(beyond + step, radius, length))
    };
    (pixels, weights)
}
