// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why a data set could not be exported.

use std::path::PathBuf;

use crate::jobs::files::FilesError;
use crate::picture::PictureError;

/// Why a data set could not be exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// A folder without pictures.
    #[error("no pictures in {}: PNG, JPEG, WebP, TIFF, GIF and BMP are read", .0.display())]
    Empty(PathBuf),
    /// Every picture was left out.
    #[error("none of the {count} pictures in {} can be used. The first: {first}", folder.display())]
    NothingLeft {
        /// The folder.
        folder: PathBuf,
        /// How many pictures it has.
        count: usize,
        /// Why the first one was left out.
        first: String,
    },
    /// A side that the program does not read.
    #[error(
        "pictures of {side}×{side} pixels cannot be exported: {program} reads {allowed}; choose one with --size"
    )]
    Side {
        /// The side in pixels.
        side: u32,
        /// Who reads the pictures.
        program: &'static str,
        /// Sides that it reads.
        allowed: &'static str,
    },
    /// An archive of another name.
    #[error("{} would not be read as an archive: let its name end in .zip", .0.display())]
    NoZip(PathBuf),
    /// The output has pictures of an earlier export that differ.
    #[error("{} is of another size than {side}×{side} pixels: it was exported with other settings; choose another output", path.display())]
    OtherSize {
        /// A picture.
        path: PathBuf,
        /// The side that is asked for.
        side: u32,
    },
    /// Inputs and outputs do not fit together.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// The folder cannot be listed, or a file not be written.
    #[error(transparent)]
    Picture(#[from] PictureError),
}
