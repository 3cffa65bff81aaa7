// SPDX-License-Identifier: MIT OR Apache-2.0
//! Several recipes in one, each for a share of the pictures.

use rand::Rng;
use serde::{Deserialize, Serialize};

use super::ranges::{check, check_probability};
use super::{Degradation, DegradationError, DegradationParams};

/// How far the shares may sum beyond 1: what the addition of decimal fractions rounds.
const ROUNDING: f64 = 1e-9;

/// A recipe that takes the place of the base one for a share of the pictures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MixPart {
    /// Probability that a picture is drawn from this recipe, 0 to 1. All shares of a mix sum to at most 1; the rest is the
    /// base recipe's.
    pub share: f64,
    /// The recipe, without a mix of its own.
    pub recipe: Degradation,
}

/// Checks the shares, and every recipe with its place before the names of its fields: `mix[0].recipe.sigma`.
pub(super) fn validate(parts: &[MixPart]) -> Result<(), DegradationError> {
    for (index, MixPart { share, recipe }) in parts.iter().enumerate() {
        check_probability(&format!("mix[{index}].share"), *share)?;
        let nested = format!("mix[{index}].recipe.mix");
        let expected = "left out: a recipe of a mix has none of its own";
        check(recipe.mix.is_empty(), &nested, recipe.mix.len(), expected)?;
        recipe.validate().map_err(|error| error.within(&format!("mix[{index}].recipe.")))?;
    }
    let sum: f64 = parts.iter().map(|part| part.share).sum();
    check(sum <= 1.0 + ROUNDING, "mix: the sum of the shares", sum, "at most 1")
}

/// A draw from the recipe that `rng` chooses; none where the choice is the base recipe.
pub(super) fn draw<R: Rng + ?Sized>(parts: &[MixPart], rng: &mut R) -> Option<DegradationParams> {
    let mut place = rng.random::<f64>();
    for part in parts {
        if place < part.share {
            return Some(part.recipe.draw(rng));
        }
        place -= part.share;
    }
    None
}
