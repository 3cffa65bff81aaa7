// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is measured of one picture, and the means of it over many.

use std::ops::Sub;

use image::RgbImage;
use serde::{Serialize, Serializer};

use crate::metrics::{Mean, MetricError, OCTAVES, Octave, PSNR_CAP, grid, octaves, psnr, sharpness, ssim};

/// A measure of one picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Peak signal-to-noise ratio against the truth, in dB.
    Psnr,
    /// Structural similarity to the truth.
    Ssim,
    /// Gradient energy as a share of the truth's.
    Sharpness,
    /// Cosine between the embeddings of the picture and of the truth.
    IdentityCosine,
    /// Euclidean distance between the embeddings of the picture and of the truth.
    IdentityDistance,
    /// Perceptual distance to the truth.
    Perceptual,
    /// Mean vote from 1 to 10, which needs no truth.
    Nima,
    /// Energy in one octave of luma as a share of the truth's.
    Octave(Octave),
    /// Energy at a period of 4 pixels over that beside it, which needs no truth.
    Grid,
}

impl Measure {
    /// All, in the order of reports; new ones come last, so that what reads tables by place goes on working.
    pub const ALL: [Self; 14] = [
        Self::Psnr,
        Self::Ssim,
        Self::Sharpness,
        Self::IdentityCosine,
        Self::IdentityDistance,
        Self::Perceptual,
        Self::Nima,
        Self::Octave(Octave::ALL[0]),
        Self::Octave(Octave::ALL[1]),
        Self::Octave(Octave::ALL[2]),
        Self::Octave(Octave::ALL[3]),
        Self::Octave(Octave::ALL[4]),
        Self::Octave(Octave::ALL[5]),
        Self::Grid,
    ];

    /// Its key in JSON and in the page's script.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Psnr => "psnr",
            Self::Ssim => "ssim",
            Self::Sharpness => "sharpness",
            Self::IdentityCosine => "identity_cosine",
            Self::IdentityDistance => "identity_distance",
            Self::Perceptual => "perceptual",
            Self::Nima => "nima",
            Self::Octave(octave) => octave.key(),
            Self::Grid => "grid",
        }
    }

    /// Digits after the point that say something.
    #[must_use]
    pub fn decimals(self) -> usize {
        match self {
            Self::Psnr | Self::Nima => 2,
            Self::Sharpness | Self::IdentityDistance | Self::Perceptual | Self::Octave(_) | Self::Grid => 3,
            Self::Ssim | Self::IdentityCosine => 4,
        }
    }

    /// Which values are good ones.
    #[must_use]
    pub fn ideal(self) -> Ideal {
        match self {
            Self::Psnr | Self::Ssim | Self::IdentityCosine | Self::Nima => Ideal::Larger,
            Self::IdentityDistance | Self::Perceptual => Ideal::Smaller,
            Self::Sharpness | Self::Octave(_) | Self::Grid => Ideal::One,
        }
    }
}

/// Which values of a measure are good ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ideal {
    /// The larger the better.
    Larger,
    /// The smaller the better.
    Smaller,
    /// A ratio that should be 1; a half is as bad as twice.
    One,
}

impl Ideal {
    /// A number that is the larger, the better `value` is.
    #[must_use]
    pub fn merit(self, value: f64) -> f64 {
        match self {
            Self::Larger => value,
            Self::Smaller => -value,
            Self::One => -value.ln().abs(),
        }
    }

    /// For a table's head.
    #[must_use]
    pub fn arrow(self) -> &'static str {
        match self {
            Self::Larger => "↑",
            Self::Smaller => "↓",
            Self::One => "→ 1",
        }
    }

    /// Its name in the page's script.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Larger => "larger",
            Self::Smaller => "smaller",
            Self::One => "one",
        }
    }
}

/// One value for each [`Measure`]; those of networks are there only where the network is, those of frequencies only where
/// the pictures are large enough.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Figures<T> {
    /// In dB, at most [`PSNR_CAP`], which an identical picture gets.
    pub psnr: T,
    /// -1 to 1.
    pub ssim: T,
    /// Above 0.
    pub sharpness: T,
    /// -1 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity_cosine: Option<T>,
    /// 0 and more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity_distance: Option<T>,
    /// 0 and more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub perceptual: Option<T>,
    /// 1 to 10.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nima: Option<T>,
    /// Above 0, the finest octave first; keys of their own in JSON, `octave_1` to `octave_6`.
    #[serde(flatten, serialize_with = "serialize_octaves")]
    pub octaves: [Option<T>; OCTAVES],
    /// Above 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grid: Option<T>,
}

