// SPDX-License-Identifier: MIT OR Apache-2.0
//! The noise schedule γ_t of the forward process (Eq. 5), its respacing and its continuous draws.

use rand::Rng;
use serde::{Deserialize, Serialize};

use crate::RestoreError;

/// The shape of γ over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScheduleKind {
    /// β from 1e-4 to 2e-2 in equal steps (DDPM; for T ≠ 1000 scaled so that γ_T stays the same).
    Linear,
    /// γ(t) ∝ cos²((t/T + 0.008) / 1.008 · π/2), β at most 0.999 (Nichol and Dhariwal 2021).
    Cosine,
}

/// γ_0 = 1 … γ_T: the share of the clean signal's power left at each step, strictly decreasing.
#[derive(Debug, Clone)]
pub struct NoiseSchedule {
    gammas: Vec<f64>,
}

impl NoiseSchedule {
    /// The schedule of `timesteps` training steps.
    ///
    /// # Errors
    /// [`RestoreError::Config`] when `timesteps` is 0.
    pub fn new(kind: ScheduleKind, timesteps: usize) -> Result<Self, RestoreError> {
        if timesteps == 0 {
            return Err(RestoreError::Config("diffusion.timesteps is 0, must be at least 1".into()));
        }
        let count = timesteps as f64;
        let beta = |step: usize| -> f64 {
            match kind {
                ScheduleKind::Linear => {
                    let scale = 1000.0 / count;
                    let share = if timesteps == 1 { 1.0 } else { (step - 1) as f64 / (count - 1.0) };
                    (scale * (1e-4 + share * (2e-2 - 1e-4))).min(0.999)
                }
                ScheduleKind::Cosine => {
                    let level =
                        |t: f64| ((t / count + 0.008) / 1.008 * std::f64::consts::FRAC_PI_2).cos().powi(2);
                    (1.0 - level(step as f64) / level(step as f64 - 1.0)).clamp(0.0, 0.999)
                }
            }
        };
        let mut gammas = vec![1.0];
        for step in 1..=timesteps {
            gammas.push(gammas[step - 1] * (1.0 - beta(step)));
        }
        Ok(Self { gammas })
    }

    /// T, the number of training steps.
    pub fn timesteps(&self) -> usize {
        self.gammas.len() - 1
    }

    /// γ_t for `step` in 0..=T; γ_0 is 1.
    pub fn gamma(&self, step: usize) -> f64 {
        self.gammas[step.min(self.timesteps())]
    }

    /// The noise levels of a sampler with `steps` steps S: γ at the times τ_i = T (i/S)^`spacing`, i = S … 0, noisiest first;
    /// `steps + 1` values, the last is 1. Always starts at γ_T, so even one step begins from the noise the network was trained
    /// on. `spacing` 1 is even in time, 2 the quadratic one of DDIM (Song et al. 2020, appendix D.2); the larger, the less
    /// noise in the later steps (as ρ of EDM, Karras et al. 2022).
    ///
    /// # Errors
    /// [`RestoreError::Config`] unless 1 ≤ `steps` ≤ T.
    pub fn respaced(&self, steps: usize, spacing: f64) -> Result<Vec<f64>, RestoreError> {
        let total = self.timesteps();
        if steps == 0 || steps > total {
            return Err(RestoreError::Config(format!("{steps} sampling steps, must be 1 to {total}")));
        }
        Ok(self.levels_from(total as f64, steps, spacing))
    }

    /// The noise levels of a sampler that begins at `gamma`, a share of the signal's power in (0, 1), instead of at γ_T: spaced
    /// as in [`respaced`](Self::respaced), with as many of its `steps` as that has levels after `gamma`, counting it; noisiest
    /// first, the last is 1. A `gamma` below γ_T begins at γ_T.
    ///
    /// # Errors
    /// As [`respaced`](Self::respaced), and when `gamma` is not in (0, 1).
    pub fn respaced_from(&self, gamma: f64, steps: usize, spacing: f64) -> Result<Vec<f64>, RestoreError> {
        if !(gamma > 0.0 && gamma < 1.0) {
            return Err(RestoreError::Config(format!("a start at γ = {gamma}, must be between 0 and 1")));
        }
        let start = self.time_of(gamma);
        let total = self.timesteps() as f64;
        let levels = self.respaced(steps, spacing)?;
        if start >= total {
            return Ok(levels);
        }
        let remaining = (steps as f64 * (start / total).powf(spacing.recip())).ceil().max(1.0);
        Ok(self.levels_from(start, remaining as usize, spacing))
    }

