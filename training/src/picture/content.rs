// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a file is by its content, whatever its name.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek};
use std::path::Path;

use image::codecs::gif::GifDecoder;
use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::{AnimationDecoder, ImageFormat};
use tiff::decoder::Decoder as TiffDecoder;
use tiff::tags::Tag;

/// Bytes that tell a format, or that a file is text.
const HEAD: u64 = 512;

const RAW: &str = "a camera's RAW picture";

/// How files begin that cannot be read here, and what they are. `image` knows some more by their beginning.
const OTHERS: [(&[u8], &str); 14] = [
    (b"\0\0\0\x0cJXL ", "JPEG XL"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"8BPS", "a Photoshop document"),
    (b"gimp xcf", "a GIMP document"),
    (b"%PDF", "PDF"),
    (b"FUJIFILMCCD-RAW", RAW),
    (b"II*\0\x10\0\0\0CR", RAW),
    (b"IIU\0", RAW),
    (b"IIR", RAW),
    (b"MMOR", RAW),
    (b"II+\0", "BigTIFF"),
    (b"MM\0+", "BigTIFF"),
];

/// What a picture file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// One picture of a format that is read.
    Picture(ImageFormat),
    /// More than one, of which only the first would be read: its format, and in words what they are.
    Several(ImageFormat, &'static str),
    /// What cannot be read, and why.
    Unreadable(String),
}

impl Content {
    /// Looks into the file `path`; no pixel is decoded, except in a GIF.
    #[must_use]
    pub fn of(path: &Path) -> Self {
        Self::look_into(path).unwrap_or_else(|error| Self::Unreadable(error.to_string()))
    }

    fn look_into(path: &Path) -> std::io::Result<Self> {
        // Opening a pipe would wait for its other end.
        if !path.metadata()?.is_file() {
            return Ok(Self::Unreadable("it is no file".to_owned()));
        }
        let mut file = BufReader::new(File::open(path)?);
        let format = match identify(&mut file)? {
            Ok(format) => format,
            Err(reason) => return Ok(Self::Unreadable(reason)),
        };
        file.rewind()?;
        Ok(match several(format, file) {
            None => Self::Picture(format),
            Some(what) => Self::Several(format, what),
        })
    }
}

/// The format of what `file` begins with, or what it is instead.
pub(super) fn identify(file: &mut (impl BufRead + Seek)) -> std::io::Result<Result<ImageFormat, String>> {
    let mut head = Vec::new();
    file.by_ref().take(HEAD).read_to_end(&mut head)?;
    if let Some(&(_, name)) = OTHERS.iter().find(|(beginning, _)| head.starts_with(beginning)) {
        return Ok(Err(format!("it is {name}")));
    }
    if let Some(name) = base_media(&head) {
        return Ok(Err(format!("it is {name}")));
    }
    Ok(match image::guess_format(&head) {
        Ok(ImageFormat::Tiff) => {
            file.rewind()?;
            let preview = TiffDecoder::new(file).is_ok_and(|mut tiff| is_secondary(&mut tiff));
            // DNG, NEF and others begin with a preview.
            if preview { Err(format!("it is {RAW}")) } else { Ok(ImageFormat::Tiff) }
        }
        Ok(format) if format.reading_enabled() => Ok(format),
        Ok(format) => Err(format!("it is {}", format.extensions_str()[0].to_uppercase())),
        Err(_) if head.is_empty() => Err("it is empty".to_owned()),
        Err(_) if is_text(&head) => Err("it is text".to_owned()),
        Err(_) => Err("its format is unknown".to_owned()),
    })
}

/// What a file of the ISO base media file format is, by its brands (ISO/IEC 14496-12, 4.3).
fn base_media(head: &[u8]) -> Option<&'static str> {
    if head.get(4..8)? != b"ftyp" {
        return None;
    }
    let length = u32::from_be_bytes(head[..4].try_into().ok()?) as usize;
    let brands = &head[8..length.clamp(8, head.len())];
    let has = |known: &[&[u8; 4]]| {
        brands.chunks_exact(4).any(|brand| known.iter().any(|it| it.as_slice() == brand))
    };
    Some(if has(&[b"avif", b"avis"]) {
        "AVIF"
    } else if has(&[b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"]) {
        "HEIC"
    } else if has(&[b"crx "]) {
        RAW
    } else {
        "a film"
    })
}

fn is_text(head: &[u8]) -> bool {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        // A letter that the end of what was read cuts.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !text.is_empty() && text.chars().all(|letter| !letter.is_control() || letter.is_whitespace())
}

/// What there is in `file` beside its first picture. What follows a JPEG's picture is no matter: its copy keeps it.
fn several(format: ImageFormat, file: impl BufRead + Seek) -> Option<&'static str> {
    let animated = match format {
        ImageFormat::Png => PngDecoder::new(file).is_ok_and(|png| png.is_apng().unwrap_or(false)),
        ImageFormat::WebP => WebPDecoder::new(file).is_ok_and(|webp| webp.has_animation()),
        ImageFormat::Gif => GifDecoder::new(file).is_ok_and(|gif| gif.into_frames().take(2).count() == 2),
        ImageFormat::Tiff => {
            return TiffDecoder::new(file).is_ok_and(|tiff| has_pages(tiff)).then_some("several pages");
        }
        _ => false,
    };
    animated.then_some("an animation")
}

/// Whether there is a picture beside the first that is more than its thumbnail.
fn has_pages<R: Read + Seek>(mut tiff: TiffDecoder<R>) -> bool {
    while tiff.more_images() {
        // What cannot be read may be a page.
        if tiff.next_image().is_err() || !is_secondary(&mut tiff) {
            return true;
        }
    }
    false
}

/// Whether the present picture of `tiff` is a smaller version of another one (bit 0 of NewSubfileType).
fn is_secondary<R: Read + Seek>(tiff: &mut TiffDecoder<R>) -> bool {
    tiff.find_tag_unsigned::<u32>(Tag::NewSubfileType).ok().flatten().is_some_and(|kind| kind & 1 == 1)
}
