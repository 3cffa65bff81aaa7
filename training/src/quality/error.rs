// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why sets of pictures could not be measured.

use std::path::PathBuf;

use restore_core::RestoreError;

use crate::metrics::{MetricError, NetworkError};
use crate::picture::PictureError;

/// Why sets of pictures could not be measured.
#[derive(Debug, thiserror::Error)]
pub enum QualityError {
    /// A folder without pictures, or all of them left out.
    #[error("no pictures in {} can be measured{}", folder.display(), first.as_ref().map_or(String::new(), |first| format!(". The first: {first}")))]
    Empty {
        /// The folder.
        folder: PathBuf,
        /// Why the first one was left out.
        first: Option<String>,
    },
    /// A figure of a set cannot be told.
    #[error(transparent)]
    Metric(#[from] MetricError),
    /// A network failed.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// A folder cannot be listed.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// A picture that a network cannot be given.
    #[error(transparent)]
    Restore(#[from] RestoreError),
}
