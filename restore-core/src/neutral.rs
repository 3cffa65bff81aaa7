// SPDX-License-Identifier: MIT OR Apache-2.0
//! Grey stays grey: what a network does to the colours of a face that has none.

use tch::{Kind, Tensor};

use crate::RestoreError;

/// BT.601 luma of RGB.
const LUMA: [f32; 3] = [0.299, 0.587, 0.114];
/// Cells across a face over which colour is averaged: a codec's chroma noise in black-and-white film averages out, a complexion
/// does not.
const CELLS: i64 = 32;
/// Colourfulness up to which a face is black and white, and from which on its colours are its own, in levels of 255. Skin in
/// faded video has 10, in a good light 30.
const NEUTRAL: f64 = 2.0;
const COLOURED: f64 = 6.0;

/// `restored` with the share of its changes of colour that suits `faces`, both `[N, 3, H, W]` in [-1, 1]: none for a black-and-white
/// face, where the change is that of luma in each channel; all, to the bit, for a coloured one; and in between in proportion to
/// the face's colourfulness: the root mean square of R − Y and B − Y, each averaged over cells of 1/32 of the face.
pub(crate) fn keep_neutral(faces: &Tensor, restored: Tensor) -> Result<Tensor, RestoreError> {
    let share = colourfulness(faces)?
        .f_sub_scalar(NEUTRAL)?
        .f_div_scalar(COLOURED - NEUTRAL)?
        .f_clamp(0.0, 1.0)?
        .f_view([-1, 1, 1, 1])?;
    if share.f_min()?.f_double_value(&[])? >= 1.0 {
        return Ok(restored);
    }
    let change = restored.f_sub(faces)?;
    let grey = luma(&change)?;
    let toned = grey.f_add(&change.f_sub(&grey)?.f_mul(&share)?)?;
    // A coloured face keeps its bits beside a grey one.
    let toned = faces.f_add(&toned)?.f_clamp(-1.0, 1.0)?;
    Ok(toned.f_where_self(&share.f_lt(1.0)?, &restored)?)
}

/// Of each face, `[N]`, in levels of 255.
fn colourfulness(faces: &Tensor) -> Result<Tensor, RestoreError> {
    let cell = (faces.size()[2] / CELLS).max(1);
    let cells = faces.f_avg_pool2d([cell, cell], [cell, cell], [0, 0], false, true, None)?;
    let difference = cells.f_sub(&luma(&cells)?)?;
    let red_and_blue =
        difference.f_index_select(1, &Tensor::f_from_slice(&[0_i64, 2])?.f_to_device(faces.device())?)?;
    let mean = red_and_blue.f_square()?.f_mean_dim([1_i64, 2, 3].as_slice(), false, Kind::Float)?;
    Ok(mean.f_sqrt()?.f_mul_scalar(127.5)?)
}

/// `[N, 1, H, W]`.
fn luma(faces: &Tensor) -> Result<Tensor, RestoreError> {
    let weights = Tensor::f_from_slice(&LUMA)?.f_to_device(faces.device())?.f_view([1, 3, 1, 1])?;
    Ok(faces.f_mul(&weights)?.f_sum_dim_intlist([1_i64].as_slice(), true, Kind::Float)?)
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;

    /// A face of 64 pixels of one luma whose R − Y and B − Y are the numbers given, in levels.
    fn face(red: f64, blue: f64) -> Tensor {
        let green = -(0.299 * red + 0.114 * blue) / 0.587;
        let colour = Tensor::from_slice(&[red as f32, green as f32, blue as f32]).view([1, 3, 1, 1]);
        colour.expand([1, 3, 64, 64], false) / 127.5
    }

    /// A change of colour as large as a network's on a grey photograph.
    fn tinted(face: &Tensor) -> Tensor {
        face + Tensor::from_slice(&[0.2_f32, 0.05, -0.1]).view([1, 3, 1, 1])
    }

    #[test]
    fn a_grey_face_changes_in_grey_alone() {
        let grey = face(0.0, 0.0);
        let kept = keep_neutral(&grey, tinted(&grey)).unwrap();
        let spread = kept.amax([1_i64].as_slice(), false) - kept.amin([1_i64].as_slice(), false);
        assert!(spread.max().double_value(&[]) < 1e-6);
        let expected = 0.299 * 0.2 + 0.587 * 0.05 - 0.114 * 0.1;
        assert!((kept.mean(Kind::Float).double_value(&[]) - expected).abs() < 1e-6);
    }

    /// What a codec leaves of chroma in black-and-white film: strong, but of another sign from pixel to pixel.
    #[test]
    fn noise_of_chroma_is_no_colour() {
        let sign = Tensor::arange(64, (Kind::Float, Device::Cpu)).remainder(2.0) * 2.0 - 1.0;
        let noisy = face(8.0, -8.0) * sign;
        let change = keep_neutral(&noisy, tinted(&noisy)).unwrap() - &noisy;
        let spread = change.amax([1_i64].as_slice(), false) - change.amin([1_i64].as_slice(), false);
        assert!(spread.max().double_value(&[]) < 1e-5);
    }

    /// Colourfulness c by construction: R − Y = B − Y = c. The share of the tint is 0 at 2, 1/2 at 4 and 1 at 6 levels, without a jump.
    #[test]
    fn the_share_of_colour_is_continuous_and_a_coloured_face_keeps_its_bits() {
        let tint = |colour: f64| {
            let face = face(colour, colour);
            let change = keep_neutral(&face, tinted(&face)).unwrap() - face;
            (change.select(1, 0) - change.select(1, 2)).mean(Kind::Float).double_value(&[]) / 0.3
        };
        for (colour, share) in
            [(0.0, 0.0), (2.0, 0.0), (2.1, 0.025), (4.0, 0.5), (5.9, 0.975), (6.1, 1.0), (20.0, 1.0)]
        {
            assert!((tint(colour) - share).abs() < 1e-3, "{colour}: {}", tint(colour));
        }
        let both = Tensor::cat(&[face(0.0, 0.0), face(20.0, -9.0)], 0);
        let restored = tinted(&both);
        let kept = keep_neutral(&both, restored.shallow_clone()).unwrap();
        assert!(
            kept.select(0, 1).equal(&restored.select(0, 1))
                && !kept.select(0, 0).equal(&restored.select(0, 0))
        );
    }
}
