// SPDX-License-Identifier: MIT OR Apache-2.0
//! The batch at which a run diverged, as pictures to look at.

use image::RgbImage;
use restore_core::{RestoreError, faces_to_rgb8};
use serde::Serialize;
use tch::Tensor;

use super::folder::RunFolder;
use crate::picture::{self, PictureError};
use crate::train::parallel::Share;

/// A batch that cannot be saved.
#[derive(Debug, thiserror::Error)]
pub enum DivergedError {
    /// A file cannot be written.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// The tensors are no pictures.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// The numbers cannot be written as JSON.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

/// What is known of the iteration. Numbers that JSON does not have are text.
#[derive(Debug, Serialize)]
pub struct Report<'a> {
    /// Counted from 0.
    pub iteration: u64,
    /// "NaN" or "inf", or a number when it was the gradient that was none.
    pub loss: String,
    /// The same for the norm of the gradient.
    pub gradient_norm: String,
    /// γ of each pair.
    pub gammas: &'a [f32],
}

/// Writes the pairs, [N, 3, S, S] in [-1, 1], as `00-target.png` and `00-degraded.png` (where those are faces and no classes of a
/// generator) to the run's folder `diverged/ITERATION`, beside the report in `batch.json`. Returns that folder's name, which among several processes
/// ends in the number of this one.
///
/// # Errors
/// [`DivergedError`].
pub fn save(
    folder: &RunFolder,
    targets: &Tensor,
    degraded: &Tensor,
    report: &Report,
    share: Share,
) -> Result<std::path::PathBuf, DivergedError> {
    let mut name = format!("{:06}", report.iteration);
    if share.count > 1 {
        name.push_str(&format!("-process{}", share.rank));
    }
    let output = folder.file("diverged").join(name);
    picture::prepare_output_folder(&output)?;
    let side = targets.size()[2] as u32;
    let kinds = [("target", targets), ("degraded", degraded)].into_iter();
    for (kind, faces) in kinds.filter(|(_, faces)| faces.dim() == 4) {
        let pictures =
            faces_to_rgb8(faces)?.into_iter().filter_map(|bytes| RgbImage::from_raw(side, side, bytes));
        for (index, face) in pictures.enumerate() {
            picture::write(&output.join(format!("{index:02}-{kind}.png")), &face)?;
        }
    }
    picture::write_atomically(&output.join("batch.json"), &serde_json::to_vec_pretty(report)?)?;
    Ok(output)
}
