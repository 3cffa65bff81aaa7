// SPDX-License-Identifier: MIT OR Apache-2.0
//! A picture in memory, 8-bit RGB: the [`FramePixels`] of photos.

use face_detect::{Cells, Correction, Region};
use opencv::core::{CV_8UC3, Mat, Rect, Scalar};
use opencv::imgproc;
use opencv::prelude::*;

use crate::error::FaceRestoreError;
use crate::pixels::{FramePixels, resized_bgr};

/// The shares of R, G and B in the brightness (ITU-R BT.601).
const LUMA: [f32; 3] = [0.299, 0.587, 0.114];

/// A whole picture, RGB.
#[derive(Debug, Clone)]
pub struct RgbPicture {
    /// `CV_8UC3`, continuous.
    pixels: Mat,
}

impl RgbPicture {
    /// A picture of `width`×`height` pixels from `rgb`: three bytes a pixel, row-major without padding.
    ///
    /// # Errors
    /// [`FaceRestoreError::OpenCv`] when `rgb` has another length, or a side is 0.
    pub fn from_bytes(width: u32, height: u32, rgb: &[u8]) -> Result<Self, FaceRestoreError> {
        let mut pixels =
            Mat::new_rows_cols_with_default(height as i32, width as i32, CV_8UC3, Scalar::all(0.0))?;
        let bytes = pixels.data_bytes_mut()?;
        if bytes.is_empty() || bytes.len() != rgb.len() {
            let text = format!("{} bytes are no RGB picture of {width}×{height} pixels", rgb.len());
            return Err(opencv::Error::new(opencv::core::StsBadArg, text).into());
        }
        bytes.copy_from_slice(rgb);
        Ok(Self { pixels })
    }

    /// The pixels: three bytes each, row-major without padding.
    ///
    /// # Errors
    /// [`FaceRestoreError::OpenCv`], which a picture that was made does not give.
    pub fn bytes(&self) -> Result<&[u8], FaceRestoreError> {
        Ok(self.pixels.data_bytes()?)
    }

    /// Adds `corrections` (channel order RGB), one after the other.
    ///
    /// # Errors
    /// [`FaceRestoreError::Detect`] when one does not lie within the picture.
    pub fn apply(&mut self, corrections: &[Correction]) -> Result<(), FaceRestoreError> {
        for correction in corrections {
            correction.apply(&mut self.pixels)?;
        }
        Ok(())
    }
}

impl FramePixels for RgbPicture {
    fn size(&self) -> (u32, u32) {
        (self.pixels.cols() as u32, self.pixels.rows() as u32)
    }

    fn region_rgb(&self, region: Region) -> opencv::Result<Mat> {
        let rect = Rect::new(region.x, region.y, region.width, region.height);
        Mat::roi(&self.pixels, rect)?.try_clone()
    }

    fn shrunk_bgr(&self, width: u32, height: u32) -> opencv::Result<Mat> {
        resized_bgr(&self.pixels, width, height)
    }

    fn cells(&self) -> opencv::Result<Cells> {
        let row = 3 * self.pixels.cols() as usize;
        let rows: Vec<&[u8]> = self.pixels.data_bytes()?.chunks_exact(row).collect();
        Ok(Cells::of(&rows, &LUMA, self.size()))
    }

    fn shrunk_grey(&self, width: u32, height: u32) -> opencv::Result<Mat> {
        let mut grey = Mat::default();
        imgproc::cvt_color_def(&self.shrunk_bgr(width, height)?, &mut grey, imgproc::COLOR_BGR2GRAY)?;
        Ok(grey)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_go_in_and_come_out_and_a_wrong_number_of_them_is_refused() {
        let rgb: Vec<u8> = (0..4 * 3 * 3).collect();
        let picture = RgbPicture::from_bytes(4, 3, &rgb).unwrap();
        assert_eq!((picture.size(), picture.bytes().unwrap()), ((4, 3), &rgb[..]));
        let part = picture.region_rgb(Region { x: 1, y: 2, width: 2, height: 1 }).unwrap();
        assert_eq!(part.data_bytes().unwrap(), &rgb[2 * 12 + 3..2 * 12 + 9]);
        let bgr = picture.shrunk_bgr(4, 3).unwrap();
        assert_eq!(bgr.data_bytes().unwrap()[..6], [2, 1, 0, 5, 4, 3]);
        for (width, height, bytes) in [(4, 3, &rgb[1..]), (3, 3, &rgb[..]), (0, 0, &[][..])] {
            let error = RgbPicture::from_bytes(width, height, bytes).unwrap_err().to_string();
            assert!(error.contains(&format!("{width}×{height}")), "{error}");
        }
    }
}
