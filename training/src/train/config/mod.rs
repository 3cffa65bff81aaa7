// SPDX-License-Identifier: MIT OR Apache-2.0
//! The TOML file of a training run: model, degradation, optimiser, schedule, evaluation.

mod detail;
mod differences;
mod generator;
mod parse;

use std::path::{Path, PathBuf};

use restore_core::{ModelConfig, Precision};
use serde::{Deserialize, Serialize};

pub use self::detail::{AdversarialConfig, DetailConfig};
pub use self::differences::{Difference, differences};
pub use self::parse::{ParseError, Problem};
use crate::data::config::{DataConfig, DataConfigError};
use crate::data::degradation::{Degradation, DegradationError};
use crate::data::pair::PairRecipe;

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read configuration {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// Not TOML, an unknown key, or a value of the wrong type.
    #[error("configuration {}, {source}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Names line, key and the keys there are.
        source: Box<ParseError>,
    },
    /// A value out of range.
    #[error("configuration: {field} is {value}, must be {expected}")]
    Range {
        /// The key.
        field: &'static str,
        /// Its value.
        value: f64,
        /// What it must be.
        expected: &'static str,
    },
    /// A detail head that is not trained, or the training of one that is not there.
    #[error(
        "configuration: model.unet.detail_head and the table [detail] go together; add the other or leave both out"
    )]
    DetailHead,
    /// The degradation of a generator's pictures.
    #[error(
        "configuration: {key} is for pairs of a degraded face and the clean one; a generator (model.unet.condition) learns whole \
         pictures as they are: leave it out"
    )]
    OfRestorers {
        /// The key or table.
        key: &'static str,
    },
    /// Names that come from the data.
    #[error("configuration: model.class_names come from the folders of the data; leave them out")]
    ClassNames,
    /// Classes left out where there are none.
    #[error(
        "configuration: run.class_dropout is for classes; set model.unet.condition = {{ classes = N }}, or leave it out"
    )]
    NoClasses,
    /// The model does not fit together.
    #[error(transparent)]
    Model(#[from] restore_core::RestoreError),
    /// The degradation does not.
    #[error(transparent)]
    Degradation(#[from] DegradationError),
    /// The data does not.
    #[error(transparent)]
    Data(#[from] DataConfigError),
}

/// All of a training run but its data and its output folder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainConfig {
    /// The model to make.
    pub model: ModelConfig,
    /// What the training pictures are.
    #[serde(default)]
    pub data: DataConfig,
    /// How the inputs are made from the clean faces.
    #[serde(default)]
    pub degradation: Degradation,
    /// How a detail head is trained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<DetailConfig>,
    /// The optimiser.
    #[serde(default)]
    pub optimiser: OptimiserConfig,
    /// The run.
    pub run: RunConfig,
    /// The look at the model during the run.
    #[serde(default)]
    pub evaluation: EvaluationConfig,
}

/// The optimiser and its learning rate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OptimiserConfig {
    /// Highest learning rate.
    pub learning_rate: f64,
    /// After the warm-up.
    pub decay: Decay,
    /// Iterations over which the rate rises linearly from 0.
    pub warmup: u64,
    /// Decay rates of the moments.
    pub betas: [f64; 2],
    /// Decoupled weight decay: AdamW; with 0 this is Adam.
    pub weight_decay: f64,
    /// Largest norm of the gradient; longer ones are scaled down to it.
    pub clip_norm: f64,
    /// Batches whose gradients are averaged for one step: as one batch so many times as large, in the memory of one.
    pub accumulate: usize,
    /// What learns: the weights whose names begin with one of these, `"branch."` for those of the branch of a detail head. The others
    /// stay as they are, which makes a step cheaper. Empty: all of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub only: Vec<String>,
}

impl Default for OptimiserConfig {
    /// The paper's: Adam, constant 1e-4.
    fn default() -> Self {
        Self {
            learning_rate: 1e-4,
            decay: Decay::Constant,
            warmup: 100,
            betas: [0.9, 0.999],
            weight_decay: 0.0,
            clip_norm: 1.0,
            accumulate: 1,
            only: Vec::new(),
        }
    }
}

/// The course of the learning rate after the warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decay {
    /// Stays.
    Constant,
    /// Falls to 0 along a half cosine over the run.
    Cosine,
}

