// SPDX-License-Identifier: MIT OR Apache-2.0
//! The One-Euro filter: a low-pass filter that opens with speed, so that what rests does not tremble and
//! what moves does not lag (Casiez, Roussel and Vogel, CHI 2012).

use std::f64::consts::TAU;

/// How a [`OneEuroFilter`] trades jitter against lag.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct OneEuroParameters {
    /// Cutoff at rest, Hz: lower is steadier.
    pub min_cutoff: f64,
    /// Growth of the cutoff with speed, Hz per unit per second: a value in steady motion lags by less than
    /// 1 / (2π · `beta`) units, however fast it moves.
    pub beta: f64,
    /// Cutoff of the speed's own low-pass filter, Hz.
    pub derivative_cutoff: f64,
}

/// Smooths `N` coordinates that move together: their common speed (root mean square) sets one cutoff for
/// all, so that a shape is never torn. With one coordinate it is the paper's Algorithm 1.
#[derive(Debug, Clone)]
pub(super) struct OneEuroFilter<const N: usize> {
    parameters: OneEuroParameters,
    /// The filtered values and their filtered derivatives; `None` before the first values.
    state: Option<([f64; N], [f64; N])>,
}

impl<const N: usize> OneEuroFilter<N> {
    /// A filter that has seen nothing.
    pub(super) fn new(parameters: OneEuroParameters) -> Self {
        Self { parameters, state: None }
    }

    /// The filtered values, `seconds` after the ones before. `unit` is how much makes a unit of `beta`, e.g.
    /// the size of the face, so that one setting suits large faces and small ones. The first values pass
    /// unchanged; if no time has passed, the earlier result stays.
    pub(super) fn filter(&mut self, values: [f64; N], unit: f64, seconds: f64) -> [f64; N] {
        let Some((filtered, derivatives)) = &mut self.state else {
            self.state = Some((values, [0.0; N]));
            return values;
        };
        if seconds > 0.0 {
            let share = low_pass_share(self.parameters.derivative_cutoff, seconds);
            for ((derivative, value), previous) in derivatives.iter_mut().zip(values).zip(*filtered) {
                *derivative += share * ((value - previous) / seconds - *derivative);
            }
            let squares: f64 = derivatives.iter().map(|derivative| derivative * derivative).sum();
            let speed = (squares / N as f64).sqrt() / unit;
            let cutoff = self.parameters.min_cutoff + self.parameters.beta * speed;
            let share = low_pass_share(cutoff, seconds);
            for (previous, value) in filtered.iter_mut().zip(values) {
                *previous += share * (value - *previous);
            }
        }
        *filtered
    }

    /// Moves the filtered values as what they describe is known to have moved, so that the next values are
    /// compared with where they should be.
    pub(super) fn carry(&mut self, motion: impl FnOnce([f64; N]) -> [f64; N]) {
        if let Some((filtered, _)) = &mut self.state {
            *filtered = motion(*filtered);
        }
    }

    /// Forgets everything; the next values pass unchanged.
    pub(super) fn reset(&mut self) {
        self.state = None;
    }
}

