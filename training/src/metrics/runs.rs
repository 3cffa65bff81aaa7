// SPDX-License-Identifier: MIT OR Apache-2.0
//! The mean of a figure over a few independent runs, with its uncertainty.

use super::mean::standard_deviation;

/// The 0.975 quantiles of Student's t with 1, 2, … degrees of freedom.
const T: [f64; 20] = [
    12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281, 2.2010, 2.1788, 2.1604,
    2.1448, 2.1314, 2.1199, 2.1098, 2.1009, 2.0930, 2.0860,
];

/// That of the normal distribution, which Student's t goes to.
const NORMAL: f64 = 1.9600;

/// The mean over independent runs, as trainings of different seeds, and its 95 % interval by Student's t.
///
/// A bootstrap of three values has ten different means at most, so intervals of few runs are those of the t distribution; they
/// take the runs' figures as normally distributed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RunsMean {
    /// The mean.
    pub mean: f64,
    /// Half the width of the interval; `None` of a single run, which does not tell.
    pub half_width: Option<f64>,
}

impl RunsMean {
    /// The mean of `values`, one of each run; `None` without values.
    #[must_use]
    pub fn of(values: &[f64]) -> Option<Self> {
        if values.is_empty() {
            return None;
        }
        let count = values.len() as f64;
        let half_width = standard_deviation(values).map(|deviation| {
            let freedom = values.len() - 1;
            // Beyond the table by an expansion that is within 0.01 there.
            let quantile = T.get(freedom - 1).copied().unwrap_or_else(|| beyond(freedom as f64));
            quantile * deviation / count.sqrt()
        });
        Some(Self { mean: values.iter().sum::<f64>() / count, half_width })
    }

    /// Whether the interval lies on one side of 0; `None` of a single run.
    #[must_use]
    pub fn excludes_zero(&self) -> Option<bool> {
        self.half_width.map(|half_width| self.mean.abs() > half_width)
    }
}

/// The quantile for many degrees of freedom, to the first order of Fisher's expansion: z + (z³ + z) / 4ν.
fn beyond(freedom: f64) -> f64 {
    NORMAL + (NORMAL.powi(3) + NORMAL) / (4.0 * freedom)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three values 1, 2 and 3: their deviation is 1, and t of two degrees of freedom has the closed quantile
    /// (2p − 1) √(2 / (1 − (2p − 1)²)).
    #[test]
    fn the_interval_of_three_runs_is_students() {
        let runs = RunsMean::of(&[1.0, 2.0, 3.0]).unwrap();
        let quantile = 0.95 * (2.0_f64 / (1.0 - 0.95_f64.powi(2))).sqrt();
        assert_eq!(runs.mean, 2.0);
        assert!((runs.half_width.unwrap() - quantile / 3.0_f64.sqrt()).abs() < 1e-4);
        // With one degree of freedom t is Cauchy's distribution: tan(0.475 π).
        let two = RunsMean::of(&[0.0, 2.0]).unwrap();
        let quantile = (0.475 * std::f64::consts::PI).tan();
        assert!((two.half_width.unwrap() - quantile * 2.0_f64.sqrt() / 2.0_f64.sqrt()).abs() < 1e-3);
        assert_eq!(
            (two.excludes_zero(), RunsMean::of(&[5.0, 5.1]).unwrap().excludes_zero()),
            (Some(false), Some(true))
        );
    }

    #[test]
    fn many_runs_go_on_where_the_table_ends_and_one_has_no_interval() {
        assert!((beyond(20.0) - T[19]).abs() < 0.01 && beyond(21.0) < T[19]);
        assert_eq!(RunsMean::of(&[4.0]), Some(RunsMean { mean: 4.0, half_width: None }));
        assert_eq!(RunsMean::of(&[]), None);
    }
}
