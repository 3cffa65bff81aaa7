// SPDX-License-Identifier: MIT OR Apache-2.0
//! The configuration of a model: network, diffusion and inference defaults, as stored in a checkpoint's header.

use serde::{Deserialize, Serialize};

use crate::detail_branch::BRANCH_PATCH;
use crate::{Prediction, RestoreError, Sampler, ScheduleKind};

/// All that is needed to rebuild a model around its weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// Width and height in pixels of the aligned face that the model was trained on; of a generator's pictures.
    pub crop_size: u32,
    /// Names of the classes of [`Condition::Classes`], by their numbers. `idm train` takes them from the folders of the data.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub class_names: Vec<String>,
    /// The network.
    pub unet: UNetConfig,
    /// The diffusion process.
    pub diffusion: DiffusionConfig,
    /// How to sample unless the user says otherwise.
    #[serde(default)]
    pub inference: InferenceConfig,
}

/// The forward process and what the network predicts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiffusionConfig {
    /// The shape of γ over time.
    pub schedule: ScheduleKind,
    /// T, the number of training steps (1000 in the paper).
    pub timesteps: usize,
    /// The network's target.
    pub prediction: Prediction,
}

impl Default for DiffusionConfig {
    fn default() -> Self {
        Self { schedule: ScheduleKind::Linear, timesteps: 1000, prediction: Prediction::X0 }
    }
}

/// The model's own recommendation for sampling, found by measuring it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InferenceConfig {
    /// Number of sampling steps (10 in the paper).
    pub steps: usize,
    /// The sampler.
    pub sampler: Sampler,
    /// Where the steps lie in time, see [`NoiseSchedule::respaced`](crate::NoiseSchedule::respaced); 1 is evenly.
    #[serde(default = "even")]
    pub spacing: f64,
    /// γ of the detail, for a network with a detail head: where neither steps nor a sampler are asked for, a face is sampled
    /// by one pass of each network, [`Sampling::MeanDetail`](crate::Sampling::MeanDetail).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail_gamma: Option<f64>,
}

impl Default for InferenceConfig {
    fn default() -> Self {
        Self { steps: 10, sampler: Sampler::Ddpm, spacing: even(), detail_gamma: None }
    }
}

fn is_zero(number: &i64) -> bool {
    *number == 0
}

fn even() -> f64 {
    1.0
}

/// Which family of blocks the U-Net is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Design {
    /// The paper's: DDPM (Ho et al. 2020). GroupNorm(32), two norms a block, a decoder with one block more
    /// than the encoder at each level, skips joined by concatenation, 3×3 convolutions that resample.
    Ddpm,
    /// Made for CPUs: LayerNorm over channels (its backward costs a third of GroupNorm's in NHWC), one norm a
    /// block, skips joined by addition, 2×2 strided and 1×1 convolutions that resample.
    Lean,
}

/// What the network is told beside x_t and γ, and with that what it makes: a restorer a face of x_d, a generator a picture of
/// noise alone (Ho et al. 2020; section 4.2 of the paper).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// x_d, the degraded face: a restorer.
    #[default]
    Degraded,
    /// Nothing: a generator of any picture like those that it has seen.
    None,
    /// One of so many classes, or none of them: a generator of pictures of a class.
    Classes(usize),
}

impl Condition {
    /// Whether the network makes pictures of noise alone.
    #[must_use]
    pub fn generates(self) -> bool {
        self != Self::Degraded
    }

    /// How many classes there are.
    #[must_use]
    pub fn classes(self) -> usize {
        match self {
            Self::Classes(count) => count,
            Self::Degraded | Self::None => 0,
        }
    }

    fn is_degraded(&self) -> bool {
        *self == Self::Degraded
    }

    /// Input channels of the network: `x_t` and, in a restorer, `x_d`, RGB each.
    pub(crate) fn input_channels(self) -> i64 {
        if self.generates() { 3 } else { 6 }
    }
}

