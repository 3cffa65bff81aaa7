// SPDX-License-Identifier: MIT OR Apache-2.0
//! Faces that overlap: a pixel gets one correction's worth of change, not two.

use face_detect::{Correction, Region};
use opencv::core::{MatTraitConstManual, MatTraitManual, Vec3f};

use crate::error::FaceRestoreError;

/// Weighs each correction by what the earlier ones left uncovered: delta_k ← delta_k · Π_{j<k} (1 − mask_j).
///
/// Every face is aligned from the original frame, so where masks overlap their plain sum would change a pixel twice.
/// With these weights the total share of restored face in a pixel is 1 − Π (1 − mask_j) ≤ 1, and the first (the
/// largest) face has precedence.
///
/// # Errors
/// [`FaceRestoreError::OpenCv`] when a mask does not have the size of its region.
pub fn weigh_overlaps(corrections: &mut [Correction]) -> Result<(), FaceRestoreError> {
    for index in 1..corrections.len() {
        let (earlier, rest) = corrections.split_at_mut(index);
        for other in earlier.iter() {
            uncover(&mut rest[0], other)?;
        }
    }
    Ok(())
}

/// Multiplies `correction` by 1 − the mask of `other` where their regions intersect.
fn uncover(correction: &mut Correction, other: &Correction) -> Result<(), FaceRestoreError> {
    let Some(common) = intersection(correction.region, other.region) else { return Ok(()) };
    let columns = |of: Region| {
        let start = (common.x - of.x) as usize;
        start..start + common.width as usize
    };
    for y in common.y..common.y + common.height {
        let mask = &other.mask.at_row::<f32>(y - other.region.y)?[columns(other.region)];
        let row = correction.delta.at_row_mut::<Vec3f>(y - correction.region.y)?;
        for (pixel, covered) in row[columns(correction.region)].iter_mut().zip(mask) {
            for value in &mut pixel.0 {
                *value *= 1.0 - covered;
            }
        }
    }
    Ok(())
}

fn intersection(a: Region, b: Region) -> Option<Region> {
    let (x, y) = (a.x.max(b.x), a.y.max(b.y));
    let width = (a.x + a.width).min(b.x + b.width) - x;
    let height = (a.y + a.height).min(b.y + b.height) - y;
    (width > 0 && height > 0).then_some(Region { x, y, width, height })
}

#[cfg(test)]
mod tests {
    use opencv::core::{CV_32FC1, CV_32FC3, Mat, MatTraitConst, Scalar};

    use super::*;

    fn correction(region: Region, delta: f64, mask: f64) -> Correction {
        let of = |typ, value| {
            Mat::new_rows_cols_with_default(region.height, region.width, typ, Scalar::all(value)).unwrap()
        };
        Correction { region, delta: of(CV_32FC3, delta), mask: of(CV_32FC1, mask) }
    }

    fn at(correction: &Correction, x: i32, y: i32) -> f32 {
        correction.delta.at_2d::<Vec3f>(y - correction.region.y, x - correction.region.x).unwrap()[1]
    }

    #[test]
    fn later_faces_get_what_earlier_ones_left() {
        let region = |x, y| Region { x, y, width: 4, height: 4 };
        let mut all = [
            correction(region(0, 0), 10.0, 0.25),
            correction(region(2, 1), 10.0, 0.5),
            correction(region(3, 2), 10.0, 1.0),
            correction(region(20, 20), 10.0, 1.0),
        ];
        weigh_overlaps(&mut all).unwrap();
        assert_eq!(at(&all[0], 3, 3), 10.0, "the first face keeps its correction");
        assert_eq!(at(&all[1], 3, 3), 7.5, "1 − 0.25 of the second");
        assert_eq!(at(&all[1], 4, 3), 10.0, "outside the first face's region");
        assert_eq!(at(&all[2], 3, 3), 3.75, "(1 − 0.25)(1 − 0.5) of the third");
        assert_eq!(at(&all[2], 5, 3), 5.0, "only the second covers it");
        assert_eq!(at(&all[2], 6, 5), 10.0);
        assert_eq!(at(&all[3], 20, 20), 10.0, "a distant face is not touched");
    }
}
