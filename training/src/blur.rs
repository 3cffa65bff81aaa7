//! Gaussian blur of RGB float pictures, isotropic or along rotated axes, with reflect-101 border.

use image::Rgb32FImage;
use multiversion::multiversion;

/// Kernel weights below this share of the kernel's sum (1) are skipped: all of them together move an
/// 8-bit value by less than a tenth of a step.
const NEGLIGIBLE: f32 = 1e-7;

/// Floats of one row that are summed at a time: few enough for registers, enough to hide the latency of additions.
const BLOCK: usize = 64;

/// A normalised Gaussian kernel with an odd side.
#[derive(Debug, Clone, PartialEq)]
pub enum GaussianKernel {
    /// The same standard deviation in every direction: the outer product of these weights with themselves.
    Isotropic(Vec<f32>),
    /// Different standard deviations along two rotated axes: `size`×`size` weights, row-major.
    Anisotropic {
        /// Side of the kernel.
        size: usize,
        /// The weights.
        weights: Vec<f32>,
    },
}

impl GaussianKernel {
    /// The isotropic kernel of standard deviation `sigma` pixels. `size` is made odd by adding one.
    #[must_use]
    pub fn isotropic(sigma: f64, size: usize) -> Self {
        let radius = (size | 1) / 2;
        // A Gaussian narrower than this is a single pixel in 32-bit floats.
        let variance = sigma.max(1e-2).powi(2);
        let weights =
            (0..=2 * radius).map(|index| (-0.5 * (index as f64 - radius as f64).powi(2) / variance).exp());
        Self::Isotropic(normalised(weights.collect()))
    }

    /// The kernel of standard deviations `sigma_x` and `sigma_y` pixels along axes turned by `rotation`
    /// radians, as GFPGAN makes it: exp(-½ pᵀ Σ⁻¹ p) with Σ = R diag(σx², σy²) Rᵀ, p = (column, row) from the
    /// centre, R the rotation by `rotation`; divided by its sum. `size` is made odd by adding one.
    #[must_use]
    pub fn anisotropic(sigma_x: f64, sigma_y: f64, rotation: f64, size: usize) -> Self {
        let size = size | 1;
        let radius = (size / 2) as f64;
        let (sin, cos) = rotation.sin_cos();
        let (inverse_x, inverse_y) = (sigma_x.max(1e-2).powi(-2), sigma_y.max(1e-2).powi(-2));
        let mut weights = Vec::with_capacity(size * size);
        for row in 0..size {
            for column in 0..size {
                let (x, y) = (column as f64 - radius, row as f64 - radius);
                let (along, across) = (cos * x + sin * y, cos * y - sin * x);
                weights.push((-0.5 * (along * along * inverse_x + across * across * inverse_y)).exp());
            }
        }
        Self::Anisotropic { size, weights: normalised(weights) }
    }

    /// Side of the kernel in pixels.
    #[must_use]
    pub fn size(&self) -> usize {
        match self {
            Self::Isotropic(weights) => weights.len(),
            Self::Anisotropic { size, .. } => *size,
        }
    }

    /// Correlates `picture` with the kernel; beyond its border the picture is mirrored without repeating
    /// the edge pixel (OpenCV's `BORDER_REFLECT_101`). The same bits on every machine.
    #[must_use]
    pub fn apply(&self, picture: &Rgb32FImage) -> Rgb32FImage {
        let mut result = Rgb32FImage::new(picture.width(), picture.height());
        if picture.is_empty() {
            return result;
        }
        let padded = Padded::reflect_101(picture, self.size() / 2);
        match self {
            Self::Isotropic(weights) => {
                let taps = Tap::kept(weights);
                // Down the columns of the padded rows, then along each row.
                let mut columns = vec![0.0; padded.row];
                for (y, out) in result.chunks_exact_mut(3 * picture.width() as usize).enumerate() {
                    let down = taps
                        .iter()
                        .map(|tap| Tap { offset: (y + tap.offset) * padded.row, weight: tap.weight });
                    sum_of_taps(&padded.values, &down.collect::<Vec<_>>(), &mut columns);
                    let along = taps.iter().map(|tap| Tap { offset: 3 * tap.offset, ..*tap });
                    sum_of_taps(&columns, &along.collect::<Vec<_>>(), out);
                }
            }
            Self::Anisotropic { size, weights } => {
                let taps = Tap::kept(weights);
                for (y, out) in result.chunks_exact_mut(3 * picture.width() as usize).enumerate() {
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

fn normalised(weights: Vec<f64>) -> Vec<f32> {
    let sum: f64 = weights.iter().sum();
    weights.iter().map(|weight| (weight / sum) as f32).collect()
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

/// A picture with a border, interleaved RGB.
struct Padded {
    /// Floats of a row.
    row: usize,
    values: Vec<f32>,
}

impl Padded {
    fn reflect_101(picture: &Rgb32FImage, radius: usize) -> Self {
        let (width, height) = (picture.width() as usize, picture.height() as usize);
        let row = 3 * (width + 2 * radius);
        let columns: Vec<usize> = (0..width + 2 * radius).map(|x| 3 * mirrored(x, radius, width)).collect();
        let mut values = Vec::with_capacity(row * (height + 2 * radius));
        for y in 0..height + 2 * radius {
            let source = &picture.as_raw()[3 * width * mirrored(y, radius, height)..][..3 * width];
            for &x in &columns {
                values.extend_from_slice(&source[x..x + 3]);
            }
        }
        Self { row, values }
    }
}

/// Index into a side of `length` pixels of position `padded - radius`, mirrored at the first and the last
/// pixel as often as needed.
pub(crate) fn mirrored(padded: usize, radius: usize, length: usize) -> usize {
    let period = 2 * (length - 1);
    if period == 0 {
        return 0;
    }
    let position = (padded as i64 - radius as i64).rem_euclid(period as i64) as usize;
    position.min(period - position)
}
