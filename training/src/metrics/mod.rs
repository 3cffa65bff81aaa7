//! Measures of restored faces: PSNR, SSIM and sharpness, what pretrained networks say, and distances between whole sets.

mod fid;
mod identity;
mod mean;
mod network;
#[cfg(feature = "detect")]
mod onnx;
mod precision_recall;
mod psnr;
mod sharpness;
mod ssim;

use image::RgbImage;

pub use fid::{Gaussian, frechet_distance};
pub use identity::{cosines, distances};
pub use mean::Mean;
pub use network::{MetricNetwork, NetworkError, pictures_tensor};
pub use precision_recall::{NEIGHBOURS, PrecisionRecall, precision_recall};
pub use psnr::{PSNR_CAP, psnr};
pub use sharpness::sharpness;
pub use ssim::ssim;

/// Largest difference of two pixel values.
const PEAK: f64 = 255.0;

/// Pictures, or sets of them, that cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum MetricError {
    /// Different sizes.
    #[error("cannot compare a picture of {left:?} pixels with one of {right:?}: make them the same size")]
    SizesDiffer {
        /// Width and height of the first.
        left: (u32, u32),
        /// Width and height of the second.
        right: (u32, u32),
    },
    /// Too few pixels for the measure.
    #[error("a picture of {0:?} pixels is too small: SSIM's window is {w}×{w} pixels", w = ssim::WINDOW)]
    TooSmall((u32, u32)),
    /// Too few pictures for a measure of a whole set.
    #[error("{measure} of {count} pictures cannot be told: it takes at least {least}")]
    TooFew {
        /// The measure.
        measure: &'static str,
        /// How many there are.
        count: i64,
        /// How many it takes.
        least: i64,
    },
    /// A failure inside libtorch, as when features of different lengths are compared.
    #[error("libtorch: {0}")]
    Torch(#[from] tch::TchError),
}

fn check_sizes(left: &RgbImage, right: &RgbImage, least: u32) -> Result<(), MetricError> {
    if left.dimensions() != right.dimensions() {
        return Err(MetricError::SizesDiffer { left: left.dimensions(), right: right.dimensions() });
    }
    if left.width().min(left.height()) < least {
        return Err(MetricError::TooSmall(left.dimensions()));
    }
    Ok(())
}
