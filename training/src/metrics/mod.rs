// SPDX-License-Identifier: MIT OR Apache-2.0
//! Measures of restored faces: PSNR, SSIM, sharpness, energy in octaves and the grid of patches, what pretrained networks
//! say, and distances between whole sets.

mod error;
mod fid;
mod grid;
mod identity;
mod luma;
mod mean;
mod network;
mod octaves;
#[cfg(feature = "detect")]
mod onnx;
mod precision_recall;
mod psnr;
mod sharpness;
mod ssim;

pub use error::MetricError;
pub use fid::{Gaussian, frechet_distance};
pub use grid::grid;
pub use identity::{cosines, distances};
pub use mean::Mean;
pub use network::{MetricNetwork, NetworkError, pictures_tensor};
pub use octaves::{OCTAVES, Octave, octaves};
pub use precision_recall::{NEIGHBOURS, PrecisionRecall, precision_recall};
pub use psnr::{PSNR_CAP, psnr};
pub use sharpness::sharpness;
pub use ssim::ssim;
