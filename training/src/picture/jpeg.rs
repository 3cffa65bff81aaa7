// SPDX-License-Identifier: MIT OR Apache-2.0
//! The segments of a JPEG file, and where its picture ends (ITU-T T.81, annex B).

use std::ops::{Range, RangeInclusive};

const START_OF_IMAGE: u8 = 0xd8;
const END_OF_IMAGE: u8 = 0xd9;
const START_OF_SCAN: u8 = 0xda;
const TEMPORARY: u8 = 0x01;
/// Restart markers stand within a scan's data.
const RESTARTS: RangeInclusive<u8> = 0xd0..=0xd7;

/// A marker and where the data of its segment is, behind the two bytes of length; nothing for a marker without a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Segment {
    /// The marker's second byte.
    pub marker: u8,
    /// The indices of the data.
    pub data: Range<usize>,
}

impl Segment {
    /// All of it, with the marker and the length.
    pub(super) fn whole(&self) -> Range<usize> {
        self.data.start - 4..self.data.end
    }
}

/// The segments before the picture's first scan.
pub(super) fn header(bytes: &[u8]) -> impl Iterator<Item = Segment> {
    let mut at = 2;
    let segments = std::iter::from_fn(move || {
        let segment = next_segment(bytes, at)?;
        at = segment.data.end;
        Some(segment)
    });
    segments.take_while(|segment| segment.marker != START_OF_SCAN)
}

fn next_segment(bytes: &[u8], at: usize) -> Option<Segment> {
    // Before a marker any number of fill bytes 0xff may stand.
    let fill = bytes.get(at..)?.iter().position(|&byte| byte != 0xff).filter(|&filled| filled > 0)?;
    let (marker, at) = (bytes[at + fill], at + fill + 1);
    if marker == TEMPORARY || marker == END_OF_IMAGE || RESTARTS.contains(&marker) {
        return Some(Segment { marker, data: at..at });
    }
    let length = usize::from(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?));
    let data = at + 2..at + length;
    bytes.get(data.clone())?;
    Some(Segment { marker, data })
}

/// The index after the picture's last byte, `None` when its end is missing: the decoder makes a picture of a file that is cut
/// off, with grey for what is missing. What follows the end is not looked at: a phone's film (motion photo), a depth map, more
/// pictures (MPF). What lies in segments is not either: a thumbnail is a JPEG with an end of its own.
pub(super) fn end_of_picture(bytes: &[u8]) -> Option<usize> {
    let mut at = bytes.strip_prefix(&[0xff, START_OF_IMAGE]).map(|_| 2)?;
    let mut has_scan = false;
    loop {
        let segment = next_segment(bytes, at)?;
        at = segment.data.end;
        match segment.marker {
            END_OF_IMAGE => return has_scan.then_some(at),
            START_OF_SCAN => {
                has_scan = true;
                at += end_of_scan(bytes.get(at..)?)?;
            }
            _ => (),
        }
    }
}

/// How many bytes of entropy-coded data there are before the next marker. A byte 0xff in them is followed by 0.
fn end_of_scan(data: &[u8]) -> Option<usize> {
    data.windows(2).position(|pair| pair[0] == 0xff && pair[1] != 0 && !RESTARTS.contains(&pair[1]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Start, a segment that holds a whole JPEG, a scan with a stuffed byte and a restart, another scan, fill bytes, end.
    const PICTURE: &[u8] = &[
        0xff, 0xd8, 0xff, 0xe1, 0, 6, 0xff, 0xd8, 0xff, 0xd9, 0xff, 0xda, 0, 3, 1, 5, 0xff, 0, 0xff, 0xd0, 7,
        0xff, 0xda, 0, 2, 9, 0xff, 0xff, 0xd9,
    ];

    #[test]
    fn the_end_is_that_of_the_picture_and_not_of_a_thumbnail_or_of_what_follows() {
        assert_eq!(end_of_picture(PICTURE), Some(PICTURE.len()));
        let followed = [PICTURE, b"ftypmp42", &[0xff, 0xda, 0, 2, 1]].concat();
        assert_eq!(end_of_picture(&followed), Some(PICTURE.len()));
        for length in 0..PICTURE.len() {
            assert_eq!(end_of_picture(&PICTURE[..length]), None, "{length} bytes");
        }
        assert_eq!(end_of_picture(b"no JPEG"), None);
    }

    #[test]
    fn the_header_ends_at_the_first_scan() {
        let segments: Vec<Segment> = header(PICTURE).collect();
        assert_eq!(segments, [Segment { marker: 0xe1, data: 6..10 }]);
        assert_eq!(segments[0].whole(), 2..10);
        // A length that is less than its own two bytes.
        assert_eq!(header(&[0xff, 0xd8, 0xff, 0xe1, 0, 1, 0, 0]).count(), 0);
    }
}
