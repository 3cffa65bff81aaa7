// SPDX-License-Identifier: MIT OR Apache-2.0
//! The tree that BigGAN-PyTorch (ajbrock/BigGAN-PyTorch) trains on, and that its `make_hdf5.py` makes an HDF5 file of.
//!
//! For `--data_root OUT --dataset I128`, and I32, I64 and I256 likewise, its `utils.py` looks for pictures in `OUT/ImageNet`, and
//! `ImageFolder` in its `datasets.py` takes every folder directly below for a class, in the order of their names, and every
//! picture anywhere below that for one of the class. With `--dataset I128_hdf5` it reads `OUT/ILSVRC128.hdf5`.

use std::path::{Path, PathBuf};

use super::error::ExportError;
use super::source::Source;
use crate::jobs::files::{Job, Jobs};
use crate::jobs::in_parallel;
use crate::jobs::naming::Naming;
use crate::picture::{self, PictureError};

/// Pictures that are read at once.
const BATCH: usize = 16;

/// The folder of pictures below the data root.
const ROOT: &str = "ImageNet";

/// The class of pictures that have none.
const ONE_CLASS: &str = "faces";

/// Sides that BigGAN-PyTorch has networks for.
const SIDES: [u32; 4] = [32, 64, 128, 256];

/// Writes `source` as PNG files below `output`, the data root. Pictures that are there already are left alone, so an interrupted
/// export goes on. `progress` is given numbers of pictures done. Returns the jobs, and why pictures were left out.
///
/// # Errors
/// [`ExportError::Side`] for another side than 32, 64, 128 or 256, [`ExportError::OtherSize`] when pictures of another size are
/// there, and [`ExportError::Picture`] with a full disk.
pub fn export_for_biggan(
    source: &Source,
    output: &Path,
    mut progress: impl FnMut(usize),
) -> Result<(Jobs, Vec<String>), ExportError> {
    if !SIDES.contains(&source.size) {
        let (program, allowed) = ("BigGAN-PyTorch", "32, 64, 128 and 256");
        return Err(ExportError::Side { side: source.size, program, allowed });
    }
    let root = output.join(ROOT);
    let root = if source.classes.is_some() { root } else { root.join(ONE_CLASS) };
    let jobs = Jobs::find(&source.folder, &root, Naming::Png)?;
    for job in jobs.all.iter().filter(|job| job.is_done()) {
        check_size(&job.output, source.size)?;
    }
    let mut left_out = Vec::new();
    for jobs in jobs.missing.chunks(BATCH) {
        for done in in_parallel(jobs, |job| export(source, job)) {
            match done {
                // A full disk will not get better with the next picture.
                Err(error) if error.is_full_disk() => return Err(error.into()),
                Err(error) => left_out.push(error.to_string()),
                Ok(()) => {}
            }
        }
        progress(jobs.len());
    }
    Ok((jobs, left_out))
}

fn export(source: &Source, job: &Job) -> Result<(), PictureError> {
    let below: PathBuf = job.input.strip_prefix(&source.folder).unwrap_or(&job.input).to_owned();
    source.class(&below)?;
    picture::write(&job.output, &source.read(&job.input)?)
}

/// A picture of an earlier export has the size of this one.
fn check_size(path: &Path, side: u32) -> Result<(), ExportError> {
    match image::image_dimensions(path) {
        Ok(size) if size == (side, side) => Ok(()),
        _ => Err(ExportError::OtherSize { path: path.to_owned(), side }),
    }
}
