// SPDX-License-Identifier: MIT OR Apache-2.0
//! A random change of exposure, contrast and colour of a face: training's variation of light and camera.

use image::RgbImage;
use rand::Rng;

/// A change of tone, the same for a target and for the picture that its input is made of. Values are shares of full scale.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tone {
    /// Exponent of the values: above 1 darkens the middle tones.
    pub gamma: f64,
    /// Factors of red, green and blue after that: exposure and white balance.
    pub gain: [f64; 3],
    /// Factor of the distance of a colour from its grey.
    pub saturation: f64,
}

/// The grey of a colour (ITU-R BT.601).
pub(crate) fn luma([red, green, blue]: [f32; 3]) -> f32 {
    0.299 * red + 0.587 * green + 0.114 * blue
}

/// `rgb` with every value's distance from `other` times `factor`.
pub(crate) fn blend(rgb: [f32; 3], other: f32, factor: f32) -> [f32; 3] {
    rgb.map(|value| factor * value + (1.0 - factor) * other)
}

impl Tone {
    /// No change.
    pub const NONE: Self = Self { gamma: 1.0, gain: [1.0; 3], saturation: 1.0 };

    /// A random change of strength `tone`, as [`DataConfig::tone`](crate::data::config::DataConfig::tone) has it. Without one
    /// nothing is drawn from `rng`.
    pub fn draw<R: Rng + ?Sized>(tone: f64, rng: &mut R) -> Self {
        if tone == 0.0 {
            return Self::NONE;
        }
        let mut symmetric = || tone * (2.0 * rng.random::<f64>() - 1.0);
        let gamma = symmetric().exp2();
        // Highlights that are clipped teach nothing, so exposure falls further than it rises.
        let exposure = (symmetric() - tone / 2.0).exp2();
        let gain = [symmetric(), symmetric(), symmetric()].map(|cast| exposure * (1.0 + cast / 4.0));
        Self { gamma, gain, saturation: 1.0 + symmetric() }
    }

    /// Changes `picture` in place, rounded to the nearest of 256 levels; without a change it stays as it is.
    pub fn apply(&self, picture: &mut RgbImage) {
        if *self == Self::NONE {
            return;
        }
        let curves = self.gain.map(|gain| self.curve(gain));
        let saturation = self.saturation as f32;
        for pixel in picture.pixels_mut() {
            let rgb = [0, 1, 2].map(|channel| curves[channel][usize::from(pixel.0[channel])]);
            // `as` saturates at 0 and 255.
            pixel.0 = blend(rgb, luma(rgb), saturation).map(|value| value.round() as u8);
        }
    }

    /// The values of the 256 levels of a channel, not yet rounded or clipped.
    fn curve(&self, gain: f64) -> [f32; 256] {
        std::array::from_fn(|level| (255.0 * gain * libm::pow(level as f64 / 255.0, self.gamma)) as f32)
    }
}

#[cfg(test)]
mod tests {
    use image::Rgb;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn changed(tone: Tone, pixel: [u8; 3]) -> [u8; 3] {
        let mut picture = RgbImage::from_pixel(1, 1, Rgb(pixel));
        tone.apply(&mut picture);
        picture.get_pixel(0, 0).0
    }

    #[test]
    fn gamma_gain_and_saturation_are_what_their_formulas_say() {
        let [red, grey] = [[200, 100, 50], [128, 128, 128]];
        assert_eq!(changed(Tone::NONE, red), red);
        // 255 (v/255)²
        assert_eq!(changed(Tone { gamma: 2.0, ..Tone::NONE }, red), [157, 39, 10]);
        assert_eq!(changed(Tone { gain: [0.5, 1.0, 2.0], ..Tone::NONE }, red), [100, 100, 100]);
        // 0.299 · 200 + 0.587 · 100 + 0.114 · 50 = 124.2
        assert_eq!(changed(Tone { saturation: 0.0, ..Tone::NONE }, red), [124; 3]);
        assert_eq!(changed(Tone { saturation: 1.5, ..Tone::NONE }, red), [238, 88, 13]);
        assert_eq!(changed(Tone { saturation: 1.5, ..Tone::NONE }, grey), grey);
        assert_eq!(changed(Tone { gain: [3.0; 3], ..Tone::NONE }, red), [255, 255, 150]);
    }

    #[test]
    fn draws_stay_within_their_strength_and_nothing_is_drawn_without_one() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        assert_eq!(Tone::draw(0.0, &mut rng), Tone::NONE);
        assert_eq!(rng.get_word_pos(), 0);
        for _ in 0..200 {
            let tone = Tone::draw(0.2, &mut rng);
            assert!(
                (0.87..=1.15).contains(&tone.gamma) && (0.8..=1.2).contains(&tone.saturation),
                "{tone:?}"
            );
            // 2^−0.3 · 0.95 to 2^0.1 · 1.05
            assert!(tone.gain.iter().all(|gain| (0.77..=1.13).contains(gain)), "{tone:?}");
        }
    }
}
