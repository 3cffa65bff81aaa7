// SPDX-License-Identifier: MIT OR Apache-2.0
//! Old video: every part drawn as the recipe says, and doing to a picture what its formula says.

use image::{Rgb, Rgb32FImage, RgbImage};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use training::data::degradation::{
    ChromaWidth, Degradation, DegradationParams, Deinterlacer, InterlaceParams, LineNoiseParams,
    LineRingingParams, Tape, TapeParams,
};

use crate::common::distribution::{assert_share, assert_uniform};

const DRAWS: usize = 20_000;

fn draws(recipe: &Degradation) -> Vec<DegradationParams> {
    let mut rng = ChaCha8Rng::seed_from_u64(37);
    (0..DRAWS).map(|_| recipe.draw(&mut rng)).collect()
}

#[test]
fn every_part_has_its_probability_and_ranges() {
    let always = Tape { probability: 1.0, ..Tape::default() };
    let all = draws(&Degradation { tape: Some(always), ..Degradation::default() });
    let tapes: Vec<TapeParams> = all.iter().map(|draw| draw.tape.clone().unwrap()).collect();
    let chroma: Vec<ChromaWidth> = tapes.iter().filter_map(|tape| tape.chroma).collect();
    assert_share("narrow colours", chroma.len(), DRAWS, 0.8);
    let quarter = chroma.iter().filter(|width| **width == ChromaWidth::Quarter).count();
    assert_share("a quarter of the width", quarter, chroma.len(), 0.5);
    let fields: Vec<InterlaceParams> = tapes.iter().filter_map(|tape| tape.interlace.clone()).collect();
    assert_share("two fields", fields.len(), DRAWS, 0.6);
    assert_uniform("motion", fields.iter().map(|drawn| drawn.motion), [-3.0, 3.0]);
    for deinterlacer in [Deinterlacer::Bob, Deinterlacer::Blend, Deinterlacer::Comb] {
        let count = fields.iter().filter(|drawn| drawn.deinterlacer == deinterlacer).count();
        assert_share(&format!("{deinterlacer:?}"), count, fields.len(), 1.0 / 3.0);
    }
    let ringing: Vec<LineRingingParams> = tapes.iter().filter_map(|tape| tape.ringing.clone()).collect();
    assert_share("ringing", ringing.len(), DRAWS, 0.5);
    assert_uniform("strength", ringing.iter().map(|drawn| drawn.strength), [0.05, 0.3]);
    assert_uniform("length of a swing", ringing.iter().map(|drawn| drawn.length), [1.0, 3.0]);
    let noise: Vec<LineNoiseParams> = tapes.iter().filter_map(|tape| tape.noise.clone()).collect();
    assert_share("noise", noise.len(), DRAWS, 0.6);
    assert_uniform("deviation", noise.iter().map(|drawn| drawn.deviation), [1.0, 10.0]);
    assert_uniform("length of a streak", noise.iter().map(|drawn| drawn.length), [0.5, 4.0]);
    // The parts are independent of each other.
    let both = tapes.iter().filter(|tape| tape.noise.is_some() && tape.interlace.is_some()).count();
    assert_share("noise and fields", both, DRAWS, 0.36);
}

