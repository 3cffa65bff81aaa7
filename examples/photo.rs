// SPDX-License-Identifier: MIT OR Apache-2.0
//! Restores every face of a photo, or of a folder of them, with the library crates, without GStreamer.
//!
//! `cargo run --release -p facerestore-examples --bin photo -- IN.jpg OUT.png`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use face_detect::{DETECTOR_FILE, PasteOptions};
use face_restore::{PhotoFinder, PhotoReport, PhotoRestorer, RgbPicture, every_face};
use opencv::core::{Mat, Vector};
use opencv::prelude::*;
use opencv::{imgcodecs, imgproc};
use restore_core::{DiffusionOptions, DiffusionRestorer};

/// Restore the faces of a photo, or of all photos in a folder.
#[derive(Debug, Parser)]
struct Cli {
    /// The photo, in any format that OpenCV reads, or a folder of them
    input: PathBuf,
    /// The restored photo, whose format follows from the name; or the folder for the restored photos, named as they are
    output: PathBuf,
    /// Folder of the model and the detector
    #[arg(long, value_name = "DIR", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../models"))]
    models: PathBuf,
    /// 0 leaves the photo as it is, 1 shows the model's faces
    #[arg(long, value_name = "0..1", default_value_t = 1.0)]
    strength: f32,
}

fn main() -> Result<ExitCode> {
    let cli = Cli::parse();
    let model = cli.models.join("facerestore-fast.safetensors");
    let network = DiffusionRestorer::open(&model, &DiffusionOptions::default())?;
    let finder = PhotoFinder::open(&cli.models.join(DETECTOR_FILE), every_face())?;
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
    let is_photo =
        |path: &Path| path.to_str().is_some_and(|name| imgcodecs::have_image_reader(name).unwrap_or(false));
    let photos = entries.iter().filter(|entry| is_photo(&entry.path()));
    let mut names: Vec<PathBuf> = photos.map(|entry| entry.file_name().into()).collect();
    ensure!(!names.is_empty(), "no pictures in {}", folder.display());
    names.sort();
    Ok(names)
}

fn read(path: &Path) -> Result<RgbPicture> {
    let name = path.to_str().with_context(|| format!("{} is not valid UTF-8", path.display()))?;
    let bgr = imgcodecs::imread(name, imgcodecs::IMREAD_COLOR)?;
    ensure!(!bgr.empty(), "{} is missing or not a picture that OpenCV reads", path.display());
    let mut rgb = Mat::default();
    imgproc::cvt_color_def(&bgr, &mut rgb, imgproc::COLOR_BGR2RGB)?;
    Ok(RgbPicture::from_bytes(rgb.cols() as u32, rgb.rows() as u32, rgb.data_bytes()?)?)
}

fn write(path: &Path, photo: &RgbPicture) -> Result<()> {
    use face_restore::FramePixels;

    let name = path.to_str().with_context(|| format!("{} is not valid UTF-8", path.display()))?;
    let (width, height) = photo.size();
    let bgr = photo.shrunk_bgr(width, height)?;
    ensure!(imgcodecs::imwrite(name, &bgr, &Vector::new())?, "cannot write {}", path.display());
    Ok(())
}
