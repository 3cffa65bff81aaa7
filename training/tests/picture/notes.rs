// SPDX-License-Identifier: MIT OR Apache-2.0
//! What files hold beside their pictures is in their copies, where these have a place for it.

use std::io::Cursor;
use std::path::PathBuf;

use image::codecs::jpeg::{JpegEncoder, PixelDensity, PixelDensityUnit};
use image::codecs::png::PngEncoder;
use image::{ImageDecoder, ImageFormat, ImageReader, Rgb, RgbImage};
use tempfile::TempDir;
use tiff::encoder::colortype::RGB8;
use tiff::encoder::{Rational, TiffEncoder};
use tiff::tags::{ResolutionUnit, Tag};
use training::picture::PictureFile;

use crate::common::several::{png_chunk, webp_chunk, webp_file, webp_pixels};

const XMP: &[u8] = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>caf\xc3\xa9</x:xmpmeta>";
/// A title (record 2, data set 5).
const IPTC: &[u8] = b"\x1c\x02\x05\0\x04Moon";

fn picture() -> RgbImage {
    RgbImage::from_fn(24, 16, |x, y| Rgb([x as u8 * 10, y as u8 * 15, 90]))
}

/// The changed copy of the file `bytes`.
fn copy(bytes: &[u8]) -> Vec<u8> {
    let folder: TempDir = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("a picture");
    std::fs::write(&path, bytes).unwrap();
    let file = PictureFile::open(&path).unwrap();
    let mut changed = file.to_rgb();
    changed.iter_mut().for_each(|value| *value = value.saturating_add(9));
    file.encode(&changed).unwrap()
}

fn decoder(bytes: &[u8]) -> impl ImageDecoder + '_ {
    ImageReader::new(Cursor::new(bytes)).with_guessed_format().unwrap().into_decoder().unwrap()
}

fn place(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}

fn has(bytes: &[u8], part: &[u8]) -> bool {
    place(bytes, part).is_some()
}

fn jpeg(density: PixelDensity) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut bytes, 90);
    encoder.set_pixel_density(density);
    picture().write_with_encoder(encoder).unwrap();
    bytes
}

fn segment(marker: u8, data: &[&[u8]]) -> Vec<u8> {
    let data = data.concat();
    [&[0xff, marker][..], &(data.len() as u16 + 2).to_be_bytes(), &data].concat()
}

/// Where the first segment ends that the encoder writes: start of image, JFIF.
const BEHIND_JFIF: usize = 2 + 2 + 16;

