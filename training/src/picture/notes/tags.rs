// SPDX-License-Identifier: MIT OR Apache-2.0
//! Those tags of a TIFF file that have a place in PNG: XMP, resolution, IPTC, what Photoshop keeps with a picture, and
//! EXIF, which are tags of the file itself and directories of their own.

use std::io::{Cursor, Read, Seek};

use tiff::TiffResult;
use tiff::decoder::ifd::Value;
use tiff::decoder::{Decoder, IfdDecoder};
use tiff::encoder::TiffEncoder;
use tiff::tags::{ByteOrder, Tag, Type, ValueBuffer};

use super::png::{Density, exif_chunk, raw_profile, xmp};

/// The text of XMP. `image` gives it only where the pixels take more memory than it.
const XMP: Tag = Tag::Unknown(700);

/// Tags of bytes, and what their profiles are called in PNG.
const PROFILES: [(u16, &str); 2] = [(33723, "iptc"), (34377, "8bim")];

/// Tags of EXIF beside the picture's own, which say how it is stored.
const DESCRIPTIONS: [Tag; 8] = [
    Tag::ImageDescription,
    Tag::Make,
    Tag::Model,
    Tag::Software,
    Tag::DateTime,
    Tag::Artist,
    Tag::HostComputer,
    Tag::Copyright,
];

/// Tags that say where a directory of EXIF is.
const DIRECTORIES: [Tag; 2] = [Tag::ExifDirectory, Tag::GpsDirectory];
/// One within the first of them, which says nothing about the picture.
const INTEROPERABILITY: u16 = 0xa005;

const METRES_PER_INCH: f64 = 0.0254;

/// The chunks of PNG for the first picture of the file `bytes`.
pub(super) fn chunks(bytes: &[u8]) -> Vec<u8> {
    let Ok(mut tiff) = Decoder::new(Cursor::new(bytes)) else { return Vec::new() };
    let mut chunks = density(&mut tiff).map(Density::chunk).unwrap_or_default();
    let order = tiff.byte_order();
    if let Some(text) = value(&mut tiff.image_ifd(), XMP, order) {
        chunks.extend(xmp(text.as_bytes().to_vec()).unwrap_or_default());
    }
    for (tag, name) in PROFILES {
        // Bytes are bytes, also where they are declared to be 32-bit numbers, as often with IPTC.
        if let Some(profile) = value(&mut tiff.image_ifd(), Tag::Unknown(tag), order) {
            chunks.extend(raw_profile(name, profile.as_bytes()));
        }
    }
    if let Ok(Some(block)) = exif(&mut tiff) {
        chunks.extend(exif_chunk(&block));
    }
    chunks
}

fn density<R: Read + Seek>(tiff: &mut Decoder<R>) -> Option<Density> {
    let unit = tiff.find_tag_unsigned::<u16>(Tag::ResolutionUnit).ok().flatten();
    let (per_unit, per_metre) = match unit.unwrap_or(2) {
        2 => (1.0 / METRES_PER_INCH, true),
        3 => (100.0, true),
        _ => (1.0, false),
    };
    let mut pixels = |tag| match tiff.find_tag(tag) {
        Ok(Some(Value::Rational(numerator, denominator))) if numerator > 0 && denominator > 0 => {
            Some((f64::from(numerator) / f64::from(denominator) * per_unit).round() as u32)
        }
        _ => None,
    };
    Some(Density { x: pixels(Tag::XResolution)?, y: pixels(Tag::YResolution)?, per_metre })
}

/// The value of a tag in that byte order, where there is one.
fn value(directory: &mut IfdDecoder<'_>, tag: Tag, order: ByteOrder) -> Option<ValueBuffer> {
    let mut value = ValueBuffer::empty(Type::BYTE);
    directory.find_tag_buf(tag, &mut value).ok()??;
    value.set_byte_order(order);
    Some(value)
}

/// The EXIF data as the block that other formats have: a TIFF file without a picture. The orientation is not in it, since the
/// copy of a TIFF file is upright.
fn exif<R: Read + Seek>(tiff: &mut Decoder<R>) -> TiffResult<Option<Vec<u8>>> {
    let mut block = Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::new(&mut block)?;
    let mut places = Vec::new();
    for tag in DIRECTORIES {
        let Some(place) = tiff.find_tag(tag)? else { continue };
        let directory = tiff.read_directory(place.into_ifd_pointer()?)?;
        let mut copy = encoder.extra_directory()?;
        for (inner, _) in directory.iter().filter(|&(inner, _)| inner.to_u16() != INTEROPERABILITY) {
            let mut tags = tiff.read_directory_tags(&directory);
            if let Some(value) = value(&mut tags, inner, ByteOrder::native()) {
                copy.write_tag_buf(inner, &value)?;
            }
        }
        places.push((tag, copy.finish_with_offsets()?.offset));
    }
    let descriptions: Vec<_> = DESCRIPTIONS
        .into_iter()
        .filter_map(|tag| Some((tag, value(&mut tiff.image_ifd(), tag, ByteOrder::native())?)))
        .collect();
    if places.is_empty() && descriptions.is_empty() {
        return Ok(None);
    }
    let mut main = encoder.image_directory()?;
    for (tag, value) in &descriptions {
        main.write_tag_buf(*tag, value)?;
    }
    for (tag, place) in places {
        main.write_tag(tag, place)?;
    }
    main.finish()?;
    Ok(Some(block.into_inner()))
}
