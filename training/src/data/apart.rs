// SPDX-License-Identifier: MIT OR Apache-2.0
//! A face and what surrounds it, degraded apart: a soft face in a sharp frame, or the reverse.

use image::RgbImage;
use rand::Rng;

/// An ellipse about the middle of a face's crop, in or around which a picture stays as it was.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Apart(Option<Border>);

#[derive(Debug, Clone, Copy, PartialEq)]
struct Border {
    /// In shares of the picture's sides.
    centre: [f64; 2],
    radii: [f64; 2],
    /// Width of the transition, in radii.
    feather: f64,
    /// What is inside stays clean; otherwise what is outside.
    clean_inside: bool,
}

impl Apart {
    /// One with `probability`. With a probability of 0 nothing is drawn from `rng`.
    pub fn draw<R: Rng + ?Sized>(probability: f64, rng: &mut R) -> Self {
        if probability == 0.0 || rng.random::<f64>() >= probability {
            return Self(None);
        }
        let mut within = |low: f64, high: f64| low + (high - low) * rng.random::<f64>();
        Self(Some(Border {
            centre: [within(0.42, 0.58), within(0.45, 0.65)],
            radii: [within(0.25, 0.42), within(0.3, 0.5)],
            feather: within(0.02, 0.3),
            clean_inside: rng.random_bool(0.5),
        }))
    }

    /// Puts `clean` back into its part of `degraded`, which has the same size.
    pub fn apply(&self, clean: &RgbImage, degraded: &mut RgbImage) {
        let Some(border) = self.0 else { return };
        let sides = [degraded.width(), degraded.height()].map(f64::from);
        for ((x, y, pixel), kept) in degraded.enumerate_pixels_mut().zip(clean.pixels()) {
            let place = [f64::from(x) / sides[0], f64::from(y) / sides[1]];
            let share = border.clean_share(place) as f32;
            pixel.0 = std::array::from_fn(|channel| {
                let (worse, clean) = (f32::from(pixel.0[channel]), f32::from(kept.0[channel]));
                (worse + share * (clean - worse)).round() as u8
            });
        }
    }
}

impl Border {
    /// How much of the clean picture there is at `place`, 0 to 1.
    fn clean_share(&self, place: [f64; 2]) -> f64 {
        let [x, y] = [0, 1].map(|axis| (place[axis] - self.centre[axis]) / self.radii[axis]);
        let outside = (((x * x + y * y).sqrt() - 1.0) / self.feather + 0.5).clamp(0.0, 1.0);
        if self.clean_inside { 1.0 - outside } else { outside }
    }
}

#[cfg(test)]
mod tests {
    use image::Rgb;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// One half keeps the middle and spoils the corners, the other the reverse; without one the picture is as it was degraded.
    #[test]
    fn the_middle_or_the_rest_stays_clean() {
        let clean = RgbImage::from_pixel(64, 64, Rgb([200; 3]));
        let worse = RgbImage::from_pixel(64, 64, Rgb([50; 3]));
        let mut rng = ChaCha8Rng::seed_from_u64(9);
        let (mut inside, mut outside) = (0, 0);
        for _ in 0..400 {
            let mut picture = worse.clone();
            Apart::draw(1.0, &mut rng).apply(&clean, &mut picture);
            match (picture.get_pixel(32, 34).0[0], picture.get_pixel(0, 0).0[0]) {
                (200, 50) => inside += 1,
                (50, 200) => outside += 1,
                other => panic!("{other:?}"),
            }
        }
        // Five standard deviations.
        assert!((150..250).contains(&inside) && inside + outside == 400, "{inside} {outside}");
        let mut picture = worse.clone();
        let mut rng = ChaCha8Rng::seed_from_u64(9);
        Apart::draw(0.0, &mut rng).apply(&clean, &mut picture);
        assert!(picture == worse && rng.get_word_pos() == 0);
    }
}
