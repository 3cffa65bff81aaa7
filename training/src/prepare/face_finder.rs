// SPDX-License-Identifier: MIT OR Apache-2.0
//! Finding the faces of a photo that are good enough to train on: detection, alignment, measures of quality.

use std::path::Path;

use face_detect::{Face, Point, Similarity};
use face_restore::{
    AlignedFace, FaceRestoreError, FramePixels, PhotoFinder, RgbPicture, align_face, every_face,
};
use image::RgbImage;
use opencv::core::{CV_64F, Mat, Rect, Scalar};
use opencv::imgproc;
use opencv::prelude::*;
use serde::{Deserialize, Serialize};

use super::near_duplicate::PerceptualHash;
use crate::picture::PictureError;

/// Least side in pixels of the crop that sharpness is measured on.
const LEAST_MEASURED: u32 = 32;

/// What makes a face good enough.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Thresholds {
    /// Least score of the detector, 0 to 1.
    pub min_score: f32,
    /// Least number of the photo's pixels to one pixel of the crop, along a line.
    pub min_native_scale: f64,
    /// Largest [`FaceMeasures::misfit`].
    pub max_misfit: f64,
    /// Least [`FaceMeasures::sharpness`].
    pub min_sharpness: f64,
}

/// Why a face or a photo was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// The file could not be read.
    Broken,
    /// The photo shows no face.
    NoFace,
    /// The detector was not sure enough.
    Score,
    /// The photo has too few pixels of it.
    Resolution,
    /// It looks too far away from the camera.
    Pose,
    /// It is blurred.
    Sharpness,
    /// A copy of the photo shows it with as many pixels or more.
    NearDuplicate,
}

impl Refusal {
    /// The reason in words, for a table.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Broken => "photo not readable",
            Self::NoFace => "no face in the photo",
            Self::Score => "detector not sure (--min-score)",
            Self::Resolution => "too few pixels (--min-native-scale)",
            Self::Pose => "turned too far (--max-misfit)",
            Self::Sharpness => "not sharp (--min-sharpness)",
            Self::NearDuplicate => "near-duplicate (--duplicate-distance)",
        }
    }
}

/// What is known of a face.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FaceMeasures {
    /// The similarity from the photo to the crop, two rows of a 2×3 matrix; whole numbers are pixel centres in both.
    pub transform: [[f64; 3]; 2],
    /// Pixels of the photo to one pixel of the crop, along a line: below 1 the crop is an enlargement.
    pub native_scale: f64,
    /// The detector's score, 0 to 1.
    pub score: f32,
    /// [`face_detect::misfit`]: about 0.01 from in front, more the further the head is turned.
    pub misfit: f64,
    /// Variance of the Laplacian of the grey face, 0–255, at the photo's resolution but no finer than the crop's.
    pub sharpness: f64,
    /// Left, top, right and bottom edge of the crop in the photo, without its rotation, as shares of the photo's width and
    /// height.
    pub place: [f64; 4],
    /// The photo's hash. With `place` it tells near-duplicates: the crop's own would not, since the landmarks that align it
    /// differ a little between a photo and its resized copy.
    pub hash: PerceptualHash,
}

impl FaceMeasures {
    /// Whether both are the same face of the same photo, be it resized or recoded: the photos' hashes differ in at most
    /// `distance` bits, and the places share more than half of the area that they cover together.
    #[must_use]
    pub fn is_near_duplicate(&self, other: &Self, distance: u32) -> bool {
        if self.hash.distance(&other.hash) > distance {
            return false;
        }
        let (a, b) = (self.place, other.place);
        let area = |place: [f64; 4]| (place[2] - place[0]).max(0.0) * (place[3] - place[1]).max(0.0);
        let shared = area([a[0].max(b[0]), a[1].max(b[1]), a[2].min(b[2]), a[3].min(b[3])]);
        shared > 0.5 * (area(a) + area(b) - shared)
    }
}

/// A face of a photo.
#[derive(Debug, Clone)]
pub struct FoundFace {
    /// What was measured.
    pub measures: FaceMeasures,
    /// The first threshold that it fails.
    pub refusal: Option<Refusal>,
    /// The aligned face.
    pub crop: RgbImage,
}

