// SPDX-License-Identifier: MIT OR Apache-2.0
//! Making a data set of aligned faces: photos are examined by several threads and committed in the order of their names.
//!
//! The order makes the result independent of the threads: of near-duplicates it decides which comes first. It also makes
//! an interrupted run resumable, since what is on the disk is always that of the first so many photos.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crossbeam::channel::{Receiver, bounded};
use serde::{Deserialize, Serialize};

use super::face_finder::{FaceFinder, FindError, FoundFace, Refusal, Thresholds};
use super::manifest::{Collection, FaceRecord, Journal, JournalError, PhotoRecord};
use crate::picture::{self, PictureError};

/// What a resumed preparation goes on from.
const JOURNAL: &str = ".prepare.jsonl";
/// The file with a line for each face of the data set.
pub const MANIFEST: &str = "manifest.jsonl";
/// The file with a line for each face and photo that is not in it.
pub const REFUSED: &str = "refused.jsonl";

/// Photos that a thread works ahead of the others.
const AHEAD: usize = 8;

/// A preparation that cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// The journal is of something else, or cannot be written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A face or manifest cannot be written.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// The detector cannot be used.
    #[error(transparent)]
    Detector(#[from] FindError),
    /// A thread is gone.
    #[error("a thread of the preparation stopped unexpectedly; start it again to go on")]
    Stopped,
}

/// File format of faces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaceFormat {
    /// Without loss.
    Png,
    /// JPEG of quality 95.
    Jpg,
}

impl FaceFormat {
    /// The ending of its files' names.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpg => "jpg",
        }
    }
}

/// All that decides what becomes of the photos.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Width and height of the faces.
    pub size: u32,
    /// Their file format.
    pub format: FaceFormat,
    /// What they must be like.
    pub thresholds: Thresholds,
    /// Photos whose hashes differ in so many of 256 bits or fewer show the same.
    pub duplicate_distance: u32,
}

/// A line of [`REFUSED`].
#[derive(Debug, Serialize)]
struct RefusedRecord<'a> {
    source: &'a str,
    reason: Refusal,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    face: Option<&'a FaceRecord>,
}

/// Faces of a photo, or what is wrong with it.
type Examined = Result<Vec<FoundFace>, String>;

/// A data set in the making, on the disk and in memory.
pub struct Preparation {
    output: PathBuf,
    detector: PathBuf,
    settings: Settings,
    journal: Journal,
    collection: Collection,
    /// Folders that are made, and cleared of what a killed run left.
    ready: BTreeSet<PathBuf>,
}

impl Preparation {
    /// Begins in the folder `output`, or goes on with what is there; `detector` is the file of YuNet.
    ///
    /// # Errors
    /// [`PrepareError`] when the detector cannot be used, or `output` was prepared with other settings.
    pub fn open(output: &Path, detector: &Path, settings: Settings) -> Result<Self, PrepareError> {
        FaceFinder::open(detector, settings.size, settings.thresholds)?;
        let (journal, records) = Journal::open(&output.join(JOURNAL), &settings)?;
        let mut collection = Collection::new(settings.duplicate_distance);
        let mut replaced = Vec::new();
        for PhotoRecord { photo, faces } in records {
            collection.finish_photo(photo, faces.len());
            for face in faces {
                replaced.extend_from_slice(&face.replaces);
                collection.add(face);
            }
        }
        let (output, detector, ready) = (output.to_owned(), detector.to_owned(), BTreeSet::new());
        let preparation = Self { output, detector, settings, journal, collection, ready };
        // A killed run may have noted that a face is replaced, and not have got to its file.
        preparation.remove(&replaced)?;
        Ok(preparation)
    }

    /// The faces so far.
    #[must_use]
    pub fn collection(&self) -> &Collection {
        &self.collection
    }

    /// Examines those `photos`, relative to `input`, that are not done yet; `progress` is told how
    /// many are after each. Returns the
    /// messages of broken photos by name: these count as not done, so that a later run tries them again.
    ///
    /// # Errors
    /// [`PrepareError`], for example with a full disk.
    pub fn examine(
        &mut self,
        input: &Path,
        photos: &[PathBuf],
        threads: usize,
        progress: impl Fn(usize),
    ) -> Result<BTreeMap<String, String>, PrepareError> {
        let names = photos.iter().map(|photo| photo.to_string_lossy().into_owned());
        let todo: Vec<(String, PathBuf)> = names
            .zip(photos)
            .filter(|(name, _)| !self.collection.has_photo(name))
            .map(|(name, photo)| (name, input.join(photo)))
            .collect();
        let done_before = photos.len() - todo.len();
        // Photos are the unit of parallel work here; OpenCV's own threads would only get in the way.
        opencv::core::set_num_threads(1).map_err(FindError::from)?;
        let finders = (0..threads.min(todo.len()))
            .map(|_| FaceFinder::open(&self.detector, self.settings.size, self.settings.thresholds))
            .collect::<Result<Vec<_>, _>>()?;
        let mut broken = BTreeMap::new();
        std::thread::scope(|scope| {
            let threads = finders.len();
            let mut queues: Vec<Receiver<Examined>> = Vec::with_capacity(threads);
            for (thread, mut finder) in finders.into_iter().enumerate() {
                let (sender, receiver) = bounded(AHEAD);
                let mine = todo.iter().skip(thread).step_by(threads);
                scope.spawn(move || {
                    // Nobody listens any more when the preparation has failed.
                    mine.map(|(_, path)| sender.send(examine_photo(&mut finder, path)))
                        .all(|sent| sent.is_ok())
                });
                queues.push(receiver);
            }
            for (index, (name, _)) in todo.iter().enumerate() {
                match queues[index % threads].recv().map_err(|_| PrepareError::Stopped)? {
                    Ok(faces) => self.commit(name, faces)?,
                    Err(message) => drop(broken.insert(name.clone(), message)),
                }
                progress(done_before + index + 1);
            }
            Ok(broken)
        })
    }

