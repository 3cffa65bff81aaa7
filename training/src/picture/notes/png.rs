// SPDX-License-Identifier: MIT OR Apache-2.0
//! Chunks of a PNG file (PNG specification, third edition, 5 and 11).

/// Bytes of the signature.
const SIGNATURE: usize = 8;
/// Where the first chunk, IHDR, ends.
const HEADER: usize = SIGNATURE + 4 + 4 + 13 + 4;

/// Chunks that say how the values of the pixels are meant. The profile is written with the pixels.
const COLOURS: [&[u8]; 6] = [b"cHRM", b"gAMA", b"sRGB", b"cICP", b"mDCV", b"cLLI"];
/// Written with the pixels, too.
const EXIF: &[u8] = b"eXIf";

/// Bytes in a line of a profile written as text.
const PROFILE_LINE: usize = 36;

/// How many pixels there are along a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Density {
    /// From left to right.
    pub x: u32,
    /// From top to bottom.
    pub y: u32,
    /// In a metre; without a unit both say what shape a pixel has.
    pub per_metre: bool,
}

impl Density {
    /// Its chunk.
    pub(super) fn chunk(self) -> Vec<u8> {
        let unit = [u8::from(self.per_metre)];
        chunk(b"pHYs", &[&self.x.to_be_bytes()[..], &self.y.to_be_bytes(), &unit].concat())
    }
}

/// Those chunks of a file that are true of its copy with other colours, too, as they are.
pub(super) fn chunks_to_keep(bytes: &[u8]) -> Vec<u8> {
    let mut kept = Vec::new();
    let mut rest = bytes.get(SIGNATURE..).unwrap_or_default();
    while let Some((length, _)) = rest.split_first_chunk() {
        let length = u32::from_be_bytes(*length) as usize;
        let Some((chunk, behind)) = rest.split_at_checked(4 + 4 + length + 4) else { break };
        let (checked, sum) = chunk[4..].split_at(4 + length);
        if is_kept(&checked[..4]) && crc32fast::hash(checked).to_be_bytes() == sum {
            kept.extend_from_slice(chunk);
        }
        rest = behind;
    }
    kept
}

/// A small fourth letter says that a chunk may be kept in a changed file, a small first one that the picture is one without it.
fn is_kept(name: &[u8]) -> bool {
    let (may_lack, safe_to_copy) = (name[0].is_ascii_lowercase(), name[3].is_ascii_lowercase());
    may_lack && (safe_to_copy && name != EXIF || COLOURS.contains(&name))
}

/// The chunk with XMP (iTXt, not compressed); `None` when `xmp` is no text.
pub(super) fn xmp(xmp: Vec<u8>) -> Option<Vec<u8>> {
    let text = String::from_utf8(xmp).ok()?;
    let text = text.trim_end_matches('\0');
    // Behind the keyword: not compressed (two bytes), no language, no translated keyword.
    let head = b"XML:com.adobe.xmp\0\0\0\0\0";
    (!text.is_empty() && !text.contains('\0'))
        .then(|| chunk(b"iTXt", &[head.as_slice(), text.as_bytes()].concat()))
}

/// The chunk with EXIF data, for a file that is written without.
pub(super) fn exif_chunk(exif: &[u8]) -> Vec<u8> {
    chunk(b"eXIf", exif)
}

/// The chunk with a profile for which PNG has no place of its own, in the way of ImageMagick, which others read, too: a text
/// with the profile's `name`, its length, and its bytes as hexadecimal digits.
pub(super) fn raw_profile(name: &str, profile: &[u8]) -> Vec<u8> {
    let mut text = format!("Raw profile type {name}\0\n{name}\n{:8}\n", profile.len());
    for line in profile.chunks(PROFILE_LINE) {
        text.extend(line.iter().map(|byte| format!("{byte:02x}")));
        text.push('\n');
    }
    chunk(b"tEXt", text.as_bytes())
}

fn chunk(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let checked = [name.as_slice(), data].concat();
    let (length, sum) = ((data.len() as u32).to_be_bytes(), crc32fast::hash(&checked).to_be_bytes());
    [&length[..], &checked, &sum].concat()
}

/// The file `encoded` with `chunks` behind its first one, where each of them may stand.
pub(super) fn added_to(mut encoded: Vec<u8>, chunks: &[u8]) -> Vec<u8> {
    encoded.splice(HEADER..HEADER, chunks.iter().copied());
    encoded
}
