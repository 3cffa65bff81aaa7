// SPDX-License-Identifier: MIT OR Apache-2.0
//! Checks that draws follow their distribution.

/// Kolmogorov-Smirnov: the largest distance to the uniform distribution's, below its 99.9 % quantile.
#[track_caller]
pub fn assert_uniform(name: &str, values: impl Iterator<Item = f64>, [low, high]: [f64; 2]) {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let count = values.len() as f64;
    assert!(count > 100.0 && values[0] >= low && values[values.len() - 1] <= high, "{name} leaves its range");
    let distance = values.iter().enumerate().map(|(index, value)| {
        let uniform = (value - low) / (high - low);
        (uniform - index as f64 / count).abs().max((uniform - (index + 1) as f64 / count).abs())
    });
    let distance = distance.fold(0.0, f64::max);
    assert!(
        distance < 1.95 / count.sqrt(),
        "{name}: Kolmogorov-Smirnov distance {distance} of {count} values"
    );
}

/// Pearson's chi-square of equally likely whole numbers, below mean + 5 standard deviations of its distribution.
#[track_caller]
pub fn assert_uniform_whole(name: &str, values: impl Iterator<Item = u8>, [low, high]: [u8; 2]) {
    let mut counts = vec![0.0_f64; usize::from(high - low) + 1];
    values.for_each(|value| counts[usize::from(value - low)] += 1.0);
    let expected = counts.iter().sum::<f64>() / counts.len() as f64;
    let chi_square: f64 = counts.iter().map(|count| (count - expected).powi(2) / expected).sum();
    let freedom = (counts.len() - 1) as f64;
    assert!(
        chi_square < freedom + 5.0 * (2.0 * freedom).sqrt(),
        "{name}: chi-square {chi_square} of {counts:?}"
    );
}

/// `count` of `of` is within five standard deviations of `probability`.
#[track_caller]
pub fn assert_share(name: &str, count: usize, of: usize, probability: f64) {
    let deviation = (probability * (1.0 - probability) / of as f64).sqrt();
    let share = count as f64 / of as f64;
    assert!((share - probability).abs() < 5.0 * deviation, "{name}: {share}, expected {probability}");
}
