// SPDX-License-Identifier: MIT OR Apache-2.0
//! Octaves and grid against numpy and scipy, and against closed forms of waves and noise.

use std::f64::consts::TAU;

use image::{Rgb, RgbImage};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use training::metrics::{OCTAVES, grid, octaves};

use crate::pictures::{astronaut, box_blurred, mapped};

fn grey(width: u32, height: u32, mut level: impl FnMut(u32, u32) -> f64) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| Rgb([level(x, y).round() as u8; 3]))
}

/// White noise: whole numbers from -`height` to `height`, each as likely as the others.
fn noise(side: u32, height: i32) -> Vec<Vec<f64>> {
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    let mut row =
        || -> Vec<f64> { (0..side).map(|_| f64::from(rng.random_range(-height..=height))).collect() };
    (0..side).map(|_| row()).collect()
}

/// A wave of 4 pixels and the height `height`.
fn of_period_4(place: u32, height: f64) -> f64 {
    height * [1.0, 0.0, -1.0, 0.0][place as usize % 4]
}

/// The expected figures are those of numpy 2.4 and scipy 1.17, on the same blur made with numpy:
/// ```python
/// taps = np.array([3, 0, -25, 0, 150, 256, 150, 0, -25, 0, 3]) / 512
/// def energies(p):  # p = a.astype(float) @ [.299, .587, .114]
///     while min(p.shape) >= 4:
///         low = convolve1d(convolve1d(p, taps, axis=0, mode='mirror'), taps, axis=1, mode='mirror')
///         yield ((p - low) ** 2).mean()
///         p = low[::2, ::2]
/// def powers(rows):
///     n = rows.shape[1] // 4 * 4
///     w = .5 - .5 * np.cos(2 * np.pi * np.arange(n) / n)
///     power = np.abs(np.fft.rfft(rows[:, :n] * w, axis=1)) ** 2 / (w ** 2).sum()
///     away = np.arange(3, min(max(n // 32, 4), 8) + 1)
///     return power[:, n // 4], power[:, np.r_[n // 4 - away, n // 4 + away]].mean(1)
/// ```
#[test]
fn figures_are_those_of_numpy() {
    let truth = astronaut();
    let part = image::imageops::crop_imm(&truth, 150, 40, 103, 77).to_image();
    let whole = [
        0.016_186_169_687_762,
        0.086_514_345_837_775,
        0.514_575_209_213_237,
        0.841_707_127_384_572,
        0.956_748_545_281_456,
        0.986_448_735_540_362,
    ];
    let of_part = [
        0.014_628_709_787_519,
        0.094_543_675_285_535,
        0.524_768_247_887_362,
        0.857_737_089_705_564,
        0.952_585_360_038_704,
    ];
    let cases = [
        ("512×512", &truth, whole.as_slice(), 0.988_641_068_527_505_7, 1.002_438_457_666_894_8),
        ("103×77", &part, of_part.as_slice(), 0.954_166_673_942_715_8, 1.866_201_424_472_469_8),
    ];
    for (name, picture, expected, expected_grid, expected_blurred) in cases {
        let blurred = box_blurred(picture);
        let found: Vec<f64> = octaves(&blurred, picture).unwrap().into_iter().flatten().collect();
        assert_eq!(found.len(), expected.len(), "{name}");
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12, "{name}: octave {found}, numpy {expected}");
        }
        for (picture, expected) in [(picture, expected_grid), (&blurred, expected_blurred)] {
            let found = grid(picture).unwrap();
            assert!((found - expected).abs() < 1e-9, "{name}: grid {found}, numpy {expected}");
        }
    }
}

/// The height that the low-pass leaves of a wave of `frequency` cycles a pixel.
fn kept(frequency: f64) -> f64 {
    let cosine = |times: f64| (TAU * frequency * times).cos();
    0.5 + (150.0 * cosine(1.0) - 25.0 * cosine(3.0) + 3.0 * cosine(5.0)) / 256.0
}

