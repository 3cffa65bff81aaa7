// SPDX-License-Identifier: MIT OR Apache-2.0
//! Looks at a part of a frame find what a look at the whole finds, and a tracker that skips frames begins where a face is found.

mod common;

use std::time::Duration;

use common::clip::*;
use common::{detector, photo};
use face_detect::{
    Cells, DetectError, DetectOptions, Face, FaceTracker, InputSize, Look, Region, TrackOptions, TrackState,
};
use opencv::core::{Mat, Rect, Size};
use opencv::imgproc::{COLOR_BGR2GRAY, INTER_AREA, cvt_color_def, resize};
use opencv::prelude::*;

const FRAME_SIZE: (u32, u32) = (SMALL.0 as u32, SMALL.1 as u32);

/// A frame with the astronaut's face, about 80 pixels large, at (x, y).
fn frame(x: f64, y: f64) -> Mat {
    seen(&photo("astronaut.png"), &about((222.0, 120.0), (x, y), 0.6, 0.0))
}

/// Another photo, in which there is no face: a suit and a tie.
fn suit() -> Mat {
    seen(&photo("biden.jpg"), &about((485.0, 1500.0), (320.0, 180.0), 0.5, 0.0))
}

/// What `look` looks at.
fn part(frame: &Mat, look: &Look) -> Mat {
    let Region { x, y, width, height } = look.region;
    let (small_width, small_height) = look.scaled();
    let mut small = Mat::default();
    let size = Size::new(small_width as i32, small_height as i32);
    let pixels = Mat::roi(frame, Rect::new(x, y, width, height)).unwrap();
    resize(&pixels, &mut small, size, 0.0, 0.0, INTER_AREA).unwrap();
    small
}

fn cells(frame: &Mat) -> Cells {
    let mut grey = Mat::default();
    cvt_color_def(frame, &mut grey, COLOR_BGR2GRAY).unwrap();
    let rows: Vec<&[u8]> = grey.data_bytes().unwrap().chunks_exact(grey.cols() as usize).collect();
    Cells::of(&rows, &[1.0], (grey.cols() as u32, grey.rows() as u32))
}

/// The largest distance of the landmarks of two faces.
fn distance(a: &Face, b: &Face) -> f32 {
    let pairs = a.landmarks.iter().zip(&b.landmarks);
    pairs.map(|(a, b)| (a.x - b.x).hypot(a.y - b.y)).fold(0.0, f32::max)
}

#[test]
fn a_known_face_is_where_a_look_at_the_whole_frame_finds_it() {
    let (mut detector, options) = (detector(), DetectOptions::default());
    for place in [(320.0, 180.0), (60.0, 60.0), (590.0, 300.0)] {
        let frame = frame(place.0, place.1);
        let [face] = detector.detect(&frame, &options).unwrap()[..] else { panic!("one face at {place:?}") };
        let look = Look::around(&face.bbox, FRAME_SIZE, options.min_face_size);
        assert!(look.pixels() <= 256 * 256 && look.holds(&face.bbox, FRAME_SIZE));
        let [near] = detector.look(&part(&frame, &look), &look, &options).unwrap()[..] else {
            panic!("one face near {place:?}")
        };
        // The grid of the network lies elsewhere; a detection trembles by as much from frame to frame.
        let distance = distance(&face, &near);
        assert!(distance < 0.06 * face.bbox.width, "{distance} pixels of {} at {place:?}", face.bbox.width);
    }
}

#[test]
fn a_small_face_is_suspected_in_a_window_and_in_the_frame() {
    let (mut detector, options) = (detector(), DetectOptions::default());
    // It is a little larger than the least size, 32 pixels.
    let frame = seen(&photo("astronaut.png"), &about((222.0, 120.0), (400.0, 200.0), 0.34, 0.0));
    let around = Region { x: 370, y: 170, width: 60, height: 60 };
    let everywhere = Region { x: 0, y: 0, width: SMALL.0, height: SMALL.1 };
    for changed in [around, everywhere] {
        let look = Look::for_suspects(changed, FRAME_SIZE, options.min_face_size);
        let suspects = detector.look(&part(&frame, &look), &look, &options.for_suspects()).unwrap();
        let is_there = |face: &Face| {
            let nose = face.landmarks[2];
            (nose.x - 400.0).abs() < 8.0 && (nose.y - 203.0).abs() < 8.0
        };
        assert!(suspects.iter().any(is_there), "{suspects:?} in {look:?}");
    }
}