#[test]
fn a_tape_is_drawn_as_often_as_the_recipe_says_and_changes_nothing_else() {
    let recipe = Degradation { tape: Some(Tape::default()), ..Degradation::default() };
    let all = draws(&recipe);
    assert_share("a tape", all.iter().filter(|draw| draw.tape.is_some()).count(), DRAWS, 0.3);
    for (with, without) in all.into_iter().zip(draws(&Degradation::default())) {
        assert_eq!(DegradationParams { tape: None, ..with }, without);
    }
    assert_eq!(toml::from_str::<Degradation>("tape = {}").unwrap(), recipe);
    assert_eq!(toml::from_str::<Degradation>(&toml::to_string(&recipe).unwrap()).unwrap(), recipe);
    for (text, field) in [
        ("probability = 1.5", "tape.probability"),
        ("chroma = { quarter = -1 }", "tape.chroma.quarter"),
        ("interlace = { motion = [3, 1] }", "tape.interlace.motion"),
        ("interlace = { deinterlacer = { bob = 0, blend = 0, comb = 0 } }", "tape.interlace.deinterlacer"),
        ("ringing = { strength = [0, 1.5] }", "tape.ringing.strength"),
        ("noise = { deviation = [-1, 4] }", "tape.noise.deviation"),
        ("noise = { length = [nan, 4] }", "tape.noise.length"),
    ] {
        let recipe: Degradation = toml::from_str(&format!("[tape]\n{text}")).unwrap();
        let message = recipe.validate().unwrap_err().to_string();
        assert!(message.contains(field), "{text}: {message}");
    }
}

/// Vertical stripes `period` columns wide about a grey of 128, of a colour without luma: red and blue change, and green by as
/// much as keeps BT.601's luma.
fn colour_stripes(period: u32) -> Rgb32FImage {
    let (red, blue) = (30.0_f32, -40.0_f32);
    let green = -(0.299 * red + 0.114 * blue) / 0.587;
    Rgb32FImage::from_fn(64, 6, |x, _| {
        let sign = if x % period < period / 2 { 1.0 } else { -1.0 };
        Rgb([128.0 + sign * red, 128.0 + sign * green, 128.0 + sign * blue])
    })
}

fn taped(picture: &Rgb32FImage, tape: &TapeParams) -> Rgb32FImage {
    let mut picture = picture.clone();
    tape.apply(&mut picture, 1.0, 0);
    picture
}

/// Stripes as fine as two values are lost, coarser ones stay, and the luma keeps its full width.
#[test]
fn colours_have_a_part_of_the_lumas_width() {
    let left = |width, period| {
        let tape = TapeParams { chroma: Some(width), ..TapeParams::default() };
        let narrow = taped(&colour_stripes(period), &tape);
        for (x, y, pixel) in narrow.enumerate_pixels() {
            let luma = 0.299 * pixel[0] + 0.587 * pixel[1] + 0.114 * pixel[2];
            assert!((luma - 128.0).abs() < 1e-3, "{width:?}, {period}: luma {luma} at {x}, {y}");
        }
        let red = (16..48).map(|x| (narrow.get_pixel(x, 3)[0] - 128.0).abs() / 30.0);
        red.fold(0.0, f32::max)
    };
    for (width, period, expected) in [
        (ChromaWidth::Half, 2, 0.0),
        (ChromaWidth::Half, 8, 1.0),
        (ChromaWidth::Half, 16, 1.0),
        (ChromaWidth::Quarter, 2, 0.0),
        (ChromaWidth::Quarter, 4, 0.0),
        // A column is an eighth of the way from one mean to the next, of the other sign.
        (ChromaWidth::Quarter, 8, 0.75),
        (ChromaWidth::Quarter, 16, 1.0),
    ] {
        let left = left(width, period);
        assert!((left - expected).abs() < 1e-4, "{width:?}, {period}: {left} of the colour left");
    }
    let grey = Rgb32FImage::from_fn(64, 6, |x, _| Rgb([if x % 2 == 0 { 100.0 } else { 150.0 }; 3]));
    for width in [ChromaWidth::Half, ChromaWidth::Quarter] {
        let narrow = taped(&grey, &TapeParams { chroma: Some(width), ..TapeParams::default() });
        assert!(narrow.iter().zip(grey.iter()).all(|(own, grey)| (own - grey).abs() < 1e-3));
    }
}

