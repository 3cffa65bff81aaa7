// SPDX-License-Identifier: MIT OR Apache-2.0
//! Resizing by a [`Filter`] along rows, then columns, of a picture that may have moved. The sums have a fixed order.

use image::Rgb32FImage;

use super::Filter;
use crate::picture::{PictureError, resize_bilinear_f32};

/// Lobes of Lanczos' filter on each side.
const LOBES: f64 = 3.0;

/// `picture` with `width`×`height` pixels; beyond its border lies the nearest pixel.
pub(super) fn resize(
    picture: &Rgb32FImage,
    width: u32,
    height: u32,
    filter: Filter,
) -> Result<Rgb32FImage, PictureError> {
    // That also refuses pictures without pixels.
    if filter == Filter::Linear || picture.is_empty() || width == 0 || height == 0 {
        return resize_bilinear_f32(picture, width, height);
    }
    let columns = Axis::new(filter, picture.width(), width, 1.0, 0.0);
    let rows = Axis::new(filter, picture.height(), height, 1.0, 0.0);
    Ok(resample(picture, &columns, &rows))
}

/// Every pixel of `columns` and `rows`, made of those of `picture`.
pub(super) fn resample(picture: &Rgb32FImage, columns: &Axis, rows: &Axis) -> Rgb32FImage {
    let narrow = along_rows(picture, columns);
    let mut result = Rgb32FImage::new(columns.0.len() as u32, rows.0.len() as u32);
    let row = 3 * columns.0.len();
    for (taps, out) in rows.0.iter().zip(result.chunks_exact_mut(row)) {
        for (source, weight) in narrow[taps.first * row..].chunks_exact(row).zip(&taps.weights) {
            out.iter_mut().zip(source).for_each(|(value, source)| *value += weight * source);
        }
    }
    result
}

/// All rows of `picture`, each with the pixels of `columns`.
fn along_rows(picture: &Rgb32FImage, columns: &Axis) -> Vec<f32> {
    let mut narrow = Vec::with_capacity(3 * columns.0.len() * picture.height() as usize);
    for row in picture.as_raw().chunks_exact(3 * picture.width() as usize) {
        for taps in &columns.0 {
            let mut sums = [0.0_f32; 3];
            for (pixel, weight) in row[3 * taps.first..].chunks_exact(3).zip(&taps.weights) {
                sums.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += weight * value);
            }
            narrow.extend(sums);
        }
    }
    narrow
}

/// What every pixel of a side of the result is made of.
pub(super) struct Axis(Vec<Taps>);

impl Axis {
    /// For a side of `from` pixels that becomes `to`, after the picture was enlarged by `zoom` about its centre and shifted
    /// by `shift` of its pixels. `from` is at least 1.
    pub(super) fn new(filter: Filter, from: u32, to: u32, zoom: f64, shift: f64) -> Self {
        let step = f64::from(from) / f64::from(to);
        let middle = 0.5 * f64::from(from);
        let taps = (0..to).map(|index| {
            let seen = (f64::from(index) + 0.5) * step;
            Taps::new(filter, middle + (seen - middle - shift) / zoom, step, from)
        });
        Self(taps.collect())
    }
}

/// Neighbouring pixels and their weights, which sum to 1.
struct Taps {
    first: usize,
    weights: Vec<f32>,
}

impl Taps {
    /// Those of `filter` about `centre`, in pixels of a side of `from` whose first pixel lies from 0 to 1. `step` is the
    /// distance to the next pixel's centre.
    fn new(filter: Filter, centre: f64, step: f64, from: u32) -> Self {
        let unit = if filter == Filter::Linear { 1.0 } else { step.max(1.0) };
        let centre = centre.clamp(0.0, f64::from(from));
        let (low, high) = (centre - filter.reach() * unit, centre + filter.reach() * unit);
        let (first, end) = (low.floor() as i64, high.ceil() as i64);
        let inside = |index: i64| index.clamp(0, i64::from(from) - 1) as usize;
        let nearest = inside(first);
        let mut weights = vec![0.0_f64; inside(end - 1) - nearest + 1];
        for index in first..end {
            let pixel = index as f64;
            weights[inside(index) - nearest] += match filter {
                Filter::Area => (high.min(pixel + 1.0) - low.max(pixel)).max(0.0),
                Filter::Linear => (1.0 - (pixel + 0.5 - centre).abs()).max(0.0),
                Filter::Cubic => cubic((pixel + 0.5 - centre) / unit),
                Filter::Lanczos => lanczos((pixel + 0.5 - centre) / unit),
            };
        }
        let sum: f64 = weights.iter().sum();
        Self { first: nearest, weights: weights.iter().map(|weight| (weight / sum) as f32).collect() }
    }
}

impl Filter {
    /// How far from its centre the filter is not 0, in its own units.
    fn reach(self) -> f64 {
        match self {
            Self::Area => 0.5,
            Self::Linear => 1.0,
            Self::Cubic => 2.0,
            Self::Lanczos => LOBES,
        }
    }
}

/// Keys' cubic with a = -1/2 (Keys 1981, equation 15).
fn cubic(place: f64) -> f64 {
    let x = place.abs();
    if x < 1.0 {
        (1.5 * x - 2.5) * x * x + 1.0
    } else if x < 2.0 {
        ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    } else {
        0.0
    }
}

fn lanczos(place: f64) -> f64 {
    if place.abs() < LOBES { sinc(place) * sinc(place / LOBES) } else { 0.0 }
}

/// sin(πx) / (πx).
fn sinc(x: f64) -> f64 {
    let angle = std::f64::consts::PI * x;
    if angle == 0.0 { 1.0 } else { libm::sin(angle) / angle }
}

