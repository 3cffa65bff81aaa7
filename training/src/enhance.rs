//! The enhanced copy of a data set, x* = f(x) of every picture (Eq. 10): how it is shared out and what made it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use image::RgbImage;
use restore_core::{DiffusionRestorer, Restorer, Sampler};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::aligned::{AlignedError, restore_aligned};
use crate::data_config::DataKind;
use crate::picture::{self, PictureError};
use crate::tiles::restore_tiled;

/// The file beside the enhanced pictures that says what made them.
pub const RECIPE_FILE: &str = "enhance.json";

/// f of some pictures, each at its own size; `seeds` has one seed per picture for the sampler's noise.
///
/// An aligned face, a square of any size, is seen by the network as a whole; of a picture of another kind it sees tiles
/// at the picture's own scale.
///
/// # Errors
/// [`AlignedError`] when an aligned face is not square or the network fails.
pub fn enhance(
    restorer: &dyn Restorer,
    kind: DataKind,
    pictures: &[&RgbImage],
    seeds: &[u64],
) -> Result<Vec<RgbImage>, AlignedError> {
    match kind {
        DataKind::Faces => restore_aligned(restorer, pictures, seeds, 1.0),
        DataKind::Pictures => {
            let pairs = pictures.iter().zip(seeds);
            Ok(pairs
                .map(|(picture, &seed)| restore_tiled(restorer, picture, seed))
                .collect::<Result<_, _>>()?)
        }
    }
}

/// One of several equal parts of a data set, so that the jobs of an array share the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// From 0.
    index: usize,
    count: usize,
}

impl Shard {
    /// All of it.
    pub const WHOLE: Self = Self { index: 0, count: 1 };

    /// Whether batch number `batch` (from 0) belongs to this part: the batches are dealt out in turn.
    #[must_use]
    pub fn holds(self, batch: usize) -> bool {
        batch % self.count == self.index
    }
}

/// A shard that is not written as i/n.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is no shard: write i/n with i from 1 to n, for example 1/8 for the first of eight parts")]
pub struct ShardError(String);

impl FromStr for Shard {
    type Err = ShardError;

    /// Reads `i/n`, i from 1 to n.
    fn from_str(text: &str) -> Result<Self, ShardError> {
        let wrong = || ShardError(text.to_owned());
        // `parse` alone would accept a sign.
        let whole = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok());
        let (number, count) = text.split_once('/').ok_or_else(wrong)?;
        let (number, count): (usize, usize) =
            whole(number).flatten().zip(whole(count).flatten()).ok_or_else(wrong)?;
        if number == 0 || number > count {
            return Err(wrong());
        }
        Ok(Self { index: number - 1, count })
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index + 1, self.count)
    }
}

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
///
/// # Errors
/// [`RecipeError::Read`].
pub fn sha256(path: &Path) -> Result<String, RecipeError> {
    let failed = |source| RecipeError::Read { path: path.to_owned(), source };
    let mut hash = Sha256::new();
    let mut file = std::fs::File::open(path).map_err(failed)?;
    std::io::copy(&mut file, &mut hash).map_err(failed)?;
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
