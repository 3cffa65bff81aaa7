//! Reading a picture file, with clear errors for broken ones.

use std::io::Cursor;
use std::path::Path;

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, RgbImage};

use super::error::PictureError;

/// Reads a PNG or JPEG file, whatever its name, as 8-bit RGB. Grey becomes RGB, 16 bits become 8, an
/// alpha channel is dropped, and the camera's orientation (EXIF) is applied.
///
/// # Errors
/// [`PictureError::Read`] when the file cannot be opened, [`PictureError::Content`] when it is empty,
/// truncated, of another format or without pixels.
pub fn read(path: &Path) -> Result<RgbImage, PictureError> {
    Ok(decode(path)?.picture.into_rgb8())
}

/// The contents of a file.
#[derive(Debug)]
pub(super) struct Decoded {
    /// Its pixels, upright.
    pub picture: DynamicImage,
    /// PNG or JPEG.
    pub format: ImageFormat,
    /// The turn that was applied.
    pub orientation: Orientation,
    /// The colour profile as it is in the file.
    pub icc_profile: Option<Vec<u8>>,
    /// The camera's notes as they are in the file.
    pub exif: Option<Vec<u8>>,
}

/// Reads a PNG or JPEG file, whatever its name. Errors are those of
/// [`read`].
pub(super) fn decode(path: &Path) -> Result<Decoded, PictureError> {
    let failed = |source| PictureError::Read { path: path.to_owned(), source };
    let content = |reason: String| PictureError::Content { path: path.to_owned(), reason };
    let bytes = std::fs::read(path).map_err(failed)?;
    let reader = ImageReader::new(Cursor::new(&bytes)).with_guessed_format().map_err(failed)?;
    let format = reader.format();
    if format == Some(ImageFormat::Jpeg) && !is_whole_jpeg(&bytes) {
        return Err(content("it is cut off: the end of its picture is missing".to_owned()));
    }
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
    let format = format.ok_or_else(|| content("its format is unknown".to_owned()))?;
    Ok(Decoded { picture, format, orientation, icc_profile, exif })
}

/// Whether the last scan of a JPEG file has an end. The decoder makes a picture of a file that is cut off, with grey for what
/// is missing. Within a scan a byte 0xFF is always followed by 0 or a restart marker (ITU-T T.81, B.1.1.5), so that
/// markers found there are real.
fn is_whole_jpeg(bytes: &[u8]) -> bool {
    const START_OF_SCAN: [u8; 2] = [0xff, 0xda];
    const END_OF_IMAGE: [u8; 2] = [0xff, 0xd9];
    let last_scan = bytes.windows(2).rposition(|pair| pair == START_OF_SCAN);
    last_scan.is_some_and(|scan| bytes[scan..].windows(2).any(|pair| pair == END_OF_IMAGE))
}
