// SPDX-License-Identifier: MIT OR Apache-2.0
//! Segments of a JPEG file that its copy keeps: XMP, IPTC, comments, whatever else applications wrote, and the density of pixels.

use std::ops::RangeInclusive;

use super::mpf::PictureIndex;
use crate::picture::jpeg::{end_of_picture, header};

const APPLICATIONS: RangeInclusive<u8> = 0xe0..=0xef;
const COMMENT: u8 = 0xfe;

/// The beginning of the segment that every file has that is written here.
const JFIF: &[u8] = b"JFIF\0";
/// Where in its data the density is: the unit, and two numbers of two bytes.
const DENSITY: std::ops::Range<usize> = 7..12;

/// The beginnings of segments that are written with the pixels, or do not describe those that are written: a thumbnail, and the
/// colours of the file as it was.
const NOT_KEPT: [(u8, &[u8]); 4] =
    [(0xe0, b"JFXX\0"), (0xe1, b"Exif\0"), (0xe2, b"ICC_PROFILE\0"), (0xee, b"Adobe")];
/// The beginning of the segment with the index of the pictures that follow.
const INDEX: (u8, &[u8]) = (0xe2, b"MPF\0");

/// What is kept of a JPEG file.
#[derive(Debug, Default)]
pub(in crate::picture) struct JpegNotes {
    /// As it is in the file.
    density: Option<Vec<u8>>,
    /// Whole segments.
    segments: Vec<u8>,
    index: Option<PictureIndex>,
    /// What follows the picture's end: films, depth, more pictures.
    trailing: Vec<u8>,
}

impl JpegNotes {
    /// What is to be kept of the file `bytes`.
    pub(super) fn of(bytes: &[u8]) -> Self {
        let end = end_of_picture(bytes).unwrap_or(bytes.len());
        let mut notes = Self { trailing: bytes[end..].to_vec(), ..Self::default() };
        for segment in header(bytes) {
            let data = &bytes[segment.data.clone()];
            let begins =
                |(marker, beginning): (u8, &[u8])| segment.marker == marker && data.starts_with(beginning);
            if begins((0xe0, JFIF)) {
                notes.density = data.get(DENSITY).map(<[u8]>::to_vec);
            } else if begins(INDEX) {
                let head = INDEX.1.len();
                notes.index = PictureIndex::of(&data[head..], segment.data.start + head, end);
            } else if (APPLICATIONS.contains(&segment.marker) || segment.marker == COMMENT)
                && !NOT_KEPT.into_iter().any(begins)
            {
                notes.segments.extend_from_slice(&bytes[segment.whole()]);
            }
        }
        notes
    }

    /// The file `encoded` with the notes behind the segments of its own.
    pub(super) fn added_to(&self, mut encoded: Vec<u8>) -> Vec<u8> {
        let own: Vec<_> =
            header(&encoded).take_while(|segment| APPLICATIONS.contains(&segment.marker)).collect();
        if let (Some(density), Some(jfif)) = (&self.density, own.first()) {
            let at = jfif.data.start;
            encoded[at + DENSITY.start..at + DENSITY.end].copy_from_slice(density);
        }
        let at = own.last().map_or(2, |segment| segment.data.end);
        let index = self.index.as_ref().and_then(|index| {
            let head = 4 + INDEX.1.len();
            let start = at + self.segments.len() + head;
            let end = encoded.len() + self.segments.len() + head + index.len();
            let length = u16::try_from(2 + INDEX.1.len() + index.len()).ok()?;
            let data = index.moved(start, end)?;
            Some([&[0xff, INDEX.0][..], &length.to_be_bytes(), INDEX.1, &data].concat())
        });
        let added = [self.segments.as_slice(), index.as_deref().unwrap_or_default()].concat();
        encoded.splice(at..at, added);
        encoded.extend_from_slice(&self.trailing);
        encoded
    }
}