    /// γ at `steps + 1` times from `start` to 0.
    fn levels_from(&self, start: f64, steps: usize, spacing: f64) -> Vec<f64> {
        let share = |index: usize| (index as f64 / steps as f64).powf(spacing);
        (0..=steps).rev().map(|index| self.at_time(start * share(index))).collect()
    }

    /// The time in 0..=T at which the level is `gamma`, linear between the steps.
    fn time_of(&self, gamma: f64) -> f64 {
        let after = self.gammas.partition_point(|&level| level > gamma);
        if after > self.timesteps() {
            return self.timesteps() as f64;
        }
        let (high, low) = (self.gammas[after - 1], self.gammas[after]);
        after as f64 - (gamma - low) / (high - low)
    }

    /// The inverse of [`time_of`](Self::time_of).
    fn at_time(&self, time: f64) -> f64 {
        // A whole number that rounding has moved is meant as one.
        let time = if (time - time.round()).abs() < 1e-9 { time.round() } else { time };
        let before = time.floor() as usize;
        let share = time - time.floor();
        self.gamma(before) + share * (self.gamma(before + 1) - self.gamma(before))
    }

    /// Draws a training noise level as SR3 does: t uniform in 1..=T, then γ uniform between γ_t and γ_{t-1}.
    pub fn draw(&self, rng: &mut impl Rng) -> f64 {
        let step = rng.random_range(1..=self.timesteps());
        let (low, high) = (self.gammas[step], self.gammas[step - 1]);
        low + (high - low) * rng.random::<f64>()
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn linear() -> NoiseSchedule {
        NoiseSchedule::new(ScheduleKind::Linear, 1000).unwrap()
    }

    /// The product written out anew, in logarithms.
    #[test]
    fn linear_is_the_product_of_alphas() {
        let mut log_gamma = 0.0_f64;
        for t in 1..=1000 {
            log_gamma += (-(1e-4 + (t - 1) as f64 * (0.02 - 1e-4) / 999.0)).ln_1p();
            assert!((linear().gamma(t) / log_gamma.exp() - 1.0).abs() < 1e-10, "t = {t}");
        }
        // ᾱ_T of DDPM, published as 4.0e-5.
        assert!((linear().gamma(1000) - 4.0358e-5).abs() < 1e-8);
    }

    /// Where no β is clipped the product telescopes to the closed form f(t)/f(0).
    #[test]
    fn cosine_telescopes_to_its_closed_form() {
        let schedule = NoiseSchedule::new(ScheduleKind::Cosine, 1000).unwrap();
        let f = |t: f64| ((t / 1000.0 + 0.008) / 1.008 * std::f64::consts::FRAC_PI_2).cos().powi(2);
        for t in [1, 10, 250, 500, 750, 990] {
            assert!((schedule.gamma(t) - f(t as f64) / f(0.0)).abs() < 1e-12, "t = {t}");
        }
        assert!(schedule.gamma(1000) > 0.0, "β is clipped at 0.999, so some signal is left");
    }

    #[test]
    fn gammas_decrease_strictly() {
        for kind in [ScheduleKind::Linear, ScheduleKind::Cosine] {
            for timesteps in [1, 2, 10, 1000] {
                let schedule = NoiseSchedule::new(kind, timesteps).unwrap();
                assert_eq!(schedule.gamma(0), 1.0);
                assert!(
                    (1..=timesteps).all(|t| schedule.gamma(t) < schedule.gamma(t - 1)),
                    "{kind:?} {timesteps}"
                );
            }
        }
    }

    #[test]
    fn respacing_keeps_the_ends_and_can_be_the_identity() {
        let schedule = linear();
        for steps in [1, 2, 4, 7, 10, 1000] {
            let levels = schedule.respaced(steps, 1.0).unwrap();
            assert_eq!(levels.len(), steps + 1);
            assert_eq!((levels[0], levels[steps]), (schedule.gamma(1000), 1.0));
            assert!(levels.windows(2).all(|pair| pair[0] < pair[1]));
        }
        let all: Vec<f64> = (0..=1000).rev().map(|t| schedule.gamma(t)).collect();
        assert_eq!(schedule.respaced(1000, 1.0).unwrap(), all);
        assert_eq!(schedule.respaced(10, 1.0).unwrap()[1], schedule.gamma(900));
        assert!(schedule.respaced(0, 1.0).is_err() && schedule.respaced(1001, 1.0).is_err());
    }

    #[test]
    fn a_sampler_may_begin_in_the_middle() {
        let schedule = linear();
        for gamma in [0.9, 0.5, 0.123] {
            let levels = schedule.respaced_from(gamma, 10, 1.0).unwrap();
            assert!((levels[0] - gamma).abs() < 1e-12 && levels.last() == Some(&1.0));
            assert!(levels.windows(2).all(|pair| pair[0] < pair[1]));
        }
        // γ = 0.5 lies between t = 258 and 259 of 1000, so 3 of 10 steps are left.
        assert_eq!(schedule.respaced_from(0.5, 10, 1.0).unwrap().len(), 4);
        assert_eq!(schedule.respaced_from(schedule.gamma(400), 10, 1.0).unwrap()[1], schedule.gamma(300));
        assert_eq!(schedule.respaced_from(0.5, 1, 1.0).unwrap().len(), 2);
        assert_eq!(schedule.respaced_from(1e-9, 4, 1.0).unwrap(), schedule.respaced(4, 1.0).unwrap());
        assert!(
            schedule.respaced_from(1.0, 4, 1.0).is_err() && schedule.respaced_from(f64::NAN, 4, 1.0).is_err()
        );
    }

    /// T/S² i², and for two steps of spacing 4 the time T/16; with many steps the first times lie below 1, between γ_0 and γ_1.
    #[test]
    fn wider_spacing_puts_the_later_steps_where_little_noise_is() {
        let schedule = linear();
        let quadratic = schedule.respaced(10, 2.0).unwrap();
        for (index, &gamma) in quadratic.iter().enumerate() {
            assert_eq!(gamma, schedule.gamma(10 * (10 - index).pow(2)));
        }
        let middle = (schedule.gamma(62) + schedule.gamma(63)) / 2.0;
        assert!((schedule.respaced(2, 4.0).unwrap()[1] - middle).abs() < 1e-12);
        for steps in [1, 3, 10, 50] {
            let levels = schedule.respaced(steps, 4.0).unwrap();
            assert_eq!((levels[0], levels[steps]), (schedule.gamma(1000), 1.0));
            assert!(levels.windows(2).all(|pair| pair[0] < pair[1]));
        }
        // γ = 0.5 is at 0.2585 T, and the fourth root of that is 0.71: three of four steps are left, and one of one.
        assert_eq!(schedule.respaced_from(0.5, 4, 4.0).unwrap().len(), 4);
        assert_eq!(schedule.respaced_from(0.5, 1, 4.0).unwrap().len(), 2);
        assert_eq!(schedule.respaced_from(schedule.gamma(810), 10, 2.0).unwrap(), quadratic[1..]);
    }

    /// The mean of the draws is the trapezoid rule over the schedule.
    #[test]
    fn draws_are_continuous_and_follow_the_schedule() {
        let schedule = linear();
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
        let draws: Vec<f64> = (0..200_000).map(|_| schedule.draw(&mut rng)).collect();
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        let expected =
            (1..=1000).map(|t| (schedule.gamma(t) + schedule.gamma(t - 1)) / 2.0).sum::<f64>() / 1000.0;
        // The standard error is 0.0007; four of them.
        assert!((mean - expected).abs() < 0.003, "{mean} against {expected}");
        let on_grid = draws.iter().filter(|draw| (0..=1000).any(|t| schedule.gamma(t) == **draw)).count();
        assert!(on_grid < 10, "{on_grid} draws fell on the grid");
    }
}
