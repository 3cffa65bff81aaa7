// SPDX-License-Identifier: MIT OR Apache-2.0
//! The look at a generator during its training: pictures of noise that stays the same, by the averaged weights.

use std::path::Path;

use image::RgbImage;
use restore_core::{Checkpoint, Generator, GeneratorOptions, Precision, Sampler, faces_to_rgb8};
use tch::Device;

use super::samples::{LARGEST_CELL, SamplesError, choice};
use crate::picture;
use crate::seed::seed_for;
use crate::train::config::TrainConfig;

/// Pictures made together, which bounds the memory.
const BATCH: usize = 8;

/// The noise of some pictures, always the same for a seed.
#[derive(Debug)]
pub struct Generated {
    seeds: Vec<u64>,
}

impl Generated {
    /// As many pictures as the configuration looks at.
    #[must_use]
    pub fn new(config: &TrainConfig) -> Self {
        let seed = |index: usize| seed_for(config.run.seed, &format!("generated {index}"));
        Self { seeds: (0..config.evaluation.faces).map(seed).collect() }
    }

    /// A grid of the pictures, which `model` makes by DDIM in the number of steps that it recommends: of its classes in turn, row
    /// by row.
    ///
    /// # Errors
    /// [`SamplesError`].
    pub fn look(
        &self,
        model: &Checkpoint,
        device: Device,
        precision: Precision,
    ) -> Result<RgbImage, SamplesError> {
        let options = GeneratorOptions {
            device: choice(device),
            precision: Some(precision),
            sampler: Some(Sampler::Ddim),
            ..GeneratorOptions::default()
        };
        let generator = Generator::new(model, Path::new("of the run"), &options)?;
        let (count, side) = (model.config.unet.condition.classes(), model.config.crop_size);
        let classes: Vec<Option<usize>> =
            (0..self.seeds.len()).map(|index| index.checked_rem(count)).collect();
        let mut cells = Vec::with_capacity(self.seeds.len());
        for (seeds, classes) in self.seeds.chunks(BATCH).zip(classes.chunks(BATCH)) {
            let pictures = faces_to_rgb8(&generator.generate(seeds, classes)?)?;
            for made in pictures.into_iter().filter_map(|bytes| RgbImage::from_raw(side, side, bytes)) {
                let cell = side.min(LARGEST_CELL);
                cells.push(picture::resize_antialiased(&made, cell, cell)?);
            }
        }
        Ok(picture::square_grid(&cells))
    }
}
