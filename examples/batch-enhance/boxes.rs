// SPDX-License-Identifier: MIT OR Apache-2.0
//! What MP4 and QuickTime files hold that GStreamer's demuxer does not tell of, or wrongly: chapters, tracks such as
//! timecode, the range of samples.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

/// Handlers of tracks that the demuxer makes streams of.
const KNOWN: [&[u8]; 7] = [b"vide", b"soun", b"subt", b"sbtl", b"subp", b"text", b"clcp"];
/// A description of a file (`moov`) is not longer; it is read at once.
const LONGEST: u64 = 256 << 20;

/// What `file` holds beside what the demuxer tells of; nothing where it cannot be read.
#[must_use]
pub fn hidden(file: &mut File) -> BTreeSet<String> {
    movie(file).map(|movie| of_movie(&movie)).unwrap_or_default()
}

/// Whether the box `colr` (kind `nclx`, ISO/IEC 14496-12, 12.1.5) of the track of this number declares full range; None where
/// there is none or the file cannot be read.
#[must_use]
pub fn full_range(file: &mut File, track: u32) -> Option<bool> {
    of_track(&movie(file)?, track)
}

fn of_track(movie: &[u8], number: u32) -> Option<bool> {
    /// The fixed fields of a `VisualSampleEntry` before its boxes (12.1.3), and those of `stsd` before its entries.
    const ENTRY: usize = 78;
    const ENTRIES: usize = 8;
    let track = tracks(movie).find(|track| number_of(track) == Some(number))?;
    let table = [b"mdia", b"minf", b"stbl", b"stsd"].into_iter().try_fold(track, child)?;
    let (_, entry) = children(table.get(ENTRIES..)?).next()?;
    let mut colours = children(entry.get(ENTRY..)?).filter(|(kind, _)| *kind == b"colr");
    let (_, colours) = colours.find(|(_, colour)| colour.starts_with(b"nclx"))?;
    // Behind the kind and three numbers of two bytes.
    Some(colours.get(10)? & 0x80 != 0)
}

/// The number in a track's header (8.3.2), behind two times of four or eight bytes.
fn number_of(track: &[u8]) -> Option<u32> {
    let header = child(track, b"tkhd")?;
    let place = if *header.first()? == 1 { 20 } else { 12 };
    Some(u32::from_be_bytes(header.get(place..place + 4)?.try_into().ok()?))
}

/// The contents of the box `moov`.
fn movie(file: &mut File) -> Option<Vec<u8>> {
    loop {
        let mut header = [0; 8];
        file.read_exact(&mut header).ok()?;
        let (size, kind) = header.split_at(4);
        let contents = match u32::from_be_bytes(size.try_into().ok()?) {
            1 => {
                let mut size = [0; 8];
                file.read_exact(&mut size).ok()?;
                u64::from_be_bytes(size).checked_sub(16)?
            }
            size => u64::from(size).checked_sub(8)?,
        };
        if kind == b"moov" {
            let mut movie = Vec::new();
            file.take(contents.min(LONGEST)).read_to_end(&mut movie).ok()?;
            return Some(movie);
        }
        file.seek(SeekFrom::Current(i64::try_from(contents).ok()?)).ok()?;
    }
}

fn of_movie(movie: &[u8]) -> BTreeSet<String> {
    let mut hidden = BTreeSet::new();
    if child(movie, b"udta").and_then(|data| child(data, b"chpl")).is_some() {
        hidden.insert("the chapters".to_owned());
    }
    for track in tracks(movie) {
        if child(track, b"tref").and_then(|references| child(references, b"chap")).is_some() {
            hidden.insert("the chapters".to_owned());
        }
        let handler = child(track, b"mdia").and_then(|media| child(media, b"hdlr"));
        // Version and flags, a field that is 0 or tells of QuickTime's components, and then the type.
        if let Some(handler) = handler.and_then(|handler| handler.get(8..12))
            && !KNOWN.contains(&handler)
        {
            hidden.insert(format!("a track of {}", handler.escape_ascii()));
        }
    }
    hidden
}

