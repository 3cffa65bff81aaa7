// SPDX-License-Identifier: MIT OR Apache-2.0
//! Blur of RGB float pictures by a kernel, with reflect-101 border.

mod border;
mod gaussian;
mod motion;

use image::Rgb32FImage;
use multiversion::multiversion;

use border::Padded;
pub(crate) use border::mirrored;

/// Kernel weights below this share of the kernel's sum (1) are skipped: all of them together move an
/// 8-bit value by less than a tenth of a step.
const NEGLIGIBLE: f32 = 1e-7;

/// Floats of one row that are summed at a time: few enough for registers, enough to hide the latency of additions.
const BLOCK: usize = 64;

/// A blur kernel with an odd side, whose weights sum to 1.
#[derive(Debug, Clone, PartialEq)]
pub enum Kernel {
    /// The outer product of these weights with themselves.
    Separable(Vec<f32>),
    /// `size`×`size` weights, row-major.
    Full {
        /// Side of the kernel.
        size: usize,
        /// The weights.
        weights: Vec<f32>,
    },
}

impl Kernel {
    /// Side of the kernel in pixels.
    #[must_use]
    pub fn size(&self) -> usize {
        match self {
            Self::Separable(weights) => weights.len(),
            Self::Full { size, .. } => *size,
        }
    }

    /// Correlates `picture` with the kernel; beyond its border the picture is mirrored without repeating
    /// the edge pixel (OpenCV's `BORDER_REFLECT_101`). The same bits on every machine.
    #[must_use]
    pub fn apply(&self, picture: &Rgb32FImage) -> Rgb32FImage {
        self.apply_to_rows(picture, |_| true)
    }

    /// [`apply`](Self::apply) where only some rows of the result are wanted, as before down-sampling without a filter: the
    /// same bits in those, zeros in the others.
    #[must_use]
    pub fn apply_to_rows(&self, picture: &Rgb32FImage, is_wanted: impl Fn(usize) -> bool) -> Rgb32FImage {
        let mut result = Rgb32FImage::new(picture.width(), picture.height());
        if picture.is_empty() {
            return result;
        }
        let padded = Padded::reflect_101(picture, self.size() / 2);
        let rows = result.chunks_exact_mut(3 * picture.width() as usize).enumerate();
        let rows = rows.filter(|&(y, _)| is_wanted(y));
        match self {
            Self::Separable(weights) => {
                let taps = Tap::kept(weights);
                // Down the columns of the padded rows, then along each row.
                let mut columns = vec![0.0; padded.row];
                for (y, out) in rows {
                    let down = taps
                        .iter()
                        .map(|tap| Tap { offset: (y + tap.offset) * padded.row, weight: tap.weight });
                    sum_of_taps(&padded.values, &down.collect::<Vec<_>>(), &mut columns);
                    let along = taps.iter().map(|tap| Tap { offset: 3 * tap.offset, ..*tap });
                    sum_of_taps(&columns, &along.collect::<Vec<_>>(), out);
                }
            }
            Self::Full { size, weights } => {
                let taps = Tap::kept(weights);
                for (y, out) in rows {
                    let here = taps.iter().map(|tap| Tap {
                        offset: (y + tap.offset / size) * padded.row + 3 * (tap.offset % size),
                        weight: tap.weight,
                    });
                    sum_of_taps(&padded.values, &here.collect::<Vec<_>>(), out);
                }
            }
        }
        result
    }
}

/// One weight of a kernel and where its source value lies.
#[derive(Debug, Clone, Copy)]
struct Tap {
    offset: usize,
    weight: f32,
}

impl Tap {
    /// The weights that count, with their index in the kernel.
    fn kept(weights: &[f32]) -> Vec<Self> {
        let taps = weights.iter().enumerate().map(|(offset, &weight)| Self { offset, weight });
        taps.filter(|tap| tap.weight >= NEGLIGIBLE).collect()
    }
}

/// `out[i] = Σ taps weight · source[offset + i]`, summed in the order of `taps` for every `i`, so that the
/// width of the vector unit does not change the result.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2", "aarch64+neon"))]
fn sum_of_taps(source: &[f32], taps: &[Tap], out: &mut [f32]) {
    let mut start = 0;
    let mut blocks = out.chunks_exact_mut(BLOCK);
    for block in &mut blocks {
        let mut sums = [0.0_f32; BLOCK];
        for tap in taps {
            let values = &source[tap.offset + start..][..BLOCK];
            for (sum, value) in sums.iter_mut().zip(values) {
                *sum += tap.weight * value;
            }
        }
        block.copy_from_slice(&sums);
        start += BLOCK;
    }
    for (index, sum) in blocks.into_remainder().iter_mut().enumerate() {
        *sum = taps.iter().fold(0.0, |sum, tap| sum + tap.weight * source[tap.offset + start + index]);
    }
}

/// `weights` divided by their sum.
fn normalised(weights: Vec<f64>) -> Vec<f32> {
    let sum: f64 = weights.iter().sum();
    weights.iter().map(|weight| (weight / sum) as f32).collect()
}
