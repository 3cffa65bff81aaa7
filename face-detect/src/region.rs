// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which rectangle of the frame a face needs.

use crate::similarity::Similarity;
use crate::warp::filter_reach;

/// An integer rectangle of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region {
    /// Left column.
    pub x: i32,
    /// Top row.
    pub y: i32,
    /// Number of columns.
    pub width: i32,
    /// Number of rows.
    pub height: i32,
}

/// An upright rectangle with corners at any position, both inclusive.
#[derive(Clone, Copy)]
pub(crate) struct Bounds {
    pub left: f64,
    pub top: f64,
    pub right: f64,
    pub bottom: f64,
}

impl Bounds {
    /// The smallest upright rectangle around this one after `transform`.
    pub(crate) fn transformed(&self, transform: &Similarity) -> Self {
        let corners = [
            (self.left, self.top),
            (self.right, self.top),
            (self.left, self.bottom),
            (self.right, self.bottom),
        ]
        .map(|(x, y)| transform.apply_f64(x, y));
        let fold = |start: f64, pick: fn(f64, f64) -> f64, axis: fn((f64, f64)) -> f64| {
            corners.into_iter().map(axis).fold(start, pick)
        };
        Self {
            left: fold(f64::INFINITY, f64::min, |corner| corner.0),
            top: fold(f64::INFINITY, f64::min, |corner| corner.1),
            right: fold(f64::NEG_INFINITY, f64::max, |corner| corner.0),
            bottom: fold(f64::NEG_INFINITY, f64::max, |corner| corner.1),
        }
    }

    /// The pixels of the frame that the rectangle covers; `None` when it misses the frame.
    pub(crate) fn clipped(&self, frame_width: u32, frame_height: u32) -> Option<Region> {
        let last = |length: u32| f64::from(length) - 1.0;
        let (left, right) = (self.left.floor().max(0.0), self.right.ceil().min(last(frame_width)));
        let (top, bottom) = (self.top.floor().max(0.0), self.bottom.ceil().min(last(frame_height)));
        // Also false for NaN. Widths above i32 saturate, OpenCV has no such images.
        (left <= right && top <= bottom).then_some(Region {
            x: left as i32,
            y: top as i32,
            width: (right - left + 1.0) as i32,
            height: (bottom - top + 1.0) as i32,
        })
    }
}

/// The part of the frame that [`align()`](crate::align()) reads and [`paste()`](crate::paste()) writes for
/// this face, clipped to the frame; `None` when the face's crop misses the frame.
///
/// It holds the crop's footprint, a margin for the filters, and, at a border of the frame, the
/// pixels whose mirror image stands in for those beyond it.
#[must_use]
pub fn face_region(
    to_crop: &Similarity,
    crop_size: u32,
    frame_width: u32,
    frame_height: u32,
) -> Option<Region> {
    to_crop.check().ok()?;
    let last = f64::from(crop_size) - 1.0;
    let samples = Bounds { left: 0.0, top: 0.0, right: last, bottom: last };
    let footprint = samples.transformed(&to_crop.inverse());
    footprint.clipped(frame_width, frame_height)?;
    // Five pixels more for Lanczos' kernel of eight and its rounding.
    let margin = filter_reach(to_crop.scale()) + 5.0;
    let (left, right) = with_mirrored(footprint.left - margin, footprint.right + margin, frame_width);
    let (top, bottom) = with_mirrored(footprint.top - margin, footprint.bottom + margin, frame_height);
    Bounds { left, top, right, bottom }.clipped(frame_width, frame_height)
}

/// Extends `low..=high` by the mirror images of what it covers beyond `0..=length - 1`.
fn with_mirrored(low: f64, high: f64, length: u32) -> (f64, f64) {
    let last = f64::from(length) - 1.0;
    let mirrored_high = if low < 0.0 { high.max(-low) } else { high };
    let mirrored_low = if high > last { low.min(2.0 * last - high) } else { low };
    (mirrored_low, mirrored_high)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHIFT: fn(f64, f64) -> Similarity = |tx, ty| Similarity { a: 1.0, b: 0.0, tx, ty };

    #[test]
    fn a_face_inside_the_frame_needs_its_footprint_and_a_margin() {
        let region = face_region(&SHIFT(-100.0, -50.0), 64, 640, 480).unwrap();
        // Samples at 100..=163 by 50..=113, and five pixels around them.
        assert_eq!(region, Region { x: 95, y: 45, width: 74, height: 74 });
    }

    #[test]
    fn at_the_border_the_mirrored_pixels_are_included() {
        // The crop reaches 40 columns beyond the left edge and only 24 into the frame.
        let region = face_region(&SHIFT(40.0, -50.0), 64, 640, 480).unwrap();
        assert_eq!((region.x, region.width), (0, 46));
        let region = face_region(&SHIFT(-620.0, -50.0), 64, 640, 480).unwrap();
        assert_eq!((region.x, region.x + region.width), (590, 640));
    }

    #[test]
    fn faces_beyond_the_frame_and_broken_transforms_have_no_region() {
        for to_crop in [
            SHIFT(64.0, 0.0),
            SHIFT(-640.0, 0.0),
            SHIFT(0.0, 1e12),
            SHIFT(f64::NAN, 0.0),
            Similarity { a: 0.0, b: 0.0, tx: 0.0, ty: 0.0 },
        ] {
            assert_eq!(face_region(&to_crop, 64, 640, 480), None, "{to_crop:?}");
        }
        assert_eq!(face_region(&SHIFT(0.0, 0.0), 64, 0, 480), None);
    }

    #[test]
    fn a_face_larger_than_the_frame_needs_all_of_it() {
        let to_crop = Similarity { a: 1e-5, b: 1e-5, tx: 30.0, ty: 30.0 };
        let whole = Region { x: 0, y: 0, width: 640, height: 480 };
        assert_eq!(face_region(&to_crop, 64, 640, 480), Some(whole));
    }
}
