// SPDX-License-Identifier: MIT OR Apache-2.0
//! The page about scripts/experiments/restoration: does a second iteration on enhanced data help (section 3.3 of the paper)?

use std::path::{Path, PathBuf};

use super::error::ReportError;
use super::experiment::{RestorationSettings, commands, json, text};
use super::page::Page;
use super::pictures::{Column, damaged, first, side_by_side};
use crate::quality::{QualityReport, table};

/// The restorers: the names of their folders and what the page calls them.
const SYSTEMS: [(&str, &str); 5] = [
    ("f", "f"),
    ("f-again", "f again"),
    ("f-star", "f*"),
    ("f-clean", "f_clean"),
    ("f-clean-again", "f_clean again"),
];

/// Writes the page about the experiment in `folder` to `output`.
///
/// # Errors
/// [`ReportError`].
pub(super) fn write(
    folder: &Path,
    settings: &RestorationSettings,
    output: &Path,
) -> Result<PathBuf, ReportError> {
    let mut page = Page::new(output, "restoration", "Restorers of clean, damaged and enhanced targets")?;
    page.paragraph(&set_up(settings));
    page.heading("The training data before and after f");
    let sets = [("D−", "sets/damaged"), ("x* = f(x)", "runs/enhanced"), ("D", "sets/clean")];
    let columns = sets.map(|(name, set)| Column::new(name, folder.join(set)));
    let names = damaged(&folder.join("sets/damaged"))?;
    let what = "Damaged targets, what f made of them, and the truth that no training saw";
    page.picture("targets.jpg", what, &side_by_side("", &columns, &names)?)?;
    page.paragraph("As the paper's Figure 7. A target that f leaves damaged teaches f* the damage.");
    page.table(&table(&json::<QualityReport>(&folder.join("quality/targets.json"))?));

    page.heading("Faces held apart, degraded by Eq. 11");
    page.include(&text(&folder.join("evaluation/degraded/report.md"))?);
    faces(&mut page, folder, "held-out", "faces.jpg")?;
    page.table(&table(&json::<QualityReport>(&folder.join("quality/held-out.json"))?));
    page.heading("The same faces clean");
    page.paragraph("What each restorer does to a face that needs nothing (Eq. 2: f(x) = x).");
    page.include(&text(&folder.join("evaluation/clean/report.md"))?);
    if settings.real {
        page.heading("Photos that were degraded really");
        page.paragraph("There is no truth, so these are measures without a reference, and pictures.");
        faces(&mut page, folder, "real", "real.jpg")?;
        page.table(&table(&json::<QualityReport>(&folder.join("quality/real.json"))?));
    }
    page.finish(&commands(folder)?)
}

/// Inputs and what the restorers made of them, as a picture.
fn faces(page: &mut Page, folder: &Path, inputs: &str, ending: &str) -> Result<(), ReportError> {
    let input = folder.join("inputs").join(inputs);
    let names = first(&input)?;
    let restored = folder.join("restored").join(inputs);
    let mut columns = vec![Column::new("input", input)];
    columns.extend(SYSTEMS.map(|(system, name)| Column::new(name, restored.join(system))));
    if inputs == "held-out" {
        columns.push(Column::new("truth", folder.join("sets/held-out")));
    }
    page.picture(ending, "Inputs, and what each restorer made of them", &side_by_side("", &columns, &names)?)
}

/// What was done, in sentences.
fn set_up(settings: &RestorationSettings) -> String {
    let RestorationSettings {
        config, size, share, training_pictures, held_out, iterations, steps, seed, ..
    } = settings;
    format!(
        "D are {training_pictures} clean faces, D− the same with {:.0} % of them damaged by Eq. 11 at {size}×{size} pixels: the targets of \
         a training are as D−, and its inputs are those, degraded. f is trained on D−; x* = f(x) for every x of D− in {steps} \
         steps; f* is trained from f towards x* (Eq. 10). “f again” is trained from f as long as f* and with the same seed, but towards D−: \
         what differs between the two is the enhancement alone. f_clean and “f_clean again” are f and “f again” with D in the place of D−, \
         which nobody has who needs the second iteration. Each training takes {iterations} iterations by {config}, seed {seed}. All are measured \
         on {held_out} clean faces held apart. Intervals are of the faces; a training of another seed may differ by more.",
        100.0 * share
    )
}
