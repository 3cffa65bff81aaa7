// SPDX-License-Identifier: MIT OR Apache-2.0
//! Pictures of the same names from several folders side by side, and what a generator made.

use std::path::{Path, PathBuf};

use image::RgbImage;
use serde::Deserialize;

use super::error::ReportError;
use super::experiment::text;
use crate::data::degradation::DegradationParams;
use crate::picture::contact_sheet::{Heading, Tile, contact_sheet};
use crate::picture::{self, PictureError};

/// The record that `idm degrade` leaves beside its pictures.
const RECORDS: &str = "degradations.jsonl";

/// Side in pixels of a picture on a sheet, of larger ones.
const TILE: u32 = 192;

/// Rows of a sheet.
const ROWS: usize = 6;

/// Columns of samples of one generator, and its rows.
const SAMPLES: (usize, usize) = (5, 4);

/// A folder of pictures and what is written above them.
pub(super) struct Column {
    pub(super) label: String,
    pub(super) folder: PathBuf,
}

impl Column {
    pub(super) fn new(label: &str, folder: PathBuf) -> Self {
        Self { label: label.to_owned(), folder }
    }
}

/// A line of the record.
#[derive(Deserialize)]
struct Record {
    file: String,
    params: DegradationParams,
}

/// Names without ending of the first pictures in `folder` that `idm degrade` damaged, as many as a sheet has rows.
pub(super) fn damaged(folder: &Path) -> Result<Vec<String>, ReportError> {
    let path = folder.join(RECORDS);
    let records = text(&path)?;
    let mut names = Vec::new();
    for line in records.lines() {
        let record: Record = serde_json::from_str(line)
            .map_err(|error| ReportError::Content { path: path.clone(), reason: error.to_string() })?;
        if !record.params.clean {
            names.push(picture::name(Path::new(&record.file)));
        }
    }
    names.truncate(ROWS);
    Ok(names)
}

/// Names without ending of the first pictures in `folder`, as many as a sheet has rows.
pub(super) fn first(folder: &Path) -> Result<Vec<String>, ReportError> {
    let files = picture::list_tree(folder)?;
    Ok(files.iter().take(ROWS).map(|file| picture::name(file)).collect())
}

/// A sheet under `group` with a row for each of `names` and a column for each folder.
pub(super) fn side_by_side(
    group: &str,
    columns: &[Column],
    names: &[String],
) -> Result<RgbImage, ReportError> {
    let heading = |column: &Column| Heading { group: group.to_owned(), label: column.label.clone() };
    let row = |name: &String| columns.iter().map(|column| tile(&column.folder, name)).collect();
    let rows = names.iter().map(row).collect::<Result<Vec<Vec<Tile>>, ReportError>>()?;
    Ok(contact_sheet(&columns.iter().map(heading).collect::<Vec<_>>(), &rows))
}

/// A sheet with the first samples of each generator beside those of the others.
pub(super) fn samples(generators: &[Column]) -> Result<RgbImage, ReportError> {
    let (columns, rows) = SAMPLES;
    let mut headings = Vec::new();
    let mut sheet: Vec<Vec<Tile>> = vec![Vec::new(); rows];
    for generator in generators {
        headings
            .extend((0..columns).map(|_| Heading { group: generator.label.clone(), label: String::new() }));
        for (row, tiles) in sheet.iter_mut().enumerate() {
            for column in 0..columns {
                tiles.push(tile(&generator.folder, &format!("{:06}", row * columns + column))?);
            }
        }
    }
    Ok(contact_sheet(&headings, &sheet))
}

/// The picture `name` of `folder`, no larger than a tile.
fn tile(folder: &Path, name: &str) -> Result<Tile, ReportError> {
    let path = picture::find(folder, Path::new(name)).unwrap_or_else(|| folder.join(format!("{name}.png")));
    let shown = picture::read(&path)?;
    let (width, height) = shown.dimensions();
    if width != height {
        let reason = format!("{width}×{height} pixels are not square");
        return Err(PictureError::Unfit { path, reason }.into());
    }
    let side = width.min(TILE);
    Ok(Tile { caption: String::new(), picture: picture::resize_antialiased(&shown, side, side)? })
}