/// The contents of the tracks.
fn tracks(movie: &[u8]) -> impl Iterator<Item = &[u8]> {
    children(movie).filter(|(kind, _)| *kind == b"trak").map(|(_, track)| track)
}

/// The contents of the first box of a kind.
fn child<'a>(contents: &'a [u8], wanted: &[u8; 4]) -> Option<&'a [u8]> {
    children(contents).find(|(kind, _)| *kind == wanted.as_slice()).map(|(_, contents)| contents)
}

/// The boxes in a box, with their kinds, as far as they are whole.
fn children(mut rest: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    std::iter::from_fn(move || {
        let size = u32::from_be_bytes(rest.get(..4)?.try_into().ok()?);
        let (whole, after) = rest.split_at_checked(size.try_into().ok()?)?;
        rest = after;
        Some((whole.get(4..8)?, whole.get(8..)?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn a_box(kind: &[u8; 4], contents: &[u8]) -> Vec<u8> {
        let size = u32::try_from(8 + contents.len()).unwrap();
        [size.to_be_bytes().as_slice(), kind.as_slice(), contents].concat()
    }

    fn track(handler: &[u8; 4], more: &[u8]) -> Vec<u8> {
        let handler = a_box(b"hdlr", &[&[0; 8][..], handler.as_slice(), &[0; 13][..]].concat());
        a_box(b"trak", &[more, &a_box(b"mdia", &handler)].concat())
    }

    #[test]
    fn chapters_and_tracks_of_time_codes_are_found() {
        let chapters = a_box(b"tref", &a_box(b"chap", &[0, 0, 0, 2]));
        let movie = [track(b"vide", &chapters), track(b"tmcd", &[]), track(b"soun", &[])].concat();
        assert_eq!(of_movie(&movie), BTreeSet::from(["a track of tmcd", "the chapters"].map(str::to_owned)));
        assert!(of_movie(&track(b"vide", &[])).is_empty());
        assert_eq!(of_movie(&movie[..movie.len() - 1]).len(), 2, "a damaged end hides only itself");
        assert!(of_movie(&[0; 64]).is_empty());
    }

    /// A track of video with this number and these boxes in the entry of its samples.
    fn video(version: u8, number: u32, boxes: &[u8]) -> Vec<u8> {
        let times = if version == 1 { 16 } else { 8 };
        let header = [&[version, 0, 0, 0][..], &vec![7; times], &number.to_be_bytes(), &[0; 60]].concat();
        let entry = a_box(b"avc1", &[&[0; 78][..], boxes].concat());
        let table = a_box(b"stsd", &[&[0, 0, 0, 0, 0, 0, 0, 1][..], &entry].concat());
        let media = [b"stbl", b"minf", b"mdia"].iter().fold(table, |inner, kind| a_box(kind, &inner));
        a_box(b"trak", &[a_box(b"tkhd", &header), media].concat())
    }

    #[test]
    fn the_range_is_that_of_the_tracks_own_box() {
        let colours = |kind: &[u8; 4], range: &[u8]| {
            a_box(b"colr", &[kind.as_slice(), &[0, 1, 0, 1, 0, 1], range].concat())
        };
        let profile = a_box(b"colr", b"prof....");
        let movie = [
            video(0, 1, &colours(b"nclx", &[0x80])),
            video(1, 2, &[a_box(b"avcC", &[1, 2, 3]), profile, colours(b"nclx", &[0x00])].concat()),
            // QuickTime's box has no range, and a list of boxes may end with zeros.
            video(0, 3, &[colours(b"nclc", &[]), vec![0; 4]].concat()),
        ]
        .concat();
        let of = |number| of_track(&movie, number);
        assert_eq!([of(1), of(2), of(3), of(4)], [Some(true), Some(false), None, None]);
        for end in 0..movie.len() {
            let _ = of_track(&movie[..end], 3);
        }
    }
}
