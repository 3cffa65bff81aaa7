// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which face is which: meeting, leaving, hiding, cuts, and when the detector is asked.

mod common;

use std::collections::BTreeSet;
use std::time::Duration;

use common::clip::*;
use common::{part, photo};
use face_detect::{
    BoundingBox, DetectError, DetectOptions, Face, FaceTracker, Region, Track, TrackOptions, TrackState,
};
use opencv::core::{CV_8UC3, CV_32FC3, Mat, Rect, Scalar, Size, add_weighted_def};
use opencv::imgproc::{INTER_AREA, resize};
use opencv::prelude::*;

fn distance(track: &Track, place: (f64, f64)) -> f32 {
    let (nose, place) = (track.face.landmarks[2], in_frame(place));
    (nose.x - place.x).hypot(nose.y - place.y)
}

/// The id of the face that is seen at a place of the small picture.
fn id_at(tracks: &[Track], place: (f64, f64)) -> u64 {
    let seen = tracks.iter().filter(|track| track.state != TrackState::Missing);
    let nearest = seen.min_by(|a, b| distance(a, place).total_cmp(&distance(b, place))).unwrap();
    assert!(distance(nearest, place) < 30.0, "{tracks:?} at {place:?}");
    nearest.id
}

fn ids(tracks: &[Track]) -> BTreeSet<u64> {
    tracks.iter().map(|track| track.id).collect()
}

#[test]
fn two_people_who_pass_each_other_keep_their_ids() {
    let (wall, heads) = (background(), [Head::astronaut(), Head::biden()]);
    // Whoever is in front, and quickly (about 12 frames in which one hides the other) or slowly (24).
    for (front, frames) in [(0, 60), (1, 60), (1, 110)] {
        let mut rig = Rig::new(5);
        let mut begin = None;
        let mut hidden = false;
        for frame in 0..frames {
            let way = 340.0 * f64::from(frame) / f64::from(frames - 1);
            let places = [(150.0 + way, 180.0), (490.0 - way, 170.0)];
            let mut picture = wall.try_clone().unwrap();
            for index in [1 - front, front] {
                heads[index].draw(&mut picture, places[index]);
            }
            let tracks = rig.next(&noisy(&picture, 3.0, frame + 1));
            assert_eq!(tracks.len(), 2, "{tracks:?} in frame {frame}");
            hidden |= tracks.iter().any(|track| track.state == TrackState::Missing);
            if frame < frames / 3 || frame > 2 * frames / 3 {
                let now = places.map(|place| id_at(&tracks, place));
                assert_eq!(now, *begin.get_or_insert(now), "frame {frame} of {frames}, {front} in front");
            }
        }
        assert!(hidden);
        assert_eq!(begin.unwrap().into_iter().collect::<BTreeSet<_>>(), BTreeSet::from([0, 1]));
    }
}

#[test]
fn one_leaves_and_another_comes() {
    let (wall, first, second) = (background(), Head::astronaut(), Head::biden());
    let mut rig = Rig::new(5);
    let mut seen = Vec::new();
    for frame in 0..60 {
        let mut picture = wall.try_clone().unwrap();
        first.draw(&mut picture, (500.0 + 8.0 * f64::from(frame), 180.0));
        second.draw(&mut picture, (-250.0 + 8.0 * f64::from(frame), 180.0));
        seen.push(rig.next(&noisy(&picture, 3.0, frame + 1)));
    }
    assert_eq!(ids(&seen[0]), BTreeSet::from([0]));
    // The first head is out of the picture from frame 25 on, the second in it from frame 35.
    assert_eq!(ids(&seen[28]), BTreeSet::new(), "{:?}", seen[28]);
    assert_eq!(ids(&seen[59]), BTreeSet::from([1]));
}

