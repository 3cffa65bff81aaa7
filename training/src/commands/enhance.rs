//! `idm enhance`: the enhanced copy of a data set, x* = f(x) of every picture.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Args;
use image::RgbImage;
use restore_core::DiffusionRestorer;

use super::batches::{Done, Stages};
use super::files::{self, Job, Jobs, Naming};
use super::interrupt::{self, Outcome};
use super::progress;
use super::restorer_args::RestorerArgs;
use crate::data_config::DataKind;
use crate::degradation::seed_for;
use crate::enhance::{RECIPE_FILE, Recipe, Shard, enhance};
use crate::picture;
use crate::picture_file::PictureFile;

/// The paper's number of sampling steps.
pub const STEPS: usize = 10;

/// Aligned faces in one batch of the network.
const FACES: usize = 8;

/// Write the enhanced copy of a data set: x* = f(x) of every picture
///
/// The copy can take the data set's place in any training: it has the same tree and file names, and every picture
/// keeps its size, its format (PNG; JPEG at quality 95, 4:4:4), grey or colour, transparency, 16 bits, orientation and
/// colour profile. Other files (labels, tables) are copied as they are; hidden files and empty folders are left out.
///
/// Pictures are taken for aligned faces, as idm prepare cuts them. With --pictures they may show anything, in any
/// size: the network then sees overlapping tiles, which are blended.
///
/// An interrupted run goes on where it was when started again, with the same result. The noise of a picture depends
/// on the seed and its name alone. Broken pictures are skipped and named at the end; the exit code is then 1.
///
/// In a job array, every job gets a part of the work with --shard I/N, I from 1 to N, and all write to one --output:
/// together they make exactly what one run makes. In Slurm: sbatch --array=1-8, then --shard $SLURM_ARRAY_TASK_ID/8.
#[derive(Debug, Args)]
pub struct EnhanceArgs {
    /// The model, and where to compute
    #[command(flatten)]
    pub restorer: RestorerArgs,
    /// Sampling steps
    #[arg(long, value_name = "N", default_value_t = STEPS, help_heading = "Model")]
    pub steps: usize,
    /// Seed of the sampler's noise; each picture's own follows from it and its name
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Model")]
    pub seed: u64,
    /// Folder of the data set
    #[arg(long, value_name = "DIR", help_heading = "Data")]
    pub input: PathBuf,
    /// Folder for the enhanced copy
    #[arg(long, value_name = "DIR", help_heading = "Data")]
    pub output: PathBuf,
    /// The pictures are no aligned faces: see tiles at the pictures' own scale
    #[arg(long, help_heading = "Data")]
    pub pictures: bool,
    /// Do part I of N only, I from 1 to N
    #[arg(long, value_name = "I/N", default_value_t = Shard::WHOLE, help_heading = "Data")]
    pub shard: Shard,
}

/// What [`enhance_tree`] did.
#[derive(Debug)]
pub struct Enhanced {
    /// Whether it came to its end.
    pub outcome: Outcome,
    /// The pictures of the shard; those without a result at the start are missing.
    pub jobs: Jobs,
    /// The broken pictures, and what is wrong with each.
    pub failures: Vec<(Job, String)>,
}

/// Runs `idm enhance`.
///
/// # Errors
/// As [`enhance_tree`], and broken pictures (after all others are done).
pub fn run(args: &EnhanceArgs) -> Result<Outcome> {
    interrupt::listen()?;
    let enhanced = enhance_tree(args)?;
    if enhanced.outcome == Outcome::Interrupted {
        println!("interrupted; the same command goes on");
        return Ok(Outcome::Interrupted);
    }
    let copied = copy_other_files(args)?;
    if !copied.is_empty() {
        let counts: Vec<String> = copied.iter().map(|(ending, count)| format!("{count} {ending}")).collect();
        println!("other files copied as they are: {}", counts.join(", "));
    }
    let messages: Vec<String> = enhanced.failures.into_iter().map(|(_, message)| message).collect();
    files::conclude("enhanced", &enhanced.jobs, &messages, &args.output)?;
    Ok(Outcome::Finished)
}

