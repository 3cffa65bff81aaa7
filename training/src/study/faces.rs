// SPDX-License-Identifier: MIT OR Apache-2.0
//! The pictures of a study: every true face with the pictures of the same name that the systems made.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use image::RgbImage;

use super::error::StudyError;
use crate::evaluate::RestoredFolder;
use crate::picture;

/// Least and most systems that a study compares: one needs no comparison, and a rater has nine number keys.
pub const SYSTEMS: std::ops::RangeInclusive<usize> = 2..=9;

/// How far the ratio of the sides may be from the true face's: one pixel in a hundred.
const SHAPE_TOLERANCE: f64 = 0.01;

/// The files of one face.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaceFiles {
    /// The true face's name without folder and ending.
    pub name: String,
    /// The true face.
    pub truth: PathBuf,
    /// The input of the systems, where it is to be shown.
    pub degraded: Option<PathBuf>,
    /// The results, in the order of the systems.
    pub restored: Vec<PathBuf>,
}

/// The pictures of one face, all of one size.
#[derive(Debug)]
pub struct FacePictures {
    /// The true face.
    pub truth: RgbImage,
    /// The input of the systems.
    pub degraded: Option<RgbImage>,
    /// The results, in the order of the systems.
    pub restored: Vec<RgbImage>,
}

/// Finds the first `limit` faces of the folder `truth` in the order of their names, and their counterparts.
///
/// # Errors
/// [`StudyError`] when the systems are too few, too many or of one name, a folder cannot be read or is empty; and
/// [`StudyError::Unusable`] with every counterpart that is missing.
pub fn find(
    truth: &Path,
    systems: &[RestoredFolder],
    degraded: Option<&Path>,
    limit: Option<usize>,
) -> Result<Vec<FaceFiles>, StudyError> {
    if !SYSTEMS.contains(&systems.len()) {
        return Err(StudyError::Systems(systems.len()));
    }
    let mut seen = HashSet::new();
    if let Some(system) = systems.iter().find(|system| !seen.insert(&system.name)) {
        return Err(StudyError::SameSystem(system.name.clone()));
    }
    let mut files = picture::list(truth)?;
    files.truncate(limit.unwrap_or(usize::MAX));
    if files.is_empty() {
        return Err(StudyError::Empty(truth.to_owned()));
    }
    let mut missing = Vec::new();
    let mut faces: Vec<FaceFiles> = Vec::with_capacity(files.len());
    for file in files {
        let name = picture::stem(&file);
        if let Some(other) = faces.iter().find(|face| face.name == name) {
            return Err(StudyError::SameFace { first: other.truth.clone(), second: file });
        }
        let mut counterpart = |folder: &Path| {
            let found = picture::find(folder, &file);
            if found.is_none() {
                missing.push(format!("no picture for {} in {}", file.display(), folder.display()));
            }
            found
        };
        let degraded = degraded.and_then(&mut counterpart);
        let restored = systems.iter().filter_map(|system| counterpart(&system.folder)).collect();
        faces.push(FaceFiles { name, truth: file, degraded, restored });
    }
    if missing.is_empty() { Ok(faces) } else { Err(StudyError::Unusable(missing)) }
}

impl FaceFiles {
    /// Reads the pictures and resizes them to the true face's size, or to `size` pixels along its longer side.
    ///
    /// # Errors
    /// [`StudyError::Picture`] for one that cannot be read, [`StudyError::Shape`] for one of another shape.
    pub fn read(&self, size: Option<u32>) -> Result<FacePictures, StudyError> {
        let truth = picture::read(&self.truth)?;
        let shape = truth.dimensions();
        let (width, height) = shown_size(shape, size);
        let read = |path: &PathBuf| -> Result<RgbImage, StudyError> {
            let picture = picture::read(path)?;
            let size = picture.dimensions();
            if (ratio(size) / ratio(shape) - 1.0).abs() > SHAPE_TOLERANCE {
                return Err(StudyError::Shape { path: path.clone(), size, truth: shape });
            }
            Ok(picture::resize_antialiased(&picture, width, height)?)
        };
        Ok(FacePictures {
            degraded: self.degraded.as_ref().map(read).transpose()?,
            restored: self.restored.iter().map(read).collect::<Result<_, _>>()?,
            truth: picture::resize_antialiased(&truth, width, height)?,
        })
    }
}

fn ratio((width, height): (u32, u32)) -> f64 {
    f64::from(width) / f64::from(height)
}

/// Width and height with `longer` pixels along the longer side.
fn shown_size((width, height): (u32, u32), longer: Option<u32>) -> (u32, u32) {
    let Some(longer) = longer else { return (width, height) };
    let scaled = |side: u32| {
        let scale = f64::from(longer) / f64::from(width.max(height));
        ((f64::from(side) * scale).round() as u32).max(1)
    };
    (scaled(width), scaled(height))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longer_side_gets_the_size() {
        assert_eq!(shown_size((600, 400), None), (600, 400));
        assert_eq!(shown_size((600, 400), Some(300)), (300, 200));
        assert_eq!(shown_size((400, 601), Some(300)), (200, 300));
        assert_eq!(shown_size((1, 4000), Some(16)), (1, 16));
    }
}
