// SPDX-License-Identifier: MIT OR Apache-2.0
//! What made the enhanced copy of a data set, x* = f(x) of every picture (Eq. 10).

use std::fmt;
use std::path::Path;

use restore_core::{DiffusionRestorer, Sampler};
use serde::{Deserialize, Serialize};

use crate::data::config::DataKind;
use crate::jobs::claim::{ClaimError, claim, model_sha256};

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

impl Recipe {
    /// The recipe of `restorer`, whose model is the file `model`.
    ///
    /// # Errors
    /// [`ClaimError::Read`].
    pub fn of(
        model: &Path,
        restorer: &DiffusionRestorer,
        sampler: Sampler,
        seed: u64,
        kind: DataKind,
    ) -> Result<Self, ClaimError> {
        Ok(Self { model_sha256: model_sha256(model)?, steps: restorer.steps(), sampler, seed, kind })
    }

    /// Writes [`RECIPE_FILE`] to `folder`, or checks the one that is there.
    ///
    /// # Errors
    /// [`ClaimError::Other`] when the folder was made in another way.
    pub fn claim(&self, folder: &Path) -> Result<(), ClaimError> {
        claim(self, &folder.join(RECIPE_FILE))
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
