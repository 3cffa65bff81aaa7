// SPDX-License-Identifier: MIT OR Apache-2.0
//! The archive that StyleGAN2-ADA (NVlabs/stylegan2-ada-pytorch) trains on.
//!
//! As its `dataset_tool.py` documents and writes it, and `ImageFolderDataset` in its `training/dataset.py` reads it: an uncompressed
//! zip archive of uncompressed PNG files, all of one square size whose side is a power of two, named by their number, five digits of
//! its eight as a folder (`00000/img00000000.png`); and `dataset.json` at its root, `{"labels": [["00000/img00000000.png", 6], …]}`
//! with a class for every picture, or `{"labels": null}`.

use std::io::Write;
use std::path::Path;

use image::RgbImage;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::error::ExportError;
use super::source::Source;
use crate::jobs::in_parallel;
use crate::picture::{self, PictureError};

/// Pictures that are read at once.
const BATCH: usize = 16;

/// The file of labels.
const LABELS: &str = "dataset.json";

/// Writes `source` as the archive `output`, whole or not at all. The same pictures give the same bytes. `progress` is given numbers
/// of pictures done. Returns how many pictures the archive has, and why others were left out.
///
/// # Errors
/// [`ExportError::Side`] for another side than a power of two, [`ExportError::NoZip`] for another name, which
/// `ImageFolderDataset` refuses, [`ExportError::NothingLeft`], and [`ExportError::Picture`] with a full disk.
pub fn export_for_stylegan2(
    source: &Source,
    output: &Path,
    mut progress: impl FnMut(usize),
) -> Result<(usize, Vec<String>), ExportError> {
    if !source.size.is_power_of_two() {
        let (program, allowed) = ("StyleGAN2-ADA", "powers of two");
        return Err(ExportError::Side { side: source.size, program, allowed });
    }
    if output.extension().is_none_or(|ending| ending != "zip") {
        return Err(ExportError::NoZip(output.to_owned()));
    }
    picture::prepare_outputs([output])?;
    // Stored, and no times: what is written depends on the pictures alone.
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(zip::DateTime::default());
    let (mut entries, mut labels, mut left_out) = (0, Vec::new(), Vec::new());
    let written = restore_core::write_atomically_with(output, |file| {
        let mut archive = ZipWriter::new(file);
        for files in source.files.chunks(BATCH) {
            for picture in in_parallel(files, |file| encoded(source, file)) {
                match picture {
                    Ok((bytes, class)) => {
                        let name = entry_name(entries);
                        archive.start_file(&name, options)?;
                        archive.write_all(&bytes)?;
                        labels.extend(class.map(|class| (name, class)));
                        entries += 1;
                    }
                    Err(error) => left_out.push(error.to_string()),
                }
            }
            progress(files.len());
        }
        if entries == 0 {
            // The error that is returned below says why.
            return Err(std::io::ErrorKind::InvalidInput.into());
        }
        archive.start_file(LABELS, options)?;
        let labels = source.classes.is_some().then_some(&labels);
        archive.write_all(serde_json::json!({ "labels": labels }).to_string().as_bytes())?;
        archive.finish()?;
        Ok(())
    });
    if let (0, Some(first)) = (entries, left_out.first()) {
        let (folder, count) = (source.folder.clone(), source.files.len());
        return Err(ExportError::NothingLeft { folder, count, first: first.clone() });
    }
    written.map_err(|source| PictureError::Write { path: output.to_owned(), source })?;
    Ok((entries, left_out))
}

/// The name of picture `number`.
fn entry_name(number: usize) -> String {
    let digits = format!("{number:08}");
    format!("{}/img{digits}.png", &digits[..5])
}

/// The PNG file of a picture, and its class.
fn encoded(source: &Source, file: &Path) -> Result<(Vec<u8>, Option<usize>), PictureError> {
    let class = source.class(file)?;
    Ok((uncompressed_png(&source.read(&source.folder.join(file))?)?, class))
}

/// A PNG file whose pixels are stored as they are, which loaders decode fastest.
fn uncompressed_png(picture: &RgbImage) -> Result<Vec<u8>, PictureError> {
    let mut bytes = Vec::new();
    let encoder =
        PngEncoder::new_with_quality(&mut bytes, CompressionType::Uncompressed, FilterType::NoFilter);
    picture.write_with_encoder(encoder).map_err(|error| PictureError::Encode {
        width: picture.width(),
        height: picture.height(),
        reason: error.to_string(),
    })?;
    Ok(bytes)
}
