// SPDX-License-Identifier: MIT OR Apache-2.0
//! What an experiment was, as its script writes it to `experiment.json`, and how its files are read.

use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::error::ReportError;
use crate::train::run::table;

/// The file in an experiment's folder that says what it is.
const EXPERIMENT: &str = "experiment.json";

/// The file with the commands that made it, a line each.
const COMMANDS: &str = "commands.txt";

/// Columns of a run's `metrics.csv`.
const LOSS_COLUMN: usize = 2;

/// An experiment.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "experiment", rename_all = "kebab-case")]
pub enum Experiment {
    /// scripts/experiments/generation: generators trained on D, D− and D*.
    Generation(GenerationSettings),
    /// scripts/experiments/restoration: restorers trained on D, D− and D*.
    Restoration(RestorationSettings),
}

/// How generators were trained and measured.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenerationSettings {
    /// Name of the file of f.
    pub model: String,
    /// Its SHA-256 in hexadecimal digits.
    pub model_sha256: String,
    /// SHA-256 of the file of the network that distances are over.
    pub network_sha256: String,
    /// Side in pixels at which it sees pictures.
    pub network_size: u32,
    /// Name of the generators' configuration.
    pub config: String,
    /// Side in pixels at which faces are damaged and enhanced.
    pub face_size: u32,
    /// Side in pixels of what the generators learn and make.
    pub size: u32,
    /// Share of damaged pictures in D−.
    pub share: f64,
    /// Pictures in each of D, D− and D*.
    pub training_pictures: usize,
    /// Clean faces held apart.
    pub held_out: usize,
    /// Seeds of the trainings, one run of each set for each.
    pub seeds: Vec<u64>,
    /// Iterations of each training.
    pub iterations: u64,
    /// Iterations after which samples are measured; the last one is `iterations`.
    pub checkpoints: Vec<u64>,
    /// Pictures made by each generator.
    pub samples: usize,
    /// Pictures made by each of its checkpoints.
    pub curve_samples: usize,
    /// Sampling steps (DDIM).
    pub steps: usize,
}

/// How restorers were trained and measured.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestorationSettings {
    /// Name of the configuration's file.
    pub config: String,
    /// Side in pixels at which faces are damaged, restored and compared.
    pub size: u32,
    /// Share of damaged pictures in D−.
    pub share: f64,
    /// Pictures in D and D−.
    pub training_pictures: usize,
    /// Clean faces held apart.
    pub held_out: usize,
    /// Iterations of each of the two trainings in a row.
    pub iterations: u64,
    /// Sampling steps of the enhancement and of the comparison.
    pub steps: usize,
    /// Seed of the damage and the trainings.
    pub seed: u64,
    /// Whether there are photos that were degraded really.
    pub real: bool,
}

impl Experiment {
    /// What the experiment in `folder` is.
    ///
    /// # Errors
    /// [`ReportError`].
    pub fn open(folder: &Path) -> Result<Self, ReportError> {
        json(&folder.join(EXPERIMENT))
    }
}

/// The text of a file.
pub(super) fn text(path: &Path) -> Result<String, ReportError> {
    std::fs::read_to_string(path).map_err(|source| ReportError::Read { path: path.to_owned(), source })
}

/// What a JSON file holds.
pub(super) fn json<T: DeserializeOwned>(path: &Path) -> Result<T, ReportError> {
    serde_json::from_str(&text(path)?)
        .map_err(|error| ReportError::Content { path: path.to_owned(), reason: error.to_string() })
}

/// The commands that made an experiment, a line each.
pub(super) fn commands(folder: &Path) -> Result<String, ReportError> {
    text(&folder.join(COMMANDS))
}

/// The losses of a training run by iteration.
pub(super) fn losses(run: &Path) -> Result<Vec<(u64, f64)>, ReportError> {
    let path = run.join("metrics.csv");
    let losses = table::column(&text(&path)?, LOSS_COLUMN);
    match losses.is_empty() {
        false => Ok(losses),
        true => Err(ReportError::Content { path, reason: "it has no losses".to_owned() }),
    }
}