/// A cosine of m/512 cycles a pixel on 257 pixels is its own mirror image at both ends, as are those of the halved planes: its
/// height in an octave is a product of the low-pass's responses. A flat truth has the energy 0, which leaves the floor of 0.01.
#[test]
fn the_energy_of_a_wave_is_in_its_octave() {
    let wave = |height: f64, cycles: f64| {
        grey(257, 257, |x, _| 128.0 + height * (TAU * cycles * f64::from(x) / 512.0).cos())
    };
    let flat = grey(257, 257, |_, _| 128.0);
    for own in 0..OCTAVES {
        let cycles = 192.0 / f64::from(1_u32 << own);
        let across = wave(100.0, cycles);
        let energies = octaves(&across, &flat).unwrap().map(|ratio| 0.01 * ratio.unwrap() - 0.01);
        let frequency = |octave: usize| cycles / 512.0 * f64::from(1_u32 << octave);
        let left: f64 = (0..own).map(|finer| kept(frequency(finer))).product();
        let height = 100.0 * left * (1.0 - kept(frequency(own)));
        // Both ends count, so that the mean of the squares is not quite a half.
        let count = f64::from(256_u32 >> own);
        let expected = height * height / 2.0 * (count + 2.0) / (count + 1.0);
        assert!((energies[own] / expected - 1.0).abs() < 0.01, "{own}: {energies:?}, expected {expected}");
        assert!(energies[own] > 0.93 * energies.iter().sum::<f64>(), "{own}: {energies:?}");

        let half = octaves(&wave(50.0, cycles), &across).unwrap()[own].unwrap();
        assert!((half - 0.25).abs() < 0.005, "{own}: half the height gives {half}");
        let down = image::imageops::rotate90(&across);
        let of_down = octaves(&down, &across).unwrap()[own].unwrap();
        assert!((of_down - 1.0).abs() < 1e-9, "{own}: upright {of_down}");
    }
}

/// White noise of the variance v leaves v·(1 - 2·h₀² + (Σh²)²) in the first octave, h the low-pass's taps. Whole numbers, so
/// that nothing is rounded.
#[test]
fn noise_of_half_the_height_has_a_quarter_of_the_energy_in_every_octave() {
    let noise = noise(256, 50);
    let flat = grey(256, 256, |_, _| 128.0);
    let energies = |share: f64| {
        let picture = grey(256, 256, |x, y| 128.0 + share * noise[y as usize][x as usize]);
        octaves(&picture, &flat).unwrap().map(|ratio| 0.01 * ratio.unwrap() - 0.01)
    };
    let (whole, doubled) = (energies(1.0), energies(2.0));
    for (one, two) in whole.iter().zip(doubled) {
        assert!((two / one - 4.0).abs() < 1e-6, "{whole:?}, of twice the height {doubled:?}");
    }
    let variance = (101.0 * 101.0 - 1.0) / 12.0;
    let squares = [3.0, 25.0, 150.0].iter().map(|tap: &f64| 2.0 * tap * tap).sum::<f64>() + 256.0 * 256.0;
    let expected = variance * (0.5 + (squares / (512.0 * 512.0)).powi(2));
    assert!((whole[0] / expected - 1.0).abs() < 0.03, "{whole:?}, expected {expected}");
}

#[test]
fn a_blurred_picture_has_the_less_the_finer_the_octave() {
    let truth = astronaut();
    let ratios = octaves(&image::imageops::blur(&truth, 1.5), &truth).unwrap().map(Option::unwrap);
    assert!(ratios.is_sorted_by(|finer, coarser| finer < coarser), "{ratios:?}");
    assert!(ratios[0] < 0.05 && ratios[OCTAVES - 1] > 0.95, "{ratios:?}");
}

