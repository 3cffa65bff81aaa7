// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where an aligned face's pixels count for more: around the eyes, which are a hundredth of the crop and what people look at.

use tch::{Device, Kind, TchError, Tensor};

use crate::data::template::EYES;

/// Standard deviation of the bump around an eye as a share of the crop's side: lids and brow are within it.
const SPREAD: f64 = 0.06;

/// The weight of each pixel of a crop of `side` pixels, `[1, 1, side, side]`: `weight` in the middle of an eye, 1 far from both, a Gaussian
/// bump between. (GFPGAN, Wang et al. 2021, has discriminators for these parts instead.)
pub(super) fn eye_weights(side: i64, weight: f64, device: Device) -> Result<Tensor, TchError> {
    let axis = |centre: f64| -> Result<Tensor, TchError> {
        let places =
            Tensor::f_arange(side, (Kind::Float, device))?.f_add_scalar(0.5 - centre * side as f64)?;
        places.f_square()?.f_mul_scalar(-0.5 / (SPREAD * side as f64).powi(2))?.f_exp()
    };
    let mut weights = Tensor::f_ones([side, side], (Kind::Float, device))?;
    for [across, down] in EYES {
        let bump = axis(down)?.f_outer(&axis(across)?)?;
        weights = weights.f_add(&bump.f_mul_scalar(weight - 1.0)?)?;
    }
    weights.f_view([1, 1, side, side])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eyes_have_the_weight_and_the_rest_has_one() {
        let weights = eye_weights(512, 5.0, Device::Cpu).unwrap();
        let at = |x: i64, y: i64| weights.double_value(&[0, 0, y, x]);
        // FFHQ's eyes at 512: (192.98, 239.95) and (318.90, 240.19).
        for x in [193, 319] {
            assert!((at(x, 240) - 5.0).abs() < 0.1, "{}", at(x, 240));
        }
        // One standard deviation, 30.7 pixels, below: 1 + 4·exp(−1/2).
        assert!((at(193, 271) - 3.43).abs() < 0.1, "{}", at(193, 271));
        assert!((at(256, 480) - 1.0).abs() < 1e-6 && (at(10, 10) - 1.0).abs() < 1e-6);
        let mirrored = weights.flip([3]);
        assert!(
            (&mirrored - &weights).abs().max().double_value(&[]) < 0.05,
            "a mirrored face is weighed alike"
        );
    }
}
