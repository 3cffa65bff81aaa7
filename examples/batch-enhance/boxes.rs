// SPDX-License-Identifier: MIT OR Apache-2.0
//! What MP4 and QuickTime files hold that GStreamer's demuxer does not tell of: chapters, and tracks such as timecode.

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
    for track in children(movie).filter(|(kind, _)| *kind == b"trak").map(|(_, track)| track) {
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
}