/// Enhances every picture of the shard that has no result yet.
///
/// # Errors
/// Unusable model or folders, an output folder of another model or other settings, a failing network, a full disk.
pub fn enhance_tree(args: &EnhanceArgs) -> Result<Enhanced> {
    ensure!(args.input.is_dir(), "--input {} is no folder", args.input.display());
    let kind = if args.pictures { DataKind::Pictures } else { DataKind::Faces };
    // A picture in many tiles is a batch of its own.
    let batch = if args.pictures { 1 } else { FACES };
    let jobs = Jobs::list(&args.input, &args.output, Naming::Same)?.shared_out(args.shard, batch);
    let checkpoint = args.restorer.checkpoint()?;
    let restorer = args.restorer.restorer(&checkpoint, Some(args.steps))?;
    let sampler = args.restorer.sampler.unwrap_or(checkpoint.config.inference.sampler);
    let recipe = Recipe::of(&args.restorer.model, &restorer, sampler, args.seed, kind)?;
    std::fs::create_dir_all(&args.output)
        .with_context(|| format!("cannot make {}", args.output.display()))?;
    recipe.claim(&args.output)?;
    jobs.prepare()?;
    let Done { outcome, failures } =
        enhance_all(args.seed, kind, &restorer, &jobs.unfinished_batches(batch))?;
    let failures = failures.into_iter().map(|(job, message)| (job.clone(), message)).collect();
    Ok(Enhanced { outcome, jobs, failures })
}

fn enhance_all<'a>(
    seed: u64,
    kind: DataKind,
    restorer: &DiffusionRestorer,
    batches: &[&'a [Job]],
) -> Result<Done<'a>> {
    let bar = progress::bar(batches.iter().map(|batch| batch.len()).sum(), "pictures");
    let stages = Stages {
        read: |job: &Job| {
            let file = PictureFile::open(&job.input)?;
            let rgb = file.to_rgb();
            ensure!(
                kind == DataKind::Pictures || rgb.width() == rgb.height(),
                "{}: {}×{} pixels are not square, so it is no aligned face; add --pictures for a data set of other pictures",
                job.input.display(),
                rgb.width(),
                rgb.height()
            );
            Ok((file, rgb))
        },
        apply: |pictures: &[(&Job, (PictureFile, RgbImage))]| {
            let seeds: Vec<u64> = pictures.iter().map(|(job, _)| seed_for(seed, &job.name)).collect();
            let colours: Vec<&RgbImage> = pictures.iter().map(|(_, (_, rgb))| rgb).collect();
            Ok(enhance(restorer, kind, &colours, &seeds)?)
        },
        write: |job: &Job, (file, _): &(PictureFile, RgbImage), enhanced: &RgbImage| {
            Ok(picture::write_atomically(&job.output, &file.encode(enhanced)?)?)
        },
    };
    let done = stages.run(batches, &bar)?;
    bar.finish_and_clear();
    Ok(done)
}

/// Copies the files of the shard that are no pictures and are not there yet. Returns their number by ending.
fn copy_other_files(args: &EnhanceArgs) -> Result<BTreeMap<String, usize>> {
    let files = picture::list_other_files(&args.input)?.into_iter().enumerate();
    let copies: Vec<(PathBuf, PathBuf)> = files
        // The record in the output is that of this run.
        .filter(|(index, file)| args.shard.holds(*index) && file != Path::new(RECIPE_FILE))
        .map(|(_, file)| (args.input.join(&file), args.output.join(&file)))
        .filter(|(_, target)| !target.exists())
        .collect();
    picture::prepare_outputs(copies.iter().map(|(_, target)| target.as_path()))?;
    let mut copied = BTreeMap::new();
    for (source, target) in copies {
        files::copy(&source, &target)?;
        let ending = target.extension().map(|ending| format!(".{}", ending.to_string_lossy()));
        *copied.entry(ending.unwrap_or_else(|| "without ending".to_owned())).or_default() += 1;
    }
    Ok(copied)
}
