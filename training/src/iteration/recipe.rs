// SPDX-License-Identifier: MIT OR Apache-2.0
//! What made the enhanced copy of a data set, x* = f(x) of every picture (Eq. 10).

use std::fmt;
use std::path::{Path, PathBuf};

use restore_core::{DiffusionRestorer, Sampler};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::data::config::DataKind;
use crate::digest::hexadecimal;
use crate::picture::{self, PictureError};

/// The file beside the enhanced pictures that says what made them.
pub const RECIPE_FILE: &str = "enhance.json";

/// All that x* depends on beside x: kept in [`RECIPE_FILE`], so that no folder ever holds pictures of two models.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// SHA-256 of the model's file.
    pub model_sha256: String,
    /// Sampling steps.
    pub steps: usize,
    /// The sampler.
    pub sampler: Sampler,
    /// Seed of the sampler's noise; each picture's own follows from it and its path in the folder.
    pub seed: u64,
    /// What the pictures are.
    pub kind: DataKind,
}

/// An output folder that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RecipeError {
    /// The model's file or the record cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The record is no record.
    #[error("{} does not say what made this folder ({source}): choose another --output", path.display())]
    Parse {
        /// The record.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The folder holds pictures that were made in another way.
    #[error("{} says that this folder was made with {before}, not with {now}: use those again, or another --output", path.display())]
    Other {
        /// The record.
        path: PathBuf,
        /// What it says.
        before: Box<Recipe>,
        /// What was asked for.
        now: Box<Recipe>,
    },
    /// The record cannot be written.
    #[error(transparent)]
    Write(#[from] PictureError),
}

impl Recipe {
    /// The recipe of `restorer`, whose model is the file `model`.
    ///
    /// # Errors
    /// [`RecipeError::Read`].
    pub fn of(
        model: &Path,
        restorer: &DiffusionRestorer,
        sampler: Sampler,
        seed: u64,
        kind: DataKind,
    ) -> Result<Self, RecipeError> {
        Ok(Self { model_sha256: sha256(model)?, steps: restorer.steps(), sampler, seed, kind })
    }

    /// Writes [`RECIPE_FILE`] to `folder`, or checks the one that is there.
    ///
    /// # Errors
    /// [`RecipeError::Other`] when the folder was made in another way.
    pub fn claim(&self, folder: &Path) -> Result<(), RecipeError> {
        let path = folder.join(RECIPE_FILE);
        let before = match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|source| RecipeError::Parse { path: path.clone(), source })?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let text = serde_json::to_vec_pretty(self).map_err(std::io::Error::from);
                let text = text.map_err(|source| PictureError::Write { path: path.clone(), source })?;
                return Ok(picture::write_atomically(&path, &text)?);
            }
            Err(source) => return Err(RecipeError::Read { path, source }),
        };
        if before != *self {
            return Err(RecipeError::Other { path, before: Box::new(before), now: Box::new(self.clone()) });
        }
        Ok(())
    }
}

impl fmt::Display for Recipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            DataKind::Faces => "aligned faces",
            DataKind::Pictures => "--pictures",
        };
        let model = self.model_sha256.get(..8).unwrap_or(&self.model_sha256);
        write!(
            f,
            "model {model}…, --steps {}, --sampler {}, --seed {}, {kind}",
            self.steps, self.sampler, self.seed
        )
    }
}

/// SHA-256 of a file's bytes in hexadecimal digits.
fn sha256(path: &Path) -> Result<String, RecipeError> {
    let failed = |source| RecipeError::Read { path: path.to_owned(), source };
    let mut hash = Sha256::new();
    let mut file = std::fs::File::open(path).map_err(failed)?;
    std::io::copy(&mut file, &mut hash).map_err(failed)?;
    Ok(hexadecimal(hash))
}
