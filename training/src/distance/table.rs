// SPDX-License-Identifier: MIT OR Apache-2.0
//! A comparison as a table of text.

use super::comparison::{Comparison, HALF_WIDTH, NeighbourReport};
use crate::evaluate::Table;
use crate::metrics::Mean;

/// What stands where there is no interval.
const NONE: &str = "–";

/// The measures of `comparison`, a row each.
#[must_use]
pub fn table(comparison: &Comparison) -> Table {
    let Comparison { frechet, kernel, neighbours, .. } = comparison;
    let around = |mean: f64, error: f64, least: f64| {
        format!("[{:.5}, {:.5}]", (mean - HALF_WIDTH * error).max(least), mean + HALF_WIDTH * error)
    };
    let frechet_interval = frechet.standard_error.map(|error| around(frechet.distance, error, 0.0));
    let mut rows = vec![
        vec![
            format!("{} ↓", frechet.name),
            format!("{:.5}", frechet.distance),
            frechet_interval.unwrap_or(NONE.to_owned()),
        ],
        vec![
            format!("{} ↓", kernel.name),
            format!("{:.5}", kernel.distance.mean),
            around(kernel.distance.mean, kernel.distance.standard_error, f64::NEG_INFINITY),
        ],
    ];
    rows.extend(neighbours.iter().flat_map(neighbour_rows));
    let note = format!(
        "Intervals: of the Fréchet distance ±{HALF_WIDTH} standard errors of {} resamples, of the kernel distance ±{HALF_WIDTH} \
         of {} disjoint blocks of {} pictures, of the others the bootstrap over pictures. ↑ more is better, ↓ less is better; \
         density is 1 for a set of the same kind.",
        frechet.resamples, kernel.distance.blocks, kernel.distance.block_size
    );
    let header = ["measure", "value", "95 % interval"].map(str::to_owned).to_vec();
    Table { title: "Distance", note, header, rows }
}

fn neighbour_rows(report: &NeighbourReport) -> [Vec<String>; 4] {
    let row = |name: &str, Mean { mean, low, high }: Mean| {
        let name = format!("{name}, k = {}", report.k);
        vec![name, format!("{mean:.4}"), format!("[{low:.4}, {high:.4}]")]
    };
    [
        row("precision ↑", report.precision),
        row("recall ↑", report.recall),
        row("density", report.density),
        row("coverage ↑", report.coverage),
    ]
}
