// SPDX-License-Identifier: MIT OR Apache-2.0
//! Scene cuts, and what is none. A tracker that is told to detect only once asks again at a cut and at no
//! other time.

mod common;

use common::clip::*;
use common::photo;
use face_detect::{DetectError, FaceTracker, TrackOptions};
use opencv::core::{Mat, Size};
use opencv::imgproc::{INTER_LINEAR, resize};
use opencv::prelude::*;

/// The frames in which a scene begins, without the first.
fn cuts(frames: &[Mat]) -> Vec<usize> {
    let mut tracker = FaceTracker::new();
    let options = TrackOptions { detection_interval: u32::MAX, ..TrackOptions::default() };
    let mut begins = Vec::new();
    for (index, small) in frames.iter().enumerate() {
        let time = FRAME_TIME * index as u32;
        let detect = || {
            begins.push(index);
            Ok::<_, DetectError>(Vec::new())
        };
        tracker.update(small, FRAME, time, &options, detect).unwrap();
    }
    assert_eq!(begins.remove(0), 0);
    begins
}

fn astronaut(scale: f64, x: f64) -> Mat {
    seen(&photo("astronaut.png"), &about((222.0, 120.0), (320.0 + x, 180.0), scale, 0.0))
}

fn biden(scale: f64, x: f64) -> Mat {
    seen(&photo("biden.jpg"), &about((580.0, 390.0), (320.0 + x, 180.0), scale, 0.0))
}

/// Ten noisy frames.
fn clip(frame: impl Fn(f64) -> Mat) -> Vec<Mat> {
    (0..10).map(|index| noisy(&frame(f64::from(index)), 6.0, index + 1)).collect()
}

fn brightened(picture: &Mat, gain: f64, offset: f64) -> Mat {
    let mut result = Mat::default();
    picture.convert_to(&mut result, -1, gain, offset).unwrap();
    result
}

#[test]
fn cuts_are_seen_at_their_frame() {
    // A portrait after a portrait, both faces in the same place and of the same size: hard to tell apart.
    let mut frames = clip(|t| astronaut(1.2, 2.0 * t));
    frames.extend(clip(|t| biden(0.6, -2.0 * t)));
    frames.extend(clip(|_| astronaut(0.8, 90.0)));
    frames.extend(clip(|_| biden(0.3, 0.0)));
    assert_eq!(cuts(&frames), [10, 20, 30]);

    let car = &decoded("carphone_pristine.mp4", 176, 144)[..4];
    let mut frames: Vec<Mat> = Vec::new();
    for picture in car {
        let mut large = Mat::default();
        resize(picture, &mut large, Size::new(SMALL.0, SMALL.1), 0.0, 0.0, INTER_LINEAR).unwrap();
        frames.push(large);
    }
    frames.extend(clip(|_| astronaut(1.2, 0.0)));
    assert_eq!(cuts(&frames), [4]);
}

#[test]
fn pans_and_zooms_are_no_cuts() {
    // 60 of 640 pixels a frame: across the picture in less than half a second.
    assert_eq!(cuts(&clip(|t| astronaut(1.2, -270.0 + 60.0 * t))), []);
    assert_eq!(cuts(&clip(|t| biden(0.6, 200.0 - 40.0 * t))), []);
    // A tenth a frame.
    assert_eq!(cuts(&clip(|t| astronaut(0.7 * 1.1_f64.powf(t), 0.0))), []);
    assert_eq!(cuts(&clip(|t| biden(0.9 * 0.9_f64.powf(t), 0.0))), []);
}

#[test]
fn changes_of_light_are_no_cuts() {
    let picture = astronaut(1.2, 0.0);
    assert_eq!(cuts(&clip(|t| brightened(&picture, 0.3 + 0.2 * t, 0.0))), []);
    assert_eq!(cuts(&clip(|t| brightened(&picture, 1.0 - 0.11 * t, 0.0))), []);
    // A flash, and one at which everything is white.
    for offset in [90.0, 300.0] {
        assert_eq!(cuts(&clip(|t| brightened(&picture, 1.0, if t == 5.0 { offset } else { 0.0 }))), []);
    }
    // The screen is black between two scenes: the second one is new.
    let mut frames = clip(|_| picture.try_clone().unwrap());
    frames.extend(clip(|_| brightened(&picture, 0.0, 16.0)));
    frames.extend(clip(|_| biden(0.6, 0.0)));
    assert_eq!(cuts(&frames), [20]);
}

#[test]
fn a_talking_man_in_a_moving_car_is_no_cut() {
    for name in ["carphone_pristine.mp4", "carphone_distorted.mp4"] {
        let frames = decoded(name, 176, 144);
        assert!(frames.len() >= 119, "{} frames of {name}", frames.len());
        assert_eq!(cuts(&frames), []);
    }
}
