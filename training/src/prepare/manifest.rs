// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which faces a prepared data set has and why others are not in it: the journal of a running preparation, and the
//! manifest that comes of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Component, Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::face_finder::{FaceMeasures, Refusal};

/// A journal that cannot be gone on with.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// It cannot be read or written (disk full, …).
    #[error("cannot use {}: {source}", path.display())]
    Io {
        /// The journal.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A line is of something else.
    #[error("{}, line {line}, is no record of idm prepare: {source}; choose another --output", path.display())]
    Line {
        /// The journal.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// A record of files outside of the data set.
    #[error(
        "{}, line {line}, names a file outside of its folder, {file:?}: it was not written by idm prepare; choose another --output",
        path.display()
    )]
    Outside {
        /// The journal.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// The file.
        file: String,
    },
    /// The folder was prepared otherwise.
    #[error("{} was prepared with other settings, {settings}: use those, or another --output", folder.display())]
    Settings {
        /// The output folder.
        folder: PathBuf,
        /// The settings of then, as JSON.
        settings: String,
    },
}

/// A face and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FaceRecord {
    /// The face's file, relative to the data set; that of a refused face was not written, or is removed.
    pub file: String,
    /// The photo, relative to the folder of photos.
    pub source: String,
    /// What was measured.
    #[serde(flatten)]
    pub measures: FaceMeasures,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub refused: Option<Refusal>,
    /// The face that it is a near-duplicate of.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub duplicate_of: Option<String>,
    /// Files of earlier near-duplicates with fewer pixels, which it takes the place of.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub replaces: Vec<String>,
}

/// A photo and its faces: a line of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PhotoRecord {
    /// The photo, relative to the folder of photos.
    pub photo: String,
    /// Its faces, the largest first.
    pub faces: Vec<FaceRecord>,
}

impl PhotoRecord {
    /// The files of the data set that it tells of.
    fn files(&self) -> impl Iterator<Item = &str> {
        self.faces
            .iter()
            .flat_map(|face| std::iter::once(&face.file).chain(&face.replaces))
            .map(String::as_str)
    }
}

/// Whether a file's name leads to below the folder that it is relative to. Files of records are removed: those of a journal that
/// somebody else wrote could be any.
fn is_inside(file: &str) -> bool {
    !file.is_empty() && Path::new(file).components().all(|part| matches!(part, Component::Normal(_)))
}

/// The record of the photos that are done: JSON Lines, the settings first. A photo's line is appended after its faces
/// are written, so that a run killed at any moment goes on where it was; a line that was cut off is dropped.
pub struct Journal {
    path: PathBuf,
    file: File,
}

impl Journal {
    /// Opens the journal `path`, or begins it with `settings`. Returns the records that it holds.
    ///
    /// # Errors
    /// [`JournalError`], also when it was begun with other settings.
    pub fn open<S: Serialize + DeserializeOwned + PartialEq>(
        path: &Path,
        settings: &S,
    ) -> Result<(Self, Vec<PhotoRecord>), JournalError> {
        let failed = |source| JournalError::Io { path: path.to_owned(), source };
        let mut file = OpenOptions::new()
            .create(true)
            .read(true)
            .write(true)
            .truncate(false)
            .open(path)
            .map_err(failed)?;
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(failed)?;
        let whole = text.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
        file.set_len(whole as u64).and_then(|()| file.seek(SeekFrom::End(0))).map_err(failed)?;
        let mut journal = Self { path: path.to_owned(), file };
        let lines = text[..whole].split(|&byte| byte == b'\n').enumerate();
        let mut lines = lines.filter(|(_, line)| !line.is_empty());
        let wrong =
            |line: usize, source| JournalError::Line { path: path.to_owned(), line: line + 1, source };
        let Some((number, first)) = lines.next() else {
            journal.append(settings)?;
            return Ok((journal, Vec::new()));
        };
        let earlier: S = serde_json::from_slice(first).map_err(|source| wrong(number, source))?;
        if earlier != *settings {
            return Err(JournalError::Settings {
                folder: path.parent().unwrap_or(Path::new(".")).to_owned(),
                settings: String::from_utf8_lossy(first).into_owned(),
            });
        }
        let records = lines.map(|(line, text)| {
            let record: PhotoRecord = serde_json::from_slice(text).map_err(|source| wrong(line, source))?;
            let outside = record.files().find(|file| !is_inside(file)).map(str::to_owned);
            match outside {
                Some(file) => Err(JournalError::Outside { path: path.to_owned(), line: line + 1, file }),
                None => Ok(record),
            }
        });
        Ok((journal, records.collect::<Result<_, _>>()?))
    }

