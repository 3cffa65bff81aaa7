// SPDX-License-Identifier: MIT OR Apache-2.0
//! The training pictures: the files of a folder tree, their targets, and the draw of one of them.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use image::RgbImage;
use rand::Rng;
use restore_core::Condition;

use super::classes::{Classes, ClassesError};
use crate::picture::{self, PictureError};

/// A data set that cannot be trained on.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// A folder cannot be listed.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// The folders are not the classes of the model.
    #[error(transparent)]
    Classes(#[from] ClassesError),
    /// Nothing to train on.
    #[error("{} holds no pictures (PNG, JPEG, WebP, TIFF, GIF or BMP); make a data set of aligned faces there, for example with idm prepare", folder.display())]
    Empty {
        /// The folder.
        folder: PathBuf,
    },
    /// A picture has no target.
    #[error("{} has no target: {} is missing (or of another format); make it with idm enhance, or take the picture out of the data", picture.display(), target.display())]
    NoTarget {
        /// The picture.
        picture: PathBuf,
        /// Where its target should be.
        target: PathBuf,
    },
    /// Two pictures of the same name up to the ending have one target.
    #[error("{} and {} both have the target {}; rename one of them and its target", first.display(), second.display(), target.display())]
    SharedTarget {
        /// A picture.
        first: PathBuf,
        /// The other picture.
        second: PathBuf,
        /// The target of both.
        target: PathBuf,
    },
}

/// The pictures of a folder tree, found by name: none is opened before it is drawn, so that large sets start at once.
#[derive(Debug)]
pub struct FaceDataset {
    /// Relative to the data folder, sorted.
    files: Vec<PathBuf>,
    folder: PathBuf,
    targets: Option<Targets>,
    /// Indices into `files` of each source that is drawn equally often; without balance there are none.
    sources: Vec<Vec<usize>>,
    /// Of a generator with classes.
    classes: Option<Classes>,
}

/// The targets of all pictures, in the pictures' order.
#[derive(Debug)]
struct Targets {
    folder: PathBuf,
    files: Vec<PathBuf>,
}

impl FaceDataset {
    /// The pictures anywhere below `folder`. With `targets`, the folder of their targets x* (Eq. 10), every picture must
    /// have one there of the same relative name; the ending may differ. `balance` is
    /// [`DataConfig::balance`](crate::data::config::DataConfig::balance).
    ///
    /// # Errors
    /// [`DatasetError`] when a folder cannot be listed, there are no pictures, or a target is missing.
    pub fn open(folder: &Path, targets: Option<&Path>, balance: bool) -> Result<Self, DatasetError> {
        let files = picture::list_tree(folder)?;
        if files.is_empty() {
            return Err(DatasetError::Empty { folder: folder.to_owned() });
        }
        let targets = targets.map(|targets| Targets::find(folder, &files, targets)).transpose()?;
        let sources = if balance { by_source(&files) } else { Vec::new() };
        Ok(Self { files, folder: folder.to_owned(), targets, sources, classes: None })
    }

    /// This data set for a network of that condition: with the classes of the pictures where it has some.
    ///
    /// # Errors
    /// [`DatasetError::Classes`] when the folders of the pictures are not as many classes.
    pub fn for_condition(mut self, condition: Condition) -> Result<Self, DatasetError> {
        if let Condition::Classes(count) = condition {
            self.classes = Some(Classes::find(&self.folder, &self.files, count)?);
        }
        Ok(self)
    }

    /// The names of the classes by their numbers; none for a network without.
    #[must_use]
    pub fn class_names(&self) -> &[String] {
        self.classes.as_ref().map_or(&[], |classes| &classes.names)
    }

    /// The number of the class of picture number `index`; 0 for a network without.
    #[must_use]
    pub fn class(&self, index: usize) -> i64 {
        self.classes.as_ref().map_or(0, |classes| classes.numbers[index])
    }

    /// How many pictures there are, at least one.
    #[must_use]
    pub fn count(&self) -> usize {
        self.files.len()
    }

    /// The file of picture number `index`; pictures are numbered from 0 in the order of their relative paths.
    #[must_use]
    pub fn path(&self, index: usize) -> PathBuf {
        self.folder.join(&self.files[index])
    }

    /// The index of a random picture.
    pub fn draw<R: Rng + ?Sized>(&self, rng: &mut R) -> usize {
        if self.sources.is_empty() {
            return rng.random_range(0..self.files.len());
        }
        let source = &self.sources[rng.random_range(0..self.sources.len())];
        source[rng.random_range(0..source.len())]
    }

    /// Picture number `index` and, when the data set has targets, its target.
    ///
    /// # Errors
    /// [`PictureError`] when one of the files is broken.
    pub fn read(&self, index: usize) -> Result<(RgbImage, Option<RgbImage>), PictureError> {
        let picture = picture::read(&self.path(index))?;
        let target =
            self.targets.as_ref().map(|targets| picture::read(&targets.folder.join(&targets.files[index])));
        Ok((picture, target.transpose()?))
    }
}

impl Targets {
    fn find(folder: &Path, files: &[PathBuf], targets: &Path) -> Result<Self, DatasetError> {
        let found = picture::list_tree(targets)?;
        let by_name: HashMap<PathBuf, &PathBuf> =
            found.iter().rev().map(|target| (target.with_extension(""), target)).collect();
        let mut users: HashMap<&PathBuf, &PathBuf> = HashMap::with_capacity(files.len());
        let mut matched = Vec::with_capacity(files.len());
        for file in files {
            let same = found.binary_search(file).ok().map(|index| &found[index]);
            // An enhanced copy of a WebP file has `.png` behind that ending.
            let named = || by_name.get(file).or_else(|| by_name.get(&file.with_extension(""))).copied();
            let Some(target) = same.or_else(named) else {
                return Err(DatasetError::NoTarget {
                    picture: folder.join(file),
                    target: targets.join(file),
                });
            };
            if let Some(other) = users.insert(target, file) {
                return Err(DatasetError::SharedTarget {
                    first: folder.join(other),
                    second: folder.join(file),
                    target: targets.join(target),
                });
            }
            matched.push(target.clone());
        }
        Ok(Self { folder: targets.to_owned(), files: matched })
    }
}

/// The files grouped by the folder directly below the root; those directly in the root are one group.
fn by_source(files: &[PathBuf]) -> Vec<Vec<usize>> {
    let mut sources: BTreeMap<Option<&OsStr>, Vec<usize>> = BTreeMap::new();
    for (index, file) in files.iter().enumerate() {
        let mut parts = file.iter();
        let first = parts.next();
        // The last part is the file's own name.
        let source = parts.next().and(first);
        sources.entry(source).or_default().push(index);
    }
    sources.into_values().collect()
}
