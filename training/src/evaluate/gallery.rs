// SPDX-License-Identifier: MIT OR Apache-2.0
//! The pictures of an evaluation as files, for its page: input, every system's output, truth of each face.

use std::path::{Path, PathBuf};

use super::measure::ShownFace;
use crate::picture::{self, PictureError};

/// A folder of pictures, `FACE-COLUMN.jpg`: column 0 is the input, then come the systems, the last is the truth.
#[derive(Debug)]
pub struct Gallery {
    folder: PathBuf,
}

impl Gallery {
    /// In `folder`, which is made where missing.
    ///
    /// # Errors
    /// [`PictureError::Write`] when it cannot be made.
    pub fn create(folder: &Path) -> Result<Self, PictureError> {
        picture::prepare_output_folder(folder)?;
        Ok(Self { folder: folder.to_owned() })
    }

    /// Writes the pictures of a face.
    ///
    /// # Errors
    /// [`PictureError::Write`] when the disk is full, …
    pub fn add(&self, face: ShownFace<'_>) -> Result<(), PictureError> {
        let columns = std::iter::once(face.input).chain(face.outputs.iter().copied()).chain([face.truth]);
        for (column, picture) in columns.enumerate() {
            picture::write(&self.file(face.index, column), picture)?;
        }
        Ok(())
    }

    /// The name of a picture's file in the folder.
    #[must_use]
    pub fn file_name(face: usize, column: usize) -> String {
        format!("{face:05}-{column:02}.jpg")
    }

    /// The path of a picture's file.
    #[must_use]
    pub fn file(&self, face: usize, column: usize) -> PathBuf {
        self.folder.join(Self::file_name(face, column))
    }
}
