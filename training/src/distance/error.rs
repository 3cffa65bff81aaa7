// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why two sets of pictures could not be compared.

use std::path::PathBuf;

use restore_core::RestoreError;
use tch::TchError;

use crate::metrics::{MetricError, NetworkError};
use crate::picture::PictureError;

/// Why two sets of pictures could not be compared.
#[derive(Debug, thiserror::Error)]
pub enum DistanceError {
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
    /// A file of the cache cannot be read or removed, or changed while it was used.
    #[error("cannot use {} of the cache: {reason}; remove it, or name another folder with --cache", path.display())]
    Cache {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The network failed.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The sets cannot be compared.
    #[error(transparent)]
    Metric(#[from] MetricError),
    /// A folder cannot be listed, or a file not be written.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// Pictures of different sizes came together.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// A failure inside libtorch.
    #[error("libtorch: {0}")]
    Torch(#[from] TchError),
}
