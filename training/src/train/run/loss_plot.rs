// SPDX-License-Identifier: MIT OR Apache-2.0
//! `loss.png`: the loss of a run over its iterations, and the learning rate below it.

use std::ops::Range;

use image::RgbImage;
use plotters::coord::Shift;
use plotters::coord::combinators::LogCoord;
use plotters::prelude::*;

use crate::picture::plot_font::{self, FONT};

/// Width and height in pixels.
const SIZE: (u32, u32) = (1200, 800);
/// Height in pixels of the upper part, the loss.
const LOSS_HEIGHT: i32 = 600;
/// Points of the smoothed curve's window, as a share of all.
const WINDOW_SHARE: f64 = 0.1;
const RAW: RGBColor = RGBColor(150, 182, 216);
const SMOOTHED: RGBColor = RGBColor(20, 80, 160);
const RATE: RGBColor = RGBColor(200, 90, 30);
const GRID: RGBColor = RGBColor(225, 225, 225);

/// A plot that could not be drawn.
#[derive(Debug, thiserror::Error)]
#[error("cannot draw the plot of the loss: {0}")]
pub struct PlotError(String);

type Canvas<'a> = DrawingArea<BitMapBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn std::error::Error>>;

/// Draws the losses (logarithmic, with a centred moving average) and learning rates by iteration. Values that a
/// logarithm does not have are left out.
///
/// # Errors
/// [`PlotError`] when plotters fails.
pub fn draw(losses: &[(u64, f64)], rates: &[(u64, f64)]) -> Result<RgbImage, PlotError> {
    let mut picture = RgbImage::new(SIZE.0, SIZE.1);
    paint(&mut picture, losses, rates).map_err(|error| PlotError(error.to_string()))?;
    Ok(picture)
}

