// SPDX-License-Identifier: MIT OR Apache-2.0
//! What can go wrong in this crate, as one typed error whose text names the value and the remedy.

use std::path::{Path, PathBuf};

/// Every failure of `restore-core`.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// A file could not be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// "read", "write", …
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A model file that exists but cannot be used.
    #[error("model {} cannot be used: {reason}. {remedy}", path.display())]
    Model {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
        /// What the user can do.
        remedy: String,
    },
    /// A configuration whose values do not fit together.
    #[error("invalid model configuration: {0}")]
    Config(String),
    /// Tensors of the wrong shape.
    #[error("wrong shape: {0}")]
    Shape(String),
    /// A network's answer that is no picture.
    #[error(
        "the network gave values that are not numbers (NaN): its weights are damaged or its precision is too low for them. \
         Get the model anew, or compute in fp32"
    )]
    NotFinite,
    /// A device that is not there.
    #[error("device {device} cannot be used: {reason}")]
    Device {
        /// As the user wrote it.
        device: String,
        /// Why not, and what to do.
        reason: String,
    },
    /// A failure inside libtorch (out of memory, unsupported operator, …).
    #[error("libtorch: {0}")]
    Torch(#[from] tch::TchError),
}

impl RestoreError {
    /// A model file that cannot be used, and what to do about it.
    pub(crate) fn model(path: &Path, reason: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::Model { path: path.to_owned(), reason: reason.into(), remedy: remedy.into() }
    }
}
