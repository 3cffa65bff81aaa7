// SPDX-License-Identifier: MIT OR Apache-2.0
//! The record of two iterations: what they were started with, and which of their stages are finished.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::digest::hexadecimal;
use crate::picture::{self, PictureError};
use crate::train::config::{TrainConfig, differences};

/// A record that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The record cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The record is no record.
    #[error("{} is no record of idm iterate ({source}): choose another --output", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The folder belongs to other settings.
    #[error("{} was started with other settings ({differences}): use those again, or another --output", path.display())]
    OtherSettings {
        /// The record.
        path: PathBuf,
        /// Key by key.
        differences: String,
    },
    /// The folder belongs to other data.
    #[error(
        "{} was started with other pictures ({was}, not {now}): put those back, or choose another --output",
        path.display()
    )]
    OtherData {
        /// The record.
        path: PathBuf,
        /// What it was started with.
        was: Box<DataIdentity>,
        /// What is in the folder now.
        now: Box<DataIdentity>,
    },
    /// The pictures cannot be listed, or the record cannot be written.
    #[error(transparent)]
    Picture(#[from] PictureError),
}

/// What makes two folders the same training data: the names of their pictures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataIdentity {
    /// Where they were found; the folder may move.
    pub folder: PathBuf,
    /// How many there are.
    pub pictures: usize,
    /// SHA-256 of their sorted relative paths, each followed by a zero.
    pub names_sha256: String,
}

impl DataIdentity {
    /// That of the pictures anywhere below `folder`.
    ///
    /// # Errors
    /// [`RecordError::Picture`].
    pub fn of(folder: &Path) -> Result<Self, RecordError> {
        let files = picture::list_tree(folder)?;
        let mut hash = Sha256::new();
        for file in &files {
            hash.update(file.as_os_str().as_encoded_bytes());
            hash.update([0]);
        }
        Ok(Self { folder: folder.to_owned(), pictures: files.len(), names_sha256: hexadecimal(hash) })
    }

    fn is_same(&self, other: &Self) -> bool {
        self.pictures == other.pictures && self.names_sha256 == other.names_sha256
    }
}

impl std::fmt::Display for DataIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = self.names_sha256.get(..8).unwrap_or(&self.names_sha256);
        write!(f, "{} of {} with names {names}…", self.pictures, self.folder.display())
    }
}

/// All that the final model depends on beside the data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// The configuration of the first training.
    pub config: TrainConfig,
    /// Iterations of the second.
    pub second_iterations: u64,
    /// Sampling steps of the enhancement.
    pub steps: usize,
}

/// A part of the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// f is trained.
    First,
    /// x* = f(x) is written for every training picture.
    Enhanced,
    /// f* is trained.
    Second,
}

/// The record, a JSON file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    settings: Settings,
    data: DataIdentity,
    finished: Vec<Stage>,
    /// The validation folder of the last comparison.
    compared: Option<PathBuf>,
    #[serde(skip)]
    path: PathBuf,
}

impl Record {
    /// The record in the file `path`; a new one is written where there is none.
    ///
    /// # Errors
    /// [`RecordError::OtherSettings`] and [`RecordError::OtherData`] when the record is of something else.
    pub fn open(path: &Path, settings: Settings, data: DataIdentity) -> Result<Self, RecordError> {
        let parse = |source| RecordError::Parse { path: path.to_owned(), source };
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let path = path.to_owned();
                let record = Self { settings, data, finished: Vec::new(), compared: None, path };
                record.save()?;
                return Ok(record);
            }
            Err(source) => return Err(RecordError::Read { path: path.to_owned(), source }),
        };
        let mut record: Self = serde_json::from_slice(&bytes).map_err(parse)?;
        record.path = path.to_owned();
        let differences = differences(&record.settings, &settings).map_err(parse)?;
        if !differences.is_empty() {
            let differences: Vec<String> = differences.iter().map(ToString::to_string).collect();
            return Err(RecordError::OtherSettings {
                path: record.path,
                differences: differences.join("; "),
            });
        }
        if !record.data.is_same(&data) {
            return Err(RecordError::OtherData {
                path: record.path,
                was: Box::new(record.data),
                now: Box::new(data),
            });
        }
        Ok(record)
    }

    /// Whether a stage was finished.
    #[must_use]
    pub fn has_finished(&self, stage: Stage) -> bool {
        self.finished.contains(&stage)
    }

    /// Notes that a stage is finished.
    ///
    /// # Errors
    /// [`RecordError::Picture`], for example with a full disk.
    pub fn finish(&mut self, stage: Stage) -> Result<(), RecordError> {
        self.finished.push(stage);
        self.save()
    }

    /// Whether the comparison on the folder `validation` is written.
    #[must_use]
    pub fn has_compared(&self, validation: &Path) -> bool {
        self.compared.as_deref() == Some(validation)
    }

    /// Notes that it is.
    ///
    /// # Errors
    /// As [`finish`](Self::finish).
    pub fn note_comparison(&mut self, validation: &Path) -> Result<(), RecordError> {
        self.compared = Some(validation.to_owned());
        self.save()
    }

    fn save(&self) -> Result<(), RecordError> {
        let text = serde_json::to_vec_pretty(self)
            .map_err(|source| RecordError::Parse { path: self.path.clone(), source })?;
        Ok(picture::write_atomically(&self.path, &text)?)
    }
}
