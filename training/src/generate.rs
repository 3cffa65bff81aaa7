// SPDX-License-Identifier: MIT OR Apache-2.0
//! Pictures made of noise: a numbered file each, in batches, gone on with after interruptions.

use std::fmt;
use std::path::PathBuf;

use image::RgbImage;
use restore_core::{Generator, RestoreError, Sampler, faces_to_rgb8};
use serde::{Deserialize, Serialize};

use crate::jobs::batches::Stages;
use crate::jobs::claim::{ClaimError, claim, model_sha256};
use crate::jobs::files::{FilesError, Job, Jobs};
use crate::jobs::interrupt::Outcome;
use crate::jobs::progress;
use crate::picture::{self, PictureError};
use crate::restore::{ModelChoice, ModelError};
use crate::seed::seed_for;

/// The file beside the pictures that says what made them.
const RECORD_FILE: &str = "generate.json";
/// Classes named in a message.
const NAMED: usize = 20;

/// Pictures to make.
#[derive(Debug, Clone)]
pub struct GenerateJob {
    /// The generator.
    pub model: ModelChoice,
    /// Sampling steps; `None`: the model's own.
    pub steps: Option<usize>,
    /// The class of all pictures; `None`: any.
    pub class: Option<String>,
    /// w of classifier-free guidance.
    pub guidance: f64,
    /// Seed of the noise; each picture's own follows from it and its number.
    pub seed: u64,
    /// How many.
    pub count: usize,
    /// Pictures that go through the network together.
    pub batch: usize,
    /// Folder for them.
    pub output: PathBuf,
}

/// Pictures that cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// The model cannot be read, or the network failed.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// The model cannot be run.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The model has no classes.
    #[error("{} has no classes; leave out --class", .0.display())]
    NoClasses(PathBuf),
    /// It does not have this one.
    #[error("{} has no class {name:?}; its classes are {known}", model.display())]
    NoClass {
        /// The model's file.
        model: PathBuf,
        /// What was asked for.
        name: String,
        /// Some of those there are.
        known: String,
    },
    /// The output folder cannot be made.
    #[error("cannot make {}", path.display())]
    Output {
        /// The folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The output is of another model or other settings.
    #[error(transparent)]
    Claim(#[from] ClaimError),
    /// What a killed run left cannot be cleared away.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// A picture cannot be written.
    #[error(transparent)]
    Picture(#[from] PictureError),
}

/// All that the pictures depend on beside their numbers.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    model_sha256: String,
    steps: usize,
    sampler: Sampler,
    seed: u64,
    class: Option<String>,
    guidance: f64,
}

impl GenerateJob {
    /// Makes every picture that is not there yet, to the end or until an interrupt is requested.
    ///
    /// Returns how far it came, the pictures, and the messages of those that could not be written.
    ///
    /// # Errors
    /// Unusable model, class or folder, a folder of another model or other settings, a failing network, a full disk.
    pub fn run(&self) -> Result<(Outcome, Jobs, Vec<String>), GenerateError> {
        let checkpoint = self.model.checkpoint()?;
        let generator = self.model.generator(&checkpoint, self.steps, self.guidance)?;
        let class = self.class.as_deref().map(|name| self.find_class(&generator, name)).transpose()?;
        std::fs::create_dir_all(&self.output)
            .map_err(|source| GenerateError::Output { path: self.output.clone(), source })?;
        let record = Record {
            model_sha256: model_sha256(&self.model.file)?,
            steps: generator.steps(),
            sampler: generator.sampler(),
            seed: self.seed,
            class: self.class.clone(),
            guidance: self.guidance,
        };
        claim(&record, &self.output.join(RECORD_FILE))?;
        let jobs = self.jobs();
        jobs.prepare()?;
        let (outcome, failures) = self.make(&generator, class, &jobs)?;
        Ok((outcome, jobs, failures))
    }

    /// Runs the network on batches of noise and writes what it makes.
    fn make(
        &self,
        generator: &Generator,
        class: Option<usize>,
        jobs: &Jobs,
    ) -> Result<(Outcome, Vec<String>), GenerateError> {
        let batches = jobs.unfinished_batches(self.batch);
        let bar = progress::bar(batches.iter().map(|batch| batch.len()).sum(), "pictures");
        let side = generator.config().crop_size;
        let stages = Stages {
            // There is nothing to read but the picture's name.
            read: |_: &Job| -> Result<(), String> { Ok(()) },
            apply: |pictures: &[(&Job, ())]| -> Result<Vec<RgbImage>, GenerateError> {
                let seeds: Vec<u64> =
                    pictures.iter().map(|(job, ())| seed_for(self.seed, &job.name)).collect();
                let made = faces_to_rgb8(&generator.generate(&seeds, &vec![class; seeds.len()])?)?;
                Ok(made.into_iter().filter_map(|bytes| RgbImage::from_raw(side, side, bytes)).collect())
            },
            write: |job: &Job, (): &(), made: &RgbImage| picture::write(&job.output, made),
        };
        let done = stages.run(&batches, &bar)?;
        bar.finish_and_clear();
        let failures = done.failures.into_iter().map(|(_, message)| message).collect();
        Ok((done.outcome, failures))
    }

    /// The pictures by their numbers.
    fn jobs(&self) -> Jobs {
        let job = |number: usize| {
            let name = format!("{number:06}");
            let output = self.output.join(name.clone() + ".png");
            Job { input: self.model.file.clone(), name, copy: output.clone(), output }
        };
        Jobs::of((0..self.count).map(job).collect())
    }

    fn find_class(&self, generator: &Generator, name: &str) -> Result<usize, GenerateError> {
        let names = &generator.config().class_names;
        generator.class(name).ok_or_else(|| {
            let model = self.model.file.clone();
            if names.is_empty() {
                return GenerateError::NoClasses(model);
            }
            let mut known = names.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
            if let Some(more @ 1..) = names.len().checked_sub(NAMED) {
                known += &format!(" and {more} more");
            }
            GenerateError::NoClass { model, name: name.to_owned(), known }
        })
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let model = self.model_sha256.get(..8).unwrap_or(&self.model_sha256);
        write!(
            f,
            "model {model}…, --steps {}, --sampler {}, --seed {}",
            self.steps, self.sampler, self.seed
        )?;
        match &self.class {
            Some(class) => write!(f, ", --class {class} --guidance {}", self.guidance),
            None => f.write_str(", no --class"),
        }
    }
}
