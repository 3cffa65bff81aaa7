// SPDX-License-Identifier: MIT OR Apache-2.0
//! The page about scripts/experiments/generation: do generators trained on D, D− and D* differ (section 4.2 of the paper)?

use std::path::{Path, PathBuf};

use plotters::style::RGBColor;

use super::comparisons::{FIGURES, Figure, finding};
use super::error::ReportError;
use super::experiment::{GenerationSettings, commands, json, losses};
use super::page::Page;
use super::pictures::{Column, damaged, samples, side_by_side};
use super::plot::{Line, Panel, draw};
use crate::distance::Comparison;
use crate::evaluate::Table;
use crate::train::run::loss_plot::moving_average;

/// The three data sets: the names of their folders, what the page calls them, and their colours.
const SETS: [(&str, &str, RGBColor); 3] = [
    ("clean", "D", RGBColor(20, 80, 160)),
    ("damaged", "D−", RGBColor(200, 60, 40)),
    ("enhanced", "D*", RGBColor(40, 140, 70)),
];

/// Pairs of [`SETS`] whose differences are told.
const PAIRS: [(usize, usize); 3] = [(1, 0), (1, 2), (2, 0)];

/// Width in pixels of the curve of a single run, and of the mean over them.
const OF_A_RUN: u32 = 1;
const OF_ALL: u32 = 4;

/// What the runs of one set gave, in the order of the seeds.
struct Runs {
    /// Samples beside the clean faces held apart.
    held_out: Vec<Comparison>,
    /// Samples beside D−.
    damaged: Vec<Comparison>,
    /// Losses by iteration.
    losses: Vec<Vec<(u64, f64)>>,
    /// The Fréchet distance of the checkpoints' samples to the faces held apart.
    distances: Vec<Vec<(u64, f64)>>,
}

impl Runs {
    fn read(folder: &Path, set: &str, settings: &GenerationSettings) -> Result<Self, ReportError> {
        let mut runs =
            Self { held_out: Vec::new(), damaged: Vec::new(), losses: Vec::new(), distances: Vec::new() };
        for seed in &settings.seeds {
            let name = format!("{set}-{seed}");
            let distances = folder.join("distances").join(&name);
            runs.held_out.push(comparison(&distances.join("held-out.json"), settings)?);
            runs.damaged.push(comparison(&distances.join("damaged.json"), settings)?);
            runs.losses.push(losses(&folder.join("runs").join(&name))?);
            let curve = settings.checkpoints.iter().map(|&iteration| {
                let of = comparison(&distances.join(format!("{iteration:06}.json")), settings)?;
                Ok((iteration, of.frechet.distance))
            });
            runs.distances.push(curve.collect::<Result<_, ReportError>>()?);
        }
        Ok(runs)
    }
}

/// Writes the page about the experiment in `folder` to `output`.
///
/// # Errors
/// [`ReportError`].
pub(super) fn write(
    folder: &Path,
    settings: &GenerationSettings,
    output: &Path,
) -> Result<PathBuf, ReportError> {
    let runs = SETS.map(|(set, ..)| Runs::read(folder, set, settings));
    let runs = runs.into_iter().collect::<Result<Vec<Runs>, ReportError>>()?;
    let data = SETS.map(|(set, ..)| comparison(&folder.join(format!("distances/data/{set}.json")), settings));
    let data = data.into_iter().collect::<Result<Vec<Comparison>, ReportError>>()?;

    let mut page = Page::new(output, "generation", "Generators of clean, damaged and enhanced data")?;
    page.paragraph(&set_up(settings, &data));
    page.heading("The data");
    let columns = SETS.map(|(set, name, _)| Column::new(name, folder.join("sets").join(set)));
    let names = damaged(&folder.join("sets/damaged"))?;
    page.picture(
        "data.jpg",
        "Faces of D that were damaged, and what f made of them",
        &side_by_side("", &columns, &names)?,
    )?;
    page.table(&data_table(&data));
    page.heading("The generators");
    page.table(&means_table(&runs, "Samples beside the clean faces held apart.", |runs| &runs.held_out));
    page.table(&means_table(
        &runs,
        "The same samples beside D−: a generator that learnt the damage is near to it.",
        |runs| &runs.damaged,
    ));
    page.heading("Differences");
    page.table(&differences_table(&runs));
    page.paragraph(&findings(&runs));
    page.heading("Over the training");
    let names = SETS.map(|(_, name, colour)| (name, colour));
    page.picture(
        "curves.png",
        "Loss, and distance of samples, by iteration",
        &draw(&names, &panels(&runs))?,
    )?;
    page.paragraph(&format!(
        "As the paper's Figure 9: on the left the losses (moving averages, a line for each run), on the right the Fréchet distance of {} samples of \
         each checkpoint to the faces held apart (thin: runs, thick: their means). It is larger than that of {} samples \
         above, since distances of fewer pictures are; compare within the plot.",
        settings.curve_samples, settings.samples
    ));
    page.table(&runs_table(&runs, settings));
    page.heading("Samples");
    let seed = settings.seeds.first().copied().unwrap_or_default();
    let generators =
        SETS.map(|(set, name, _)| Column::new(name, folder.join(format!("samples/{set}-{seed}"))));
    page.picture("samples.png", "Samples of the three generators", &samples(&generators)?)?;
    page.paragraph(&format!(
        "The first samples of seed {seed}, none chosen. Pictures of one place come of the same noise."
    ));
    page.finish(&commands(folder)?)
}

