// SPDX-License-Identifier: MIT OR Apache-2.0
//! What can go wrong when the element starts, and in a single frame. The texts are shown to users.

use std::path::PathBuf;

use face_detect::DetectError;
use face_restore::FaceRestoreError;
use restore_core::{NotShipped, RestoreError};

/// The element cannot start; the state change fails with this text as an error message on the bus.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A file that the user named is not there.
    #[error("there is no file {} (property `{property}`). {remedy}", path.display())]
    NoSuchFile {
        /// The property that names it.
        property: &'static str,
        /// The file.
        path: PathBuf,
        /// What the user can do.
        remedy: String,
    },
    /// A shipped file is in none of the places where it is looked for.
    #[error("{source}. {remedy}")]
    NotFound {
        /// Which, and every place looked at.
        source: NotShipped,
        /// What the user can do.
        remedy: String,
    },
    /// A property has a value that cannot be used.
    #[error("the property `{property}` cannot be {value:?}: {reason}")]
    Property {
        /// The property.
        property: &'static str,
        /// Its value.
        value: String,
        /// Why not, and what it may be.
        reason: &'static str,
    },
    /// The face detector's file cannot be used.
    #[error(transparent)]
    Detector(#[from] DetectError),
    /// The restoration model cannot be used.
    #[error(transparent)]
    Model(#[from] RestoreError),
    /// The system gives no thread or memory.
    #[error("the system cannot give what restoration needs: {0}")]
    System(String),
}

impl StartError {
    /// The message for the bus: the error's text is the user's text.
    #[must_use]
    pub fn to_message(&self) -> gst::ErrorMessage {
        let domain = match self {
            Self::NoSuchFile { .. } | Self::NotFound { .. } => gst::ResourceError::NotFound,
            Self::Property { .. } | Self::Model(RestoreError::Device { .. }) => gst::ResourceError::Settings,
            Self::Detector(_) | Self::Model(_) => gst::ResourceError::OpenRead,
            Self::System(_) => gst::ResourceError::Failed,
        };
        gst::error_msg!(domain, ("{self}"), ["{self:?}"])
    }
}

/// A frame could not be restored; it passes untouched and this is the text of a warning.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The frame's memory is not what its caps promise.
    #[error("the frame's memory does not fit its caps: {0}")]
    Layout(String),
    /// A step of the restoration failed.
    #[error(transparent)]
    Faces(#[from] FaceRestoreError),
    /// OpenCV failed while corrections were added to the frame.
    #[error("OpenCV failed while a frame was changed: {0}")]
    OpenCv(#[from] opencv::Error),
}