/// Why the faces of a photo could not be found or measured.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// Detection or alignment failed.
    #[error(transparent)]
    Faces(#[from] FaceRestoreError),
    /// The photo could not be resized.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// OpenCV could not measure a face.
    #[error("OpenCV: {0}")]
    OpenCv(#[from] opencv::Error),
}

/// Finds and measures faces, with one detector.
pub struct FaceFinder {
    finder: PhotoFinder,
    size: u32,
    thresholds: Thresholds,
}

impl FaceFinder {
    /// Loads the detector (YuNet); crops will have `size`×`size` pixels.
    ///
    /// # Errors
    /// [`FindError::Faces`] when the detector's file cannot be used.
    pub fn open(detector: &Path, size: u32, thresholds: Thresholds) -> Result<Self, FindError> {
        Ok(Self { finder: PhotoFinder::open(detector, every_face())?, size, thresholds })
    }

    /// The faces of `photo`, the largest first. Those whose landmarks are no face's are passed over with a warning.
    ///
    /// # Errors
    /// [`FindError`] when OpenCV fails.
    pub fn find(&mut self, photo: &RgbImage) -> Result<Vec<FoundFace>, FindError> {
        let picture = RgbPicture::from_bytes(photo.width(), photo.height(), photo.as_raw())?;
        let found = self.finder.find(&picture, self.size)?;
        if found.degenerate > 0 {
            tracing::warn!("{} faces passed over: their landmarks are no face's", found.degenerate);
        }
        let hash = PerceptualHash::of(photo)?;
        found.faces.iter().map(|(face, aligned)| self.measure(&picture, face, aligned, hash)).collect()
    }

    fn measure(
        &self,
        photo: &RgbPicture,
        face: &Face,
        AlignedFace { to_crop, crop, .. }: &AlignedFace,
        hash: PerceptualHash,
    ) -> Result<FoundFace, FindError> {
        let native_scale = 1.0 / to_crop.scale();
        // Enlarging blurs, so a small face is measured at the size that it has.
        let measured = (f64::from(self.size) * native_scale.min(1.0)).round() as u32;
        let native = match measured < self.size {
            true => align_face(photo, 0, &face.landmarks, measured.max(LEAST_MEASURED))?,
            false => None,
        };
        let measures = FaceMeasures {
            transform: [[to_crop.a, -to_crop.b, to_crop.tx], [to_crop.b, to_crop.a, to_crop.ty]],
            native_scale,
            score: face.score,
            misfit: face_detect::misfit(&face.landmarks).map_err(FaceRestoreError::from)?,
            sharpness: laplacian_variance(native.as_ref().map_or(crop, |face| &face.crop))?,
            place: place(to_crop, self.size, photo.size()),
            hash,
        };
        let pixels = RgbImage::from_raw(self.size, self.size, crop.data_bytes()?.to_vec());
        // The crop has that size by construction.
        let crop = pixels.unwrap_or_else(|| RgbImage::new(self.size, self.size));
        Ok(FoundFace { refusal: self.thresholds.refusal(&measures), measures, crop })
    }
}

impl Thresholds {
    /// The first threshold that a face fails.
    fn refusal(&self, face: &FaceMeasures) -> Option<Refusal> {
        if face.score < self.min_score {
            Some(Refusal::Score)
        } else if face.native_scale < self.min_native_scale {
            Some(Refusal::Resolution)
        } else if face.misfit > self.max_misfit {
            Some(Refusal::Pose)
        } else if face.sharpness < self.min_sharpness {
            Some(Refusal::Sharpness)
        } else {
            None
        }
    }
}

/// [`FaceMeasures::place`] of a crop of a photo of that width and height.
fn place(to_crop: &Similarity, size: u32, (width, height): (u32, u32)) -> [f64; 4] {
    let middle = (size as f32 - 1.0) / 2.0;
    let centre = to_crop.inverse().apply(Point { x: middle, y: middle });
    let half = 0.5 * f64::from(size) / to_crop.scale();
    let (width, height) = (f64::from(width), f64::from(height));
    let (x, y) = (f64::from(centre.x), f64::from(centre.y));
    [(x - half) / width, (y - half) / height, (x + half) / width, (y + half) / height]
}

/// The variance of the 3×3 Laplacian over the face itself, so that neither hair nor background counts.
fn laplacian_variance(crop: &Mat) -> opencv::Result<f64> {
    let side = f64::from(crop.cols());
    let part = |share: f64| (share * side).round() as i32;
    let face = Mat::roi(crop, Rect::new(part(0.25), part(0.35), part(0.5), part(0.45)))?;
    let (mut grey, mut edges) = (Mat::default(), Mat::default());
    imgproc::cvt_color_def(&face, &mut grey, imgproc::COLOR_RGB2GRAY)?;
    imgproc::laplacian_def(&grey, &mut edges, CV_64F)?;
    let (mut mean, mut deviation) = (Scalar::default(), Scalar::default());
    opencv::core::mean_std_dev_def(&edges, &mut mean, &mut deviation)?;
    Ok(deviation[0] * deviation[0])
}