#[test]
fn a_face_behind_a_hand_comes_back_with_its_id_if_it_comes_soon() {
    let (wall, head) = (background(), Head::astronaut());
    for (hidden_frames, id) in [(15, 0), (40, 1)] {
        let mut rig = Rig::new(5);
        let mut states = Vec::new();
        for frame in 0..60 {
            let mut picture = wall.try_clone().unwrap();
            head.draw(&mut picture, (300.0, 180.0));
            if (10..10 + hidden_frames).contains(&frame) {
                // What hides it has structure of its own, from elsewhere in the photo.
                let hand = part(&photo("astronaut.png"), Region { x: 60, y: 300, width: 130, height: 170 });
                let place = Rect::new(235, 90, 130, 170);
                hand.copy_to(&mut Mat::roi_mut(&mut picture, place).unwrap()).unwrap();
            }
            let tracks = rig.next(&noisy(&picture, 3.0, frame + 1));
            states.push(tracks.first().map(|track| (track.id, track.state)));
        }
        assert_eq!(states[9], Some((0, TrackState::Followed)));
        assert_eq!(states[12], Some((0, TrackState::Missing)));
        if hidden_frames == 40 {
            // `keep` is a second: 25 frames.
            assert_eq!(states[10 + 30], None);
        }
        assert_eq!(states[59].unwrap().0, id, "{states:?}");
        assert_ne!(states[59].unwrap().1, TrackState::Missing);
    }
}

#[test]
fn people_who_moved_while_nobody_saw_them_are_told_apart_by_their_looks() {
    let (wall, heads) = (background(), [Head::astronaut(), Head::biden()]);
    let white = Mat::new_rows_cols_with_default(SMALL.1, SMALL.0, CV_8UC3, Scalar::all(255.0)).unwrap();
    let mut rig = Rig::new(5);
    let mut begin = None;
    for frame in 0..30 {
        // A flash of ten frames, and after it each is nearer to where the other one was.
        let shift = if frame < 10 { 0.0 } else { 50.0 };
        let places = [(250.0 + shift, 180.0), (325.0 + shift, 172.0)];
        let mut picture = wall.try_clone().unwrap();
        for (head, place) in heads.iter().zip(places) {
            head.draw(&mut picture, place);
        }
        let small = if (10..20).contains(&frame) { &white } else { &noisy(&picture, 3.0, frame + 1) };
        let tracks = rig.next(small);
        if (10..20).contains(&frame) {
            assert!(tracks.iter().all(|track| track.state == TrackState::Missing), "{tracks:?}");
        } else if !(20..25).contains(&frame) {
            let now = places.map(|place| id_at(&tracks, place));
            assert_eq!(now, *begin.get_or_insert(now), "frame {frame}");
        }
    }
}

#[test]
fn a_hand_that_glides_over_a_face_is_not_taken_for_it() {
    let (wall, head) = (background(), Head::astronaut());
    let hand = part(&photo("astronaut.png"), Region { x: 60, y: 300, width: 130, height: 170 });
    let mut rig = Rig::new(1000);
    let mut states = Vec::new();
    for frame in 0..50 {
        let mut picture = wall.try_clone().unwrap();
        head.draw(&mut picture, (300.0, 180.0));
        // It covers the face from frame 30 on.
        let place = Rect::new((115 + 4 * frame).min(235), 90, 130, 170);
        hand.copy_to(&mut Mat::roi_mut(&mut picture, place).unwrap()).unwrap();
        let tracks = rig.next(&noisy(&picture, 3.0, frame + 1));
        states.push(tracks.first().map(|track| (track.id, track.state)));
        if frame == 0 {
            assert_eq!(rig.detector.runs, 1);
        }
    }
    assert_eq!(states[5], Some((0, TrackState::Followed)));
    assert_eq!(states[34], Some((0, TrackState::Missing)), "{states:?}");
    // The detector was asked at once and again, although it was to be asked seldom.
    assert!(rig.detector.runs > 2);
}

#[test]
fn a_face_that_dissolves_into_a_wall_is_missed() {
    let wall = background();
    let mut with_face = wall.try_clone().unwrap();
    Head::astronaut().draw(&mut with_face, (300.0, 180.0));
    let mut rig = Rig::new(1000);
    let mut states = Vec::new();
    for frame in 0..30 {
        // Nothing moves: flow alone would hold on to the wall.
        let share = (f64::from(frame) / 20.0).min(1.0);
        let mut picture = Mat::default();
        add_weighted_def(&with_face, 1.0 - share, &wall, share, 0.0, &mut picture).unwrap();
        let tracks = rig.next(&noisy(&picture, 3.0, frame + 1));
        states.push(tracks.first().map(|track| track.state));
    }
    assert_eq!(states[5], Some(TrackState::Followed));
    assert_eq!(states[22], Some(TrackState::Missing), "{states:?}");
}

/// A tracker over a still picture of one face, whose detector says what the test wants.
struct Script {
    tracker: FaceTracker,
    small: Mat,
    face: Face,
    frames: u32,
    options: TrackOptions,
}

