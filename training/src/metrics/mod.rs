// SPDX-License-Identifier: MIT OR Apache-2.0
//! Measures of restored faces: PSNR, SSIM, sharpness, energy in octaves and the grid of patches, naturalness, what
//! pretrained networks say, and measures of whole sets.

mod error;
mod frechet;
mod generalised_gaussian;
mod grid;
mod identity;
mod kernel_distance;
mod luma;
mod mean;
mod naturalness;
mod neighbours;
mod network;
mod octaves;
#[cfg(feature = "detect")]
mod onnx;
mod psnr;
mod runs;
mod sharpness;
mod ssim;

pub use error::MetricError;
pub use frechet::{Gaussian, Moments, frechet_distance, frechet_standard_error};
pub use generalised_gaussian::{AsymmetricGaussian, GeneralisedGaussian};
pub use grid::grid;
pub use identity::{cosines, distances};
pub use kernel_distance::{KernelDistance, squared_mmd};
pub use mean::Mean;
pub use naturalness::{CleanPatches, FEATURES, Naturalness, PATCH, Patch, patches};
pub use neighbours::{NEIGHBOURS, NeighbourFigures, PrecisionRecall, neighbour_figures, precision_recall};
pub use network::{MetricNetwork, NetworkError, pictures_tensor};
pub use octaves::{OCTAVES, Octave, octaves};
pub use psnr::{PSNR_CAP, psnr, rms_difference};
pub use runs::RunsMean;
pub use sharpness::sharpness;
pub use ssim::ssim;