    /// Writes the faces of a photo, then its line of the journal, then removes the faces that they replace: a run killed
    /// in between does it again and comes to the same.
    fn commit(&mut self, photo: &str, found: Vec<FoundFace>) -> Result<(), PrepareError> {
        let mut faces = Vec::with_capacity(found.len());
        for (index, FoundFace { measures, refusal, crop }) in found.into_iter().enumerate() {
            let mut face = FaceRecord {
                file: format!("{photo}-{index}.{}", self.settings.format.extension()),
                source: photo.to_owned(),
                measures,
                refused: refusal,
                duplicate_of: None,
                replaces: Vec::new(),
            };
            if face.refused.is_none() {
                self.collection.compare(&mut face);
            }
            if face.refused.is_none() {
                self.write(&face.file, &crop)?;
            }
            faces.push(face.clone());
            self.collection.add(face);
        }
        let record = PhotoRecord { photo: photo.to_owned(), faces };
        self.journal.append(&record)?;
        self.collection.finish_photo(record.photo, record.faces.len());
        record.faces.iter().try_for_each(|face| self.remove(&face.replaces))
    }

    fn write(&mut self, file: &str, face: &image::RgbImage) -> Result<(), PrepareError> {
        let path = self.output.join(file);
        let folder = path.parent().unwrap_or(&self.output);
        if !self.ready.contains(folder) {
            picture::prepare_output_folder(folder)?;
            self.ready.insert(folder.to_owned());
        }
        Ok(picture::write(&path, face)?)
    }

    /// Removes faces where they are still there.
    fn remove(&self, files: &[String]) -> Result<(), PrepareError> {
        for path in files.iter().map(|file| self.output.join(file)) {
            match std::fs::remove_file(&path) {
                Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                    return Err(PictureError::Write { path, source }.into());
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Writes [`MANIFEST`] and [`REFUSED`] anew, the latter with the `broken` photos of this run.
    ///
    /// # Errors
    /// [`PrepareError::Picture`], for example with a full disk.
    pub fn write_manifests(&self, broken: &BTreeMap<String, String>) -> Result<(), PrepareError> {
        let photo = |source, reason, message| RefusedRecord { source, reason, message, face: None };
        let without = self.collection.without_face().map(|source| photo(source, Refusal::NoFace, None));
        let broken =
            broken.iter().map(|(source, message)| photo(source, Refusal::Broken, Some(message.as_str())));
        let faces = self.collection.refused().iter().filter_map(|face| {
            Some(RefusedRecord {
                source: &face.source,
                reason: face.refused?,
                message: None,
                face: Some(face),
            })
        });
        let mut refused: Vec<RefusedRecord> = without.chain(broken).chain(faces).collect();
        refused.sort_by(|a, b| {
            (a.source, a.face.map(|face| &face.file)).cmp(&(b.source, b.face.map(|face| &face.file)))
        });
        self.write_lines(MANIFEST, self.collection.kept())?;
        self.write_lines(REFUSED, refused)
    }

    fn write_lines<T: Serialize>(
        &self,
        name: &str,
        records: impl IntoIterator<Item = T>,
    ) -> Result<(), PrepareError> {
        let path = self.output.join(name);
        let mut text = Vec::new();
        for record in records {
            serde_json::to_writer(&mut text, &record)
                .map_err(|error| PictureError::Write { path: path.clone(), source: error.into() })?;
            text.push(b'\n');
        }
        Ok(picture::write_atomically(&path, &text)?)
    }
}

/// Reads a photo and finds its faces.
fn examine_photo(finder: &mut FaceFinder, path: &Path) -> Examined {
    if path.to_str().is_none() {
        return Err(format!("{}: its name is not UTF-8, rename it", path.display()));
    }
    let photo = picture::read(path).map_err(|error| error.to_string())?;
    finder.find(&photo).map_err(|error| format!("{}: {error}", path.display()))
}
