// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sharp things over a face, drawn on a target and on its degraded input alike: captions, glasses, microphones, pointers.
//!
//! A face in a video is often soft where what lies over it is sharp, since it was drawn later. A network that has seen only
//! pictures of one sharpness takes such a face for a sharp one and leaves it alone.

mod shape;
mod text;

use image::RgbImage;
use rand::Rng;

use self::shape::Shape;
use self::text::Line;
use crate::data::template::EYES;

/// Something sharp over a picture: shapes of one colour each, the later over the earlier.
#[derive(Debug, Clone, Default)]
pub struct Overlay {
    layers: Vec<Layer>,
}

#[derive(Debug, Clone)]
struct Layer {
    shape: Shape,
    color: [f32; 3],
    opacity: f32,
}

impl Overlay {
    /// With `probability` one of six kinds of things, at random places of a face's crop. With a probability of 0 nothing is
    /// drawn from `rng`.
    pub fn draw<R: Rng + ?Sized>(probability: f64, rng: &mut R) -> Self {
        if probability == 0.0 || rng.random::<f64>() >= probability {
            return Self::default();
        }
        let layers = match rng.random_range(0..6) {
            0 => caption(rng),
            1 => stripes(rng),
            2 => grid(rng),
            3 => glasses(rng),
            4 => microphone(rng),
            _ => pointer(rng),
        };
        Self { layers }
    }

    /// Draws it over `picture`, whose shorter side is a crop's.
    pub fn apply(&self, picture: &mut RgbImage) {
        let side = f64::from(picture.width().min(picture.height()));
        for Layer { shape, color, opacity } in &self.layers {
            for (x, y, pixel) in picture.enumerate_pixels_mut() {
                let place = [x, y].map(|at| (f64::from(at) + 0.5) / side);
                let share = opacity * shape.coverage(place, side);
                if share > 0.0 {
                    let mixed = |under: u8, over: f32| f32::from(under) + share * (over - f32::from(under));
                    pixel.0 =
                        std::array::from_fn(|channel| mixed(pixel.0[channel], color[channel]).round() as u8);
                }
            }
        }
    }
}

/// From one to three lines of letters, light or dark, half of the time with an edge around them and a third on a bar.
fn caption<R: Rng + ?Sized>(rng: &mut R) -> Vec<Layer> {
    let height = uniform(rng, 0.03, 0.14);
    let lines = rng.random_range(1..=3);
    let (left, top) = (uniform(rng, -0.3, 0.4), uniform(rng, 0.05, 0.95 - height));
    let (color, other) = contrasting(rng);
    let (edged, on_bar) = (rng.random_bool(0.5), rng.random_bool(0.33));
    let opacity = uniform(rng, 0.6, 1.0) as f32;
    let mut layers = Vec::new();
    if on_bar {
        let (margin, bottom) = (0.2 * height, top + f64::from(lines) * 1.3 * height);
        let shape = Shape::Box { from: [-1.0, top - margin], to: [2.0, bottom + margin] };
        layers.push(Layer { shape, color: other, opacity });
    }
    for line in 0..lines {
        let top = top + f64::from(line) * 1.3 * height;
        let line = Line::draw(rng, [left, top], height);
        if edged {
            let edge = Shape::Text { line: line.clone(), grown: 0.08 * height };
            layers.push(Layer { shape: edge, color: other, opacity });
        }
        layers.push(Layer { shape: Shape::Text { line, grown: 0.0 }, color, opacity });
    }
    layers
}

/// Parallel stripes in a box, as of a mask or a shirt.
fn stripes<R: Rng + ?Sized>(rng: &mut R) -> Vec<Layer> {
    let (width, height) = (uniform(rng, 0.3, 1.2), uniform(rng, 0.1, 0.6));
    let (left, top) = (uniform(rng, -0.2, 1.0 - 0.5 * width), uniform(rng, 0.0, 1.0 - 0.5 * height));
    let within = [[left, top], [left + width, top + height]];
    let (period, angle) = (uniform(rng, 0.012, 0.08), uniform(rng, 0.0, std::f64::consts::PI));
    let (color, other) = contrasting(rng);
    let ground = Shape::Box { from: within[0], to: within[1] };
    let share = uniform(rng, 0.3, 0.6);
    let mut layers = Vec::new();
    if rng.random_bool(0.7) {
        layers.push(Layer { shape: ground, color: other, opacity: 1.0 });
    }
    layers.push(Layer { shape: Shape::stripes(angle, period, share, within), color, opacity: 1.0 });
    layers
}

/// Two sets of thin lines over all of the picture, as of a fence or a blind.
fn grid<R: Rng + ?Sized>(rng: &mut R) -> Vec<Layer> {
    let (period, angle) = (uniform(rng, 0.05, 0.3), uniform(rng, 0.0, std::f64::consts::PI));
    let share = uniform(rng, 0.004, 0.02) / period;
    let (color, opacity) = (any_color(rng), uniform(rng, 0.4, 1.0) as f32);
    let everywhere = [[-1.0, -1.0], [2.0, 2.0]];
    let set = |angle| Layer { shape: Shape::stripes(angle, period, share, everywhere), color, opacity };
    let mut layers = vec![set(angle)];
    if rng.random_bool(0.7) {
        layers.push(set(angle + std::f64::consts::FRAC_PI_2));
    }
    layers
}

