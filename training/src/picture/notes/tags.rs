// SPDX-License-Identifier: MIT OR Apache-2.0
//! Those tags of a TIFF file that have a place in PNG, beside XMP: resolution, IPTC, and what Photoshop keeps with a picture.

use std::io::{Cursor, Read, Seek};

use tiff::decoder::Decoder;
use tiff::decoder::ifd::Value;
use tiff::tags::{ByteOrder, Tag};

use super::png::{Density, raw_profile};

/// Tags of bytes, and what their profiles are called in PNG.
const PROFILES: [(u16, &str); 2] = [(33723, "iptc"), (34377, "8bim")];

const METRES_PER_INCH: f64 = 0.0254;

/// The chunks of PNG for the first picture of the file `bytes`.
pub(super) fn chunks(bytes: &[u8]) -> Vec<u8> {
    let Ok(mut tiff) = Decoder::new(Cursor::new(bytes)) else { return Vec::new() };
    let mut chunks = density(&mut tiff).map(Density::chunk).unwrap_or_default();
    for (tag, name) in PROFILES {
        if let Some(profile) = profile(&mut tiff, Tag::Unknown(tag)) {
            chunks.extend(raw_profile(name, &profile));
        }
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

/// The bytes of a tag in the order of the file, also where they are declared to be 32-bit numbers, as often with IPTC.
fn profile<R: Read + Seek>(tiff: &mut Decoder<R>, tag: Tag) -> Option<Vec<u8>> {
    let value = tiff.find_tag(tag).ok()??;
    if let Ok(bytes) = value.clone().into_u8_vec() {
        return Some(bytes);
    }
    let bytes = match tiff.byte_order() {
        ByteOrder::LittleEndian => u32::to_le_bytes,
        ByteOrder::BigEndian => u32::to_be_bytes,
    };
    Some(value.into_u32_vec().ok()?.into_iter().flat_map(bytes).collect())
}
