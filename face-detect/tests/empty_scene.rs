// SPDX-License-Identifier: MIT OR Apache-2.0
//! A picture without a face is not searched again and again, and a face that comes into it is found at once.

mod common;

use common::clip::*;
use common::photo;
use opencv::core::{Mat, Rect};
use opencv::prelude::*;

/// A suit and a tie: texture enough to look for a face in, and none there.
fn suit() -> Mat {
    seen(&photo("biden.jpg"), &about((485.0, 1500.0), (320.0, 180.0), 0.5, 0.0))
}

/// The picture with the astronaut's face, 30 pixels large, at (x, y).
fn with_face(picture: &Mat, (x, y): (i32, i32)) -> Mat {
    let face = seen(&photo("astronaut.png"), &about((222.0, 120.0), (f64::from(x), f64::from(y)), 0.3, 0.0));
    let area = Rect::new(x - 28, y - 28, 56, 56);
    let mut result = picture.try_clone().unwrap();
    let part = Mat::roi(&face, area).unwrap().try_clone().unwrap();
    part.copy_to(&mut Mat::roi_mut(&mut result, area).unwrap()).unwrap();
    result
}

#[test]
fn a_still_picture_without_a_face_is_searched_every_sixth_interval() {
    let mut rig = Rig::new(5);
    for frame in 0..60 {
        assert!(rig.next(&noisy(&suit(), 6.0, frame + 1)).is_empty());
    }
    assert_eq!(rig.detector.runs, 2);
}

#[test]
fn a_small_face_that_comes_into_it_is_found_within_an_interval() {
    for place in [(60, 60), (320, 180), (577, 301)] {
        let mut rig = Rig::new(5);
        for frame in 0..17 {
            rig.next(&noisy(&suit(), 6.0, frame + 1));
        }
        let picture = with_face(&suit(), place);
        let found = (0..5).find(|&frame| !rig.next(&noisy(&picture, 6.0, frame + 50)).is_empty());
        assert!(found.is_some(), "not found at {place:?}");
        // From then on it is searched as often as ever.
        let runs = rig.detector.runs;
        for frame in 0..20 {
            rig.next(&noisy(&picture, 6.0, frame + 80));
        }
        assert!(rig.detector.runs >= runs + 4, "{} runs", rig.detector.runs - runs);
    }
}

#[test]
fn each_frame_is_searched_where_that_is_asked_for() {
    let mut rig = Rig::new(1);
    for _ in 0..4 {
        rig.next(&suit());
    }
    assert_eq!(rig.detector.runs, 4);
}
