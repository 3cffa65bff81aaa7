// SPDX-License-Identifier: MIT OR Apache-2.0
//! The pictures of a folder, found by their names.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use super::error::PictureError;

/// File name endings, in lower case, of the pictures that [`list`] finds and [`read`](super::read()) understands.
pub const EXTENSIONS: [&str; 9] = ["png", "jpg", "jpeg", "jpe", "jfif", "webp", "tif", "tiff", "bmp"];

/// Those of them that are read and not written: a result of such a picture is PNG.
const READ_ONLY: [&str; 4] = ["webp", "tif", "tiff", "bmp"];

/// Endings of pictures that cannot be read here.
const UNREADABLE: [&str; 9] = ["gif", "avif", "heic", "heif", "jxl", "jp2", "psd", "dng", "raw"];

/// The picture files directly in `folder`, by their name's ending, sorted by name. Hidden files are left out.
///
/// # Errors
/// [`PictureError::Read`] when the folder cannot be read.
pub fn list(folder: &Path) -> Result<Vec<PathBuf>, PictureError> {
    let failed = |source| PictureError::Read { path: folder.to_owned(), source };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if has_picture_name(&path) && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// The picture files anywhere below `folder`, by their names' endings: paths relative to `folder`, sorted. Hidden files and
/// folders are left out, links are followed. No file is opened or asked for its properties, so that a folder of 100 000
/// pictures is listed in a fraction of a second.
///
/// # Errors
/// [`PictureError::Read`] when a folder cannot be read, or is a link to one that it lies in.
pub fn list_tree(folder: &Path) -> Result<Vec<PathBuf>, PictureError> {
    let mut files = visible_files(folder)?;
    files.retain(|file| has_picture_name(file));
    Ok(files)
}

/// The files anywhere below `folder` that are no pictures by their names, like [`list_tree`].
///
/// # Errors
/// As [`list_tree`].
pub fn list_other_files(folder: &Path) -> Result<Vec<PathBuf>, PictureError> {
    let mut files = visible_files(folder)?;
    files.retain(|file| !has_picture_name(file));
    Ok(files)
}

/// The files anywhere below `folder` that are pictures by their names and cannot be read here, like [`list_tree`].
///
/// # Errors
/// As [`list_tree`].
pub fn list_unreadable(folder: &Path) -> Result<Vec<PathBuf>, PictureError> {
    let mut files = visible_files(folder)?;
    files.retain(|file| extension(file).is_some_and(|ending| UNREADABLE.contains(&ending.as_str())));
    Ok(files)
}

fn visible_files(folder: &Path) -> Result<Vec<PathBuf>, PictureError> {
    let visible = |entry: &walkdir::DirEntry| entry.depth() == 0 || !is_hidden(entry.path());
    let mut files = Vec::new();
    for entry in WalkDir::new(folder).min_depth(1).follow_links(true).into_iter().filter_entry(visible) {
        let path = match entry {
            Ok(entry) if entry.file_type().is_dir() => continue,
            Ok(entry) => entry.into_path(),
            Err(error) => match error.path() {
                // A link to nowhere: a broken file like others, reported when it is read.
                Some(path) if path.is_symlink() && error.loop_ancestor().is_none() => path.to_owned(),
                path => {
                    let path = path.unwrap_or(folder).to_owned();
                    return Err(PictureError::Read { path, source: error.into() });
                }
            },
        };
        files.push(path.strip_prefix(folder).unwrap_or(&path).to_owned());
    }
    files.sort();
    Ok(files)
}

/// The name of the result of the picture `file` that keeps its format where that is written here: `file` itself, or with `.png`
/// behind its own ending.
#[must_use]
pub fn result_name(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    if extension(file).is_some_and(|ending| READ_ONLY.contains(&ending.as_str())) {
        name.push(".png");
    }
    name.into()
}

/// The file's name without folder and ending, the name of a face in reports and for seeds.
#[must_use]
pub fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// The picture file `name` of `folder`, whatever its ending.
#[must_use]
pub fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    EXTENSIONS.map(|ending| folder.join(format!("{name}.{ending}"))).into_iter().find(|path| path.is_file())
}

/// The relative path `file` without its ending, folders separated by `/`: the [`stem`] of a picture in a tree.
#[must_use]
pub fn name(file: &Path) -> String {
    let without_ending = file.with_extension("");
    let parts: Vec<_> = without_ending.iter().map(OsStr::to_string_lossy).collect();
    parts.join("/")
}

fn has_picture_name(path: &Path) -> bool {
    !is_hidden(path) && extension(path).is_some_and(|ending| EXTENSIONS.contains(&ending.as_str()))
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."))
}

/// The ending of a file's name in lower case.
pub(super) fn extension(path: &Path) -> Option<String> {
    path.extension().and_then(OsStr::to_str).map(str::to_ascii_lowercase)
}
