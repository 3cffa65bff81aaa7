// SPDX-License-Identifier: MIT OR Apache-2.0
//! Alignment: from the frame to the crop that a restoration network wants.

use opencv::core::{BORDER_REFLECT_101, Mat, Size, ToInputArray};
use opencv::imgproc::INTER_LANCZOS4;
use opencv::prelude::*;

use crate::error::DetectError;
use crate::image::check_bgr;
use crate::region::Region;
use crate::similarity::Similarity;
use crate::warp::{antialias, warp};

/// A crop larger than this is a mistake, not a face.
const LARGEST_CROP: u32 = 4096;

/// The aligned crop (`crop_size`×`crop_size`, `CV_8UC3`, channels in the order of `image`) of a face.
///
/// `image` holds the frame's pixels of `region`: the whole frame, or the part that
/// [`face_region`](crate::face_region) names, which gives the same crop for less work. A face larger than the crop is
/// low-pass filtered first, so that shrinking makes no aliases. Sampling is by Lanczos' kernel: a bilinear one blurs a moving
/// face by its position between pixels, which shows as flicker once it is restored. What lies beyond the frame is its mirror image
/// (`BORDER_REFLECT_101`).
///
/// # Errors
/// When `image` is empty, not `CV_8UC3` or not of `region`'s size, `crop_size` is 0 or above 4096,
/// `to_crop` has no inverse, or OpenCV fails.
pub fn align(
    image: &(impl MatTraitConst + ToInputArray),
    region: Region,
    to_crop: &Similarity,
    crop_size: u32,
) -> Result<Mat, DetectError> {
    let size = check_bgr("image of the face", image)?;
    if size.width != region.width || size.height != region.height {
        return Err(DetectError::WrongImage {
            what: "image of the face",
            expected: format!("{}x{} pixels, as its region", region.width, region.height),
            found: format!("{}x{} pixels", size.width, size.height),
        });
    }
    if crop_size == 0 || crop_size > LARGEST_CROP {
        return Err(DetectError::WrongValue {
            what: "crop_size",
            value: crop_size.to_string(),
            expected: "from 1 to 4096",
        });
    }
    to_crop.check()?;
    let to_region = to_crop.inverse().translated(-f64::from(region.x), -f64::from(region.y));
    let size = Size::new(crop_size as i32, crop_size as i32);
    match antialias(image, to_crop.scale())? {
        Some(filtered) => warp(&filtered, &to_region, size, INTER_LANCZOS4, BORDER_REFLECT_101),
        None => warp(image, &to_region, size, INTER_LANCZOS4, BORDER_REFLECT_101),
    }
}
