//! Picture files: reading with clear errors, listing a folder, atomic writing, resizing.

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::{Rgb32FImage, RgbImage};
use walkdir::WalkDir;

pub use crate::picture_error::PictureError;
use crate::picture_error::encode_error;
use crate::picture_file;
pub use crate::picture_file::JPEG_QUALITY;

/// File name endings, in lower case, of the pictures that [`list`] finds and [`read`] understands.
pub const EXTENSIONS: [&str; 3] = ["png", "jpg", "jpeg"];

/// A format that pictures are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Lossless.
    Png,
    /// JPEG of quality 95 ([`JPEG_QUALITY`]).
    Jpeg,
}

/// Reads a PNG or JPEG file, whatever its name, as 8-bit RGB. Grey becomes RGB, 16 bits become 8, an
/// alpha channel is dropped, and the camera's orientation (EXIF) is applied.
///
/// # Errors
/// [`PictureError::Read`] when the file cannot be opened, [`PictureError::Content`] when it is empty,
/// truncated, of another format or without pixels.
pub fn read(path: &Path) -> Result<RgbImage, PictureError> {
    Ok(picture_file::decode(path)?.picture.into_rgb8())
}

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

fn extension(path: &Path) -> Option<String> {
    path.extension().and_then(OsStr::to_str).map(str::to_ascii_lowercase)
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
    let mut folders: BTreeMap<&Path, HashSet<&OsStr>> = BTreeMap::new();
    for file in files {
        if let (Some(folder), Some(name)) = (file.parent(), file.file_name()) {
            folders.entry(folder).or_default().insert(name);
        }
    }
    for (folder, names) in folders {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        make_and_clear(folder, |name| {
            restore_core::temporary_target(name).is_some_and(|name| names.contains(name))
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

/// Resizes with a Lanczos filter (three lobes) that widens with the reduction, so that nothing aliases.
/// A picture that has the size already comes back unchanged.
///
/// # Errors
/// [`PictureError::Resize`] when a side is 0.
pub fn resize_antialiased(picture: &RgbImage, width: u32, height: u32) -> Result<RgbImage, PictureError> {
    resize_rgb8(picture, width, height, ResizeAlg::Convolution(FilterType::Lanczos3))
}

/// Resizes by bilinear interpolation between the four nearest pixels, also when shrinking: what
/// `cv2.resize(…, INTER_LINEAR)` does.
///
/// # Errors
/// [`PictureError::Resize`] when a side is 0.
pub fn resize_bilinear(picture: &RgbImage, width: u32, height: u32) -> Result<RgbImage, PictureError> {
    resize_rgb8(picture, width, height, ResizeAlg::Interpolation(FilterType::Bilinear))
}

/// [`resize_bilinear`] for float pictures of any value range.
///
/// # Errors
/// [`PictureError::Resize`] when a side is 0.
pub fn resize_bilinear_f32(
    picture: &Rgb32FImage,
    width: u32,
    height: u32,
) -> Result<Rgb32FImage, PictureError> {
    resize_rgb32f(picture, width, height, ResizeAlg::Interpolation(FilterType::Bilinear))
}

/// Resizes a float picture of any value range with a cubic filter (Catmull-Rom), which passes through the
/// pixels when enlarging and widens with the reduction when shrinking.
///
/// # Errors
/// [`PictureError::Resize`] when a side is 0.
pub fn resize_cubic_f32(picture: &Rgb32FImage, width: u32, height: u32) -> Result<Rgb32FImage, PictureError> {
    resize_rgb32f(picture, width, height, ResizeAlg::Convolution(FilterType::CatmullRom))
}

/// The same values, 0..=255, as floats.
#[must_use]
pub fn to_f32(picture: &RgbImage) -> Rgb32FImage {
    let mut floats = Rgb32FImage::new(picture.width(), picture.height());
    for (float, &byte) in floats.iter_mut().zip(picture.as_raw()) {
        *float = f32::from(byte);
    }
    floats
}

/// Values rounded to the nearest whole number and clipped to 0..=255.
#[must_use]
pub fn to_rgb8(picture: &Rgb32FImage) -> RgbImage {
    let mut bytes = RgbImage::new(picture.width(), picture.height());
    for (byte, &float) in bytes.iter_mut().zip(picture.as_raw()) {
        // The conversion cuts off and saturates, so a half is added first.
        *byte = (float + 0.5) as u8;
    }
    bytes
}

/// The largest centred square of `picture`, [resized](resize_antialiased) to `size`×`size` pixels.
///
/// # Errors
/// [`PictureError::Resize`] when a side is 0.
pub fn resize_to_square(picture: &RgbImage, size: u32) -> Result<RgbImage, PictureError> {
    let (width, height) = picture.dimensions();
    let side = width.min(height);
    if width == height {
        return resize_antialiased(picture, size, size);
    }
    let centre = image::imageops::crop_imm(picture, (width - side) / 2, (height - side) / 2, side, side);
    resize_antialiased(&centre.to_image(), size, size)
}

fn resize_rgb32f(
    picture: &Rgb32FImage,
    width: u32,
    height: u32,
    algorithm: ResizeAlg,
) -> Result<Rgb32FImage, PictureError> {
    let mut resized = Rgb32FImage::new(width, height);
    resize(
        (picture.dimensions(), bytemuck::cast_slice(picture.as_raw())),
        ((width, height), bytemuck::cast_slice_mut(&mut resized)),
        PixelType::F32x3,
        algorithm,
    )?;
    Ok(resized)
}

fn resize_rgb8(
    picture: &RgbImage,
    width: u32,
    height: u32,
    algorithm: ResizeAlg,
) -> Result<RgbImage, PictureError> {
    let mut resized = RgbImage::new(width, height);
    resize(
        (picture.dimensions(), picture.as_raw()),
        ((width, height), &mut resized),
        PixelType::U8x3,
        algorithm,
    )?;
    Ok(resized)
}

fn resize(
    (from, source): ((u32, u32), &[u8]),
    (to, target): ((u32, u32), &mut [u8]),
    pixel: PixelType,
    algorithm: ResizeAlg,
) -> Result<(), PictureError> {
    let failed = |reason: String| PictureError::Resize { from, to, reason };
    if [from.0, from.1, to.0, to.1].contains(&0) {
        return Err(failed("a side is 0".to_owned()));
    }
    let source = ImageRef::new(from.0, from.1, source, pixel).map_err(|error| failed(error.to_string()))?;
    let mut target =
        Image::from_slice_u8(to.0, to.1, target, pixel).map_err(|error| failed(error.to_string()))?;
    Resizer::new()
        .resize(&source, &mut target, &ResizeOptions::new().resize_alg(algorithm))
        .map_err(|error| failed(error.to_string()))
}
