// SPDX-License-Identifier: MIT OR Apache-2.0
//! `idm restore`: restores aligned faces, or all faces of photos.

use std::path::{Path, PathBuf};

use clap::Args;
use image::RgbImage;
use restore_core::DiffusionRestorer;

use super::restorer_args::{RestorerArgs, share};
use crate::jobs::batches::Stages;
use crate::jobs::conclusion::conclude;
use crate::jobs::files::{Job, Jobs};
use crate::jobs::naming::Naming;
use crate::jobs::{progress, reason};
use crate::picture::{self, Content};
use crate::restore::restore_aligned;
use crate::seed::seed_for;

/// Aligned faces in one batch of the network.
const BATCH: usize = 8;

/// Restore the faces of photos, or pictures that are aligned faces
///
/// Results have the input's name and size, in a tree like the input folder's. Only what the network changed is added, so detail
/// finer than its crop stays.
///
/// Every face is restored, however small and however many, also of a photo that lies on its side.
///
/// A photo keeps its format (PNG, or JPEG at quality 95; WebP, TIFF, GIF and BMP become PNG), bit depth, transparency, grey,
/// colour profile, EXIF data and orientation, XMP, IPTC and resolution, and what follows a JPEG's picture, such as a phone's
/// film. One without a face is copied byte for byte. Aligned faces become PNG files of 8-bit RGB.
///
/// An interrupted run goes on where it was when started again: pictures that are in the output folder already are left alone.
/// Pictures that are broken, of other formats, or whose results cannot be written are skipped; animations and files of several
/// pages are copied as they are. All are named at the end; the exit code is then 1.
#[derive(Debug, Args)]
pub struct RestoreArgs {
    #[command(flatten)]
    restorer: RestorerArgs,
    /// Sampling steps [default: the model's own]
    #[arg(long, value_name = "N", help_heading = "Model")]
    steps: Option<usize>,
    /// How much of the detail is added to the faithful mean, for a model with a detail head, which costs no time: 0 is
    /// softer, 1 shows all of it. With --steps or --sampler the model takes plain steps, without the detail
    #[arg(long, value_name = "0..1", default_value_t = 1.0, value_parser = share::<f32>, help_heading = "Model")]
    detail: f32,
    /// Seed of the sampler's noise; each picture's own follows from it and its name
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Model")]
    seed: u64,
    /// A photo or aligned face, or a folder of them, with the folders below it
    #[arg(long, value_name = "FILE|DIR", help_heading = "Pictures")]
    input: PathBuf,
    /// Folder for the restored pictures
    #[arg(long, value_name = "DIR", help_heading = "Pictures")]
    output: PathBuf,
    /// The pictures are aligned faces (square, as FFHQ cuts them): detect nothing
    #[arg(long, help_heading = "Pictures")]
    aligned: bool,
    /// Share of the network's change that is applied: 0 keeps the picture, 1 takes the network's face
    #[arg(long, value_name = "0..1", default_value_t = 1.0, value_parser = share::<f32>, help_heading = "Pictures")]
    strength: f32,
    /// The face detector [default: face_detection_yunet_2023mar.onnx beside the model, or with this program]
    #[arg(long, value_name = "FILE", help_heading = "Pictures")]
    detector: Option<PathBuf>,
}

/// Restores every picture that has no result yet.
///
/// # Errors
/// Unusable model, detector or folders, a failing network, a full disk, and broken pictures (after all others
/// are done).
pub fn run(args: &RestoreArgs) -> anyhow::Result<()> {
    #[cfg(not(feature = "detect"))]
    anyhow::ensure!(
        args.aligned,
        "this idm was built without the feature `detect`, so it finds no faces in photos: pass --aligned for \
         aligned faces, or build it with default features"
    );
    let naming = if args.aligned { Naming::Png } else { Naming::Same };
    let jobs = Jobs::find(&args.input, &args.output, naming)?;
    let model = args.restorer.choice()?;
    let mut restorer = model.restorer(&model.checkpoint()?, args.steps)?;
    restorer.set_detail(f64::from(args.detail));
    let mut failures = match args.aligned {
        #[cfg(feature = "detect")]
        false => restore_photos(args, &model.file, &restorer, &jobs.missing)?,
        _ => restore_faces(args, &restorer, &jobs)?,
    };
    failures.extend(jobs.copy_several()?);
    Ok(conclude("restored", &jobs, &failures, &args.output)?)
}

