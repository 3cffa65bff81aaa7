// SPDX-License-Identifier: MIT OR Apache-2.0
//! Restores every face of a photo, or of a folder of them, with the library crates, without GStreamer.
//!
//! `cargo run --release -p facerestore-examples --bin photo -- IN.jpg OUT.png`

mod cli;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use face_detect::{DETECTOR_FILE, PasteOptions};
use face_restore::{FramePixels, PhotoFinder, PhotoReport, PhotoRestorer, RgbPicture, every_face};
use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, RgbImage};
use restore_core::{DiffusionOptions, DiffusionRestorer, MODEL_FILE, shipped};

use crate::cli::Cli;

/// Of JPEG files that are written.
const JPEG_QUALITY: u8 = 95;

fn main() -> Result<ExitCode> {
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
        restore(&cli.input, &cli.output)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut code = ExitCode::SUCCESS;
    for name in photos(&cli.input, &cli.output)? {
        // One broken photo does not stop the others.
        if let Err(error) = restore(&cli.input.join(&name), &cli.output.join(&name)) {
            eprintln!("skipped: {}: {error:#}", cli.input.join(&name).display());
            code = ExitCode::FAILURE;
        }
    }
    Ok(code)
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

/// The names of the photos in `folder`, and makes `output` for them.
fn photos(folder: &Path, output: &Path) -> Result<Vec<PathBuf>> {
    std::fs::create_dir_all(output).with_context(|| format!("cannot make {}", output.display()))?;
    ensure!(folder.canonicalize()? != output.canonicalize()?, "{} would be overwritten", folder.display());
    let entries = std::fs::read_dir(folder)?.collect::<std::io::Result<Vec<_>>>()?;
    let is_photo = |path: &Path| ImageFormat::from_path(path).is_ok_and(|format| format.reading_enabled());
    let photos = entries.iter().filter(|entry| is_photo(&entry.path()));
    let mut names: Vec<PathBuf> = photos.map(|entry| entry.file_name().into()).collect();
    ensure!(!names.is_empty(), "no pictures in {}", folder.display());
    names.sort();
    Ok(names)
}

/// The photo upright, as its EXIF orientation says.
fn read(path: &Path) -> Result<RgbPicture> {
    let reader = ImageReader::open(path).and_then(ImageReader::with_guessed_format);
    let mut decoder = reader.with_context(|| format!("cannot read {}", path.display()))?.into_decoder()?;
    let orientation = decoder.orientation()?;
    let mut photo = DynamicImage::from_decoder(decoder)?;
    photo.apply_orientation(orientation);
    let photo = photo.into_rgb8();
    Ok(RgbPicture::from_bytes(photo.width(), photo.height(), &photo)?)
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
