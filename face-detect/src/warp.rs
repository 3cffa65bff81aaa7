// SPDX-License-Identifier: MIT OR Apache-2.0
//! Resampling under a similarity, and the filter that must go before one that shrinks.

use opencv::core::{BORDER_ISOLATED, BORDER_REFLECT_101, Mat, Scalar, Size, ToInputArray};
use opencv::imgproc;
use opencv::prelude::*;

use crate::error::DetectError;
use crate::similarity::Similarity;

/// Below this σ a Gaussian changes an 8-bit image by less than rounding does.
const LEAST_SIGMA: f64 = 0.2;

/// σ of the Gaussian that band-limits an image before it is resampled at `scale` target pixels per
/// source pixel: 0.5·√(1/scale² − 1), so that with the sampling kernel's own blur (σ ≈ 0.5 target
/// pixels) the result is as sharp as the target grid carries; `None` when nothing is lost.
fn antialias_sigma(scale: f64) -> Option<f64> {
    let sigma = 0.5 * (1.0 / (scale * scale) - 1.0).max(0.0).sqrt();
    (sigma >= LEAST_SIGMA).then_some(sigma)
}

/// How many source pixels beyond its own position a sample at `scale` depends on.
pub(crate) fn filter_reach(scale: f64) -> f64 {
    antialias_sigma(scale).map_or(0.0, |sigma| (3.0 * sigma).ceil())
}

/// `image` filtered for resampling at `scale`; `None` when it needs no filter.
pub(crate) fn antialias(
    image: &(impl MatTraitConst + ToInputArray),
    scale: f64,
) -> Result<Option<Mat>, DetectError> {
    let Some(sigma) = antialias_sigma(scale) else {
        return Ok(None);
    };
    // A kernel wider than the image adds cost and nothing else.
    let reach = filter_reach(scale).min(f64::from(image.rows().max(image.cols()))) as i32;
    let kernel = Size::new(2 * reach + 1, 2 * reach + 1);
    let border = BORDER_REFLECT_101 | BORDER_ISOLATED;
    let mut filtered = Mat::default();
    imgproc::gaussian_blur(image, &mut filtered, kernel, sigma, sigma, border)
        .map_err(DetectError::at("filtering a face before it is shrunk"))?;
    Ok(Some(filtered))
}

/// Samples `image` at `to_source(pixel)` for every pixel of a `size` image.
pub(crate) fn warp(
    image: &impl ToInputArray,
    to_source: &Similarity,
    size: Size,
    interpolation: i32,
    border: i32,
) -> Result<Mat, DetectError> {
    let Similarity { a, b, tx, ty } = *to_source;
    let matrix = [a, -b, tx, b, a, ty];
    let mut warped = Mat::default();
    // WARP_INVERSE_MAP hands the target-to-source matrix over as it is, so that shifting the
    // source's origin by whole pixels leaves every sample bit-identical.
    let flags = interpolation | imgproc::WARP_INVERSE_MAP;
    Mat::new_rows_cols_with_data(2, 3, &matrix)
        .and_then(|matrix| {
            imgproc::warp_affine(image, &mut warped, &matrix, size, flags, border, Scalar::default())
        })
        .map_err(DetectError::at("warping a face"))?;
    Ok(warped)
}
