// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is looked at while something moves, and how soon a face is found in it.

use std::cell::RefCell;
use std::time::Duration;

use face_detect::Track;
use opencv::core::{CV_8UC3, Rect, Scalar, Size};
use opencv::imgproc::{self, INTER_AREA};
use opencv::prelude::*;

use super::*;
use crate::fixtures;
use crate::picture::RgbPicture;
use crate::scene::Scene;
use crate::stages::Timings;

const FRAME: Duration = Duration::from_millis(40);
const OFFLINE: Patience = Patience { interval: 5, most_intervals: 1 };
const LIVE: Patience = Patience { interval: 5, most_intervals: 6 };
const SIZE: (i32, i32) = (1280, 720);

/// A frame that notes how many pixels of colour are read for the detector.
struct Watched(RgbPicture, RefCell<Vec<u64>>);

impl FramePixels for Watched {
    fn size(&self) -> (u32, u32) {
        self.0.size()
    }

    fn region_rgb(&self, region: Region) -> opencv::Result<Mat> {
        self.1.borrow_mut().push(region.width as u64 * region.height as u64);
        self.0.region_rgb(region)
    }

    fn shrunk_bgr(&self, width: u32, height: u32) -> opencv::Result<Mat> {
        let (whole_width, whole_height) = self.size();
        self.1.borrow_mut().push(u64::from(whole_width) * u64::from(whole_height));
        self.0.shrunk_bgr(width, height)
    }

    fn cells(&self) -> opencv::Result<Cells> {
        self.0.cells()
    }

    fn shrunk_grey(&self, width: u32, height: u32) -> opencv::Result<Mat> {
        self.0.shrunk_grey(width, height)
    }
}

/// A scene and the time in it.
struct Rig {
    scene: Scene,
    patience: Patience,
    detect: DetectOptions,
    frame: u32,
}

impl Rig {
    fn new(patience: Patience) -> Self {
        Self { scene: fixtures::scene(), patience, detect: DetectOptions::default(), frame: 0 }
    }

    /// The tracks of the next frame, and the areas that were read for them.
    fn next(&mut self, rgb: &Mat) -> (Vec<Track>, Vec<u64>) {
        let frame = Watched(fixtures::picture(rgb), RefCell::default());
        let time = FRAME * self.frame;
        self.frame += 1;
        let tracks =
            self.scene.track(&frame, time, &[], &self.detect, &self.patience, &mut Timings::default());
        (tracks.unwrap().visible, frame.1.into_inner())
    }
}

/// A wall with some texture, `shift` pixels farther left: a photograph's background, enlarged.
fn wall(shift: i32) -> Mat {
    let photo = fixtures::astronaut();
    let part = Mat::roi(&photo, Rect::new(330, 0, 180, 100)).unwrap();
    let mut large = Mat::default();
    let size = Size::new(SIZE.0 + 200, SIZE.1);
    imgproc::resize(&part, &mut large, size, 0.0, 0.0, imgproc::INTER_CUBIC).unwrap();
    Mat::roi(&large, Rect::new(shift, 0, SIZE.0, SIZE.1)).unwrap().try_clone().unwrap()
}

/// Puts a grey ball at (x, y).
fn with_ball(picture: &Mat, x: i32, y: i32) -> Mat {
    let mut result = picture.try_clone().unwrap();
    let middle = opencv::core::Point::new(x, y);
    imgproc::circle(&mut result, middle, 25, Scalar::all(210.0), -1, imgproc::LINE_8, 0).unwrap();
    result
}

/// Puts the astronaut's head, `side` pixels wide, with its corner at (x, y).
fn with_head(picture: &Mat, x: i32, y: i32, side: i32) -> Mat {
    let photo = fixtures::astronaut();
    let head = Mat::roi(&photo, Rect::new(134, 20, 180, 180)).unwrap();
    let (mut small, mut result) = (Mat::default(), picture.try_clone().unwrap());
    imgproc::resize(&head, &mut small, Size::new(side, side), 0.0, 0.0, INTER_AREA).unwrap();
    small.copy_to(&mut Mat::roi_mut(&mut result, Rect::new(x, y, side, side)).unwrap()).unwrap();
    result
}