/// What p is in the loss |f − x|^p.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// p = 1.
    L1,
    /// p = 2; the paper sees colour drift with it (its Figure 10).
    L2,
}

/// Length and habits of the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunConfig {
    /// Optimiser steps.
    pub iterations: u64,
    /// Faces that go through the network together; a step takes `optimiser.accumulate` times as many.
    pub batch: usize,
    /// The loss.
    #[serde(default = "default_loss")]
    pub loss: Loss,
    /// Probability of mirroring a face.
    #[serde(default = "default_flip")]
    pub flip: f64,
    /// Probability of leaving out the class of a generator's picture, so that the model can be sampled without one and with guidance
    /// (Ho and Salimans 2022); `None` is 0.1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class_dropout: Option<f64>,
    /// Decay of the moving average of the weights, which is the model that is saved.
    #[serde(default = "default_ema")]
    pub ema: f64,
    /// Precision of the layers; the weights are fp32 always.
    #[serde(default = "default_precision")]
    pub precision: Precision,
    /// Seed of the weights, the data and the noise.
    #[serde(default)]
    pub seed: u64,
    /// Iterations between two checkpoints.
    #[serde(default = "default_checkpoint")]
    pub checkpoint: u64,
    /// Keep the model of every checkpoint, as `models/000250.safetensors` in the run's folder.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub keep_models: bool,
}

/// The look at the averaged weights during the run: a grid of pictures, and what is measured of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EvaluationConfig {
    /// Iterations between two looks; there is one at the end too.
    pub interval: u64,
    /// Faces looked at, the same each time; 0 for none.
    pub faces: usize,
    /// Early stopping: after so many looks of which none was better than the best before them ([`Quality::left_of`]), the run ends; 0
    /// for never. The best model is kept beside the last either way.
    ///
    /// [`Quality::left_of`]: crate::train::run::quality::Quality::left_of
    pub patience: usize,
}

impl Default for EvaluationConfig {
    fn default() -> Self {
        Self { interval: 500, faces: 8, patience: 0 }
    }
}

fn default_loss() -> Loss {
    Loss::L1
}
fn default_flip() -> f64 {
    0.5
}
fn default_ema() -> f64 {
    0.999
}
fn default_precision() -> Precision {
    Precision::Auto
}
fn default_checkpoint() -> u64 {
    250
}

impl TrainConfig {
    /// Reads and checks a configuration.
    ///
    /// # Errors
    /// [`ConfigError`], naming the file and the key.
    pub fn open(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        let config: Self = parse::from_toml(&text)
            .map_err(|source| ConfigError::Parse { path: path.to_owned(), source: source.into() })?;
        config.validate()?;
        Ok(config)
    }

