// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a file holds beside its pixels, colour profile and EXIF data, at the place that it has in the copy.

mod jpeg;
mod mpf;
mod png;
mod tags;

use std::io::Cursor;

use image::{ImageDecoder, ImageFormat, ImageReader};

use jpeg::JpegNotes;
use png::Density;

/// The notes of a file, as its copy gets them.
#[derive(Debug)]
pub(super) enum Notes {
    /// For a JPEG file.
    Jpeg(JpegNotes),
    /// For a PNG file, which a picture of another format becomes: chunks.
    Png(Vec<u8>),
}

impl Notes {
    /// What `bytes`, a file of `format`, hold. Damaged notes are left out.
    pub(super) fn of(bytes: &[u8], format: ImageFormat) -> Self {
        let chunks = match format {
            ImageFormat::Jpeg => return Self::Jpeg(JpegNotes::of(bytes)),
            ImageFormat::Png => return Self::Png(png::chunks_to_keep(bytes)),
            ImageFormat::Tiff => return Self::Png(tags::chunks(bytes)),
            ImageFormat::Bmp => bmp_density(bytes).map(Density::chunk).unwrap_or_default(),
            _ => Vec::new(),
        };
        let xmp = xmp(bytes, format).and_then(png::xmp).unwrap_or_default();
        Self::Png([chunks, xmp].concat())
    }

    /// The file with these notes that was `encoded` without.
    pub(super) fn added_to(&self, encoded: Vec<u8>) -> Vec<u8> {
        match self {
            Self::Jpeg(notes) => notes.added_to(encoded),
            Self::Png(chunks) => png::added_to(encoded, chunks),
        }
    }
}

fn xmp(bytes: &[u8], format: ImageFormat) -> Option<Vec<u8>> {
    let mut decoder = ImageReader::with_format(Cursor::new(bytes), format).into_decoder().ok()?;
    decoder.xmp_metadata().ok()?
}

/// Pixels per metre in the header of a BMP file, from Windows 3 on (BITMAPINFOHEADER).
fn bmp_density(bytes: &[u8]) -> Option<Density> {
    let field = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let (header, x, y) = (field(14)?, field(38)?, field(42)?);
    (header >= 40 && x > 0 && y > 0).then_some(Density { x, y, per_metre: true })
}