fn paint(picture: &mut RgbImage, losses: &[(u64, f64)], rates: &[(u64, f64)]) -> Drawn {
    plot_font::register();
    let losses: Vec<(u64, f64)> =
        losses.iter().copied().filter(|(_, loss)| loss.is_finite() && *loss > 0.0).collect();
    let last = losses.last().map_or(1, |&(iteration, _)| iteration.max(1));
    let root = BitMapBackend::with_buffer(picture, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let (upper, lower) = root.split_vertically(LOSS_HEIGHT);
    paint_losses(&upper, &losses, last)?;
    paint_rates(&lower, rates, last)?;
    root.present()?;
    Ok(())
}

fn paint_losses(area: &Canvas, losses: &[(u64, f64)], last: u64) -> Drawn {
    let range = logarithmic_range(losses);
    let ticks = ticks(&range);
    let axis: LogCoord<f64> = range.log_scale().into();
    let smoothed = moving_average(losses);
    let mut chart = ChartBuilder::on(area)
        .margin(20)
        .margin_bottom(0)
        .caption("loss: means of 10 iterations, and a moving average of them", (FONT, 22))
        .x_label_area_size(30)
        .y_label_area_size(90)
        .build_cartesian_2d(0..last, axis.with_key_points(ticks))?;
    chart
        .configure_mesh()
        .bold_line_style(GRID)
        .light_line_style(WHITE)
        .axis_style(BLACK)
        .x_labels(10)
        .y_label_formatter(&|loss| significant(*loss))
        .y_desc("loss")
        .label_style((FONT, 20))
        .axis_desc_style((FONT, 22))
        .draw()?;
    chart.draw_series(LineSeries::new(losses.iter().copied(), RAW.stroke_width(1)))?;
    chart.draw_series(LineSeries::new(smoothed, SMOOTHED.stroke_width(3)))?;
    Ok(())
}

fn paint_rates(area: &Canvas, rates: &[(u64, f64)], last: u64) -> Drawn {
    let highest = rates.iter().map(|&(_, rate)| rate).fold(f64::MIN_POSITIVE, f64::max);
    let mut chart = ChartBuilder::on(area)
        .margin(20)
        .margin_top(5)
        .x_label_area_size(50)
        .y_label_area_size(90)
        .build_cartesian_2d(0..last, 0.0..highest * 1.1)?;
    chart
        .configure_mesh()
        .bold_line_style(GRID)
        .light_line_style(WHITE)
        .axis_style(BLACK)
        .x_labels(10)
        .y_labels(4)
        .y_label_formatter(&|rate| if *rate == 0.0 { "0".to_owned() } else { format!("{rate:.1e}") })
        .x_desc("iteration")
        .y_desc("learning rate")
        .label_style((FONT, 20))
        .axis_desc_style((FONT, 22))
        .draw()?;
    chart.draw_series(LineSeries::new(rates.iter().copied(), RATE.stroke_width(3)))?;
    Ok(())
}

/// From a little below the smallest to a little above the largest loss, half as large again at least.
pub(crate) fn logarithmic_range(losses: &[(u64, f64)]) -> Range<f64> {
    let values = losses.iter().map(|&(_, loss)| loss);
    let (low, high) =
        values.fold((f64::INFINITY, 0.0_f64), |(low, high), loss| (low.min(loss), high.max(loss)));
    if low > high {
        return 0.01..1.0;
    }
    let margin = (1.5 * low / high).sqrt().max(1.05);
    low / margin..high * margin
}

/// Round numbers in `range`, at least four: 1, 2 and 5 of every decade, or finer where it spans less.
pub(crate) fn ticks(range: &Range<f64>) -> Vec<f64> {
    let decades = range.start.log10().floor() as i32..=range.end.log10().floor() as i32;
    let with = |mantissas: &[u32]| -> Vec<f64> {
        let tenths = decades
            .clone()
            .flat_map(|decade| mantissas.iter().map(move |&m| f64::from(m) * 10_f64.powi(decade - 1)));
        tenths.filter(|tick| range.contains(tick)).collect()
    };
    let coarse = with(&[10, 20, 50]);
    let middle = with(&[10, 15, 20, 25, 30, 40, 50, 60, 70, 80, 90]);
    [coarse, middle]
        .into_iter()
        .find(|ticks| ticks.len() >= 4)
        .unwrap_or_else(|| with(&(10..100).collect::<Vec<_>>()))
}

/// The mean over a window about every point, [`WINDOW_SHARE`] of all points wide and narrower at the ends.
pub(crate) fn moving_average(points: &[(u64, f64)]) -> Vec<(u64, f64)> {
    let radius = (points.len() as f64 * WINDOW_SHARE / 2.0).ceil() as usize;
    let sums: Vec<f64> = std::iter::once(0.0)
        .chain(points.iter().scan(0.0, |sum, &(_, value)| {
            *sum += value;
            Some(*sum)
        }))
        .collect();
    let mean = |index: usize| {
        let radius = radius.min(index).min(points.len() - 1 - index);
        (sums[index + radius + 1] - sums[index - radius]) / (2 * radius + 1) as f64
    };
    points.iter().enumerate().map(|(index, &(iteration, _))| (iteration, mean(index))).collect()
}

/// Two significant digits, without the dust of binary fractions.
pub(crate) fn significant(value: f64) -> String {
    let rounded: f64 = format!("{value:.1e}").parse().unwrap_or(value);
    rounded.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_moving_average_is_centred_and_keeps_a_line() {
        let line: Vec<(u64, f64)> = (0..100).map(|i| (i, 2.0 + 0.5 * i as f64)).collect();
        for ((i, smooth), (j, value)) in moving_average(&line).into_iter().zip(&line) {
            assert_eq!(i, *j);
            assert!((smooth - value).abs() < 1e-9);
        }
        let zigzag: Vec<(u64, f64)> = (0..100).map(|i| (i, 1.0 + (i % 2) as f64)).collect();
        let middle = moving_average(&zigzag)[50].1;
        assert!((middle - 1.5).abs() < 0.11, "{middle}");
        assert_eq!(moving_average(&[]), []);
    }

    /// The curve is where its values say: a falling loss has dark blue pixels at the upper left and the lower right, not
    /// at the others.
    #[test]
    fn the_curve_falls_with_the_loss() {
        let losses: Vec<(u64, f64)> = (1..=200).map(|i| (10 * i, 0.5 * (-0.01 * i as f64).exp())).collect();
        let rates: Vec<(u64, f64)> = losses.iter().map(|&(i, _)| (i, 1e-4)).collect();
        let plot = draw(&losses, &rates).unwrap();
        let blue = |x: Range<u32>, y: Range<u32>| {
            let pixels = x.flat_map(|x| y.clone().map(move |y| (x, y)));
            pixels.filter(|&(x, y)| plot.get_pixel(x, y).0 == [SMOOTHED.0, SMOOTHED.1, SMOOTHED.2]).count()
        };
        assert!(blue(110..400, 0..200) > 100 && blue(850..1190, 380..600) > 100);
        assert_eq!((blue(110..400, 380..600), blue(850..1190, 0..200)), (0, 0));
        // Text is drawn: the font is there whatever the machine has.
        let dark = plot.pixels().take(90 * 1200).filter(|pixel| pixel.0[0] < 100).count();
        assert!(dark > 0);
    }

    #[test]
    fn the_loss_axis_has_round_numbers_whatever_its_range() {
        let close = |ticks: Vec<f64>, expected: &[f64]| {
            assert_eq!(ticks.len(), expected.len(), "{ticks:?}");
            assert!(
                ticks.iter().zip(expected).all(|(tick, value)| (tick / value - 1.0).abs() < 1e-12),
                "{ticks:?}"
            );
        };
        close(ticks(&(0.03..3.0)), &[0.05, 0.1, 0.2, 0.5, 1.0, 2.0]);
        close(ticks(&(0.07..0.22)), &[0.07, 0.08, 0.09, 0.1, 0.15, 0.2]);
        close(ticks(&(0.0995..0.15)), &[0.1, 0.11, 0.12, 0.13, 0.14]);
        for high in [1.0, 1.3, 5.0, 1e4] {
            assert!(ticks(&logarithmic_range(&[(10, 0.1), (20, 0.1 * high)])).len() >= 4);
        }
    }

    #[test]
    fn odd_data_is_drawn_too() {
        for losses in [vec![], vec![(10, 0.2)], vec![(1, 0.0), (2, f64::NAN)], vec![(10, 0.2), (20, 0.2)]] {
            draw(&losses, &[]).unwrap();
        }
    }
}
