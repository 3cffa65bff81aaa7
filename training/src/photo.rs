//! Restoring every face of a photo: detect, align, restore, paste.

use std::path::Path;

use face_detect::{
    DetectError, DetectOptions, FaceDetector, PasteOptions, Region, align, face_to_crop, paste,
};
use image::RgbImage;
use opencv::core::{CV_8UC3, Mat, Scalar};
use opencv::prelude::*;
use restore_core::{RestoreError, Restorer};

use crate::picture::PictureError;

/// Smallest face that is looked for, in pixels of the photo.
pub(crate) const MIN_FACE_SIZE: u32 = 32;

/// Faces looked for in one photo: a large group.
pub(crate) const MAX_FACES: usize = 256;

/// Why the faces of a photo could not be found or restored.
#[derive(Debug, thiserror::Error)]
pub enum PhotoError {
    /// Detection, alignment or pasting failed.
    #[error(transparent)]
    Detect(#[from] DetectError),
    /// The network failed.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// A face could not be resized.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// OpenCV could not hold or measure a picture.
    #[error("OpenCV: {0}")]
    OpenCv(#[from] opencv::Error),
}

/// Restores the faces of photos with one detector and one network.
pub struct PhotoRestorer<'a> {
    detector: FaceDetector,
    restorer: &'a dyn Restorer,
    options: PasteOptions,
}

impl<'a> PhotoRestorer<'a> {
    /// Loads the detector (YuNet); `strength`, 0 to 1, is the share of the network's change that is applied.
    ///
    /// # Errors
    /// [`PhotoError::Detect`] when the detector's file cannot be used.
    pub fn open(detector: &Path, restorer: &'a dyn Restorer, strength: f32) -> Result<Self, PhotoError> {
        let options = PasteOptions { strength, ..PasteOptions::default() };
        Ok(Self { detector: FaceDetector::open(detector)?, restorer, options })
    }

    /// The photo with its faces restored, and how many there were. Pixels away from faces are as before.
    ///
    /// # Errors
    /// [`PhotoError`] when OpenCV or the network fails.
    pub fn restore(&mut self, photo: &RgbImage, seed: u64) -> Result<(RgbImage, usize), PhotoError> {
        let mut frame = to_bgr(photo)?;
        let options =
            DetectOptions { min_face_size: MIN_FACE_SIZE, max_faces: MAX_FACES, ..Default::default() };
        let faces = self.detector.detect(&frame, &options)?;
        if faces.is_empty() {
            return Ok((photo.clone(), 0));
        }
        let crop_size = self.restorer.crop_size();
        let whole = Region { x: 0, y: 0, width: frame.cols(), height: frame.rows() };
        let mut aligned = Vec::with_capacity(faces.len());
        for face in &faces {
            let to_crop = face_to_crop(&face.landmarks, crop_size)?;
            aligned.push((align(&frame, whole, &to_crop, crop_size)?, to_crop));
        }
        let crops = aligned.iter().map(|(crop, _)| to_rgb(crop)).collect::<Result<Vec<_>, _>>()?;
        let crops: Vec<&[u8]> = crops.iter().map(|crop| crop.as_raw().as_slice()).collect();
        let seeds: Vec<u64> = (0..faces.len() as u64).map(|face| seed.wrapping_add(face)).collect();
        let restored = self.restorer.restore_rgb8(&crops, &seeds)?;
        for ((crop, to_crop), restored) in aligned.iter().zip(restored) {
            let restored = bgr_of(&restored, crop_size, crop_size)?;
            paste(&mut frame, crop, &restored, to_crop, &self.options)?;
        }
        Ok((to_rgb(&frame)?, faces.len()))
    }
}

/// An OpenCV picture, BGR.
pub(crate) fn to_bgr(picture: &RgbImage) -> opencv::Result<Mat> {
    bgr_of(picture.as_raw(), picture.width(), picture.height())
}

/// An OpenCV picture from RGB bytes, row-major without padding.
fn bgr_of(rgb: &[u8], width: u32, height: u32) -> opencv::Result<Mat> {
    let mut bgr = Mat::new_rows_cols_with_default(height as i32, width as i32, CV_8UC3, Scalar::all(0.0))?;
    for (target, source) in bgr.data_bytes_mut()?.chunks_exact_mut(3).zip(rgb.chunks_exact(3)) {
        target.copy_from_slice(&[source[2], source[1], source[0]]);
    }
    Ok(bgr)
}

/// The pixels of an OpenCV picture, BGR, whole and continuous.
pub(crate) fn to_rgb(bgr: &Mat) -> opencv::Result<RgbImage> {
    let mut rgb = RgbImage::new(bgr.cols() as u32, bgr.rows() as u32);
    // The matrices here are whole pictures that OpenCV allocated, so their rows follow each other.
    for (target, source) in rgb.chunks_exact_mut(3).zip(bgr.data_bytes()?.chunks_exact(3)) {
        target.copy_from_slice(&[source[2], source[1], source[0]]);
    }
    Ok(rgb)
}
