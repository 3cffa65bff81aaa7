// SPDX-License-Identifier: MIT OR Apache-2.0
//! Alignment of a real photo under known transforms, at borders, and when shrinking.

mod common;

use std::f64::consts::PI;

use common::{largest_difference, only_face, part, photo, pixel, psnr, whole};
use face_detect::{DetectError, Region, Similarity, align, face_region, face_to_crop, template};
use opencv::core::{CV_8UC1, CV_8UC3, Mat, ROTATE_90_CLOCKWISE, Scalar, Size, Vec3b, rotate};
use opencv::imgproc::{INTER_AREA, resize};
use opencv::prelude::*;

fn turned(scale: f64, degrees: f64, tx: f64, ty: f64) -> Similarity {
    let angle = degrees.to_radians();
    Similarity { a: scale * angle.cos(), b: scale * angle.sin(), tx, ty }
}

/// The transform that turns about and scales towards the middle of the astronaut's face.
fn about_the_face(scale: f64, degrees: f64, crop_size: u32) -> Similarity {
    let turn = turned(scale, degrees, 0.0, 0.0);
    let middle = turn.apply(face_detect::Point { x: 223.0, y: 122.0 });
    let centre = f64::from(crop_size) / 2.0;
    turn.translated(centre - f64::from(middle.x), centre - f64::from(middle.y))
}

#[test]
fn a_shift_by_whole_pixels_copies() {
    let image = photo("astronaut.png");
    let crop = align(&image, whole(&image), &turned(1.0, 0.0, -150.0, -40.0), 200).unwrap();
    let expected = part(&image, Region { x: 150, y: 40, width: 200, height: 200 });
    assert_eq!(largest_difference(&crop, &expected), 0);
}

#[test]
fn a_quarter_turn_permutes_pixels() {
    let image = photo("astronaut.png");
    // (x, y) goes to (511 - y, x): pixel centres onto pixel centres.
    let quarter = Similarity { a: 0.0, b: 1.0, tx: 511.0, ty: 0.0 };
    let crop = align(&image, whole(&image), &quarter, 512).unwrap();
    let mut expected = Mat::default();
    rotate(&image, &mut expected, ROTATE_90_CLOCKWISE).unwrap();
    assert_eq!(largest_difference(&crop, &expected), 0);
}

/// The shares of the eight pixels around a sample `part` of a pixel after the fourth: Lanczos' kernel sinc(x)·sinc(x/4).
fn lanczos(part: f64) -> [f64; 8] {
    let sinc = |x: f64| if x == 0.0 { 1.0 } else { (PI * x).sin() / (PI * x) };
    let weights: [f64; 8] = std::array::from_fn(|tap| {
        let x = tap as f64 - 3.0 - part;
        sinc(x) * sinc(x / 4.0)
    });
    let sum: f64 = weights.iter().sum();
    weights.map(|weight| weight / sum)
}

#[test]
fn any_enlarging_turn_samples_by_lanczos_kernel_at_pixel_centres() {
    let image = photo("astronaut.png");
    let to_crop = about_the_face(1.7, 23.0, 256);
    let crop = align(&image, whole(&image), &to_crop, 256).unwrap();
    let (mut sum, mut largest) = (0.0, 0.0_f64);
    for y in 0..256 {
        for x in 0..256 {
            let source = to_crop.inverse().apply(face_detect::Point { x: x as f32, y: y as f32 });
            let (left, top) = (source.x.floor(), source.y.floor());
            let (across, down) = (lanczos(f64::from(source.x - left)), lanczos(f64::from(source.y - top)));
            for channel in 0..3 {
                let mut expected = 0.0;
                for (dy, down) in (-3..).zip(down) {
                    for (dx, across) in (-3..).zip(across) {
                        let value = pixel(&image, left as i32 + dx, top as i32 + dy)[channel];
                        expected += down * across * f64::from(value);
                    }
                }
                let difference = f64::from(pixel(&crop, x, y)[channel]) - expected.clamp(0.0, 255.0);
                sum += difference.abs();
                largest = largest.max(difference.abs());
            }
        }
    }
    // OpenCV places samples on a grid of 1/32 pixel.
    assert!(sum / (256.0 * 256.0 * 3.0) < 0.5, "mean {}", sum / (256.0 * 256.0 * 3.0));
    assert!(largest < 6.0, "largest {largest}");
}

#[test]
fn the_crop_puts_the_landmarks_on_the_template() {
    let image = photo("biden.jpg");
    let face = only_face(&image);
    let to_crop = face_to_crop(&face.landmarks, 256).unwrap();
    for (landmark, place) in face.landmarks.iter().zip(template(256)) {
        let found = to_crop.apply(*landmark);
        assert!((found.x - place.x).hypot(found.y - place.y) < 20.0, "{found:?} {place:?}");
    }
    // And the detector, run on the crop, agrees that they are there.
    let crop = align(&image, whole(&image), &to_crop, 256).unwrap();
    for (landmark, found) in face.landmarks.iter().zip(only_face(&crop).landmarks) {
        let expected = to_crop.apply(*landmark);
        assert!((found.x - expected.x).hypot(found.y - expected.y) < 6.0, "{found:?} {expected:?}");
    }
}

