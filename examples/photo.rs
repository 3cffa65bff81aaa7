//! Restores every face of a photo, or of a folder of them, with the two library crates, without GStreamer: the whole
//! pipeline on a page.
//!
//! `cargo run --release -p facerestore-examples --bin photo -- IN.jpg OUT.png`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use face_detect::{DetectOptions, FaceDetector, PasteOptions, Region, align, face_to_crop, paste};
use opencv::core::{Mat, Vector};
use opencv::prelude::*;
use opencv::{imgcodecs, imgproc};
use restore_core::{DiffusionRestorer, Restorer, RestorerOptions};

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
    let mut detector = FaceDetector::open(&cli.models.join("face_detection_yunet_2023mar.onnx"))?;
    let restorer = DiffusionRestorer::open(
        &cli.models.join("facerestore-fast.safetensors"),
        &RestorerOptions::default(),
    )?;
    let mut restore = |input: &Path, output: &Path| -> Result<()> {
        let mut photo = read_rgb(input)?;
        let faces = restore_faces(&mut photo, &mut detector, &restorer, cli.strength)?;
        write_rgb(output, &photo)?;
        println!("{faces} faces restored, written to {}", output.display());
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
            eprintln!("skipped: {error:#}");
            code = ExitCode::FAILURE;
        }
    }
    Ok(code)
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

/// Detect → align → restore → paste, all faces in one batch. Returns how many there were.
fn restore_faces(
    photo: &mut Mat,
    detector: &mut FaceDetector,
    restorer: &dyn Restorer,
    strength: f32,
) -> Result<usize> {
    let mut bgr = Mat::default();
    imgproc::cvt_color_def(photo, &mut bgr, imgproc::COLOR_RGB2BGR)?;
    let faces = detector.detect(&bgr, &DetectOptions::default())?;
    let size = restorer.crop_size();
    let whole = Region { x: 0, y: 0, width: photo.cols(), height: photo.rows() };
    let mut aligned = Vec::new();
    for face in &faces {
        let to_crop = face_to_crop(&face.landmarks, size)?;
        aligned.push((align(photo, whole, &to_crop, size)?, to_crop));
    }
    let crops = aligned.iter().map(|(crop, _)| crop.data_bytes()).collect::<opencv::Result<Vec<_>>>()?;
    let restored = restorer.restore_rgb8(&crops, &vec![0; crops.len()])?;
    for ((crop, to_crop), bytes) in aligned.iter().zip(&restored) {
        let restored = Mat::from_slice(bytes)?;
        let restored = restored.reshape(3, size as i32)?;
        paste(photo, crop, &restored, to_crop, &PasteOptions { strength, ..PasteOptions::default() })?;
    }
    Ok(faces.len())
}

fn read_rgb(path: &Path) -> Result<Mat> {
    let name = path.to_str().with_context(|| format!("{} is not valid UTF-8", path.display()))?;
    let bgr = imgcodecs::imread(name, imgcodecs::IMREAD_COLOR)?;
    ensure!(!bgr.empty(), "{} is missing or not a picture that OpenCV reads", path.display());
    let mut rgb = Mat::default();
    imgproc::cvt_color_def(&bgr, &mut rgb, imgproc::COLOR_BGR2RGB)?;
    Ok(rgb)
}

fn write_rgb(path: &Path, rgb: &Mat) -> Result<()> {
    let name = path.to_str().with_context(|| format!("{} is not valid UTF-8", path.display()))?;
    let mut bgr = Mat::default();
    imgproc::cvt_color_def(rgb, &mut bgr, imgproc::COLOR_RGB2BGR)?;
    ensure!(imgcodecs::imwrite(name, &bgr, &Vector::new())?, "cannot write {}", path.display());
    Ok(())
}
