// SPDX-License-Identifier: MIT OR Apache-2.0
//! How much texture there is, place by place: the loss term `detail.energy`.

use tch::{Kind, TchError, Tensor};

/// Planes that are looked at, each half as large as the one before, where they are whole patches and hold a square of those: waves from
/// 2 pixels to some 16.
const PLANES: usize = 3;

/// Side in pixels of a plane of the squares over which energy is taken.
const SIDE: i64 = 8;

/// Side in pixels of a plane of the patches in which places are told apart: in the first plane those of the networks.
const PATCH: i64 = 4;

/// Side in patches of the squares over which the energy of a place is taken.
const PATCHES: i64 = 8;

/// Added to both energies: that of differences of 1.5 of 255 levels, which is what a codec leaves in a smooth cheek.
const FLOOR: f64 = 0.012 * 0.012;

/// The mean of |ln(E(y) / E(x))| over squares, directions and planes, for `y` and `x`, `[N, 3, H, W]` in [-1, 1]; E is the mean square
/// of the differences of neighbours, once in squares of 8×8 pixels and once in squares of 8×8 patches for each of the 16 places in a patch
/// alone. Squares overlap by half. A picture has no more energy at the borders of patches than inside; what a network makes up for each
/// patch has.
///
/// The idea is the gradient variance loss of Abrahamyan et al. 2022, which compares variances of Sobel maps by L2. The logarithm makes the
/// pores of a cheek count as much as strands of hair. An energy that is to be guessed is guessed at its median, where an L1 of
/// pixels answers with no texture at all.
pub(super) fn energy_distance(y: &Tensor, x: &Tensor) -> Result<Tensor, TchError> {
    let (mut y, mut x) = (y.shallow_clone(), x.shallow_clone());
    let mut distances = Vec::with_capacity(4 * PLANES);
    for plane in 0..PLANES {
        if plane > 0 {
            (y, x) = (halved(&y)?, halved(&x)?);
        }
        let (_, _, height, width) = y.size4()?;
        if height.min(width) < PATCH * PATCHES || height % PATCH != 0 || width % PATCH != 0 {
            break;
        }
        for dimension in [2, 3] {
            let (of_y, of_x) = (squares(&y, dimension)?, squares(&x, dimension)?);
            distances.push(log_ratio(&mean_of(&of_y, SIDE)?, &mean_of(&of_x, SIDE)?)?);
            let places = |squares: &Tensor| mean_of(&squares.f_pixel_unshuffle(PATCH)?, PATCHES);
            distances.push(log_ratio(&places(&of_y)?, &places(&of_x)?)?);
        }
    }
    Tensor::f_stack(&distances, 0)?.f_mean(Kind::Float)
}

fn halved(plane: &Tensor) -> Result<Tensor, TchError> {
    plane.f_avg_pool2d([2, 2], [2, 2], [0, 0], false, true, None)
}

/// Squares of the differences of neighbours along a dimension, 2 for down and 3 for across, as a picture of one channel. The last
/// has no neighbour and no difference.
fn squares(plane: &Tensor, dimension: i64) -> Result<Tensor, TchError> {
    plane
        .f_diff::<&Tensor>(1, dimension, None, Some(&plane.f_narrow(dimension, -1, 1)?))?
        .f_square()?
        .f_mean_dim([1_i64].as_slice(), true, Kind::Float)
}

/// Means over squares of `side` that overlap by half.
fn mean_of(squares: &Tensor, side: i64) -> Result<Tensor, TchError> {
    squares.f_avg_pool2d([side; 2], [side / 2; 2], [0, 0], false, true, None)
}

fn log_ratio(y: &Tensor, x: &Tensor) -> Result<Tensor, TchError> {
    let log = |energy: &Tensor| energy.f_add_scalar(FLOOR)?.f_log();
    log(y)?.f_sub(&log(x)?)?.f_abs()?.f_mean(Kind::Float)
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;

    /// Stripes of one pixel, ±`height`, have differences of twice that across and none down; halved they are gone.
    fn stripes(height: f64) -> Tensor {
        let places = Tensor::arange(256, (Kind::Float, Device::Cpu)).remainder(2.0);
        ((places * 2.0 - 1.0) * height).expand([1, 3, 256, 256], false).contiguous()
    }

    fn distance(y: &Tensor, x: &Tensor) -> f64 {
        f64::try_from(energy_distance(y, x).unwrap()).unwrap()
    }

    #[test]
    fn it_is_the_logarithm_of_the_ratio_of_energies() {
        let energy = |height: f64| (4.0 * height * height + FLOOR).ln();
        // Of two directions and three planes one has energy. The last column has no neighbour, which its squares know.
        let expected = (energy(0.1) - energy(0.05)).abs() / (2 * PLANES) as f64;
        let found = distance(&stripes(0.1), &stripes(0.05));
        assert!((found - expected).abs() < 0.02 * expected, "{found} {expected}");
        assert!((distance(&stripes(0.05), &stripes(0.1)) - found).abs() < 1e-6);
    }

    /// What is the same everywhere is none of its business, nor where in its square a stripe lies.
    #[test]
    fn it_sees_neither_brightness_nor_phase() {
        assert!(distance(&(stripes(0.1).neg() + 0.3), &stripes(0.1)) < 1e-5);
    }

    /// Blocks of a patch each, and the same a little to the side: as much energy in all, at another place of the patches.
    #[test]
    fn it_sees_energy_that_keeps_to_places() {
        let noise = Tensor::randn([1, 3, 256, 256], (Kind::Float, Device::Cpu)) * 0.05;
        let enlarged = |side: i64| {
            let small = noise.narrow(2, 0, 256 / side).narrow(3, 0, 256 / side);
            small.upsample_nearest2d([256, 256], None, None)
        };
        // Blocks of 4 have all their differences at the patches' borders; three columns to the right it is at another place.
        let (blocks, moved) = (enlarged(4), enlarged(4).roll(3, 3));
        assert!(distance(&blocks, &moved) > 0.5, "{}", distance(&blocks, &moved));
    }
}