#[test]
fn a_jpeg_keeps_density_xmp_iptc_comments_and_what_applications_wrote() {
    let density = PixelDensity { density: (300, 150), unit: PixelDensityUnit::Centimeters };
    let mut original = jpeg(density);
    let resource =
        [&b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\0\0"[..], &[IPTC.len() as u8], IPTC, &[0]].concat();
    let extended: &[&[u8]] =
        &[b"http://ns.adobe.com/xmp/extension/\0", &[b'0'; 32], &[0, 0, 0, 4, 0, 0, 0, 0], b"more"];
    let kept = [
        segment(0xe1, &[b"http://ns.adobe.com/xap/1.0/\0", XMP]),
        segment(0xe1, extended),
        segment(0xed, &[&resource]),
        segment(0xe5, &[b"a camera's own notes"]),
        segment(0xfe, &[b"a comment"]),
    ];
    // How the colours of the file as it was are coded (1: YCbCr), and a thumbnail.
    let left =
        [segment(0xee, &[b"Adobe\0\x64\0\0\0\0\x01"]), segment(0xe0, &[b"JFXX\0\x13\x01\x01", &[7; 3]])];
    let added = [kept.concat(), left.concat()].concat();
    original.splice(BEHIND_JFIF..BEHIND_JFIF, added);
    let copy = copy(&original);
    for segment in &kept {
        assert!(has(&copy, segment), "{}", String::from_utf8_lossy(segment));
    }
    for segment in &left {
        assert!(has(&original, segment) && !has(&copy, segment), "{}", String::from_utf8_lossy(segment));
    }
    assert_eq!(copy[..BEHIND_JFIF], original[..BEHIND_JFIF], "the density");
    let (mut before, mut after) = (decoder(&original), decoder(&copy));
    assert_eq!(after.xmp_metadata().unwrap().as_deref(), Some(XMP));
    let iptc = after.iptc_metadata().unwrap().unwrap();
    assert!(has(&iptc, IPTC) && Some(iptc) == before.iptc_metadata().unwrap());
}

/// The index of a file (CIPA DC-007) of a picture of `first` bytes and a second one of `second` bytes at `offset`.
fn index(big_endian: bool, first: usize, second: usize, offset: usize) -> Vec<u8> {
    let long = |value: usize| {
        let value = value as u32;
        if big_endian { value.to_be_bytes() } else { value.to_le_bytes() }
    };
    let short = |value: u16| if big_endian { value.to_be_bytes() } else { value.to_le_bytes() };
    let order: &[u8] = if big_endian { b"MM\0*" } else { b"II*\0" };
    // One field, a list of 32 bytes behind the directory, and no further directory.
    let directory = [&short(1)[..], &short(0xb002), &short(7), &long(32), &long(26), &long(0)].concat();
    let entry = |size, offset| [long(0x2003_0000), long(size), long(offset), [0; 4]].concat();
    let entries = [entry(first, 0), entry(second, offset)].concat();
    segment(0xe2, &[b"MPF\0", order, &long(8), &directory, &entries])
}

#[test]
fn the_index_of_the_pictures_behind_a_jpegs_is_corrected() {
    // The second picture, a gain map for one.
    let second = jpeg(PixelDensity::default());
    for big_endian in [true, false] {
        let mut original = jpeg(PixelDensity::default());
        let length = index(big_endian, 0, 0, 0).len();
        // Offsets count from the byte order behind marker, length and name.
        let start = BEHIND_JFIF + 8;
        let first = original.len() + length;
        original.splice(BEHIND_JFIF..BEHIND_JFIF, index(big_endian, first, second.len(), first - start));
        original.extend_from_slice(&second);
        let copy = copy(&original);
        let start = place(&copy, b"MPF\0").unwrap() + 4;
        let read = |at: usize| {
            let bytes = copy[start + at..][..4].try_into().unwrap();
            if big_endian { u32::from_be_bytes(bytes) as usize } else { u32::from_le_bytes(bytes) as usize }
        };
        let (size, offset) = (read(26 + 16 + 4), read(26 + 16 + 8));
        assert_eq!(copy[start + offset..][..size], second);
        assert_eq!(read(26 + 4), start + offset, "the first picture ends where the second begins");
        assert_ne!(copy.len(), original.len(), "nothing moved");
    }
}

#[test]
fn an_index_that_cannot_be_corrected_is_dropped() {
    for damaged in [index(true, 90, 20, 4), segment(0xe2, &[b"MPF\0", b"MM\0*", &[0xff; 8]])] {
        let mut original = jpeg(PixelDensity::default());
        original.splice(BEHIND_JFIF..BEHIND_JFIF, damaged);
        let copy = copy(&original);
        assert!(has(&original, b"MPF\0") && !has(&copy, b"MPF\0"));
        decoder(&copy);
    }
}

/// The copy of a PNG file with these chunks behind its header.
fn png_copy(chunks: &[Vec<u8>]) -> Vec<u8> {
    let mut original = Vec::new();
    picture().write_with_encoder(PngEncoder::new(&mut original)).unwrap();
    original.splice(33..33, chunks.concat());
    copy(&original)
}

fn density_chunk(x: u32, y: u32) -> Vec<u8> {
    png_chunk(b"pHYs", &[&x.to_be_bytes()[..], &y.to_be_bytes(), &[1]].concat())
}

fn xmp_chunk() -> Vec<u8> {
    png_chunk(b"iTXt", &[&b"XML:com.adobe.xmp\0\0\0\0\0"[..], XMP].concat())
}

#[test]
fn a_png_keeps_what_is_true_of_its_copy_too() {
    let kept = [
        density_chunk(3937, 1968),
        xmp_chunk(),
        png_chunk(b"tEXt", b"Raw profile type iptc\0\niptc\n       9\n1c020500044d6f6f6e\n"),
        png_chunk(b"tEXt", b"Author\0someone"),
        png_chunk(b"gAMA", &45455_u32.to_be_bytes()),
        png_chunk(b"sRGB", &[0]),
        // Private, and safe to copy.
        png_chunk(b"prVt", b"anything"),
    ];
    // When the file was last changed, and private data about the pixels.
    let left = [png_chunk(b"tIME", &[7, 0xe0, 1, 1, 0, 0, 0]), png_chunk(b"prVT", b"anything")];
    let copy = png_copy(&[kept.concat(), left.concat()]);
    for chunk in &kept {
        assert!(has(&copy, chunk), "{}", String::from_utf8_lossy(chunk));
    }
    for chunk in &left {
        assert!(!has(&copy, chunk), "{}", String::from_utf8_lossy(chunk));
    }
    let mut copy = decoder(&copy);
    assert_eq!(copy.xmp_metadata().unwrap().as_deref(), Some(XMP));
    assert!(copy.iptc_metadata().unwrap().is_some());
}

#[test]
fn tags_of_a_tiff_are_chunks_of_its_copy() {
    // IPTC as bytes, and as 32-bit numbers, in the order of this machine, which is the file's.
    let padded = [IPTC, &[0; 3]].concat();
    let numbers: Vec<u32> =
        padded.chunks_exact(4).map(|bytes| u32::from_ne_bytes(bytes.try_into().unwrap())).collect();
    for as_numbers in [false, true] {
        let mut file = Cursor::new(Vec::new());
        let mut encoder = TiffEncoder::new(&mut file).unwrap();
        let mut page = encoder.new_image::<RGB8>(24, 16).unwrap();
        page.resolution(ResolutionUnit::Inch, Rational { n: 600, d: 2 });
        page.encoder().write_tag(Tag::Unknown(700), XMP).unwrap();
        if as_numbers {
            page.encoder().write_tag(Tag::Unknown(33723), &numbers[..]).unwrap();
        } else {
            page.encoder().write_tag(Tag::Unknown(33723), &padded[..]).unwrap();
        }
        page.write_data(&picture()).unwrap();
        let copy = copy(&file.into_inner());
        assert_eq!(image::guess_format(&copy).unwrap(), ImageFormat::Png);
        // 300 pixels in an inch of 25.4 mm.
        assert!(has(&copy, &density_chunk(11811, 11811)));
        assert!(has(&copy, &xmp_chunk()));
        let profile = decoder(&copy).iptc_metadata().unwrap().unwrap();
        let text = String::from_utf8(profile).unwrap();
        assert_eq!(text, "\niptc\n      12\n1c020500044d6f6f6e000000\n");
    }
}

/// The fields of a directory of a TIFF structure in this machine's byte order: tag, and where its value of four bytes is, which
/// are the value or say where it is.
fn fields(block: &[u8], directory: usize) -> Vec<(u16, usize)> {
    let short = |at: usize| u16::from_ne_bytes(block[at..at + 2].try_into().unwrap());
    let places = (0..usize::from(short(directory))).map(|field| directory + 2 + 12 * field);
    places.map(|at| (short(at), at + 8)).collect()
}

#[test]
fn exif_of_a_tiff_is_a_block_of_its_own_in_the_copy() {
    let mut file = Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::new(&mut file).unwrap();
    let mut camera = encoder.extra_directory().unwrap();
    // Exposure time and a note of many bytes.
    camera.write_tag(Tag::Unknown(0x829a), Rational { n: 1, d: 250 }).unwrap();
    camera.write_tag(Tag::Unknown(0x9286), &b"ASCII\0\0\0a comment"[..]).unwrap();
    let camera = camera.finish_with_offsets().unwrap().offset;
    let mut page = encoder.new_image::<RGB8>(24, 16).unwrap();
    page.encoder().write_tag(Tag::Make, "Camera Co").unwrap();
    page.encoder().write_tag(Tag::Orientation, 6_u16).unwrap();
    page.encoder().write_tag(Tag::ExifDirectory, camera).unwrap();
    page.write_data(&picture()).unwrap();
    let copy = copy(&file.into_inner());

    let mut copy = decoder(&copy);
    assert_eq!(copy.dimensions(), (16, 24), "upright, as no note says otherwise");
    let block = copy.exif_metadata().unwrap().unwrap();
    let long = |at: usize| u32::from_ne_bytes(block[at..at + 4].try_into().unwrap());
    let main = fields(&block, long(4) as usize);
    assert_eq!(main.iter().map(|&(tag, _)| tag).collect::<Vec<_>>(), [271, 0x8769]);
    assert!(block[long(main[0].1) as usize..].starts_with(b"Camera Co\0"));
    let camera = fields(&block, long(main[1].1) as usize);
    assert_eq!(camera.iter().map(|&(tag, _)| tag).collect::<Vec<_>>(), [0x829a, 0x9286]);
    let time = long(camera[0].1) as usize;
    assert_eq!((long(time), long(time + 4)), (1, 250));
    assert!(block[long(camera[1].1) as usize..].starts_with(b"ASCII\0\0\0a comment"));
}

#[test]
fn xmp_of_a_webp_and_density_of_a_bmp_are_in_their_copies() {
    // Bit 2 of the flags: there is XMP.
    let pixels = webp_pixels(&RgbImage::from_pixel(8, 8, Rgb([200, 90, 0])));
    let webp = webp_file(4, 8, &[pixels, webp_chunk(b"XMP ", XMP)]);
    assert!(has(&copy(&webp), &xmp_chunk()));

    let mut bmp = Cursor::new(Vec::new());
    picture().write_to(&mut bmp, ImageFormat::Bmp).unwrap();
    let mut bmp = bmp.into_inner();
    bmp[38..46].copy_from_slice(&[2835_u32.to_le_bytes(), 5670_u32.to_le_bytes()].concat());
    assert!(has(&copy(&bmp), &density_chunk(2835, 5670)));
}
