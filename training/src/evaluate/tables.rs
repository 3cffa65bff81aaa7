// SPDX-License-Identifier: MIT OR Apache-2.0
//! A report as tables of text, and those as Markdown.

use super::batch::Authenticity;
use super::curve::{Curve, CurvePoint, Distances};
use super::distribution::Distribution;
use super::networks::{NetworkReport, NetworkReports};
use super::report::{Report, SystemReport};
use super::scores::{MeanScores, Measure};
use crate::metrics::Mean;

/// What stands where a system has no such figure.
const NONE: &str = "–";

/// How to read the first table.
const RESTORATION_NOTE: &str = "Mean [95 % bootstrap interval]; ↑ more is better, ↓ less is better. Sharpness is gradient \
    energy over the truth's. Octave k is energy at wavelengths of 2^k to 2^(k+1) pixels over the truth's, so 1 is the finest. Grid \
    is energy at a wavelength of 4 pixels, as patches of 4 leave it, over that beside it; JPEG's blocks raise it too.";

/// A table of text; the first column names the rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// What it shows.
    pub title: &'static str,
    /// How to read it.
    pub note: String,
    /// One for each column.
    pub header: Vec<String>,
    /// As many cells each as the header has.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// Its header and rows in Markdown, with columns that line up as plain text.
    #[must_use]
    pub fn aligned(&self) -> String {
        let escaped = |row: &Vec<String>| row.iter().map(|cell| cell.replace('|', "\\|")).collect::<Vec<_>>();
        let rows: Vec<Vec<String>> = std::iter::once(&self.header).chain(&self.rows).map(escaped).collect();
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..self.header.len()).map(width).collect();
        let line = |row: &Vec<String>| {
            let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| {
                if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
            });
            format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "))
        };
        let rules = widths.iter().enumerate().map(|(column, &width)| {
            if column == 0 { "-".repeat(width + 2) } else { format!("{}:", "-".repeat(width + 1)) }
        });
        let rule = format!("|{}|\n", rules.collect::<Vec<_>>().join("|"));
        line(&rows[0]) + &rule + &rows[1..].iter().map(line).collect::<String>()
    }
}

/// All tables of a report that have rows.
#[must_use]
pub fn tables(report: &Report) -> Vec<Table> {
    let tables = [
        restoration(report),
        gain(report),
        differences(report),
        authenticity(report),
        authenticity_curve(report),
        groups(report),
        networks(report),
    ];
    tables.into_iter().filter(|table| !table.rows.is_empty()).collect()
}

/// What a measure is called, with the network's file and an arrow towards the better.
#[must_use]
pub fn label(measure: Measure, networks: &NetworkReports) -> String {
    let of =
        |network: &Option<NetworkReport>| network.as_ref().map_or("", |network| &network.name).to_owned();
    let name = match measure {
        Measure::Psnr => "PSNR dB".to_owned(),
        Measure::Ssim => "SSIM".to_owned(),
        Measure::Sharpness => "sharpness".to_owned(),
        Measure::IdentityCosine => format!("identity: {}, cosine", of(&networks.identity)),
        Measure::IdentityDistance => format!("identity: {}, distance", of(&networks.identity)),
        Measure::Perceptual => format!("perceptual: {}", of(&networks.perceptual)),
        Measure::Nima => format!("NIMA: {}", of(&networks.nima)),
        Measure::Octave(octave) => format!("octave {}", octave.index() + 1),
        Measure::Grid => "grid".to_owned(),
    };
    format!("{name} {}", measure.ideal().arrow())
}

/// The measures that the report has.
pub(super) fn measures(report: &Report) -> Vec<Measure> {
    Measure::ALL.into_iter().filter(|&measure| report.input.get(measure).is_some()).collect()
}

fn header(first: &str, report: &Report) -> Vec<String> {
    let labels = measures(report).into_iter().map(|measure| label(measure, &report.head.networks));
    std::iter::once(first.to_owned()).chain(labels).collect()
}

/// A row of means with their intervals; `signed` for differences.
fn row(name: String, figures: &MeanScores, report: &Report, signed: bool) -> Vec<String> {
    let cell = |measure: Measure| match figures.get(measure) {
        Some(Mean { mean, low, high }) => {
            let digits = measure.decimals();
            match signed {
                true => format!("{mean:+.digits$} [{low:+.digits$}, {high:+.digits$}]"),
                false => format!("{mean:.digits$} [{low:.digits$}, {high:.digits$}]"),
            }
        }
        None => NONE.to_owned(),
    };
    std::iter::once(name).chain(measures(report).into_iter().map(cell)).collect()
}

