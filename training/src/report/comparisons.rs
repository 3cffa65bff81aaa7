// SPDX-License-Identifier: MIT OR Apache-2.0
//! The comparisons of several runs as rows of tables: means over the runs, and differences run by run.

use crate::distance::{Comparison, NeighbourReport};
use crate::metrics::RunsMean;

/// What stands where a figure is not there.
const NONE: &str = "–";

/// A figure of a comparison.
pub(super) struct Figure {
    /// What it is called, with an arrow towards the better.
    pub(super) name: &'static str,
    decimals: usize,
    value: fn(&Comparison) -> Option<f64>,
}

/// Those that the tables show: precision and recall as Kynkäänniemi et al. (2019) have them, density and coverage as Naeem et al. (2020).
pub(super) const FIGURES: [Figure; 6] = [
    Figure { name: "Fréchet distance ↓", decimals: 4, value: |of| Some(of.frechet.distance) },
    Figure { name: "kernel distance ↓", decimals: 5, value: |of| Some(of.kernel.distance.mean) },
    Figure {
        name: "precision, k = 3 ↑",
        decimals: 3,
        value: |of| nearest(of, 3).map(|of| of.precision.mean),
    },
    Figure { name: "recall, k = 3 ↑", decimals: 3, value: |of| nearest(of, 3).map(|of| of.recall.mean) },
    Figure { name: "density, k = 5", decimals: 3, value: |of| nearest(of, 5).map(|of| of.density.mean) },
    Figure {
        name: "coverage, k = 5 ↑", decimals: 3, value: |of| nearest(of, 5).map(|of| of.coverage.mean)
    },
];

fn nearest(comparison: &Comparison, k: i64) -> Option<&NeighbourReport> {
    comparison.neighbours.iter().find(|report| report.k == k)
}

impl Figure {
    /// Its mean over `runs`, as text.
    pub(super) fn mean(&self, runs: &[Comparison]) -> String {
        let values: Option<Vec<f64>> = runs.iter().map(self.value).collect();
        let mean = values.and_then(|values| RunsMean::of(&values));
        mean.map_or(NONE.to_owned(), |mean| self.text(mean, false))
    }

    /// The mean difference of `left` minus `right`, run by run.
    pub(super) fn difference(&self, left: &[Comparison], right: &[Comparison]) -> Option<RunsMean> {
        let differences =
            left.iter().zip(right).map(|(left, right)| Some((self.value)(left)? - (self.value)(right)?));
        RunsMean::of(&differences.collect::<Option<Vec<f64>>>()?)
    }

    /// [`Self::difference`] as text.
    pub(super) fn difference_text(&self, left: &[Comparison], right: &[Comparison]) -> String {
        self.difference(left, right).map_or(NONE.to_owned(), |mean| self.text(mean, true))
    }

    fn text(&self, of: RunsMean, signed: bool) -> String {
        let RunsMean { mean, half_width } = of;
        let digits = self.decimals;
        match (half_width, signed) {
            (Some(half), true) => {
                format!("{mean:+.digits$} [{:+.digits$}, {:+.digits$}]", mean - half, mean + half)
            }
            (Some(half), false) => {
                format!("{mean:.digits$} [{:.digits$}, {:.digits$}]", mean - half, mean + half)
            }
            (None, true) => format!("{mean:+.digits$}"),
            (None, false) => format!("{mean:.digits$}"),
        }
    }
}

/// What a difference says, in words.
pub(super) fn finding(difference: RunsMean) -> &'static str {
    match (difference.excludes_zero(), difference.mean > 0.0) {
        (Some(true), true) => "above 0: the interval leaves 0 out",
        (Some(true), false) => "below 0: the interval leaves 0 out",
        (Some(false), _) => "not told from 0: the interval holds it",
        (None, _) => "of a single run, which has no interval",
    }
}
