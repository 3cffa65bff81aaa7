// SPDX-License-Identifier: MIT OR Apache-2.0
//! A picture file's changed copy: what changed is the colours, and nothing else of the file.

use std::path::{Path, PathBuf};

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::{ColorType, DynamicImage, ImageDecoder, ImageEncoder, ImageFormat, ImageReader, RgbImage};
use training::picture;
use training::picture::PictureFile;

fn portrait() -> RgbImage {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/astronaut.png"));
    image::imageops::crop_imm(&picture::read(path).unwrap(), 170, 50, 61, 47).to_image()
}

fn opened(path: &Path) -> DynamicImage {
    ImageReader::open(path).unwrap().with_guessed_format().unwrap().decode().unwrap()
}

/// Every kind of PNG pixel; 16-bit values that are no multiples of 257, and transparency that varies.
fn kinds() -> Vec<DynamicImage> {
    let colours = DynamicImage::ImageRgb8(portrait());
    let mut deep = colours.to_rgba16();
    for (x, y, pixel) in deep.enumerate_pixels_mut() {
        pixel.0 = pixel.0.map(|value| value.saturating_add((x * 7 + y) as u16));
        pixel[3] = (x * 1000) as u16;
    }
    let deep = DynamicImage::ImageRgba16(deep);
    let shallow = DynamicImage::ImageRgba8(deep.to_rgba8());
    vec![
        DynamicImage::ImageLuma8(shallow.to_luma8()),
        DynamicImage::ImageLumaA8(shallow.to_luma_alpha8()),
        DynamicImage::ImageRgb8(shallow.to_rgb8()),
        DynamicImage::ImageLuma16(deep.to_luma16()),
        DynamicImage::ImageLumaA16(deep.to_luma_alpha16()),
        DynamicImage::ImageRgb16(deep.to_rgb16()),
        shallow,
        deep,
    ]
}

#[test]
fn unchanged_pixels_of_every_kind_keep_all_their_bits() {
    let folder = tempfile::tempdir().unwrap();
    for original in kinds() {
        let path = folder.path().join("original.png");
        original.save(&path).unwrap();
        let file = PictureFile::open(&path).unwrap();
        std::fs::write(&path, file.encode(&file.to_rgb()).unwrap()).unwrap();
        assert!(opened(&path) == original, "{:?}", original.color());
    }
}

#[test]
fn changed_pixels_change_in_their_own_kind() {
    let folder = tempfile::tempdir().unwrap();
    for original in kinds() {
        let path = folder.path().join("original.png");
        original.save(&path).unwrap();
        let file = PictureFile::open(&path).unwrap();
        let mut darker = file.to_rgb();
        darker.iter_mut().for_each(|value| *value = value.saturating_sub(9));
        std::fs::write(&path, file.encode(&darker).unwrap()).unwrap();
        let copy = opened(&path);
        assert_eq!(copy.color(), original.color());
        let (before, after) = (original.to_rgba16(), copy.to_rgba16());
        for (before, after) in before.pixels().zip(after.pixels()) {
            assert_eq!(before[3], after[3]);
            for colour in 0..3 {
                let expected = before[colour].saturating_sub(9 * 257);
                // Dark values meet 0 a rounding earlier or later in 8 bits.
                let near = if before[colour] < 10 * 257 { 257 } else { 1 };
                assert!(after[colour].abs_diff(expected) <= near, "{:?}: {before:?} {after:?}", copy.color());
            }
        }
    }
}

/// The note that turns a picture upright that lies on its side: EXIF orientation 6.
const EXIF: &[u8] = b"MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";

/// Encodes `picture` lying on its side with that note, and with `profile`.
fn write_lying(picture: &RgbImage, profile: &[u8], mut encoder: impl ImageEncoder) {
    encoder.set_exif_metadata(EXIF.to_vec()).unwrap();
    encoder.set_icc_profile(profile.to_vec()).unwrap();
    DynamicImage::ImageRgb8(image::imageops::rotate270(picture)).write_with_encoder(encoder).unwrap();
}

