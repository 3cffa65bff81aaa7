// SPDX-License-Identifier: MIT OR Apache-2.0
//! PSNR and SSIM against scikit-image, the bootstrap interval and the Fréchet distance against closed forms and scipy,
//! precision and recall against a count by hand.

use std::path::Path;

use image::RgbImage;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tch::Tensor;
use training::metrics::{Gaussian, Mean, frechet_distance, precision_recall, psnr, sharpness, ssim};
use training::picture;

pub(crate) fn astronaut() -> RgbImage {
    picture::read(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/astronaut.png"))).unwrap()
}

/// Mean of 5×5 pixels in whole numbers (rounded down), edges repeated.
pub(crate) fn box_blurred(picture: &RgbImage) -> RgbImage {
    let (width, height) = picture.dimensions();
    RgbImage::from_fn(width, height, |x, y| {
        let mut sums = [0_u32; 3];
        for dy in 0..5 {
            for dx in 0..5 {
                let source_x = (x + dx).saturating_sub(2).min(width - 1);
                let source_y = (y + dy).saturating_sub(2).min(height - 1);
                let pixel = picture.get_pixel(source_x, source_y);
                sums.iter_mut().zip(pixel.0).for_each(|(sum, value)| *sum += u32::from(value));
            }
        }
        image::Rgb(sums.map(|sum| (sum / 25) as u8))
    })
}

pub(crate) fn mapped(picture: &RgbImage, change: impl Fn(u32, u32, [u8; 3]) -> [u8; 3]) -> RgbImage {
    let mut changed = picture.clone();
    for (x, y, pixel) in changed.enumerate_pixels_mut() {
        pixel.0 = change(x, y, pixel.0);
    }
    changed
}

/// The expected figures are those of scikit-image 0.26: `peak_signal_noise_ratio(data_range=255)` and
/// `structural_similarity(gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255,
/// channel_axis=2)`, on the same changes made with numpy.
#[test]
fn figures_are_those_of_scikit_image() {
    let truth = astronaut();
    let part = image::imageops::crop_imm(&truth, 150, 40, 103, 77).to_image();
    let posterised = mapped(&truth, |_, _, pixel| pixel.map(|value| value / 16 * 16 + 8));
    let negative = mapped(&truth, |_, _, pixel| pixel.map(|value| 255 - value));
    let reddish = mapped(&truth, |x, y, [r, g, b]| [r.saturating_add(((x * 7 + y * 13) % 32) as u8), g, b]);
    let cases = [
        ("blurred", &truth, &box_blurred(&truth), 26.080_829_404_748_755, 0.845_852_868_193_420_9),
        ("posterised", &truth, &posterised, 33.903_999_256_900_73, 0.821_122_723_725_356_6),
        ("negative", &truth, &negative, 3.807_648_780_886_532_2, -0.137_847_757_611_464_98),
        ("reddish", &truth, &reddish, 27.926_257_912_581_065, 0.868_162_447_216_022_6),
        ("103×77", &part, &box_blurred(&part), 25.511_419_552_974_424, 0.724_971_215_685_913_2),
    ];
    for (name, left, right, expected_psnr, expected_ssim) in cases {
        let (p, s) = (psnr(left, right).unwrap(), ssim(left, right).unwrap());
        assert!((p - expected_psnr).abs() < 1e-9, "{name}: PSNR {p}, scikit-image {expected_psnr}");
        assert!((s - expected_ssim).abs() < 1e-9, "{name}: SSIM {s}, scikit-image {expected_ssim}");
    }
}

/// The gradient energy of a wave a·sin(kx) is a²/2·(2 sin(k/2))², so half the height is a quarter of the energy, and a wave of
/// another length differs by the sines' squares. Rounding to 8 bits adds its 1/12 to both neighbours: 1/6.
#[test]
fn sharpness_of_waves_has_a_closed_form() {
    use std::f64::consts::TAU;
    let wave = |height: f64, length: f64| {
        RgbImage::from_fn(240, 64, |x, _| {
            let value = 128.0 + height * (TAU * (f64::from(x) + 0.3) / length).sin();
            image::Rgb([value.round() as u8; 3])
        })
    };
    let energy = |height: f64, length: f64| {
        height.powi(2) / 2.0 * (2.0 * (TAU / length / 2.0).sin()).powi(2) + 1.0 / 6.0
    };
    for (height, length) in [(50.0, 12.0), (100.0, 24.0), (25.0, 6.0), (100.0, 12.0)] {
        let expected = energy(height, length) / energy(100.0, 12.0);
        let found = sharpness(&wave(height, length), &wave(100.0, 12.0)).unwrap();
        assert!((found / expected - 1.0).abs() < 0.02, "{height} {length}: {found}, expected {expected}");
        // Upright, too.
        let upright = |picture: RgbImage| image::imageops::rotate90(&picture);
        assert_eq!(sharpness(&upright(wave(height, length)), &upright(wave(100.0, 12.0))).unwrap(), found);
    }
    let flat = RgbImage::from_pixel(16, 16, image::Rgb([7, 8, 9]));
    assert_eq!(sharpness(&flat, &flat).unwrap(), 1.0);
    assert!(sharpness(&RgbImage::new(1, 1), &RgbImage::new(1, 1)).is_ok());
    assert!(sharpness(&flat, &RgbImage::new(16, 17)).is_err());
}

#[test]
fn identical_pictures_are_perfect() {
    let picture = astronaut();
    assert_eq!(psnr(&picture, &picture).unwrap(), f64::INFINITY);
    assert!((ssim(&picture, &picture).unwrap() - 1.0).abs() < 1e-12);
}

#[test]
fn unequal_and_tiny_pictures_are_refused() {
    let (left, right) = (RgbImage::new(20, 20), RgbImage::new(20, 21));
    for message in
        [psnr(&left, &right).unwrap_err().to_string(), ssim(&left, &right).unwrap_err().to_string()]
    {
        assert!(message.contains("(20, 20)") && message.contains("(20, 21)"), "{message}");
    }
    let tiny = RgbImage::new(10, 40);
    assert!(ssim(&tiny, &tiny).unwrap_err().to_string().contains("11×11"));
    assert!(psnr(&RgbImage::new(0, 0), &RgbImage::new(0, 0)).is_err());
}

/// Of uniform values the mean's standard error is known: √(1/12n).
#[test]
fn bootstrap_interval_is_that_of_the_normal_approximation() {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let values: Vec<f64> = (0..400).map(|_| rng.random::<f64>()).collect();
    let mean = Mean::of(&values).unwrap();
    let half_width = 1.96 * (1.0 / 12.0_f64 / 400.0).sqrt();
    assert!((mean.mean - 0.5).abs() < 2.0 * half_width, "{mean:?}");
    assert!(
        (mean.high - mean.low - 2.0 * half_width).abs() < 0.3 * half_width,
        "{mean:?}, expected ±{half_width}"
    );
    assert!(mean.low < mean.mean && mean.mean < mean.high);
    assert_eq!(Mean::of(&values), Some(mean), "the same values give the same interval");
    assert_eq!(Mean::of(&[]), None);
}

fn rows(values: &[f64], length: i64) -> Tensor {
    Tensor::from_slice(values).view([-1, length])
}

fn frechet(left: &Tensor, right: &Tensor) -> f64 {
    frechet_distance(&Gaussian::of(left).unwrap(), &Gaussian::of(right).unwrap()).unwrap()
}

/// `formula(i, j)` for `count` rows of three features.
fn features(count: i64, formula: impl Fn(f64, f64) -> f64) -> Tensor {
    let values = (0..count).flat_map(|i| (0..3).map(move |j| (i as f64, j as f64)));
    rows(&values.map(|(i, j)| formula(i, j)).collect::<Vec<_>>(), 3)
}

/// Points at ±c_i on each axis: their mean is 0 and their covariance diagonal, 2 c_i² / (2 D - 1).
fn on_axes(distances: [f64; 3]) -> Tensor {
    let axes = Tensor::from_slice(&distances).diag(0);
    Tensor::cat(&[&axes, &axes.neg()], 0)
}

#[test]
fn frechet_distance_is_the_closed_form() {
    let (left, right) = ([1.0, 2.0, 5.0], [3.0, 2.0, 0.5]);
    let spreads = left.iter().zip(right).map(|(l, r): (&f64, f64)| (l - r).powi(2) * 2.0 / 5.0);
    let expected: f64 = spreads.sum();
    let distance = frechet(&on_axes(left), &on_axes(right));
    assert!((distance - expected).abs() < 1e-9, "{distance}, expected {expected}");
    let distance = frechet(&on_axes(left), &(on_axes(right) + Tensor::from_slice(&[2.0, 0.0, -3.0])));
    assert!((distance - expected - 13.0).abs() < 1e-9, "{distance}, expected {}", expected + 13.0);
    assert!(frechet(&on_axes(left), &on_axes(left)).abs() < 1e-9);
    // Fewer pictures than features: a covariance without full rank.
    let few = rows(&[1.0, -2.0, 0.5, 4.0, 0.0, 3.0, 2.0, 2.0, -1.0, 1.0, 5.0, 0.0], 6);
    let distance = frechet(&few, &(&few + 0.5));
    assert!((distance - 6.0 * 0.25).abs() < 1e-6, "{distance}");
    assert!(Gaussian::of(&rows(&[1.0, 2.0], 2)).unwrap_err().to_string().contains("at least 2"));
}

/// The expected figure is that of numpy 2.4 and scipy 1.17 (`scipy.linalg.sqrtm`, of the unsymmetric product):
/// ```python
/// i, j = np.arange(12)[:, None], np.arange(3)[None, :]
/// a = ((7 * i + 3 * j * j + i * j) % 11) / 3.0
/// b = ((5 * i + 2 * j + i * i) % 13) / 4.0 + 0.5
/// s, t = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
/// np.sum((a.mean(0) - b.mean(0)) ** 2) + np.trace(s + t - 2 * scipy.linalg.sqrtm(s @ t)).real
/// ```
#[test]
fn frechet_distance_is_that_of_scipy() {
    let left = features(12, |i, j| ((7.0 * i + 3.0 * j * j + i * j) % 11.0) / 3.0);
    let right = features(12, |i, j| ((5.0 * i + 2.0 * j + i * i) % 13.0) / 4.0 + 0.5);
    let distance = frechet(&left, &right);
    assert!((distance - 0.722_541_786_013_425_6).abs() < 1e-9, "{distance}");
    assert!((frechet(&right, &left) - distance).abs() < 1e-9);
}

/// On a line. The real points' third neighbours are 22, 3, 2, 2 and 3 away, so their manifold is [-42, 6]: of the
/// generated points -3, 1.5 and 6 lie in it. Those' are 9.5, 5, 9, 9.5 and 98.5 away: [-12.5, 198.5] lacks -20 alone.
#[test]
fn precision_and_recall_are_those_counted_by_hand() {
    let real = rows(&[-20.0, 0.0, 1.0, 2.0, 3.0], 1);
    let generated = rows(&[-3.0, 1.5, 6.0, 6.5, 100.0], 1);
    let figures = precision_recall(&generated, &real).unwrap();
    assert_eq!((figures.precision, figures.recall), (0.6, 0.8));
    let same = precision_recall(&real, &real).unwrap();
    assert_eq!((same.precision, same.recall), (1.0, 1.0));
    let few = rows(&[0.0, 1.0, 2.0], 1);
    assert!(precision_recall(&few, &real).unwrap_err().to_string().contains("at least 4"));
}
