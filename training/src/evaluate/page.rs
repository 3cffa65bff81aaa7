// SPDX-License-Identifier: MIT OR Apache-2.0
//! A report as an HTML page: the tables, and the pictures of the faces side by side with eyes and mouth enlarged.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::curve_plot;
use super::error::EvaluateError;
use super::gallery::Gallery;
use super::report::{FaceReport, Report};
use super::scores::{Measure, Scores};
use super::tables::{Table, heading, label, measures, tables};
use crate::picture::{self, Format, PictureError};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Faces shown from either end of the order when the pictures are embedded, which keeps the page to some megabytes.
const EMBEDDED_FACES: usize = 8;

/// What is enlarged: its name, and its centre in shares of the face's side (the FFHQ template's eyes, and the middle of
/// its corners of the mouth). The window is a quarter of the face wide and an eighth high.
const ZOOMS: [(&str, f64, f64); 3] = [
    ("left eye", 192.981_38 / 512.0, 239.947_08 / 512.0),
    ("right eye", 318.902_77 / 512.0, 240.193_6 / 512.0),
    ("mouth", 257.175_11 / 512.0, 371.280_81 / 512.0),
];

/// Where the page's pictures are.
#[derive(Debug, Clone, Copy)]
pub enum Pictures<'a> {
    /// In this folder beside the page: all faces are shown, and the browser reads pictures as they come into view.
    Beside(&'a str),
    /// In the page itself, taken from this gallery: the worst and the best faces only.
    Embedded(&'a Gallery),
}

/// The page.
///
/// # Errors
/// [`EvaluateError::Picture`] when a picture that is to be embedded cannot be read, [`EvaluateError::Plot`] when the authenticity
/// curve cannot be drawn.
pub fn page(report: &Report, pictures: Pictures<'_>) -> Result<String, EvaluateError> {
    let order = worst_first(report);
    let (shown, left_out) = match pictures {
        Pictures::Embedded(_) if order.len() > 2 * EMBEDDED_FACES => {
            let ends = [&order[..EMBEDDED_FACES], &order[order.len() - EMBEDDED_FACES..]].concat();
            (ends, order.len() - 2 * EMBEDDED_FACES)
        }
        _ => (order, 0),
    };
    let mut articles = Vec::with_capacity(shown.len());
    for index in shown {
        articles.push(article(report, index, pictures)?);
    }
    let curve = curve(report)?;
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "Evaluation: " (heading(report)) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { "Evaluation" }
                p.heading { (heading(report)) }
                (list("Notes", &report.notes))
                (list("Left out", &report.skipped))
                @for table in tables(report) { (table_markup(&table)) }
                (curve)
                h2 { "Faces" }
                (controls(report))
                @if left_out > 0 {
                    p.note {
                        "The " (EMBEDDED_FACES) " worst and the " (EMBEDDED_FACES) " best of " (report.faces.len())
                        " faces by PSNR of “" (report.headline) "”. All of them are on the page that --report writes."
                    }
                }
                main { @for article in articles { (article) } }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    Ok(page.into_string())
}

/// The system that others are compared with.
fn headline(report: &Report) -> usize {
    report.systems.iter().position(|system| system.name == report.headline).unwrap_or(0)
}

/// Indices of the faces by the headline's PSNR.
fn worst_first(report: &Report) -> Vec<usize> {
    let headline = headline(report);
    let psnr = |&index: &usize| report.faces[index].systems[headline].restored.psnr;
    let mut order: Vec<usize> = (0..report.faces.len()).collect();
    order.sort_by(|left, right| psnr(left).total_cmp(&psnr(right)));
    order
}

fn list(title: &str, lines: &[String]) -> Markup {
    html! {
        @if !lines.is_empty() {
            h2 { (title) }
            ul { @for line in lines { li { (line) } } }
        }
    }
}

/// The plot of the authenticity curve, in the page itself.
fn curve(report: &Report) -> Result<Markup, EvaluateError> {
    let Some(curve) = &report.authenticity_curve else { return Ok(html! {}) };
    let plot = picture::encode(&curve_plot::draw(curve)?, Format::Png)?;
    let source = format!("data:image/png;base64,{}", BASE64_STANDARD.encode(plot));
    Ok(html! { img.curve src=(source) alt=(format!("authenticity curve of {}", curve.system)); })
}

fn table_markup(table: &Table) -> Markup {
    html! {
        h2 { (table.title) }
        p.note { (table.note) }
        div.scroll {
            table {
                thead { tr { @for cell in &table.header { th { (cell) } } } }
                tbody {
                    @for row in &table.rows {
                        tr { th { (row[0]) } @for cell in &row[1..] { td { (figure_of(cell)) } } }
                    }
                }
            }
        }
    }
}

/// A cell whose interval is set smaller than its mean.
fn figure_of(cell: &str) -> Markup {
    match cell.split_once(" [") {
        Some((mean, interval)) => html! { (mean) " " small { "[" (interval) } },
        None => html! { (cell) },
    }
}

fn controls(report: &Report) -> Markup {
    html! {
        form.controls {
            label { "Order "
                select name="order" {
                    option value="worst" { "worst first" }
                    option value="best" { "best first" }
                    option value="name" { "by name" }
                }
            }
            label { "by "
                select name="measure" {
                    @for measure in measures(report) {
                        option value=(measure.key()) data-ideal=(measure.ideal().key()) {
                            (label(measure, &report.head.networks))
                        }
                    }
                }
            }
            label { "of "
                select name="column" {
                    option value="0" { "input x_d" }
                    @for (index, system) in report.systems.iter().enumerate() {
                        option value=(index + 1) selected[index == headline(report)] { (system.name) }
                    }
                }
            }
            span.note { "Hold a picture down to see the truth in its place." }
        }
    }
}

/// One face: a row of pictures.
fn article(report: &Report, index: usize, pictures: Pictures<'_>) -> Result<Markup, PictureError> {
    let face = &report.faces[index];
    let names = report.systems.iter().map(|system| system.name.as_str());
    let scores = face.systems.iter().map(|scores| Some(&scores.restored));
    let columns =
        std::iter::once(("input x_d", Some(&face.input))).chain(names.zip(scores)).chain([("truth x", None)]);
    let mut figures = Vec::new();
    for (column, (name, scores)) in columns.enumerate() {
        let source = source(index, column, pictures)?;
        figures.push(figure(report, &source, name, scores, (column > 0).then_some(&face.input)));
    }
    Ok(html! {
        article data-name=(face.name) {
            h3 { (face.name) @if let Some(group) = &face.group { " " small { (group) } } }
            div.row { @for figure in figures { (figure) } }
            (degradation(face))
        }
    })
}

fn source(face: usize, column: usize, pictures: Pictures<'_>) -> Result<String, PictureError> {
    match pictures {
        Pictures::Beside(folder) => Ok(format!("{folder}/{}", Gallery::file_name(face, column))),
        Pictures::Embedded(gallery) => {
            let path = gallery.file(face, column);
            let bytes = std::fs::read(&path).map_err(|source| PictureError::Read { path, source })?;
            Ok(format!("data:image/jpeg;base64,{}", BASE64_STANDARD.encode(bytes)))
        }
    }
}

/// A picture, its enlarged parts (which the script fills in, so that embedded pictures are there once) and its figures,
/// with the change from `input`.
fn figure(
    report: &Report,
    source: &str,
    name: &str,
    scores: Option<&Scores>,
    input: Option<&Scores>,
) -> Markup {
    // A `Scores` always has a JSON form.
    let data = scores.map(|scores| serde_json::to_string(scores).unwrap_or_default());
    html! {
        figure data-figures=[data] {
            figcaption { (name) }
            img.face src=(source) alt=(name) loading="lazy" draggable="false";
            @for (part, x, y) in ZOOMS {
                div.zoom style=(format!("--x:{x:.4};--y:{y:.4}")) { img alt=(format!("{part}, enlarged")); }
            }
            @if let Some(scores) = scores {
                dl {
                    @for measure in measures(report) {
                        (figure_line(report, measure, scores, input))
                    }
                }
            }
        }
    }
}

fn figure_line(report: &Report, measure: Measure, scores: &Scores, input: Option<&Scores>) -> Markup {
    let digits = measure.decimals();
    let Some(value) = scores.get(measure) else { return html! {} };
    let before = input.and_then(|input| input.get(measure));
    let change = before.map(|before| value - before);
    let merit = |value| measure.ideal().merit(value);
    let better = before.is_some_and(|before| merit(value) > merit(before));
    html! {
        dt { (label(measure, &report.head.networks)) }
        dd {
            (format!("{value:.digits$}"))
            @if let Some(change) = change {
                " " small.better[better].worse[!better && change != 0.0] { (format!("{change:+.digits$}")) }
            }
        }
    }
}

fn degradation(face: &FaceReport) -> Markup {
    let text = face.degradation.as_ref().map(|params| serde_json::to_string(params).unwrap_or_default());
    html! { @if let Some(text) = text { details { summary { "degradation" } code { (text) } } } }
}
