// SPDX-License-Identifier: MIT OR Apache-2.0
//! Restores every face of a photo, or of a folder of them, with the library crates, without GStreamer.
//!
//! `cargo run --release -p facerestore-examples --bin photo -- IN.jpg OUT.png`

mod cli;

use std::io::Cursor;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use face_detect::{DETECTOR_FILE, PasteOptions};
use face_restore::{FramePixels, PhotoFinder, PhotoReport, PhotoRestorer, RgbPicture, every_face};
use image::codecs::gif::GifDecoder;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::{AnimationDecoder, DynamicImage, ImageDecoder, ImageFormat, ImageReader, RgbImage};
use restore_core::{DiffusionOptions, DiffusionRestorer, MODEL_FILE, shipped};
use tiff::decoder::Decoder as TiffDecoder;

use crate::cli::Cli;

/// Of JPEG files that are written.
const JPEG_QUALITY: u8 = 95;

/// Endings of photos of formats that `image` does not know.
const OTHER_PHOTOS: [&str; 8] = ["heic", "heif", "jxl", "dng", "cr2", "cr3", "nef", "arw"];

fn main() -> Result<()> {
    let cli = Cli::parse();
    let file = |name| cli.models.as_ref().map_or_else(|| shipped(name), |folder| Ok(folder.join(name)));
    let network = DiffusionRestorer::open(&file(MODEL_FILE)?, &DiffusionOptions::default())?;
    let finder = PhotoFinder::open(&file(DETECTOR_FILE)?, every_face())?;
    let paste = PasteOptions { strength: cli.strength, ..PasteOptions::default() };
    let mut restorer = PhotoRestorer::new(finder, &network, paste);
    let mut restore = |input: &Path, output: &Path| -> Result<()> {
        let mut photo = read(input)?;
        let report = restorer.restore(&mut photo, 0)?;
        write(output, &photo)?;
        println!("{}, written to {}", words(report), output.display());
        Ok(())
    };
    if !cli.input.is_dir() {
        return restore(&cli.input, &cli.output);
    }
    let (names, mut failed) = (photos(&cli.input, &cli.output)?, 0);
    for name in &names {
        // One broken photo does not stop the others.
        if let Err(error) = restore(&cli.input.join(name), &cli.output.join(name)) {
            eprintln!("skipped: {}: {error:#}", cli.input.join(name).display());
            failed += 1;
        }
    }
    ensure!(failed == 0, "{failed} of {} photos could not be restored, see above", names.len());
    Ok(())
}

/// What became of the faces, in words.
fn words(report: PhotoReport) -> String {
    let PhotoReport { restored, degenerate } = report;
    match degenerate {
        0 => format!("{restored} faces restored"),
        _ => {
            format!("{restored} faces restored, {degenerate} left as they are (no five landmarks of a face)")
        }
    }
}

/// The names of the photos in `folder`, also of those that cannot be read, and makes `output` for them.
fn photos(folder: &Path, output: &Path) -> Result<Vec<PathBuf>> {
    std::fs::create_dir_all(output).with_context(|| format!("cannot make {}", output.display()))?;
    ensure!(folder.canonicalize()? != output.canonicalize()?, "{} would be overwritten", folder.display());
    let entries = std::fs::read_dir(folder)?.collect::<std::io::Result<Vec<_>>>()?;
    let photos = entries.iter().filter(|entry| is_photo(&entry.path()));
    let mut names: Vec<PathBuf> = photos.map(|entry| entry.file_name().into()).collect();
    ensure!(!names.is_empty(), "no pictures in {}", folder.display());
    names.sort();
    Ok(names)
}

/// Whether a file is a photo by its name or, where that says nothing, by its content.
fn is_photo(path: &Path) -> bool {
    let Some(ending) = path.extension() else {
        let reader = || ImageReader::open(path).and_then(ImageReader::with_guessed_format);
        return path.is_file() && reader().is_ok_and(|reader| reader.format().is_some());
    };
    let is_other = |other: &&str| ending.eq_ignore_ascii_case(other);
    path.is_file() && (ImageFormat::from_path(path).is_ok() || OTHER_PHOTOS.iter().any(is_other))
}

/// The photo upright, as its EXIF orientation says. Its content says what it is, whatever its name.
fn read(path: &Path) -> Result<RgbPicture> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let format = image::guess_format(&bytes)
        .context("its content is none of PNG, JPEG, WebP, TIFF, GIF and BMP, which are read")?;
    ensure!(!has_more(format, &bytes), "it has several pictures, of which one would be left");
    let mut decoder = ImageReader::with_format(Cursor::new(bytes), format).into_decoder()?;
    let orientation = decoder.orientation()?;
    let mut photo = DynamicImage::from_decoder(decoder)?;
    photo.apply_orientation(orientation);
    let photo = photo.into_rgb8();
    Ok(RgbPicture::from_bytes(photo.width(), photo.height(), &photo)?)
}

/// Whether a file is an animation or has several pages.
fn has_more(format: ImageFormat, bytes: &[u8]) -> bool {
    let file = Cursor::new(bytes);
    match format {
        ImageFormat::Png => PngDecoder::new(file).is_ok_and(|png| png.is_apng().unwrap_or(false)),
        ImageFormat::WebP => WebPDecoder::new(file).is_ok_and(|webp| webp.has_animation()),
        ImageFormat::Gif => GifDecoder::new(file).is_ok_and(|gif| gif.into_frames().take(2).count() == 2),
        ImageFormat::Tiff => TiffDecoder::new(file).is_ok_and(|tiff| tiff.more_images()),
        _ => false,
    }
}

fn write(path: &Path, photo: &RgbPicture) -> Result<()> {
    let (width, height) = photo.size();
    let photo = RgbImage::from_raw(width, height, photo.bytes()?.to_vec()).context("a photo of no size")?;
    let write = || match ImageFormat::from_path(path)? {
        ImageFormat::Jpeg => {
            let file = std::fs::File::create(path)?;
            photo.write_with_encoder(JpegEncoder::new_with_quality(file, JPEG_QUALITY))
        }
        format => photo.save_with_format(path, format),
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}
