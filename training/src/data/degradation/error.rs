// SPDX-License-Identifier: MIT OR Apache-2.0
//! What can go wrong when a degradation is read, drawn or applied.

use crate::picture::PictureError;

/// A degradation that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DegradationError {
    /// A recipe with an impossible value.
    #[error("degradation: {field} is {value}, it must be {expected}")]
    Recipe {
        /// Name of the field, `second.sigma` for a field of a table.
        field: String,
        /// Its value.
        value: String,
        /// What it must be.
        expected: &'static str,
    },
    /// The picture could not be resized.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// The shrunken picture could not be coded as JPEG (a side of 0 or above 65535 pixels).
    #[error("degradation: JPEG of {width}×{height} pixels failed: {reason}")]
    Jpeg {
        /// Width of the shrunken picture.
        width: u32,
        /// Height of the shrunken picture.
        height: u32,
        /// The coder's reason.
        reason: String,
    },
    /// This program was built without the feature `video`.
    #[error(
        "degradation: h264 needs an idm built with the feature `video` (GStreamer); build with it, or take h264 out of the recipe"
    )]
    NoVideo,
    /// GStreamer itself does not start.
    #[error("degradation: h264 needs GStreamer, which does not start: {reason}")]
    GStreamer {
        /// What it says.
        reason: String,
    },
    /// GStreamer lacks an element.
    #[error(
        "degradation: h264 needs the GStreamer element {element}; install it (Debian: apt-get install {package})"
    )]
    MissingElement {
        /// The element.
        element: &'static str,
        /// The Debian package that brings it.
        package: &'static str,
    },
    /// A clip could not be coded or decoded.
    #[error("degradation: H.264 of {width}×{height} pixels failed: {reason}")]
    H264 {
        /// Width of the shrunken picture.
        width: u32,
        /// Height of the shrunken picture.
        height: u32,
        /// What GStreamer says.
        reason: String,
    },
}

impl DegradationError {
    /// The error of a recipe inside another one: `place` goes before the field's name.
    pub(super) fn within(self, place: &str) -> Self {
        match self {
            Self::Recipe { field, value, expected } => {
                Self::Recipe { field: format!("{place}{field}"), value, expected }
            }
            other => other,
        }
    }
}
