// SPDX-License-Identifier: MIT OR Apache-2.0
//! The mean of a measure over a set of pictures, with its uncertainty.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// Resamples of [`Mean::of`].
const RESAMPLES: usize = 2000;

/// The mean of a measure over a set of pictures and its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Mean {
    /// The mean.
    pub mean: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

impl Mean {
    /// The mean of `values` with the percentile bootstrap interval (2000 resamples from a fixed seed, so the
    /// same values always give the same interval). `None` without values. Cap infinite PSNRs first
    /// ([`PSNR_CAP`](super::PSNR_CAP)).
    #[must_use]
    pub fn of(values: &[f64]) -> Option<Self> {
        if values.is_empty() {
            return None;
        }
        let count = values.len();
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let mut means: Vec<f64> = (0..RESAMPLES)
            .map(|_| (0..count).map(|_| values[rng.random_range(0..count)]).sum::<f64>() / count as f64)
            .collect();
        means.sort_by(f64::total_cmp);
        let quantile = |share: f64| means[((RESAMPLES - 1) as f64 * share).round() as usize];
        Some(Self {
            mean: values.iter().sum::<f64>() / count as f64,
            low: quantile(0.025),
            high: quantile(0.975),
        })
    }
}

/// The standard deviation of a sample (divided by n - 1); `None` of less than two values.
pub(super) fn standard_deviation(values: &[f64]) -> Option<f64> {
    if values.len() < 2 {
        return None;
    }
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    Some((squares / (values.len() - 1) as f64).sqrt())
}
