// SPDX-License-Identifier: MIT OR Apache-2.0
//! Restoring a picture of any size with a network of a fixed size: overlapping tiles, blended without seams.

use std::f32::consts::PI;

use image::RgbImage;
use restore_core::{RestoreError, Restorer};

use crate::data::blur::mirrored;

/// Neighbouring tiles share at least this part of their side.
const LEAST_OVERLAP: f64 = 0.25;

/// Tiles in one batch of the network.
const BATCH: usize = 8;

/// Restores `picture`, of any size, at its own scale.
///
/// Tiles of the network's crop size cover it, spread evenly so that neighbours share a quarter of their side or more.
/// What the network changed in each, restored − seen, is averaged with weights that fall smoothly to nothing at
/// a tile's edge, and added to the picture. So a tile that the network leaves alone changes no pixel, and where two
/// tiles disagree the result passes from one to the other without an edge. A picture smaller than the crop is
/// continued by its mirror image. The sampler's noise of tile `i`, counted row by row, has the seed `seed` + `i`.
///
/// # Errors
/// [`RestoreError`] when the network fails.
pub fn restore_tiled(
    restorer: &dyn Restorer,
    picture: &RgbImage,
    seed: u64,
) -> Result<RgbImage, RestoreError> {
    let (width, height) = picture.dimensions();
    let crop = restorer.crop_size();
    let (lefts, tops) = (starts(width, crop), starts(height, crop));
    let tiles: Vec<(i64, i64)> =
        tops.iter().flat_map(|&top| lefts.iter().map(move |&left| (left, top))).collect();
    let seeds: Vec<u64> = (0..tiles.len() as u64).map(|index| seed.wrapping_add(index)).collect();
    let mut change = WeightedChange::new(width, height, crop);
    for (tiles, seeds) in tiles.chunks(BATCH).zip(seeds.chunks(BATCH)) {
        let seen: Vec<Vec<u8>> = tiles.iter().map(|&tile| cut(picture, crop, tile)).collect();
        let crops: Vec<&[u8]> = seen.iter().map(Vec::as_slice).collect();
        let restored = restorer.restore_rgb8(&crops, seeds)?;
        for ((&tile, seen), restored) in tiles.iter().zip(&seen).zip(&restored) {
            change.add(tile, seen, restored);
        }
    }
    Ok(change.apply_to(picture))
}

/// Where the tiles begin along a side of `length` pixels; a single tile may begin before it, by a negative number.
fn starts(length: u32, crop: u32) -> Vec<i64> {
    let (length, crop) = (i64::from(length), i64::from(crop));
    let beyond = length - crop;
    if beyond <= 0 {
        // One tile with the picture in its middle.
        return vec![beyond / 2];
    }
    let longest_stride = ((crop as f64 * (1.0 - LEAST_OVERLAP)) as i64).max(1);
    let strides = (beyond + longest_stride - 1) / longest_stride;
    (0..=strides).map(|index| index * beyond / strides).collect()
}

/// The tile of `crop`×`crop` RGB pixels at (left, top), continued by reflection about the picture's outermost pixels.
fn cut(picture: &RgbImage, crop: u32, (left, top): (i64, i64)) -> Vec<u8> {
    let positions = |start: i64, length: u32| -> Vec<u32> {
        let (inside, before) = (start.max(0) as usize, (-start).max(0) as usize);
        (0..crop as usize).map(|i| mirrored(inside + i, before, length as usize) as u32).collect()
    };
    let (columns, rows) = (positions(left, picture.width()), positions(top, picture.height()));
    rows.iter().flat_map(|&y| columns.iter().flat_map(move |&x| picture.get_pixel(x, y).0)).collect()
}

/// The weighted sum of what the network changed, and of the weights.
struct WeightedChange {
    width: u32,
    height: u32,
    /// Weight along a tile's side: sin² between its edges.
    window: Vec<f32>,
    /// Per pixel: red, green and blue, and the weights.
    sums: Vec<[f32; 4]>,
}

impl WeightedChange {
    fn new(width: u32, height: u32, crop: u32) -> Self {
        let window = (0..crop).map(|i| (PI * (i as f32 + 0.5) / crop as f32).sin().powi(2)).collect();
        Self { width, height, window, sums: vec![[0.0; 4]; width as usize * height as usize] }
    }

    /// Adds restored − seen of the tile at (left, top) where it lies on the picture.
    fn add(&mut self, (left, top): (i64, i64), seen: &[u8], restored: &[u8]) {
        let crop = self.window.len();
        for (row, down) in self.window.iter().enumerate() {
            let y = top + row as i64;
            if !(0..i64::from(self.height)).contains(&y) {
                continue;
            }
            for (column, across) in self.window.iter().enumerate() {
                let x = left + column as i64;
                if !(0..i64::from(self.width)).contains(&x) {
                    continue;
                }
                let weight = down * across;
                let sums = &mut self.sums[y as usize * self.width as usize + x as usize];
                let at = (row * crop + column) * 3;
                for ((sum, &seen), &restored) in
                    sums.iter_mut().zip(&seen[at..at + 3]).zip(&restored[at..at + 3])
                {
                    *sum += weight * (f32::from(restored) - f32::from(seen));
                }
                sums[3] += weight;
            }
        }
    }

    /// The picture with the mean change of each pixel, rounded and clipped.
    fn apply_to(&self, picture: &RgbImage) -> RgbImage {
        let mut restored = picture.clone();
        for (pixel, [red, green, blue, weight]) in restored.pixels_mut().zip(&self.sums) {
            for (value, sum) in pixel.0.iter_mut().zip([red, green, blue]) {
                // The conversion cuts off and saturates, so a half is added first.
                *value = (f32::from(*value) + sum / weight + 0.5) as u8;
            }
        }
        restored
    }
}
