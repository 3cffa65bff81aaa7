// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why pictures, or sets of them, cannot be compared.

use image::RgbImage;

/// Side of SSIM's window in pixels, the least side that it can be told of.
pub(super) const SSIM_WINDOW: usize = 11;

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
    #[error("a picture of {0:?} pixels is too small: SSIM's window is {w}×{w} pixels", w = SSIM_WINDOW)]
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
    /// Too few patches for the naturalness of a picture.
    #[error(
        "a picture of {size:?} pixels has {patches} patches of {side}×{side} pixels with any contrast: its naturalness takes {least}"
    )]
    TooFewPatches {
        /// Width and height of the picture.
        size: (u32, u32),
        /// How many there are.
        patches: usize,
        /// Their side in pixels.
        side: u32,
        /// How many it takes.
        least: usize,
    },
    /// Too few resamples for a standard error.
    #[error("a standard error from {0} resamples cannot be told: it takes at least 2")]
    TooFewResamples(usize),
    /// A failure inside libtorch, as when features of different lengths are compared.
    #[error("libtorch: {0}")]
    Torch(#[from] tch::TchError),
}

/// The pictures have the same size, and no side is below `least`.
pub(super) fn check_sizes(left: &RgbImage, right: &RgbImage, least: u32) -> Result<(), MetricError> {
    if left.dimensions() != right.dimensions() {
        return Err(MetricError::SizesDiffer { left: left.dimensions(), right: right.dimensions() });
    }
    if left.width().min(left.height()) < least {
        return Err(MetricError::TooSmall(left.dimensions()));
    }
    Ok(())
}
