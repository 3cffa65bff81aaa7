// SPDX-License-Identifier: MIT OR Apache-2.0
//! The grid that a network's patches leave in a picture: a line in its spectrum.

use std::f64::consts::TAU;

use image::RgbImage;

use super::luma::Luma;

/// Length in pixels of the grid's waves. The fast network takes patches of 4×4 pixels apart into channels and puts its output
/// together from such patches (`patch = 4` in its configuration), so what differs from place to place inside a patch, but not
/// from patch to patch, has this length. A fixed one, so that networks with other patches, other systems, inputs and truths are
/// measured by the same rule.
const PERIOD: usize = 4;

/// Least side of a picture whose grid can be told: of a smaller one the neighbours below are other octaves.
const LEAST_SIDE: usize = 64;

/// The nearest neighbour, in bins: the line itself, widened by the window, ends before the second.
const NEAREST: usize = 3;

/// Added to both powers, in squares of levels; an eighth of what rounding to 8 bits adds. It keeps the ratio finite.
const FLOOR: f64 = 0.01;

/// Energy of the luma (BT.601) of `picture` at a period of 4 pixels over that at the frequencies beside it: 1 is no grid, and a
/// natural picture gives 0.9 to 1.1. Waves of that period across and down, of a levels each (half of top to bottom), add
/// a²·n/(6·v) to a picture of side n that near that frequency is white noise of the variance v; one of the two adds half.
/// `None` for a side below 64 pixels. JPEG's blocks of 8 pixels show here too: their second harmonic has this period.
///
/// Of every row and every column, cut to a multiple of 4 pixels (n) and weighted by a Hann window, the power of the DFT's
/// bin n/4, which is exactly 1/4 cycle a pixel, and the mean of those of its neighbours on both sides, 3 to n/32 bins away (at
/// least 4, at most 8; of 512 pixels this is 2.3 % to 6.3 % of the frequency). Both are averaged over all rows and columns
/// before one is divided by the other, so that rows of almost no detail don't decide.
#[must_use]
pub fn grid(picture: &RgbImage) -> Option<f64> {
    let luma = Luma::of(picture);
    if luma.width().min(luma.height()) < LEAST_SIDE {
        return None;
    }
    let (down, across) = (column_powers(&luma), column_powers(&luma.transposed()));
    let lines = (luma.width() + luma.height()) as f64;
    let mean = |down: f64, across: f64| (down + across) / lines + FLOOR;
    Some(mean(down.grid, across.grid) / mean(down.beside, across.beside))
}

/// Powers in squares of levels (white noise's is its variance), summed over lines.
struct Powers {
    grid: f64,
    beside: f64,
}

fn column_powers(plane: &Luma) -> Powers {
    let length = plane.height() / PERIOD * PERIOD;
    let centre = length / PERIOD;
    let farthest = (length / 32).clamp(4, 8);
    let power = |bin: usize| column_power(plane, length, bin);
    let beside: f64 = (NEAREST..=farthest).map(|away| power(centre - away) + power(centre + away)).sum();
    Powers { grid: power(centre), beside: beside / (2 * (farthest + 1 - NEAREST)) as f64 }
}

/// Power of `bin` cycles in the first `length` values of the columns.
fn column_power(plane: &Luma, length: usize, bin: usize) -> f64 {
    let angle = |cycles: usize| TAU * (cycles % length) as f64 / length as f64;
    let mut sums = vec![(0.0, 0.0); plane.width()];
    for y in 0..length {
        let window = 0.5 - 0.5 * angle(y).cos();
        let (sine, cosine) = angle(bin * y).sin_cos();
        let (sine, cosine) = (window * sine, window * cosine);
        for ((real, imaginary), value) in sums.iter_mut().zip(plane.row(y)) {
            *real += cosine * value;
            *imaginary += sine * value;
        }
    }
    // The squares of the window's weights have the mean 3/8.
    let noise = 0.375 * length as f64;
    sums.iter().map(|(real, imaginary)| real * real + imaginary * imaginary).sum::<f64>() / noise
}
