// SPDX-License-Identifier: MIT OR Apache-2.0
//! The record, beside results, of what made them, so that no folder ever holds those of two models or settings.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::digest;
use crate::picture::{self, PictureError};

/// An output folder that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
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
        before: String,
        /// What was asked for.
        now: String,
    },
    /// The record cannot be written.
    #[error(transparent)]
    Write(#[from] PictureError),
}

/// Writes `record` to the file `path`, or checks the one that is there.
///
/// # Errors
/// [`ClaimError::Other`] when the folder was made in another way.
pub fn claim<T>(record: &T, path: &Path) -> Result<(), ClaimError>
where
    T: Serialize + DeserializeOwned + PartialEq + Display,
{
    let path = path.to_owned();
    let before: T = match std::fs::read(&path) {
        Ok(bytes) => match serde_json::from_slice(&bytes) {
            Ok(before) => before,
            Err(source) => return Err(ClaimError::Parse { path, source }),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let text = serde_json::to_vec_pretty(record).map_err(std::io::Error::from);
            let text = text.map_err(|source| PictureError::Write { path: path.clone(), source })?;
            return Ok(picture::write_atomically(&path, &text)?);
        }
        Err(source) => return Err(ClaimError::Read { path, source }),
    };
    if before != *record {
        return Err(ClaimError::Other { path, before: before.to_string(), now: record.to_string() });
    }
    Ok(())
}

/// SHA-256 of a model's file, for a record.
///
/// # Errors
/// [`ClaimError::Read`].
pub fn model_sha256(path: &Path) -> Result<String, ClaimError> {
    digest::of_file(path).map_err(|source| ClaimError::Read { path: path.to_owned(), source })
}