/// Restores aligned faces in batches. Returns the messages of broken pictures.
fn restore_faces(
    args: &RestoreArgs,
    restorer: &DiffusionRestorer,
    jobs: &Jobs,
) -> anyhow::Result<Vec<String>> {
    let batches = jobs.unfinished_batches(BATCH);
    let bar = progress::bar(batches.iter().map(|batch| batch.len()).sum(), "faces");
    let stages = Stages {
        read: read_face,
        apply: |faces: &[(&Job, RgbImage)]| -> anyhow::Result<Vec<RgbImage>> {
            let seeds: Vec<u64> = faces.iter().map(|(job, _)| seed_for(args.seed, &job.name)).collect();
            let pictures: Vec<&RgbImage> = faces.iter().map(|(_, face)| face).collect();
            Ok(restore_aligned(restorer, &pictures, &seeds, args.strength)?)
        },
        write: |job: &Job, _: &RgbImage, restored: &RgbImage| picture::write(&job.output, restored),
    };
    let done = stages.run(&batches, &bar)?;
    bar.finish_and_clear();
    Ok(done.failures.into_iter().map(|(_, message)| message).collect())
}

/// An aligned face, or what is wrong with it.
fn read_face(job: &Job) -> Result<RgbImage, String> {
    if let Content::Several(_, what) = Content::of(&job.input) {
        return Err(format!("{}: it is {what}, and an aligned face is one picture", job.input.display()));
    }
    let face = picture::read(&job.input).map_err(|error| reason(&error))?;
    let (width, height) = face.dimensions();
    if width != height {
        return Err(format!(
            "{}: {width}×{height} pixels are not square, so it is no aligned face; leave out --aligned for a photo",
            job.input.display()
        ));
    }
    Ok(face)
}

/// Restores all faces of photos. Returns the messages of broken pictures.
#[cfg(feature = "detect")]
fn restore_photos(
    args: &RestoreArgs,
    model: &Path,
    restorer: &DiffusionRestorer,
    jobs: &[Job],
) -> anyhow::Result<Vec<String>> {
    use anyhow::Context;
    use face_detect::{DETECTOR_FILE, PasteOptions};
    use face_restore::{PhotoFinder, PhotoRestorer, every_face};

    use crate::jobs::files::{FilesError, copy};

    let beside_model = model.with_file_name(DETECTOR_FILE);
    let detector = match &args.detector {
        Some(file) => file.clone(),
        None if beside_model.is_file() => beside_model,
        None => restore_core::shipped(DETECTOR_FILE).context("name a face detector with --detector")?,
    };
    let finder = PhotoFinder::open(&detector, every_face())?;
    let paste = PasteOptions { strength: args.strength, ..PasteOptions::default() };
    let mut photos = PhotoRestorer::new(finder, restorer, paste);
    let bar = progress::bar(jobs.len(), "photos");
    let mut failures = Vec::new();
    for job in jobs {
        match restore_photo(&mut photos, job, seed_for(args.seed, &job.name)) {
            Ok((restored, note)) => {
                let written = match restored {
                    Some(bytes) => picture::write_atomically(&job.output, &bytes).map_err(FilesError::from),
                    None => copy(&job.input, &job.copy),
                };
                match written {
                    Ok(()) => bar.suspend(|| println!("{}: {note}", job.input.display())),
                    // No other result could be written either.
                    Err(FilesError::Picture(error)) if error.is_full_disk() => return Err(error.into()),
                    Err(error) => failures.push(reason(&error)),
                }
            }
            Err(message) => failures.push(message),
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(failures)
}

/// The file of the restored photo, none where nothing is to change, and what became of its faces; or what is wrong with it: one
/// photo does not end a folder.
#[cfg(feature = "detect")]
fn restore_photo(
    photos: &mut face_restore::PhotoRestorer,
    job: &Job,
    seed: u64,
) -> Result<(Option<Vec<u8>>, String), String> {
    use crate::picture::PictureFile;
    use face_restore::{PhotoReport, RgbPicture};

    let file = PictureFile::open(&job.input).map_err(|error| reason(&error))?;
    let photo = file.to_rgb();
    let (width, height) = photo.dimensions();
    let restored = RgbPicture::from_bytes(width, height, photo.as_raw()).and_then(|mut restored| {
        let report = photos.restore(&mut restored, seed)?;
        Ok((restored.bytes()?.to_vec(), report))
    });
    let (bytes, report) = restored.map_err(|error| format!("{}: {error}", job.input.display()))?;
    let note = match report {
        PhotoReport { restored: 0, degenerate: 0 } => "no face found, copied as it is".to_owned(),
        PhotoReport { restored: 1, degenerate: 0 } => "1 face".to_owned(),
        PhotoReport { restored, degenerate: 0 } => format!("{restored} faces"),
        PhotoReport { restored, degenerate } => {
            format!("{restored} faces; {degenerate} more left as they are, whose landmarks are no face's")
        }
    };
    if report.restored == 0 {
        return Ok((None, note));
    }
    let restored = RgbImage::from_raw(width, height, bytes);
    let restored = restored.ok_or_else(|| format!("{}: its size changed", job.input.display()))?;
    let bytes = file.encode(&restored).map_err(|error| format!("{}: {error}", job.input.display()))?;
    Ok((Some(bytes), note))
}