/// A suit and a tie: texture enough to look for a face in, and none there.
fn suit() -> Mat {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/biden.jpg");
    let photo = opencv::imgcodecs::imread(path, opencv::imgcodecs::IMREAD_COLOR).unwrap();
    let (mut large, mut rgb) = (Mat::default(), Mat::default());
    let part = Mat::roi(&photo, Rect::new(165, 1320, 640, 360)).unwrap();
    imgproc::resize(&part, &mut large, Size::new(SIZE.0, SIZE.1), 0.0, 0.0, imgproc::INTER_CUBIC).unwrap();
    imgproc::cvt_color_def(&large, &mut rgb, imgproc::COLOR_BGR2RGB).unwrap();
    rgb
}

/// With a camera's noise: even, of ±10 levels.
fn noisy(picture: &Mat, seed: u32) -> Mat {
    let mut result = picture.try_clone().unwrap();
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    for value in result.data_bytes_mut().unwrap() {
        // Xorshift (Marsaglia 2003).
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        *value = (i32::from(*value) + (state >> 16) as i32 % 21 - 10).clamp(0, 255) as u8;
    }
    result
}

const WHOLE: u64 = 1280 * 720;

#[test]
fn noise_is_nothing_that_moves() {
    let mut rig = Rig::new(OFFLINE);
    let suit = suit();
    for frame in 0..60 {
        let (tracks, read) = rig.next(&noisy(&suit, frame + 1));
        assert!(tracks.is_empty());
        assert_eq!(read.len(), usize::from(frame == 0), "{read:?} in frame {frame}");
    }
}

#[test]
fn a_small_face_that_comes_into_a_still_picture_is_found_within_an_interval() {
    for (x, y) in [(80, 80), (600, 320), (1150, 600)] {
        for patience in [OFFLINE, LIVE] {
            let mut rig = Rig::new(patience);
            for frame in 0..17 {
                rig.next(&noisy(&suit(), frame + 1));
            }
            let picture = with_head(&suit(), x, y, 84);
            let found = (0..5).position(|frame| !rig.next(&noisy(&picture, frame + 50)).0.is_empty());
            assert!(found.is_some(), "not found at ({x}, {y}) with {patience:?}");
        }
    }
}

#[test]
fn smaller_faces_are_looked_for_once_they_are_wanted() {
    let mut rig = Rig::new(OFFLINE);
    let picture = with_head(&wall(0), 700, 300, 100);
    rig.detect.min_face_size = 200;
    for _ in 0..8 {
        assert!(rig.next(&picture).0.is_empty());
    }
    rig.detect.min_face_size = 32;
    assert_eq!(rig.next(&picture).0.len(), 1);
}

#[test]
fn where_nothing_moves_the_frame_is_searched_every_twelfth_interval() {
    let mut rig = Rig::new(OFFLINE);
    let wall = wall(0);
    let read: Vec<Vec<u64>> = (0..130).map(|_| rig.next(&wall).1).collect();
    let searched: Vec<usize> = (0..130).filter(|&frame| !read[frame].is_empty()).collect();
    assert_eq!(searched, [0, 60, 120]);
}

#[test]
fn where_something_small_moves_that_alone_is_looked_at() {
    for patience in [OFFLINE, LIVE] {
        let mut rig = Rig::new(patience);
        let wall = wall(0);
        assert_eq!(rig.next(&with_ball(&wall, 100, 300)).1, [WHOLE]);
        let (mut looks, mut whole) = (0, Vec::new());
        for frame in 1..50 {
            let (tracks, read) = rig.next(&with_ball(&wall, 100 + 4 * frame, 300));
            assert!(tracks.is_empty());
            assert!(read.iter().all(|&area| area < WHOLE / 3 || area == WHOLE), "{read:?} in frame {frame}");
            looks += usize::from(!read.is_empty());
            whole.extend(read.contains(&WHOLE).then_some(frame));
        }
        assert!((5..=9).contains(&looks), "{looks} looks with {patience:?}");
        assert_eq!(whole, [20, 40], "every fourth look is at the whole frame");
    }
}

#[test]
fn a_face_that_comes_while_something_moves_is_found_within_an_interval() {
    // 84 pixels of head are a face of about 45.
    for (x, y, side) in [(900, 400, 84), (40, 20, 90), (500, 200, 300)] {
        let mut rig = Rig::new(OFFLINE);
        let wall = wall(0);
        for frame in 0..13 {
            assert!(rig.next(&with_ball(&wall, 100 + 4 * frame, 300)).0.is_empty());
        }
        let mut come = (13..18).filter(|&frame| {
            let picture = with_head(&with_ball(&wall, 100 + 4 * frame, 300), x, y, side);
            !rig.next(&picture).0.is_empty()
        });
        assert!(come.next().is_some(), "not found at ({x}, {y}), {side} pixels");
    }
}

