// SPDX-License-Identifier: MIT OR Apache-2.0
//! Restoring aligned face crops of any size with a network of a fixed size.

use image::{Rgb32FImage, RgbImage};
use restore_core::{RestoreError, Restorer};

use crate::picture::{PictureError, resize_antialiased, resize_cubic_f32, to_f32, to_rgb8};

/// Why crops could not be restored.
#[derive(Debug, thiserror::Error)]
pub enum AlignedError {
    /// An aligned face fills a square.
    #[error("a picture of {width}×{height} pixels is no aligned face, which is square")]
    NotSquare {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
    /// A picture could not be resized.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// The network failed.
    #[error(transparent)]
    Restore(#[from] RestoreError),
}

/// Restores aligned faces, each at its own size; `seeds` has one seed per face and `strength` (0 to 1) is
/// the share of the change that is kept.
///
/// The network sees a face shrunk (or enlarged) to its crop size. What it changed there, restored − seen, is
/// resized back and added to the original, so that detail finer than the crop stays. At the crop size itself and
/// strength 1 the result is exactly the network's.
///
/// # Errors
/// [`AlignedError`] when a face is not square or the network fails.
pub fn restore_aligned(
    restorer: &dyn Restorer,
    faces: &[&RgbImage],
    seeds: &[u64],
    strength: f32,
) -> Result<Vec<RgbImage>, AlignedError> {
    let crop_size = restorer.crop_size();
    let mut seen = Vec::with_capacity(faces.len());
    for face in faces {
        let (width, height) = face.dimensions();
        if width != height {
            return Err(AlignedError::NotSquare { width, height });
        }
        seen.push(resize_antialiased(face, crop_size, crop_size)?);
    }
    let crops: Vec<&[u8]> = seen.iter().map(|crop| crop.as_raw().as_slice()).collect();
    let restored = restorer.restore_rgb8(&crops, seeds)?;
    let corrected = faces.iter().zip(&seen).zip(&restored);
    corrected.map(|((face, seen), restored)| add_correction(face, seen, restored, strength)).collect()
}

/// `face` + `strength` · (`restored` − `seen`), the difference resized from the size of `seen` to that of `face`.
fn add_correction(
    face: &RgbImage,
    seen: &RgbImage,
    restored: &[u8],
    strength: f32,
) -> Result<RgbImage, AlignedError> {
    let mut correction = Rgb32FImage::new(seen.width(), seen.height());
    for ((value, &seen), &restored) in correction.iter_mut().zip(seen.as_raw()).zip(restored) {
        *value = strength * (f32::from(restored) - f32::from(seen));
    }
    let mut corrected = resize_cubic_f32(&correction, face.width(), face.height())?;
    for (value, original) in corrected.iter_mut().zip(to_f32(face).iter()) {
        *value += original;
    }
    Ok(to_rgb8(&corrected))
}
