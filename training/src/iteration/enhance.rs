// SPDX-License-Identifier: MIT OR Apache-2.0
//! x* = f(x) of some pictures.

use image::RgbImage;
use restore_core::Restorer;

use crate::data::config::DataKind;
use crate::restore::{AlignedError, restore_aligned, restore_tiled};

/// f of some pictures, each at its own size; `seeds` has one seed per picture for the sampler's noise.
///
/// An aligned face, a square of any size, is seen by the network as a whole; of a picture of another kind it sees tiles
/// at the picture's own scale.
///
/// # Errors
/// [`AlignedError`] when an aligned face is not square or the network fails.
pub fn enhance(
    restorer: &dyn Restorer,
    kind: DataKind,
    pictures: &[&RgbImage],
    seeds: &[u64],
) -> Result<Vec<RgbImage>, AlignedError> {
    match kind {
        DataKind::Faces => restore_aligned(restorer, pictures, seeds, 1.0),
        DataKind::Pictures => {
            let pairs = pictures.iter().zip(seeds);
            Ok(pairs
                .map(|(picture, &seed)| restore_tiled(restorer, picture, seed))
                .collect::<Result<_, _>>()?)
        }
    }
}
