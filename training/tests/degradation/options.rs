// SPDX-License-Identifier: MIT OR Apache-2.0
//! What goes beyond Eq. 11: off by default, drawn as the recipe says, recorded, and doing what its name says.

use std::path::Path;

use image::{Rgb32FImage, RgbImage};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use training::data::blur::Kernel;
use training::data::degradation::{
    Adjustment, ColorJitter, ColorParams, Degradation, DegradationParams, H264, MotionBlur, MotionBlurParams,
    Rate, SecondStage, StageParams,
};
use training::metrics::psnr;
use training::picture;

use crate::common::distribution::{assert_share, assert_uniform, assert_uniform_whole};

const DRAWS: usize = 20_000;

/// 64 pixels: most of these tests look at bytes, not at quality.
fn face() -> RgbImage {
    let file = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/astronaut.png"));
    let face = image::imageops::crop_imm(&picture::read(file).unwrap(), 150, 20, 180, 180).to_image();
    picture::resize_antialiased(&face, 64, 64).unwrap()
}

fn everything() -> Degradation {
    Degradation {
        motion_blur: Some(MotionBlur::default()),
        second: Some(SecondStage::default()),
        h264: Some(H264::default()),
        color_jitter: Some(ColorJitter::default()),
        ..Degradation::default()
    }
}

fn draws(recipe: &Degradation) -> Vec<DegradationParams> {
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    (0..DRAWS).map(|_| recipe.draw(&mut rng)).collect()
}

#[test]
fn motion_second_stage_and_h264_are_drawn_from_their_ranges() {
    let all = draws(&everything());
    let motion: Vec<_> = all.iter().filter_map(|draw| draw.motion_blur.clone()).collect();
    assert_share("motion blur", motion.len(), DRAWS, 0.3);
    assert_uniform("length", motion.iter().map(|motion| motion.length), [3.0, 25.0]);
    assert_uniform("angle", motion.iter().map(|motion| motion.angle), [0.0, 180.0]);
    let second: Vec<_> = all.iter().filter_map(|draw| draw.second.clone()).collect();
    assert_share("second stage", second.len(), DRAWS, 0.5);
    assert_uniform("second sigma", second.iter().map(|stage| stage.sigma_x), [0.2, 1.5]);
    assert_uniform("second scale", second.iter().map(|stage| stage.scale), [1.0, 2.0]);
    assert_uniform_whole("second quality", second.iter().map(|stage| stage.quality), [30, 95]);
    let noisy = second.iter().filter(|stage| stage.noise > 0.0);
    assert_share("second noise", noisy.clone().count(), second.len(), 0.5);
    assert_uniform("second noise", noisy.map(|stage| stage.noise), [1.0, 25.0]);
    let isotropic = second.iter().filter(|stage| stage.sigma_x == stage.sigma_y).count();
    assert_share("second isotropic", isotropic, second.len(), 0.6);
    let h264: Vec<_> = all.iter().filter_map(|draw| draw.h264.clone()).collect();
    assert_share("h264", h264.len(), DRAWS, 0.3);
    let factor = |rate| if let Rate::Crf(crf) = rate { crf } else { panic!("{rate:?}") };
    assert_uniform_whole("crf", h264.iter().map(|clip| factor(clip.rate)), [18, 40]);
    assert_uniform_whole("frames", h264.iter().map(|clip| clip.frames), [3, 8]);
    let fives = h264.iter().filter(|clip| clip.frames == 5);
    assert_uniform_whole("kept", fives.map(|clip| clip.kept), [0, 4]);
    assert_uniform("speed", h264.iter().map(|clip| clip.shift[0].hypot(clip.shift[1])), [0.0, 4.0]);
    let pi = std::f64::consts::PI;
    assert_uniform("direction", h264.iter().map(|clip| clip.shift[1].atan2(clip.shift[0])), [-pi, pi]);
    assert_uniform("zoom", h264.iter().map(|clip| clip.zoom), [0.99, 1.01]);
    let rates = H264 { bits_per_pixel: Some([0.05, 0.5]), probability: 1.0, ..H264::default() };
    let rates = draws(&Degradation { h264: Some(rates), ..Degradation::default() });
    let bits = rates.iter().map(|draw| match draw.h264.as_ref().unwrap().rate {
        Rate::BitsPerPixel(bits) => bits,
        Rate::Crf(_) => f64::NAN,
    });
    assert_uniform("bits per pixel", bits, [0.05, 0.5]);
}

