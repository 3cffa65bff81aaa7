// SPDX-License-Identifier: MIT OR Apache-2.0
//! The brightness of a picture on a coarse grid: enough to see that something in it has changed, and where.

use multiversion::multiversion;

use crate::region::Region;

/// Cells across the picture's longer side, at most. At 1280 pixels a cell is 20 of them wide, so that a face of the least size
/// that is looked for by default fills a good part of one wherever it lies.
const MOST: usize = 64;
/// Lines of a row of cells that are read. More of them change a mean by less than the noise of a camera does.
const LINES: usize = 16;
/// Most lines whose bytes fit into 16 bits when they are added up.
const MOST_LINES: usize = 256;

/// The means of the cells of a grid over a whole picture, row by row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cells {
    width: usize,
    height: usize,
    means: Vec<u8>,
}

impl Cells {
    /// The brightness of a picture of `size` pixels, width and height, from its `rows`, top to bottom, which hold `weights.len()`
    /// bytes a sample. `weights` say what each byte of a sample has to do with its brightness; their sum makes the brightest sample 255. There may
    /// be fewer rows than the picture is high: those of a field. A picture without rows or columns has no cells.
    #[must_use]
    pub fn of(rows: &[&[u8]], weights: &[f32], size: (u32, u32)) -> Self {
        let side = (size.0.max(size.1) as usize).div_ceil(MOST).max(1);
        let columns = rows.first().map_or(0, |row| row.len() / weights.len().max(1));
        let width = (size.0 as usize).div_ceil(side).min(columns);
        let height = (size.1 as usize).div_ceil(side).min(rows.len());
        Self { width, height, means: cell_means(rows, weights, (width, height), LINES) }
    }

    /// Cells in a row, and rows of cells.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        (self.width, self.height)
    }

    /// The means, 0 to 255, row by row.
    #[must_use]
    pub fn means(&self) -> &[u8] {
        &self.means
    }

    /// Takes over the means of `now`, of the same size, where `take` says so of a cell by its column and row.
    pub(crate) fn update(&mut self, now: &Self, take: impl Fn(usize, usize) -> bool) {
        for (index, (mean, now)) in self.means.iter_mut().zip(&now.means).enumerate() {
            if take(index % self.width, index / self.width) {
                *mean = *now;
            }
        }
    }

    /// The pixels of a picture of `size` that the cells of these columns and rows, both inclusive, cover.
    pub(crate) fn region(&self, columns: (usize, usize), rows: (usize, usize), size: (u32, u32)) -> Region {
        let edge = |cell: usize, cells: usize, length: u32| (cell * length as usize / cells) as i32;
        let (left, right) = (edge(columns.0, self.width, size.0), edge(columns.1 + 1, self.width, size.0));
        let (top, bottom) = (edge(rows.0, self.height, size.1), edge(rows.1 + 1, self.height, size.1));
        Region { x: left, y: top, width: right - left, height: bottom - top }
    }
}

/// The means over the cells of a grid of `width`×`height`, row by row, rounded; as [`Cells::of`], of `lines` lines of each row of
/// cells at most. No more cells than there are samples in either direction.
pub(crate) fn cell_means(
    rows: &[&[u8]],
    weights: &[f32],
    (width, height): (usize, usize),
    lines: usize,
) -> Vec<u8> {
    let step = weights.len();
    let bytes = rows.first().map_or(0, |row| row.len());
    let columns = bytes / step.max(1);
    let mut sums = vec![0_u16; bytes];
    let mut means = Vec::with_capacity(width * height);
    for cell_row in 0..height {
        let lines_of_cell = &rows[cell_row * rows.len() / height..(cell_row + 1) * rows.len() / height];
        let skip = lines_of_cell.len().div_ceil(lines.min(MOST_LINES)).max(1);
        sums.fill(0);
        let mut count = 0;
        for line in lines_of_cell.iter().step_by(skip) {
            add(&mut sums, line);
            count += 1;
        }
        for cell in 0..width {
            let (first, end) = (cell * columns / width, (cell + 1) * columns / width);
            let samples = &sums[first * step..end * step];
            let scale = 1.0 / (count * (end - first)) as f32;
            let total: f32 = weights
                .iter()
                .enumerate()
                .map(|(byte, weight)| {
                    weight * samples[byte..].iter().step_by(step).map(|&s| u32::from(s)).sum::<u32>() as f32
                })
                .sum();
            // As OpenCV rounds; the cast saturates.
            means.push((total * scale).round_ties_even() as u8);
        }
    }
    means
}