#[test]
fn orientation_and_colour_profile_stay_and_the_rows_stay_as_they_lie() {
    let folder = tempfile::tempdir().unwrap();
    let upright = portrait();
    for name in ["lying.png", "lying.jpg"] {
        let path = folder.path().join(name);
        // A profile by its header alone, which says what colours it describes.
        let mut profile = vec![0; 128];
        profile[16..20].copy_from_slice(b"RGB ");
        let mut bytes = Vec::new();
        if name.ends_with("png") {
            write_lying(&upright, &profile, PngEncoder::new(&mut bytes));
        } else {
            write_lying(&upright, &profile, JpegEncoder::new_with_quality(&mut bytes, 95));
        }
        std::fs::write(&path, bytes).unwrap();
        let file = PictureFile::open(&path).unwrap();
        assert_eq!(file.to_rgb().dimensions(), (61, 47));
        std::fs::write(&path, file.encode(&file.to_rgb()).unwrap()).unwrap();

        let mut copy = ImageReader::open(&path).unwrap().into_decoder().unwrap();
        assert_eq!(copy.dimensions(), (47, 61));
        assert_eq!(copy.icc_profile().unwrap().as_ref(), Some(&profile));
        assert_eq!(copy.exif_metadata().unwrap().as_deref(), Some(EXIF));
        let turned = picture::read(&path).unwrap();
        let error: i64 =
            turned.iter().zip(upright.iter()).map(|(a, b)| i64::from(a.abs_diff(*b)).pow(2)).sum();
        assert!(error as f64 / turned.len() as f64 <= 12.0, "{name}: mean squared error {error}");
    }
}

#[test]
fn jpeg_stays_jpeg_in_colour_or_grey_without_subsampling_whatever_the_name() {
    let folder = tempfile::tempdir().unwrap();
    let colours = DynamicImage::ImageRgb8(portrait());
    let cases: [(DynamicImage, ColorType, &[u8]); 2] = [
        // Identifier, sampling factors 1×1, table of each component.
        (colours.clone(), ColorType::Rgb8, &[3, 1, 0x11, 0, 2, 0x11, 1, 3, 0x11, 1]),
        (colours.to_luma8().into(), ColorType::L8, &[1, 1, 0x11, 0]),
    ];
    for (picture, colour, components) in cases {
        let path: PathBuf = folder.path().join("a picture.png");
        picture.save_with_format(&path, ImageFormat::Jpeg).unwrap();
        let file = PictureFile::open(&path).unwrap();
        let bytes = file.encode(&file.to_rgb()).unwrap();
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(opened(&path).color(), colour);
        // Start of frame (baseline): marker, length 2 bytes, depth, height and width 2 bytes each.
        let frame = bytes.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
        assert_eq!(&bytes[frame + 9..frame + 9 + components.len()], components);
    }
}

/// A red and a blue pixel side by side, to be turned a quarter clockwise (tag 274 is 6): the copy has them one above the other.
#[test]
fn a_tiff_that_is_to_be_turned_stays_upright_as_png() {
    let mut tiff = b"II*\0\x08\0\0\0\x0a\0".to_vec();
    // Tag, type (3 is 16 bits, 4 is 32), count, value or where it is.
    let tags: [(u16, u16, u32, u32); 10] = [
        (256, 3, 1, 2),
        (257, 3, 1, 1),
        (258, 3, 3, 134),
        (259, 3, 1, 1),
        (262, 3, 1, 2),
        (273, 4, 1, 140),
        (274, 3, 1, 6),
        (277, 3, 1, 3),
        (278, 3, 1, 1),
        (279, 4, 1, 6),
    ];
    for (tag, kind, count, value) in tags {
        tiff.extend([tag.to_le_bytes(), kind.to_le_bytes()].concat());
        tiff.extend([count.to_le_bytes(), value.to_le_bytes()].concat());
    }
    tiff.extend([0, 0, 0, 0, 8, 0, 8, 0, 8, 0, 255, 0, 0, 0, 0, 255]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("turned.tif");
    std::fs::write(&path, tiff).unwrap();
    let file = PictureFile::open(&path).unwrap();
    let upright = file.to_rgb();
    assert_eq!((upright.dimensions(), upright.get_pixel(0, 0).0), ((1, 2), [255, 0, 0]));
    let copy = folder.path().join("turned.tif.png");
    std::fs::write(&copy, file.encode(&upright).unwrap()).unwrap();
    assert_eq!(picture::read(&copy).unwrap(), upright);
}