/// The U-Net `f(x_t, x_d, γ)`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UNetConfig {
    /// The family of blocks.
    pub design: Design,
    /// What the network is told beside x_t and γ.
    #[serde(default, skip_serializing_if = "Condition::is_degraded")]
    pub condition: Condition,
    /// p of the space-to-depth stem, [N, 6, H, W] → [N, 6p², H/p, W/p]: divides the work by about p².
    pub patch: i64,
    /// Channels of the first level.
    pub base_channels: i64,
    /// Channels of each level as multiples of `base_channels`; each level halves the grid of the one before.
    pub channel_mults: Vec<i64>,
    /// Residual blocks of each level's encoder.
    pub blocks: Vec<usize>,
    /// Levels (from 0) whose blocks are followed by self-attention; the middle always has one.
    pub attention_levels: Vec<usize>,
    /// Channels of one attention head; 0 is a single head over all channels, as in DDPM.
    #[serde(default)]
    pub head_channels: i64,
    /// Adds `x_d` to the network's output, so that it learns the correction and f(x) = x costs nothing.
    pub residual: bool,
    /// Dropout rate inside the blocks, in training.
    #[serde(default)]
    pub dropout: f64,
    /// A second output, from the same features, of a sharp face beside the prediction, which is the mean of what the face may
    /// have been ("mean once, detail once", see [`InferenceConfig::detail_gamma`]).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub detail_head: bool,
    /// Channels of a branch that adds light to the sharp face at half the picture's size, for a network with patches of an even side; of
    /// what the filters of the sharp face add to the prediction, waves of the patches' period are then taken out, and those up to twice as
    /// long weakened, for the branch to draw. 0 is none, and the sharp face is what those filters give.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub detail_width: i64,
    /// A network at half the size that corrects x_d before this one sees it, trained together with it: it finds the face's
    /// shape with a quarter of the work, and this one the detail (coarse to fine, as cascades do: Saharia et al. 2021).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coarse: Option<Box<UNetConfig>>,
}

/// Output channels of the network: RGB.
pub(crate) const OUTPUT_CHANNELS: i64 = 3;
/// Most classes of a generator.
const MAX_CLASSES: usize = 100_000;

impl UNetConfig {
    /// The paper's network: 512×512, no patches, attention at grids 32, 16 and 8, about 120 M parameters
    /// (DDPM's 256×256 network, channels 128 × (1, 1, 2, 2, 4, 4), with one level more for 512).
    pub fn paper() -> Self {
        Self {
            design: Design::Ddpm,
            condition: Condition::Degraded,
            patch: 1,
            base_channels: 128,
            channel_mults: vec![1, 1, 1, 2, 2, 4, 4],
            blocks: vec![2; 7],
            attention_levels: vec![4, 5, 6],
            head_channels: 0,
            residual: false,
            dropout: 0.0,
            detail_head: false,
            detail_width: 0,
            coarse: None,
        }
    }

    /// The fast network: patches of 4, LayerNorm, at most 35 GFLOP a step at 512×512.
    pub fn fast() -> Self {
        Self {
            design: Design::Lean,
            condition: Condition::Degraded,
            patch: 4,
            base_channels: 64,
            channel_mults: vec![1, 2, 4, 4],
            blocks: vec![1, 2, 2, 2],
            attention_levels: vec![],
            head_channels: 64,
            residual: true,
            dropout: 0.0,
            detail_head: false,
            detail_width: 0,
            coarse: None,
        }
    }

    /// Pictures must be a multiple of this many pixels in width and height.
    pub fn size_multiple(&self) -> i64 {
        let own = self.patch << self.channel_mults.len().saturating_sub(1);
        let coarse = self.coarse.as_ref().map_or(1, |coarse| 2 * coarse.size_multiple());
        // The least common multiple, of which the larger number has few candidates.
        (1..=coarse).map(|count| count * own).find(|multiple| multiple % coarse == 0).unwrap_or(own * coarse)
    }