    /// Appends a line.
    ///
    /// # Errors
    /// [`JournalError::Io`], for example with a full disk; what was written of the line is dropped at the next start.
    pub fn append(&mut self, record: &impl Serialize) -> Result<(), JournalError> {
        let failed = |source| JournalError::Io { path: self.path.clone(), source };
        let mut line = serde_json::to_vec(record).map_err(|error| failed(error.into()))?;
        line.push(b'\n');
        self.file.write_all(&line).map_err(failed)
    }
}

/// The faces of a data set in the making.
#[derive(Debug)]
pub struct Collection {
    duplicate_distance: u32,
    kept: BTreeMap<String, FaceRecord>,
    refused: Vec<FaceRecord>,
    without_face: BTreeSet<String>,
    photos: BTreeSet<String>,
}

impl Collection {
    /// An empty one; `duplicate_distance` is that of [`FaceMeasures::is_near_duplicate`].
    #[must_use]
    pub fn new(duplicate_distance: u32) -> Self {
        Self {
            duplicate_distance,
            kept: BTreeMap::new(),
            refused: Vec::new(),
            without_face: BTreeSet::new(),
            photos: BTreeSet::new(),
        }
    }

    /// Decides whether `face` is a near-duplicate: of several, the one with the most pixels of its photo stays, and of
    /// equal ones the first. It is not added.
    pub fn compare(&self, face: &mut FaceRecord) {
        let near = self
            .kept
            .values()
            .filter(|kept| kept.measures.is_near_duplicate(&face.measures, self.duplicate_distance));
        let near: Vec<&FaceRecord> = near.collect();
        let scale = face.measures.native_scale;
        match near.iter().find(|kept| kept.measures.native_scale >= scale) {
            Some(better) => {
                face.refused = Some(Refusal::NearDuplicate);
                face.duplicate_of = Some(better.file.clone());
            }
            None => face.replaces = near.iter().map(|kept| kept.file.clone()).collect(),
        }
    }

    /// Adds a face that was decided on.
    pub fn add(&mut self, face: FaceRecord) {
        for file in &face.replaces {
            if let Some(mut worse) = self.kept.remove(file) {
                worse.refused = Some(Refusal::NearDuplicate);
                worse.duplicate_of = Some(face.file.clone());
                self.refused.push(worse);
            }
        }
        if face.refused.is_some() {
            self.refused.push(face);
        } else {
            self.kept.insert(face.file.clone(), face);
        }
    }

    /// Notes that all faces of a photo are added.
    pub fn finish_photo(&mut self, photo: String, faces: usize) {
        if faces == 0 {
            self.without_face.insert(photo.clone());
        }
        self.photos.insert(photo);
    }

    /// Whether a photo is done.
    #[must_use]
    pub fn has_photo(&self, photo: &str) -> bool {
        self.photos.contains(photo)
    }

    /// Number of photos that are done.
    #[must_use]
    pub fn photos(&self) -> usize {
        self.photos.len()
    }

    /// The faces of the data set, in the order of their files.
    pub fn kept(&self) -> impl ExactSizeIterator<Item = &FaceRecord> {
        self.kept.values()
    }

    /// The faces that are not in it.
    #[must_use]
    pub fn refused(&self) -> &[FaceRecord] {
        &self.refused
    }

    /// The photos without a face.
    pub fn without_face(&self) -> impl ExactSizeIterator<Item = &str> {
        self.without_face.iter().map(String::as_str)
    }
}
