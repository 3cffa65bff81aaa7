// SPDX-License-Identifier: MIT OR Apache-2.0
//! Scene cuts: does this picture continue the one before?

use opencv::core::Mat;
use opencv::prelude::*;

use crate::cells::{Cells, cell_means};
use crate::error::DetectError;

/// Longer side of the thumbnails that are compared, at most.
const THUMBNAIL_SIDE: usize = 64;
/// Side of the blocks in which a thumbnail is compared.
const BLOCK: usize = 8;
/// How far a block is looked for in the thumbnail before, in each direction: an eighth of the frame's longer
/// side, a fast pan.
const REACH: usize = 8;
/// A cut: what the thumbnail before leaves unexplained is more than this share of all there is. Measured:
/// 0.82 to 0.91 between photos; up to 0.16 in a moving car, 0.31 in fast pans, 0.46 in zooms and 0.24 at a
/// flash.
const CUT_SHARE: f64 = 0.65;
/// Mean deviation from the blocks' means, in grey levels, below which a picture is too flat to tell.
const FLAT: f64 = 2.0;
/// The mean deviation that all thumbnails are given, so that fades do not count.
const CONTRAST: f64 = 16.0;

/// Compares each picture with the one before it, as video encoders decide on key frames: blocks are searched
/// in the neighbourhood of their place, and if the best matches leave nearly as much unexplained as the
/// blocks' own means do, the pictures have nothing in common.
///
/// Pans, zooms and moving heads find their blocks. The blocks' means are not compared and contrasts are made
/// equal, so neither fades nor flashes count. A picture that is nearly of one colour (black, or a flash at
/// its brightest) is skipped: the next is compared with the one before it.
#[derive(Default)]
pub(super) struct SceneCutDetector {
    previous: Option<Thumbnail>,
}

impl SceneCutDetector {
    /// Whether a new scene begins with this grey picture (`CV_8UC1`). The first picture begins none.
    pub(super) fn is_cut(&mut self, grey: &Mat) -> Result<bool, DetectError> {
        Ok(Thumbnail::of(grey)?.is_some_and(|thumbnail| self.follows(thumbnail)))
    }

    /// The same of a picture of which these are the cells. One whose cells are of another size than those before begins none.
    pub(super) fn is_cut_of_cells(&mut self, cells: &Cells) -> bool {
        let thumbnail = Thumbnail::contrasted(cells.size(), cells.means());
        thumbnail.is_some_and(|thumbnail| self.follows(thumbnail))
    }

    /// Whether the thumbnail has nothing in common with the one before, whose place it takes.
    fn follows(&mut self, thumbnail: Thumbnail) -> bool {
        let cut = match &self.previous {
            Some(previous) if previous.width == thumbnail.width && previous.height == thumbnail.height => {
                previous.leaves_unexplained(&thumbnail)
            }
            _ => false,
        };
        self.previous = Some(thumbnail);
        cut
    }
}

/// A small grey picture with the means of all its blocks, also of those between the grid.
struct Thumbnail {
    width: usize,
    height: usize,
    pixels: Vec<i16>,
    /// Mean of the block whose first pixel is here; row by row, `width` a row.
    means: Vec<i16>,
}

/// A block of a thumbnail and where its first pixel is.
struct Block {
    x: usize,
    y: usize,
    /// Pixels less the block's mean.
    pixels: [[i16; BLOCK]; BLOCK],
}

impl Block {
    fn deviation(&self) -> u32 {
        self.pixels.as_flattened().iter().map(|value| u32::from(value.unsigned_abs())).sum()
    }
}

impl Thumbnail {
    /// The picture's thumbnail, its contrast brought to [`CONTRAST`]; `None` when it is too flat to tell
    /// anything, or too small to hold a block.
    fn of(grey: &Mat) -> Result<Option<Self>, DetectError> {
        // Whole factors shrink ten times as fast as others; what they leave over at the right and the bottom
        // is no loss.
        let factor = (grey.cols().max(grey.rows()) as usize).div_ceil(THUMBNAIL_SIDE).max(1);
        let (width, height) = (grey.cols() as usize / factor, grey.rows() as usize / factor);
        if width < BLOCK || height < BLOCK {
            return Ok(None);
        }
        let rows = (0..height * factor).map(|row| Ok(&grey.at_row::<u8>(row as i32)?[..width * factor]));
        let rows = rows
            .collect::<opencv::Result<Vec<&[u8]>>>()
            .map_err(DetectError::at("shrinking a frame to find scene cuts"))?;
        Ok(Self::contrasted((width, height), &cell_means(&rows, &[1.0], (width, height), usize::MAX)))
    }

