// SPDX-License-Identifier: MIT OR Apache-2.0
//! Changes to a frame in place: corrections of faces, filled rectangles. A sample changes only where it must, at the depth that it has.

use face_detect::{Correction, Region};
use multiversion::multiversion;
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
    let mut changes = vec![0.0_f32; region.width as usize];
    // All samples of a line cover as many pixels, but the last one of an odd line.
    let last = sums.len() - 1;
    let [inner, end] = [range.columns.0, range.columns.1 - 1]
        .map(|column| pixels_of_sample(column, component.shift_x, layout.width));
    for row in range.rows.0..range.rows.1 {
        let (covered_rows, count_y) = covered(row, component.shift_y, layout.height, region.y, region.height);
        sums.fill(0.0);
        for pixels in &delta[covered_rows] {
            project(pixels, weights, &mut changes);
            gather(&changes, region.x as usize, component.shift_x, &mut sums);
        }
        let first = row * stride + component.offset + range.columns.0 * component.step;
        let bytes = &mut plane[first..first + last * component.step + component.bytes];
        let nominal = (low as f32, high as f32);
        let add = |bytes: &mut [u8], sums: &[f32], count: usize| {
            let count = (count * count_y) as f32;
            if component.bytes == 1 {
                add_rounded(bytes, component.step, sums, count, nominal);
            } else {
                add_to_pairs(bytes, component.step, sums, count, nominal, quantum);
            }
        };
        add(bytes, &sums[..last], inner);
        add(&mut bytes[last * component.step..], &sums[last..], end);
    }
}

/// The change of one component in each pixel of a line.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2", "aarch64+neon"))]
fn project(pixels: &[Vec3f], weights: [f32; 3], changes: &mut [f32]) {
    for (change, pixel) in changes.iter_mut().zip(pixels) {
        *change = weights[0] * pixel.0[0] + weights[1] * pixel.0[1] + weights[2] * pixel.0[2];
    }
}

/// Adds the changes of the pixels from column `x` on to those of the samples that cover them; the first of `sums` covers the first.
fn gather(changes: &[f32], x: usize, shift: u32, sums: &mut [f32]) {
    if shift == 0 {
        sums.iter_mut().zip(changes).for_each(|(sum, change)| *sum += change);
        return;
    }
    let first = x >> shift;
    for (x, change) in (x..).zip(changes) {
        sums[(x >> shift) - first] += change;
    }
}

/// Adds the mean of `count` pixels' changes to every `step`th byte, rounded and clipped to the nominal range; a byte outside of it
/// stays, and so does each whose change rounds to 0.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2", "aarch64+neon"))]
fn add_rounded(bytes: &mut [u8], step: usize, sums: &[f32], count: f32, nominal: (f32, f32)) {
    let (low, high) = nominal;
    let add = |byte: &mut u8, sum: f32| {
        let value = f32::from(*byte);
        // Not `clamp`, whose check of its bounds keeps the loop from being vectorised.
        *byte = (value + (sum / count).round()).max(value.min(low)).min(value.max(high)) as u8;
    };
    if step == 1 {
        bytes.iter_mut().zip(sums).for_each(|(byte, sum)| add(byte, *sum));
    } else {
        bytes.iter_mut().step_by(step).zip(sums).for_each(|(byte, sum)| add(byte, *sum));
    }
}

fn set_sample(plane: &mut [u8], place: usize, bytes: usize, value: u16) {
    plane[place..place + bytes].copy_from_slice(&value.to_le_bytes()[..bytes]);
}

/// [`add_rounded`] for samples of two bytes, in whole codes of `quantum`: bits below the code's (P010) stay as they are.
fn add_to_pairs(bytes: &mut [u8], step: usize, sums: &[f32], count: f32, nominal: (f32, f32), quantum: f32) {
    let (low, high) = nominal;
    for (pair, sum) in bytes.chunks_mut(step).zip(sums) {
        let change = (sum / count / quantum).round() * quantum;
        if change != 0.0 {
            let value = f32::from(u16::from_le_bytes([pair[0], pair[1]]));
            let sum = (value + change).clamp(value.min(low), value.max(high));
            pair[..2].copy_from_slice(&(sum as u16).to_le_bytes());
        }
    }
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
