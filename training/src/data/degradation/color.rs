// SPDX-License-Identifier: MIT OR Apache-2.0
//! GFPGAN's changes of colour on x_d: a shift, grey, and brightness, contrast, saturation and hue in random order.

use image::Rgb32FImage;
use rand::Rng;
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};

use super::DegradationError;
use super::ranges::{chance, check, check_probability, check_range, uniform};
use crate::data::tone::{blend, luma};

/// Changes of the degraded picture's colours alone, which a network learns to undo. An empty table is GFPGAN's recipe
/// (`train_gfpgan_v1.yml` and the defaults of its `FFHQDegradationDataset`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ColorJitter {
    /// Probability of a shift of each colour.
    pub shift_probability: f64,
    /// Largest shift of a colour on the scale 0–255; each colour's is drawn from ± this.
    pub shift: f64,
    /// Probability of grey in place of colours.
    pub gray_probability: f64,
    /// Probability of the four changes that follow.
    pub probability: f64,
    /// Factors of the brightness.
    pub brightness: [f64; 2],
    /// Factors of the contrast.
    pub contrast: [f64; 2],
    /// Factors of the saturation.
    pub saturation: [f64; 2],
    /// Turns of the hue, -0.5 to 0.5.
    pub hue: [f64; 2],
}

impl Default for ColorJitter {
    fn default() -> Self {
        Self {
            shift_probability: 0.3,
            shift: 20.0,
            gray_probability: 0.01,
            probability: 0.3,
            brightness: [0.5, 1.5],
            contrast: [0.5, 1.5],
            saturation: [0.0, 1.5],
            hue: [-0.1, 0.1],
        }
    }
}

impl ColorJitter {
    pub(super) fn validate(&self) -> Result<(), DegradationError> {
        check_probability("color_jitter.shift_probability", self.shift_probability)?;
        check_probability("color_jitter.gray_probability", self.gray_probability)?;
        check_probability("color_jitter.probability", self.probability)?;
        let shift = self.shift;
        check((0.0..=255.0).contains(&shift), "color_jitter.shift", shift, "between 0 and 255")?;
        let expected = "two numbers, 0 <= low <= high";
        check_range("color_jitter.brightness", self.brightness, [0.0, f64::MAX], expected)?;
        check_range("color_jitter.contrast", self.contrast, [0.0, f64::MAX], expected)?;
        check_range("color_jitter.saturation", self.saturation, [0.0, f64::MAX], expected)?;
        check_range("color_jitter.hue", self.hue, [-0.5, 0.5], "two numbers, -0.5 <= low <= high <= 0.5")
    }

    pub(super) fn draw<R: Rng + ?Sized>(&self, rng: &mut R) -> Option<ColorParams> {
        let shift = [(); 3].map(|()| uniform(rng, [-self.shift, self.shift]));
        let shifted = chance(rng, self.shift_probability);
        let gray = chance(rng, self.gray_probability);
        let mut adjustments = vec![
            Adjustment::Brightness(uniform(rng, self.brightness)),
            Adjustment::Contrast(uniform(rng, self.contrast)),
            Adjustment::Saturation(uniform(rng, self.saturation)),
            Adjustment::Hue(uniform(rng, self.hue)),
        ];
        adjustments.shuffle(rng);
        if !chance(rng, self.probability) {
            adjustments.clear();
        }
        let changed = shifted || gray || !adjustments.is_empty();
        changed.then_some(ColorParams { shift: shifted.then_some(shift), gray, adjustments })
    }
}

/// One draw from [`ColorJitter`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColorParams {
    /// What is added to red, green and blue on the scale 0–255, first.
    pub shift: Option<[f64; 3]>,
    /// Grey in place of colours, second.
    pub gray: bool,
    /// The other changes in their order.
    pub adjustments: Vec<Adjustment>,
}

impl ColorParams {
    /// Changes `picture`, values 0 to 255, which is clipped after every change.
    pub fn apply(&self, picture: &mut Rgb32FImage) {
        if let Some(shift) = self.shift {
            let shift = shift.map(|value| value as f32);
            change_pixels(picture, |rgb| [rgb[0] + shift[0], rgb[1] + shift[1], rgb[2] + shift[2]]);
        }
        if self.gray {
            change_pixels(picture, |rgb| [luma(rgb); 3]);
        }
        for adjustment in &self.adjustments {
            adjustment.apply(picture);
        }
    }
}

/// A change of all colours, as torchvision's `adjust_…` functions make it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Adjustment {
    /// Every value times this.
    Brightness(f64),
    /// Every value's distance from the picture's mean grey times this.
    Contrast(f64),
    /// Every value's distance from its pixel's grey times this.
    Saturation(f64),
    /// The hue (of hue, saturation, value) turned by this, in turns.
    Hue(f64),
}

impl Adjustment {
    /// Changes `picture`, values 0 to 255, and clips it.
    pub fn apply(self, picture: &mut Rgb32FImage) {
        match self {
            Self::Brightness(factor) => change_pixels(picture, |rgb| blend(rgb, 0.0, factor as f32)),
            Self::Contrast(factor) => {
                let sum: f64 = picture.pixels().map(|pixel| f64::from(gray(pixel.0))).sum();
                let mean = (sum / (picture.pixels().len().max(1)) as f64) as f32;
                change_pixels(picture, |rgb| blend(rgb, mean, factor as f32));
            }
            Self::Saturation(factor) => {
                change_pixels(picture, |rgb| blend(rgb, gray(rgb), factor as f32));
            }
            Self::Hue(turn) => change_pixels(picture, |rgb| turn_hue(rgb, turn as f32)),
        }
    }
}

fn change_pixels(picture: &mut Rgb32FImage, change: impl Fn([f32; 3]) -> [f32; 3]) {
    for pixel in picture.pixels_mut() {
        pixel.0 = change(pixel.0).map(|value| value.clamp(0.0, 255.0));
    }
}

/// torchvision's grey, whose weights sum to 0.9999.
fn gray([red, green, blue]: [f32; 3]) -> f32 {
    0.2989 * red + 0.587 * green + 0.114 * blue
}

/// Turns the hue by `turn` turns; the largest and the smallest of the three values stay what they are.
fn turn_hue(rgb: [f32; 3], turn: f32) -> [f32; 3] {
    let [red, green, blue] = rgb;
    let most = red.max(green).max(blue);
    let least = red.min(green).min(blue);
    let chroma = most - least;
    if chroma == 0.0 {
        return rgb;
    }
    // In sixths of a turn from red.
    let hue = if most == red {
        (green - blue) / chroma
    } else if most == green {
        2.0 + (blue - red) / chroma
    } else {
        4.0 + (red - green) / chroma
    };
    let hue = hue + 6.0 * turn;
    // A colour is full within a sixth of a turn of its own hue and gone beyond two.
    let channel = |own: f32| {
        let distance = (hue - own).rem_euclid(6.0);
        let distance = distance.min(6.0 - distance);
        least + chroma * (2.0 - distance).clamp(0.0, 1.0)
    };
    [channel(0.0), channel(2.0), channel(4.0)]
}