    /// The thumbnail of these brightnesses, row by row.
    fn contrasted((width, height): (usize, usize), means: &[u8]) -> Option<Self> {
        if width < BLOCK || height < BLOCK {
            return None;
        }
        let plain = Self::new(width, height, means.iter().map(|&value| i16::from(value)).collect());
        let deviations: Vec<u32> = plain.blocks().map(|block| block.deviation()).collect();
        let mean = f64::from(deviations.iter().sum::<u32>()) / (deviations.len() * BLOCK * BLOCK) as f64;
        if mean < FLAT {
            return None;
        }
        let gain = CONTRAST / mean;
        let pixels = plain.pixels.iter().map(|&value| (f64::from(value) * gain).round() as i16).collect();
        Some(Self::new(width, height, pixels))
    }

    fn new(width: usize, height: usize, pixels: Vec<i16>) -> Self {
        let mut means = vec![0; pixels.len()];
        for y in 0..(height + 1).saturating_sub(BLOCK) {
            for x in 0..(width + 1).saturating_sub(BLOCK) {
                let rows = (y..y + BLOCK).map(|row| &pixels[row * width + x..][..BLOCK]);
                let sum: i32 = rows.flatten().map(|&value| i32::from(value)).sum();
                means[y * width + x] = (sum / (BLOCK * BLOCK) as i32) as i16;
            }
        }
        Self { width, height, pixels, means }
    }

    /// The blocks of the grid; what is left over at the right and the bottom belongs to none.
    fn blocks(&self) -> impl Iterator<Item = Block> {
        let starts = |length: usize| (0..length / BLOCK).map(|index| index * BLOCK);
        starts(self.height).flat_map(move |y| starts(self.width).map(move |x| self.block(x, y)))
    }

    fn block(&self, x: usize, y: usize) -> Block {
        let mean = self.means[y * self.width + x];
        let pixels = std::array::from_fn(|row| {
            std::array::from_fn(|column| self.pixels[(y + row) * self.width + x + column] - mean)
        });
        Block { x, y, pixels }
    }

    /// Whether more than [`CUT_SHARE`] of `next` has no match here. Where the blocks' own places explain enough of it, as in all
    /// pictures but those of fast motion, no other place is looked at.
    fn leaves_unexplained(&self, next: &Self) -> bool {
        let blocks: Vec<Block> = next.blocks().collect();
        let own: u32 = blocks.iter().map(Block::deviation).sum();
        let limit = CUT_SHARE * f64::from(own);
        let in_place: u32 =
            blocks.iter().map(|block| self.difference(block, block.x, block.y, u32::MAX)).sum();
        if f64::from(in_place) <= limit {
            return false;
        }
        let unexplained: u32 = blocks.iter().map(|block| self.best_match(block)).sum();
        f64::from(unexplained) > limit
    }

    /// The least sum of absolute differences between `block` and the blocks here around its place.
    fn best_match(&self, block: &Block) -> u32 {
        let mut best = self.difference(block, block.x, block.y, u32::MAX);
        let range =
            |start: usize, length: usize| start.saturating_sub(REACH)..=(start + REACH).min(length - BLOCK);
        for y in range(block.y, self.height) {
            for x in range(block.x, self.width) {
                best = best.min(self.difference(block, x, y, best));
            }
        }
        best
    }

    /// The sum of absolute differences between `block` and the block here at (x, y), both without their means;
    /// cut short once it reaches `limit`.
    fn difference(&self, block: &Block, x: usize, y: usize, limit: u32) -> u32 {
        let mean = self.means[y * self.width + x];
        let mut sum = 0;
        for (row, values) in block.pixels.iter().enumerate() {
            let pixels = &self.pixels[(y + row) * self.width + x..][..BLOCK];
            let differences =
                values.iter().zip(pixels).map(|(value, pixel)| (value - (pixel - mean)).unsigned_abs());
            sum += u32::from(differences.sum::<u16>());
            if sum >= limit {
                break;
            }
        }
        sum
    }
}
