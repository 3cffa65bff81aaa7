// SPDX-License-Identifier: MIT OR Apache-2.0
//! Letters as strokes: a line of text that nobody reads.

use rand::Rng;

use super::shape::to_segment;

/// The letters of a seven-segment display with its two diagonals: places of a letter's box, 1 high and 0.6 wide.
const STROKES: [[[f64; 2]; 2]; 9] = [
    [[0.0, 0.0], [0.6, 0.0]],
    [[0.0, 0.5], [0.6, 0.5]],
    [[0.0, 1.0], [0.6, 1.0]],
    [[0.0, 0.0], [0.0, 0.5]],
    [[0.0, 0.5], [0.0, 1.0]],
    [[0.6, 0.0], [0.6, 0.5]],
    [[0.6, 0.5], [0.6, 1.0]],
    [[0.0, 0.0], [0.6, 1.0]],
    [[0.6, 0.0], [0.0, 1.0]],
];
/// From one letter's left edge to the next one's, in letter heights.
const ADVANCE: f64 = 0.95;

/// A line of letters, each a random choice of [`STROKES`].
#[derive(Debug, Clone)]
pub(super) struct Line {
    left_top: [f64; 2],
    height: f64,
    half_stroke: f64,
    /// For each letter a bit for each stroke; a letter without strokes is a space.
    letters: Vec<u16>,
}

impl Line {
    /// A line of `height` that begins at `left_top` and is long enough to reach out of the crop.
    pub fn draw<R: Rng + ?Sized>(rng: &mut R, left_top: [f64; 2], height: f64) -> Self {
        let count = rng.random_range(3..=(1.4 / (ADVANCE * height)).ceil() as usize + 3);
        let letters = (0..count)
            .map(|_| if rng.random_bool(0.15) { 0 } else { rng.random_range(1..1_u16 << STROKES.len()) });
        let letters = letters.collect();
        Self { left_top, height, half_stroke: height * (0.05 + 0.06 * rng.random::<f64>()), letters }
    }

    /// The distance of `place` to the edge of the nearest letter, negative inside; exact within half a letter of the line.
    pub fn distance(&self, place: [f64; 2]) -> f64 {
        let [x, y] = [0, 1].map(|axis| (place[axis] - self.left_top[axis]) / self.height);
        if !(-0.5..=1.5).contains(&y) {
            return self.height;
        }
        let own = (x / ADVANCE).floor();
        let mut nearest = 1.0_f64;
        for index in [own - 1.0, own, own + 1.0] {
            // `as` makes -1 a 0, so it is asked for first.
            let letter = if index < 0.0 { None } else { self.letters.get(index as usize) };
            let Some(strokes) = letter else { continue };
            let place = [x - index * ADVANCE, y];
            for (bit, [from, to]) in STROKES.into_iter().enumerate() {
                if strokes & (1 << bit) != 0 {
                    nearest = nearest.min(to_segment(place, from, to));
                }
            }
        }
        nearest * self.height - self.half_stroke
    }
}