/// An edge that moves by four pixels between the fields.
#[test]
fn fields_are_woven_and_deinterlaced() {
    let edge = Rgb32FImage::from_fn(64, 9, |x, _| Rgb([if x < 32 { 60.0 } else { 180.0 }; 3]));
    let with = |motion, deinterlacer| {
        let interlace = Some(InterlaceParams { motion, deinterlacer });
        taped(&edge, &TapeParams { interlace, ..TapeParams::default() })
    };
    let (comb, blend) = (with(4.0, Deinterlacer::Comb), with(4.0, Deinterlacer::Blend));
    for (x, y, pixel) in comb.enumerate_pixels() {
        let edge = if y % 2 == 0 { 30 } else { 34 };
        assert_eq!(pixel[1], if x < edge { 60.0 } else { 180.0 }, "comb at {x}, {y}");
        let mean = match x {
            0..30 => 60.0,
            30..34 => 120.0,
            _ => 180.0,
        };
        assert!((blend.get_pixel(x, y)[1] - mean).abs() < 1e-4, "blend at {x}, {y}");
    }
    assert!(with(4.0, Deinterlacer::Bob) == edge);
    // The other direction is the other field's edge, and a part of a pixel is interpolated.
    let (back, part) = (with(-4.0, Deinterlacer::Comb), with(1.0, Deinterlacer::Comb));
    assert_eq!((back.get_pixel(32, 4)[0], back.get_pixel(32, 5)[0]), (60.0, 180.0));
    assert_eq!((part.get_pixel(31, 4)[0], part.get_pixel(32, 5)[0]), (120.0, 120.0));

    // Of lines that differ bob keeps the even ones, and blend has their means.
    let lines =
        Rgb32FImage::from_fn(8, 9, |_, y| Rgb([if y % 2 == 0 { 100.0 + y as f32 } else { 250.0 }; 3]));
    let with = |deinterlacer| {
        let interlace = Some(InterlaceParams { motion: 0.0, deinterlacer });
        taped(&lines, &TapeParams { interlace, ..TapeParams::default() })
    };
    let (bob, blend) = (with(Deinterlacer::Bob), with(Deinterlacer::Blend));
    assert!(bob.enumerate_pixels().all(|(_, y, pixel)| pixel[2] == 100.0 + y as f32));
    for y in 1..8 {
        let expected = 0.5 * (100.0 + y as f32) + 125.0;
        assert_eq!(blend.get_pixel(3, y)[0], expected, "line {y}");
    }
}

/// A step of 100 with swings of 3 columns: 20, -10, 5, -2.5, in every colour alike.
#[test]
fn a_lines_edge_has_swings_to_its_right() {
    let step = Rgb32FImage::from_fn(64, 3, |x, _| {
        let step = if x < 32 { 0.0 } else { 100.0 };
        Rgb([20.0 + step, 50.0 + step, 80.0 + step])
    });
    let tape = |strength, length| TapeParams {
        ringing: Some(LineRingingParams { strength, length }),
        ..TapeParams::default()
    };
    let rung = taped(&step, &tape(0.2, 3.0));
    for (x, y, pixel) in rung.enumerate_pixels() {
        let swing = match x {
            32..35 => 20.0,
            35..38 => -10.0,
            38..41 => 5.0,
            41..44 => -2.5,
            _ => 0.0,
        };
        for (own, before) in pixel.0.iter().zip(step.get_pixel(x, y).0) {
            assert!((own - before - swing).abs() < 1e-3, "column {x}: {own} was {before}");
        }
    }
    // A smaller picture has shorter swings.
    let mut small = step.clone();
    tape(0.2, 6.0).apply(&mut small, 0.5, 0);
    assert!(small == rung);
    assert!(taped(&step, &tape(0.0, 3.0)) == step);
}

