// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sharpening before coding: drawn as the recipe says, and an unsharp mask.

use image::{Rgb, Rgb32FImage, RgbImage};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use training::data::degradation::{Degradation, DegradationParams, Sharpen, SharpenParams};

use crate::common::distribution::{assert_share, assert_uniform};

const DRAWS: usize = 20_000;

fn draws(recipe: &Degradation) -> Vec<DegradationParams> {
    let mut rng = ChaCha8Rng::seed_from_u64(29);
    (0..DRAWS).map(|_| recipe.draw(&mut rng)).collect()
}

#[test]
fn sharpening_is_drawn_from_its_ranges_and_changes_nothing_else() {
    let recipe = Degradation { sharpen: Some(Sharpen::default()), ..Degradation::default() };
    let all = draws(&recipe);
    let sharpened: Vec<_> = all.iter().filter_map(|draw| draw.sharpen.clone()).collect();
    assert_share("sharpened", sharpened.len(), DRAWS, 0.4);
    assert_uniform("amount", sharpened.iter().map(|drawn| drawn.amount), [0.3, 1.5]);
    assert_uniform("radius", sharpened.iter().map(|drawn| drawn.radius), [0.7, 2.0]);
    for (with, without) in all.into_iter().zip(draws(&Degradation::default())) {
        assert_eq!(DegradationParams { sharpen: None, ..with }, without);
    }
    assert_eq!(toml::from_str::<Degradation>("sharpen = {}").unwrap(), recipe);
    for (text, field) in [
        ("sharpen = { probability = 1.5 }", "sharpen.probability"),
        ("sharpen = { amount = [2, 1] }", "sharpen.amount"),
        ("sharpen = { radius = [0, 17] }", "sharpen.radius"),
    ] {
        let message = toml::from_str::<Degradation>(text).unwrap().validate().unwrap_err().to_string();
        assert!(message.contains(field), "{message}");
    }
}

/// A step, blurred, is the Gaussian's integral Φ: what is added to each side is the amount times the step times 1 - Φ.
#[test]
fn a_step_gets_an_overshoot_of_the_gaussians_integral() {
    let edge = 32;
    for (amount, radius) in [(0.5, 1.0), (1.0, 1.5), (1.5, 2.0)] {
        for ratio in [1.0, 2.0] {
            let mut step = Rgb32FImage::from_fn(64, 8, |x, _| Rgb([if x < edge { 100.0 } else { 150.0 }; 3]));
            SharpenParams { amount, radius }.apply(&mut step, ratio);
            for x in 0..64_u32 {
                let distance = f64::from(x) + 0.5 - f64::from(edge);
                let beyond = 0.5 * libm::erfc(distance.abs() / (radius * ratio * 2.0_f64.sqrt()));
                let expected =
                    if distance < 0.0 { 100.0 } else { 150.0 } + distance.signum() * amount * 50.0 * beyond;
                let own = f64::from(step.get_pixel(x, 4)[1]);
                assert!(
                    (own - expected).abs() < 0.5,
                    "{amount}, {radius}: column {x}: {own}, not {expected}"
                );
            }
        }
    }
    // Nothing leaves the range.
    let mut step = Rgb32FImage::from_fn(64, 8, |x, _| Rgb([if x < edge { 3.0 } else { 250.0 }; 3]));
    SharpenParams { amount: 1.5, radius: 2.0 }.apply(&mut step, 1.0);
    assert!(step.iter().all(|value| (0.0..=255.0).contains(value)));
    assert_eq!((step.get_pixel(31, 4)[0], step.get_pixel(32, 4)[0]), (0.0, 255.0));
}

/// The small picture is sharpened, with its noise and before its JPEG.
#[test]
fn the_small_picture_is_sharpened_with_its_noise() {
    let plain = DegradationParams {
        sigma_x: 0.0,
        sigma_y: 0.0,
        rotation: 0.0,
        scale: 1.0,
        noise: 5.0,
        gray_noise: true,
        quality: 100,
        ..Degradation::default().params_for(0, "sharpen")
    };
    let grey = RgbImage::from_pixel(512, 512, Rgb([128; 3]));
    let deviation = |params: &DegradationParams| {
        let degraded = params.apply(&grey).unwrap();
        let squares = degraded.as_raw().iter().map(|&value| (f64::from(value) - 128.0).powi(2));
        (squares.sum::<f64>() / degraded.as_raw().len() as f64).sqrt()
    };
    let (amount, radius) = (1.0, 1.5);
    let sharpened = DegradationParams { sharpen: Some(SharpenParams { amount, radius }), ..plain.clone() };
    // White noise of deviation 1 has, blurred, a variance of the kernel's squares, 1 / (4πσ²), and a covariance with itself
    // of the kernel's middle, 1 / (2πσ²).
    let pi = std::f64::consts::PI;
    let (variance, covariance) = (1.0 / (4.0 * pi * radius * radius), 1.0 / (2.0 * pi * radius * radius));
    let grown = ((1.0 + amount).powi(2) - 2.0 * (1.0 + amount) * amount * covariance
        + amount * amount * variance)
        .sqrt();
    let (before, after) = (deviation(&plain), deviation(&sharpened));
    assert!((after / before - grown).abs() < 0.05, "{before} became {after}, expected {grown} times");
    let recorded: DegradationParams =
        serde_json::from_str(&serde_json::to_string(&sharpened).unwrap()).unwrap();
    assert!(recorded.apply(&grey).unwrap() == sharpened.apply(&grey).unwrap());
}
