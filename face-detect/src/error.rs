// SPDX-License-Identifier: MIT OR Apache-2.0
//! The one error type of this crate.

use std::path::PathBuf;

use thiserror::Error;

/// What can go wrong while faces are found, aligned or pasted back.
///
/// Every message names the value at fault and what to do about it, so that a program can show it
/// to its user unchanged.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DetectError {
    /// The detector's file cannot be read.
    #[error(
        "cannot read the face detector {}: {source}. Give the path of face_detection_yunet_2023mar.onnx \
         (it is in the folder models of this project)", path.display()
    )]
    ModelUnreadable {
        /// The file asked for.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The detector's file is not a network that OpenCV can load.
    #[error(
        "the face detector {} is not an ONNX network that OpenCV can load ({reason}). The file is damaged or \
         of another kind: replace it by face_detection_yunet_2023mar.onnx from the folder models of this project",
        path.display()
    )]
    ModelCorrupt {
        /// The file asked for.
        path: PathBuf,
        /// What OpenCV said.
        reason: String,
    },
    /// The detector's file holds a network, but not YuNet.
    #[error(
        "the face detector {} is not YuNet of March 2023: {reason}. Use face_detection_yunet_2023mar.onnx \
         from the folder models of this project", path.display()
    )]
    ModelWrong {
        /// The file asked for.
        path: PathBuf,
        /// What differs.
        reason: String,
    },
    /// An image argument has the wrong type or size.
    #[error("{what}: expected {expected}, found {found}")]
    WrongImage {
        /// Which argument.
        what: &'static str,
        /// What it must be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// A number argument is out of range.
    #[error("{what} is {value}, it must be {expected}")]
    WrongValue {
        /// Which argument.
        what: &'static str,
        /// Its value, as text.
        value: String,
        /// The range it must lie in.
        expected: &'static str,
    },
    /// Point sets or a transform from which no invertible similarity follows.
    #[error("no similarity transform: {reason}")]
    Degenerate {
        /// What is wrong with the points.
        reason: String,
    },
    /// OpenCV failed inside one of our steps.
    #[error("OpenCV failed while {stage}: {source}")]
    OpenCv {
        /// The step.
        stage: &'static str,
        /// OpenCV's own error.
        source: opencv::Error,
    },
}

impl DetectError {
    /// For `map_err`: wraps OpenCV's error with the step that it struck.
    pub(crate) fn at(stage: &'static str) -> impl FnOnce(opencv::Error) -> Self {
        move |source| Self::OpenCv { stage, source }
    }
}
