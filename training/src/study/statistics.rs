// SPDX-License-Identifier: MIT OR Apache-2.0
//! Intervals and tests for counted choices.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

/// The 0.975 quantile of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// Resamples of [`bootstrap`].
const RESAMPLES: usize = 2000;

/// A 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// Wilson's score interval of a share, for `count` independent trials (Wilson 1927); 0 to 1 without a trial.
#[must_use]
pub fn wilson(successes: usize, count: usize) -> Interval {
    if count == 0 {
        return Interval { low: 0.0, high: 1.0 };
    }
    let (n, share) = (count as f64, successes as f64 / count as f64);
    let middle = share + Z * Z / (2.0 * n);
    let half = Z * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + Z * Z / n;
    Interval { low: ((middle - half) / scale).max(0.0), high: ((middle + half) / scale).min(1.0) }
}

/// Two-sided p of the exact sign test: how likely a split at least as uneven as `wins` to `losses` is when both are
/// equally likely.
#[must_use]
pub fn sign_test(wins: usize, losses: usize) -> f64 {
    let (count, fewer) = (wins + losses, wins.min(losses));
    let mut ln_choose = 0.0;
    let mut tail = 0.0;
    for k in 0..=fewer {
        tail += (ln_choose - count as f64 * std::f64::consts::LN_2).exp();
        ln_choose += ((count - k) as f64 / (k + 1) as f64).ln();
    }
    (2.0 * tail).min(1.0)
}

/// The p values after Holm's correction (1979) for testing all of them.
#[must_use]
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut ascending: Vec<usize> = (0..p.len()).collect();
    ascending.sort_by(|&a, &b| p[a].total_cmp(&p[b]));
    let mut corrected = vec![0.0; p.len()];
    let mut least = 0.0_f64;
    for (rank, index) in ascending.into_iter().enumerate() {
        least = least.max((p.len() - rank) as f64 * p[index]).min(1.0);
        corrected[index] = least;
    }
    corrected
}

/// Pearson's χ² of some counts against equal ones; 0 when all are 0.
#[must_use]
pub fn chi_squared(counts: &[usize]) -> f64 {
    let expected = counts.iter().sum::<usize>() as f64 / counts.len() as f64;
    if expected == 0.0 {
        return 0.0;
    }
    counts.iter().map(|&count| (count as f64 - expected).powi(2) / expected).sum()
}

/// A choice to resample, by indices from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    /// Who chose.
    pub rater: usize,
    /// On which face.
    pub face: usize,
    /// What was chosen.
    pub system: usize,
}

/// Percentile intervals of each system's share of `choices`, by the pigeonhole bootstrap (Owen 2007): raters and faces
/// are drawn with replacement, independently of each other, and a choice counts as often as its rater times its face
/// was drawn. So the intervals hold for other raters and other faces, unlike those that take each choice as an
/// independent one. 2000 resamples from a fixed seed: the same choices always give the same intervals.
///
/// `None` without choices.
#[must_use]
pub fn bootstrap(choices: &[Choice], systems: usize) -> Option<Vec<Interval>> {
    let raters = choices.iter().map(|choice| choice.rater).max()? + 1;
    let faces = choices.iter().map(|choice| choice.face).max()? + 1;
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let mut draw = |count: usize| {
        let mut drawn = vec![0_u32; count];
        (0..count).for_each(|_| drawn[rng.random_range(0..count)] += 1);
        drawn
    };
    let mut shares = vec![Vec::with_capacity(RESAMPLES); systems];
    // A resample may hold no choice at all when few raters saw few faces each: another one is drawn.
    while shares.first()?.len() < RESAMPLES {
        let (by_rater, by_face) = (draw(raters), draw(faces));
        let mut sums = vec![0.0; systems];
        for choice in choices {
            sums[choice.system] += f64::from(by_rater[choice.rater] * by_face[choice.face]);
        }
        let total: f64 = sums.iter().sum();
        if total > 0.0 {
            shares.iter_mut().zip(sums).for_each(|(shares, sum)| shares.push(sum / total));
        }
    }
    let quantile = |sorted: &[f64], share: f64| sorted[((RESAMPLES - 1) as f64 * share).round() as usize];
    let interval = |mut shares: Vec<f64>| {
        shares.sort_by(f64::total_cmp);
        Interval { low: quantile(&shares, 0.025), high: quantile(&shares, 0.975) }
    };
    Some(shares.into_iter().map(interval).collect())
}