#[cfg(test)]
mod tests {
    use image::Rgb;
    use image::imageops::{self, FilterType};

    use super::*;

    const MOVING: [Filter; 3] = [Filter::Area, Filter::Cubic, Filter::Lanczos];

    /// A pattern without symmetry, values 0.2 to 0.8: `image` clips beyond 0 and 1.
    fn pattern(width: u32, height: u32) -> Rgb32FImage {
        Rgb32FImage::from_fn(width, height, |x, y| {
            let wave = |a: f32, b: f32| 0.5 + 0.3 * (a * x as f32 + b * y as f32).sin();
            Rgb([wave(0.7, 0.2), wave(-0.3, 1.1), wave(0.05, -0.4)])
        })
    }

    /// `image` computes in 32 bits and cuts the filter at the border, where this one sees the nearest pixel again.
    #[test]
    fn cubic_and_lanczos_are_those_of_the_image_crate() {
        let picture = pattern(60, 44);
        for (filter, reference) in
            [(Filter::Cubic, FilterType::CatmullRom), (Filter::Lanczos, FilterType::Lanczos3)]
        {
            for (width, height) in [(23, 17), (31, 43), (59, 20), (180, 101)] {
                let own = resize(&picture, width, height, filter).unwrap();
                let other = imageops::resize(&picture, width, height, reference);
                assert_eq!(own.dimensions(), (width, height));
                let margin = |from: u32, to: u32| (4 * to / from).max(4);
                let (across, down) = (margin(60, width), margin(44, height));
                for (x, y, pixel) in own.enumerate_pixels() {
                    let inside = (across..width - across).contains(&x) && (down..height - down).contains(&y);
                    for (own, other) in pixel.0.iter().zip(other.get_pixel(x, y).0) {
                        assert!(
                            !inside || (own - other).abs() < 1e-4,
                            "{filter:?} to {width}×{height} at {x}, {y}: {own}, expected {other}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn area_is_the_mean_of_what_lies_under_a_pixel() {
        let picture = pattern(12, 6);
        let third = resize(&picture, 4, 2, Filter::Area).unwrap();
        for (x, y, pixel) in third.enumerate_pixels() {
            let block = imageops::crop_imm(&picture, 3 * x, 3 * y, 3, 3).to_image();
            let mean = block.pixels().map(|pixel| pixel[1]).sum::<f32>() / 9.0;
            assert!((pixel[1] - mean).abs() < 1e-6, "{x}, {y}: {}, expected {mean}", pixel[1]);
        }
        // 12 columns to 5: the second pixel covers 2.4 to 4.8.
        let fifth = resize(&picture, 5, 6, Filter::Area).unwrap();
        let column = |x: u32| picture.get_pixel(x, 2)[0];
        let expected = (0.6 * column(2) + column(3) + 0.8 * column(4)) / 2.4;
        assert!((fifth.get_pixel(1, 2)[0] - expected).abs() < 1e-6);
    }

    /// Both pass through the pixels, and Keys' cubic gives a parabola back.
    #[test]
    fn enlarged_pictures_interpolate() {
        let parabola = |x: f32| 0.01 * x * x - 0.1 * x + 3.0;
        let picture = Rgb32FImage::from_fn(16, 3, |x, _| Rgb([parabola(x as f32); 3]));
        let triple = resize(&picture, 48, 3, Filter::Cubic).unwrap();
        for x in 6..42 {
            let (own, expected) = (triple.get_pixel(x, 1)[0], parabola((x as f32 + 0.5) / 3.0 - 0.5));
            assert!((own - expected).abs() < 1e-5, "{x}: {own}, expected {expected}");
        }
        let picture = pattern(16, 9);
        for filter in MOVING {
            let same = resize(&picture, 16, 9, filter).unwrap();
            let triple = resize(&picture, 48, 27, filter).unwrap();
            for (x, y, pixel) in picture.enumerate_pixels() {
                for channel in 0..3 {
                    let kept = [same.get_pixel(x, y), triple.get_pixel(3 * x + 1, 3 * y + 1)];
                    assert!(kept.iter().all(|own| (own[channel] - pixel[channel]).abs() < 1e-6));
                }
            }
        }
    }

    /// Where the picture moves by as much as a small pixel covers, the small picture moves by a pixel; where it grows, what
    /// lies at the centre stays, and a ramp gets flatter.
    #[test]
    fn a_moving_picture_moves_the_small_one() {
        let picture = pattern(36, 24);
        for filter in MOVING {
            let at = |right: f64, down: f64| {
                resample(
                    &picture,
                    &Axis::new(filter, 36, 12, 1.0, right),
                    &Axis::new(filter, 24, 8, 1.0, down),
                )
            };
            let (still, moved) = (at(0.0, 0.0), at(3.0, -6.0));
            for (x, y) in (4..8).flat_map(|x| (3..4).map(move |y| (x, y))) {
                let (own, expected) = (moved.get_pixel(x + 1, y - 2), still.get_pixel(x, y));
                assert!((own[0] - expected[0]).abs() < 1e-5, "{filter:?} at {x}, {y}");
            }
            let ramp = Rgb32FImage::from_fn(36, 3, |x, _| Rgb([x as f32; 3]));
            let rows = Axis::new(filter, 3, 3, 1.0, 0.0);
            let grown = resample(&ramp, &Axis::new(filter, 36, 12, 1.2, 0.0), &rows);
            for x in 4..8 {
                let expected = 17.5 + (3.0 * (x as f32 + 0.5) - 18.0) / 1.2;
                assert!((grown.get_pixel(x, 1)[0] - expected).abs() < 0.2, "{filter:?} at {x}");
            }
        }
    }
}