#[test]
fn noise_is_alike_along_lines_and_nowhere_else() {
    let grey = Rgb32FImage::from_pixel(256, 256, Rgb([128.0; 3]));
    let noise = LineNoiseParams { deviation: 8.0, length: 3.0, seed: 5 };
    let tape = TapeParams { noise: Some(noise), ..TapeParams::default() };
    let noisy = taped(&grey, &tape);
    assert!(noisy.pixels().all(|pixel| pixel[0] == pixel[1] && pixel[1] == pixel[2]));
    let at = |picture: &Rgb32FImage, x: u32, y: u32| f64::from(picture.get_pixel(x, y)[0]) - 128.0;
    // The mean product of values that lie so far from each other.
    let covariance = |one: &Rgb32FImage, other: &Rgb32FImage, right: u32, down: u32| {
        let (width, height) = (256 - right, 256 - down);
        let places = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        let sum: f64 = places.map(|(x, y)| at(one, x, y) * at(other, x + right, y + down)).sum();
        sum / f64::from(width * height)
    };
    let variance = covariance(&noisy, &noisy, 0, 0);
    assert!((variance.sqrt() - 8.0).abs() < 0.4, "{}", variance.sqrt());
    for distance in 1..6_u32 {
        let expected = (-f64::from(distance) / 3.0).exp();
        let own = covariance(&noisy, &noisy, distance, 0) / variance;
        assert!((own - expected).abs() < 0.04, "{distance} along a line: {own}, expected {expected}");
        let own = covariance(&noisy, &noisy, 0, distance) / variance;
        assert!(own.abs() < 0.05, "{distance} lines apart: {own}");
    }
    // Another frame of the tape has other noise, and a smaller picture shorter streaks.
    let (mut next, mut small) = (grey.clone(), grey.clone());
    tape.apply(&mut next, 1.0, -1);
    let own = covariance(&noisy, &next, 0, 0) / variance;
    assert!(own.abs() < 0.05, "two frames: {own}");
    tape.apply(&mut small, 0.5, 0);
    let own = covariance(&small, &small, 1, 0) / covariance(&small, &small, 0, 0);
    assert!((own - (-1.0 / 1.5_f64).exp()).abs() < 0.04, "{own} in a picture of half the size");
    assert!(taped(&grey, &tape) == noisy);
}

/// The lines are those of the small picture: enlarged four times, they are four rows high.
#[test]
fn the_small_picture_is_on_the_tape_and_its_record_reproduces_it() {
    let plain = DegradationParams {
        sigma_x: 0.0,
        sigma_y: 0.0,
        rotation: 0.0,
        scale: 4.0,
        noise: 0.0,
        quality: 100,
        ..Degradation::default().params_for(0, "tape")
    };
    let edge = RgbImage::from_fn(512, 512, |x, _| Rgb([if x < 256 { 60 } else { 180 }; 3]));
    let interlace = Some(InterlaceParams { motion: 6.0, deinterlacer: Deinterlacer::Comb });
    let tape = TapeParams {
        interlace,
        chroma: Some(ChromaWidth::Half),
        ringing: Some(LineRingingParams { strength: 0.1, length: 1.0 }),
        noise: Some(LineNoiseParams { deviation: 1.0, length: 2.0, seed: u64::MAX }),
    };
    let params = DegradationParams { tape: Some(tape), ..plain.clone() };
    let recorded: DegradationParams = serde_json::from_str(&serde_json::to_string(&params).unwrap()).unwrap();
    assert_eq!(recorded, params);
    let degraded = params.apply(&edge).unwrap();
    assert!(recorded.apply(&edge).unwrap() == degraded);
    // A small line in two is light here, its middle between the second and the third of four rows.
    for line in 20..100 {
        let rows = [4 * line + 1, 4 * line + 2].map(|y| degraded.get_pixel(250, y)[1]);
        let light = line % 2 == 0;
        assert!(rows.iter().all(|&value| (value > 120) == light), "line {line}: {rows:?}");
    }
    let untouched = plain.apply(&edge).unwrap();
    assert!((20..400).all(|y| untouched.get_pixel(250, y)[1] < 120));
    // Parts that were not drawn do nothing.
    let none = DegradationParams { tape: Some(TapeParams::default()), ..plain };
    assert!(none.apply(&edge).unwrap() == untouched);
}