    /// Channels of level `level`.
    pub(crate) fn channels(&self, level: usize) -> i64 {
        self.base_channels * self.channel_mults[level]
    }

    /// A number of weights that a network of this configuration has at least, and not many times more than: what its 3×3
    /// convolutions from a level's channels to the same come to, and its table of classes. A file that holds fewer is of another
    /// network, and one that says so is not to have memory for it.
    pub(crate) fn least_weights(&self) -> u64 {
        const CONVOLUTION: u64 = 9;
        let square = |channels: i64| channels.unsigned_abs().pow(2);
        let of_levels = self.blocks.iter().enumerate().map(|(level, &blocks)| {
            // Two in each block, on the way down and up; the first of the level may see fewer channels.
            CONVOLUTION * square(self.channels(level)) * (4 * blocks as u64 - 1)
        });
        let middle = 4 * CONVOLUTION * square(self.channels(self.channel_mults.len().saturating_sub(1)));
        let classes = self.condition.classes() as u64 * self.embedding_channels().unsigned_abs();
        let branch = 4 * CONVOLUTION * square(self.detail_width);
        let coarse = self.coarse.as_ref().map_or(0, |coarse| coarse.least_weights());
        of_levels.sum::<u64>() + middle + classes + branch + coarse
    }

    /// Width of the noise-level embedding.
    pub(crate) fn embedding_channels(&self) -> i64 {
        4 * self.base_channels
    }

    /// Grid sizes (pixels of the level) at which there is self-attention for a picture of `size` pixels.
    pub fn attention_grids(&self, size: i64) -> Vec<i64> {
        self.attention_levels.iter().map(|&level| (size / self.patch) >> level).collect()
    }

    /// Checks that the values fit together.
    ///
    /// # Errors
    /// [`RestoreError::Config`] naming the field.
    pub fn validate(&self) -> Result<(), RestoreError> {
        let fail = |text: String| Err(RestoreError::Config(text));
        let levels = self.channel_mults.len();
        if levels == 0 || levels > 10 {
            return fail(format!("unet.channel_mults has {levels} levels, must be 1 to 10"));
        }
        if self.blocks.len() != levels {
            return fail(format!(
                "unet.blocks has {} entries and unet.channel_mults {levels}; they must be equal",
                self.blocks.len()
            ));
        }
        if self.blocks.iter().any(|&count| count == 0 || count > 64) {
            return fail("unet.blocks must be 1 to 64 at each level".into());
        }
        if !(1..=16).contains(&self.patch) {
            return fail(format!("unet.patch is {}, must be 1 to 16", self.patch));
        }
        if !(1..=4096).contains(&self.base_channels)
            || self.channel_mults.iter().any(|mult| !(1..=64).contains(mult))
        {
            return fail("unet.base_channels must be 1 to 4096 and unet.channel_mults 1 to 64".into());
        }
        if self.design == Design::Ddpm && self.base_channels % 32 != 0 {
            return fail(format!(
                "unet.base_channels is {}, design \"ddpm\" needs a multiple of 32 (GroupNorm)",
                self.base_channels
            ));
        }
        if let Some(level) = self.attention_levels.iter().find(|&&level| level >= levels) {
            return fail(format!("unet.attention_levels names level {level} of {levels}"));
        }
        let deepest = self.channels(levels - 1);
        let heads_fit = |channels: i64| self.head_channels == 0 || channels % self.head_channels == 0;
        if self.head_channels < 0
            || !heads_fit(deepest)
            || !self.attention_levels.iter().all(|&level| heads_fit(self.channels(level)))
        {
            return fail(format!(
                "unet.head_channels is {}, must divide the channels of every attention level",
                self.head_channels
            ));
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return fail(format!("unet.dropout is {}, must be in [0, 1)", self.dropout));
        }
        self.validate_condition()?;
        let branch = self.detail_width;
        if branch != 0
            && !(self.detail_head && self.patch % BRANCH_PATCH == 0 && (1..=1024).contains(&branch))
        {
            return fail(format!(
                "unet.detail_width is {branch}, must be 0, or 1 to 1024 with unet.detail_head and an even unet.patch"
            ));
        }
        match &self.coarse {
            Some(coarse) if coarse.coarse.is_some() => {
                fail("unet.coarse has a coarse network of its own".into())
            }
            Some(coarse) if coarse.condition.generates() => {
                fail("unet.coarse has a condition; it corrects the degraded face".into())
            }
            Some(coarse) if coarse.detail_head => {
                fail("unet.coarse has a detail head; only the network that it serves can have one".into())
            }
            Some(coarse) => coarse.validate().or_else(|error| match error {
                RestoreError::Config(text) => fail(format!("unet.coarse: {text}")),
                other => Err(other),
            }),
            None => Ok(()),
        }
    }

