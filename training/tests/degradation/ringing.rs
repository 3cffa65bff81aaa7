// SPDX-License-Identifier: MIT OR Apache-2.0
//! Ringing after enlarging: drawn as the recipe says, as large as the pixels that were enlarged, the same at every crop size.

use image::{Rgb, RgbImage};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use training::data::degradation::{Degradation, DegradationParams, Ringing, RingingParams};

use crate::common::distribution::{assert_share, assert_uniform};

const DRAWS: usize = 20_000;

fn draws(recipe: &Degradation) -> Vec<DegradationParams> {
    let mut rng = ChaCha8Rng::seed_from_u64(31);
    (0..DRAWS).map(|_| recipe.draw(&mut rng)).collect()
}

#[test]
fn ringing_is_drawn_from_its_range_and_changes_nothing_else() {
    let recipe = Degradation { ringing: Some(Ringing::default()), ..Degradation::default() };
    let all = draws(&recipe);
    let rung: Vec<_> = all.iter().filter_map(|draw| draw.ringing.clone()).collect();
    assert_share("ringing", rung.len(), DRAWS, 0.2);
    assert_uniform("cut-off", rung.iter().map(|drawn| drawn.cutoff), [1.0 / 3.0, 1.0]);
    for (with, without) in all.into_iter().zip(draws(&Degradation::default())) {
        assert_eq!(DegradationParams { ringing: None, ..with }, without);
    }
    assert_eq!(toml::from_str::<Degradation>("ringing = {}").unwrap(), recipe);
    for (text, field) in [
        ("ringing = { probability = -0.5 }", "ringing.probability"),
        ("ringing = { cutoff = [0.05, 1] }", "ringing.cutoff"),
        ("ringing = { cutoff = [0.5, 1.1] }", "ringing.cutoff"),
    ] {
        let message = toml::from_str::<Degradation>(text).unwrap().validate().unwrap_err().to_string();
        assert!(message.contains(field), "{message}");
    }
}

/// How far the lighter side of an edge swings beyond itself, as a share of the step, and how many columns from the edge it is
/// highest, as a share of the width.
fn overshoot(degraded: &RgbImage) -> (f64, f64) {
    let half = degraded.width() / 2;
    let row = degraded.height() / 2;
    let beyond: Vec<f64> = (half..degraded.width())
        .map(|x| (f64::from(degraded.get_pixel(x, row)[1]) - 160.0) / 100.0)
        .collect();
    let highest = beyond.iter().copied().fold(f64::MIN, f64::max);
    let places: Vec<usize> = (0..beyond.len()).filter(|&place| beyond[place] > highest - 0.005).collect();
    let middle = places.iter().sum::<usize>() as f64 / places.len() as f64;
    (highest, (middle + 0.5) / f64::from(degraded.width()))
}

#[test]
fn edges_ring_with_the_small_pictures_pixels_at_every_crop_size() {
    let edge =
        |side: u32| RgbImage::from_fn(side, side / 4, |x, _| Rgb([if x < side / 2 { 60 } else { 160 }; 3]));
    for scale in [2.0, 4.0] {
        let plain = DegradationParams {
            sigma_x: 0.0,
            sigma_y: 0.0,
            rotation: 0.0,
            scale,
            noise: 0.0,
            quality: 100,
            ..Degradation::default().params_for(0, "ringing")
        };
        let cutoff = 0.6;
        let ringing = DegradationParams { ringing: Some(RingingParams { cutoff }), ..plain.clone() };
        let (none, _) = overshoot(&plain.apply(&edge(512)).unwrap());
        assert!(none < 0.05, "{none} without ringing");
        for side in [512, 256] {
            let (highest, place) = overshoot(&ringing.apply(&edge(side)).unwrap());
            assert!((0.06..0.2).contains(&highest), "{scale}, {side}: {highest}");
            // Half a period of the cut-off frequency, in small pixels 1 / 0.6.
            let expected = scale / cutoff / 512.0;
            assert!((place / expected - 1.0).abs() < 0.5, "{scale}, {side}: at {place}, not {expected}");
        }
    }
    let drawn = DegradationParams {
        ringing: Some(RingingParams { cutoff: 0.4 }),
        ..Degradation::default().params_for(1, "ringing")
    };
    let recorded: DegradationParams = serde_json::from_str(&serde_json::to_string(&drawn).unwrap()).unwrap();
    assert_eq!(recorded, drawn);
    assert!(recorded.apply(&edge(128)).unwrap() == drawn.apply(&edge(128)).unwrap());
}
