// SPDX-License-Identifier: MIT OR Apache-2.0
//! `idm prepare`: makes a data set of aligned faces from photos.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};
use face_detect::DETECTOR_FILE;

use super::restorer_args::share;
use crate::jobs::files::{FilesError, unreadable_message};
use crate::jobs::progress;
use crate::picture::{self, Listing};
use crate::prepare::{Collection, FaceFormat, MANIFEST, Preparation, REFUSED, Refusal, Settings, Thresholds};

/// Make a data set of aligned faces from photos
///
/// Finds the faces of all photos (PNG, JPEG, WebP, TIFF, GIF, BMP) in a folder tree, aligns them to the FFHQ template and writes those that are
/// good enough into the same folders below --output, as PHOTO-0.png for the largest face of PHOTO, and so on. Of
/// near-duplicates, the same face in resized or recoded copies of a photo, the one with the most pixels is kept.
///
/// manifest.jsonl has a line of JSON for each face: file, source (the photo), transform (2×3, from the photo to the face),
/// native_scale, score, misfit, sharpness, place and hash. refused.jsonl has one for each face or photo that was refused, with the
/// reason; look there before you change a threshold.
///
/// An interrupted run goes on where it was when started again, and photos that were added since are taken in. Neither
/// the number of threads nor an interruption changes the result. Broken photos and those of other formats are skipped, named and
/// counted. Of an animation or a file of several pages the first picture is the photo.
#[derive(Debug, Args)]
pub struct PrepareArgs {
    /// Folder of photos, with all folders below it
    #[arg(long, value_name = "PHOTOS")]
    input: PathBuf,
    /// Folder for the faces
    #[arg(long, value_name = "DIR")]
    output: PathBuf,
    /// Width and height of the faces
    #[arg(long, value_name = "N", default_value_t = 512, value_parser = clap::value_parser!(u32).range(32..=4096))]
    size: u32,
    /// File format of the faces: png loses nothing, jpg (quality 95) takes a fifth of the space
    #[arg(long, value_name = "FORMAT", default_value = "png")]
    format: FaceFormat,
    /// Least score of the detector, 0 to 1
    #[arg(long, value_name = "0..1", default_value_t = 0.8, value_parser = share::<f32>, help_heading = "Thresholds")]
    min_score: f32,
    /// Least number of the photo's pixels to one pixel of the face: 0.5 allows an enlargement to twice the size
    #[arg(long, value_name = "X", default_value_t = 0.5, value_parser = not_negative, help_heading = "Thresholds")]
    min_native_scale: f64,
    /// Largest distance of the aligned landmarks from the template's, as a share of the face's side: about 0.01 for a face
    /// from in front, 0.05 for a profile
    #[arg(long, value_name = "X", default_value_t = 0.04, value_parser = not_negative, help_heading = "Thresholds")]
    max_misfit: f64,
    /// Least variance of the Laplacian of the face, at the photo's resolution
    #[arg(long, value_name = "X", default_value_t = 20.0, value_parser = not_negative, help_heading = "Thresholds")]
    min_sharpness: f64,
    /// Photos whose hashes differ in so many of 256 bits or fewer are copies of each other
    #[arg(long, value_name = "BITS", default_value_t = 16, value_parser = clap::value_parser!(u32).range(0..=256), help_heading = "Thresholds")]
    duplicate_distance: u32,
    /// The face detector [default: the one that was shipped with this program]
    #[arg(long, value_name = "FILE")]
    detector: Option<PathBuf>,
    /// Photos examined at a time [default: one for each core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
}

fn not_negative(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| "it must be a number".to_owned())?;
    if value >= 0.0 && value.is_finite() { Ok(value) } else { Err("it must be 0 or more".to_owned()) }
}

/// Prepares every photo that is not done yet, then writes the manifest.
///
/// # Errors
/// Unusable folders or detector, an output of other settings, a full disk.
pub fn run(args: &PrepareArgs) -> Result<()> {
    let Listing { pictures: photos, unreadable, .. } = Listing::of(&args.input)?;
    let unreadable: BTreeMap<String, String> = unreadable
        .into_iter()
        .map(|(file, reason)| {
            let message = unreadable_message(&args.input.join(&file), &reason);
            (file.to_string_lossy().into_owned(), message)
        })
        .collect();
    if photos.is_empty() {
        let unreadable = unreadable.into_values().collect();
        return Err(FilesError::Empty { folder: args.input.clone(), unreadable }.into());
    }
    picture::prepare_output_folder(&args.output)?;
    let (input, output) = (args.input.canonicalize()?, args.output.canonicalize()?);
    ensure!(
        !output.starts_with(&input),
        "--output, {}, lies in the folder of --input, so its faces would be taken for photos: choose another one",
        args.output.display()
    );
    let detector = match &args.detector {
        Some(file) => file.clone(),
        None => restore_core::shipped(DETECTOR_FILE).context("name a face detector with --detector")?,
    };
    let mut preparation = Preparation::open(&args.output, &detector, args.settings())?;
    let before = preparation.collection().photos();
    let bar = progress::bar(photos.len(), "photos").with_position(before as u64);
    bar.reset_eta();
    let threads = args.threads.map(usize::from);
    let threads = threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    let examined = |done| bar.set_position(done as u64);
    let mut broken = preparation.examine(&args.input, &photos, threads, examined)?;
    broken.extend(unreadable);
    bar.finish_and_clear();
    preparation.write_manifests(&broken)?;
    for message in broken.values() {
        eprintln!("skipped: {message}");
    }
    print!("{}", summary(preparation.collection(), before, &broken));
    println!("{MANIFEST} and {REFUSED} in {} have the details", args.output.display());
    Ok(())
}

impl ValueEnum for FaceFormat {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Png, Self::Jpg]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let help = match self {
            Self::Png => "Without loss",
            Self::Jpg => "JPEG of quality 95",
        };
        Some(PossibleValue::new(self.extension()).help(help))
    }
}

impl PrepareArgs {
    fn settings(&self) -> Settings {
        Settings {
            size: self.size,
            format: self.format,
            thresholds: Thresholds {
                min_score: self.min_score,
                min_native_scale: self.min_native_scale,
                max_misfit: self.max_misfit,
                min_sharpness: self.min_sharpness,
            },
            duplicate_distance: self.duplicate_distance,
        }
    }
}

/// What was found, and a table of the reasons why faces and photos were refused.
fn summary(collection: &Collection, before: usize, broken: &BTreeMap<String, String>) -> String {
    let mut reasons: BTreeMap<Refusal, usize> = BTreeMap::new();
    for reason in collection.refused().iter().filter_map(|face| face.refused) {
        *reasons.entry(reason).or_default() += 1;
    }
    for (reason, count) in
        [(Refusal::Broken, broken.len()), (Refusal::NoFace, collection.without_face().len())]
    {
        if count > 0 {
            reasons.insert(reason, count);
        }
    }
    let (kept, refused) = (collection.kept().len(), collection.refused().len());
    let photos = collection.photos() + broken.len();
    let earlier = if before > 0 { format!(" ({before} done before)") } else { String::new() };
    let mut text =
        format!("{photos} photos{earlier}, {} faces: {kept} kept, {refused} refused\n", kept + refused);
    for (reason, count) in reasons {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{count:>8}  {}", reason.words());
    }
    text
}
