// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why an experiment has no page.

use std::path::PathBuf;

use crate::picture::PictureError;

/// Why an experiment has no page.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A file of the experiment is missing or cannot be read.
    #[error(
        "cannot read {}: {source}; is the experiment complete? The same command of scripts/experiments goes on with it", path.display()
    )]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file of the experiment is not what its name says.
    #[error("{}: {reason}; remove it, and the same command of scripts/experiments makes it again", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A plot that could not be drawn.
    #[error("cannot draw a plot: {0}")]
    Plot(String),
    /// A picture cannot be read, or a file not written.
    #[error(transparent)]
    Picture(#[from] PictureError),
}
