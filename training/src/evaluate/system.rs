// SPDX-License-Identifier: MIT OR Apache-2.0
//! What makes a restored face of a degraded one: the model, sampled in some way, or another system, earlier.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use restore_core::Sampling;

/// How a model is sampled, and with how much of its detail.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ModelRun {
    /// The sampling.
    pub sampling: Sampling,
    /// The share of the detail, where the sampling has one.
    pub detail: f64,
}

impl fmt::Display for ModelRun {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.sampling {
            Sampling::Steps { steps, sampler } => {
                let plural = if steps == 1 { "step" } else { "steps" };
                write!(formatter, "{steps} {plural}, {sampler}")
            }
            Sampling::MeanDetail { .. } => write!(formatter, "detail {}", self.detail),
        }
    }
}

/// Another system's results: pictures of the clean faces' names, up to the ending.
#[derive(Debug, Clone, PartialEq)]
pub struct RestoredFolder {
    /// The system's name in reports.
    pub name: String,
    /// The folder.
    pub folder: PathBuf,
}

impl FromStr for RestoredFolder {
    type Err = String;

    /// `NAME=DIR`, or `DIR` alone, whose last part is then the name.
    fn from_str(text: &str) -> Result<Self, String> {
        let (name, folder) = match text.split_once('=') {
            Some((name, folder)) if !Path::new(text).is_dir() => (name.to_owned(), Path::new(folder)),
            _ => (
                Path::new(text).file_name().unwrap_or_default().to_string_lossy().into_owned(),
                Path::new(text),
            ),
        };
        if name.is_empty() {
            return Err("a name is missing: write NAME=DIR".to_owned());
        }
        match folder.is_dir() {
            true => Ok(Self { name, folder: folder.to_owned() }),
            false => Err(format!("{} is no folder", folder.display())),
        }
    }
}

/// What makes a restored face of a degraded one.
#[derive(Debug, Clone, PartialEq)]
pub enum System {
    /// The model.
    Model(ModelRun),
    /// Somebody else, earlier.
    Folder(RestoredFolder),
}

impl System {
    /// Its name in reports.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Model(run) => run.to_string(),
            Self::Folder(folder) => folder.name.clone(),
        }
    }
}
