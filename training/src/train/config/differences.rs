// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where two configurations differ, for a run that goes on from weights made with another one.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

/// A key with different values in two configurations.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// The key with its tables, as in `unet.base_channels`.
    pub key: String,
    /// Its value there, `null` where it has none.
    pub old: Value,
    /// Its value here.
    pub new: Value,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {} there and {} here", self.key, self.old, self.new)
    }
}

/// Keys of a model's configuration that do not change what the weights mean: the network is convolutional and is told γ
/// itself (METHOD.md), so the same weights do at other sizes, on other schedules and in other samplers.
const FREE_KEYS: [&str; 5] =
    ["crop_size", "inference", "diffusion.schedule", "diffusion.timesteps", "unet.dropout"];

impl Difference {
    /// Whether weights made with the one are of no use with the other, for a key of a
    /// [`ModelConfig`](restore_core::ModelConfig).
    #[must_use]
    pub fn changes_network(&self) -> bool {
        !FREE_KEYS.iter().any(|free| {
            self.key.strip_prefix(free).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    }
}

/// Every key whose value differs, in alphabetical order. Lists are compared as a whole.
///
/// # Errors
/// When one of the two cannot be written as JSON.
pub fn differences<A: Serialize, B: Serialize>(old: &A, new: &B) -> serde_json::Result<Vec<Difference>> {
    let mut found = Vec::new();
    compare(String::new(), &serde_json::to_value(old)?, &serde_json::to_value(new)?, &mut found);
    Ok(found)
}

fn compare(key: String, old: &Value, new: &Value, found: &mut Vec<Difference>) {
    match (old, new) {
        (Value::Object(olds), Value::Object(news)) => {
            let names = olds.keys().chain(news.keys().filter(|name| !olds.contains_key(*name)));
            for name in names {
                let inner = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
                let value = |table: &serde_json::Map<_, _>| table.get(name).cloned().unwrap_or(Value::Null);
                compare(inner, &value(olds), &value(news), found);
            }
        }
        _ if old == new => {}
        _ => found.push(Difference { key, old: old.clone(), new: new.clone() }),
    }
}

#[cfg(test)]
mod tests {
    use restore_core::{DiffusionConfig, InferenceConfig, ModelConfig, Prediction, ScheduleKind, UNetConfig};

    use super::*;

    fn model() -> ModelConfig {
        ModelConfig {
            crop_size: 512,
            class_names: Vec::new(),
            unet: UNetConfig::fast(),
            diffusion: DiffusionConfig::default(),
            inference: InferenceConfig::default(),
        }
    }

    #[test]
    fn every_differing_key_is_found_and_judged() {
        let (old, mut new) = (model(), model());
        assert_eq!(differences(&old, &new).unwrap(), []);
        new.crop_size = 256;
        new.inference.steps = 1;
        new.diffusion.schedule = ScheduleKind::Cosine;
        let found = differences(&old, &new).unwrap();
        let keys: Vec<_> = found.iter().map(|difference| difference.key.as_str()).collect();
        assert_eq!(keys, ["crop_size", "diffusion.schedule", "inference.steps"]);
        assert!(!found.iter().any(Difference::changes_network));
        assert_eq!(found[0].to_string(), "crop_size is 512 there and 256 here");

        let mut new = model();
        new.diffusion.prediction = Prediction::Epsilon;
        new.unet.channel_mults = vec![1, 2, 4, 8];
        let found = differences(&old, &new).unwrap();
        assert_eq!(found.len(), 2);
        assert!(found.iter().all(Difference::changes_network));
        assert_eq!(found[1].to_string(), "unet.channel_mults is [1,2,4,4] there and [1,2,4,8] here");
    }

    #[test]
    fn a_key_that_only_one_has_differs() {
        let found = differences(&serde_json::json!({"a": 1}), &serde_json::json!({"b": 2})).unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].new.is_null(), found[1].old.is_null()), (true, true));
    }
}
