// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which model restores or generates, and how.

use std::path::PathBuf;

use restore_core::{
    Checkpoint, DeviceChoice, DiffusionOptions, DiffusionRestorer, Generator, GeneratorOptions, Precision,
    RestoreError, Sampler,
};

/// A model, and where and how exactly to run it.
#[derive(Debug, Clone)]
pub struct ModelChoice {
    /// Its file.
    pub file: PathBuf,
    /// Where to compute.
    pub device: DeviceChoice,
    /// In which precision.
    pub precision: Precision,
    /// The sampler; `None` is the model's own.
    pub sampler: Option<Sampler>,
}

/// A model that cannot be run so.
#[derive(Debug, thiserror::Error)]
#[error("cannot run {}", path.display())]
pub struct ModelError {
    /// Its file.
    path: PathBuf,
    /// The reason.
    source: RestoreError,
}

impl ModelChoice {
    /// Reads the model file.
    ///
    /// # Errors
    /// [`RestoreError`] when it is no whole model.
    pub fn checkpoint(&self) -> Result<Checkpoint, RestoreError> {
        Checkpoint::open(&self.file)
    }

    /// A restorer of `steps` sampling steps (`None`: the model's own number) of the model that was read.
    ///
    /// # Errors
    /// [`ModelError`] when the device or the precision is not to be had, or the steps are too many.
    pub fn restorer(
        &self,
        checkpoint: &Checkpoint,
        steps: Option<usize>,
    ) -> Result<DiffusionRestorer, ModelError> {
        let Self { file, device, precision, sampler } = self;
        let options =
            DiffusionOptions { device: *device, precision: Some(*precision), steps, sampler: *sampler };
        DiffusionRestorer::new(checkpoint, file, &options)
            .map_err(|source| ModelError { path: file.clone(), source })
    }

    /// A generator of `steps` sampling steps (`None`: the model's own number) and w = `guidance` of the model that was read.
    ///
    /// # Errors
    /// As [`restorer`](Self::restorer), and when the guidance is less than 0.
    pub fn generator(
        &self,
        checkpoint: &Checkpoint,
        steps: Option<usize>,
        guidance: f64,
    ) -> Result<Generator, ModelError> {
        let Self { file, device, precision, sampler } = self;
        let options = GeneratorOptions {
            device: *device,
            precision: Some(*precision),
            steps,
            sampler: *sampler,
            guidance,
        };
        Generator::new(checkpoint, file, &options).map_err(|source| ModelError { path: file.clone(), source })
    }
}
