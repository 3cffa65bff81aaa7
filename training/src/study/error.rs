// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why a study cannot be made or tallied.

use std::path::PathBuf;

use crate::picture::PictureError;

/// Why a study cannot be made or tallied.
#[derive(Debug, thiserror::Error)]
pub enum StudyError {
    /// Too few or too many systems.
    #[error("a study compares 2 to 9 systems, not {0}: give --restored NAME=DIR once for each")]
    Systems(usize),
    /// Two systems of one name.
    #[error("two systems are called {0}: give each --restored another NAME")]
    SameSystem(String),
    /// A folder without pictures.
    #[error("no pictures (PNG, JPEG, WebP, TIFF, GIF or BMP) in {}", .0.display())]
    Empty(PathBuf),
    /// Two true faces that differ in their ending only.
    #[error("{} and {} have the same name up to the ending: rename one of them", first.display(), second.display())]
    SameFace {
        /// The first in the order of names.
        first: PathBuf,
        /// The other one.
        second: PathBuf,
    },
    /// Pictures without which there would be no page.
    #[error("{} of the pictures cannot be used, so no page was made:\n{}", .0.len(), .0.join("\n"))]
    Unusable(Vec<String>),
    /// A picture of another shape than the true face.
    #[error(
        "{} has {}×{} pixels, another shape than the true face's {}×{}: crop it alike",
        path.display(), size.0, size.1, truth.0, truth.1
    )]
    Shape {
        /// The picture.
        path: PathBuf,
        /// Its width and height in pixels.
        size: (u32, u32),
        /// Those of the true face.
        truth: (u32, u32),
    },
    /// A picture that cannot be read, resized or encoded, or a file that cannot be written.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// The key of another study has the name of the key to write.
    #[error(
        "{} belongs to another study, whose answers would be lost without it: choose another --output, or move the key away",
        .0.display()
    )]
    KeyOfAnother(PathBuf),
    /// A key or a file of answers that cannot be read.
    #[error("cannot read {}: {reason}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A file that is no key.
    #[error("{} is no key of a study ({reason}): give the .key.json file that was written beside the page", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A file of answers without the columns that the page writes.
    #[error("{} has no columns {columns}: give the CSV file as the study's page saved it", path.display())]
    Columns {
        /// The file.
        path: PathBuf,
        /// The columns that it should have.
        columns: String,
    },
    /// Answers to another study.
    #[error("{} answers the study {found}, but the key is that of {key}: give the key written beside its page", path.display())]
    OtherStudy {
        /// The file of answers.
        path: PathBuf,
        /// The study that it answers.
        found: String,
        /// The study of the key.
        key: String,
    },
    /// Files of answers without an answer.
    #[error("there is no answer in the files, so there is nothing to tally")]
    NoAnswers,
}