    /// Checks that a generator has no part that needs x_d.
    fn validate_condition(&self) -> Result<(), RestoreError> {
        if self.condition == Condition::Classes(0) || self.condition.classes() > MAX_CLASSES {
            return Err(RestoreError::Config(format!(
                "unet.condition has {} classes, must be 1 to {MAX_CLASSES}; a generator without classes has \
                 condition = \"none\"",
                self.condition.classes()
            )));
        }
        let of_restorers = [
            (self.residual, "unet.residual"),
            (self.detail_head, "unet.detail_head"),
            (self.coarse.is_some(), "unet.coarse"),
        ];
        match of_restorers.into_iter().find(|(set, _)| *set && self.condition.generates()) {
            Some((_, key)) => Err(RestoreError::Config(format!(
                "{key} changes a degraded face, which a generator (unet.condition) does not see; turn it off"
            ))),
            None => Ok(()),
        }
    }
}

impl ModelConfig {
    /// Checks the network, the diffusion and that `crop_size` suits the network.
    ///
    /// # Errors
    /// [`RestoreError::Config`] naming the field.
    pub fn validate(&self) -> Result<(), RestoreError> {
        self.unet.validate()?;
        let multiple = self.unet.size_multiple();
        let size = i64::from(self.crop_size);
        if size == 0 || size > 8192 || size % multiple != 0 {
            return Err(RestoreError::Config(format!(
                "crop_size is {size}, this network needs a multiple of {multiple} up to 8192"
            )));
        }
        let (names, classes) = (self.class_names.len(), self.unet.condition.classes());
        if names != 0 && names != classes {
            return Err(RestoreError::Config(format!(
                "class_names has {names} names and unet.condition {classes} classes; they must be as many"
            )));
        }
        if !(1..=100_000).contains(&self.diffusion.timesteps) {
            return Err(RestoreError::Config(format!(
                "diffusion.timesteps is {}, must be 1 to 100000",
                self.diffusion.timesteps
            )));
        }
        if !(1..=self.diffusion.timesteps).contains(&self.inference.steps) {
            return Err(RestoreError::Config(format!(
                "inference.steps is {}, must be 1 to diffusion.timesteps ({})",
                self.inference.steps, self.diffusion.timesteps
            )));
        }
        if !(0.1..=10.0).contains(&self.inference.spacing) {
            return Err(RestoreError::Config(format!(
                "inference.spacing is {}, must be 0.1 to 10",
                self.inference.spacing
            )));
        }
        match self.inference.detail_gamma {
            Some(gamma) if !(gamma > 0.0 && gamma < 1.0) => Err(RestoreError::Config(format!(
                "inference.detail_gamma is {gamma}, must be between 0 and 1"
            ))),
            Some(_) if !self.unet.detail_head || self.diffusion.prediction != Prediction::X0 => {
                Err(RestoreError::Config(
                    "inference.detail_gamma is for a network with unet.detail_head that predicts x0".into(),
                ))
            }
            None if self.unet.detail_head => Err(RestoreError::Config(
                "unet.detail_head needs inference.detail_gamma, the noise level at which it is sampled"
                    .into(),
            )),
            _ => Ok(()),
        }
    }
}
