// SPDX-License-Identifier: MIT OR Apache-2.0
//! The pixels of a frame as this crate needs them: what every kind of picture has to offer.

use face_detect::{Cells, Region};
use opencv::core::{Mat, MatTraitConst, Size, ToInputArray};
use opencv::imgproc::{self, INTER_AREA, INTER_LINEAR};

/// A picture that faces are looked for and restored in, whatever its pixel format.
///
/// Implementations only read; what is to change comes back as [`Correction`](face_detect::Correction)s, which the owner of the
/// pixels adds. All pictures are 8 bits a channel.
pub trait FramePixels {
    /// Width and height in pixels, at least 1×1.
    fn size(&self) -> (u32, u32);

    /// The pixels of `region`, which lies within the frame, as `CV_8UC3`, RGB.
    ///
    /// # Errors
    /// OpenCV's.
    fn region_rgb(&self, region: Region) -> opencv::Result<Mat>;

    /// The whole frame at `width`×`height` pixels as `CV_8UC3`, BGR, low-pass filtered where it shrinks: what the detector sees.
    ///
    /// # Errors
    /// OpenCV's.
    fn shrunk_bgr(&self, width: u32, height: u32) -> opencv::Result<Mat>;

    /// The brightness of the whole frame on a coarse grid, at the cost of reading it once or less: whether, and where, something
    /// in it has changed.
    ///
    /// # Errors
    /// OpenCV's.
    fn cells(&self) -> opencv::Result<Cells>;

    /// The brightness of the whole frame at `width`×`height` pixels as `CV_8UC1`: what the tracker sees.
    ///
    /// # Errors
    /// OpenCV's.
    fn shrunk_grey(&self, width: u32, height: u32) -> opencv::Result<Mat>;
}

/// `picture` at another size: by a box filter where it shrinks, so that small faces do not alias, linearly otherwise.
///
/// # Errors
/// OpenCV's.
pub fn resized(picture: &(impl MatTraitConst + ToInputArray), size: Size) -> opencv::Result<Mat> {
    let shrinks = size.width <= picture.cols() && size.height <= picture.rows();
    let interpolation = if shrinks { INTER_AREA } else { INTER_LINEAR };
    let mut result = Mat::default();
    imgproc::resize(picture, &mut result, size, 0.0, 0.0, interpolation)?;
    Ok(result)
}

/// An RGB picture as BGR at `width`×`height` pixels.
pub(crate) fn resized_bgr(rgb: &Mat, width: u32, height: u32) -> opencv::Result<Mat> {
    let (size, mut bgr) = (Size::new(width as i32, height as i32), Mat::default());
    // A large photo at its own size is not copied once more.
    if rgb.size()? == size {
        imgproc::cvt_color_def(rgb, &mut bgr, imgproc::COLOR_RGB2BGR)?;
    } else {
        imgproc::cvt_color_def(&resized(rgb, size)?, &mut bgr, imgproc::COLOR_RGB2BGR)?;
    }
    Ok(bgr)
}
