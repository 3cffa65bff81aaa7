// SPDX-License-Identifier: MIT OR Apache-2.0
//! Eq. 11 as a whole: reproducible, drawn as the paper says, the same face at every crop size.

use std::path::Path;

use image::RgbImage;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use training::data::degradation::{Degradation, DegradationParams};
use training::metrics::psnr;
use training::picture;
use training::seed::seed_for;

use crate::common::distribution::assert_uniform;

const DRAWS: usize = 20_000;

fn astronaut() -> RgbImage {
    picture::read(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/astronaut.png"))).unwrap()
}

/// The astronaut's face and shoulders, 256×256 pixels.
fn face() -> RgbImage {
    image::imageops::crop_imm(&astronaut(), 96, 0, 256, 256).to_image()
}

fn draws(recipe: &Degradation) -> Vec<DegradationParams> {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    (0..DRAWS).map(|_| recipe.draw(&mut rng)).collect()
}

#[test]
fn every_parameter_is_uniform_over_the_papers_range() {
    let all = draws(&Degradation::default());
    let column = |value: fn(&DegradationParams) -> f64| all.iter().map(value).collect::<Vec<_>>();
    assert_uniform("sigma_x", column(|draw| draw.sigma_x).into_iter(), [0.2, 10.0]);
    assert_uniform("scale", column(|draw| draw.scale).into_iter(), [1.0, 8.0]);
    assert_uniform("noise", column(|draw| draw.noise).into_iter(), [0.0, 15.0]);
    let turned: Vec<_> = all.iter().filter(|draw| draw.sigma_x != draw.sigma_y).collect();
    assert_uniform("sigma_y", turned.iter().map(|draw| draw.sigma_y), [0.2, 10.0]);
    let pi = std::f64::consts::PI;
    assert_uniform("rotation", turned.iter().map(|draw| draw.rotation), [-pi, pi]);
    // Half are isotropic, within five standard deviations of a fair coin.
    let margin = 5.0 * (0.25 * DRAWS as f64).sqrt();
    assert!((turned.len() as f64 - 0.5 * DRAWS as f64).abs() < margin, "{} anisotropic", turned.len());
    let mut qualities = [0_u32; 101];
    all.iter().for_each(|draw| qualities[usize::from(draw.quality)] += 1);
    assert_eq!(qualities[..50].iter().sum::<u32>(), 0);
    let expected = DRAWS as f64 / 51.0;
    for (quality, &count) in qualities.iter().enumerate().skip(50) {
        assert!(
            (f64::from(count) - expected).abs() < 5.0 * expected.sqrt(),
            "quality {quality}: {count} times"
        );
    }
    assert!(all.iter().all(|draw| !draw.clean && !draw.gray_noise));
}

#[test]
fn shares_are_kept_and_clean_pictures_stay_as_they_are() {
    let recipe = Degradation { clean_share: 0.1, gray_noise_probability: 0.4, ..Degradation::default() };
    let all = draws(&recipe);
    let share = |kind: fn(&DegradationParams) -> bool| {
        all.iter().filter(|draw| kind(draw)).count() as f64 / DRAWS as f64
    };
    assert!((share(|draw| draw.clean) - 0.1).abs() < 5.0 * (0.09 / DRAWS as f64).sqrt());
    assert!((share(|draw| draw.gray_noise) - 0.4).abs() < 5.0 * (0.24 / DRAWS as f64).sqrt());
    let clean = all.iter().find(|draw| draw.clean).unwrap();
    assert_eq!(clean.apply(&face()).unwrap(), face());
    // The share changes who is clean and nothing else.
    for (with, without) in all.iter().zip(draws(&Degradation::default())) {
        assert_eq!(DegradationParams { clean: false, gray_noise: false, ..with.clone() }, without);
    }
}

#[test]
fn noise_can_be_left_out_of_a_share_of_the_pictures() {
    let all = draws(&Degradation { noise_probability: 0.7, ..Degradation::default() });
    let quiet = all.iter().filter(|draw| draw.noise == 0.0).count() as f64 / DRAWS as f64;
    assert!((quiet - 0.3).abs() < 5.0 * (0.21 / DRAWS as f64).sqrt(), "{quiet}");
    // Nothing else of a draw changes.
    for (with, without) in all.iter().zip(draws(&Degradation::default())) {
        assert!(with.noise == 0.0 || with.noise == without.noise);
        assert_eq!(DegradationParams { noise: without.noise, ..with.clone() }, without);
    }
}

#[test]
fn a_recorded_draw_reproduces_the_picture_bit_for_bit() {
    let recipe = Degradation::default();
    let first = recipe.params_for(1, "a face");
    let recorded: DegradationParams = serde_json::from_str(&serde_json::to_string(&first).unwrap()).unwrap();
    assert_eq!(first, recorded);
    assert_eq!(first.apply(&face()).unwrap(), recorded.apply(&face()).unwrap());
    let others = [recipe.params_for(2, "a face"), recipe.params_for(1, "another face")];
    for other in others {
        assert_ne!(first.apply(&face()).unwrap(), other.apply(&face()).unwrap());
    }
    let mut reseeded = first.clone();
    reseeded.noise_seed ^= 1;
    assert_ne!(first.apply(&face()).unwrap(), reseeded.apply(&face()).unwrap());
}

/// FNV-1a, 64 bits, of a picture's bytes.
fn hash(picture: &RgbImage) -> u64 {
    picture.as_raw().iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// The paper's recipe gives the same bytes in every version: validation sets and runs made today can be repeated.
/// The values were recorded before the recipe had any options.
#[test]
fn the_papers_recipe_never_changes() {
    let recipe = Degradation::default();
    let picture = astronaut();
    let hashes = [(0, &picture), (1, &picture), (2, &face()), (3, &face())].map(|(seed, clean)| {
        format!("{:016x}", hash(&recipe.params_for(seed, "fixed").apply(clean).unwrap()))
    });
    assert_eq!(hashes, ["52e2a3424aab828b", "410b414bc85cdf0e", "be61d97c25b50ad8", "c96544857790ccf5"]);
}

/// Validation sets made today must be the same in the next version. The values are those of a FNV-1a written
/// apart (and checked with the published vector "foobar" → 85944171f73967e8), over the seed's eight bytes and the name.
#[test]
fn the_seed_of_a_name_never_changes() {
    assert_eq!(seed_for(u64::from_le_bytes(*b"foobarfo"), "obar"), 0x0eac_ee91_5564_5b45);
    assert_eq!(seed_for(0, "congress_A000055"), 0x88e8_0079_70b0_30f1);
}

#[test]
fn stronger_parameters_lose_more() {
    let mild = DegradationParams {
        sigma_x: 0.2,
        sigma_y: 0.2,
        rotation: 0.0,
        scale: 1.0,
        noise: 0.0,
        quality: 100,
        ..Degradation::default().params_for(5, "mild")
    };
    let picture = astronaut();
    let quality_of = |params: &DegradationParams| psnr(&params.apply(&picture).unwrap(), &picture).unwrap();
    let best = quality_of(&mild);
    assert!(best > 35.0, "almost nothing done: {best} dB");
    let mut blurred = mild.clone();
    (blurred.sigma_x, blurred.sigma_y) = (4.0, 4.0);
    let mut turned = blurred.clone();
    (turned.sigma_y, turned.rotation) = (10.0, 0.7);
    let shrunken = DegradationParams { scale: 6.0, ..mild.clone() };
    let noisy = DegradationParams { noise: 15.0, ..mild.clone() };
    let coded = DegradationParams { quality: 50, ..mild.clone() };
    for worse in [&blurred, &turned, &shrunken, &noisy, &coded] {
        assert!(quality_of(worse) < best - 1.0, "{worse:?}");
    }
    assert!(quality_of(&turned) < quality_of(&blurred));
}

/// Grey noise on a grey picture passes blur, clipping and the coder's chroma unharmed: 20 lg(255 / δ) is left.
#[test]
fn noise_has_the_standard_deviation_that_was_drawn() {
    let grey = RgbImage::from_pixel(512, 512, image::Rgb([128; 3]));
    for noise in [5.0, 15.0] {
        let recorded = Degradation::default().params_for(0, "noise");
        let params = DegradationParams { noise, gray_noise: true, scale: 1.0, quality: 100, ..recorded };
        let (level, expected) =
            (psnr(&params.apply(&grey).unwrap(), &grey).unwrap(), 20.0 * (255.0 / noise).log10());
        assert!((level - expected).abs() < 0.1, "noise {noise}: {level} dB, expected {expected}");
    }
}

/// The same draw on a face at 512 and at 256 pixels: what a viewer sees at 256 must agree.
#[test]
fn a_face_is_degraded_alike_at_every_crop_size() {
    let large = astronaut();
    let small = picture::resize_antialiased(&large, 256, 256).unwrap();
    for seed in 0..8 {
        // No noise: its pixels are as random for two sizes as for two seeds when nothing is down-sampled.
        let params =
            DegradationParams { noise: 0.0, scale: 4.0, ..Degradation::default().params_for(seed, "size") };
        let of_large = picture::resize_antialiased(&params.apply(&large).unwrap(), 256, 256).unwrap();
        let of_small = params.apply(&small).unwrap();
        let agreement = psnr(&of_large, &of_small).unwrap();
        let loss = psnr(&of_small, &small).unwrap();
        assert!(agreement > loss + 4.0, "seed {seed}: sizes agree to {agreement} dB, loss {loss} dB");
    }
}

#[test]
fn every_size_and_shape_comes_back_as_it_was() {
    let picture = astronaut();
    for (width, height) in [(1, 1), (2, 7), (33, 20), (255, 257), (512, 100)] {
        let part = image::imageops::crop_imm(&picture, 0, 0, width, height).to_image();
        for seed in 0..4 {
            let degraded = Degradation::default().params_for(seed, "shape").apply(&part).unwrap();
            assert_eq!(degraded.dimensions(), (width, height));
        }
    }
    assert!(Degradation::default().params_for(0, "empty").apply(&RgbImage::new(0, 0)).is_err());
}

#[test]
fn wrong_recipes_are_refused_with_the_field_named() {
    let recipe = Degradation::default;
    recipe().validate().unwrap();
    let wrong = [
        ("sigma", Degradation { sigma: [3.0, 1.0], ..recipe() }),
        ("scale", Degradation { scale: [0.5, 2.0], ..recipe() }),
        ("noise", Degradation { noise: [0.0, f64::NAN], ..recipe() }),
        ("quality", Degradation { quality: [50, 101], ..recipe() }),
        ("clean_share", Degradation { clean_share: 1.5, ..recipe() }),
    ];
    for (field, recipe) in wrong {
        let message = recipe.validate().unwrap_err().to_string();
        assert!(message.contains(field), "{message}");
    }
    let misspelt = serde_json::from_str::<Degradation>(r#"{"sigmas": [0.2, 10]}"#).unwrap_err();
    assert!(misspelt.to_string().contains("sigmas"), "{misspelt}");
}