/// A comparison by the experiment's network.
fn comparison(path: &Path, settings: &GenerationSettings) -> Result<Comparison, ReportError> {
    let comparison: Comparison = json(path)?;
    let network = (comparison.network.sha256.as_str(), comparison.size);
    if network != (settings.network_sha256.as_str(), settings.network_size) {
        let reason = "it is over another network, or another size, than the experiment's".to_owned();
        return Err(ReportError::Content { path: path.to_owned(), reason });
    }
    Ok(comparison)
}

/// What was done, in sentences.
fn set_up(settings: &GenerationSettings, data: &[Comparison]) -> String {
    let GenerationSettings { model, size, face_size, share, training_pictures, held_out, seeds, .. } =
        settings;
    let network = data.first().map(|of| {
        let sha256 = of.network.sha256.get(..12).unwrap_or(&of.network.sha256);
        let (name, features, side) = (&of.network.name, of.network.features, of.size);
        format!("{name} (SHA-256 {sha256}…, {features} features, pictures at {side}×{side})")
    });
    format!(
        "D are {training_pictures} clean faces. D− are the same, {:.0} % of them damaged by Eq. 11 at {face_size}×{face_size} pixels. \
         D* = f(D−), every picture enhanced by f = {model} (SHA-256 {}…). On each of them {} generators of one size ({}) were trained at \
         {size}×{size} pixels, of the seeds {}, for {} iterations; seed by seed they began with the same weights and saw the pictures in \
         the same order. Each made {} pictures in {} steps of DDIM, which are compared with {held_out} clean faces that no \
         generator saw. Distances are over the network {}.",
        100.0 * share,
        settings.model_sha256.get(..12).unwrap_or(&settings.model_sha256),
        seeds.len(),
        settings.config,
        seeds.iter().map(u64::to_string).collect::<Vec<_>>().join(", "),
        settings.iterations,
        settings.samples,
        settings.steps,
        network.unwrap_or_default(),
    )
}

fn header(first: &str) -> Vec<String> {
    std::iter::once(first).chain(FIGURES.map(|Figure { name, .. }| name)).map(str::to_owned).collect()
}

/// How far the data sets themselves are from the faces held apart.
fn data_table(data: &[Comparison]) -> Table {
    let rows = SETS.iter().zip(data).map(|((_, name, _), of)| {
        let error =
            of.frechet.standard_error.map_or(String::new(), |error| format!(" ± {:.4}", 1.96 * error));
        let mut cells: Vec<String> = std::iter::once((*name).to_owned())
            .chain(FIGURES.iter().map(|figure| figure.mean(std::slice::from_ref(of))))
            .collect();
        cells[1] += &error;
        cells[2] += &format!(" ± {:.5}", 1.96 * of.kernel.distance.standard_error);
        cells
    });
    let note = "The data sets themselves beside the faces held apart: what a generator without a fault would reach. ± 1.96 standard \
                errors, of the Fréchet distance by resampling both sets, of the kernel distance by disjoint blocks.";
    Table { title: "The data", note: note.to_owned(), header: header("set"), rows: rows.collect() }
}