#[test]
fn a_smaller_crop_is_the_larger_one_shrunk() {
    let image = photo("biden.jpg");
    let landmarks = only_face(&image).landmarks;
    let crop_of =
        |size| align(&image, whole(&image), &face_to_crop(&landmarks, size).unwrap(), size).unwrap();
    let (large, small) = (crop_of(512), crop_of(256));
    let mut halved = Mat::default();
    resize(&large, &mut halved, Size::new(256, 256), 0.0, 0.0, INTER_AREA).unwrap();
    assert!(psnr(&small, &halved) > 40.0, "{}", psnr(&small, &halved));
    // Half a crop pixel of disagreement between the conventions would show.
    let shifted = face_to_crop(&landmarks, 256).unwrap().translated(0.5, 0.0);
    let shifted = align(&image, whole(&image), &shifted, 256).unwrap();
    assert!(psnr(&shifted, &halved) < psnr(&small, &halved) - 3.0);
}

#[test]
fn shrinking_makes_no_aliases() {
    // Stripes of one pixel: at 0.37 of the size nothing but their mean can be seen.
    let mut stripes = Mat::new_rows_cols_with_default(700, 700, CV_8UC3, Scalar::all(0.0)).unwrap();
    for y in 0..700 {
        for pixel in stripes.at_row_mut::<Vec3b>(y).unwrap().iter_mut().step_by(2) {
            *pixel = Vec3b::from([200, 100, 50]);
        }
    }
    let crop = align(&stripes, whole(&stripes), &turned(0.37, 8.0, 30.0, -30.0), 128).unwrap();
    for y in 0..128 {
        for x in 0..128 {
            for (value, mean) in pixel(&crop, x, y).into_iter().zip([100_u8, 50, 25]) {
                assert!(value.abs_diff(mean) <= 6, "{value} at {x}, {y}");
            }
        }
    }
}

#[test]
fn a_face_cut_by_the_border_is_mirrored() {
    let image = part(&photo("astronaut.png"), Region { x: 200, y: 0, width: 212, height: 301 });
    let crop = align(&image, whole(&image), &turned(1.0, 0.0, 60.0, 0.0), 256).unwrap();
    for y in 0..256 {
        for x in 1..=60 {
            assert_eq!(pixel(&crop, 60 - x, y), pixel(&crop, 60 + x, y));
        }
    }
}

#[test]
fn the_region_alone_gives_the_same_crop_as_the_whole_frame() {
    let image = photo("astronaut.png");
    let (mut smaller, mut cut) = (0, 0);
    for scale in [0.3, 0.62, 1.0, 2.3] {
        for degrees in [0.0, 17.0, -140.0] {
            // In the middle, and beyond each border by different amounts.
            for (dx, dy) in [(0.0, 0.0), (90.0, -30.0), (-200.0, 75.0), (20.0, 160.0), (-330.0, -290.0)] {
                let to_crop = about_the_face(scale, degrees, 128).translated(dx * scale, dy * scale);
                let Some(region) = face_region(&to_crop, 128, 512, 512) else { continue };
                let from_region = align(&part(&image, region), region, &to_crop, 128).unwrap();
                let from_frame = align(&image, whole(&image), &to_crop, 128).unwrap();
                let difference = largest_difference(&from_region, &from_frame);
                assert!(difference <= 1, "{difference} at {scale}, {degrees}, {dx}, {dy}: {region:?}");
                let reach = |limit, low, length| low == 0 || low + length == limit;
                smaller += i32::from(region.width < 512 || region.height < 512);
                cut += i32::from(reach(512, region.x, region.width) || reach(512, region.y, region.height));
            }
        }
    }
    assert!(smaller > 30 && cut > 20, "{smaller} {cut}");
}

#[test]
fn frames_of_one_pixel_and_of_odd_sizes_align() {
    let image = photo("astronaut.png");
    for (width, height) in [(1, 1), (1, 37), (3, 2), (61, 59)] {
        let frame = part(&image, Region { x: 220, y: 120, width, height });
        for to_crop in
            [turned(1.0, 0.0, 0.0, 0.0), turned(0.2, 30.0, 15.0, 16.0), turned(9.0, -75.0, 3.0, 3.0)]
        {
            let crop = align(&frame, whole(&frame), &to_crop, 33).unwrap();
            assert_eq!(crop.size().unwrap(), Size::new(33, 33));
            if (width, height) == (1, 1) {
                assert_eq!(pixel(&crop, 20, 7), pixel(&frame, 0, 0));
            }
        }
    }
}

#[test]
fn bad_arguments_are_errors() {
    let image = photo("astronaut.png");
    let identity = turned(1.0, 0.0, 0.0, 0.0);
    let grey = Mat::new_rows_cols_with_default(512, 512, CV_8UC1, Scalar::all(1.0)).unwrap();
    for wrong in [&Mat::default(), &grey] {
        let error = align(wrong, whole(&image), &identity, 64).unwrap_err();
        assert!(error.to_string().contains("CV_8UC3"), "{error}");
    }
    let error = align(&image, Region { x: 0, y: 0, width: 511, height: 512 }, &identity, 64).unwrap_err();
    assert!(error.to_string().contains("511x512"), "{error}");
    for crop_size in [0, 4097, u32::MAX] {
        let error = align(&image, whole(&image), &identity, crop_size).unwrap_err();
        assert!(matches!(error, DetectError::WrongValue { what: "crop_size", .. }), "{error:?}");
    }
    for broken in
        [turned(0.0, 0.0, 1.0, 1.0), turned(f64::NAN, 0.0, 1.0, 1.0), turned(1.0, 0.0, f64::INFINITY, 1.0)]
    {
        let error = align(&image, whole(&image), &broken, 64).unwrap_err();
        assert!(matches!(error, DetectError::Degenerate { .. }), "{error:?}");
    }
}