impl Script {
    fn new(detection_interval: u32) -> Self {
        let small = seen(&photo("astronaut.png"), &about((222.0, 120.0), (320.0, 180.0), 1.0, 0.0));
        let face = SmallDetector::new().faces(&small).unwrap()[0];
        let options = TrackOptions { detection_interval, ..TrackOptions::default() };
        Self { tracker: FaceTracker::new(), small, face, frames: 0, options }
    }

    /// The next frame's tracks, and whether the detector was asked.
    fn next(&mut self, faces: &[Face]) -> (Vec<Track>, bool) {
        let mut asked = false;
        let time = FRAME_TIME * self.frames;
        self.frames += 1;
        let detect = || {
            asked = true;
            Ok::<_, DetectError>(faces.to_vec())
        };
        let tracks = self.tracker.update(&self.small, FRAME, time, &self.options, detect).unwrap().to_vec();
        (tracks, asked)
    }
}

#[test]
fn the_detector_is_asked_as_often_as_agreed() {
    for (interval, frames) in [(1, vec![0, 1, 2, 3, 4, 5, 6]), (3, vec![0, 3, 6]), (u32::MAX, vec![0])] {
        let mut script = Script::new(interval);
        let faces = [script.face];
        let asked: Vec<u32> = (0..7).filter(|_| script.next(&faces).1).collect();
        assert_eq!(asked, frames, "interval {interval}");
    }
    // Without a face, too: who knows that nothing has changed does not ask the tracker.
    for (interval, frames) in [(1, vec![0, 1, 2, 3, 4, 5, 6]), (3, vec![0, 3, 6])] {
        let mut script = Script::new(interval);
        let asked: Vec<u32> = (0..7).filter(|_| script.next(&[]).1).collect();
        assert_eq!(asked, frames, "interval {interval}, no face");
    }
}

#[test]
fn a_face_that_the_detector_misses_is_followed_for_a_while() {
    let mut script = Script::new(4);
    let face = script.face;
    assert_eq!(script.next(&[face]).0[0].state, TrackState::Detected);
    for frame in 1..24 {
        let (tracks, _) = script.next(&[]);
        let [track] = tracks[..] else { panic!("{tracks:?} in frame {frame}") };
        assert_eq!((track.id, track.state), (0, TrackState::Followed));
        assert_eq!((track.age, track.unconfirmed), (FRAME_TIME * frame, FRAME_TIME * frame));
    }
    let (tracks, _) = script.next(&[face]);
    assert_eq!(
        (tracks[0].id, tracks[0].state, tracks[0].unconfirmed),
        (0, TrackState::Detected, Duration::ZERO)
    );
    // Not confirmed for longer than `keep`, it is no face.
    let left = (0..40).map(|_| script.next(&[]).0.len()).collect::<Vec<_>>();
    assert_eq!((left[24], left[30]), (1, 0), "{left:?}");
}

#[test]
fn a_reset_and_another_size_begin_anew_with_new_ids() {
    let mut script = Script::new(10);
    let faces = [script.face];
    for frame in 0..3 {
        assert_eq!(script.next(&faces).1, frame == 0);
    }
    script.tracker.reset();
    let (tracks, asked) = script.next(&faces);
    assert_eq!((ids(&tracks), asked, tracks[0].age), (BTreeSet::from([1]), true, Duration::ZERO));
    // The small picture changes its size, then the frame its own.
    script.small = part(&script.small, Region { x: 0, y: 0, width: 600, height: 340 });
    let (tracks, asked) = script.next(&faces);
    assert_eq!((ids(&tracks), asked), (BTreeSet::from([2]), true));
    let detect = || Ok::<_, DetectError>(faces.to_vec());
    let time = Duration::from_secs(1);
    let tracks = script.tracker.update(&script.small, (600, 340), time, &script.options, detect).unwrap();
    assert_eq!(ids(tracks), BTreeSet::from([3]));
}

#[test]
fn errors_of_the_detector_pass_through_and_the_tracks_stay() {
    #[derive(Debug, PartialEq)]
    struct Refused;
    impl From<DetectError> for Refused {
        fn from(error: DetectError) -> Self {
            panic!("{error}")
        }
    }
    let mut script = Script::new(2);
    let face = script.face;
    script.next(&[face]);
    script.next(&[face]);
    let time = FRAME_TIME * 2;
    let failed = script.tracker.update(&script.small, FRAME, time, &script.options, || Err(Refused));
    assert_eq!(failed.unwrap_err(), Refused);
    let (tracks, asked) = script.next(&[face]);
    assert_eq!((ids(&tracks), asked), (BTreeSet::from([0]), true));
}

