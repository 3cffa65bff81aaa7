// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why an evaluation stopped, or why a face was left out of it.

use std::path::PathBuf;

use restore_core::RestoreError;

use super::curve_plot::CurvePlotError;
use crate::data::degradation::DegradationError;
use crate::metrics::{MetricError, NetworkError};
use crate::picture::PictureError;
use crate::restore::AlignedError;

/// Why an evaluation stopped, or why a face was left out of it.
#[derive(Debug, thiserror::Error)]
pub enum EvaluateError {
    /// A folder without pictures.
    #[error("no pictures (PNG, JPEG, WebP, TIFF, GIF or BMP) in {}", .0.display())]
    Empty(PathBuf),
    /// Every face was left out.
    #[error("none of the {count} faces can be evaluated. The first: {first}")]
    NothingLeft {
        /// How many faces there were.
        count: usize,
        /// Why the first one was left out.
        first: String,
    },
    /// A clean face without its counterpart.
    #[error("no {kind} picture for {} in {}: its name must be the same up to the ending", clean.display(), folder.display())]
    Unpaired {
        /// "degraded" or "restored".
        kind: &'static str,
        /// The clean face.
        clean: PathBuf,
        /// Where its counterpart was looked for.
        folder: PathBuf,
    },
    /// A picture could not be degraded.
    #[error(transparent)]
    Degradation(#[from] DegradationError),
    /// Two pictures could not be compared.
    #[error(transparent)]
    Metric(#[from] MetricError),
    /// A network of a measure failed.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The authenticity curve could not be drawn.
    #[error(transparent)]
    Plot(#[from] CurvePlotError),
    /// A picture could not be read, written or resized.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// The model cannot be run so, or pictures do not fit together.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// A face could not be restored.
    #[error("{}: {source}", path.display())]
    Aligned {
        /// The first face of the batch that failed.
        path: PathBuf,
        /// The reason.
        source: AlignedError,
    },
}
