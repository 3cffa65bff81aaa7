// SPDX-License-Identifier: MIT OR Apache-2.0
//! Generalised Gaussian distributions fitted to samples by their moments (Sharifi and Leon-Garcia 1995; with two sides Lasmar, Stitou
//! and Berthoumieu 2009).

use std::ops::RangeInclusive;

use libm::tgamma;

/// Shapes that a fit can have, as in the program of Mittal, Soundararajan and Bovik (2013).
const SHAPES: RangeInclusive<f64> = 0.2..=10.0;

/// Halvings of [`SHAPES`], which leave 10^-11 of it.
const HALVINGS: u32 = 40;

/// A density proportional to exp(-(|x| / scale)^shape): shape 1 is Laplace's, 2 the normal distribution.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GeneralisedGaussian {
    /// α, from 0.2 to 10.
    pub shape: f64,
    /// β, above 0.
    pub scale: f64,
}

impl GeneralisedGaussian {
    /// The fit to values about 0: E|x|² / E x² = Γ(2/α)² / (Γ(1/α) Γ(3/α)), and E x² = β² Γ(3/α) / Γ(1/α). `None` without a value
    /// that is not 0.
    #[must_use]
    pub fn fit(values: impl Iterator<Item = f64>) -> Option<Self> {
        let (mut count, mut absolute, mut square) = (0.0, 0.0, 0.0);
        for value in values {
            count += 1.0;
            absolute += value.abs();
            square += value * value;
        }
        if square <= 0.0 {
            return None;
        }
        let shape = shape_of(absolute * absolute / (count * square));
        Some(Self { shape, scale: (square / count).sqrt() * unit_scale(shape) })
    }
}

/// A generalised Gaussian with a scale on each side of 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AsymmetricGaussian {
    /// α, from 0.2 to 10.
    pub shape: f64,
    /// β below 0.
    pub left: f64,
    /// β above 0.
    pub right: f64,
}

impl AsymmetricGaussian {
    /// The fit by the root mean squares l and r of the values below and above 0: with γ = l / r, the ratio of
    /// [`GeneralisedGaussian::fit`] is (E|x|)² / E x² · (γ³ + 1)(γ + 1) / (γ² + 1)². `None` without values on both sides.
    #[must_use]
    pub fn fit(values: impl Iterator<Item = f64>) -> Option<Self> {
        let (mut counts, mut squares, mut absolute, mut all) = ([0.0, 0.0], [0.0, 0.0], 0.0, 0.0);
        for value in values {
            all += 1.0;
            absolute += value.abs();
            if value != 0.0 {
                let side = usize::from(value > 0.0);
                counts[side] += 1.0;
                squares[side] += value * value;
            }
        }
        if squares.iter().any(|&square| square <= 0.0) {
            return None;
        }
        let [left, right] = [0, 1].map(|side| f64::sqrt(squares[side] / counts[side]));
        let ratio = absolute * absolute / (all * (squares[0] + squares[1]));
        let gamma: f64 = left / right;
        let skewed = (gamma.powi(3) + 1.0) * (gamma + 1.0) / (gamma.powi(2) + 1.0).powi(2);
        let shape = shape_of(ratio * skewed);
        Some(Self { shape, left: left * unit_scale(shape), right: right * unit_scale(shape) })
    }

    /// The mean, (right - left) Γ(2/α) / Γ(1/α).
    #[must_use]
    pub fn mean(&self) -> f64 {
        (self.right - self.left) * tgamma(2.0 / self.shape) / tgamma(1.0 / self.shape)
    }
}

/// β of a standard deviation of 1.
fn unit_scale(shape: f64) -> f64 {
    (tgamma(1.0 / shape) / tgamma(3.0 / shape)).sqrt()
}

/// (E|x|)² / E x² of a shape; it rises with the shape.
fn ratio_of(shape: f64) -> f64 {
    tgamma(2.0 / shape).powi(2) / (tgamma(1.0 / shape) * tgamma(3.0 / shape))
}

/// The shape of a ratio, the nearest of [`SHAPES`].
fn shape_of(ratio: f64) -> f64 {
    let (mut low, mut high) = SHAPES.into_inner();
    for _ in 0..HALVINGS {
        let middle = (low + high) / 2.0;
        if ratio_of(middle) < ratio {
            low = middle;
        } else {
            high = middle;
        }
    }
    (low + high) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;
    use rand_distr::{Distribution, Gamma};

    /// Samples: (|x| / β)^α follows the gamma distribution of shape 1/α, and a side is as likely as its β is large.
    fn samples(shape: f64, left: f64, right: f64) -> Vec<f64> {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let gamma = Gamma::new(1.0 / shape, 1.0).unwrap();
        let sample = |_| {
            let size: f64 = gamma.sample(&mut rng);
            let size = size.powf(1.0 / shape);
            if rng.random::<f64>() * (left + right) < left { -left * size } else { right * size }
        };
        (0..200_000).map(sample).collect()
    }

    /// The ratios of Laplace's distribution, 1/2, and the normal one, 2/π, are known.
    #[test]
    fn known_ratios_have_their_shapes() {
        assert!((ratio_of(1.0) - 0.5).abs() < 1e-12);
        assert!((ratio_of(2.0) - std::f64::consts::FRAC_2_PI).abs() < 1e-12);
        for shape in [0.3, 0.7, 1.0, 2.0, 5.0] {
            assert!((shape_of(ratio_of(shape)) - shape).abs() < 1e-8);
        }
        assert!((shape_of(0.0) - 0.2).abs() < 1e-8 && (shape_of(1.0) - 10.0).abs() < 1e-8);
    }

    #[test]
    fn samples_give_back_shape_and_scale() {
        for (shape, scale) in [(0.6, 1.0), (1.0, 3.0), (2.0, 0.5), (3.0, 2.0)] {
            let fit = GeneralisedGaussian::fit(samples(shape, scale, scale).into_iter()).unwrap();
            assert!((fit.shape / shape - 1.0).abs() < 0.03, "{fit:?} of {shape}");
            assert!((fit.scale / scale - 1.0).abs() < 0.04, "{fit:?} of {scale}");
        }
        assert_eq!(GeneralisedGaussian::fit([0.0; 5].into_iter()), None);
        assert_eq!(GeneralisedGaussian::fit(std::iter::empty()), None);
    }

    #[test]
    fn samples_of_two_sides_give_back_both_and_their_mean() {
        for (shape, left, right) in [(1.0, 1.0, 2.0), (2.0, 3.0, 1.0), (0.8, 1.0, 1.0)] {
            let values = samples(shape, left, right);
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            let fit = AsymmetricGaussian::fit(values.into_iter()).unwrap();
            assert!((fit.shape / shape - 1.0).abs() < 0.04, "{fit:?} of {shape}");
            assert!(
                (fit.left / left - 1.0).abs() < 0.05 && (fit.right / right - 1.0).abs() < 0.05,
                "{fit:?}"
            );
            assert!((fit.mean() - mean).abs() < 0.03, "{fit:?} has the mean {}, not {mean}", fit.mean());
        }
        assert_eq!(AsymmetricGaussian::fit([1.0, 0.0, 2.0].into_iter()), None);
    }
}
