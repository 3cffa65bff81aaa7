// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is exported: a tree of pictures, all made square and of one size, and their classes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use image::RgbImage;

use super::error::ExportError;
use crate::picture::{self, PictureError};

/// A tree of pictures to export.
#[derive(Debug, Clone)]
pub struct Source {
    /// The folder.
    pub folder: PathBuf,
    /// The pictures' paths below it, in their order.
    pub files: Vec<PathBuf>,
    /// Side of what is exported, in pixels.
    pub size: u32,
    /// Whether pictures are cut and resized to that; they are left out otherwise.
    pub resized: bool,
    /// The folders directly below, in the order of their names, which are classes 0, 1, …; `None` without classes.
    pub classes: Option<Vec<String>>,
}

impl Source {
    /// The pictures of `folder`, each cut to its largest centred square and resized to `size`×`size` pixels; without a size all
    /// must be as the first one that can be read. With `classes` the folders directly below are classes.
    ///
    /// # Errors
    /// [`ExportError`] when there are no pictures, or none that can be read.
    pub fn open(folder: &Path, size: Option<u32>, classes: bool) -> Result<Self, ExportError> {
        let files = picture::list_tree(folder)?;
        if files.is_empty() {
            return Err(ExportError::Empty(folder.to_owned()));
        }
        let names: Option<BTreeSet<String>> =
            classes.then(|| files.iter().filter_map(|file| top(file)).collect());
        let resized = size.is_some();
        let size = match size {
            Some(size) => size,
            None => first_side(folder, &files)?,
        };
        let classes = names.map(|names| names.into_iter().collect());
        Ok(Self { folder: folder.to_owned(), files, size, resized, classes })
    }

    /// A picture at the size of the export.
    ///
    /// # Errors
    /// What is wrong with it: it is broken, or of another size where pictures are not resized.
    pub fn read(&self, path: &Path) -> Result<RgbImage, PictureError> {
        let picture = picture::read(path)?;
        if self.resized {
            return picture::resize_to_square(&picture, self.size);
        }
        let (width, height) = picture.dimensions();
        if (width, height) != (self.size, self.size) {
            let reason = format!(
                "{width}×{height} pixels, where the first picture has {size}×{size}: name a size for all with --size",
                size = self.size
            );
            return Err(PictureError::Unfit { path: path.to_owned(), reason });
        }
        Ok(picture)
    }

    /// The class of the picture `file`, a path below the folder; `None` without classes.
    ///
    /// # Errors
    /// [`PictureError::Unfit`] when there are classes and the picture lies in none.
    pub fn class(&self, file: &Path) -> Result<Option<usize>, PictureError> {
        let Some(classes) = &self.classes else { return Ok(None) };
        let class = top(file).and_then(|name| classes.binary_search(&name).ok());
        match class {
            Some(class) => Ok(Some(class)),
            None => Err(PictureError::Unfit {
                path: self.folder.join(file),
                reason: "it lies in no folder of a class: move it to one, or leave out --classes".to_owned(),
            }),
        }
    }
}

/// The folder directly below the source's that `file` lies in.
fn top(file: &Path) -> Option<String> {
    let mut parts = file.iter();
    let first = parts.next()?;
    parts.next().map(|_| first.to_string_lossy().into_owned())
}

/// The side of the first picture that can be read and is square.
fn first_side(folder: &Path, files: &[PathBuf]) -> Result<u32, ExportError> {
    let mut first = None;
    for file in files {
        let path = folder.join(file);
        match picture::read(&path) {
            Ok(picture) if picture.width() == picture.height() => return Ok(picture.width()),
            Ok(_) => {
                first.get_or_insert(format!(
                    "{}: it is not square; name a size for all with --size",
                    path.display()
                ));
            }
            Err(error) => {
                first.get_or_insert(error.to_string());
            }
        }
    }
    let first = first.unwrap_or_default();
    Err(ExportError::NothingLeft { folder: folder.to_owned(), count: files.len(), first })
}
