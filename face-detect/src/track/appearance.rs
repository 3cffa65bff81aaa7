// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a face looks like, as a thumbnail: whether that which is followed is still this face, and which face
//! is whose where two meet.

use opencv::core::{BORDER_REPLICATE, Mat, Rect, Size};
use opencv::imgproc::INTER_LINEAR;
use opencv::prelude::*;

use crate::error::DetectError;
use crate::face::Face;
use crate::region::face_region;
use crate::similarity::face_to_crop;
use crate::warp::{antialias, warp};

/// Side of a thumbnail in pixels.
const SIDE: u32 = 24;
/// Size of the aligned crop of which a thumbnail is a part, and that part's first column and row: it reaches
/// from the brows to the mouth and holds little background.
const CROP_SIZE: u32 = 52;
const OFFSET: (f64, f64) = (14.0, 17.0);
/// Share of a new look in what is remembered: a face that turns or walks into other light stays itself.
const RENEWAL: f32 = 0.3;

/// An aligned grey thumbnail, less its mean and divided by its norm, so that brightness and contrast do not
/// matter.
#[derive(Debug, Clone)]
pub(super) struct Appearance(Vec<f32>);

impl Appearance {
    /// The look of `face` in a grey picture (`CV_8UC1`); `None` when the face misses the picture, is
    /// degenerate or flat.
    pub(super) fn of(face: &Face, grey: &Mat) -> Result<Option<Self>, DetectError> {
        let Ok(to_crop) = face_to_crop(&face.landmarks, CROP_SIZE) else { return Ok(None) };
        let to_thumbnail = to_crop.translated(-OFFSET.0, -OFFSET.1);
        let (width, height) = (grey.cols() as u32, grey.rows() as u32);
        let Some(region) = face_region(&to_thumbnail, SIDE, width, height) else { return Ok(None) };
        let at = || DetectError::at("looking at a face");
        let rect = Rect::new(region.x, region.y, region.width, region.height);
        let pixels = Mat::roi(grey, rect).map_err(at())?;
        let to_region = to_thumbnail.inverse().translated(-f64::from(region.x), -f64::from(region.y));
        let size = Size::new(SIDE as i32, SIDE as i32);
        let thumbnail = match antialias(&pixels, to_thumbnail.scale())? {
            Some(filtered) => warp(&filtered, &to_region, size, INTER_LINEAR, BORDER_REPLICATE)?,
            None => warp(&pixels, &to_region, size, INTER_LINEAR, BORDER_REPLICATE)?,
        };
        let values = thumbnail.data_bytes().map_err(at())?.iter().map(|&value| f32::from(value)).collect();
        Ok(normalised(values))
    }

    /// How alike two looks are: their correlation, 1 for the same, around 0 for things that have nothing in
    /// common.
    pub(super) fn likeness(&self, other: &Self) -> f32 {
        self.0.iter().zip(&other.0).map(|(a, b)| a * b).sum()
    }

    /// Takes in how the face looks now.
    pub(super) fn renew(&mut self, now: &Self) {
        let blend = self.0.iter().zip(&now.0).map(|(old, new)| old + RENEWAL * (new - old)).collect();
        if let Some(blend) = normalised(blend) {
            *self = blend;
        }
    }
}

fn normalised(mut values: Vec<f32>) -> Option<Appearance> {
    let mean = values.iter().sum::<f32>() / values.len() as f32;
    values.iter_mut().for_each(|value| *value -= mean);
    let norm = values.iter().map(|value| value * value).sum::<f32>().sqrt();
    // Flat: nothing that could be compared.
    if norm <= 1e-6 {
        return None;
    }
    values.iter_mut().for_each(|value| *value /= norm);
    Some(Appearance(values))
}
