// SPDX-License-Identifier: MIT OR Apache-2.0
//! Curves over iterations, a panel for each figure side by side, as the paper's Figure 9.

use image::RgbImage;
use plotters::coord::Shift;
use plotters::coord::combinators::LogCoord;
use plotters::prelude::*;

use super::error::ReportError;
use crate::picture::plot_font::{self, FONT};
use crate::train::run::loss_plot::{logarithmic_range, significant, ticks};

/// Width of a panel, height of it and of the line above it, in pixels.
const PANEL: (u32, u32) = (640, 460);
const LEGEND: u32 = 40;

/// Pixels between the beginnings of two names in that line.
const NAME: i32 = 130;

const GRID: RGBColor = RGBColor(225, 225, 225);

/// Values by iteration.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) points: Vec<(u64, f64)>,
    pub(super) colour: RGBColor,
    /// In pixels.
    pub(super) width: u32,
}

/// Lines of one figure.
#[derive(Debug, Clone)]
pub(super) struct Panel {
    pub(super) caption: String,
    pub(super) lines: Vec<Line>,
}

type Drawn = Result<(), Box<dyn std::error::Error>>;

/// Draws `panels` from left to right on logarithmic axes, and `names` in their colours above them. Values that a logarithm does
/// not have are left out.
///
/// # Errors
/// [`ReportError::Plot`] when plotters fails.
pub(super) fn draw(names: &[(&str, RGBColor)], panels: &[Panel]) -> Result<RgbImage, ReportError> {
    let mut picture = RgbImage::new(PANEL.0 * panels.len().max(1) as u32, LEGEND + PANEL.1);
    paint(&mut picture, names, panels).map_err(|error| ReportError::Plot(error.to_string()))?;
    Ok(picture)
}

fn paint(picture: &mut RgbImage, names: &[(&str, RGBColor)], panels: &[Panel]) -> Drawn {
    plot_font::register();
    let size = picture.dimensions();
    let root = BitMapBackend::with_buffer(picture, size).into_drawing_area();
    root.fill(&WHITE)?;
    let (legend, rest) = root.split_vertically(LEGEND as i32);
    for (index, (name, colour)) in names.iter().enumerate() {
        let place = (30 + NAME * index as i32, 12);
        legend.draw(&Text::new(*name, place, (FONT, 24).into_font().color(colour)))?;
    }
    for (area, panel) in rest.split_evenly((1, panels.len().max(1))).iter().zip(panels) {
        paint_panel(area, panel)?;
    }
    root.present()?;
    Ok(())
}

fn paint_panel(area: &DrawingArea<BitMapBackend<'_>, Shift>, panel: &Panel) -> Drawn {
    let drawable = |points: &[(u64, f64)]| -> Vec<(u64, f64)> {
        points.iter().copied().filter(|(_, value)| value.is_finite() && *value > 0.0).collect()
    };
    let lines: Vec<(Vec<(u64, f64)>, &Line)> =
        panel.lines.iter().map(|line| (drawable(&line.points), line)).collect();
    let all: Vec<(u64, f64)> = lines.iter().flat_map(|(points, _)| points).copied().collect();
    let last = all.iter().map(|&(iteration, _)| iteration).max().unwrap_or(1).max(1);
    let range = logarithmic_range(&all);
    let marks = ticks(&range);
    let axis: LogCoord<f64> = range.log_scale().into();
    let mut chart = ChartBuilder::on(area)
        .margin(15)
        .caption(&panel.caption, (FONT, 22))
        .x_label_area_size(45)
        .y_label_area_size(80)
        .build_cartesian_2d(0..last, axis.with_key_points(marks))?;
    chart
        .configure_mesh()
        .bold_line_style(GRID)
        .light_line_style(WHITE)
        .axis_style(BLACK)
        .x_labels(6)
        .y_label_formatter(&|value| significant(*value))
        .x_desc("iteration")
        .label_style((FONT, 18))
        .axis_desc_style((FONT, 20))
        .draw()?;
    for (points, line) in lines {
        chart.draw_series(LineSeries::new(points, line.colour.stroke_width(line.width)))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const RISING: RGBColor = RGBColor(20, 80, 160);
    const FALLING: RGBColor = RGBColor(200, 90, 30);

    /// A value that rises is low on the left and high on the right of its panel, one that falls the other way round; the second
    /// panel is beside the first.
    #[test]
    fn lines_are_where_their_values_say() {
        let line = |colour, value: fn(u64) -> f64| Line {
            points: (1..=20).map(|i| (100 * i, value(i))).collect(),
            colour,
            width: 3,
        };
        let panel = |lines| Panel { caption: "loss".to_owned(), lines };
        let panels = [
            panel(vec![line(RISING, |i| (i as f64).exp2())]),
            panel(vec![line(FALLING, |i| (-(i as f64)).exp2())]),
        ];
        let plot = draw(&[("D", RISING)], &panels).unwrap();
        assert_eq!(plot.dimensions(), (2 * PANEL.0, LEGEND + PANEL.1));
        let count = |colour: RGBColor, left: u32, top: u32| {
            let pixels = (left..left + 150).flat_map(|x| (top..top + 120).map(move |y| (x, y)));
            pixels.filter(|&(x, y)| plot.get_pixel(x, y).0 == [colour.0, colour.1, colour.2]).count()
        };
        let (left, right, upper, lower) = (100, 470, LEGEND + 45, LEGEND + 270);
        assert!(count(RISING, left, lower) > 50 && count(RISING, right, upper) > 50);
        assert_eq!((count(RISING, left, upper), count(RISING, PANEL.0 + left, lower)), (0, 0));
        assert!(count(FALLING, PANEL.0 + left, upper) > 50 && count(FALLING, PANEL.0 + right, lower) > 50);
    }

    #[test]
    fn odd_data_is_drawn_too() {
        let odd = [vec![], vec![(0, f64::NAN), (1, -1.0)], vec![(5, 1.0)]].map(|points| Panel {
            caption: String::new(),
            lines: vec![Line { points, colour: RISING, width: 1 }],
        });
        draw(&[], &odd).unwrap();
        assert_eq!(draw(&[], &[]).unwrap().dimensions(), (PANEL.0, LEGEND + PANEL.1));
    }
}
