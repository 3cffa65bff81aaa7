// SPDX-License-Identifier: MIT OR Apache-2.0
//! Small files of several pictures, and the parts that such files are made of.

use std::io::Cursor;

use image::codecs::gif::GifEncoder;
use image::codecs::png::PngEncoder;
use image::codecs::webp::WebPEncoder;
use image::{Frame, Rgb, RgbImage, Rgba, RgbaImage};
use tiff::encoder::TiffEncoder;
use tiff::encoder::colortype::Gray8;
use tiff::tags::Tag;

/// Side of the pictures.
const SIDE: u32 = 8;

/// A GIF file of so many pictures.
pub fn gif(pictures: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    let frame = |number| Frame::new(RgbaImage::from_pixel(SIDE, SIDE, Rgba([50 * number, 90, 0, 255])));
    GifEncoder::new(&mut bytes).encode_frames((0..pictures).map(frame)).unwrap();
    bytes
}

/// A chunk of a PNG file.
pub fn png_chunk(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let checked = [name.as_slice(), data].concat();
    let length = (data.len() as u32).to_be_bytes();
    [&length[..], &checked, &crc32fast::hash(&checked).to_be_bytes()].concat()
}

/// A PNG file that shows two pictures in turn.
pub fn apng() -> Vec<u8> {
    let mut still = Vec::new();
    RgbImage::from_pixel(SIDE, SIDE, Rgb([90, 0, 0]))
        .write_with_encoder(PngEncoder::new(&mut still))
        .unwrap();
    let (header, rest) = still.split_at(8 + 25);
    let (pixels, end) = rest.split_at(rest.len() - 12);
    let begin = pixels.windows(4).position(|name| name == b"IDAT").unwrap() + 4;
    let data = &pixels[begin..pixels.len() - 4];
    // Number in the sequence, size, place, a second, and how it is drawn.
    let control = |number: u32| {
        let fields = [number, SIDE, SIDE, 0, 0].map(u32::to_be_bytes).concat();
        png_chunk(b"fcTL", &[&fields[..], &[0, 1, 0, 1, 0, 0]].concat())
    };
    let next = png_chunk(b"fdAT", &[&2_u32.to_be_bytes()[..], data].concat());
    let animation = png_chunk(b"acTL", &[0, 0, 0, 2, 0, 0, 0, 0]);
    [header, &animation, &control(0), pixels, &control(1), &next, end].concat()
}

/// A chunk of a WebP file.
pub fn webp_chunk(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let padding: &[u8] = if data.len() % 2 == 1 { &[0] } else { &[] };
    [name.as_slice(), &(data.len() as u32).to_le_bytes(), data, padding].concat()
}

/// A WebP file of `chunks` with the `flags` of its first one, which is added, for a picture of that side.
pub fn webp_file(flags: u8, side: u32, chunks: &[Vec<u8>]) -> Vec<u8> {
    let side = &(side - 1).to_le_bytes()[..3];
    let extended = webp_chunk(b"VP8X", &[&[flags, 0, 0, 0][..], side, side].concat());
    let chunks = [&b"WEBP"[..], &extended, &chunks.concat()].concat();
    [&b"RIFF"[..], &(chunks.len() as u32).to_le_bytes(), &chunks].concat()
}

/// The chunk with the pixels of `picture`.
pub fn webp_pixels(picture: &RgbImage) -> Vec<u8> {
    let mut bytes = Vec::new();
    picture.write_with_encoder(WebPEncoder::new_lossless(&mut bytes)).unwrap();
    // Behind the file's own head.
    bytes.split_off(12)
}

/// A WebP file that shows two pictures in turn.
pub fn animated_webp() -> Vec<u8> {
    let side = &(SIDE - 1).to_le_bytes()[..3];
    let frame = |red| {
        let pixels = webp_pixels(&RgbImage::from_pixel(SIDE, SIDE, Rgb([red, 0, 0])));
        // Place, size, time, and how it is drawn.
        webp_chunk(b"ANMF", &[&[0; 6][..], side, side, &[100, 0, 0, 0], &pixels].concat())
    };
    webp_file(2, SIDE, &[webp_chunk(b"ANIM", &[0; 6]), frame(50), frame(200)])
}

/// A TIFF file of one picture for each of `secondary`, which says whether it is a smaller version of another one.
pub fn tiff_pages(secondary: &[bool]) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::new(&mut file).unwrap();
    for &secondary in secondary {
        let mut page = encoder.new_image::<Gray8>(2, 2).unwrap();
        page.encoder().write_tag(Tag::NewSubfileType, u32::from(secondary)).unwrap();
        page.write_data(&[0, 80, 160, 240]).unwrap();
    }
    file.into_inner()
}
