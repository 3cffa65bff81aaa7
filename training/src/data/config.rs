// SPDX-License-Identifier: MIT OR Apache-2.0
//! The table `[data]` of a configuration: what the training pictures are and what of them a pair shows.

use restore_core::ModelConfig;
use serde::{Deserialize, Serialize};

/// Largest [`DataConfig::jitter`]: beyond it a face leaves its crop.
const LARGEST_JITTER: f64 = 0.2;

/// Largest [`DataConfig::tone`]: beyond it faces look like none.
const LARGEST_TONE: f64 = 1.0;

/// A table `[data]` that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataConfigError {
    /// The network does not take windows of this size, or they are larger than the pictures.
    #[error(
        "configuration: data.crop is {crop}, must be a multiple of {multiple} (for this network) up to \
         model.crop_size, {crop_size}"
    )]
    Crop {
        /// The value.
        crop: u32,
        /// What the network's sizes are multiples of.
        multiple: i64,
        /// The largest possible.
        crop_size: u32,
    },
    /// The jitter is no small number.
    #[error("configuration: data.jitter is {jitter}, must be from 0 (off) to {LARGEST_JITTER}")]
    Jitter {
        /// The value.
        jitter: f64,
    },
    /// A probability is none.
    #[error("configuration: {key} is {value}, must be a probability, from 0 to 1")]
    Probability {
        /// The key.
        key: &'static str,
        /// The value.
        value: f64,
    },
    /// The change of tone is too large.
    #[error("configuration: data.tone is {tone}, must be from 0 (off) to {LARGEST_TONE}")]
    Tone {
        /// The value.
        tone: f64,
    },
    /// General pictures have no alignment.
    #[error(
        "configuration: data.jitter is {jitter}, but pictures (data.kind = \"pictures\") have no alignment to vary and \
         are cut at random anyway: leave it out"
    )]
    JitterOfPictures {
        /// The value.
        jitter: f64,
    },
}

/// What the training pictures are, and what of them a pair shows.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DataConfig {
    /// What the pictures are.
    pub kind: DataKind,
    /// Side in pixels of a random window that is cut from both pictures of a pair after the whole was degraded, so that
    /// the degradation keeps its scale; without it a pair is `model.crop_size` large.
    pub crop: Option<u32>,
    /// Draws from each folder directly below the data folder equally often, however many pictures it holds, as from one
    /// source each. Pictures directly in the data folder count as one more.
    pub balance: bool,
    /// Strength j of a random change of a face's alignment: scaled by 1 − j to 1 + j, turned by up to j radians about
    /// its centre and shifted by up to j of its side, each uniform. 0 is off.
    pub jitter: f64,
    /// Strength t of a random change of a picture's tone: gamma 2^±t, exposure 2^(−3t/2) to 2^(t/2), red, green and blue
    /// by 1 ± t/4 each, saturation by 1 ± t. 0 is off.
    pub tone: f64,
    /// Probability that something sharp lies over a pair, drawn on the target and on its input alike
    /// ([`Overlay`](crate::data::overlay::Overlay)).
    pub overlay: f64,
    /// Probability that only the middle of a picture is degraded, as a soft face in a sharp frame is, or all but the middle, in
    /// equal shares ([`Apart`](crate::data::apart::Apart)).
    pub apart: f64,
}

/// What the pictures of a data folder are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DataKind {
    /// Aligned faces, square, of any size: each is resized to `model.crop_size`.
    #[default]
    Faces,
    /// Pictures of any content and size, as the paper's ImageNet: a random square window of each, resized to
    /// `model.crop_size`.
    Pictures,
}

impl DataConfig {
    /// Checks the values, also against the model's.
    ///
    /// # Errors
    /// [`DataConfigError`], naming the key.
    pub fn validate(&self, model: &ModelConfig) -> Result<(), DataConfigError> {
        let (multiple, crop_size, jitter) = (model.unet.size_multiple(), model.crop_size, self.jitter);
        if let Some(crop) = self.crop
            && (crop == 0 || crop > crop_size || i64::from(crop) % multiple != 0)
        {
            return Err(DataConfigError::Crop { crop, multiple, crop_size });
        }
        if !(0.0..=LARGEST_JITTER).contains(&jitter) {
            return Err(DataConfigError::Jitter { jitter });
        }
        if !(0.0..=LARGEST_TONE).contains(&self.tone) {
            return Err(DataConfigError::Tone { tone: self.tone });
        }
        for (key, value) in [("data.overlay", self.overlay), ("data.apart", self.apart)] {
            if !(0.0..=1.0).contains(&value) {
                return Err(DataConfigError::Probability { key, value });
            }
        }
        if jitter > 0.0 && self.kind == DataKind::Pictures {
            return Err(DataConfigError::JitterOfPictures { jitter });
        }
        Ok(())
    }
}
