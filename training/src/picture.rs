//! Picture files: reading with clear errors, listing a folder, atomic writing, resizing.

use std::ffi::OsStr;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::{DynamicImage, ImageDecoder, ImageError, ImageReader, Rgb32FImage, RgbImage};
use walkdir::WalkDir;

/// File name endings, in lower case, of the pictures that [`list`] finds and [`read`] understands.
pub const EXTENSIONS: [&str; 3] = ["png", "jpg", "jpeg"];

/// JPEG quality of [`write()`]: high enough that the encoder hides nothing of the restoration.
const JPEG_QUALITY: u8 = 95;

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
    #[error("{} is not a readable picture: {reason}. Supported are whole PNG and JPEG files", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What the decoder found.
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

/// Reads a PNG or JPEG file, whatever its name, as 8-bit RGB. Grey becomes RGB, 16 bits become 8, an
/// alpha channel is dropped, and the camera's orientation (EXIF) is applied.
///
/// # Errors
/// [`PictureError::Read`] when the file cannot be opened, [`PictureError::Content`] when it is empty,
/// truncated, of another format or without pixels.
pub fn read(path: &Path) -> Result<RgbImage, PictureError> {
    let file = File::open(path).map_err(|source| PictureError::Read { path: path.to_owned(), source })?;
    let content = |reason: String| PictureError::Content { path: path.to_owned(), reason };
    let reader = ImageReader::new(BufReader::new(file))
        .with_guessed_format()
        .map_err(|source| PictureError::Read { path: path.to_owned(), source })?;
    let decoded = reader.into_decoder().and_then(|mut decoder| {
        let orientation = decoder.orientation()?;
        let mut picture = DynamicImage::from_decoder(decoder)?;
        picture.apply_orientation(orientation);
        Ok(picture)
    });
    let picture = match decoded {
        Ok(picture) => picture.into_rgb8(),
        // A folder opens like a file and only fails on reading.
        Err(ImageError::IoError(source)) if source.kind() == std::io::ErrorKind::IsADirectory => {
            return Err(PictureError::Read { path: path.to_owned(), source });
        }
        Err(error) => return Err(content(error.to_string())),
    };
    if picture.width() == 0 || picture.height() == 0 {
        return Err(content("it has no pixels".to_owned()));
    }
    Ok(picture)
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
        if has_picture_name(&path) {
            files.push(path.strip_prefix(folder).unwrap_or(&path).to_owned());
        }
    }
    files.sort();
    Ok(files)
}

/// The file's name without folder and ending, the name of a face in reports and for seeds.
#[must_use]
pub fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
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
    let mut bytes = Vec::new();
    let encoded = match extension(path).as_deref() {
        Some("png") => picture.write_with_encoder(PngEncoder::new(&mut bytes)),
        Some("jpg" | "jpeg") => {
            picture.write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY))
        }
        _ => return Err(PictureError::Extension { path: path.to_owned() }),
    };
    encoded.map_err(|error| PictureError::Encode {
        width: picture.width(),
        height: picture.height(),
        reason: error.to_string(),
    })?;
    write_atomically(path, &bytes)
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

/// Makes `folder` and its parents where missing, and removes temporary files that a killed run left there.
///
/// # Errors
/// [`PictureError::Write`] when the folder cannot be made.
pub fn prepare_output_folder(folder: &Path) -> Result<(), PictureError> {
    let failed = |source| PictureError::Write { path: folder.to_owned(), source };
    std::fs::create_dir_all(folder).map_err(failed)?;
    for entry in std::fs::read_dir(folder).map_err(failed)?.flatten() {
        let name = entry.file_name();
        let name = name.as_encoded_bytes();
        if name.starts_with(b".") && name.ends_with(restore_core::TEMPORARY_SUFFIX.as_bytes()) {
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