/// A map of the octaves that there are.
fn serialize_octaves<T: Serialize, S: Serializer>(
    octaves: &[Option<T>; OCTAVES],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let entries = Octave::ALL.iter().zip(octaves);
    serializer.collect_map(entries.filter_map(|(octave, value)| Some((octave.key(), value.as_ref()?))))
}

/// The figures of one picture against the truth, or the difference of two pictures'.
pub type Scores = Figures<f64>;

/// Means over many pictures with their 95 % intervals.
pub type MeanScores = Figures<Mean>;

impl<T: Copy> Figures<T> {
    /// The value of `measure`; `None` where it was not measured.
    #[must_use]
    pub fn get(&self, measure: Measure) -> Option<T> {
        match measure {
            Measure::Psnr => Some(self.psnr),
            Measure::Ssim => Some(self.ssim),
            Measure::Sharpness => Some(self.sharpness),
            Measure::IdentityCosine => self.identity_cosine,
            Measure::IdentityDistance => self.identity_distance,
            Measure::Perceptual => self.perceptual,
            Measure::Nima => self.nima,
            Measure::Octave(octave) => self.octaves[octave.index()],
            Measure::Grid => self.grid,
        }
    }

    /// The figures that `value` gives; `None` when one that is always measured is missing.
    fn from_each(value: impl Fn(Measure) -> Option<T>) -> Option<Self> {
        Some(Self {
            psnr: value(Measure::Psnr)?,
            ssim: value(Measure::Ssim)?,
            sharpness: value(Measure::Sharpness)?,
            identity_cosine: value(Measure::IdentityCosine),
            identity_distance: value(Measure::IdentityDistance),
            perceptual: value(Measure::Perceptual),
            nima: value(Measure::Nima),
            octaves: Octave::ALL.map(|octave| value(Measure::Octave(octave))),
            grid: value(Measure::Grid),
        })
    }
}

impl Scores {
    /// PSNR, SSIM, sharpness and octaves of `picture` against `truth`, and its grid.
    ///
    /// # Errors
    /// [`MetricError`] when the sizes differ or are too small.
    pub fn of(picture: &RgbImage, truth: &RgbImage) -> Result<Self, MetricError> {
        Ok(Self {
            psnr: psnr(picture, truth)?.min(PSNR_CAP),
            ssim: ssim(picture, truth)?,
            sharpness: sharpness(picture, truth)?,
            identity_cosine: None,
            identity_distance: None,
            perceptual: None,
            nima: None,
            octaves: octaves(picture, truth)?,
            grid: grid(picture),
        })
    }
}

impl Sub for Scores {
    type Output = Self;

    /// Figure by figure, of those that both have.
    fn sub(self, other: Self) -> Self {
        let both = |left: Option<f64>, right: Option<f64>| Some(left? - right?);
        Self {
            psnr: self.psnr - other.psnr,
            ssim: self.ssim - other.ssim,
            sharpness: self.sharpness - other.sharpness,
            identity_cosine: both(self.identity_cosine, other.identity_cosine),
            identity_distance: both(self.identity_distance, other.identity_distance),
            perceptual: both(self.perceptual, other.perceptual),
            nima: both(self.nima, other.nima),
            octaves: Octave::ALL
                .map(|octave| both(self.octaves[octave.index()], other.octaves[octave.index()])),
            grid: both(self.grid, other.grid),
        }
    }
}

impl MeanScores {
    /// The means over some pictures, of what was measured of all of them; `None` without any.
    #[must_use]
    pub fn of(scores: &[Scores]) -> Option<Self> {
        Self::from_each(|measure| {
            let values: Option<Vec<f64>> = scores.iter().map(|scores| scores.get(measure)).collect();
            Mean::of(&values?)
        })
    }

    /// The means of `left` - `right`, pair by pair, with the intervals of the differences.
    #[must_use]
    pub fn of_differences(left: &[Scores], right: &[Scores]) -> Option<Self> {
        Self::of(&left.iter().zip(right).map(|(&left, &right)| left - right).collect::<Vec<_>>())
    }
}