/// The expected values without other mention are those of scipy: `binomtest(…).proportion_ci(method="wilson")`,
/// `binomtest(…).pvalue`, `chisquare` and `binom.ppf`.
#[cfg(test)]
mod tests {
    use super::*;

    fn close(value: f64, expected: f64, tolerance: f64) {
        assert!((value - expected).abs() <= tolerance, "{value} instead of {expected}");
    }

    #[test]
    fn wilson_intervals_are_those_of_scipy() {
        for (successes, count, low, high) in [
            (8, 10, 0.490_162_471_536_641_8, 0.943_317_848_545_624_8),
            (0, 10, 0.0, 0.277_532_799_862_889_26),
            (10, 10, 0.722_467_200_137_110_9, 1.0),
            (43, 60, 0.592_327_148_356_088_1, 0.814_931_715_715_672_8),
        ] {
            let interval = wilson(successes, count);
            close(interval.low, low, 1e-12);
            close(interval.high, high, 1e-12);
        }
        assert_eq!(wilson(0, 0), Interval { low: 0.0, high: 1.0 });
    }

    #[test]
    fn sign_tests_are_those_of_scipy() {
        for (wins, losses, p) in [
            (8, 2, 0.109_375),
            (15, 5, 0.041_389_465_332_031_25),
            (5, 5, 1.0),
            (0, 6, 0.031_25),
            (0, 0, 1.0),
            (700, 650, 0.182_310_349_466_950_1),
            // 2⁻²⁰⁰⁰ · 2 is below the smallest number.
            (2000, 0, 0.0),
        ] {
            close(sign_test(wins, losses), p, 1e-10);
            close(sign_test(losses, wins), p, 1e-10);
        }
    }

    /// R: p.adjust(c(0.01, 0.04, 0.03), "holm") is 0.03 0.06 0.06.
    #[test]
    fn holm_corrects_as_r_does() {
        for (corrected, expected) in holm(&[0.01, 0.04, 0.03]).into_iter().zip([0.03, 0.06, 0.06]) {
            close(corrected, expected, 1e-12);
        }
        assert_eq!(holm(&[0.7, 0.9]), [1.0, 1.0]);
    }

    #[test]
    fn chi_squared_is_that_of_scipy() {
        close(chi_squared(&[30, 20, 10]), 10.0, 1e-12);
        close(chi_squared(&[60, 40]), 4.0, 1e-12);
        assert_eq!(chi_squared(&[0, 0]), 0.0);
    }

    /// With one rater only the faces vary: the share is that of a binomial draw, whose quantiles are
    /// binom.ppf([0.025, 0.975], 100, 0.3) = 21, 39.
    #[test]
    fn bootstrap_over_faces_gives_binomial_quantiles() {
        let choices: Vec<Choice> =
            (0..100).map(|face| Choice { rater: 0, face, system: usize::from(face < 30) }).collect();
        let interval = bootstrap(&choices, 2).unwrap()[1];
        close(interval.low, 0.21, 0.011);
        close(interval.high, 0.39, 0.011);
    }

    /// Raters who choose one system on every face are 20 observations, however many faces they see:
    /// binom.ppf([0.025, 0.975], 20, 0.5) = 6, 14. Wilson's interval for 1000 choices, 0.47 to 0.53, is wrong here.
    #[test]
    fn bootstrap_counts_raters_not_their_answers() {
        let choices: Vec<Choice> = (0..1000)
            .map(|index| Choice { rater: index % 20, face: index / 20, system: index % 20 % 2 })
            .collect();
        let interval = bootstrap(&choices, 2).unwrap()[0];
        close(interval.low, 0.3, 0.051);
        close(interval.high, 0.7, 0.051);
        assert!(bootstrap(&[], 2).is_none());
    }
}
