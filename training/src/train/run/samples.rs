// SPDX-License-Identifier: MIT OR Apache-2.0
//! The look at a model during its training: some faces that stay the same, restored with the averaged weights.

use std::path::Path;

use image::RgbImage;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use restore_core::{
    Checkpoint, DeviceChoice, DiffusionOptions, DiffusionRestorer, Precision, RestoreError, Restorer,
};
use tch::Device;

use crate::data::config::DataConfig;
use crate::data::dataset::FaceDataset;
use crate::data::pair::{Pair, PairRecipe};
use crate::evaluate::{EvaluateError, MetricNetworks};
use crate::metrics::NetworkError;
use crate::picture::{self, PictureError};
use crate::seed::seed_for;
use crate::train::config::TrainConfig;
use crate::train::run::quality::Quality;

/// A look that failed.
#[derive(Debug, thiserror::Error)]
pub enum SamplesError {
    /// All files were broken.
    #[error("none of the {tried} pictures to look at during the run can be used, the last was: {last}")]
    Unreadable {
        /// How many files were tried.
        tried: usize,
        /// What was wrong with the last.
        last: String,
    },
    /// A face could not be restored.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// Two pictures could not be compared.
    #[error(transparent)]
    Measure(#[from] EvaluateError),
    /// The identity network cannot be used.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// A picture could not be resized.
    #[error(transparent)]
    Picture(#[from] PictureError),
}

/// Faces and their degraded versions, both always the same for a seed.
pub struct Samples {
    pairs: Vec<Pair>,
    seeds: Vec<u64>,
    networks: MetricNetworks,
    /// Of the degraded versions.
    input: Quality,
}

/// What a model makes of the [`Samples`].
#[derive(Debug)]
pub struct Look {
    /// A column for each face, from above x_d, f(x_d) and x.
    pub grid: RgbImage,
    /// Of x_d.
    pub input: Quality,
    /// Of f(x_d).
    pub output: Quality,
}

/// Largest side of a picture in the grid in pixels, which bounds the files of a run at 512×512.
pub(super) const LARGEST_CELL: u32 = 256;
/// Files tried for one face before it is left out.
const MAX_TRIES: usize = 8;

impl Samples {
    /// Takes `count` pictures spread evenly over `dataset` (fewer when it has fewer), each whole and degraded by the
    /// configuration's recipe, none left clean. Broken files are passed over with a warning. `identity` is the file of a network that
    /// embeds faces, by which they are compared too.
    ///
    /// # Errors
    /// [`SamplesError::Unreadable`] when every file that was tried is broken, [`SamplesError::Network`].
    pub fn read(
        dataset: &FaceDataset,
        count: usize,
        config: &TrainConfig,
        identity: Option<&Path>,
    ) -> Result<Self, SamplesError> {
        let mut recipe = PairRecipe { flip: 0.0, ..config.pair_recipe() };
        recipe.data = DataConfig { crop: None, jitter: 0.0, ..recipe.data };
        recipe.degradation.clean_share = 0.0;
        let count = count.min(dataset.count());
        let mut samples = Self {
            pairs: Vec::with_capacity(count),
            seeds: Vec::with_capacity(count),
            networks: MetricNetworks::open(identity, None, None, None, Device::Cpu)?,
            input: Quality::default(),
        };
        let (mut tried, mut last) = (0, String::new());
        for slot in 0..count {
            let bounds = [slot, slot + 1].map(|edge| edge * dataset.count() / count);
            for index in (bounds[0]..bounds[1]).take(MAX_TRIES) {
                tried += 1;
                let path = dataset.path(index);
                let seed = seed_for(config.run.seed, &picture::stem(&path));
                match pair(&recipe, &path, seed) {
                    Ok(pair) => {
                        samples.pairs.push(pair);
                        samples.seeds.push(seed);
                        break;
                    }
                    Err(error) => {
                        tracing::warn!("not looked at during the run: {error}");
                        last = error;
                    }
                }
            }
        }
        if samples.pairs.is_empty() && count > 0 {
            return Err(SamplesError::Unreadable { tried, last });
        }
        if count > 0 {
            let degraded = samples.pairs.iter().map(|pair| &pair.degraded);
            samples.input = quality(&mut samples.networks, &samples.pairs, degraded.collect())?;
        }
        Ok(samples)
    }

    /// How many faces there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.pairs.len()
    }

    /// Restores the faces with `model`, in the number of steps that it recommends.
    ///
    /// # Errors
    /// [`SamplesError::Restore`] and [`SamplesError::Measure`].
    pub fn look(
        &mut self,
        model: &Checkpoint,
        device: Device,
        precision: Precision,
    ) -> Result<Look, SamplesError> {
        let device = choice(device);
        let options = DiffusionOptions { device, precision: Some(precision), ..DiffusionOptions::default() };
        let restorer = DiffusionRestorer::new(model, Path::new("of the run"), &options)?;
        let inputs: Vec<&[u8]> = self.pairs.iter().map(|pair| pair.degraded.as_raw().as_slice()).collect();
        let side = restorer.crop_size();
        let restored = restorer.restore_rgb8(&inputs, &self.seeds)?;
        let outputs: Vec<RgbImage> =
            restored.into_iter().filter_map(|bytes| RgbImage::from_raw(side, side, bytes)).collect();
        let output = quality(&mut self.networks, &self.pairs, outputs.iter().collect())?;
        Ok(Look { grid: self.grid(&outputs)?, input: self.input, output })
    }

    fn grid(&self, outputs: &[RgbImage]) -> Result<RgbImage, PictureError> {
        let side = self.pairs.first().map_or(0, |pair| pair.target.width()).min(LARGEST_CELL);
        let inputs = self.pairs.iter().map(|pair| &pair.degraded);
        let rows = inputs.chain(outputs).chain(self.pairs.iter().map(|pair| &pair.target));
        let cells: Vec<RgbImage> =
            rows.map(|face| picture::resize_antialiased(face, side, side)).collect::<Result<_, _>>()?;
        Ok(picture::grid(&cells, outputs.len()))
    }
}

/// The choice of a device that is in use.
pub(super) fn choice(device: Device) -> DeviceChoice {
    match device {
        Device::Cuda(index) => DeviceChoice::Cuda(index),
        _ => DeviceChoice::Cpu,
    }
}

/// That of `pictures`, which show the faces of the pairs.
fn quality(
    networks: &mut MetricNetworks,
    pairs: &[Pair],
    pictures: Vec<&RgbImage>,
) -> Result<Quality, SamplesError> {
    let truths = networks.truths(pairs.iter().map(|pair| &pair.target).collect())?;
    Ok(Quality::of(&networks.scores(&pictures, &truths)?))
}

fn pair(recipe: &PairRecipe, path: &Path, seed: u64) -> Result<Pair, String> {
    let picture = picture::read(path).map_err(|error| error.to_string())?;
    recipe
        .make(&picture, None, &mut ChaCha8Rng::seed_from_u64(seed))
        .map_err(|error| format!("{}: {error}", path.display()))
}
