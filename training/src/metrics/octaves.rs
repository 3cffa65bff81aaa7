// SPDX-License-Identifier: MIT OR Apache-2.0
//! How much of a picture's detail there is beside another's, from fine to coarse: energy in octaves of frequency.

use image::RgbImage;

use super::error::{MetricError, check_sizes};
use super::luma::Luma;

/// How many octaves are told apart: down to a wave of 128 pixels, which on a face of 512 is a cheek.
pub const OCTAVES: usize = 6;

/// Added to both energies, in squares of levels, as for [`sharpness`](super::sharpness()): that of a wave of 0.14 levels,
/// which no 8-bit picture can tell from none. It keeps the ratio finite.
const FLOOR: f64 = 0.01;

/// Side of the smallest plane that has an octave: its longest wave is 4 of its pixels long.
const LEAST_SIDE: usize = 4;

/// Middle tap of the low-pass.
const MIDDLE: f64 = 0.5;

/// Its other taps that are not 0, as distance from the middle and weight on both sides.
const SIDES: [(usize, f64); 3] = [(1, 150.0 / 512.0), (3, -25.0 / 512.0), (5, 3.0 / 512.0)];

/// One of the [`OCTAVES`] octaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Octave(usize);

impl Octave {
    /// All, the finest first.
    pub const ALL: [Self; OCTAVES] = [Self(0), Self(1), Self(2), Self(3), Self(4), Self(5)];

    /// Its place in [`octaves`], from 0.
    #[must_use]
    pub fn index(self) -> usize {
        self.0
    }

    /// Its key in JSON: `octave_1`, the finest, to `octave_6`.
    #[must_use]
    pub fn key(self) -> &'static str {
        ["octave_1", "octave_2", "octave_3", "octave_4", "octave_5", "octave_6"][self.0]
    }
}

/// Energy of `picture` as a share of that of `truth`, octave by octave of luma (BT.601), the finest first: 1 is the truth's,
/// less is softer, more is sharper than it or noisy, always above 0. Octave k holds the waves whose larger frequency, of that
/// across and that down, is between 2^-(k+1) and 2^-k cycles a pixel, so the first those of 2 to 4 pixels. `None` stands for
/// an octave that the picture is too small for: one side is not above 3·2^(k-1) pixels.
///
/// The octaves are those of a pyramid: a plane is low-passed across and down, the mean square of what that takes away is the
/// octave's energy, and every other pixel of every other row of what it leaves is the next plane; beyond its edges a plane is
/// mirrored about the outermost pixels. The low-pass, (3, 0, -25, 0, 150, 256, 150, 0, -25, 0, 3) / 512, is the half-band
/// filter of Deslauriers and Dubuc (1989), maximally flat at both ends: a wave at the border of two octaves leaves half its height
/// in the finer one; one in the middle of its octave leaves 2 % of its energy in the finer neighbour, 0.3 % in the coarser.
///
/// # Errors
/// [`MetricError`] when the sizes differ or there are no pixels.
pub fn octaves(picture: &RgbImage, truth: &RgbImage) -> Result<[Option<f64>; OCTAVES], MetricError> {
    check_sizes(picture, truth, 1)?;
    let (picture, truth) = (energies(picture), energies(truth));
    Ok(Octave::ALL.map(|Octave(index)| Some((picture[index]? + FLOOR) / (truth[index]? + FLOOR))))
}

/// Mean squares of the octaves, the finest first.
fn energies(picture: &RgbImage) -> [Option<f64>; OCTAVES] {
    let mut plane = Luma::of(picture);
    Octave::ALL.map(|_| {
        if plane.width().min(plane.height()) < LEAST_SIDE {
            return None;
        }
        let low = low_passed_down(&low_passed_down(&plane).transposed()).transposed();
        let squares = plane.values().iter().zip(low.values()).map(|(all, low)| (all - low).powi(2));
        let energy = squares.sum::<f64>() / plane.values().len() as f64;
        plane = low.halved();
        Some(energy)
    })
}

/// Every column through the low-pass.
fn low_passed_down(plane: &Luma) -> Luma {
    let row = |y: usize| {
        let middle = plane.row(y);
        let sides = SIDES.map(|(distance, weight)| {
            let [above, below] = mirrored(y, distance, plane.height());
            (plane.row(above), plane.row(below), weight)
        });
        let side = move |x: usize| {
            sides.iter().map(|(above, below, weight)| weight * (above[x] + below[x])).sum::<f64>()
        };
        (0..plane.width()).map(move |x| MIDDLE * middle[x] + side(x))
    };
    Luma::from_rows(plane.width(), plane.height(), row)
}

/// The places `distance` before and behind `place` among `count` (two or more) that are mirrored about the first and the last.
fn mirrored(place: usize, distance: usize, count: usize) -> [usize; 2] {
    let round = 2 * (count - 1);
    let inside = |place: usize| (place % round).min(round - place % round);
    [inside(place + round * distance - distance), inside(place + distance)]
}
