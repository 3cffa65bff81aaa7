// SPDX-License-Identifier: MIT OR Apache-2.0
//! Paste-back on real faces: what changes, what must not, and how well it restores.

mod common;

use common::{bytes, largest_difference, only_face, part, photo, pixel, psnr_where, whole};
use face_detect::{
    Correction, DetectError, Face, PasteOptions, Region, Similarity, align, correction, face_region,
    face_to_crop, paste,
};
use opencv::core::{self, BORDER_REFLECT_101, CV_8UC1, CV_8UC3, Mat, Scalar, Size, Vec3b, Vec3f};
use opencv::imgproc::{INTER_AREA, gaussian_blur, resize};
use opencv::prelude::*;

fn blurred(image: &Mat, sigma: f64) -> Mat {
    let mut result = Mat::default();
    gaussian_blur(image, &mut result, Size::default(), sigma, sigma, BORDER_REFLECT_101).unwrap();
    result
}

fn sharpened(image: &Mat) -> Mat {
    let mut result = Mat::default();
    core::add_weighted(image, 2.0, &blurred(image, 3.0), -1.0, 0.0, &mut result, -1).unwrap();
    result
}

fn tinted(image: &Mat, tint: [f64; 3]) -> Mat {
    let mut result = Mat::default();
    let tint = Scalar::new(tint[0], tint[1], tint[2], 0.0);
    core::add(image, &tint, &mut result, &core::no_array(), -1).unwrap();
    result
}

/// A photo, its face, the transform to the crop and the crop.
struct Scene {
    frame: Mat,
    face: Face,
    to_crop: Similarity,
    aligned: Mat,
}

fn scene(frame: Mat, crop_size: u32) -> Scene {
    let face = only_face(&frame);
    let to_crop = face_to_crop(&face.landmarks, crop_size).unwrap();
    let aligned = align(&frame, whole(&frame), &to_crop, crop_size).unwrap();
    Scene { frame, face, to_crop, aligned }
}

/// Faces smaller than, about as large as, and larger than their crop; odd sizes; one cut by the border.
fn scenes() -> Vec<Scene> {
    let astronaut = photo("astronaut.png");
    let cut = part(&astronaut, Region { x: 200, y: 0, width: 311, height: 301 });
    vec![
        scene(astronaut.clone(), 512),
        scene(astronaut, 256),
        scene(photo("biden.jpg"), 256),
        scene(cut, 257),
    ]
}

impl Scene {
    fn correction(&self, restored: &Mat, options: &PasteOptions) -> Correction {
        let (width, height) = (self.frame.cols() as u32, self.frame.rows() as u32);
        correction(&self.aligned, restored, &self.to_crop, width, height, options).unwrap().unwrap()
    }

    fn pasted(&self, restored: &Mat, options: &PasteOptions) -> Mat {
        let mut frame = self.frame.try_clone().unwrap();
        paste(&mut frame, &self.aligned, restored, &self.to_crop, options).unwrap();
        frame
    }
}

/// The mask's weight at a pixel of the frame.
fn weight(correction: &Correction, x: i32, y: i32) -> f32 {
    let Region { x: left, y: top, width, height } = correction.region;
    if x < left || y < top || x >= left + width || y >= top + height {
        return 0.0;
    }
    *correction.mask.at_2d::<f32>(y - top, x - left).unwrap()
}

const KEEP: PasteOptions = PasteOptions { strength: 1.0, keep_color: true };
const FREE: PasteOptions = PasteOptions { strength: 1.0, keep_color: false };

#[test]
fn a_face_left_alone_leaves_the_frame_bit_identical() {
    for scene in scenes() {
        for options in [KEEP, FREE] {
            let pasted = scene.pasted(&scene.aligned, &options);
            assert_eq!(bytes(&pasted), bytes(&scene.frame));
        }
    }
}

#[test]
fn every_byte_outside_the_mask_stays_and_the_correction_is_zero_there() {
    for scene in scenes() {
        let mut restored = scene.aligned.try_clone().unwrap();
        core::bitwise_not(&scene.aligned, &mut restored, &core::no_array()).unwrap();
        for options in [KEEP, FREE] {
            let correction = scene.correction(&restored, &options);
            let pasted = scene.pasted(&restored, &options);
            let mut changed = 0;
            for y in 0..pasted.rows() {
                for x in 0..pasted.cols() {
                    if weight(&correction, x, y) == 0.0 {
                        assert_eq!(pixel(&pasted, x, y), pixel(&scene.frame, x, y), "{x}, {y}");
                    }
                    changed += i32::from(pixel(&pasted, x, y) != pixel(&scene.frame, x, y));
                }
            }
            assert!(changed > 1000, "{changed}");
            for y in 0..correction.region.height {
                let deltas = correction.delta.at_row::<Vec3f>(y).unwrap();
                for (delta, weight) in deltas.iter().zip(correction.mask.at_row::<f32>(y).unwrap()) {
                    assert!((0.0..=1.0).contains(weight) && (*weight == 0.0 || *weight >= 1.0 / 512.0));
                    assert!(*weight > 0.0 || delta.0 == [0.0; 3]);
                }
            }
        }
    }
}

