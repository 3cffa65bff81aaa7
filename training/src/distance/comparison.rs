// SPDX-License-Identifier: MIT OR Apache-2.0
//! All measures of two sets of pictures, with what they were measured by.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::DistanceError;
use super::features::FeatureSet;
use crate::metrics::{
    Gaussian, KernelDistance, Mean, MetricError, MetricNetwork, frechet_distance, frechet_standard_error,
    neighbour_figures,
};

/// Numbers of nearest neighbours: k of Kynkäänniemi et al. (2019), and that of Naeem et al. (2020).
const NEIGHBOURS: [i64; 2] = [3, 5];

/// Resamples of the Fréchet distance's standard error, which they tell to about a sixth of it.
pub const RESAMPLES: usize = 20;

/// How pictures of another size come to that of the network.
const RESIZE: &str = "Lanczos, three lobes, widened when shrinking";

/// Half the width of a 95 % interval of the normal distribution, in standard errors.
pub(super) const HALF_WIDTH: f64 = 1.96;

/// The network whose features are compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NetworkIdentity {
    /// The file's name without its ending.
    pub name: String,
    /// The file.
    pub file: PathBuf,
    /// SHA-256 of the file in hexadecimal digits.
    pub sha256: String,
    /// Numbers that it gives for a picture.
    pub features: i64,
}

/// A set of pictures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SetReport {
    /// Its folder.
    pub folder: PathBuf,
    /// Pictures that are compared.
    pub pictures: i64,
    /// How many of them came from the cache.
    pub cached: usize,
    /// Pictures read, and looked up or seen by the network, in a second.
    pub pictures_per_second: f64,
    /// Pictures that were left out, and why.
    pub left_out: Vec<String>,
}

/// The Fréchet distance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FrechetReport {
    /// What it is, with the network's name: FID is that of one certain network alone.
    pub name: String,
    /// 0 for sets of the same mean and covariance.
    pub distance: f64,
    /// By the bootstrap over pictures; `None` when it was not asked for.
    pub standard_error: Option<f64>,
    /// Pairs of sets that the standard error comes from.
    pub resamples: usize,
}

/// The kernel distance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KernelReport {
    /// What it is, with the network's name.
    pub name: String,
    /// The figures.
    #[serde(flatten)]
    pub distance: KernelDistance,
}

/// The measures by nearest neighbours. Intervals are of the bootstrap over the pictures that are counted, for the balls as they
/// are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NeighbourReport {
    /// Balls reach to the k-th nearest neighbour.
    pub k: i64,
    /// Share of the fake pictures in the manifold of the real ones.
    pub precision: Mean,
    /// Share of the real pictures in the manifold of the fake ones.
    pub recall: Mean,
    /// Balls of real pictures that a fake one lies in, over k.
    pub density: Mean,
    /// Share of the real pictures whose balls hold a fake one.
    pub coverage: Mean,
}

/// Two sets of pictures beside each other, as the JSON file holds them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The network.
    pub network: NetworkIdentity,
    /// Side in pixels at which it saw the pictures.
    pub size: u32,
    /// How pictures of another size were resized.
    pub resize: String,
    /// The real pictures.
    pub real: SetReport,
    /// The pictures that are compared with them.
    pub fake: SetReport,
    /// The Fréchet distance.
    pub frechet: FrechetReport,
    /// The kernel distance.
    pub kernel: KernelReport,
    /// Precision, recall, density and coverage, for each k.
    pub neighbours: Vec<NeighbourReport>,
    /// What a reader of the figures must know.
    pub notes: Vec<String>,
}

impl Comparison {
    /// Compares `fake` with `real`, sets of pictures and the folders that they come from, which `network` saw at `size`×`size`
    /// pixels. The Fréchet distance's standard error is of so many `resamples`; none of 0.
    ///
    /// # Errors
    /// [`DistanceError::Metric`] when a set has less than 20 pictures or the standard error less than two resamples.
    pub fn of(
        network: &MetricNetwork,
        size: u32,
        (real_folder, real): (&Path, &FeatureSet),
        (fake_folder, fake): (&Path, &FeatureSet),
        resamples: usize,
    ) -> Result<Self, DistanceError> {
        let name = network.name();
        // First, since it says when there are too few pictures.
        let kernel = KernelDistance::of(&real.features, &fake.features)?;
        let neighbours = NEIGHBOURS.map(|k| neighbours(real, fake, k)).into_iter();
        let distance = frechet_distance(&Gaussian::of(&real.features)?, &Gaussian::of(&fake.features)?)?;
        let standard_error = match resamples {
            0 => None,
            _ => Some(frechet_standard_error(&real.features, &fake.features, resamples)?),
        };
        let (real, fake) = (report(real_folder, real), report(fake_folder, fake));
        let features = real.1;
        let notes = note(real.0.pictures.min(fake.0.pictures), features).into_iter().collect();
        Ok(Self {
            network: NetworkIdentity {
                file: network.path().to_owned(),
                sha256: network.sha256().to_owned(),
                features,
                name: name.clone(),
            },
            size,
            resize: RESIZE.to_owned(),
            real: real.0,
            fake: fake.0,
            frechet: FrechetReport {
                name: format!("Fréchet distance over {name}"),
                distance,
                standard_error,
                resamples,
            },
            kernel: KernelReport { name: format!("kernel distance over {name}"), distance: kernel },
            neighbours: neighbours.collect::<Result<_, DistanceError>>()?,
            notes,
        })
    }

    /// Pictures that were left out of both sets, and why.
    pub fn left_out(&self) -> impl Iterator<Item = &String> {
        self.real.left_out.iter().chain(&self.fake.left_out)
    }
}

/// What is to be known of a set, and D.
fn report(folder: &Path, set: &FeatureSet) -> (SetReport, i64) {
    let shape = set.features.size();
    let report = SetReport {
        folder: folder.to_owned(),
        pictures: shape[0],
        cached: set.cached,
        pictures_per_second: set.pictures_per_second,
        left_out: set.left_out.clone(),
    };
    (report, shape[1])
}

fn neighbours(real: &FeatureSet, fake: &FeatureSet, k: i64) -> Result<NeighbourReport, DistanceError> {
    let figures = neighbour_figures(&fake.features, &real.features, k)?;
    let mean = |values: &[f64]| {
        Mean::of(values).ok_or(MetricError::TooFew { measure: "a mean", count: 0, least: 1 })
    };
    Ok(NeighbourReport {
        k,
        precision: mean(&figures.precision)?,
        recall: mean(&figures.recall)?,
        density: mean(&figures.density)?,
        coverage: mean(&figures.coverage)?,
    })
}

fn note(pictures: i64, features: i64) -> Option<String> {
    (pictures <= features).then(|| {
        format!(
            "The Fréchet distance of {pictures} pictures with {features} features each is too large: up to {features} \
             pictures a covariance has no full rank. Compare it only between sets of as many pictures; the kernel \
             distance is unbiased"
        )
    })
}
