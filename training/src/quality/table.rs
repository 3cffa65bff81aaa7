// SPDX-License-Identifier: MIT OR Apache-2.0
//! Measures without a truth as a table of text.

use super::measures::{MeasureReport, QualityReport};
use crate::evaluate::Table;
use crate::metrics::Mean;

/// What stands where there is no difference.
const NONE: &str = "–";

/// The sets of `report`, a row each: every measure, and its difference from the first set.
#[must_use]
pub fn table(report: &QualityReport) -> Table {
    let first = report.sets.first();
    let names =
        first.map_or(Vec::new(), |set| set.measures.iter().map(|of| of.name.clone()).collect::<Vec<_>>());
    let against = first.map_or("", |set| &set.name);
    let columns = names.iter().flat_map(|name| [name.clone(), format!("minus {against}")]);
    let header = ["set", "pictures"].map(str::to_owned).into_iter().chain(columns).collect();
    let rows = report.sets.iter().map(|set| {
        let start = [set.name.clone(), set.pictures.len().to_string()];
        start.into_iter().chain(set.measures.iter().flat_map(cells)).collect()
    });
    let mut note = "Mean [95 % bootstrap interval], and the difference picture by picture.".to_owned();
    if let Some((patches, side)) = report.patches {
        note += &format!(
            " Naturalness is the distance of the statistics of normalised luma from those of {patches} sharp patches of {side}×{side} \
             pixels of clean pictures (the features of NIQE, Mittal, Soundararajan and Bovik 2013, fitted on these): less is nearer to \
             them."
        );
    }
    for network in &report.networks {
        let sha256 = network.sha256.get(..12).unwrap_or(&network.sha256);
        note += &format!(
            " {} (SHA-256 {sha256}…) saw pictures at {size}×{size}.",
            network.name,
            size = network.size
        );
    }
    Table { title: "Quality without a truth", note, header, rows: rows.collect() }
}

fn cells(of: &MeasureReport) -> [String; 2] {
    let Mean { mean, low, high } = of.mean;
    let difference = of
        .difference
        .map_or(NONE.to_owned(), |Mean { mean, low, high }| format!("{mean:+.3} [{low:+.3}, {high:+.3}]"));
    [format!("{mean:.3} [{low:.3}, {high:.3}]"), difference]
}