/// `cells` of a row with those of the whole set before its octaves and grid, which end every table.
fn with_set(mut cells: Vec<String>, set: impl IntoIterator<Item = String>, report: &Report) -> Vec<String> {
    let last = |measure: &Measure| matches!(measure, Measure::Octave(_) | Measure::Grid);
    let place = 1 + measures(report).iter().take_while(|measure| !last(measure)).count();
    cells.splice(place..place, set);
    cells
}

fn restoration(report: &Report) -> Table {
    let inception = report.head.networks.inception.as_ref().filter(|_| report.input_distribution.is_some());
    let labels = inception.map(|NetworkReport { name, .. }| {
        [format!("Fréchet: {name} ↓"), format!("precision: {name} ↑"), format!("recall: {name} ↑")]
    });
    let labels = labels.into_iter().flatten().chain(["ms a face".to_owned()]);
    let header = with_set(header("f(x_d) against x", report), labels, report);
    let sets = |distribution: &Option<Distribution>| {
        let cells = distribution.map(|Distribution { frechet_distance, precision_recall }| {
            let shares = [precision_recall.precision, precision_recall.recall];
            let shares = shares.map(|share| format!("{share:.3}"));
            std::iter::once(format!("{frechet_distance:.2}")).chain(shares)
        });
        cells.into_iter().flatten()
    };
    let line = |name: &str, figures: &MeanScores, distribution: &Option<Distribution>, time: Option<f64>| {
        let time = time.map_or(NONE.to_owned(), |time| format!("{time:.1}"));
        let set = sets(distribution).chain([time]);
        with_set(row(name.to_owned(), figures, report, false), set, report)
    };
    let systems = report.systems.iter().map(|SystemReport { name, summary, distribution, .. }| {
        line(name, &summary.restored, distribution, summary.milliseconds_per_face)
    });
    let input = line("input x_d", &report.input, &report.input_distribution, None);
    let rows = std::iter::once(input).chain(systems).collect();
    Table { title: "Restoration", note: RESTORATION_NOTE.to_owned(), header, rows }
}

fn gain(report: &Report) -> Table {
    let rows = report.systems.iter().map(|of| row(of.name.clone(), &of.summary.gain, report, true)).collect();
    let note = "f(x_d) minus x_d, face by face: mean difference [95 % interval].".to_owned();
    Table { title: "Gain over the input", note, header: header("f(x_d) - x_d", report), rows }
}

fn differences(report: &Report) -> Table {
    let rows =
        report.differences.iter().map(|of| row(of.system.clone(), &of.figures, report, true)).collect();
    let note =
        format!("Each system minus “{}”, face by face: mean difference [95 % interval].", report.headline);
    Table { title: "Differences", note, header: header("system", report), rows }
}

fn authenticity(report: &Report) -> Table {
    let mut rows = Vec::new();
    for SystemReport { name, summary, .. } in &report.systems {
        if let Some(Authenticity { of_clean, twice }) = &summary.authenticity {
            rows.push(row(format!("{name}: f(x)"), of_clean, report, false));
            rows.push(row(format!("{name}: f(x_d)"), &summary.restored, report, false));
            rows.push(row(format!("{name}: f(f(x_d))"), twice, report, false));
        }
        if let Some(difference) = &summary.second_pass {
            rows.push(row(format!("{name}: f(f(x_d)) - f(x_d)"), difference, report, true));
        }
    }
    let note = format!(
        "All against x: a clean face should stay as it is, f(x) ≈ x, and a second pass should not be worse than the \
         first. An identical picture counts as {} dB.",
        crate::metrics::PSNR_CAP
    );
    Table { title: "Authenticity", note, header: header("against x", report), rows }
}

