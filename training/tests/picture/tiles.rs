// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tiles: with networks whose effect is known, a picture of any size gets exactly that effect, and no seam shows.

use std::path::Path;
use std::sync::Mutex;

use image::{Rgb, RgbImage};
use restore_core::{RestoreError, RestoreOptions, Restorer};
use tch::Tensor;
use training::picture;
use training::restore::restore_tiled;

const CROP: u32 = 32;

/// A "network" that does `effect` (of the tile's bytes and seed) and remembers the seeds and tiles it got.
struct Known<F> {
    effect: F,
    seen: Mutex<Vec<(u64, Vec<u8>)>>,
}

impl<F: Fn(&[u8], u64) -> Vec<u8> + Send + Sync> Known<F> {
    fn new(effect: F) -> Self {
        Self { effect, seen: Mutex::new(Vec::new()) }
    }
}

impl<F: Fn(&[u8], u64) -> Vec<u8> + Send + Sync> Restorer for Known<F> {
    fn crop_size(&self) -> u32 {
        CROP
    }
    fn description(&self) -> String {
        "known".to_owned()
    }
    fn restore_with(&self, _: &Tensor, _: &[u64], _: &RestoreOptions) -> Result<Tensor, RestoreError> {
        unreachable!("tiles are 8-bit pictures")
    }
    fn restore_rgb8(&self, crops: &[&[u8]], seeds: &[u64]) -> Result<Vec<Vec<u8>>, RestoreError> {
        assert!(crops.len() == seeds.len() && crops.iter().all(|crop| crop.len() == 32 * 32 * 3));
        let mut seen = self.seen.lock().unwrap();
        seen.extend(seeds.iter().zip(crops).map(|(&seed, crop)| (seed, crop.to_vec())));
        Ok(crops.iter().zip(seeds).map(|(crop, &seed)| (self.effect)(crop, seed)).collect())
    }
}

fn portrait(width: u32, height: u32) -> RgbImage {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/astronaut.png"));
    image::imageops::crop_imm(&picture::read(path).unwrap(), 150, 20, width, height).to_image()
}

/// One pixel, thinner than a tile, exactly a tile, one more, odd, many tiles.
const SIZES: [(u32, u32); 8] =
    [(1, 1), (7, 200), (31, 33), (32, 32), (33, 32), (57, 101), (128, 64), (131, 97)];

#[test]
fn a_network_that_changes_nothing_changes_no_bit() {
    for (width, height) in SIZES {
        let picture = portrait(width, height);
        let identity = Known::new(|tile: &[u8], _| tile.to_vec());
        assert!(restore_tiled(&identity, &picture, 5).unwrap() == picture, "{width}×{height}");
    }
}

#[test]
fn what_the_network_does_to_every_pixel_happens_to_every_pixel() {
    for (width, height) in SIZES {
        let picture = portrait(width, height);
        let negative = Known::new(|tile: &[u8], _| tile.iter().map(|value| 255 - value).collect());
        let mut expected = picture.clone();
        image::imageops::invert(&mut expected);
        assert!(restore_tiled(&negative, &picture, 5).unwrap() == expected, "{width}×{height}");
    }
}

/// Tiles made brighter by 0 or by 60 like the fields of a chessboard, the worst disagreement of neighbours. The least
/// overlap here is 10 pixels; sin² windows that overlap by 10 of 32 pixels pass into each other with at most
/// w'/2w = 0.184 a pixel (at the middle, w = sin²(5π/32)), that is 11 of 60, and rounding adds 1. The effect itself is
/// there in full.
#[test]
fn tiles_that_disagree_pass_into_each_other_without_a_seam() {
    let grey = RgbImage::from_pixel(110, 97, Rgb([100; 3]));
    // Five tiles in a row, so that the parity of their number alternates both across and down.
    let uneven =
        Known::new(|tile: &[u8], seed| tile.iter().map(|value| value + 60 * (seed % 2) as u8).collect());
    let restored = restore_tiled(&uneven, &grey, 0).unwrap();
    assert_eq!(uneven.seen.into_inner().unwrap().len(), 5 * 4);
    let at = |x: u32, y: u32| i32::from(restored.get_pixel(x, y)[0]);
    let across = (1..110).flat_map(|x| (0..97).map(move |y| (at(x, y) - at(x - 1, y)).abs()));
    let down = (1..97).flat_map(|y| (0..110).map(move |x| (at(x, y) - at(x, y - 1)).abs()));
    assert!(across.clone().max().unwrap() <= 12 && down.clone().max().unwrap() <= 12);
    assert!(across.max().unwrap() >= 5 && down.max().unwrap() >= 5, "the tiles did not disagree");
    let values = || restored.pixels().map(|pixel| pixel[0]);
    assert_eq!((values().min(), values().max()), (Some(100), Some(160)));
}

#[test]
fn tiles_overlap_by_a_quarter_cover_the_picture_and_have_seeds_of_their_own() {
    // The red channel counts the columns, so a tile says where it was cut.
    let columns = RgbImage::from_fn(131, 20, |x, y| Rgb([x as u8, y as u8, 0]));
    let identity = Known::new(|tile: &[u8], _| tile.to_vec());
    restore_tiled(&identity, &columns, u64::MAX).unwrap();
    let seen = identity.seen.into_inner().unwrap();
    let lefts: Vec<u8> = seen.iter().map(|(_, tile)| tile[0]).collect();
    // 131 − 32 = 99 pixels in strides of 24 at most: five.
    assert_eq!(lefts, [0, 19, 39, 59, 79, 99]);
    assert_eq!(seen.iter().map(|(seed, _)| *seed).collect::<Vec<_>>(), [u64::MAX, 0, 1, 2, 3, 4]);
    // 20 rows in a tile of 32: six of the mirror image above, six below.
    let rows: Vec<u8> = (0..32).map(|row| seen[0].1[row * 32 * 3 + 1]).collect();
    let mirrored: Vec<u8> = (1..=6).rev().chain(0..20).chain((13..19).rev()).collect();
    assert_eq!(rows, mirrored);
}