/// The frame of a pair of glasses about the eyes.
fn glasses<R: Rng + ?Sized>(rng: &mut R) -> Vec<Layer> {
    let (width, height) = (uniform(rng, 0.08, 0.115), uniform(rng, 0.06, 0.1));
    let half = uniform(rng, 0.003, 0.012);
    let drop = uniform(rng, 0.0, 0.03);
    let mut color = any_color(rng);
    if rng.random_bool(0.6) {
        color = [uniform(rng, 0.0, 60.0) as f32; 3];
    }
    let opaque = |shape| Layer { shape, color, opacity: 1.0 };
    let eyes = EYES.map(|[x, y]| [x, y + drop]);
    let [left, right] = eyes;
    let level = left[1] - 0.3 * height;
    let bar = |from: f64, to: f64| Shape::Stroke { from: [from, level], to: [to, level], radius: half };
    let mut layers: Vec<_> = eyes
        .iter()
        .map(|&centre| opaque(Shape::Ring { centre, radii: [width, height], half_width: half }))
        .collect();
    layers.push(opaque(bar(left[0] + width, right[0] - width)));
    layers.push(opaque(bar(left[0] - width, 0.18)));
    layers.push(opaque(bar(right[0] + width, 0.82)));
    layers
}

/// A stick with a round head, from below up to the lower half of the face.
fn microphone<R: Rng + ?Sized>(rng: &mut R) -> Vec<Layer> {
    let head = [uniform(rng, 0.15, 0.85), uniform(rng, 0.55, 0.9)];
    let foot = [head[0] + uniform(rng, -0.5, 0.5), uniform(rng, 1.0, 1.4)];
    let radius = uniform(rng, 0.02, 0.1);
    let (color, other) = contrasting(rng);
    let stick = Shape::Stroke { from: head, to: foot, radius: uniform(rng, 0.3, 0.7) * radius };
    let ball = Shape::Stroke { from: head, to: head, radius };
    vec![Layer { shape: stick, color: other, opacity: 1.0 }, Layer { shape: ball, color, opacity: 1.0 }]
}

/// A mouse pointer: a dark arrow edged in white or the reverse.
fn pointer<R: Rng + ?Sized>(rng: &mut R) -> Vec<Layer> {
    let [x, y] = [uniform(rng, 0.1, 0.9), uniform(rng, 0.1, 0.9)];
    let size = uniform(rng, 0.05, 0.2);
    let (color, other) = contrasting(rng);
    let arrow = |radius: f64, color| {
        // The outline of a wedge, in strokes thick enough to fill it.
        [[0.0, 1.0], [0.3, 0.85], [0.7, 0.7]].map(|[right, down]| Layer {
            shape: Shape::Stroke { from: [x, y], to: [x + right * size, y + down * size], radius },
            color,
            opacity: 1.0,
        })
    };
    let mut layers = arrow(0.14 * size, other).to_vec();
    layers.extend(arrow(0.1 * size, color));
    layers
}

/// Any colour, on the scale 0–255.
fn any_color<R: Rng + ?Sized>(rng: &mut R) -> [f32; 3] {
    std::array::from_fn(|_| uniform(rng, 0.0, 255.0) as f32)
}

/// A light colour and a dark one, in one order or the other; half of the time white and black.
fn contrasting<R: Rng + ?Sized>(rng: &mut R) -> ([f32; 3], [f32; 3]) {
    let (mut light, mut dark) = ([255.0; 3], [0.0; 3]);
    if rng.random_bool(0.5) {
        light = any_color(rng).map(|value| 155.0 + value * 100.0 / 255.0);
        dark = any_color(rng).map(|value| value * 100.0 / 255.0);
    }
    if rng.random_bool(0.5) { (light, dark) } else { (dark, light) }
}

fn uniform<R: Rng + ?Sized>(rng: &mut R, low: f64, high: f64) -> f64 {
    low + (high - low) * rng.random::<f64>()
}

#[cfg(test)]
mod tests {
    use image::Rgb;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// Every kind changes some of a grey picture, leaves some, and gives the same shares of it at twice the size.
    #[test]
    fn every_kind_covers_a_part_of_the_picture_whatever_its_size() {
        let kinds: [fn(&mut ChaCha8Rng) -> Vec<Layer>; 6] =
            [caption, stripes, grid, glasses, microphone, pointer];
        for (index, kind) in kinds.into_iter().enumerate() {
            for seed in 0..8 {
                let overlay = Overlay { layers: kind(&mut ChaCha8Rng::seed_from_u64(seed)) };
                let share = |side: u32| {
                    let grey = RgbImage::from_pixel(side, side, Rgb([128; 3]));
                    let mut drawn = grey.clone();
                    overlay.apply(&mut drawn);
                    let changed = drawn.pixels().zip(grey.pixels()).filter(|(a, b)| a != b).count();
                    changed as f64 / f64::from(side * side)
                };
                let (small, large) = (share(256), share(512));
                assert!(large > 0.0005 && large < 0.95, "kind {index}, seed {seed}: {large}");
                assert!((small - large).abs() < 0.3 * small.max(0.05), "kind {index}: {small} {large}");
            }
        }
    }

    /// A pair has something over it as often as its probability says, and nothing is drawn from the generator without one.
    #[test]
    fn its_probability_is_kept() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        assert!(Overlay::draw(0.0, &mut rng).layers.is_empty());
        assert_eq!(rng.get_word_pos(), 0);
        let drawn = (0..2000).filter(|_| !Overlay::draw(0.25, &mut rng).layers.is_empty()).count();
        // Five standard deviations of a binomial draw.
        assert!((400..600).contains(&drawn), "{drawn}");
    }
}