/// One of the least size may be missed by looks for suspects, however long it stays, but not by the next search of the whole frame.
#[test]
fn a_face_of_the_least_size_that_comes_while_something_moves_is_found_within_four_intervals() {
    for (x, y) in [(900, 400), (40, 20), (620, 120)] {
        let mut rig = Rig::new(OFFLINE);
        let wall = wall(0);
        for frame in 0..13 {
            assert!(rig.next(&with_ball(&wall, 100 + 4 * frame, 300)).0.is_empty());
        }
        let found = (13..33).any(|frame| {
            !rig.next(&with_head(&with_ball(&wall, 100 + 4 * frame, 300), x, y, 68)).0.is_empty()
        });
        assert!(found, "not found at ({x}, {y})");
    }
}

#[test]
fn a_look_waits_until_its_pixels_are_earned_and_six_intervals_at_most() {
    let corner = Region { x: 0, y: 0, width: 40, height: 40 };
    let whole = |width, height| Region { x: 0, y: 0, width, height };
    // 640×384 pixels of input for faces of 32 pixels, 1024×576 for those of 20; a square has more than 30 frames' worth.
    for (part, frame, min_face_size, live) in [
        (corner, (1280, 720), 32, 5),
        (whole(1280, 720), (1280, 720), 32, 12),
        (whole(1280, 720), (1280, 720), 20, 29),
        (whole(1280, 1280), (1280, 1280), 20, 30),
    ] {
        let look = Look::for_suspects(part, frame, min_face_size);
        assert_eq!((wait(&look, &OFFLINE), wait(&look, &LIVE)), (5, live), "{look:?}");
    }
}

#[test]
fn live_a_face_in_a_picture_that_moves_as_a_whole_is_found_within_six_intervals() {
    let mut rig = Rig::new(LIVE);
    for frame in 0..40 {
        assert!(rig.next(&wall(2 * frame)).0.is_empty());
    }
    let found =
        (40..70).position(|frame| !rig.next(&with_head(&wall(2 * frame), 700, 300, 100)).0.is_empty());
    assert!(found.is_some());
}

#[test]
fn while_a_face_is_followed_another_one_is_found_within_an_interval_and_the_whole_frame_is_seldom_read() {
    let mut rig = Rig::new(OFFLINE);
    let wall = wall(0);
    let swaying = |frame: i32| with_head(&wall, 200 + frame % 3, 300, 120);
    assert_eq!(rig.next(&swaying(0)).0.len(), 1);
    let mut whole = 0;
    for frame in 1..61 {
        let (tracks, read) = rig.next(&swaying(frame));
        assert_eq!(tracks.len(), 1, "frame {frame}");
        whole += read.iter().filter(|&&area| area == WHOLE).count();
    }
    assert!((2..=4).contains(&whole), "{whole} times");
    let found = (61..66).position(|frame| rig.next(&with_head(&swaying(frame), 900, 250, 100)).0.len() == 2);
    assert!(found.is_some());
}

#[test]
fn a_face_that_leaves_is_not_held_by_looks_at_where_it_was() {
    let mut rig = Rig::new(OFFLINE);
    let wall = wall(0);
    for _ in 0..12 {
        assert_eq!(rig.next(&with_head(&wall, 200, 300, 120)).0.len(), 1);
    }
    // Out of sight it is kept for a second, and never shown.
    let gone = (0..40).map(|_| rig.next(&wall).0.len());
    assert!(gone.skip(1).all(|faces| faces == 0));
    let again = (0..5).any(|_| !rig.next(&with_head(&wall, 700, 300, 120)).0.is_empty());
    assert!(again, "it is found where it comes back");
}

#[test]
fn a_frame_in_which_every_frame_is_searched_is_read_as_a_whole() {
    let mut rig = Rig::new(Patience { interval: 1, most_intervals: 1 });
    let black = Mat::new_rows_cols_with_default(SIZE.1, SIZE.0, CV_8UC3, Scalar::default()).unwrap();
    for _ in 0..3 {
        assert_eq!(rig.next(&black).1, [WHOLE]);
    }
}