#[test]
fn colours_are_drawn_as_gfpgan_does() {
    let all = draws(&everything());
    let colors: Vec<&ColorParams> = all.iter().filter_map(|draw| draw.color.as_ref()).collect();
    let shifts: Vec<[f64; 3]> = colors.iter().filter_map(|color| color.shift).collect();
    assert_share("shift", shifts.len(), DRAWS, 0.3);
    for channel in 0..3 {
        assert_uniform("shift", shifts.iter().map(|shift| shift[channel]), [-20.0, 20.0]);
    }
    assert_share("grey", colors.iter().filter(|color| color.gray).count(), DRAWS, 0.01);
    let jittered: Vec<_> = colors.iter().filter(|color| !color.adjustments.is_empty()).collect();
    assert_share("jitter", jittered.len(), DRAWS, 0.3);
    let mut orders = std::collections::HashMap::new();
    let mut values = [const { Vec::new() }; 4];
    for color in &jittered {
        let kinds = color.adjustments.iter().map(|adjustment| match *adjustment {
            Adjustment::Brightness(value) => (0, value),
            Adjustment::Contrast(value) => (1, value),
            Adjustment::Saturation(value) => (2, value),
            Adjustment::Hue(value) => (3, value),
        });
        kinds.clone().for_each(|(kind, value)| values[kind].push(value));
        *orders.entry(kinds.map(|(kind, _)| kind).collect::<Vec<_>>()).or_insert(0) += 1;
    }
    let ranges = [[0.5, 1.5], [0.5, 1.5], [0.0, 1.5], [-0.1, 0.1]];
    for (index, (values, range)) in values.into_iter().zip(ranges).enumerate() {
        assert_eq!(values.len(), jittered.len());
        assert_uniform(&format!("adjustment {index}"), values.into_iter(), range);
    }
    assert_eq!(orders.len(), 24);
    orders.values().for_each(|&count| assert_share("an order", count, jittered.len(), 1.0 / 24.0));
    // Shift and jitter are independent of each other, and of what else is drawn.
    let both = jittered.iter().filter(|color| color.shift.is_some()).count();
    assert_share("shift and jitter", both, DRAWS, 0.09);
    let correlation = |one: &dyn Fn(&DegradationParams) -> Option<(f64, f64)>| {
        let pairs: Vec<(f64, f64)> = all.iter().filter_map(one).collect();
        let mean = |of: fn(&(f64, f64)) -> f64| pairs.iter().map(of).sum::<f64>() / pairs.len() as f64;
        let (x, y) = (mean(|pair| pair.0), mean(|pair| pair.1));
        let sum =
            |of: &dyn Fn(f64, f64) -> f64| pairs.iter().map(|pair| of(pair.0 - x, pair.1 - y)).sum::<f64>();
        let r = sum(&|x, y| x * y) / (sum(&|x, _| x * x) * sum(&|_, y| y * y)).sqrt();
        // Of independent pairs, within five standard deviations of 0.
        assert!(r.abs() < 5.0 / (pairs.len() as f64).sqrt(), "correlation {r}");
    };
    correlation(&|draw| Some((draw.sigma_x, draw.motion_blur.as_ref()?.length)));
    correlation(&|draw| Some((draw.second.as_ref()?.scale, draw.motion_blur.as_ref()?.length)));
    correlation(&|draw| Some((draw.noise, draw.color.as_ref()?.shift?[0])));
}

/// Options do not change what else is drawn, each others' draws included.
#[test]
fn an_option_changes_nothing_but_itself() {
    let none = draws(&Degradation::default());
    assert!(none.iter().all(|draw| draw.motion_blur.is_none() && draw.second.is_none()));
    assert!(none.iter().all(|draw| draw.h264.is_none() && draw.color.is_none()));
    let all = draws(&everything());
    let motion = draws(&Degradation { motion_blur: Some(MotionBlur::default()), ..Degradation::default() });
    for ((none, all), motion) in none.iter().zip(&all).zip(&motion) {
        let without =
            DegradationParams { motion_blur: None, second: None, h264: None, color: None, ..all.clone() };
        assert_eq!(&without, none);
        assert_eq!(motion.motion_blur, all.motion_blur);
    }
}

