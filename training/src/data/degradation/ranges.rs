// SPDX-License-Identifier: MIT OR Apache-2.0
//! Ranges `[low, high]` and probabilities of a recipe: their checks and uniform draws from them.

use std::fmt::Debug;

use rand::Rng;

use super::DegradationError;

/// A number from `[low, high]`.
pub(super) fn uniform<R: Rng + ?Sized>(rng: &mut R, [low, high]: [f64; 2]) -> f64 {
    low + (high - low) * rng.random::<f64>()
}

/// A whole number from `low` to `high`; every one is as likely as the next.
pub(super) fn uniform_whole<R: Rng + ?Sized>(rng: &mut R, range: [u8; 2]) -> u8 {
    whole(rng, range.map(f64::from)) as u8
}

/// [`uniform_whole`] for numbers that can be below 0.
pub(super) fn uniform_signed<R: Rng + ?Sized>(rng: &mut R, range: [i8; 2]) -> i8 {
    whole(rng, range.map(f64::from)) as i8
}

fn whole<R: Rng + ?Sized>(rng: &mut R, [low, high]: [f64; 2]) -> f64 {
    uniform(rng, [low, high + 1.0]).floor().min(high)
}

/// One of `choices`, each with its weight: it is as likely as its share of the weights' sum, which is above 0.
pub(super) fn weighted<R: Rng + ?Sized, T: Copy, const N: usize>(rng: &mut R, choices: [(T, f64); N]) -> T {
    let sum: f64 = choices.iter().map(|(_, weight)| weight).sum();
    let mut place = sum * rng.random::<f64>();
    // What rounding leaves beyond the last is the last that can be.
    let mut chosen = choices[0].0;
    for (choice, weight) in choices.into_iter().filter(|(_, weight)| *weight > 0.0) {
        chosen = choice;
        if place < weight {
            break;
        }
        place -= weight;
    }
    chosen
}

/// True with `probability`.
pub(super) fn chance<R: Rng + ?Sized>(rng: &mut R, probability: f64) -> bool {
    rng.random::<f64>() < probability
}

/// Fails with the field's name and value unless `valid`.
pub(super) fn check(
    valid: bool,
    field: &str,
    value: impl Debug,
    expected: &'static str,
) -> Result<(), DegradationError> {
    if valid {
        return Ok(());
    }
    Err(DegradationError::Recipe { field: field.to_owned(), value: format!("{value:?}"), expected })
}

/// `low` and `high` are in order and neither leaves `[least, most]`.
pub(super) fn check_range<T: Copy + Debug + Into<f64>>(
    field: &str,
    range: [T; 2],
    [least, most]: [f64; 2],
    expected: &'static str,
) -> Result<(), DegradationError> {
    let [low, high] = range.map(Into::into);
    // False for a value that is no number, too.
    check(low >= least && low <= high && high <= most, field, range, expected)
}

/// `value` is in [0, 1].
pub(super) fn check_probability(field: &str, value: f64) -> Result<(), DegradationError> {
    check((0.0..=1.0).contains(&value), field, value, "between 0 and 1")
}
