// SPDX-License-Identifier: MIT OR Apache-2.0
//! How natural a picture is beside given clean ones, without its truth and without a network: the statistics of NIQE (Mittal,
//! Soundararajan and Bovik, “Making a ‘completely blind’ image quality analyzer”, 2013), fitted on those pictures.
//!
//! It is not called NIQE: that is the distance from the model that its authors fitted on 125 photographs. Other differences: the half
//! size comes of a Lanczos filter instead of a bicubic one, products of neighbours end at a patch's border instead of going round it,
//! and a patch without any contrast is left out.

use image::RgbImage;
use image::imageops::crop_imm;
use tch::{Kind, Tensor};

use super::error::MetricError;
use super::frechet::{Gaussian, Moments};
use super::generalised_gaussian::{AsymmetricGaussian, GeneralisedGaussian};
use super::luma::Luma;
use crate::picture;

/// Side in pixels of a patch, as published.
pub const PATCH: u32 = 96;

/// Numbers for a patch: at each of two scales a shape and a scale, and for each of four neighbours a shape, a mean and two scales.
pub const FEATURES: usize = 36;

/// Patches of a clean picture that are at least so sharp, as a share of its sharpest.
const SHARP: f64 = 0.75;

/// Half of the window of local means and deviations, 7×7 pixels, and the standard deviation of its Gaussian weights.
const RADIUS: usize = 3;
const SIGMA: f64 = 7.0 / 6.0;

/// Added to the local deviation, in levels.
const FLOOR: f64 = 1.0;

/// Where the neighbours are: to the right, below, and on the two diagonals.
const NEIGHBOURS: [(usize, isize); 4] = [(0, 1), (1, 0), (1, 1), (1, -1)];

/// Eigenvalues of a covariance below this share of the largest are directions without any spread.
const NO_SPREAD: f64 = 1e-10;

/// The features of a patch, and how sharp it is: the mean local deviation in levels.
#[derive(Debug, Clone, PartialEq)]
pub struct Patch {
    /// The features.
    pub features: [f64; FEATURES],
    /// The sharpness.
    pub sharpness: f64,
}

/// The patches of `picture`, squares of `side` pixels (an even number) from its upper left on, and those of half the side of the
/// picture at half its size. Patches without contrast are left out.
///
/// # Errors
/// [`MetricError::TooFewPatches`] when the picture holds none.
pub fn patches(picture: &RgbImage, side: u32) -> Result<Vec<Patch>, MetricError> {
    let too_few =
        |patches| MetricError::TooFewPatches { size: picture.dimensions(), patches, side, least: 1 };
    let (columns, rows) = (picture.width() / side, picture.height() / side);
    if columns == 0 || rows == 0 {
        return Err(too_few(0));
    }
    let (width, height) = (columns * side, rows * side);
    let whole = crop_imm(picture, 0, 0, width, height).to_image();
    let half = picture::resize_antialiased(&whole, width / 2, height / 2).map_err(|_| too_few(0))?;
    let (whole, half) = (Normalised::of(&whole), Normalised::of(&half));
    let side = side as usize;
    let mut patches = Vec::with_capacity((columns * rows) as usize);
    for y in 0..rows as usize {
        for x in 0..columns as usize {
            let fine = whole.features(x * side, y * side, side);
            let coarse = half.features(x * (side / 2), y * (side / 2), side / 2);
            if let (Some(fine), Some(coarse)) = (fine, coarse) {
                let mut features = [0.0; FEATURES];
                features
                    .iter_mut()
                    .zip(fine.into_iter().chain(coarse))
                    .for_each(|(place, value)| *place = value);
                patches.push(Patch { features, sharpness: whole.sharpness(x * side, y * side, side) });
            }
        }
    }
    if patches.is_empty() { Err(too_few(0)) } else { Ok(patches) }
}

/// Mean-subtracted, contrast-normalised luma: (I - μ) / (σ + 1), with μ and σ of a Gaussian window.
struct Normalised {
    /// The coefficients.
    values: Luma,
    /// σ in levels.
    deviations: Luma,
}

impl Normalised {
    fn of(picture: &RgbImage) -> Self {
        let luma = Luma::of(picture);
        let (width, height) = (luma.width(), luma.height());
        let means = smoothed(&luma);
        let squares = Luma::from_rows(width, height, |y| luma.row(y).iter().map(|value| value * value));
        let mean_squares = smoothed(&squares);
        let deviations = Luma::from_rows(width, height, |y| {
            let both = mean_squares.row(y).iter().zip(means.row(y));
            both.map(|(square, mean)| (square - mean * mean).abs().sqrt())
        });
        let values = Luma::from_rows(width, height, |y| {
            let all = luma.row(y).iter().zip(means.row(y)).zip(deviations.row(y));
            all.map(|((value, mean), deviation)| (value - mean) / (deviation + FLOOR))
        });
        Self { values, deviations }
    }

