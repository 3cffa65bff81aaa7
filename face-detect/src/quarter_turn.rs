// SPDX-License-Identifier: MIT OR Apache-2.0
//! Pictures turned by quarters of a circle, and their faces turned back.

use opencv::core::{Mat, ROTATE_90_CLOCKWISE, ROTATE_90_COUNTERCLOCKWISE, ROTATE_180, ToInputArray, rotate};

use crate::error::DetectError;
use crate::face::{BoundingBox, Face, Point};

/// How a picture is turned to look for faces that do not stand upright in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum QuarterTurn {
    /// By 90 degrees clockwise.
    Clockwise,
    /// By 90 degrees counterclockwise.
    Counterclockwise,
    /// By 180 degrees.
    Half,
}

impl QuarterTurn {
    /// All of them, the likely ones first: cameras are held upright or on a side.
    pub(crate) const ALL: [Self; 3] = [Self::Clockwise, Self::Counterclockwise, Self::Half];

    /// Width and height of a turned picture from those of the picture, or the other way round.
    pub(crate) fn size(self, (width, height): (u32, u32)) -> (u32, u32) {
        match self {
            Self::Clockwise | Self::Counterclockwise => (height, width),
            Self::Half => (width, height),
        }
    }

    /// `picture`, turned.
    ///
    /// # Errors
    /// When OpenCV fails.
    pub(crate) fn image(self, picture: &impl ToInputArray) -> Result<Mat, DetectError> {
        let code = match self {
            Self::Clockwise => ROTATE_90_CLOCKWISE,
            Self::Counterclockwise => ROTATE_90_COUNTERCLOCKWISE,
            Self::Half => ROTATE_180,
        };
        let mut turned = Mat::default();
        rotate(picture, &mut turned, code).map_err(DetectError::at("turning a picture"))?;
        Ok(turned)
    }

    /// A face of the turned picture in the picture of `size`. The landmarks keep their order: the person's.
    pub(crate) fn face_back(self, face: &Face, size: (u32, u32)) -> Face {
        let last = |length: u32| length as f32 - 1.0;
        let (right, bottom) = (last(size.0), last(size.1));
        let back = |point: Point| match self {
            Self::Clockwise => Point { x: point.y, y: bottom - point.x },
            Self::Counterclockwise => Point { x: right - point.y, y: point.x },
            Self::Half => Point { x: right - point.x, y: bottom - point.y },
        };
        let BoundingBox { x, y, width, height } = face.bbox;
        let (near, far) = (back(Point { x, y }), back(Point { x: x + width, y: y + height }));
        Face {
            bbox: BoundingBox {
                x: near.x.min(far.x),
                y: near.y.min(far.y),
                width: (near.x - far.x).abs(),
                height: (near.y - far.y).abs(),
            },
            landmarks: face.landmarks.map(back),
            score: face.score,
        }
    }
}

#[cfg(test)]
mod tests {
    use opencv::core::{CV_8UC3, Scalar, Vec3b};
    use opencv::prelude::*;

    use super::*;

    /// A white pixel, turned with its picture, is told back to where it was.
    #[test]
    fn points_and_boxes_go_back_to_where_their_pixels_were() {
        let (width, height) = (7, 4);
        let mut picture = Mat::new_rows_cols_with_default(4, 7, CV_8UC3, Scalar::default()).unwrap();
        *picture.at_2d_mut::<Vec3b>(1, 5).unwrap() = Vec3b::all(255);
        for turn in QuarterTurn::ALL {
            let turned = turn.image(&picture).unwrap();
            let (columns, rows) = turn.size((width, height));
            assert_eq!((turned.cols(), turned.rows()), (columns as i32, rows as i32));
            let places = (0..turned.rows()).flat_map(|y| (0..turned.cols()).map(move |x| (x, y)));
            let white: Vec<(i32, i32)> =
                places.filter(|&(x, y)| turned.at_2d::<Vec3b>(y, x).unwrap()[0] == 255).collect();
            let [(x, y)] = white[..] else { panic!("{white:?}") };
            let (x, y) = (x as f32, y as f32);
            let face = Face {
                bbox: BoundingBox { x: x - 0.5, y: y - 0.5, width: 1.0, height: 1.0 },
                landmarks: [Point { x, y }; 5],
                score: 0.9,
            };
            let back = turn.face_back(&face, (width, height));
            assert_eq!(back.landmarks, [Point { x: 5.0, y: 1.0 }; 5], "{turn:?}");
            assert_eq!(back.bbox, BoundingBox { x: 4.5, y: 0.5, width: 1.0, height: 1.0 }, "{turn:?}");
        }
    }
}
