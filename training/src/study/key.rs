// SPDX-License-Identifier: MIT OR Apache-2.0
//! The key of a study: which code of the page is which face and which system.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::StudyError;
use crate::picture;

/// What the page keeps from the rater, written beside it as `NAME.key.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// The study's code, which is in the page and in every line of answers.
    pub study: String,
    /// Seed of the codes and of the positions.
    pub seed: u64,
    /// How the page's pictures are encoded.
    pub encoding: String,
    /// What raters are asked about each face; answers name a question by its number, from 1.
    pub questions: Vec<String>,
    /// The names of the systems.
    pub systems: Vec<String>,
    /// The faces by their codes.
    pub faces: BTreeMap<String, FaceKey>,
}

/// One face of a [`Key`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaceKey {
    /// The file's name without folder and ending.
    pub name: String,
    /// The index in [`Key::systems`] of the system that made the picture, by the picture's code.
    pub pictures: BTreeMap<String, usize>,
}

impl Key {
    /// Where the key of the page `page` is: `page.html` has `page.key.json`.
    #[must_use]
    pub fn path_of(page: &Path) -> PathBuf {
        page.with_extension("key.json")
    }

    /// Reads and checks a key.
    ///
    /// # Errors
    /// [`StudyError::Read`] without the file, [`StudyError::Key`] when it is no key or contradicts itself.
    pub fn read(path: &Path) -> Result<Self, StudyError> {
        let failed = |reason: String| StudyError::Key { path: path.to_owned(), reason };
        let bytes = std::fs::read(path)
            .map_err(|error| StudyError::Read { path: path.to_owned(), reason: error.to_string() })?;
        let key: Self = serde_json::from_slice(&bytes).map_err(|error| failed(error.to_string()))?;
        for face in key.faces.values() {
            let mut systems: Vec<usize> = face.pictures.values().copied().collect();
            systems.sort_unstable();
            if !systems.into_iter().eq(0..key.systems.len()) {
                return Err(failed(format!("face {} has not one picture of each system", face.name)));
            }
        }
        Ok(key)
    }

    /// Writes the key to `path`, unless it is there already. Returns whether it was written.
    ///
    /// # Errors
    /// [`StudyError::KeyOfAnother`] when there is anything else at `path`, [`StudyError::Picture`] when it cannot be
    /// written.
    pub fn write_new(&self, path: &Path) -> Result<bool, StudyError> {
        if path.exists() {
            let same = Self::read(path).is_ok_and(|earlier| earlier == *self);
            return if same { Ok(false) } else { Err(StudyError::KeyOfAnother(path.to_owned())) };
        }
        let text = serde_json::to_vec_pretty(self)
            .map_err(|error| StudyError::Key { path: path.to_owned(), reason: error.to_string() })?;
        picture::write_atomically(path, &text)?;
        Ok(true)
    }
}
