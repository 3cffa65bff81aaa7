// SPDX-License-Identifier: MIT OR Apache-2.0
//! JPEG by a real encoder and decoder.

use image::codecs::jpeg::JpegDecoder;
use image::{DynamicImage, RgbImage};
use jpeg_encoder::{ChromaSubsamplingMethod, ColorType, Encoder, SamplingFactor};

use super::DegradationError;

/// Encodes and decodes `picture` as baseline JPEG with 4:2:0 colour and the standard's tables, libjpeg's default.
///
/// # Errors
/// [`DegradationError::Jpeg`] for sides that JPEG does not have.
pub fn through_jpeg(picture: &RgbImage, quality: u8) -> Result<RgbImage, DegradationError> {
    let (width, height) = picture.dimensions();
    let failed = |reason: String| DegradationError::Jpeg { width, height, reason };
    let side = |pixels: u32| u16::try_from(pixels).map_err(|error| failed(error.to_string()));
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, quality);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    encoder.set_chroma_subsampling_method(ChromaSubsamplingMethod::Average);
    encoder
        .encode(picture.as_raw(), side(width)?, side(height)?, ColorType::Rgb)
        .map_err(|error| failed(error.to_string()))?;
    JpegDecoder::new(std::io::Cursor::new(bytes))
        .and_then(DynamicImage::from_decoder)
        .map(DynamicImage::into_rgb8)
        .map_err(|error| failed(error.to_string()))
}