#[test]
fn octaves_of_small_pictures_are_fewer() {
    let count = |width, height| {
        let picture = grey(width, height, |x, y| f64::from(x * y % 256));
        let ratios = octaves(&picture, &picture).unwrap();
        let there: Vec<f64> = ratios.into_iter().flatten().collect();
        assert!(there.iter().all(|&ratio| ratio == 1.0), "{width}×{height}: {ratios:?}");
        assert!(ratios[there.len()..].iter().all(Option::is_none), "{width}×{height}: {ratios:?}");
        there.len()
    };
    let counts = [(1, 1), (3, 90), (4, 90), (7, 7), (64, 64), (96, 300), (97, 97)].map(|(w, h)| count(w, h));
    assert_eq!(counts, [0, 0, 1, 2, 5, 5, 6]);
    assert!(octaves(&RgbImage::new(8, 8), &RgbImage::new(8, 9)).is_err());
    assert!(octaves(&RgbImage::new(0, 0), &RgbImage::new(0, 0)).is_err());
}

/// On a flat picture a wave of a levels has the power a²·n/6 in lines of n pixels along it, none in the others, and nothing
/// beside it; 2 of 98 pixels are cut off.
#[test]
fn grid_on_a_flat_picture_has_a_closed_form() {
    for (width, height) in [(96_u32, 64_u32), (98, 131)] {
        let lines = f64::from(width + height);
        let length = |side: u32| f64::from(side / 4 * 4);
        for (across, down) in [(0.0, 0.0), (1.0, 0.0), (2.0, 0.0), (0.0, 2.0), (3.0, 2.0)] {
            let picture =
                grey(width, height, |x, y| 90.0 + of_period_4(x, across) + of_period_4(y + 1, down));
            let sum = f64::from(height) * across * across * length(width) / 6.0
                + f64::from(width) * down * down * length(height) / 6.0;
            let (found, expected) = (grid(&picture).unwrap(), (sum / lines + 0.01) / 0.01);
            assert!(
                (found / expected - 1.0).abs() < 1e-9,
                "{width}×{height} {across} {down}: {found}, {expected}"
            );
        }
    }
    let small = |width, height| grid(&grey(width, height, |x, _| f64::from(x)));
    assert!(small(63, 64).is_none() && small(64, 63).is_none() && small(0, 0).is_none());
    assert!(small(64, 64).is_some());
}

/// White noise of the variance v in 256×256 pixels: 1 + a²·256/(6·v) with waves of a levels across and down.
#[test]
fn grid_in_noise_has_a_closed_form() {
    let noise = noise(256, 10);
    let variance = (21.0 * 21.0 - 1.0) / 12.0;
    for height in [0.0, 1.0, 2.0, 4.0] {
        let picture = grey(256, 256, |x, y| {
            let pattern = of_period_4(x, height) + of_period_4(y, height);
            128.0 + noise[y as usize][x as usize] + pattern
        });
        let (found, expected) = (grid(&picture).unwrap(), 1.0 + height * height * 256.0 / (6.0 * variance));
        assert!((found / expected - 1.0).abs() < 0.2, "{height}: {found}, expected {expected}");
    }
}

#[test]
fn a_pattern_of_two_levels_shows_in_a_natural_picture() {
    let natural = astronaut();
    let shifted = |value: u8, by: f64| (f64::from(value) + by).clamp(0.0, 255.0) as u8;
    let patterned = mapped(&natural, |x, _, pixel| pixel.map(|value| shifted(value, of_period_4(x, 2.0))));
    let (before, after) = (grid(&natural).unwrap(), grid(&patterned).unwrap());
    assert!((before - 1.0).abs() < 0.1 && after > 1.5, "{before}, with a grid {after}");
    // 8 pixels are no grid of 4.
    let other = mapped(&natural, |x, _, pixel| {
        let by = 2.0 * (TAU * f64::from(x) / 8.0).cos().round();
        pixel.map(|value| shifted(value, by))
    });
    let other = grid(&other).unwrap();
    assert!((other / before - 1.0).abs() < 0.1, "{before}, with waves of 8 pixels {other}");
}
