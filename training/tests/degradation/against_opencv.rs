// SPDX-License-Identifier: MIT OR Apache-2.0
//! Blur, resize and JPEG of Eq. 11 against OpenCV, which GFPGAN's implementation of it runs on.

use std::path::Path;

use image::{Rgb32FImage, RgbImage};
use opencv::core::{BORDER_DEFAULT, CV_8UC3, CV_32F, CV_32FC3, Mat, Point, Scalar, Size, Vector};
use opencv::prelude::*;
use opencv::{imgcodecs, imgproc};
use training::data::blur::Kernel;
use training::data::degradation::{Adjustment, ColorParams, through_jpeg};
use training::metrics::psnr;
use training::picture::{self, to_f32};

fn astronaut() -> RgbImage {
    picture::read(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/astronaut.png"))).unwrap()
}

/// A part with an odd width and height, so that row ends are no multiple of a vector.
fn odd_part() -> RgbImage {
    image::imageops::crop_imm(&astronaut(), 130, 20, 201, 163).to_image()
}

fn mat_f32(picture: &Rgb32FImage) -> Mat {
    let mut mat = Mat::new_rows_cols_with_default(
        picture.height() as i32,
        picture.width() as i32,
        CV_32FC3,
        Scalar::all(0.0),
    )
    .unwrap();
    let bytes: Vec<u8> = picture.iter().flat_map(|value| value.to_ne_bytes()).collect();
    mat.data_bytes_mut().unwrap().copy_from_slice(&bytes);
    mat
}

fn values_f32(mat: &Mat) -> Vec<f32> {
    mat.data_bytes().unwrap().as_chunks::<4>().0.iter().map(|&bytes| f32::from_ne_bytes(bytes)).collect()
}

fn mat_u8(picture: &RgbImage) -> Mat {
    let mut mat = Mat::new_rows_cols_with_default(
        picture.height() as i32,
        picture.width() as i32,
        CV_8UC3,
        Scalar::all(0.0),
    )
    .unwrap();
    mat.data_bytes_mut().unwrap().copy_from_slice(picture.as_raw());
    mat
}

fn largest_difference(left: &[f32], right: &[f32]) -> f32 {
    assert_eq!(left.len(), right.len());
    left.iter().zip(right).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// GFPGAN's bivariate Gaussian with the covariance matrix and its inverse written out, normalised in f64.
fn bivariate(sigma_x: f64, sigma_y: f64, rotation: f64, size: i32) -> Vec<f64> {
    let (s, c) = rotation.sin_cos();
    let (a, b) = (sigma_x * sigma_x, sigma_y * sigma_y);
    let covariance = [[c * c * a + s * s * b, s * c * (a - b)], [s * c * (a - b), s * s * a + c * c * b]];
    let determinant = covariance[0][0] * covariance[1][1] - covariance[0][1] * covariance[1][0];
    let inverse = [
        [covariance[1][1] / determinant, -covariance[0][1] / determinant],
        [-covariance[1][0] / determinant, covariance[0][0] / determinant],
    ];
    let radius = size / 2;
    let mut kernel = Vec::new();
    for y in -radius..=radius {
        for x in -radius..=radius {
            let (x, y) = (f64::from(x), f64::from(y));
            let form =
                x * (inverse[0][0] * x + inverse[0][1] * y) + y * (inverse[1][0] * x + inverse[1][1] * y);
            kernel.push((-0.5 * form).exp());
        }
    }
    let sum: f64 = kernel.iter().sum();
    kernel.into_iter().map(|weight| weight / sum).collect()
}

#[test]
fn blur_is_filter_2d_with_reflected_border() {
    let picture = to_f32(&odd_part());
    let cases = [
        (0.2, 0.2, 0.0, 41),
        (3.0, 3.0, 0.0, 41),
        (10.0, 10.0, 0.0, 41),
        (10.0, 0.5, 0.6, 41),
        (2.0, 7.0, -2.5, 41),
        (9.0, 4.0, 3.1, 21),
        (1.2, 0.4, 1.5, 21),
    ];
    for (sigma_x, sigma_y, rotation, size) in cases {
        let kernel = if sigma_x == sigma_y {
            Kernel::isotropic(sigma_x, size as usize)
        } else {
            Kernel::anisotropic(sigma_x, sigma_y, rotation, size as usize)
        };
        let blurred = kernel.apply(&picture);
        let mut weights = Mat::new_rows_cols_with_default(size, size, CV_32F, Scalar::all(0.0)).unwrap();
        let expected = bivariate(sigma_x, sigma_y, rotation, size);
        let bytes: Vec<u8> = expected.iter().flat_map(|&weight| (weight as f32).to_ne_bytes()).collect();
        weights.data_bytes_mut().unwrap().copy_from_slice(&bytes);
        let mut reference = Mat::default();
        // OpenCV's default border is BORDER_REFLECT_101.
        imgproc::filter_2d(
            &mat_f32(&picture),
            &mut reference,
            -1,
            &weights,
            Point::new(-1, -1),
            0.0,
            BORDER_DEFAULT,
        )
        .unwrap();
        let difference = largest_difference(blurred.as_raw(), &values_f32(&reference));
        assert!(
            difference < 0.05,
            "σ {sigma_x}, {sigma_y}, rotation {rotation}, size {size}: {difference}/255"
        );
    }
}

#[test]
fn a_kernel_wider_than_the_picture_is_reflected_again_and_again() {
    let picture = to_f32(&image::imageops::crop_imm(&astronaut(), 200, 60, 9, 5).to_image());
    let blurred = Kernel::isotropic(6.0, 41).apply(&picture);
    let mut reference = Mat::default();
    imgproc::gaussian_blur_def(&mat_f32(&picture), &mut reference, Size::new(41, 41), 6.0).unwrap();
    let difference = largest_difference(blurred.as_raw(), &values_f32(&reference));
    assert!(difference < 0.05, "{difference}/255");
}

#[test]
fn bilinear_resize_is_inter_linear_in_both_directions() {
    let picture = to_f32(&astronaut());
    for (width, height) in [(511, 511), (400, 400), (256, 256), (171, 171), (73, 73), (64, 64), (64, 100)] {
        let small = picture::resize_bilinear_f32(&picture, width, height).unwrap();
        let size = Size::new(width as i32, height as i32);
        let mut reference = Mat::default();
        imgproc::resize(&mat_f32(&picture), &mut reference, size, 0.0, 0.0, imgproc::INTER_LINEAR).unwrap();
        let difference = largest_difference(small.as_raw(), &values_f32(&reference));
        assert!(difference < 0.1, "to {width}×{height}: {difference}/255");

        let large = picture::resize_bilinear_f32(&small, 512, 512).unwrap();
        let mut reference = Mat::default();
        imgproc::resize(
            &mat_f32(&small),
            &mut reference,
            Size::new(512, 512),
            0.0,
            0.0,
            imgproc::INTER_LINEAR,
        )
        .unwrap();
        let difference = largest_difference(large.as_raw(), &values_f32(&reference));
        assert!(difference < 0.1, "from {width}×{height}: {difference}/255");
    }
}

/// Both are real JPEG coders with the same tables and 4:2:0 colour; they differ in the rounding of their transforms.
#[test]
fn jpeg_is_that_of_libjpeg() {
    for picture in [astronaut(), odd_part()] {
        let mut bgr = Mat::default();
        imgproc::cvt_color_def(&mat_u8(&picture), &mut bgr, imgproc::COLOR_RGB2BGR).unwrap();
        for quality in [50, 75, 90, 100] {
            let ours = through_jpeg(&picture, quality).unwrap();
            let mut bytes = Vector::<u8>::new();
            let options = Vector::from_slice(&[imgcodecs::IMWRITE_JPEG_QUALITY, i32::from(quality)]);
            imgcodecs::imencode(".jpg", &bgr, &mut bytes, &options).unwrap();
            let decoded = imgcodecs::imdecode(&bytes, imgcodecs::IMREAD_COLOR).unwrap();
            let mut rgb = Mat::default();
            imgproc::cvt_color_def(&decoded, &mut rgb, imgproc::COLOR_BGR2RGB).unwrap();
            let reference =
                RgbImage::from_raw(picture.width(), picture.height(), rgb.data_bytes().unwrap().to_vec())
                    .unwrap();
            let agreement = psnr(&ours, &reference).unwrap();
            let loss = psnr(&reference, &picture).unwrap();
            // Measured: 51.7 to 54.4 dB.
            assert!(agreement > 48.0, "quality {quality}: the coders agree to {agreement} dB only");
            let ours = psnr(&ours, &picture).unwrap();
            assert!((ours - loss).abs() < 0.3, "quality {quality}: {ours} dB, libjpeg {loss} dB");
        }
    }
}

/// OpenCV's HSV of 32-bit floats: hue in degrees, saturation and value 0 to 1.
#[test]
fn hue_is_turned_as_in_opencvs_hsv() {
    let picture = to_f32(&odd_part());
    let mut scaled = picture.clone();
    scaled.iter_mut().for_each(|value| *value /= 255.0);
    for turn in [-0.5, -0.1, -0.03, 0.0, 0.1, 0.37, 0.5] {
        let mut ours = picture.clone();
        Adjustment::Hue(turn).apply(&mut ours);
        let mut hsv = Mat::default();
        imgproc::cvt_color_def(&mat_f32(&scaled), &mut hsv, imgproc::COLOR_RGB2HSV).unwrap();
        let mut values = values_f32(&hsv);
        for pixel in values.chunks_exact_mut(3) {
            pixel[0] = (pixel[0] + 360.0 * turn as f32).rem_euclid(360.0);
        }
        let turned = Rgb32FImage::from_raw(picture.width(), picture.height(), values).unwrap();
        let mut reference = Mat::default();
        imgproc::cvt_color_def(&mat_f32(&turned), &mut reference, imgproc::COLOR_HSV2RGB).unwrap();
        let reference: Vec<f32> = values_f32(&reference).iter().map(|value| 255.0 * value).collect();
        let difference = largest_difference(ours.as_raw(), &reference);
        assert!(difference < 0.02, "hue {turn}: {difference}/255");
    }
}

/// Grey, saturation and contrast against OpenCV's grey and mean. torchvision's weight of red is 0.2989, OpenCV's 0.299.
#[test]
fn grey_saturation_and_contrast_follow_from_opencvs_grey() {
    let picture = to_f32(&odd_part());
    let mut gray = Mat::default();
    imgproc::cvt_color_def(&mat_f32(&picture), &mut gray, imgproc::COLOR_RGB2GRAY).unwrap();
    let gray = values_f32(&gray);
    let check = |name: &str, ours: &Rgb32FImage, expected: &dyn Fn(usize, f32) -> f32| {
        for (index, (&value, &own)) in picture.iter().zip(ours.iter()).enumerate() {
            let expected = expected(index / 3, value).clamp(0.0, 255.0);
            assert!((own - expected).abs() < 0.05, "{name}, value {index}: {own}, expected {expected}");
        }
    };
    let mut ours = picture.clone();
    ColorParams { shift: None, gray: true, adjustments: Vec::new() }.apply(&mut ours);
    check("grey", &ours, &|pixel, _| gray[pixel]);
    let mut ours = picture.clone();
    ColorParams { shift: Some([20.0; 3]), gray: false, adjustments: Vec::new() }.apply(&mut ours);
    check("shift", &ours, &|_, value| value + 20.0);
    for factor in [0.0_f32, 0.5, 1.0, 1.5] {
        let mut ours = picture.clone();
        Adjustment::Saturation(f64::from(factor)).apply(&mut ours);
        check("saturation", &ours, &|pixel, value| gray[pixel] + factor * (value - gray[pixel]));
        let mut ours = picture.clone();
        Adjustment::Contrast(f64::from(factor)).apply(&mut ours);
        let mean = gray.iter().map(|&value| f64::from(value)).sum::<f64>() / gray.len() as f64;
        check("contrast", &ours, &|_, value| mean as f32 + factor * (value - mean as f32));
        let mut ours = picture.clone();
        Adjustment::Brightness(f64::from(factor)).apply(&mut ours);
        check("brightness", &ours, &|_, value| factor * value);
    }
}