#[test]
fn recorded_options_reproduce_the_bytes_and_old_records_still_read() {
    let face = face();
    let (mut seen, recipe) = ([0; 4], everything());
    for seed in 0..24 {
        let draw = recipe.params_for(seed, "record");
        if cfg!(not(feature = "video")) && draw.h264.is_some() {
            assert!(draw.apply(&face).unwrap_err().to_string().contains("feature `video`"));
            continue;
        }
        let options =
            [draw.motion_blur.is_some(), draw.second.is_some(), draw.h264.is_some(), draw.color.is_some()];
        seen.iter_mut().zip(options).for_each(|(count, on)| *count += u32::from(on));
        let recorded: DegradationParams =
            serde_json::from_str(&serde_json::to_string(&draw).unwrap()).unwrap();
        assert_eq!(recorded, draw);
        let degraded = draw.apply(&face).unwrap();
        assert!(recorded.apply(&face).unwrap() == degraded, "seed {seed}");
        let plain = DegradationParams { motion_blur: None, second: None, h264: None, color: None, ..draw };
        assert!((plain.apply(&face).unwrap() == degraded) == (options == [false; 4]), "seed {seed}");
    }
    let video = usize::from(cfg!(not(feature = "video")));
    assert!(seen.iter().filter(|&&count| count > 2).count() >= 4 - video, "{seen:?}");
    // A line that a version without options wrote.
    let old = r#"{"clean":false,"sigma_x":1.5,"sigma_y":2.0,"rotation":0.25,"scale":3.0,"noise":4.0,"gray_noise":false,
        "noise_seed":18446744073709551615,"quality":80}"#;
    let read: DegradationParams = serde_json::from_str(old).unwrap();
    assert!(read.motion_blur.is_none() && read.color.is_none() && read.noise_seed == u64::MAX);
    let unknown = old.replace("\"quality\"", "\"grade\":1,\"quality\"");
    assert!(serde_json::from_str::<DegradationParams>(&unknown).unwrap_err().to_string().contains("grade"));
}

/// A point that moves L pixels along x spends 1/L of the time in each pixel and the rest in the two last; along the diagonal
/// it goes through the corners. The variance of the place, of a path L²/12, is that of the kernel less the pixels' own 1/12.
#[test]
fn the_motion_kernel_is_the_time_spent_in_each_pixel() {
    let weights = |length: f64, degrees: f64| match Kernel::motion(length, degrees.to_radians()) {
        Kernel::Full { size, weights } => (size, weights),
        Kernel::Separable(_) => panic!("not separable"),
    };
    let assert_line = |length: f64, degrees: f64, expected: &[f32], place: &dyn Fn(usize, usize) -> usize| {
        let (size, weights) = weights(length, degrees);
        let mut all = vec![0.0; size * size];
        let margin = (size - expected.len()) / 2;
        expected.iter().enumerate().for_each(|(index, &weight)| all[place(index + margin, size)] = weight);
        for (index, (own, expected)) in weights.iter().zip(&all).enumerate() {
            assert!(
                (own - expected).abs() < 1e-6,
                "{length} at {degrees}°, {index}: {own}, expected {expected}"
            );
        }
    };
    let row = |index: usize, size: usize| size / 2 * size + index;
    assert_line(5.0, 0.0, &[0.2; 5], &row);
    assert_line(5.0, 180.0, &[0.2; 5], &row);
    assert_line(4.0, 0.0, &[0.125, 0.25, 0.25, 0.25, 0.125], &row);
    assert_line(0.7, 33.0, &[1.0], &row);
    assert_line(3.0, 90.0, &[1.0 / 3.0; 3], &|index, size| index * size + size / 2);
    // Down and to the right; three pixels' diagonals.
    assert_line(3.0 * 2.0_f64.sqrt(), 45.0, &[1.0 / 3.0; 3], &|index, size| index * size + index);
    assert_line(3.0 * 2.0_f64.sqrt(), 135.0, &[1.0 / 3.0; 3], &|index, size| index * size + size - 1 - index);
    for (length, degrees) in [(9.0, 20.0), (14.3, 71.0), (25.0, 160.0)] {
        let (size, weights) = weights(length, degrees);
        let (mut along, mut sum) = (0.0, 0.0);
        let (sin, cos) = f64::to_radians(degrees).sin_cos();
        for (index, &weight) in weights.iter().enumerate() {
            let [x, y] = [index % size, index / size].map(|place| place as f64 - (size / 2) as f64);
            sum += f64::from(weight);
            along += f64::from(weight) * (cos * x + sin * y).powi(2);
        }
        assert!((sum - 1.0).abs() < 1e-5);
        let expected = length * length / 12.0;
        assert!(
            (along - expected).abs() < 0.2,
            "{length} at {degrees}°: variance {along}, path's {expected}"
        );
    }
}