    /// The 18 features of the patch whose upper left is (`left`, `top`); `None` of one without contrast.
    fn features(&self, left: usize, top: usize, side: usize) -> Option<Vec<f64>> {
        let row = |y: usize| &self.values.row(top + y)[left..left + side];
        let own = GeneralisedGaussian::fit((0..side).flat_map(|y| row(y).iter().copied()))?;
        let mut features = vec![own.shape, own.scale];
        for (down, right) in NEIGHBOURS {
            // Columns that have a neighbour: without the last for one to the right, without the first for one to the left.
            let (from, to) = (usize::from(right < 0), side - usize::from(right > 0));
            let products = (0..side - down).flat_map(|y| {
                let (here, there) = (row(y), row(y + down));
                (from..to).map(move |x| here[x] * there[x.saturating_add_signed(right)])
            });
            let fit = AsymmetricGaussian::fit(products)?;
            features.extend([fit.shape, fit.mean(), fit.left, fit.right]);
        }
        Some(features)
    }

    fn sharpness(&self, left: usize, top: usize, side: usize) -> f64 {
        let rows = (top..top + side).map(|y| self.deviations.row(y)[left..left + side].iter().sum::<f64>());
        rows.sum::<f64>() / (side * side) as f64
    }
}

/// The plane through the Gaussian window, its border pixels repeated outwards.
fn smoothed(plane: &Luma) -> Luma {
    smoothed_down(&smoothed_down(plane).transposed()).transposed()
}

fn smoothed_down(plane: &Luma) -> Luma {
    let weight = |offset: usize| (-0.5 * ((offset as f64 - RADIUS as f64) / SIGMA).powi(2)).exp();
    let weights: [f64; 2 * RADIUS + 1] = std::array::from_fn(weight);
    let sum: f64 = weights.iter().sum();
    let last = plane.height().saturating_sub(1);
    Luma::from_rows(plane.width(), plane.height(), |y| {
        let rows: [&[f64]; 2 * RADIUS + 1] =
            std::array::from_fn(|offset| plane.row((y + offset).saturating_sub(RADIUS).min(last)));
        (0..plane.width())
            .map(move |x| rows.iter().zip(weights).map(|(row, weight)| weight * row[x]).sum::<f64>() / sum)
    })
}

/// Clean pictures on the way to a [`Naturalness`].
#[derive(Debug, Default)]
pub struct CleanPatches {
    moments: Moments,
    count: usize,
}

impl CleanPatches {
    /// Takes in the sharp ones among the [`patches`] of a clean picture.
    ///
    /// # Errors
    /// [`MetricError::Torch`].
    pub fn add(&mut self, patches: &[Patch]) -> Result<(), MetricError> {
        let sharpest = patches.iter().map(|patch| patch.sharpness).fold(0.0, f64::max);
        let sharp: Vec<&Patch> = patches.iter().filter(|patch| patch.sharpness >= SHARP * sharpest).collect();
        self.count += sharp.len();
        self.moments.add(&tensor(&sharp)?)
    }

    /// What is natural after these pictures.
    ///
    /// # Errors
    /// [`MetricError::TooFew`] with fewer patches than their covariance has rows, and one more.
    pub fn finish(self) -> Result<Naturalness, MetricError> {
        let least = FEATURES as i64 + 1;
        let count = self.count as i64;
        if count < least {
            return Err(MetricError::TooFew { measure: "naturalness after the sharp patches", count, least });
        }
        Ok(Naturalness { clean: self.moments.gaussian()?, patches: self.count })
    }
}

/// The statistics of clean pictures, a Gaussian over the features of their sharp patches.
#[derive(Debug)]
pub struct Naturalness {
    clean: Gaussian,
    patches: usize,
}

impl Naturalness {
    /// Patches that it comes from.
    #[must_use]
    pub fn patches(&self) -> usize {
        self.patches
    }

    /// How far a picture with these [`patches`] is from the clean ones: √((μ - μ')ᵀ ((Σ + Σ') / 2)⁻¹ (μ - μ')). 0 or more, less is
    /// more natural. Of a single patch Σ' is 0.
    ///
    /// # Errors
    /// [`MetricError::Torch`].
    pub fn distance(&self, patches: &[Patch]) -> Result<f64, MetricError> {
        let features = tensor(&patches.iter().collect::<Vec<_>>())?;
        let picture = match patches.len() {
            1 => Gaussian {
                mean: features.f_reshape([-1])?,
                covariance: self.clean.covariance.f_zeros_like()?,
            },
            _ => Gaussian::of(&features)?,
        };
        between(&self.clean, &picture)
    }
}