#[test]
fn networks_for_other_sizes_change_nothing_about_a_size() {
    let (mut detector, options) = (detector(), DetectOptions::default());
    let frame = frame(320.0, 180.0);
    let first = detector.detect(&frame, &options).unwrap();
    assert_eq!(first.len(), 1);
    // More of them than are kept.
    for side in [64, 96, 128, 160, 192, 224] {
        let input = InputSize { width: side, height: side, scale: 1.0 };
        let small = part(&frame, &Look { region: Region { x: 0, y: 0, width: 64, height: 64 }, input });
        detector.detect_scaled(&small, input, &options).unwrap();
    }
    assert_eq!(detector.detect(&frame, &options).unwrap(), first);
}

#[test]
fn a_frame_is_searched_at_once_where_it_begins_something() {
    let (wall, face) = (cells(&suit()), cells(&frame(320.0, 180.0)));
    let mut tracker = FaceTracker::new();
    let mut skip = |cells: &Cells, size: (u32, u32), milliseconds: u64| {
        tracker.skip(cells, size, Duration::from_millis(milliseconds))
    };
    assert!(skip(&wall, FRAME_SIZE, 0), "the first");
    assert!(!skip(&wall, FRAME_SIZE, 40) && !skip(&wall, FRAME_SIZE, 80));
    assert!(skip(&face, FRAME_SIZE, 120), "a cut");
    assert!(!skip(&face, FRAME_SIZE, 160));
    assert!(skip(&face, FRAME_SIZE, 900), "a gap");
    assert!(skip(&face, (641, 360), 940), "of another size");
}

#[test]
fn a_face_that_is_found_in_a_skipped_frame_is_followed_from_there() {
    let (mut detector, options) = (detector(), DetectOptions::default());
    let mut tracker = FaceTracker::new();
    let wall = suit();
    tracker.skip(&cells(&wall), FRAME_SIZE, Duration::ZERO);
    assert!(tracker.is_empty());
    let first = frame(320.0, 180.0);
    tracker.skip(&cells(&first), FRAME_SIZE, FRAME_TIME);
    let faces = detector.detect(&first, &options).unwrap();
    let begun = tracker.begin(&first, &faces).unwrap().to_vec();
    assert_eq!((begun.len(), begun[0].state), (1, TrackState::Detected));
    assert!(!tracker.is_empty());
    assert_eq!(tracker.now(), FRAME_TIME);
    let never = || -> Result<Vec<Face>, DetectError> { unreachable!("it is not due") };
    let options = TrackOptions { detection_interval: 5, ..TrackOptions::default() };
    for step in 1..5_u32 {
        let moved = frame(320.0 + 3.0 * f64::from(step), 180.0);
        let tracks = tracker.update(&moved, FRAME_SIZE, FRAME_TIME * (step + 1), &options, never).unwrap();
        assert_eq!((tracks.len(), tracks[0].id, tracks[0].state), (1, begun[0].id, TrackState::Followed));
    }
}

#[test]
fn a_detection_is_told_of_the_faces_that_are_all_in_sight() {
    let (mut detector, detect) = (detector(), DetectOptions::default());
    let mut tracker = FaceTracker::new();
    let options = TrackOptions { detection_interval: 2, ..TrackOptions::default() };
    let mut known = Vec::new();
    let pictures = [frame(320.0, 180.0), frame(322.0, 180.0), frame(324.0, 180.0), suit(), suit()];
    for (index, picture) in pictures.iter().enumerate() {
        let time = FRAME_TIME * index as u32;
        let told = &mut known;
        let result = tracker.update_known(picture, FRAME_SIZE, time, &options, |faces| {
            told.push((index, faces.to_vec()));
            detector.detect(picture, &detect)
        });
        result.unwrap();
    }
    let counts: Vec<(usize, usize)> = known.iter().map(|(index, faces)| (*index, faces.len())).collect();
    // Nobody is known at first, the face is in the third frame, and after a cut nobody is.
    assert_eq!(counts[..3], [(0, 0), (2, 1), (3, 0)]);
    let [face] = detector.detect(&pictures[2], &detect).unwrap()[..] else { panic!("one face") };
    assert!(distance(&known[1].1[0], &face) < 0.1 * face.bbox.width);
}
