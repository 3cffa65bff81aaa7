// SPDX-License-Identifier: MIT OR Apache-2.0
//! Files written whole or not at all, pictures above all, and the folders that they are written to.

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsStr;
use std::path::Path;

use image::RgbImage;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;

use super::error::{PictureError, encode_error};
use super::listing::extension;

/// JPEG quality of what is written (without chroma subsampling): high enough to hide nothing of the restoration.
pub const JPEG_QUALITY: u8 = 95;

/// A format that pictures are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Lossless.
    Png,
    /// JPEG of quality 95 ([`JPEG_QUALITY`]).
    Jpeg,
}

/// Writes `picture` as PNG or JPEG (quality 95), whichever the name of `path` asks for, [atomically].
///
/// # Errors
/// [`PictureError::Extension`] for another ending, [`PictureError::Encode`] and [`PictureError::Write`].
///
/// [atomically]: write_atomically
pub fn write(path: &Path, picture: &RgbImage) -> Result<(), PictureError> {
    let format = match extension(path).as_deref() {
        Some("png") => Format::Png,
        Some("jpg" | "jpeg") => Format::Jpeg,
        _ => return Err(PictureError::Extension { path: path.to_owned() }),
    };
    write_atomically(path, &encode(picture, format)?)
}

/// The bytes of a picture file.
///
/// # Errors
/// [`PictureError::Encode`] for a picture that the format cannot hold.
pub fn encode(picture: &RgbImage, format: Format) -> Result<Vec<u8>, PictureError> {
    let mut bytes = Vec::new();
    let encoded = match format {
        Format::Png => picture.write_with_encoder(PngEncoder::new(&mut bytes)),
        Format::Jpeg => picture.write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY)),
    };
    encoded.map_err(|error| encode_error(picture.width(), picture.height(), &error))?;
    Ok(bytes)
}

/// Writes `bytes` to a hidden temporary file beside `path`, syncs it to the disk and renames it to `path`:
/// whoever looks sees the old file or the whole new one. A failure removes the temporary file.
///
/// # Errors
/// [`PictureError::Write`], naming `path`.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), PictureError> {
    restore_core::write_atomically(path, bytes)
        .map_err(|source| PictureError::Write { path: path.to_owned(), source })
}

/// Makes `folder` and its parents where missing, and removes all temporary files that a killed run left there: for a
/// folder that one process at a time writes to, as that of a training run.
///
/// # Errors
/// [`PictureError::Write`] when the folder cannot be made.
pub fn prepare_output_folder(folder: &Path) -> Result<(), PictureError> {
    make_and_clear(folder, |name| {
        let name = name.as_encoded_bytes();
        name.starts_with(b".") && name.ends_with(restore_core::TEMPORARY_SUFFIX.as_bytes())
    })
}

/// Makes the folders of `files` where missing, and removes temporary files that a killed run of [`write_atomically`] left
/// of them. Those of other files stay: another process may be writing them at this moment.
///
/// # Errors
/// [`PictureError::Write`] when a folder cannot be made or read.
pub fn prepare_outputs<'a>(files: impl IntoIterator<Item = &'a Path>) -> Result<(), PictureError> {
    let mut folders: BTreeMap<&Path, HashSet<Vec<u8>>> = BTreeMap::new();
    for file in files {
        if let (Some(folder), Some(name)) = (file.parent(), file.file_name()) {
            let stem = restore_core::temporary_stem(name).into_owned();
            folders.entry(folder).or_default().insert(stem.into_encoded_bytes());
        }
    }
    for (folder, names) in folders {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        make_and_clear(folder, |name| {
            restore_core::stem_of_temporary(name).is_some_and(|stem| names.contains(stem))
        })?;
    }
    Ok(())
}

fn make_and_clear(folder: &Path, left_over: impl Fn(&OsStr) -> bool) -> Result<(), PictureError> {
    let failed = |source| PictureError::Write { path: folder.to_owned(), source };
    std::fs::create_dir_all(folder).map_err(failed)?;
    for entry in std::fs::read_dir(folder).map_err(failed)?.flatten() {
        if left_over(&entry.file_name()) {
            std::fs::remove_file(entry.path()).map_err(failed)?;
        }
    }
    Ok(())
}