#[test]
fn the_correction_lies_inside_the_face_region_and_its_mask_over_the_face() {
    for scene in scenes() {
        let (width, height) = (scene.frame.cols() as u32, scene.frame.rows() as u32);
        let region = face_region(&scene.to_crop, scene.aligned.cols() as u32, width, height).unwrap();
        let correction = scene.correction(&sharpened(&scene.aligned), &KEEP);
        let inner = correction.region;
        assert!(inner.x >= region.x && inner.x + inner.width <= region.x + region.width);
        assert!(inner.y >= region.y && inner.y + inner.height <= region.y + region.height);
        for point in scene.face.landmarks {
            let (x, y) = (point.x.round() as i32, point.y.round() as i32);
            if x >= 0 && y >= 0 && x < scene.frame.cols() && y < scene.frame.rows() {
                assert!(weight(&correction, x, y) > 0.95, "{point:?}");
            }
        }
        // The mask ends before the correction's rectangle does, unless the frame ends there.
        let (right, bottom) = (inner.x + inner.width, inner.y + inner.height);
        for y in inner.y..bottom {
            assert!(inner.x == 0 || weight(&correction, inner.x, y) == 0.0);
            assert!(right == width as i32 || weight(&correction, right - 1, y) == 0.0);
        }
        for x in inner.x..right {
            assert!(inner.y == 0 || weight(&correction, x, inner.y) == 0.0);
            assert!(bottom == height as i32 || weight(&correction, x, bottom - 1) == 0.0);
        }
    }
}

#[test]
fn a_perfect_restoration_brings_the_face_near_the_original() {
    // The frame is blurred; the "network" answers with the crop of the sharp photo.
    let astronaut = photo("astronaut.png");
    for (crop_size, sigma, gain) in [(512, 2.0, 7.0), (256, 2.0, 7.0), (256, 4.0, 10.0)] {
        let degraded = scene(blurred(&astronaut, sigma), crop_size);
        let restored = align(&astronaut, whole(&astronaut), &degraded.to_crop, crop_size).unwrap();
        for options in [FREE, KEEP] {
            let correction = degraded.correction(&restored, &options);
            let pasted = degraded.pasted(&restored, &options);
            let inside = |x, y| weight(&correction, x, y) > 0.99;
            let before = psnr_where(&degraded.frame, &astronaut, inside);
            let after = psnr_where(&pasted, &astronaut, inside);
            assert!(after > before + gain, "{before} to {after} dB at {crop_size}, {sigma}, {options:?}");
            // On the ramp too nothing gets worse.
            let ramp = |x, y| (0.01..0.99).contains(&weight(&correction, x, y));
            let before = psnr_where(&degraded.frame, &astronaut, ramp);
            let after = psnr_where(&pasted, &astronaut, ramp);
            assert!(after > before, "{before} to {after} dB on the ramp");
        }
    }
}

#[test]
fn strength_scales_the_change() {
    let scene = scene(photo("astronaut.png"), 256);
    let restored = sharpened(&scene.aligned);
    let full = scene.correction(&restored, &KEEP);
    let half = scene.correction(&restored, &PasteOptions { strength: 0.5, ..KEEP });
    let difference = core::norm2(
        &full.delta,
        &(&half.delta * 2.0).into_result().unwrap().to_mat().unwrap(),
        core::NORM_INF,
        &core::no_array(),
    );
    assert!(difference.unwrap() < 1e-3);
    let none = PasteOptions { strength: 0.0, ..KEEP };
    assert_eq!(bytes(&scene.pasted(&restored, &none)), bytes(&scene.frame));
}

/// Mean change of each channel over the mask, in 8-bit units.
fn mean_change(scene: &Scene, pasted: &Mat, correction: &Correction) -> [f64; 3] {
    let (mut sums, mut count) = ([0.0; 3], 0.0);
    for y in 0..pasted.rows() {
        for x in 0..pasted.cols() {
            if weight(correction, x, y) > 0.0 {
                let (before, after) = (pixel(&scene.frame, x, y), pixel(pasted, x, y));
                for channel in 0..3 {
                    sums[channel] += f64::from(after[channel]) - f64::from(before[channel]);
                }
                count += 1.0;
            }
        }
    }
    sums.map(|sum| sum / count)
}

