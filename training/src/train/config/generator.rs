// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a configuration of a generator may not say: all that is about degraded faces.

use super::{ConfigError, TrainConfig};
use crate::data::degradation::Degradation;

/// Share of the pictures whose class is left out, unless the configuration says another one (Ho and Salimans 2022).
const CLASS_DROPOUT: f64 = 0.1;

impl TrainConfig {
    /// Share of the pictures whose class is left out; 0 without classes.
    #[must_use]
    pub fn class_dropout(&self) -> f64 {
        match self.model.unet.condition.classes() {
            0 => 0.0,
            _ => self.run.class_dropout.unwrap_or(CLASS_DROPOUT),
        }
    }

    /// Checks the keys that only restorers have, or only generators.
    pub(super) fn validate_generator(&self) -> Result<(), ConfigError> {
        let condition = self.model.unet.condition;
        if !self.model.class_names.is_empty() {
            return Err(ConfigError::ClassNames);
        }
        match self.run.class_dropout {
            Some(_) if condition.classes() == 0 => return Err(ConfigError::NoClasses),
            Some(value) if !(0.0..=1.0).contains(&value) => {
                return Err(ConfigError::Range { field: "run.class_dropout", value, expected: "in [0, 1]" });
            }
            _ => {}
        }
        let of_restorers = [
            (self.data.crop.is_some(), "data.crop"),
            (self.data.overlay > 0.0, "data.overlay"),
            (self.data.apart > 0.0, "data.apart"),
            (self.degradation != Degradation::default(), "degradation"),
        ];
        match of_restorers.into_iter().find(|(set, _)| *set && condition.generates()) {
            Some((_, key)) => Err(ConfigError::OfRestorers { key }),
            None => Ok(()),
        }
    }
}