fn means_table(runs: &[Runs], what: &str, of: fn(&Runs) -> &Vec<Comparison>) -> Table {
    let rows = SETS.iter().zip(runs).map(|((_, name, _), runs)| {
        std::iter::once((*name).to_owned())
            .chain(FIGURES.iter().map(|figure| figure.mean(of(runs))))
            .collect()
    });
    let note = format!("{what} Means over the seeds [95 % interval by Student's t].");
    Table { title: "The generators", note, header: header("trained on"), rows: rows.collect() }
}

fn differences_table(runs: &[Runs]) -> Table {
    let rows = PAIRS.iter().map(|&(left, right)| {
        let (of_left, of_right) = (&runs[left].held_out, &runs[right].held_out);
        let cells = FIGURES.iter().map(|figure| figure.difference_text(of_left, of_right));
        std::iter::once(pair_name(left, right)).chain(cells).collect()
    });
    let note = "Beside the faces held apart, seed by seed: mean difference [95 % interval by Student's t]."
        .to_owned();
    Table { title: "Differences", note, header: header("difference"), rows: rows.collect() }
}

fn pair_name(left: usize, right: usize) -> String {
    format!("{} minus {}", SETS[left].1, SETS[right].1)
}

/// What the differences of the two distances say, as a list.
fn findings(runs: &[Runs]) -> String {
    let mut lines = Vec::new();
    for figure in FIGURES.iter().take(2) {
        for (left, right) in PAIRS {
            if let Some(difference) = figure.difference(&runs[left].held_out, &runs[right].held_out) {
                let name = figure.name.trim_end_matches([' ', '↓']);
                lines.push(format!("- {name}, {}: {}.", pair_name(left, right), finding(difference)));
            }
        }
    }
    lines.join("\n")
}

fn panels(runs: &[Runs]) -> [Panel; 2] {
    let mut of_losses = Vec::new();
    let mut of_distances = Vec::new();
    for ((_, _, colour), runs) in SETS.into_iter().zip(runs) {
        let line = |points: Vec<(u64, f64)>, width| Line { points, colour, width };
        of_losses.extend(runs.losses.iter().map(|losses| line(moving_average(losses), 2)));
        of_distances.extend(runs.distances.iter().map(|points| line(points.clone(), OF_A_RUN)));
        of_distances.push(line(mean_curve(&runs.distances), OF_ALL));
    }
    [
        Panel { caption: "loss".to_owned(), lines: of_losses },
        Panel { caption: "Fréchet distance of samples".to_owned(), lines: of_distances },
    ]
}

/// The mean over curves of the same iterations.
fn mean_curve(curves: &[Vec<(u64, f64)>]) -> Vec<(u64, f64)> {
    let Some(first) = curves.first() else { return Vec::new() };
    let mean = |index: usize| {
        curves.iter().filter_map(|curve| curve.get(index)).map(|&(_, value)| value).sum::<f64>()
            / curves.len() as f64
    };
    first.iter().enumerate().map(|(index, &(iteration, _))| (iteration, mean(index))).collect()
}

/// Every run by itself.
fn runs_table(runs: &[Runs], settings: &GenerationSettings) -> Table {
    let mut rows = Vec::new();
    for ((_, name, _), runs) in SETS.iter().zip(runs) {
        for (index, seed) in settings.seeds.iter().enumerate() {
            let of = &runs.held_out[index];
            let error = of.frechet.standard_error.unwrap_or(f64::NAN);
            let loss = moving_average(&runs.losses[index]).last().map_or(f64::NAN, |&(_, loss)| loss);
            rows.push(vec![
                (*name).to_owned(),
                seed.to_string(),
                format!("{loss:.5}"),
                format!("{:.4} ± {:.4}", of.frechet.distance, 1.96 * error),
                format!("{:.5} ± {:.5}", of.kernel.distance.mean, 1.96 * of.kernel.distance.standard_error),
            ]);
        }
    }
    let header = ["trained on", "seed", "loss at the end", FIGURES[0].name, FIGURES[1].name]
        .map(str::to_owned)
        .to_vec();
    let note = "Every run. ± 1.96 standard errors within the run, as for the data.".to_owned();
    Table { title: "Runs", note, header, rows }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_curve_is_taken_iteration_by_iteration() {
        let curves = [vec![(10, 1.0), (20, 3.0)], vec![(10, 2.0), (20, 5.0)]];
        assert_eq!(mean_curve(&curves), [(10, 1.5), (20, 4.0)]);
        assert_eq!(mean_curve(&[]), []);
    }
}
