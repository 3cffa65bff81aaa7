// SPDX-License-Identifier: MIT OR Apache-2.0
//! Resizing, and the same pixels as floats.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::{Rgb32FImage, RgbImage};

use super::error::PictureError;

/// Resizes with a Lanczos filter (three lobes) that widens with the reduction, so that nothing aliases.
/// A picture that has the size already comes back unchanged.
///
/// # Errors
/// [`PictureError::Resize`] when a side is 0.
pub fn resize_antialiased(picture: &RgbImage, width: u32, height: u32) -> Result<RgbImage, PictureError> {
    resize_rgb8(picture, width, height, ResizeAlg::Convolution(FilterType::Lanczos3))
}

/// Resizes by bilinear interpolation between the four nearest pixels, also when shrinking: what
/// `cv2.resize(…, INTER_LINEAR)` does.
///
/// # Errors
/// [`PictureError::Resize`] when a side is 0.
pub fn resize_bilinear(picture: &RgbImage, width: u32, height: u32) -> Result<RgbImage, PictureError> {
    resize_rgb8(picture, width, height, ResizeAlg::Interpolation(FilterType::Bilinear))
}

/// [`resize_bilinear`] for float pictures of any value range.
///
/// # Errors
/// [`PictureError::Resize`] when a side is 0.
pub fn resize_bilinear_f32(
    picture: &Rgb32FImage,
    width: u32,
    height: u32,
) -> Result<Rgb32FImage, PictureError> {
    resize_rgb32f(picture, width, height, ResizeAlg::Interpolation(FilterType::Bilinear))
}

/// Resizes a float picture of any value range with a cubic filter (Catmull-Rom), which passes through the
/// pixels when enlarging and widens with the reduction when shrinking.
///
/// # Errors
/// [`PictureError::Resize`] when a side is 0.
pub fn resize_cubic_f32(picture: &Rgb32FImage, width: u32, height: u32) -> Result<Rgb32FImage, PictureError> {
    resize_rgb32f(picture, width, height, ResizeAlg::Convolution(FilterType::CatmullRom))
}

/// The largest centred square of `picture`, [resized](resize_antialiased) to `size`×`size` pixels.
///
/// # Errors
/// [`PictureError::Resize`] when a side is 0.
pub fn resize_to_square(picture: &RgbImage, size: u32) -> Result<RgbImage, PictureError> {
    let (width, height) = picture.dimensions();
    let side = width.min(height);
    if width == height {
        return resize_antialiased(picture, size, size);
    }
    let centre = image::imageops::crop_imm(picture, (width - side) / 2, (height - side) / 2, side, side);
    resize_antialiased(&centre.to_image(), size, size)
}

fn resize_rgb32f(
    picture: &Rgb32FImage,
    width: u32,
    height: u32,
    algorithm: ResizeAlg,
) -> Result<Rgb32FImage, PictureError> {
    let mut resized = Rgb32FImage::new(width, height);
    resize(
        (picture.dimensions(), bytemuck::cast_slice(picture.as_raw())),
        ((width, height), bytemuck::cast_slice_mut(&mut resized)),
        PixelType::F32x3,
        algorithm,
    )?;
    Ok(resized)
}

fn resize_rgb8(
    picture: &RgbImage,
    width: u32,
    height: u32,
    algorithm: ResizeAlg,
) -> Result<RgbImage, PictureError> {
    let mut resized = RgbImage::new(width, height);
    resize(
        (picture.dimensions(), picture.as_raw()),
        ((width, height), &mut resized),
        PixelType::U8x3,
        algorithm,
    )?;
    Ok(resized)
}

fn resize(
    (from, source): ((u32, u32), &[u8]),
    (to, target): ((u32, u32), &mut [u8]),
    pixel: PixelType,
    algorithm: ResizeAlg,
) -> Result<(), PictureError> {
    let failed = |reason: String| PictureError::Resize { from, to, reason };
    if [from.0, from.1, to.0, to.1].contains(&0) {
        return Err(failed("a side is 0".to_owned()));
    }
    let source = ImageRef::new(from.0, from.1, source, pixel).map_err(|error| failed(error.to_string()))?;
    let mut target =
        Image::from_slice_u8(to.0, to.1, target, pixel).map_err(|error| failed(error.to_string()))?;
    Resizer::new()
        .resize(&source, &mut target, &ResizeOptions::new().resize_alg(algorithm))
        .map_err(|error| failed(error.to_string()))
}

/// The same values, 0..=255, as floats.
#[must_use]
pub fn to_f32(picture: &RgbImage) -> Rgb32FImage {
    let mut floats = Rgb32FImage::new(picture.width(), picture.height());
    for (float, &byte) in floats.iter_mut().zip(picture.as_raw()) {
        *float = f32::from(byte);
    }
    floats
}

/// Values rounded to the nearest whole number and clipped to 0..=255.
#[must_use]
pub fn to_rgb8(picture: &Rgb32FImage) -> RgbImage {
    let mut bytes = RgbImage::new(picture.width(), picture.height());
    for (byte, &float) in bytes.iter_mut().zip(picture.as_raw()) {
        // The conversion cuts off and saturates, so a half is added first.
        *byte = (float + 0.5) as u8;
    }
    bytes
}
