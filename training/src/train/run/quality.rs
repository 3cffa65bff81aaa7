// SPDX-License-Identifier: MIT OR Apache-2.0
//! How good a model's faces are, and how much of the damage it has left: by which the best of a run is chosen.

use crate::evaluate::Scores;
use crate::metrics::OCTAVES;

/// Means over some faces.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Quality {
    /// Peak signal-to-noise ratio in dB, at most [`PSNR_CAP`](crate::metrics::PSNR_CAP) for a face.
    pub psnr: f64,
    /// Structural similarity, −1 to 1.
    pub ssim: f64,
    /// How far the energy of [octaves](crate::metrics::octaves) is from the truth's: the mean over octaves of |log₂| of their mean ratio over
    /// faces, 0 and more. `None` where the pictures are too small for any.
    pub octaves: Option<f64>,
    /// Mean distance of the identity network's embeddings, 0 and more; `None` without such a network.
    pub identity: Option<f64>,
}

impl Quality {
    /// The means of what was measured of each face.
    #[must_use]
    pub fn of(scores: &[Scores]) -> Self {
        let mean = |value: &dyn Fn(&Scores) -> Option<f64>| -> Option<f64> {
            let values: Option<Vec<f64>> = scores.iter().map(value).collect();
            values
                .filter(|values| !values.is_empty())
                .map(|values| values.iter().sum::<f64>() / values.len() as f64)
        };
        let ratios: Vec<f64> =
            (0..OCTAVES).filter_map(|index| mean(&|scores| scores.octaves[index])).collect();
        let away = ratios.iter().map(|ratio| ratio.log2().abs()).sum::<f64>() / ratios.len() as f64;
        Self {
            psnr: mean(&|scores| Some(scores.psnr)).unwrap_or_default(),
            ssim: mean(&|scores| Some(scores.ssim)).unwrap_or_default(),
            octaves: (!ratios.is_empty()).then_some(away),
            identity: mean(&|scores| scores.identity_distance),
        }
    }

    /// What is left of the damage of `input`, both against the same truths: half the ratio of [octaves](Self::octaves) and half that of
    /// [identity](Self::identity), without its network that of the root mean square error instead. 1 for the input itself, 0 for
    /// the truth. Texture alone would reward noise, the person alone a soft mean.
    #[must_use]
    pub fn left_of(&self, input: &Self) -> f64 {
        let ratio =
            |output: Option<f64>, input: Option<f64>| Some(output? / input.filter(|&input| input > 0.0)?);
        let error = 10.0_f64.powf((input.psnr - self.psnr) / 20.0);
        let person = ratio(self.identity, input.identity).unwrap_or(error);
        f64::midpoint(ratio(self.octaves, input.octaves).unwrap_or(error), person)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quality(psnr: f64, octaves: Option<f64>, identity: Option<f64>) -> Quality {
        Quality { psnr, ssim: 0.0, octaves, identity }
    }

    #[test]
    fn nothing_is_left_of_a_truth_and_all_of_the_input() {
        let input = quality(26.0, Some(2.0), Some(0.4));
        assert!((input.left_of(&input) - 1.0).abs() < 1e-12);
        assert!(quality(100.0, Some(0.0), Some(0.0)).left_of(&input).abs() < 1e-12);
        // A quarter of the octaves' distance, three quarters of the person's.
        assert!((quality(0.0, Some(0.5), Some(0.3)).left_of(&input) - 0.5).abs() < 1e-12);
    }

    #[test]
    fn what_was_not_measured_is_judged_by_the_error() {
        // 20 dB are a tenth of the root mean square error.
        let input = quality(20.0, None, None);
        assert!((quality(40.0, None, None).left_of(&input) - 0.1).abs() < 1e-12);
        let input = quality(20.0, Some(1.0), None);
        assert!((quality(40.0, Some(0.5), None).left_of(&input) - 0.3).abs() < 1e-12);
    }

    /// An octave at half and one at twice the truth's energy are each one away from it; the others are right.
    #[test]
    fn octaves_are_counted_in_both_directions() {
        let gray = image::RgbImage::from_fn(64, 64, |x, y| image::Rgb([(x * 3 + y) as u8; 3]));
        let mut scores = Scores::of(&gray, &gray).unwrap();
        assert!(Quality::of(&[scores]).octaves.unwrap() < 1e-9);
        let measured = scores.octaves.iter().flatten().count() as f64;
        scores.octaves[0] = Some(0.5);
        scores.octaves[1] = Some(2.0);
        assert!((Quality::of(&[scores]).octaves.unwrap() - 2.0 / measured).abs() < 1e-9);
    }
}
