// SPDX-License-Identifier: MIT OR Apache-2.0
//! Convolution weights in 8 bits with a scale for each output channel: half of a bf16 file's size.

use tch::{Kind, TchError, Tensor};

/// What the name of the scales of the weight `name` ends in.
pub(crate) const SCALE_SUFFIX: &str = ".scale";

/// Largest magnitude of an 8-bit weight; −128 is not used, so that the range is symmetric.
const LARGEST: f64 = 127.0;

/// A weight `[O, …]` as whole numbers of −127 to 127 and the scale of each output channel, `[O]` float: the channel's largest
/// magnitude over 127, so that no weight is off by more than half of that. A channel of zeros has the scale 0.
pub(crate) fn quantise(weight: &Tensor) -> Result<(Tensor, Tensor), TchError> {
    let weight = weight.f_to_kind(Kind::Float)?;
    let rows = weight.f_flatten(1, -1)?;
    let scale = rows.f_abs()?.f_amax([1_i64].as_slice(), false)?.f_div_scalar(LARGEST)?;
    let divisor = scale.f_where_scalarother(&scale.f_gt(0.0)?, 1.0)?;
    let whole = rows.f_div(&divisor.f_unsqueeze(1)?)?.f_round()?.f_clamp(-LARGEST, LARGEST)?;
    Ok((whole.f_to_kind(Kind::Int8)?.f_view_as(&weight)?, scale))
}

/// The float weight that [`quantise`] made `whole` and `scale` of.
pub(crate) fn expand(whole: &Tensor, scale: &Tensor) -> Result<Tensor, TchError> {
    let rows = whole.f_to_kind(Kind::Float)?.f_flatten(1, -1)?;
    rows.f_mul(&scale.f_to_kind(Kind::Float)?.f_unsqueeze(1)?)?.f_view(whole.size().as_slice())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_weight_is_off_by_more_than_half_a_step() {
        let weight =
            (Tensor::arange(2 * 3 * 3 * 3, (Kind::Float, tch::Device::Cpu)) * 1.7).sin().view([2, 3, 3, 3]);
        let weight = weight * Tensor::from_slice(&[0.01_f32, 5.0]).view([2, 1, 1, 1]);
        let (whole, scale) = quantise(&weight).unwrap();
        assert_eq!((whole.kind(), whole.size()), (Kind::Int8, weight.size()));
        for channel in 0..2 {
            let (own, step) = (weight.select(0, channel), scale.double_value(&[channel]));
            assert!((step * 127.0 - own.abs().max().double_value(&[])).abs() < 1e-6);
            let error = (expand(&whole, &scale).unwrap().select(0, channel) - own).abs().max();
            assert!(error.double_value(&[]) <= 0.5 * step + 1e-9);
        }
    }

    #[test]
    fn a_channel_of_zeros_stays_one() {
        let weight = Tensor::zeros([2, 1, 1, 1], (Kind::Float, tch::Device::Cpu));
        let (whole, scale) = quantise(&weight).unwrap();
        assert!(expand(&whole, &scale).unwrap().equal(&weight));
    }
}
