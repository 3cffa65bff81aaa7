// SPDX-License-Identifier: MIT OR Apache-2.0
//! The marks of Matroska's tracks that GStreamer's demuxer does not tell of: forced, for the deaf, commentary.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

/// Elements by their numbers (RFC 9559).
const SEGMENT: u64 = 0x1853_8067;
const CLUSTER: u64 = 0x1f43_b675;
const TRACKS: u64 = 0x1654_ae6b;
const TRACK_ENTRY: u64 = 0xae;
const CODEC: u64 = 0x86;
const MARKS: [(u64, &str); 6] = [
    (0x55aa, "forced"),
    (0x55ab, "for the hearing impaired"),
    (0x55ac, "for the visually impaired"),
    (0x55ad, "text descriptions"),
    (0x55ae, "in the original language"),
    (0x55af, "commentary"),
];
/// Descriptions of tracks are not longer.
const LONGEST: u64 = 16 << 20;

/// The marks of the tracks of `file`; nothing where it cannot be read.
#[must_use]
pub fn hidden(file: &mut File) -> BTreeSet<String> {
    tracks(file).map(|tracks| of_tracks(&tracks)).unwrap_or_default()
}

/// The contents of the element `Tracks`, which comes before the clusters.
fn tracks(file: &mut File) -> Option<Vec<u8>> {
    loop {
        let id = number(file, true)?;
        let size = number(file, false)?;
        match id {
            SEGMENT => (),
            CLUSTER => return None,
            TRACKS => {
                let mut tracks = Vec::new();
                file.take(size.min(LONGEST)).read_to_end(&mut tracks).ok()?;
                return Some(tracks);
            }
            _ => {
                file.seek(SeekFrom::Current(i64::try_from(size).ok()?)).ok()?;
            }
        }
    }
}

fn of_tracks(tracks: &[u8]) -> BTreeSet<String> {
    let mut hidden = BTreeSet::new();
    for (index, (_, track)) in children(tracks).filter(|(id, _)| *id == TRACK_ENTRY).enumerate() {
        let find = |wanted: u64| children(track).find(|(id, _)| *id == wanted).map(|(_, contents)| contents);
        let codec = find(CODEC).map(|name| name.escape_ascii().to_string()).unwrap_or_default();
        for (id, mark) in MARKS {
            if find(id).is_some_and(|value| value.iter().any(|&byte| byte != 0)) {
                hidden.insert(format!("the mark {mark:?} of track {} ({codec})", index + 1));
            }
        }
    }
    hidden
}

/// The elements in an element, with their numbers, as far as they are whole.
fn children(mut rest: &[u8]) -> impl Iterator<Item = (u64, &[u8])> {
    std::iter::from_fn(move || {
        let id = number(&mut rest, true)?;
        let size = number(&mut rest, false)?;
        let (contents, after) = rest.split_at_checked(size.try_into().ok()?)?;
        rest = after;
        Some((id, contents))
    })
}

/// A number of variable length (RFC 8794, 4); those of elements keep the bit that tells their length.
fn number(source: &mut impl Read, keeps_marker: bool) -> Option<u64> {
    let mut first = [0u8];
    source.read_exact(&mut first).ok()?;
    let length = first[0].leading_zeros();
    let marker = 0x80u8.checked_shr(length)?;
    let mut value = u64::from(if keeps_marker { first[0] } else { first[0] ^ marker });
    for _ in 0..length {
        let mut byte = [0u8];
        source.read_exact(&mut byte).ok()?;
        value = (value << 8) | u64::from(byte[0]);
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forced_subtitles_are_found() {
        let element = |id: &[u8], contents: &[u8]| {
            [id, &[0x80 | u8::try_from(contents.len()).unwrap()][..], contents].concat()
        };
        let video = element(&[0xae], &element(&[0x86], b"V_VP8"));
        let forced = [element(&[0x86], b"S_TEXT/UTF8"), element(&[0x55, 0xaa], &[1])].concat();
        let plain = [element(&[0x86], b"S_TEXT/UTF8"), element(&[0x55, 0xaa], &[0])].concat();
        let tracks = [video, element(&[0xae], &forced), element(&[0xae], &plain)].concat();
        let expected = "the mark \"forced\" of track 2 (S_TEXT/UTF8)".to_owned();
        assert_eq!(of_tracks(&tracks), BTreeSet::from([expected]));
        assert!(of_tracks(&[0; 16]).is_empty());
        assert!(of_tracks(&[0xff; 16]).is_empty());
    }
}