/// The distance of two Gaussians. Directions in which neither spreads have no part in it, as with a pseudoinverse.
fn between(left: &Gaussian, right: &Gaussian) -> Result<f64, MetricError> {
    let covariance = left.covariance.f_add(&right.covariance)?.f_mul_scalar(0.5)?;
    let (values, vectors) = covariance.f_linalg_eigh("L")?;
    let across = vectors.f_tr()?.f_mv(&left.mean.f_sub(&right.mean)?)?;
    let (values, across) = (Vec::<f64>::try_from(&values)?, Vec::<f64>::try_from(&across)?);
    let largest = values.iter().copied().fold(0.0, f64::max);
    let spread = values.into_iter().zip(across).filter(|(value, _)| *value > NO_SPREAD * largest);
    Ok(spread.map(|(value, across)| across * across / value).sum::<f64>().sqrt())
}

/// `[N, 36]`, float64.
fn tensor(patches: &[&Patch]) -> Result<Tensor, MetricError> {
    let values: Vec<f64> = patches.iter().flat_map(|patch| patch.features).collect();
    Ok(Tensor::f_from_slice(&values)?
        .f_view([patches.len() as i64, FEATURES as i64])?
        .f_to_kind(Kind::Double)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    use image::Rgb;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    fn gaussian(mean: &[f64], variances: &[f64]) -> Gaussian {
        Gaussian { mean: Tensor::from_slice(mean), covariance: Tensor::from_slice(variances).diag(0) }
    }

    /// With diagonal covariances the distance is √Σ d² / ((s + s') / 2); a direction without spread counts for nothing.
    #[test]
    fn the_distance_of_diagonal_gaussians_is_its_closed_form() {
        let (left, right) =
            (gaussian(&[1.0, 2.0, 0.0], &[1.0, 4.0, 0.0]), gaussian(&[4.0, -2.0, 5.0], &[3.0, 2.0, 0.0]));
        let expected = (9.0_f64 / 2.0 + 16.0 / 3.0).sqrt();
        assert!((between(&left, &right).unwrap() - expected).abs() < 1e-12);
        assert_eq!(between(&left, &left).unwrap(), 0.0);
    }

    fn noise(side: u32, seed: u64) -> RgbImage {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        RgbImage::from_fn(side, side, |_, _| Rgb([rng.random(); 3]))
    }

    /// μ and σ of a pixel by the definition, a double sum over the window.
    #[test]
    fn coefficients_are_those_of_the_definition() {
        let picture = noise(20, 1);
        let luma = Luma::of(&picture);
        let normalised = Normalised::of(&picture);
        for (x, y) in [(0, 0), (7, 11), (19, 3)] {
            let (mut weights, mut sum, mut squares) = (0.0, 0.0, 0.0);
            for down in -3_i32..=3 {
                for right in -3_i32..=3 {
                    let weight = (-f64::from(down * down + right * right) / (2.0 * SIGMA * SIGMA)).exp();
                    let place = |at: usize, by: i32| (at as i32 + by).clamp(0, 19) as usize;
                    let value = luma.row(place(y, down))[place(x, right)];
                    weights += weight;
                    sum += weight * value;
                    squares += weight * value * value;
                }
            }
            let mean = sum / weights;
            let deviation = (squares / weights - mean * mean).sqrt();
            assert!((normalised.deviations.row(y)[x] - deviation).abs() < 1e-9);
            let expected = (luma.row(y)[x] - mean) / (deviation + 1.0);
            assert!((normalised.values.row(y)[x] - expected).abs() < 1e-9);
        }
    }

    /// Neighbours in noise have little to do with each other (the mean that is subtracted has a part of both), so the means of their
    /// products are small; under a checkerboard neighbours beside and below are opposite, and those on the diagonals equal.
    #[test]
    fn products_tell_how_neighbours_go_together() {
        const MEANS: [usize; 4] = [3, 7, 11, 15];
        let features = patches(&noise(64, 2), 64).unwrap()[0].features;
        assert!(MEANS.iter().all(|&place| features[place].abs() < 0.25), "{features:?}");
        let mut board = noise(64, 3);
        for (x, y, pixel) in board.enumerate_pixels_mut() {
            let level = pixel.0[0] / 2 + if (x + y) % 2 == 0 { 100 } else { 20 };
            *pixel = Rgb([level; 3]);
        }
        let features = patches(&board, 64).unwrap()[0].features;
        assert!(features[3] < -0.25 && features[7] < -0.25, "{features:?}");
        assert!(features[11] > 0.1 && features[15] > 0.1, "{features:?}");
    }

    #[test]
    fn pictures_without_patches_say_so() {
        let small = patches(&noise(40, 4), 96).unwrap_err().to_string();
        assert!(small.contains("40") && small.contains("96"), "{small}");
        assert!(patches(&RgbImage::new(96, 96), 96).is_err(), "a plain picture has no contrast");
        let few = CleanPatches::default().finish().unwrap_err().to_string();
        assert!(few.contains("37"), "{few}");
    }
}
