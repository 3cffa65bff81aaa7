// SPDX-License-Identifier: MIT OR Apache-2.0
//! The table `[detail]`: how the detail head of a network is trained.

use serde::{Deserialize, Serialize};

use super::{ConfigError, TrainConfig};
use crate::data::config::DataKind;

/// How the detail head is trained ("mean once, detail once", [`restore_core::Sampling::MeanDetail`]). Without this table a run
/// is the paper's, Eqs. 6 and 7.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DetailConfig {
    /// Share of the samples that are seen as inference sees them: x_t = √γ x̂ + √(1−γ) ε at γ = `model.inference.detail_gamma`,
    /// x̂ the mean that the coarse network makes of x_d. The others have γ drawn from the schedule and x_t made of x, so that
    /// the model goes on being one that can be sampled in steps.
    pub share: f64,
    /// Weight of the loss of the prediction. The features are shared: with more of it they stay the mean's, and detail is left to what
    /// only the sharp face has.
    pub mean: f64,
    /// Weight of |y − x|, y the sharp face, beside the loss of the prediction itself.
    pub pixel: f64,
    /// How much more |y − x| counts in the middle of an eye than elsewhere, for aligned whole faces: eyes go wrong first, and are seen first.
    pub eyes: f64,
    /// Weight of a perceptual distance between y and x, by the TorchScript network that `idm train --perceptual` names.
    pub perceptual: f64,
    /// Weight of how far y has gone from x in identity: the relative distance of their embeddings by the TorchScript network that
    /// `idm train --identity` names. What a model is then measured with should not be this network alone.
    pub identity: f64,
    /// Weight of how far the local energy of y's gradient is from x's, as the logarithm of their ratio: it says
    /// how much texture there is at a place, and leaves to the other terms what it looks like.
    pub energy: f64,
    /// Side in pixels of the window of each sample in which the perceptual and the adversarial term look; it lies elsewhere in
    /// each step, in no phase with the network's patches. A smaller one makes the step cheaper.
    pub window: u32,
    /// How far the perceptual term looks into the window: it sees the middle of it enlarged to the window's size, by a factor drawn from
    /// 1 to this for each step. Such a network often begins with a blur and a stride, and what is too fine for it (lines of the patch's
    /// period) it neither likes nor dislikes until it sees it larger.
    pub zoom: f64,
    /// The adversarial term.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adversarial: Option<AdversarialConfig>,
}

impl Default for DetailConfig {
    fn default() -> Self {
        Self {
            share: 0.8,
            mean: 1.0,
            pixel: 1.0,
            eyes: 1.0,
            perceptual: 0.0,
            identity: 0.0,
            energy: 0.0,
            window: 192,
            zoom: 1.0,
            adversarial: None,
        }
    }
}

/// A discriminator that learns beside the network to tell y from x, softplus loss (Goodfellow et al. 2014, non-saturating).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdversarialConfig {
    /// Weight of the term in the network's loss.
    pub weight: f64,
    /// Iteration from which on both learn from it.
    pub from: u64,
    /// The discriminator's constant learning rate.
    pub learning_rate: f64,
    /// Decay rates of its optimiser's moments.
    pub betas: [f64; 2],
    /// Channels of its first layer.
    pub channels: i64,
}

impl Default for AdversarialConfig {
    /// Real-ESRGAN's weight, rate and moments.
    fn default() -> Self {
        Self { weight: 0.1, from: 0, learning_rate: 1e-4, betas: [0.9, 0.99], channels: 32 }
    }
}

impl DetailConfig {
    /// Checks the ranges, also against the run's model and windows.
    pub(super) fn validate(&self, config: &TrainConfig) -> Result<(), ConfigError> {
        let check = |ok: bool, field, value: f64, expected| {
            if ok { Ok(()) } else { Err(ConfigError::Range { field, value, expected }) }
        };
        check((0.0..=1.0).contains(&self.share), "detail.share", self.share, "in [0, 1]")?;
        check(self.mean > 0.0, "detail.mean", self.mean, "above 0")?;
        check(self.pixel >= 0.0, "detail.pixel", self.pixel, "0 or more")?;
        let whole_faces = config.data.crop.is_none() && config.data.kind == DataKind::Faces;
        let eyes = self.eyes == 1.0 || (self.eyes > 0.0 && whole_faces);
        check(eyes, "detail.eyes", self.eyes, "above 0, and 1 where the data are no whole faces")?;
        check(self.perceptual >= 0.0, "detail.perceptual", self.perceptual, "0 or more")?;
        check(self.identity >= 0.0, "detail.identity", self.identity, "0 or more")?;
        let side = config.pair_recipe().side();
        let energy = self.energy == 0.0 || (self.energy > 0.0 && side >= 32 && side.is_multiple_of(4));
        check(
            energy,
            "detail.energy",
            self.energy,
            "0 or more, and 0 for pairs of less than 32 pixels or no multiple of 4",
        )?;
        let window = (16..=side).contains(&self.window);
        check(window, "detail.window", self.window.into(), "from 16 to the side of a training pair")?;
        check((1.0..=4.0).contains(&self.zoom), "detail.zoom", self.zoom, "from 1 to 4")?;
        let Some(adversarial) = &self.adversarial else {
            return Ok(());
        };
        let (weight, rate) = (adversarial.weight, adversarial.learning_rate);
        check(weight >= 0.0, "detail.adversarial.weight", weight, "0 or more")?;
        check(rate > 0.0, "detail.adversarial.learning_rate", rate, "above 0")?;
        for beta in adversarial.betas {
            check((0.0..1.0).contains(&beta), "detail.adversarial.betas", beta, "in [0, 1)")?;
        }
        let channels = adversarial.channels;
        check((1..=1024).contains(&channels), "detail.adversarial.channels", channels as f64, "1 to 1024")
    }
}
