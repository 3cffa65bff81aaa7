// SPDX-License-Identifier: MIT OR Apache-2.0
//! RGB pictures to make frames of: the photographs of `tests/data`, and scenes put together from them.

use std::path::Path;

use face_detect::Region;
use opencv::core::{
    Mat, MatTraitConst, MatTraitConstManual, ROTATE_90_CLOCKWISE, ROTATE_90_COUNTERCLOCKWISE, ROTATE_180,
    Size, Vec3b, Vector,
};
use opencv::{core, imgcodecs, imgproc};

/// Where the astronaut's face may be changed, read off the picture by eye: from the hairline to below the chin and
/// from ear to ear, with some ten pixels of play. Even, so that chroma samples of 4:2:0 formats lie inside or outside.
pub const FACE: Region = Region { x: 160, y: 54, width: 130, height: 146 };

/// The middle of the astronaut's face, from the eyes to the upper lip, where a restored face is shown in full.
pub const SKIN: Region = Region { x: 204, y: 96, width: 40, height: 50 };

/// A picture, RGB, rows without padding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// In pixels.
    pub width: usize,
    /// In pixels.
    pub height: usize,
    /// `3 · width · height` bytes.
    pub rgb: Vec<u8>,
}

impl Picture {
    /// A picture file of `tests/data`.
    #[must_use]
    pub fn load(name: &str) -> Self {
        Self::read(&crate::data(name))
    }

    /// A picture file.
    #[must_use]
    pub fn read(path: &Path) -> Self {
        let image = imgcodecs::imread(path.to_str().unwrap(), imgcodecs::IMREAD_COLOR).unwrap();
        assert!(!image.empty(), "{} cannot be read", path.display());
        Self::from_bgr(&image)
    }

    /// The astronaut, 512×512, sharp.
    #[must_use]
    pub fn sharp() -> Self {
        Self::load("astronaut.png")
    }

    /// The astronaut as a bad camera would show her: half the resolution, and JPEG of quality 50. A restorer has
    /// something to do here.
    #[must_use]
    pub fn astronaut() -> Self {
        let sharp = Self::sharp();
        sharp.resized(256, 256).through_jpeg(50).resized(512, 512)
    }

    /// One colour.
    #[must_use]
    pub fn plain(width: usize, height: usize, colour: [u8; 3]) -> Self {
        Self { width, height, rgb: colour.repeat(width * height) }
    }

    /// The rectangle of `width`×`height` pixels at (`x`, `y`).
    #[must_use]
    pub fn crop(&self, x: usize, y: usize, width: usize, height: usize) -> Self {
        let rows = (y..y + height).flat_map(|row| &self.rgb[(row * self.width + x) * 3..][..width * 3]);
        Self { width, height, rgb: rows.copied().collect() }
    }

    /// Scaled to another size.
    #[must_use]
    pub fn resized(&self, width: usize, height: usize) -> Self {
        let size = Size::new(width as i32, height as i32);
        let shrinks = width < self.width;
        let filter = if shrinks { imgproc::INTER_AREA } else { imgproc::INTER_CUBIC };
        let mut resized = Mat::default();
        imgproc::resize(&self.to_bgr(), &mut resized, size, 0.0, 0.0, filter).unwrap();
        Self::from_bgr(&resized)
    }

    /// Turned by so many quarters of a circle clockwise.
    #[must_use]
    pub fn turned(&self, quarters: usize) -> Self {
        let codes = [ROTATE_90_CLOCKWISE, ROTATE_180, ROTATE_90_COUNTERCLOCKWISE];
        let Some(code) = (quarters % 4).checked_sub(1).map(|index| codes[index]) else { return self.clone() };
        let mut turned = Mat::default();
        core::rotate(&self.to_bgr(), &mut turned, code).unwrap();
        Self::from_bgr(&turned)
    }

    /// Compressed and decompressed.
    #[must_use]
    pub fn through_jpeg(&self, quality: i32) -> Self {
        let mut file = Vector::new();
        let options = Vector::from_slice(&[imgcodecs::IMWRITE_JPEG_QUALITY, quality]);
        imgcodecs::imencode(".jpg", &self.to_bgr(), &mut file, &options).unwrap();
        Self::from_bgr(&imgcodecs::imdecode(&file, imgcodecs::IMREAD_COLOR).unwrap())
    }

    /// Puts what lies within this picture of `other` at (`x`, `y`).
    pub fn put(&mut self, other: &Self, x: i32, y: i32) {
        for row in 0..other.height as i32 {
            for column in 0..other.width as i32 {
                let (to_x, to_y) = (x + column, y + row);
                let inside =
                    (0..self.width as i32).contains(&to_x) && (0..self.height as i32).contains(&to_y);
                if inside {
                    let from = (row as usize * other.width + column as usize) * 3;
                    let to = (to_y as usize * self.width + to_x as usize) * 3;
                    self.rgb[to..to + 3].copy_from_slice(&other.rgb[from..from + 3]);
                }
            }
        }
    }

    /// This picture `columns`×`rows` times.
    #[must_use]
    pub fn tiled(&self, columns: usize, rows: usize) -> Self {
        let mut tiled = Self::plain(self.width * columns, self.height * rows, [0; 3]);
        for (column, row) in (0..rows).flat_map(|row| (0..columns).map(move |column| (column, row))) {
            tiled.put(self, (column * self.width) as i32, (row * self.height) as i32);
        }
        tiled
    }

    /// Mean absolute difference of the bytes within `area`, in levels.
    #[must_use]
    pub fn difference(&self, other: &Self, area: Region) -> f64 {
        self.mean(other, area, f64::abs)
    }

    /// Peak signal-to-noise ratio within `area`, in dB; infinite when equal.
    #[must_use]
    pub fn psnr(&self, other: &Self, area: Region) -> f64 {
        10.0 * (255.0_f64.powi(2) / self.squared_difference(other, area)).log10()
    }

    /// Mean squared difference of the bytes within `area`, in levels².
    #[must_use]
    pub fn squared_difference(&self, other: &Self, area: Region) -> f64 {
        self.mean(other, area, |difference| difference * difference)
    }

    fn mean(&self, other: &Self, area: Region, measure: impl Fn(f64) -> f64) -> f64 {
        assert_eq!((self.width, self.height), (other.width, other.height));
        let Region { x, y, width, height } = area;
        let part = |picture: &Self| picture.crop(x as usize, y as usize, width as usize, height as usize);
        let (a, b) = (part(self), part(other));
        let differences = a.rgb.iter().zip(&b.rgb).map(|(&a, &b)| measure(f64::from(a) - f64::from(b)));
        differences.sum::<f64>() / a.rgb.len() as f64
    }

    /// From OpenCV's order of channels.
    #[must_use]
    pub fn from_bgr(image: &Mat) -> Self {
        let mut rgb = Mat::default();
        imgproc::cvt_color_def(image, &mut rgb, imgproc::COLOR_BGR2RGB).unwrap();
        let rgb_bytes = rgb.data_bytes().unwrap().to_vec();
        Self { width: rgb.cols() as usize, height: rgb.rows() as usize, rgb: rgb_bytes }
    }

    /// In OpenCV's order of channels.
    #[must_use]
    pub fn to_bgr(&self) -> Mat {
        let (rows, columns) = (self.height as i32, self.width as i32);
        let rgb = Mat::new_rows_cols_with_bytes::<Vec3b>(rows, columns, &self.rgb).unwrap();
        let mut bgr = Mat::default();
        imgproc::cvt_color_def(&rgb, &mut bgr, imgproc::COLOR_RGB2BGR).unwrap();
        bgr
    }
}
