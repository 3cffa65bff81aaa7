// SPDX-License-Identifier: MIT OR Apache-2.0
//! The ringing of a sharp low-pass filter after enlarging, as an option of the recipe.

use image::Rgb32FImage;
use rand::Rng;
use serde::{Deserialize, Serialize};

use super::DegradationError;
use super::ranges::{chance, check_probability, check_range, uniform};
use crate::data::blur::Kernel;

/// Half the kernel's side in half periods of the cut-off frequency: Real-ESRGAN's 21 pixels have 3.3 of them at π/3.
const HALF_PERIODS: f64 = 3.5;

/// The most that half the kernel's side gets, in pixels of 512×512.
const MOST_RADIUS: f64 = 24.0;

/// A circular sinc filter on the enlarged picture: an edge gets rings about it, as the scalers of players and a strong coder
/// make them. An empty table is this default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ringing {
    /// Probability of ringing.
    pub probability: f64,
    /// Cut-off frequencies as shares of the highest that the picture had before it was enlarged, above 0 to 1. What rings thus
    /// has the size of the small picture's pixels.
    pub cutoff: [f64; 2],
}

impl Default for Ringing {
    /// Real-ESRGAN's cut-off frequencies, π/3 to π a pixel.
    fn default() -> Self {
        Self { probability: 0.2, cutoff: [1.0 / 3.0, 1.0] }
    }
}

impl Ringing {
    pub(super) fn validate(&self) -> Result<(), DegradationError> {
        check_probability("ringing.probability", self.probability)?;
        check_range("ringing.cutoff", self.cutoff, [0.1, 1.0], "two numbers, 0.1 <= low <= high <= 1")
    }

    pub(super) fn draw<R: Rng + ?Sized>(&self, rng: &mut R) -> Option<RingingParams> {
        let cutoff = uniform(rng, self.cutoff);
        chance(rng, self.probability).then_some(RingingParams { cutoff })
    }
}

/// One draw from [`Ringing`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RingingParams {
    /// The cut-off frequency as a share of the highest before the enlarging.
    pub cutoff: f64,
}

impl RingingParams {
    /// `picture`, values 0 to 255 and clipped to them, after the filter. It was enlarged by the factor `enlarged`, and is
    /// `ratio` times as large as the reference size.
    #[must_use]
    pub fn apply(&self, picture: &Rgb32FImage, enlarged: f64, ratio: f64) -> Rgb32FImage {
        let angle = std::f64::consts::PI * self.cutoff / enlarged.max(1.0);
        let most = (MOST_RADIUS * ratio).max(1.0);
        let radius = (HALF_PERIODS * std::f64::consts::PI / angle).ceil().min(most) as usize;
        let weights = circular(angle, radius);
        // Kernels leave out what is not above 0.
        let part = |sign: f32| Kernel::Full {
            size: 2 * radius + 1,
            weights: weights.iter().map(|weight| (sign * weight).max(0.0)).collect(),
        };
        let mut rung = part(1.0).apply(picture);
        let below = part(-1.0).apply(picture);
        for (value, below) in rung.iter_mut().zip(below.iter()) {
            *value = (*value - below).clamp(0.0, 255.0);
        }
        rung
    }
}

/// The filter that passes what turns by less than `angle` = ω radians a pixel in any direction, ω J₁(ω r) / (2π r), cut off
/// `radius` pixels from its centre and divided by its sum: Real-ESRGAN's `circular_lowpass_kernel`.
fn circular(angle: f64, radius: usize) -> Vec<f32> {
    let places = || (0..=2 * radius).map(|index| index as f64 - radius as f64);
    let mut weights = Vec::with_capacity((2 * radius + 1) * (2 * radius + 1));
    for y in places() {
        for x in places() {
            let distance = (x * x + y * y).sqrt();
            weights.push(if distance == 0.0 {
                angle * angle / (4.0 * std::f64::consts::PI)
            } else {
                angle * libm::j1(angle * distance) / (2.0 * std::f64::consts::PI * distance)
            });
        }
    }
    let sum: f64 = weights.iter().sum();
    weights.iter().map(|weight| (weight / sum) as f32).collect()
}

