// SPDX-License-Identifier: MIT OR Apache-2.0
//! The one error type of this crate.

use face_detect::DetectError;
use restore_core::RestoreError;

/// Why the faces of a frame or photo could not be restored. The pixels are then as they were.
#[derive(Debug, thiserror::Error)]
pub enum FaceRestoreError {
    /// Detection, tracking, alignment or the correction failed.
    #[error(transparent)]
    Detect(#[from] DetectError),
    /// The restoration network failed.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// OpenCV failed while pixels were read or converted.
    #[error("OpenCV failed while pixels were read or converted: {0}")]
    OpenCv(#[from] opencv::Error),
    /// Live: the network does not answer. Nothing waits for it.
    #[error(
        "the network has been at work on the same faces for {seconds} s, and frames pass without new ones until it answers; a smaller \
         model or a GPU (device) may be fast enough"
    )]
    Overdue {
        /// How long.
        seconds: u64,
    },
    /// A bug: the code for the frame panicked.
    #[error("internal error: {0}")]
    Panic(String),
}

impl FaceRestoreError {
    /// From what `catch_unwind` caught.
    #[must_use]
    pub fn from_panic(payload: &(dyn std::any::Any + Send)) -> Self {
        let text = payload
            .downcast_ref::<&str>()
            .map(ToString::to_string)
            .or_else(|| payload.downcast_ref::<String>().cloned());
        Self::Panic(text.unwrap_or_else(|| "a panic without a text".into()))
    }
}