/// `image` with its values pressed into 40..=200, so that nothing saturates.
fn pressed(image: &Mat) -> Mat {
    let mut result = Mat::default();
    image.convert_to(&mut result, -1, 160.0 / 255.0, 40.0).unwrap();
    result
}

#[test]
fn a_tint_is_kept_out_unless_asked_for() {
    for (name, crop_size) in [("astronaut.png", 256), ("astronaut.png", 512), ("biden.jpg", 256)] {
        let scene = scene(pressed(&photo(name)), crop_size);
        let plain = tinted(&scene.aligned, [0.0, 0.0, 20.0]);
        let detailed = tinted(&sharpened(&scene.aligned), [20.0, -8.0, 0.0]);
        for restored in [&plain, &detailed] {
            let pasted = scene.pasted(restored, &KEEP);
            let change = mean_change(&scene, &pasted, &scene.correction(restored, &KEEP));
            assert!(change.iter().all(|mean| mean.abs() < 0.25), "{change:?} in {name}");
        }
        // The tint alone is nothing but tone: nothing of it is left.
        assert!(largest_difference(&scene.pasted(&plain, &KEEP), &scene.frame) <= 1);
        // Most of a change in detail passes.
        let sharp = sharpened(&scene.aligned);
        let change = |options| core::norm2_def(&scene.pasted(&sharp, options), &scene.frame).unwrap();
        assert!(change(&KEEP) > 0.8 * change(&FREE), "{} of {}", change(&KEEP), change(&FREE));

        let pasted = scene.pasted(&plain, &FREE);
        let nose = scene.face.landmarks[2];
        let (x, y) = (nose.x.round() as i32, nose.y.round() as i32);
        let (before, after) = (pixel(&scene.frame, x, y), pixel(&pasted, x, y));
        assert_eq!([after[0], after[1], after[2]], [before[0], before[1], before[2] + 20]);
    }
}

#[test]
fn a_slow_drift_of_tone_is_kept_out() {
    let scene = scene(pressed(&photo("astronaut.png")), 256);
    // Darker on the left, brighter on the right by up to 15.
    let mut restored = scene.aligned.try_clone().unwrap();
    for y in 0..256 {
        for (x, value) in restored.at_row_mut::<Vec3b>(y).unwrap().iter_mut().enumerate() {
            let drift = (x as f32 - 128.0) / 128.0 * 30.0;
            value.0 = value.0.map(|value| (f32::from(value) + drift).round() as u8);
        }
    }
    let change = |options| {
        let pasted = scene.pasted(&restored, &options);
        core::norm2_def(&pasted, &scene.frame).unwrap()
    };
    assert!(change(KEEP) < 0.3 * change(FREE), "{} of {}", change(KEEP), change(FREE));
}

#[test]
fn pasting_an_enlarged_face_makes_no_aliases() {
    // A face of 90 pixels in a crop of 512: stripes of one crop pixel are far beyond what the frame can hold.
    let scene = scene(pressed(&photo("astronaut.png")), 512);
    let mut restored = scene.aligned.try_clone().unwrap();
    for y in 0..512 {
        for (x, value) in restored.at_row_mut::<Vec3b>(y).unwrap().iter_mut().enumerate() {
            let stripe = if x % 2 == 0 { 30 } else { -30 };
            value.0 = value.0.map(|value| value.saturating_add_signed(stripe));
        }
    }
    assert!(largest_difference(&scene.pasted(&restored, &FREE), &scene.frame) <= 3);
}

/// Two astronauts of half size side by side.
fn two_faces() -> (Mat, [Similarity; 2]) {
    let mut half = Mat::default();
    resize(&photo("astronaut.png"), &mut half, Size::new(256, 256), 0.0, 0.0, INTER_AREA).unwrap();
    let mut frame = Mat::default();
    core::hconcat2(&half, &half, &mut frame).unwrap();
    let left = face_to_crop(&only_face(&half).landmarks, 128).unwrap();
    let right = Similarity { tx: left.tx - left.a * 256.0, ty: left.ty - left.b * 256.0, ..left };
    (frame, [left, right])
}