/// The share α of a new value in an exponential low-pass filter: 1 / (1 + τ/T) with τ = 1 / (2π · `cutoff`).
pub(super) fn low_pass_share(cutoff: f64, seconds: f64) -> f64 {
    1.0 / (1.0 + 1.0 / (TAU * cutoff * seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEADY: OneEuroParameters =
        OneEuroParameters { min_cutoff: 1.0, beta: 0.0, derivative_cutoff: 1.0 };

    fn close(found: f64, expected: f64, tolerance: f64) {
        assert!((found - expected).abs() < tolerance, "{found} is not {expected}");
    }

    /// Time, noisy value, filtered value: the first rows of groundTruth.csv, which the authors publish with
    /// their implementations (github.com/casiez/OneEuroFilter) for min_cutoff 1, beta 0.1 and derivative
    /// cutoff 1.
    const PUBLISHED: [(f64, f64, f64); 16] = [
        (0.0, -0.0385099, -0.0385099),
        (0.00833333, -0.0280664, -0.0379872),
        (0.0166667, 0.048622, -0.0334427),
        (0.025, 0.111498, -0.0252696),
        (0.0333333, 0.053026, -0.0207099),
        (0.0416667, 0.120548, -0.0119912),
        (0.05, 0.00972308, -0.0106507),
        (0.0583333, 0.074193, -0.00526521),
        (0.0666667, -0.0236801, -0.00641239),
        (0.075, 0.0462396, -0.00308863),
        (0.0833333, 0.0892027, 0.00291027),
        (0.0916667, 0.158329, 0.0135545),
        (0.1, 0.0423086, 0.01552),
        (0.108333, 0.0887203, 0.0206024),
        (0.116667, 0.039102, 0.0218784),
        (0.125, 0.140277, 0.030313),
    ];

    #[test]
    fn the_authors_values_come_out() {
        let mut filter = OneEuroFilter::new(OneEuroParameters { beta: 0.1, ..STEADY });
        let mut last = 0.0;
        for (time, noisy, expected) in PUBLISHED {
            let [filtered] = filter.filter([noisy], 1.0, time - last);
            close(filtered, expected, 1e-6);
            last = time;
        }
    }

    #[test]
    fn without_beta_a_step_decays_exponentially() {
        // x̂ₖ = 1 − Π(1 − αᵢ), for any intervals; here α = 1 / (1 + 1 / (2π · 1.5 · T)).
        let mut filter = OneEuroFilter::new(OneEuroParameters { min_cutoff: 1.5, ..STEADY });
        filter.filter([0.0], 1.0, 0.0);
        let mut left = 1.0;
        for seconds in [0.02, 0.04, 0.001, 0.5, 0.033] {
            let [filtered] = filter.filter([1.0], 1.0, seconds);
            left *= 1.0 - 1.0 / (1.0 + 1.0 / (TAU * 1.5 * seconds));
            close(filtered, 1.0 - left, 1e-12);
        }
    }

    #[test]
    fn steady_motion_lags_by_less_than_the_bound() {
        for speed in [0.01, 0.3, 2.0, 40.0] {
            let parameters = OneEuroParameters { beta: 20.0, ..STEADY };
            let mut filter = OneEuroFilter::new(parameters);
            let mut lag = 0.0;
            for frame in 0..300 {
                let place = speed * f64::from(frame) / 30.0;
                lag = place - filter.filter([place], 1.0, 1.0 / 30.0)[0];
            }
            assert!(lag > 0.0 && lag < 1.0 / (TAU * 20.0), "{lag} at {speed}");
        }
    }

    #[test]
    fn the_unit_makes_the_result_independent_of_the_scale() {
        let run = |scale: f64| {
            let mut filter = OneEuroFilter::new(OneEuroParameters { beta: 3.0, ..STEADY });
            let values = [[0.0, 0.0], [0.1, -0.2], [0.5, -0.3], [0.2, 0.4]];
            values.map(|pair| filter.filter(pair.map(|value| value * scale), scale, 0.03).map(|v| v / scale))
        };
        for (small, large) in run(1.0).as_flattened().iter().zip(run(250.0).as_flattened()) {
            close(*small, *large, 1e-12);
        }
    }

    #[test]
    fn no_time_and_negative_time_leave_the_result() {
        let mut filter = OneEuroFilter::new(STEADY);
        filter.filter([1.0, 2.0], 1.0, 0.03);
        let before = filter.filter([1.5, 2.5], 1.0, 0.03);
        for seconds in [0.0, -0.5, f64::NAN] {
            assert_eq!(filter.filter([9.0, 9.0], 1.0, seconds), before);
        }
    }

    #[test]
    fn carried_values_follow_known_motion_without_lag_and_a_reset_starts_over() {
        let mut filter = OneEuroFilter::new(STEADY);
        filter.filter([0.0], 1.0, 0.03);
        for frame in 1..50 {
            filter.carry(|[value]| [value + 7.0]);
            close(filter.filter([7.0 * f64::from(frame)], 1.0, 0.03)[0], 7.0 * f64::from(frame), 1e-9);
        }
        filter.reset();
        assert_eq!(filter.filter([-3.0], 1.0, 0.03), [-3.0]);
    }
}