#[test]
fn bad_arguments_are_errors() {
    let mut tracker = FaceTracker::new();
    let floats = Mat::new_rows_cols_with_default(8, 8, CV_32FC3, Scalar::default()).unwrap();
    let fine = Mat::new_rows_cols_with_default(8, 8, CV_8UC3, Scalar::default()).unwrap();
    let options = TrackOptions::default();
    let never = TrackOptions { detection_interval: 0, ..options };
    for (small, size, options, word) in [
        (&Mat::default(), FRAME, options, "empty"),
        (&floats, FRAME, options, "CV_8UC1 or CV_8UC3"),
        (&fine, (0, 720), options, "0x720"),
        (&fine, FRAME, never, "detection_interval"),
    ] {
        let detect = || -> Result<Vec<Face>, DetectError> { panic!("asked") };
        let error = tracker.update(small, size, Duration::ZERO, &options, detect).unwrap_err();
        assert!(error.to_string().contains(word), "{error}");
    }
}

#[test]
fn what_is_no_face_is_left_out() {
    let mut script = Script::new(1);
    let face = script.face;
    let with_box = |x, width| Face { bbox: BoundingBox { x, width, ..face.bbox }, ..face };
    let with_nose = |x| {
        let mut broken = face;
        broken.landmarks[2].x = x;
        broken
    };
    let point = Face { landmarks: [face.landmarks[0]; 5], ..face };
    let broken = [
        with_box(1e6, 100.0),
        with_box(-500.0, 100.0),
        with_box(600.0, 0.0),
        with_box(600.0, -10.0),
        with_box(f32::NAN, 100.0),
        with_box(600.0, f32::NAN),
        with_nose(f32::NAN),
        with_nose(f32::INFINITY),
        point,
    ];
    for _ in 0..3 {
        assert_eq!(script.next(&broken).0, []);
    }
    assert_eq!(script.next(&[face]).0.len(), 1);
}

#[test]
fn frames_of_a_few_pixels_are_borne() {
    for (width, height) in [(1, 1), (3, 700), (40, 2)] {
        let mut tracker = FaceTracker::new();
        for frame in 0..4_u32 {
            let small = Mat::new_rows_cols_with_default(height, width, CV_8UC3, Scalar::all(90.0)).unwrap();
            let face = Script::new(1).face;
            let detect = || Ok::<_, DetectError>(vec![face]);
            let time = FRAME_TIME * frame;
            tracker.update(&small, FRAME, time, &TrackOptions::default(), detect).unwrap();
        }
    }
}

#[test]
fn fifty_faces_keep_fifty_ids() {
    let face = part(&photo("astronaut.png"), Region { x: 159, y: 40, width: 128, height: 150 });
    let mut cell = Mat::default();
    resize(&face, &mut cell, Size::new(64, 75), 0.0, 0.0, INTER_AREA).unwrap();
    let mut crowd = Mat::new_rows_cols_with_default(375, 640, CV_8UC3, Scalar::all(130.0)).unwrap();
    for index in 0..50 {
        let place = Rect::new(index % 10 * 64, index / 10 * 75, 64, 75);
        cell.copy_to(&mut Mat::roi_mut(&mut crowd, place).unwrap()).unwrap();
    }
    let mut rig = Rig::new(4);
    rig.detector.options = DetectOptions { max_faces: 50, min_face_size: 40, ..Default::default() };
    let mut begin = None;
    for frame in 0..9 {
        // All move to the left and down by a pixel a frame.
        let to_small =
            face_detect::Similarity { a: 1.0, b: 0.0, tx: -f64::from(frame), ty: f64::from(frame) };
        let tracks = rig.next(&noisy(&seen(&crowd, &to_small), 3.0, frame + 1));
        assert_eq!(tracks.len(), 50, "frame {frame}");
        assert!(tracks.is_sorted_by(|a, b| a.face.bbox.area() >= b.face.bbox.area()));
        let cell_of = |track: &Track| {
            let nose = track.face.landmarks[2];
            let (x, y) = (nose.x / 2.0 + frame as f32, nose.y / 2.0 - frame as f32);
            (x as i32 / 64, y as i32 / 75, track.id)
        };
        let cells: BTreeSet<_> = tracks.iter().map(cell_of).collect();
        assert_eq!(&cells, begin.get_or_insert_with(|| cells.clone()), "frame {frame}");
    }
}