/// An edge across the movement becomes a ramp as long as the path, an edge along it stays.
#[test]
fn a_moving_edge_is_a_ramp() {
    let vertical = Rgb32FImage::from_fn(64, 16, |x, _| image::Rgb([if x < 32 { 0.0 } else { 240.0 }; 3]));
    let blurred = Kernel::motion(12.0, 0.0).apply(&vertical);
    for x in 0..64_u32 {
        // The share of [x - 6, x + 6] at or beyond the edge, which lies at 31.5.
        let expected = 240.0 * ((f64::from(x) + 6.0 - 31.5) / 12.0).clamp(0.0, 1.0);
        let own = f64::from(blurred.get_pixel(x, 8)[0]);
        assert!((own - expected).abs() < 1e-3, "column {x}: {own}, expected {expected}");
    }
    let along = Kernel::motion(12.0, std::f64::consts::FRAC_PI_2).apply(&vertical);
    let difference = along.iter().zip(vertical.iter()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(difference < 1e-3, "{difference}");
}

/// The second stage works on what the first leaves: as one picture that went through both.
#[test]
fn the_second_stage_degrades_what_the_first_leaves() {
    let face = face();
    let first = DegradationParams { noise: 0.0, ..Degradation::default().params_for(3, "second") };
    let nothing = StageParams {
        sigma_x: 0.0,
        sigma_y: 0.0,
        rotation: 0.0,
        scale: 1.0,
        noise: 0.0,
        gray_noise: false,
        noise_seed: 9,
        quality: 100,
    };
    let with = |second: StageParams| {
        DegradationParams { second: Some(second), ..first.clone() }.apply(&face).unwrap()
    };
    let once = first.apply(&face).unwrap();
    // Coded once more at the best quality, it is almost what it was.
    let kept = psnr(&with(nothing.clone()), &once).unwrap();
    assert!(kept > 35.0, "{kept} dB");
    let worse = [
        StageParams { sigma_x: 2.0, sigma_y: 2.0, ..nothing.clone() },
        StageParams { scale: 3.0, ..nothing.clone() },
        StageParams { noise: 20.0, ..nothing.clone() },
        StageParams { quality: 20, ..nothing.clone() },
    ];
    for second in worse {
        let quality = psnr(&with(second.clone()), &once).unwrap();
        assert!(quality < kept - 3.0, "{quality} dB with {second:?}");
    }
}

#[test]
fn wrong_options_are_refused_with_the_field_named() {
    let motion = |option| Degradation { motion_blur: Some(option), ..Degradation::default() };
    let second = |option| Degradation { second: Some(option), ..Degradation::default() };
    let h264 = |option| Degradation { h264: Some(option), ..Degradation::default() };
    let color = |option| Degradation { color_jitter: Some(option), ..Degradation::default() };
    let wrong = [
        ("motion_blur.length", motion(MotionBlur { length: [5.0, 3.0], ..MotionBlur::default() })),
        ("motion_blur.probability", motion(MotionBlur { probability: 2.0, ..MotionBlur::default() })),
        ("second.scale", second(SecondStage { scale: [0.5, 2.0], ..SecondStage::default() })),
        ("second.quality", second(SecondStage { quality: [0, 90], ..SecondStage::default() })),
        ("h264.crf", h264(H264 { crf: [18, 51], ..H264::default() })),
        ("h264.frames", h264(H264 { frames: [0, 5], ..H264::default() })),
        ("h264.zoom", h264(H264 { zoom: [f64::NAN, 1.0], ..H264::default() })),
        ("h264.deblock", h264(H264 { deblock: Some([2, 7]), ..H264::default() })),
        ("h264.twice", h264(H264 { twice: -0.1, ..H264::default() })),
        ("color_jitter.hue", color(ColorJitter { hue: [-0.6, 0.1], ..ColorJitter::default() })),
        ("color_jitter.shift", color(ColorJitter { shift: -1.0, ..ColorJitter::default() })),
    ];
    for (field, recipe) in wrong {
        let message = recipe.validate().unwrap_err().to_string();
        assert!(message.contains(field), "{message}");
    }
    // Empty tables are the defaults, unknown keys errors.
    let read: Degradation =
        toml::from_str("motion_blur = {}\nh264 = { probability = 0.5, crf = [20, 30] }").unwrap();
    assert_eq!(read.motion_blur, Some(MotionBlur::default()));
    assert_eq!(read.h264, Some(H264 { probability: 0.5, crf: [20, 30], ..H264::default() }));
    assert_eq!(read.validate().is_ok(), cfg!(feature = "video"));
    // What older versions do not know is written only where it is in use.
    let plain = toml::to_string(&h264(H264::default())).unwrap();
    assert!(!plain.contains("deblock") && !plain.contains("twice"), "{plain}");
    let unknown = toml::from_str::<Degradation>("h264 = { qp = 3 }").unwrap_err().to_string();
    assert!(unknown.contains("qp"), "{unknown}");
    let written = toml::to_string(&everything()).unwrap();
    assert_eq!(toml::from_str::<Degradation>(&written).unwrap(), everything());
    let motion = MotionBlurParams { length: 9.0, angle: 0.0 };
    assert!(
        serde_json::from_str::<MotionBlurParams>(&serde_json::to_string(&motion).unwrap()).unwrap() == motion
    );
}
