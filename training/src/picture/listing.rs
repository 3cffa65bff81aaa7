// SPDX-License-Identifier: MIT OR Apache-2.0
//! The pictures of a folder, found by their names; where these say too little, by what is in them.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use image::ImageFormat;
use walkdir::WalkDir;

use super::content::Content;
use super::error::PictureError;

/// File name endings, in lower case, of the pictures that [`list`] finds and [`read`](super::read()) understands.
pub const EXTENSIONS: [&str; 10] = ["png", "jpg", "jpeg", "jpe", "jfif", "webp", "tif", "tiff", "gif", "bmp"];

/// Endings of other pictures. Only those files are looked into whose content is a picture that can be read after all.
const OTHER_PICTURES: [&str; 30] = [
    "apng", "arw", "avif", "cr2", "cr3", "dib", "dng", "exr", "hdr", "heic", "heif", "hif", "ico", "j2k",
    "jp2", "jpf", "jxl", "mpo", "nef", "orf", "pbm", "pgm", "ppm", "psd", "raf", "raw", "rw2", "tga", "xcf",
    "pjpeg",
];

/// The files of a folder tree: paths relative to it, sorted. Hidden files and folders are left out, links are followed.
///
/// What a file is follows from its name's ending. Only where that is an unusual one, or there is none, the file is opened, so that
/// a folder of 100 000 pictures is listed in a fraction of a second.
#[derive(Debug, Default)]
pub struct Listing {
    /// Pictures; whether they are whole is seen when they are read.
    pub pictures: Vec<PathBuf>,
    /// Pictures that cannot be read here, and why: they are not to be passed over in silence.
    pub unreadable: Vec<(PathBuf, String)>,
    /// All else.
    pub others: Vec<PathBuf>,
}

impl Listing {
    /// Lists `folder` and all folders below it.
    ///
    /// # Errors
    /// [`PictureError::Read`] when a folder cannot be read, or is a link to one that it lies in.
    pub fn of(folder: &Path) -> Result<Self, PictureError> {
        let mut listing = Self::default();
        for file in visible_files(folder)? {
            match Kind::of(folder, &file) {
                Kind::Picture => listing.pictures.push(file),
                Kind::Unreadable(reason) => listing.unreadable.push((file, reason)),
                Kind::Other => listing.others.push(file),
            }
        }
        Ok(listing)
    }
}

enum Kind {
    Picture,
    Unreadable(String),
    Other,
}

impl Kind {
    /// What the visible file `file` of `folder` is.
    fn of(folder: &Path, file: &Path) -> Self {
        let ending = extension(file);
        if ending.as_deref().is_some_and(|ending| EXTENSIONS.contains(&ending)) {
            return Self::Picture;
        }
        let named = ending.as_deref().filter(|ending| OTHER_PICTURES.contains(ending));
        if named.is_none() && file.extension().is_some() {
            return Self::Other;
        }
        match (Content::of(&folder.join(file)), named) {
            // RAW pictures are TIFF files, in which it is a preview that would be read.
            (Content::Picture(ImageFormat::Tiff) | Content::Several(ImageFormat::Tiff, _), Some(named)) => {
                Self::Unreadable(format!("it is {}", named.to_uppercase()))
            }
            (Content::Picture(_) | Content::Several(..), _) => Self::Picture,
            (Content::Unreadable(reason), Some(_)) => Self::Unreadable(reason),
            (Content::Unreadable(_), None) => Self::Other,
        }
    }
}

/// The [pictures](Listing::pictures) directly in `folder`.
///
/// # Errors
/// [`PictureError::Read`] when the folder cannot be read.
pub fn list(folder: &Path) -> Result<Vec<PathBuf>, PictureError> {
    let failed = |source| PictureError::Read { path: folder.to_owned(), source };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = Path::new(path.file_name().unwrap_or_default());
        if !is_hidden(name) && path.is_file() && matches!(Kind::of(folder, name), Kind::Picture) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// The [pictures](Listing::pictures) anywhere below `folder`.
///
/// # Errors
/// As [`Listing::of`].
pub fn list_tree(folder: &Path) -> Result<Vec<PathBuf>, PictureError> {
    Ok(Listing::of(folder)?.pictures)
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

/// The file's name without folder and ending, the name of a face in reports and for seeds.
#[must_use]
pub fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// The picture in `folder` that is the counterpart of the file `file` elsewhere: of its name, whatever the ending, or with
/// `.png` behind it, as results are called whose pictures share a name or have a format that is not written.
#[must_use]
pub fn find(folder: &Path, file: &Path) -> Option<PathBuf> {
    let own = with_png(Path::new(file.file_name().unwrap_or_default()));
    let endings = EXTENSIONS.map(|ending| PathBuf::from(format!("{}.{ending}", stem(file))));
    std::iter::once(own).chain(endings).map(|name| folder.join(name)).find(|path| path.is_file())
}

/// `file` with `.png` behind its own ending.
#[must_use]
pub fn with_png(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".png");
    name.into()
}

/// The relative path `file` without its ending, folders separated by `/`: the [`stem`] of a picture in a tree.
#[must_use]
pub fn name(file: &Path) -> String {
    slashed(&file.with_extension(""))
}

/// The relative path `file` with its folders separated by `/`.
#[must_use]
pub fn slashed(file: &Path) -> String {
    let parts: Vec<_> = file.iter().map(OsStr::to_string_lossy).collect();
    parts.join("/")
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."))
}

/// The ending of a file's name in lower case.
pub(super) fn extension(path: &Path) -> Option<String> {
    path.extension().and_then(OsStr::to_str).map(str::to_ascii_lowercase)
}
