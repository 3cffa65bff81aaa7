// SPDX-License-Identifier: MIT OR Apache-2.0
//! The feathered mask, in crop space, of what a paste may change.

use opencv::core::{CV_32FC1, Mat, Scalar};
use opencv::prelude::*;

use crate::error::DetectError;
use crate::region::{Bounds, Region};

// The shape, in pixels of the 512 crop: a superellipse (exponent 3) from above the brows to the
// chin, narrower than the ears. Fitted by eye to the outlines of aligned faces.
const CENTRE: (f64, f64) = (256.0, 313.0);
const HALF_WIDTH: f64 = 138.0;
const ABOVE: f64 = 172.0;
const BELOW: f64 = 166.0;
/// The mask is 1 inside this share of the shape's radius and falls to 0 at its outline.
const CORE: f64 = 0.62;
/// Weights below this change no 8-bit pixel visibly; they are exactly 0, to bound the mask's support.
pub(crate) const LEAST_WEIGHT: f32 = 1.0 / 512.0;

/// The part `support` of the mask of a `crop_size`×`crop_size` crop, `CV_32FC1`: 1 over the face from brows
/// to chin, 0 over hair, ears and background, a smooth ramp between.
pub(crate) fn face_mask(crop_size: u32, support: Region) -> Result<Mat, DetectError> {
    let stage = "making the mask of a face";
    let mut mask =
        Mat::new_rows_cols_with_default(support.height, support.width, CV_32FC1, Scalar::default())
            .map_err(DetectError::at(stage))?;
    let cubed_columns: Vec<f32> = (support.x..support.x + support.width)
        .map(|x| (((template_units(x, crop_size) - CENTRE.0) / HALF_WIDTH).abs() as f32).powi(3))
        .collect();
    for row in 0..support.height {
        let offset = template_units(support.y + row, crop_size) - CENTRE.1;
        let height = if offset < 0.0 { ABOVE } else { BELOW };
        let cubed_row = ((offset / height).abs() as f32).powi(3);
        let weights = mask.at_row_mut::<f32>(row).map_err(DetectError::at(stage))?;
        for (weight, cubed_column) in weights.iter_mut().zip(&cubed_columns) {
            *weight = ramp(cubed_column + cubed_row);
        }
    }
    Ok(mask)
}

/// Where the mask of that crop size can be above 0.
pub(crate) fn mask_bounds(crop_size: u32) -> Bounds {
    let crop_units = |position: f64| (position + 0.5) * f64::from(crop_size) / 512.0 - 0.5;
    // One crop pixel more: interpolation spreads the mask by that much.
    Bounds {
        left: crop_units(CENTRE.0 - HALF_WIDTH) - 1.0,
        top: crop_units(CENTRE.1 - ABOVE) - 1.0,
        right: crop_units(CENTRE.0 + HALF_WIDTH) + 1.0,
        bottom: crop_units(CENTRE.1 + BELOW) + 1.0,
    }
}

fn template_units(position: i32, crop_size: u32) -> f64 {
    (f64::from(position) + 0.5) * 512.0 / f64::from(crop_size) - 0.5
}

/// The weight at a point whose radius, as a share of the shape's, has this cube.
fn ramp(cubed_radius: f32) -> f32 {
    const CORE_CUBED: f32 = (CORE * CORE * CORE) as f32;
    if cubed_radius <= CORE_CUBED {
        return 1.0;
    }
    if cubed_radius >= 1.0 {
        return 0.0;
    }
    let t = (1.0 - cubed_radius.cbrt()) / (1.0 - CORE as f32);
    let weight = t * t * (3.0 - 2.0 * t);
    if weight < LEAST_WEIGHT { 0.0 } else { weight }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::template;

    fn whole_mask(crop_size: u32) -> Mat {
        let side = crop_size as i32;
        face_mask(crop_size, Region { x: 0, y: 0, width: side, height: side }).unwrap()
    }

    fn weight(mask: &Mat, x: f32, y: f32) -> f32 {
        *mask.at_2d::<f32>(y.round() as i32, x.round() as i32).unwrap()
    }

    #[test]
    fn landmarks_are_inside_and_ears_hair_and_border_outside() {
        for size in [64, 255, 256, 512] {
            let mask = whole_mask(size);
            for point in template(size) {
                assert_eq!(weight(&mask, point.x, point.y), 1.0, "{point:?} of {size}");
            }
            let at = |x: f32, y: f32| {
                let scale = size as f32 / 512.0;
                weight(&mask, x * scale, y * scale)
            };
            assert!(at(256.0, 440.0) > 0.5, "chin");
            assert!(at(195.0, 205.0) > 0.5 && at(317.0, 205.0) > 0.5, "brows");
            for (x, y) in [(100.0, 280.0), (412.0, 280.0), (256.0, 120.0), (256.0, 490.0)] {
                assert_eq!(at(x, y), 0.0, "({x}, {y}) of {size}");
            }
        }
    }

    #[test]
    fn the_ramp_is_smooth_and_ends_within_the_bounds() {
        let mask = whole_mask(512);
        let bounds = mask_bounds(512);
        for row in 0..512 {
            let weights = mask.at_row::<f32>(row).unwrap();
            for (column, pair) in weights.windows(2).enumerate() {
                assert!((pair[0] - pair[1]).abs() < 0.04, "jump at {column}, {row}");
                let (x, y) = (column as f64, f64::from(row));
                let inside = x >= bounds.left && x <= bounds.right && y >= bounds.top && y <= bounds.bottom;
                assert!(inside || pair[0] == 0.0, "support at {column}, {row}");
            }
        }
    }
}
