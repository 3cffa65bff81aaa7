// SPDX-License-Identifier: MIT OR Apache-2.0
//! Changes to a frame in place: corrections of faces, filled rectangles. A sample changes only where it must, at the depth that it has.

use face_detect::{Correction, Region};
use opencv::core::{MatTraitConst, MatTraitConstManual, Vec3f};

use super::{Component, FrameViewMut};
use crate::error::FrameError;

/// Adds `corrections` (channel order RGB) to the frame, one after the other.
///
/// A correction is carried over to the stored components by the linear part of the colour conversion; a chroma
/// sample gets the mean over the pixels that it covers. Sums are rounded and clipped to the nominal range, except that
/// a sample already outside it is not pulled in. A sample whose correction rounds to 0 keeps its value.
///
/// # Errors
/// [`FrameError::Layout`] or [`FrameError::OpenCv`] when a correction does not fit the frame, before any byte changes.
pub fn apply(frame: &mut FrameViewMut, corrections: &[Correction]) -> Result<(), FrameError> {
    let prepared = corrections
        .iter()
        .map(|correction| Ok((correction.region, delta_rows(frame, correction)?)))
        .collect::<Result<Vec<_>, FrameError>>()?;
    for (region, rows) in &prepared {
        for index in 0..frame.layout().components.len() {
            add_to_component(frame, index, *region, rows);
        }
    }
    Ok(())
}

/// The rows of a correction's delta, checked against the frame.
fn delta_rows<'a>(frame: &FrameViewMut, correction: &'a Correction) -> Result<Vec<&'a [Vec3f]>, FrameError> {
    let region = correction.region;
    let delta = &correction.delta;
    if frame.layout().clip(region) != Some(region)
        || (delta.cols(), delta.rows()) != (region.width, region.height)
    {
        return Err(FrameError::Layout(format!(
            "a correction of {}×{} pixels for {region:?} does not fit the frame",
            delta.cols(),
            delta.rows()
        )));
    }
    (0..delta.rows()).map(|row| Ok(delta.at_row::<Vec3f>(row)?)).collect()
}

fn add_to_component(frame: &mut FrameViewMut, index: usize, region: Region, delta: &[&[Vec3f]]) {
    let layout = frame.layout();
    let component = layout.components[index];
    let quantum = layout.colour.quantum as f32;
    let weights = layout.colour.from_rgb[index].map(|weight| weight as f32);
    let (low, high) = layout.colour.nominal[index];
    let range = component.samples(region);
    let (plane, stride) = frame.plane_mut(component.plane);
    let mut sums = vec![0.0_f32; range.columns.1 - range.columns.0];
    for row in range.rows.0..range.rows.1 {
        let (covered_rows, count_y) = covered(row, component.shift_y, layout.height, region.y, region.height);
        sums.fill(0.0);
        for pixels in &delta[covered_rows] {
            for (x, pixel) in (region.x as usize..).zip(*pixels) {
                sums[(x >> component.shift_x) - range.columns.0] +=
                    weights[0] * pixel[0] + weights[1] * pixel[1] + weights[2] * pixel[2];
            }
        }
        let start = row * stride + component.offset;
        for (column, sum) in (range.columns.0..).zip(&sums) {
            let count_x = pixels_of_sample(column, component.shift_x, layout.width);
            // In whole codes: bits below the code's (P010) stay as they are.
            let change = (sum / (count_x * count_y) as f32 / quantum).round() * quantum;
            if change != 0.0 {
                let place = start + column * component.step;
                let value = f32::from(sample(plane, place, component.bytes));
                let sum = (value + change).clamp(value.min(low as f32), value.max(high as f32));
                set_sample(plane, place, component.bytes, sum as u16);
            }
        }
    }
}

/// The sample at byte `place`.
fn sample(plane: &[u8], place: usize, bytes: usize) -> u16 {
    if bytes == 1 { plane[place].into() } else { u16::from_le_bytes([plane[place], plane[place + 1]]) }
}

fn set_sample(plane: &mut [u8], place: usize, bytes: usize, value: u16) {
    plane[place..place + bytes].copy_from_slice(&value.to_le_bytes()[..bytes]);
}

/// The rows of a region (counted from its top) that sample row `row` covers, and how many rows of the frame it covers.
fn covered(row: usize, shift: u32, height: usize, top: i32, rows: i32) -> (std::ops::Range<usize>, usize) {
    let count = pixels_of_sample(row, shift, height);
    let first = (row << shift) as i32 - top;
    let start = first.clamp(0, rows);
    let end = (first + count as i32).clamp(start, rows);
    (start as usize..end as usize, count)
}

/// How many pixels of a line of `length` the sample `index` covers: fewer at the end of an odd line.
fn pixels_of_sample(index: usize, shift: u32, length: usize) -> usize {
    (1 << shift).min(length - (index << shift))
}

/// Fills the part of `region` within the frame with a colour; alpha stays.
pub fn fill(frame: &mut FrameViewMut, region: Region, rgb: [u8; 3]) {
    let layout = frame.layout();
    let Some(region) = layout.clip(region) else { return };
    for (index, component) in layout.components.iter().enumerate() {
        fill_component(frame, component, region, layout.colour.stored(index, rgb));
    }
}

fn fill_component(frame: &mut FrameViewMut, component: &Component, region: Region, value: u16) {
    let range = component.samples(region);
    let (plane, stride) = frame.plane_mut(component.plane);
    for row in range.rows.0..range.rows.1 {
        for column in range.columns.0..range.columns.1 {
            let place = row * stride + component.offset + column * component.step;
            set_sample(plane, place, component.bytes, value);
        }
    }
}