#[test]
fn faces_pasted_in_sequence_all_stay() {
    let (frame, transforms) = two_faces();
    let pasted = |order: &[usize]| {
        let mut result = frame.try_clone().unwrap();
        for &face in order {
            let aligned = align(&frame, whole(&frame), &transforms[face], 128).unwrap();
            paste(&mut result, &aligned, &sharpened(&aligned), &transforms[face], &KEEP).unwrap();
        }
        result
    };
    let both = pasted(&[0, 1]);
    assert_eq!(bytes(&both), bytes(&pasted(&[1, 0])));
    for (face, x) in [(0, 0), (1, 256)] {
        let half = Region { x, y: 0, width: 256, height: 256 };
        assert_eq!(bytes(&part(&both, half)), bytes(&part(&pasted(&[face]), half)));
        assert!(largest_difference(&part(&both, half), &part(&frame, half)) > 5);
    }
}

#[test]
fn overlapping_faces_add_up_in_any_order() {
    let frame = pressed(&photo("astronaut.png"));
    let face = face_to_crop(&only_face(&frame).landmarks, 256).unwrap();
    let pasted = |order: &[Similarity]| {
        let mut result = frame.try_clone().unwrap();
        for to_crop in order {
            let aligned = align(&frame, whole(&frame), to_crop, 256).unwrap();
            paste(&mut result, &aligned, &tinted(&aligned, [10.0; 3]), to_crop, &FREE).unwrap();
        }
        result
    };
    // The second face overlaps the first by more than half.
    let order = [face, face.translated(-60.0, 0.0)];
    let (forth, back) = (pasted(&order), pasted(&[order[1], order[0]]));
    assert!(largest_difference(&forth, &back) <= 1);
    assert_eq!(largest_difference(&forth, &frame), 20);
}

#[test]
fn tiny_frames_and_faces_outside_are_harmless() {
    let scene = scene(photo("astronaut.png"), 64);
    let restored = sharpened(&scene.aligned);
    let nose = scene.face.landmarks[2];
    let place = Region { x: nose.x as i32, y: nose.y as i32, width: 1, height: 1 };
    let mut pixel_frame = part(&scene.frame, place);
    let here = scene.to_crop.inverse().translated(-f64::from(place.x), -f64::from(place.y)).inverse();
    let options = PasteOptions { keep_color: false, ..KEEP };
    paste(&mut pixel_frame, &scene.aligned, &restored, &here, &options).unwrap();
    assert_eq!(pixel(&pixel_frame, 0, 0), pixel(&scene.pasted(&restored, &options), place.x, place.y));

    let outside = scene.to_crop.translated(5000.0, 0.0);
    assert!(correction(&scene.aligned, &restored, &outside, 512, 512, &KEEP).unwrap().is_none());
    assert!(correction(&scene.aligned, &restored, &scene.to_crop, 0, 0, &KEEP).unwrap().is_none());
}

#[test]
fn bad_arguments_are_errors_and_leave_the_frame_alone() {
    let scene = scene(photo("astronaut.png"), 64);
    let aligned = &scene.aligned;
    let grey = Mat::new_rows_cols_with_default(64, 64, CV_8UC1, Scalar::all(1.0)).unwrap();
    let wide = Mat::new_rows_cols_with_default(64, 65, CV_8UC3, Scalar::all(1.0)).unwrap();
    let small = Mat::new_rows_cols_with_default(63, 63, CV_8UC3, Scalar::all(1.0)).unwrap();
    let empty = Mat::default();
    for (aligned, restored, word) in [
        (&empty, aligned, "empty"),
        (aligned, &empty, "empty"),
        (&grey, &grey, "CV_8UC3"),
        (&wide, &wide, "square"),
        (aligned, &small, "64x64"),
    ] {
        let mut frame = scene.frame.try_clone().unwrap();
        let error = paste(&mut frame, aligned, restored, &scene.to_crop, &KEEP).unwrap_err();
        assert!(error.to_string().contains(word), "{error}");
        assert_eq!(bytes(&frame), bytes(&scene.frame));
    }
    for strength in [-0.1, 1.1, f32::NAN] {
        let options = PasteOptions { strength, ..KEEP };
        let error = correction(aligned, aligned, &scene.to_crop, 512, 512, &options).unwrap_err();
        assert!(matches!(error, DetectError::WrongValue { what: "strength", .. }), "{error:?}");
    }
    let flat = Similarity { a: 0.0, b: 0.0, tx: 1.0, ty: 1.0 };
    let error = correction(aligned, aligned, &flat, 512, 512, &KEEP).unwrap_err();
    assert!(matches!(error, DetectError::Degenerate { .. }), "{error:?}");

    let mut grey_frame = grey.try_clone().unwrap();
    assert!(paste(&mut grey_frame, aligned, aligned, &scene.to_crop, &KEEP).is_err());
    let made_for_a_larger_frame = scene.correction(&sharpened(aligned), &KEEP);
    let mut small_frame = small.try_clone().unwrap();
    assert!(made_for_a_larger_frame.apply(&mut small_frame).is_err());
}
