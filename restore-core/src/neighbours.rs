// SPDX-License-Identifier: MIT OR Apache-2.0
//! Means over neighbouring pixels, as sums of shifted pictures: what libtorch's pooling takes several times as long for.

use tch::Tensor;

use crate::RestoreError;

type Result<T> = std::result::Result<T, RestoreError>;

/// Height and width of `[N, C, H, W]`.
const DIMENSIONS: [i64; 2] = [2, 3];

/// `picture`, `[N, C, H, W]`, without waves of `period` pixels, an even number, and their harmonics: whatever each place of a patch of
/// that side has of its own, as lines or a checkerboard for texture, is such waves. It is the mean of `period` neighbours and then of two,
/// across and down, (1, 2, 1)/4 for 2 and (1, 2, 2, 2, 1)/8 for 4; of a wave twice as long it lets half through, or 0.6. The outermost
/// pixels are repeated beyond the edge.
pub(crate) fn without_period(picture: &Tensor, period: i64) -> Result<Tensor> {
    let mut picture = picture.f_replication_pad2d([period / 2; 4])?;
    for dimension in DIMENSIONS {
        picture = sums(&sums(&picture, dimension, period)?, dimension, 2)?;
    }
    let taps = (2 * period) as f64;
    Ok(picture.f_mul_scalar(1.0 / (taps * taps))?)
}

/// The mean over the square of `side` pixels about each pixel, an odd number, of those that are in `picture`, `[N, C, H, W]`.
pub(crate) fn mean_around(picture: &Tensor, side: i64) -> Result<Tensor> {
    let (_, _, height, width) = picture.size4()?;
    let square = |picture: &Tensor| -> Result<Tensor> {
        let mut picture = picture.f_constant_pad_nd([side / 2; 4])?;
        for dimension in DIMENSIONS {
            picture = sums(&picture, dimension, side)?;
        }
        Ok(picture)
    };
    let ones = Tensor::f_ones([1, 1, height, width], (picture.kind(), picture.device()))?;
    Ok(square(picture)?.f_mul(&square(&ones)?.f_reciprocal()?)?)
}

/// Sums of `count` neighbours along a dimension, of which there are `count` − 1 fewer than pixels: of windows of 1, 2, 4 … pixels, each the
/// sum of two, as the bits of `count` say.
fn sums(picture: &Tensor, dimension: i64, count: i64) -> Result<Tensor> {
    let length = picture.size()[dimension as usize] - count + 1;
    let mut windows = picture.shallow_clone();
    let (mut width, mut summed) = (1, 0);
    let mut sum: Option<Tensor> = None;
    loop {
        if count & width != 0 {
            let part = windows.f_narrow(dimension, summed, length)?;
            sum = Some(match sum {
                Some(sum) => sum.f_add(&part)?,
                None => part,
            });
            summed += width;
        }
        if summed == count {
            return Ok(sum.unwrap_or(windows));
        }
        let rest = windows.size()[dimension as usize] - width;
        windows = windows.f_narrow(dimension, 0, rest)?.f_add(&windows.f_narrow(dimension, width, rest)?)?;
        width *= 2;
    }
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;

    #[test]
    fn no_wave_of_the_period_is_left_and_what_is_even_stays() {
        for period in [2, 4] {
            let places = Tensor::randn([1, period * period, 1, 1], (Kind::Float, Device::Cpu));
            let pattern = places.expand([1, period * period, 8, 8], false).contiguous().pixel_shuffle(period);
            let left = without_period(&pattern, period).unwrap();
            assert_eq!(left.size(), pattern.size());
            // Beyond an edge the pattern does not go on.
            let (edge, size) = (period / 2, 8 * period);
            let inside = left.narrow(2, edge, size - period).narrow(3, edge, size - period);
            let mean = places.mean(Kind::Float).double_value(&[]);
            assert!((inside - mean).abs().max().double_value(&[]) < 1e-5);
            let even = Tensor::full([1, 3, 12, 12], 0.25, (Kind::Float, Device::Cpu));
            assert!((without_period(&even, period).unwrap() - 0.25).abs().max().double_value(&[]) < 1e-6);
        }
    }

    /// A wave of eight pixels behind (1, 2, 2, 2, 1)/8: (2 + 4 cos 45° + 2 cos 90°)/8.
    #[test]
    fn a_longer_wave_is_weakened_as_the_filter_says() {
        let wave = (Tensor::arange(32, (Kind::Float, Device::Cpu)) * std::f64::consts::FRAC_PI_4).cos();
        let left = without_period(&wave.expand([1, 1, 32, 32], false).contiguous(), 4).unwrap();
        let expected = wave * ((2.0 + 4.0 * std::f64::consts::FRAC_1_SQRT_2) / 8.0);
        let error = left.select(2, 16).view([32]).narrow(0, 2, 28) - expected.narrow(0, 2, 28);
        assert!(error.abs().max().double_value(&[]) < 1e-6);
    }

    /// libtorch's own mean over windows, which leaves out what is beyond the edge.
    #[test]
    fn a_mean_is_that_of_a_pooling() {
        let picture = Tensor::randn([2, 3, 20, 13], (Kind::Float, Device::Cpu));
        for side in [1, 3, 9, 11] {
            let expected = picture.avg_pool2d([side; 2], [1, 1], [side / 2; 2], false, false, None);
            let error = mean_around(&picture, side).unwrap() - expected;
            assert!(error.abs().max().double_value(&[]) < 1e-5, "{side}");
        }
    }
}
