// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where the picture of a JPEG file ends (ITU-T T.81, annex B).

const START_OF_IMAGE: u8 = 0xd8;
const END_OF_IMAGE: u8 = 0xd9;
const START_OF_SCAN: u8 = 0xda;
/// Restart markers stand within a scan's data.
const RESTARTS: std::ops::RangeInclusive<u8> = 0xd0..=0xd7;

/// The index after the picture's last byte, `None` when its end is missing: the decoder makes a picture of a file that is cut
/// off, with grey for what is missing. What follows the end is not looked at: a phone's film (motion photo), a depth map, more
/// pictures (MPF). What lies in segments is not either: a thumbnail is a JPEG with an end of its own.
pub(super) fn end_of_picture(bytes: &[u8]) -> Option<usize> {
    let mut at = bytes.strip_prefix(&[0xff, START_OF_IMAGE]).map(|_| 2)?;
    let mut has_scan = false;
    loop {
        // Before a marker any number of fill bytes 0xff may stand.
        at += bytes.get(at..)?.iter().position(|&byte| byte != 0xff).filter(|&filled| filled > 0)?;
        let marker = bytes[at];
        at += 1;
        match marker {
            END_OF_IMAGE => return has_scan.then_some(at),
            // Markers without a segment.
            0x01 => continue,
            marker if RESTARTS.contains(&marker) => continue,
            _ => (),
        }
        let length = usize::from(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?));
        at += length;
        if marker == START_OF_SCAN {
            has_scan = true;
            at += end_of_scan(bytes.get(at..)?)?;
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
}