/// Adds the bytes of a line to the sums of those above.
#[multiversion(targets("x86_64+avx512f+avx512vl+avx512bw", "x86_64+avx2", "aarch64+neon"))]
fn add(sums: &mut [u16], line: &[u8]) {
    for (sum, byte) in sums.iter_mut().zip(line) {
        *sum += u16::from(*byte);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture whose bytes `value` names by column, row and byte of the sample.
    fn picture(
        columns: usize,
        rows: usize,
        step: usize,
        value: impl Fn(usize, usize, usize) -> u8,
    ) -> Vec<Vec<u8>> {
        let row = |y| (0..columns * step).map(|byte| value(byte / step, y, byte % step)).collect();
        (0..rows).map(row).collect()
    }

    fn cells(picture: &[Vec<u8>], weights: &[f32], size: (u32, u32)) -> Cells {
        Cells::of(&picture.iter().map(Vec::as_slice).collect::<Vec<_>>(), weights, size)
    }

    #[test]
    fn a_slope_has_the_means_of_its_cells() {
        // 128 columns are 64 cells of two: the mean of x and x + 1 is x + 0.5, which rounds to even.
        let slope = picture(128, 72, 1, |x, _, _| x as u8);
        let cells = cells(&slope, &[1.0], (128, 72));
        assert_eq!(cells.size(), (64, 36));
        for (index, mean) in cells.means().iter().enumerate() {
            let x = 2 * (index % 64);
            assert_eq!(f32::from(*mean), (x as f32 + 0.5).round_ties_even(), "cell {index}");
        }
    }

    #[test]
    fn bytes_of_a_sample_count_by_their_weights() {
        let weights = [0.25, 0.5, 0.0, 0.25];
        let colours = picture(100, 60, 4, |_, _, byte| [40, 80, 255, 120][byte]);
        let cells = cells(&colours, &weights, (100, 60));
        assert_eq!(cells.size(), (50, 30));
        assert!(cells.means().iter().all(|&mean| mean == 80), "{cells:?}");
    }

    #[test]
    fn fields_odd_sizes_and_pictures_of_a_pixel_have_cells() {
        for (size, columns, rows) in [
            ((1280, 720), 1280, 360),
            ((97, 73), 97, 73),
            ((1, 1), 1, 1),
            ((3, 5000), 3, 5000),
            ((1920, 1), 1920, 1),
        ] {
            let cells = cells(&picture(columns, rows, 1, |_, _, _| 200), &[1.0], size);
            let (width, height) = cells.size();
            assert!((1..=64).contains(&width) && (1..=64).contains(&height), "{size:?}: {:?}", cells.size());
            assert_eq!(cells.means(), vec![200; width * height]);
        }
        assert_eq!(Cells::of(&[], &[1.0], (10, 10)).size(), (0, 0));
    }

    #[test]
    fn regions_of_cells_are_the_pixels_they_are_means_of() {
        let size = (1280, 720);
        let mut dark = picture(1280, 720, 1, |_, _, _| 0);
        for row in &mut dark[100..120] {
            row[500..520].fill(255);
        }
        let cells = cells(&dark, &[1.0], size);
        let index = cells.means().iter().position(|&mean| mean == 255).unwrap();
        let (column, row) = (index % 64, index / 64);
        let expected = Region { x: 500, y: 100, width: 20, height: 20 };
        assert_eq!(cells.region((column, column), (row, row), size), expected);
        let whole = Region { x: 0, y: 0, width: 1280, height: 720 };
        assert_eq!(cells.region((0, 63), (0, 35), size), whole);
    }
}
