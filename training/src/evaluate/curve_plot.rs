// SPDX-License-Identifier: MIT OR Apache-2.0
//! The authenticity curve as a picture: a row for each distance, to the truth on the left and to the step before on the right.

use image::RgbImage;
use plotters::coord::Shift;
use plotters::prelude::*;

use super::curve::{Curve, CurvePoint, CurveStep, Distances};
use crate::metrics::Mean;
use crate::picture::plot_font::{self, FONT};

/// Width of the picture and height of one row and of the line above the rows, in pixels.
const WIDTH: u32 = 1200;
const ROW: u32 = 360;
const LEGEND: u32 = 36;

const CLEAN: RGBColor = RGBColor(20, 80, 160);
const DEGRADED: RGBColor = RGBColor(200, 90, 30);
const GRID: RGBColor = RGBColor(225, 225, 225);

/// A curve that could not be drawn.
#[derive(Debug, thiserror::Error)]
#[error("cannot draw the authenticity curve: {0}")]
pub struct CurvePlotError(String);

type Canvas<'a> = DrawingArea<BitMapBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn std::error::Error>>;
type Value = fn(&Distances<Mean>) -> Option<Mean>;
type Side = fn(&CurvePoint<Mean>) -> &Distances<Mean>;

/// The distances and what they are called.
const KINDS: [(&str, Value); 3] = [
    ("rms difference in levels", |distances| Some(distances.rms)),
    ("identity distance", |distances| distances.identity),
    ("perceptual distance", |distances| distances.perceptual),
];

/// What distances lead to.
const SIDES: [(&str, Side); 2] =
    [("to x", |point| &point.to_truth), ("to the step before", |point| &point.to_previous)];

/// Draws the mean distances of `curve` by the number of applications of f: those that were measured, a row each.
///
/// # Errors
/// [`CurvePlotError`] when plotters fails.
pub fn draw(curve: &Curve) -> Result<RgbImage, CurvePlotError> {
    let measured = |step: &CurveStep, value: Value| value(&step.clean.to_truth).is_some();
    let kinds: Vec<(&str, Value)> = KINDS
        .into_iter()
        .filter(|&(_, value)| curve.steps.iter().any(|step| measured(step, value)))
        .collect();
    let rows = kinds.len().max(1);
    let mut picture = RgbImage::new(WIDTH, LEGEND + ROW * rows as u32);
    paint(&mut picture, curve, &kinds).map_err(|error| CurvePlotError(error.to_string()))?;
    Ok(picture)
}

fn paint(picture: &mut RgbImage, curve: &Curve, kinds: &[(&str, Value)]) -> Drawn {
    plot_font::register();
    let size = picture.dimensions();
    let root = BitMapBackend::with_buffer(picture, size).into_drawing_area();
    root.fill(&WHITE)?;
    let (legend, panels) = root.split_vertically(LEGEND as i32);
    for (text, left, colour) in [("from the clean x", 30, CLEAN), ("from the degraded x_d", 230, DEGRADED)] {
        legend.draw(&Text::new(text, (left, 10), (FONT, 22).into_font().color(&colour)))?;
    }
    let panels = panels.split_evenly((kinds.len().max(1), SIDES.len()));
    let shown = kinds.iter().flat_map(|&kind| SIDES.map(|side| (kind, side)));
    for (panel, ((kind, value), (side, part))) in panels.iter().zip(shown) {
        let points = |start: fn(&CurveStep) -> &CurvePoint<Mean>| -> Vec<(f64, f64)> {
            let steps = curve.steps.iter();
            let point = |step: &CurveStep| Some((step.applications as f64, value(part(start(step)))?.mean));
            steps.filter_map(point).collect()
        };
        let lines = [(points(|step| &step.clean), CLEAN), (points(|step| &step.degraded), DEGRADED)];
        paint_panel(panel, &format!("{kind} {side}"), &lines)?;
    }
    root.present()?;
    Ok(())
}

fn paint_panel(area: &Canvas<'_>, caption: &str, lines: &[(Vec<(f64, f64)>, RGBColor)]) -> Drawn {
    let points = || lines.iter().flat_map(|(points, _)| points);
    let last = points().map(|&(applications, _)| applications).fold(1.0, f64::max);
    let highest = points().map(|&(_, value)| value).fold(0.0, f64::max);
    // Distances of nothing need an axis, too.
    let top = if highest > 0.0 { 1.1 * highest } else { 1.0 };
    let mut chart = ChartBuilder::on(area)
        .margin(15)
        .caption(caption, (FONT, 22))
        .x_label_area_size(45)
        .y_label_area_size(70)
        .build_cartesian_2d(0.5..last + 0.5, 0.0..top)?;
    chart
        .configure_mesh()
        .bold_line_style(GRID)
        .light_line_style(WHITE)
        .axis_style(BLACK)
        .x_labels(last as usize)
        .y_labels(6)
        .x_label_formatter(&|applications| format!("{applications:.0}"))
        .x_desc("applications of f")
        .label_style((FONT, 18))
        .axis_desc_style((FONT, 20))
        .draw()?;
    for (points, colour) in lines {
        let line = LineSeries::new(points.iter().copied(), colour.stroke_width(3));
        chart.draw_series(line.point_size(4))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean(value: f64) -> Mean {
        Mean { mean: value, low: value, high: value }
    }

    fn curve(identity: bool, clean: fn(usize) -> f64, degraded: fn(usize) -> f64) -> Curve {
        let steps = (1..=10).map(|applications| {
            let point = |value: f64| {
                let distances =
                    Distances { rms: mean(value), identity: identity.then(|| mean(value)), perceptual: None };
                CurvePoint { to_truth: distances, to_previous: distances }
            };
            let (clean, degraded) = (point(clean(applications)), point(degraded(applications)));
            CurveStep { applications, clean, degraded }
        });
        Curve { system: "ours".to_owned(), steps: steps.collect() }
    }

    /// A curve that rises is low on the left and high on the right of its panel, one that falls the other way round.
    #[test]
    fn curves_are_where_their_values_say() {
        let plot = draw(&curve(true, |step| step as f64, |step| 11.0 - step as f64)).unwrap();
        assert_eq!(plot.dimensions(), (WIDTH, LEGEND + 2 * ROW));
        let count = |colour: RGBColor, left: u32, top: u32| {
            let pixels = (left..left + 150).flat_map(|x| (top..top + 100).map(move |y| (x, y)));
            pixels.filter(|&(x, y)| plot.get_pixel(x, y).0 == [colour.0, colour.1, colour.2]).count()
        };
        for (x, y) in [(0, 0), (WIDTH / 2, 0), (0, ROW), (WIDTH / 2, ROW)] {
            let (left, right, upper, lower) = (x + 90, x + 430, y + LEGEND + 50, y + LEGEND + 195);
            assert!(count(CLEAN, left, lower) > 50 && count(CLEAN, right, upper) > 50);
            assert!(count(DEGRADED, left, upper) > 50 && count(DEGRADED, right, lower) > 50);
            assert_eq!((count(CLEAN, left, upper), count(DEGRADED, left, lower)), (0, 0));
        }
    }

    #[test]
    fn odd_data_is_drawn_too() {
        assert_eq!(draw(&curve(false, |_| 0.0, |_| 0.0)).unwrap().height(), LEGEND + ROW);
        draw(&Curve { system: String::new(), steps: Vec::new() }).unwrap();
    }
}