/// Columns for distances to x and to the step before, from x and from x_d.
fn authenticity_curve(report: &Report) -> Table {
    let steps = report.authenticity_curve.iter().flat_map(|curve| &curve.steps);
    let rows = steps.map(|step| {
        let cells = [&step.clean, &step.degraded].map(curve_cells);
        std::iter::once(step.applications.to_string()).chain(cells.into_iter().flatten()).collect()
    });
    let first = report.authenticity_curve.iter().flat_map(|curve| &curve.steps).next();
    let names = first.map_or(Vec::new(), |step| distance_names(&step.clean.to_truth));
    let columns = ["x", "x_d"].into_iter().flat_map(|start| {
        let to = |end: &'static str| names.iter().map(move |name| format!("from {start}: {name} to {end}"));
        to("x").chain(to("the step before")).collect::<Vec<_>>()
    });
    let system = report.authenticity_curve.as_ref().map_or("", |Curve { system, .. }| system);
    let note = format!(
        "“{system}” applied over and over to the clean x and to the degraded x_d; rms is the root mean square difference \
         in levels of 255. Means [95 % bootstrap interval]."
    );
    let header = std::iter::once("applications of f".to_owned()).chain(columns).collect();
    Table { title: "Authenticity curve", note, header, rows: rows.collect() }
}

/// What the distances that were measured are called.
fn distance_names(distances: &Distances<Mean>) -> Vec<&'static str> {
    let Distances { identity, perceptual, .. } = distances;
    let networks = [identity.map(|_| "identity"), perceptual.map(|_| "perceptual")];
    std::iter::once("rms").chain(networks.into_iter().flatten()).collect()
}

fn curve_cells(point: &CurvePoint<Mean>) -> Vec<String> {
    let cells = |Distances { rms, identity, perceptual }: &Distances<Mean>| {
        let cell = |mean: &Mean| format!("{:.3} [{:.3}, {:.3}]", mean.mean, mean.low, mean.high);
        std::iter::once(rms).chain(identity).chain(perceptual).map(cell).collect::<Vec<_>>()
    };
    [cells(&point.to_truth), cells(&point.to_previous)].concat()
}

fn groups(report: &Report) -> Table {
    let mut header = header("group", report);
    header.insert(1, "faces".to_owned());
    let rows = report.groups.iter().map(|of| {
        let mut cells = row(of.group.clone(), &of.gain, report, true);
        cells.insert(1, of.faces.to_string());
        cells
    });
    let note =
        format!("Gain of “{}” over x_d in each group: mean difference [95 % interval].", report.headline);
    Table { title: "Groups", note, header, rows: rows.collect() }
}

fn networks(report: &Report) -> Table {
    let NetworkReports { identity, perceptual, nima, inception } = &report.head.networks;
    let parts = [
        ("identity", "--identity", identity),
        ("perceptual distance", "--perceptual", perceptual),
        ("NIMA", "--nima", nima),
        ("Fréchet distance, precision, recall", "--inception", inception),
    ];
    let rows = parts.map(|(part, option, network)| match network {
        Some(NetworkReport { name, milliseconds_per_picture }) => {
            let cost = milliseconds_per_picture.map_or(NONE.to_owned(), |time| format!("{time:.1}"));
            vec![part.to_owned(), name.clone(), cost]
        }
        None => vec![part.to_owned(), format!("not measured ({option} FILE)"), NONE.to_owned()],
    });
    let header = ["measure", "network", "ms a picture"].map(str::to_owned).to_vec();
    let note = "Measures of pretrained networks carry their file's name.".to_owned();
    Table { title: "Networks", note, header, rows: rows.to_vec() }
}

/// What was measured, in one line.
#[must_use]
pub fn heading(report: &Report) -> String {
    let head = &report.head;
    let what =
        head.model.as_ref().map_or("Restored pictures".to_owned(), |model| model.display().to_string());
    let faces = if report.faces.len() == 1 { "face" } else { "faces" };
    let mut text = format!(
        "{what} on {} {faces} of {size}×{size} pixels, seed {}",
        report.faces.len(),
        head.seed,
        size = head.size
    );
    if let (Some(device), Some(precision)) = (&head.device, &head.precision) {
        text += &format!(", {device} {precision}");
    }
    text
}

/// The report in Markdown, with columns that line up as plain text.
#[must_use]
pub fn markdown(report: &Report) -> String {
    let mut text = format!("{}\n", heading(report));
    for table in tables(report) {
        text += &format!("\n## {}\n\n{}\n\n{}", table.title, table.note, table.aligned());
    }
    let lists = [("Notes", &report.notes), ("Left out", &report.skipped)];
    for (title, lines) in lists.into_iter().filter(|(_, lines)| !lines.is_empty()) {
        text += &format!("\n## {title}\n\n");
        lines.iter().for_each(|line| text += &format!("- {line}\n"));
    }
    text
}