    /// Checks every value's range.
    ///
    /// # Errors
    /// [`ConfigError`], naming the key.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.model.validate()?;
        self.data.validate(&self.model)?;
        self.degradation.validate()?;
        self.validate_generator()?;
        let check = |ok: bool, field, value: f64, expected| {
            if ok { Ok(()) } else { Err(ConfigError::Range { field, value, expected }) }
        };
        let (optimiser, run, evaluation) = (&self.optimiser, &self.run, &self.evaluation);
        let (rate, decay) = (optimiser.learning_rate, optimiser.weight_decay);
        check(rate > 0.0 && rate.is_finite(), "optimiser.learning_rate", rate, "above 0, and finite")?;
        check(optimiser.clip_norm > 0.0, "optimiser.clip_norm", optimiser.clip_norm, "above 0")?;
        check(decay >= 0.0 && decay.is_finite(), "optimiser.weight_decay", decay, "0 or more, and finite")?;
        for beta in optimiser.betas {
            check((0.0..1.0).contains(&beta), "optimiser.betas", beta, "in [0, 1)")?;
        }
        let accumulate = optimiser.accumulate;
        check((1..=65_536).contains(&accumulate), "optimiser.accumulate", accumulate as f64, "1 to 65536")?;
        check((1..=65_536).contains(&run.batch), "run.batch", run.batch as f64, "1 to 65536")?;
        check(run.iterations > 0, "run.iterations", run.iterations as f64, "above 0")?;
        check(run.checkpoint > 0, "run.checkpoint", run.checkpoint as f64, "above 0")?;
        check((0.0..=1.0).contains(&run.flip), "run.flip", run.flip, "in [0, 1]")?;
        check((0.0..1.0).contains(&run.ema), "run.ema", run.ema, "in [0, 1)")?;
        check(
            evaluation.interval > 0,
            "evaluation.interval",
            evaluation.interval as f64,
            "above 0 (evaluation.faces = 0 turns it off)",
        )?;
        check(evaluation.faces <= 64, "evaluation.faces", evaluation.faces as f64, "0 to 64")?;
        let patience = evaluation.patience;
        let judged = patience == 0 || (evaluation.faces > 0 && !self.model.unet.condition.generates());
        let expected = "0 for a generator, and where evaluation.faces is 0: nothing is judged there";
        check(judged, "evaluation.patience", patience as f64, expected)?;
        match &self.detail {
            Some(detail) if self.model.unet.detail_head => detail.validate(self),
            None if !self.model.unet.detail_head => Ok(()),
            _ => Err(ConfigError::DetailHead),
        }
    }

    /// How training pairs are made.
    #[must_use]
    pub fn pair_recipe(&self) -> PairRecipe {
        PairRecipe {
            crop_size: self.model.crop_size,
            flip: self.run.flip,
            data: self.data.clone(),
            degradation: self.degradation.clone(),
        }
    }

    /// Faces in one optimiser step.
    #[must_use]
    pub fn faces_per_step(&self) -> usize {
        self.run.batch * self.optimiser.accumulate
    }

    /// The learning rate of iteration `step`, counted from 0.
    pub fn learning_rate(&self, step: u64) -> f64 {
        let optimiser = &self.optimiser;
        if step < optimiser.warmup {
            return optimiser.learning_rate * (step + 1) as f64 / optimiser.warmup as f64;
        }
        match optimiser.decay {
            Decay::Constant => optimiser.learning_rate,
            Decay::Cosine => {
                let length = self.run.iterations.saturating_sub(optimiser.warmup).max(1) as f64;
                let share = ((step - optimiser.warmup) as f64 / length).min(1.0);
                optimiser.learning_rate * 0.5 * (1.0 + (std::f64::consts::PI * share).cos())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(decay: Decay) -> TrainConfig {
        let mut config: TrainConfig = toml::from_str(include_str!("../../../configs/tiny.toml")).unwrap();
        config.optimiser = OptimiserConfig { learning_rate: 3e-4, decay, warmup: 100, ..config.optimiser };
        config.run.iterations = 1100;
        config
    }

    /// The warm-up is the straight line through (−1, 0) and (warmup − 1, peak). The cosine is checked at the angles whose
    /// cosines are known: 0°, 45°, 60°, 90°, 120° and 180°.
    #[test]
    fn the_learning_rate_follows_its_closed_form() {
        let close = |value: f64, expected: f64| {
            assert!((value - expected * 3e-4).abs() < 1e-15, "{value} is not {expected} of the peak");
        };
        for decay in [Decay::Constant, Decay::Cosine] {
            let config = config(decay);
            close(config.learning_rate(0), 0.01);
            close(config.learning_rate(49), 0.5);
            close(config.learning_rate(99), 1.0);
            close(config.learning_rate(100), 1.0);
        }
        close(config(Decay::Constant).learning_rate(1099), 1.0);
        let cosine = config(Decay::Cosine);
        close(cosine.learning_rate(100 + 250), 0.5 + 0.5 * std::f64::consts::FRAC_1_SQRT_2);
        close(cosine.learning_rate(100 + 500), 0.5);
        close(cosine.learning_rate(100 + 1000), 0.0);
        // Beyond the run's end, where a longer run is resumed with fewer iterations, it stays at 0.
        close(cosine.learning_rate(5000), 0.0);
        let mut thirds = cosine.clone();
        thirds.run.iterations = 100 + 900;
        close(thirds.learning_rate(100 + 300), 0.75);
        close(thirds.learning_rate(100 + 600), 0.25);
    }

    #[test]
    fn without_warm_up_the_run_begins_at_the_peak() {
        let mut config = config(Decay::Cosine);
        config.optimiser.warmup = 0;
        assert_eq!(config.learning_rate(0), 3e-4);
    }
}
