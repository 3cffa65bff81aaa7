// SPDX-License-Identifier: MIT OR Apache-2.0
//! The enhanced copy of a data set: x* = f(x) of every picture, shared out among jobs and gone on with after interruptions.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use image::RgbImage;
use restore_core::{DiffusionRestorer, RestoreError, Shard};

use super::enhance::enhance;
use super::recipe::{RECIPE_FILE, Recipe};
use crate::data::config::DataKind;
use crate::jobs::batches::{Done, Stages};
use crate::jobs::claim::ClaimError;
use crate::jobs::files::{self, FilesError, Job, Jobs};
use crate::jobs::interrupt::Outcome;
use crate::jobs::naming::Naming;
use crate::jobs::{progress, reason};
use crate::picture::{self, Listing, PictureError, PictureFile};
use crate::restore::{AlignedError, ModelChoice, ModelError};
use crate::seed::seed_for;

/// Aligned faces in one batch of the network.
const FACES: usize = 8;

/// A data set to enhance.
#[derive(Debug, Clone)]
pub struct EnhanceJob {
    /// f.
    pub model: ModelChoice,
    /// Sampling steps.
    pub steps: usize,
    /// Seed of the sampler's noise; each picture's own follows from it and its name.
    pub seed: u64,
    /// Folder of the data set.
    pub input: PathBuf,
    /// Folder for the copy.
    pub output: PathBuf,
    /// What the pictures are.
    pub kind: DataKind,
    /// The part of the work to do.
    pub shard: Shard,
}

/// What [`EnhanceJob::run`] did.
#[derive(Debug)]
pub struct Enhanced {
    /// Whether it came to its end.
    pub outcome: Outcome,
    /// The pictures of the shard; those without a result at the start are missing.
    pub jobs: Jobs,
    /// The broken pictures and those whose results could not be written, and what is wrong with each.
    pub failures: Vec<(Job, String)>,
    /// The messages of files of several pictures, which were copied as they are.
    pub several: Vec<String>,
}

/// A data set that cannot be enhanced.
#[derive(Debug, thiserror::Error)]
pub enum EnhanceError {
    /// The data set is no folder.
    #[error("--input {} is no folder", .0.display())]
    NoFolder(PathBuf),
    /// Pictures and outputs do not fit together, or a file cannot be copied.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// The model cannot be read.
    #[error(transparent)]
    Checkpoint(#[from] RestoreError),
    /// The model cannot be run.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The output is of another model or other settings.
    #[error(transparent)]
    Recipe(#[from] ClaimError),
    /// The output folder cannot be made.
    #[error("cannot make {}", path.display())]
    Output {
        /// The folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The network failed.
    #[error(transparent)]
    Network(#[from] AlignedError),
    /// A folder cannot be listed or a picture not written.
    #[error(transparent)]
    Picture(#[from] PictureError),
}

impl EnhanceJob {
    /// Enhances every picture of the shard that has no result yet, to the end or until an interrupt is requested.
    ///
    /// # Errors
    /// Unusable model or folders, an output folder of another model or other settings, a failing network, a full disk.
    pub fn run(&self) -> Result<Enhanced, EnhanceError> {
        if !self.input.is_dir() {
            return Err(EnhanceError::NoFolder(self.input.clone()));
        }
        let batch = match self.kind {
            DataKind::Faces => FACES,
            // A picture in many tiles is a batch of its own.
            DataKind::Pictures => 1,
        };
        let jobs = Jobs::list(&self.input, &self.output, Naming::Same)?.shared_out(self.shard, batch);
        let checkpoint = self.model.checkpoint()?;
        let restorer = self.model.restorer(&checkpoint, Some(self.steps))?;
        let sampler = self.model.sampler.unwrap_or(checkpoint.config.inference.sampler);
        let recipe = Recipe::of(&self.model.file, &restorer, sampler, self.seed, self.kind)?;
        std::fs::create_dir_all(&self.output)
            .map_err(|source| EnhanceError::Output { path: self.output.clone(), source })?;
        recipe.claim(&self.output)?;
        jobs.prepare()?;
        let Done { outcome, failures } = self.enhance_all(&restorer, &jobs.unfinished_batches(batch))?;
        let failures = failures.into_iter().map(|(job, message)| (job.clone(), message)).collect();
        let several = if outcome == Outcome::Finished { jobs.copy_several()? } else { Vec::new() };
        Ok(Enhanced { outcome, jobs, failures, several })
    }

    fn enhance_all<'a>(
        &self,
        restorer: &DiffusionRestorer,
        batches: &[&'a [Job]],
    ) -> Result<Done<'a>, EnhanceError> {
        let bar = progress::bar(batches.iter().map(|batch| batch.len()).sum(), "pictures");
        let stages = Stages {
            read: |job: &Job| read(job, self.kind),
            apply: |pictures: &[(&Job, (PictureFile, RgbImage))]| -> Result<Vec<RgbImage>, EnhanceError> {
                let seeds: Vec<u64> =
                    pictures.iter().map(|(job, _)| seed_for(self.seed, &job.name)).collect();
                let colours: Vec<&RgbImage> = pictures.iter().map(|(_, (_, rgb))| rgb).collect();
                Ok(enhance(restorer, self.kind, &colours, &seeds)?)
            },
            write: |job: &Job, (file, _): &(PictureFile, RgbImage), enhanced: &RgbImage| {
                picture::write_atomically(&job.output, &file.encode(enhanced)?)
            },
        };
        let done = stages.run(batches, &bar)?;
        bar.finish_and_clear();
        Ok(done)
    }

    /// Copies the files of the shard that are no pictures or cannot be read, and are not there yet. Returns their number by
    /// ending.
    ///
    /// # Errors
    /// A file that cannot be read, and a full disk.
    pub fn copy_other_files(&self) -> Result<BTreeMap<String, usize>, EnhanceError> {
        let Listing { mut others, unreadable, .. } = Listing::of(&self.input)?;
        others.extend(unreadable.into_iter().map(|(file, _)| file));
        others.sort();
        let copies: Vec<(PathBuf, PathBuf)> = others
            .into_iter()
            .enumerate()
            // The record in the output is that of this run.
            .filter(|(index, file)| self.shard.holds(*index) && file != Path::new(RECIPE_FILE))
            .map(|(_, file)| (self.input.join(&file), self.output.join(&file)))
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
}

/// A picture's file and pixels, or what is wrong with it.
fn read(job: &Job, kind: DataKind) -> Result<(PictureFile, RgbImage), String> {
    let file = PictureFile::open(&job.input).map_err(|error| reason(&error))?;
    let rgb = file.to_rgb();
    let (width, height) = rgb.dimensions();
    if kind == DataKind::Faces && width != height {
        return Err(format!(
            "{}: {width}×{height} pixels are not square, so it is no aligned face; add --pictures for a data set of other pictures",
            job.input.display()
        ));
    }
    Ok((file, rgb))
}
