//! A picture file whose changed copy keeps everything but its colours: format, grey, transparency, depth, orientation.

use std::io::Cursor;
use std::path::Path;

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::metadata::Orientation;
use image::{
    ColorType, DynamicImage, ImageDecoder, ImageEncoder, ImageError, ImageFormat, ImageReader, RgbImage,
};

use crate::picture_error::{PictureError, encode_error};

/// JPEG quality of what is written (without chroma subsampling): high enough to hide nothing of the restoration.
pub const JPEG_QUALITY: u8 = 95;

/// Of a 16-bit value: one step of an 8-bit one.
const STEP_OF_8_BITS: i32 = 257;

/// The contents of a file.
#[derive(Debug)]
pub(crate) struct Decoded {
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
/// [`picture::read`](crate::picture::read).
pub(crate) fn decode(path: &Path) -> Result<Decoded, PictureError> {
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

/// A decoded file with what its copy needs.
#[derive(Debug)]
pub struct PictureFile(Decoded);

impl PictureFile {
    /// Reads a PNG or JPEG file, whatever its name.
    ///
    /// # Errors
    /// As [`picture::read`](crate::picture::read).
    pub fn open(path: &Path) -> Result<Self, PictureError> {
        Ok(Self(decode(path)?))
    }

    /// Its pixels as [`picture::read`](crate::picture::read) gives them: upright, 8-bit RGB.
    #[must_use]
    pub fn to_rgb(&self) -> RgbImage {
        self.0.picture.to_rgb8()
    }

    /// A file of the same format with the colours of `changed`, upright RGB of the same size.
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
        picture.apply_orientation(inverse(self.0.orientation));
        let mut bytes = Vec::new();
        match self.0.format {
            ImageFormat::Jpeg => {
                self.write(&picture, JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY))
            }
            _ => self.write(&picture, PngEncoder::new(&mut bytes)),
        }
        .map_err(|error| encode_error(picture.width(), picture.height(), &error))?;
        Ok(bytes)
    }

    fn write(&self, picture: &DynamicImage, mut encoder: impl ImageEncoder) -> image::ImageResult<()> {
        // CMYK is decoded to RGB, which its profile does not describe.
        let space: &[u8] = if picture.color().has_color() { b"RGB " } else { b"GRAY" };
        if let Some(profile) = &self.0.icc_profile
            && profile.get(16..20) == Some(space)
        {
            encoder.set_icc_profile(profile.clone()).map_err(ImageError::Unsupported)?;
        }
        if let Some(exif) = &self.0.exif {
            encoder.set_exif_metadata(exif.clone()).map_err(ImageError::Unsupported)?;
        }
        picture.write_with_encoder(encoder)
    }

    /// The original plus what changed, in the original's kind of pixels.
    fn recoloured(&self, changed: &RgbImage) -> DynamicImage {
        let original = &self.0.picture;
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
