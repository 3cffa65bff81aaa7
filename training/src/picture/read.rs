// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reading a picture file, with clear errors for broken ones.

use std::io::Cursor;
use std::path::Path;

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, RgbImage};

use super::content::identify;
use super::error::PictureError;
use super::jpeg::end_of_picture;

/// Reads a PNG, JPEG, WebP, TIFF, GIF or BMP file (of an animation or several pages the first), whatever its name, as 8-bit
/// RGB. Grey becomes RGB, 16 bits become 8, an alpha channel is dropped, and the camera's orientation (EXIF) is applied.
///
/// # Errors
/// [`PictureError::Read`] when the file cannot be opened, [`PictureError::Content`] when it is empty,
/// truncated, of another format or without pixels.
pub fn read(path: &Path) -> Result<RgbImage, PictureError> {
    read_bytes(path, &contents(path)?)
}

/// [`read`] of `bytes`, the contents of the file `path`, which messages name.
///
/// # Errors
/// [`PictureError::Content`] as [`read`].
pub fn read_bytes(path: &Path, bytes: &[u8]) -> Result<RgbImage, PictureError> {
    Ok(decode(path, bytes)?.picture.into_rgb8())
}

/// The contents of a file.
#[derive(Debug)]
pub(super) struct Decoded {
    /// Its pixels, upright.
    pub picture: DynamicImage,
    /// What it is by its content.
    pub format: ImageFormat,
    /// The turn that was applied.
    pub orientation: Orientation,
    /// The colour profile as it is in the file.
    pub icc_profile: Option<Vec<u8>>,
    /// The camera's notes as they are in the file.
    pub exif: Option<Vec<u8>>,
}

/// The bytes of a file.
pub(super) fn contents(path: &Path) -> Result<Vec<u8>, PictureError> {
    std::fs::read(path).map_err(|source| PictureError::Read { path: path.to_owned(), source })
}

/// Reads `bytes` as [`read_bytes`] does.
pub(super) fn decode(path: &Path, bytes: &[u8]) -> Result<Decoded, PictureError> {
    let failed = |source| PictureError::Read { path: path.to_owned(), source };
    let content = |reason: String| PictureError::Content { path: path.to_owned(), reason };
    let format = identify(&mut Cursor::new(bytes)).map_err(failed)?.map_err(content)?;
    if format == ImageFormat::Jpeg && end_of_picture(bytes).is_none() {
        return Err(content("it is cut off: the end of its picture is missing".to_owned()));
    }
    let reader = ImageReader::with_format(Cursor::new(bytes), format);
    let decoded = reader.into_decoder().and_then(|mut decoder| {
        let orientation = decoder.orientation()?;
        // Damaged notes or profiles are left out; the pixels may still be good.
        let (icc_profile, exif) =
            (decoder.icc_profile().ok().flatten(), decoder.exif_metadata().ok().flatten());
        let mut picture = DynamicImage::from_decoder(decoder)?;
        picture.apply_orientation(orientation);
        Ok((picture, orientation, icc_profile, exif))
    });
    let (picture, orientation, icc_profile, exif) = decoded.map_err(|error| content(error.to_string()))?;
    if picture.width() == 0 || picture.height() == 0 {
        return Err(content("it has no pixels".to_owned()));
    }
    Ok(Decoded { picture, format, orientation, icc_profile, exif })
}
