// SPDX-License-Identifier: MIT OR Apache-2.0
//! A picture file whose changed copy keeps everything but its colours: format, grey, transparency, depth, orientation, notes.

use std::path::Path;

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::metadata::Orientation;
use image::{ColorType, DynamicImage, ImageEncoder, ImageError, ImageFormat, RgbImage};

use super::error::{PictureError, encode_error};
use super::notes::Notes;
use super::output::JPEG_QUALITY;
use super::read::{Decoded, contents, decode};

/// Of a 16-bit value: one step of an 8-bit one.
const STEP_OF_8_BITS: i32 = 257;

/// A decoded file with what its copy needs.
#[derive(Debug)]
pub struct PictureFile {
    decoded: Decoded,
    notes: Notes,
}

impl PictureFile {
    /// Reads a file, whatever its name.
    ///
    /// # Errors
    /// As [`picture::read`](super::read()).
    pub fn open(path: &Path) -> Result<Self, PictureError> {
        let bytes = contents(path)?;
        let decoded = decode(path, &bytes)?;
        let notes = Notes::of(&bytes, decoded.format);
        Ok(Self { decoded, notes })
    }

    /// Whether the copy of a file of `format` has that format too. It is PNG otherwise.
    #[must_use]
    pub fn keeps(format: ImageFormat) -> bool {
        matches!(format, ImageFormat::Png | ImageFormat::Jpeg)
    }

    /// Its pixels as [`picture::read`](super::read()) gives them: upright, 8-bit RGB.
    #[must_use]
    pub fn to_rgb(&self) -> RgbImage {
        self.decoded.picture.to_rgb8()
    }

    /// A file of the same format (PNG for what is neither PNG nor JPEG) with the colours of `changed`, upright RGB of the same
    /// size. What followed a JPEG's picture follows it again.
    ///
    /// XMP, IPTC, texts and the density of pixels are kept, and what else a JPEG has in segments of applications. An index of
    /// the pictures behind a JPEG's (MPF) is corrected. A PNG's chunks are kept that say how its colours are meant, or that may
    /// be kept in a changed file (PNG, 5.4: safe to copy). Of a TIFF's other tags those of EXIF are kept.
    ///
    /// JPEG is written at quality 95 without chroma subsampling. A grey picture stays grey (Rec. 709 luma of
    /// `changed`), transparency stays as it is, and 16-bit values change by `changed` less [`to_rgb`](Self::to_rgb),
    /// so that those that did not change keep all their bits. The rows are stored in the order of the original,
    /// with its EXIF data (where the orientation is) and its colour profile. A palette becomes full colours.
    ///
    /// # Errors
    /// [`PictureError::Encode`].
    pub fn encode(&self, changed: &RgbImage) -> Result<Vec<u8>, PictureError> {
        let mut picture = self.recoloured(changed);
        // TIFF has the orientation in a tag of its own: without EXIF data in the copy nothing would turn it upright again.
        if self.decoded.exif.is_some() {
            picture.apply_orientation(inverse(self.decoded.orientation));
        }
        let mut bytes = Vec::new();
        match self.decoded.format {
            ImageFormat::Jpeg => {
                self.write(&picture, JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY))
            }
            _ => self.write(&picture, PngEncoder::new(&mut bytes)),
        }
        .map_err(|error| encode_error(picture.width(), picture.height(), &error))?;
        Ok(self.notes.added_to(bytes))
    }

    fn write(&self, picture: &DynamicImage, mut encoder: impl ImageEncoder) -> image::ImageResult<()> {
        // CMYK is decoded to RGB, which its profile does not describe.
        let space: &[u8] = if picture.color().has_color() { b"RGB " } else { b"GRAY" };
        if let Some(profile) = &self.decoded.icc_profile
            && profile.get(16..20) == Some(space)
        {
            encoder.set_icc_profile(profile.clone()).map_err(ImageError::Unsupported)?;
        }
        if let Some(exif) = &self.decoded.exif {
            encoder.set_exif_metadata(exif.clone()).map_err(ImageError::Unsupported)?;
        }
        picture.write_with_encoder(encoder)
    }

    /// The original plus what changed, in the original's kind of pixels.
    fn recoloured(&self, changed: &RgbImage) -> DynamicImage {
        let original = &self.decoded.picture;
        if original.color() == ColorType::Rgb8 {
            return changed.clone().into();
        }
        // In 16 bits with transparency, which holds every kind of pixel exactly: 8-bit values are multiples of 257.
        let mut all = original.to_rgba16();
        let before = self.to_rgb();
        for ((value, after), before) in all.pixels_mut().zip(changed.pixels()).zip(before.pixels()) {
            for colour in 0..3 {
                let change = i32::from(after[colour]) - i32::from(before[colour]);
                let moved = i32::from(value[colour]) + STEP_OF_8_BITS * change;
                value[colour] = moved.clamp(0, i32::from(u16::MAX)) as u16;
            }
        }
        let all = DynamicImage::ImageRgba16(all);
        match original.color() {
            ColorType::L8 => all.into_luma8().into(),
            ColorType::La8 => all.into_luma_alpha8().into(),
            ColorType::Rgba8 => all.into_rgba8().into(),
            ColorType::L16 => all.into_luma16().into(),
            ColorType::La16 => all.into_luma_alpha16().into(),
            ColorType::Rgb16 => all.into_rgb16().into(),
            ColorType::Rgba16 => all,
            _ => all.into_rgb8().into(),
        }
    }
}

/// What undoes `orientation`: a quarter turn the other way; mirroring and half a turn undo themselves.
fn inverse(orientation: Orientation) -> Orientation {
    match orientation {
        Orientation::Rotate90 => Orientation::Rotate270,
        Orientation::Rotate270 => Orientation::Rotate90,
        other => other,
    }
}
