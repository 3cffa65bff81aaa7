// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why a picture file cannot be read, written or resized.

use std::path::PathBuf;

use image::ImageError;

/// A picture file that cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// The file or folder is missing, not permitted, …
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The file is there, but its content is not a whole picture.
    #[error("{} is not a readable picture: {reason}. Supported are whole files of PNG, JPEG, WebP, TIFF, GIF and BMP: convert it to one of these", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What the decoder found.
        reason: String,
    },
    /// A whole picture that is not of the kind that is asked for.
    #[error("{}: {reason}", path.display())]
    Unfit {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// The file cannot be written (disk full, no permission, …). Nothing is left of it.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file that was to be written.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The file name's ending names no format that this program writes.
    #[error("cannot write {}: name it .png, .jpg or .jpeg", path.display())]
    Extension {
        /// The file that was to be written.
        path: PathBuf,
    },
    /// A picture that the encoder refuses (a side of 0 or beyond the format's limit).
    #[error("cannot encode a picture of {width}×{height} pixels: {reason}")]
    Encode {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// The encoder's reason.
        reason: String,
    },
    /// A resize from or to a picture without pixels.
    #[error("cannot resize a picture of {from:?} pixels to {to:?}: {reason}")]
    Resize {
        /// Width and height before.
        from: (u32, u32),
        /// Width and height wanted.
        to: (u32, u32),
        /// What is wrong.
        reason: String,
    },
}

impl PictureError {
    /// Whether the disk, or the user's share of it, is full, so that no other file can be written either. Any other reason may
    /// be of this file alone.
    #[must_use]
    pub fn is_full_disk(&self) -> bool {
        use std::io::ErrorKind::{QuotaExceeded, StorageFull};

        matches!(self, Self::Write { source, .. } if matches!(source.kind(), StorageFull | QuotaExceeded))
    }
}

/// What the encoder refused.
pub(crate) fn encode_error(width: u32, height: u32, error: &ImageError) -> PictureError {
    PictureError::Encode { width, height, reason: error.to_string() }
}