#[cfg(test)]
mod tests {
    use std::f64::consts::PI;

    use image::Rgb;

    use super::*;

    /// J₁ is the mean of cos(t - x sin t) over half a turn (Bessel's integral).
    #[test]
    fn the_kernel_is_that_of_real_esrgan() {
        for (angle, radius) in [(PI / 3.0, 10), (PI / 4.0, 14), (PI, 4)] {
            let bessel = |x: f64| {
                let turn = |step: i32| PI * (f64::from(step) + 0.5) / 1000.0;
                (0..1000).map(|step| (turn(step) - x * turn(step).sin()).cos()).sum::<f64>() / 1000.0
            };
            let side = 2 * radius + 1;
            let place = |index: usize| {
                let [x, y] = [index % side, index / side].map(|place| place as f64 - radius as f64);
                x.hypot(y)
            };
            let value = |index: usize| match place(index) {
                0.0 => angle * angle / (4.0 * PI),
                distance => angle * bessel(angle * distance) / (2.0 * PI * distance),
            };
            let expected: Vec<f64> = (0..side * side).map(value).collect();
            let sum: f64 = expected.iter().sum();
            let weights = circular(angle, radius);
            assert_eq!(weights.len(), expected.len());
            for (index, (own, expected)) in weights.iter().zip(&expected).enumerate() {
                let difference = (f64::from(*own) - expected / sum).abs();
                assert!(difference < 1e-7, "{angle}, weight {index}: {own}, expected {}", expected / sum);
            }
        }
    }

    /// A step swings beyond itself half a period of the cut-off frequency away, by Gibbs' 9 % and what cutting the kernel off
    /// adds, and comes to rest; what turns twice as fast as the cut-off is gone.
    #[test]
    fn a_step_rings_with_the_cut_off_frequency() {
        let step = Rgb32FImage::from_fn(128, 3, |x, _| Rgb([if x < 64 { 50.0 } else { 150.0 }; 3]));
        for (cutoff, enlarged) in [(1.0, 4.0), (0.7, 4.0), (0.5, 3.0)] {
            let rung = RingingParams { cutoff }.apply(&step, enlarged, 1.0);
            let values: Vec<f32> = (64..128).map(|x| rung.get_pixel(x, 1)[1]).collect();
            let (at, peak) = values
                .iter()
                .copied()
                .enumerate()
                .fold((0, 0.0), |best, (at, value)| if value > best.1 { (at, value) } else { best });
            assert!((158.0..163.0).contains(&peak), "{cutoff}: up to {peak}");
            let half_period = enlarged / cutoff;
            assert!((at as f64 + 0.5 - half_period).abs() <= 1.0, "{cutoff}: at {at}, not {half_period}");
            assert!(values[40..].iter().all(|value| (value - 150.0).abs() < 0.01), "{cutoff}: no rest");
            let mirrored = rung.get_pixel(63 - at as u32, 1)[1];
            assert!((mirrored - (200.0 - peak)).abs() < 0.01, "{cutoff}: {mirrored} on the other side");

            let fast = 2.0 * PI * cutoff / enlarged;
            let grating = Rgb32FImage::from_fn(128, 3, |x, _| {
                Rgb([(128.0 + 100.0 * (fast * f64::from(x)).cos()) as f32; 3])
            });
            let rung = RingingParams { cutoff }.apply(&grating, enlarged, 1.0);
            let left = (30..98).map(|x| (rung.get_pixel(x, 1)[1] - 128.0).abs()).fold(0.0, f32::max);
            assert!(left < 4.0, "{cutoff}: {left} of 100 left");
        }
    }
}
