// SPDX-License-Identifier: MIT OR Apache-2.0
//! Clips with known motion, made of the real photos.

use std::process::Command;
use std::time::Duration;

use face_detect::{
    DetectError, DetectOptions, Face, FaceDetector, FaceTracker, InputSize, Point, Similarity, Track,
    TrackOptions,
};
use opencv::core::{
    self, BORDER_CONSTANT, BORDER_REPLICATE, CV_8UC1, CV_8UC3, CV_16SC3, Mat, Scalar, Size, Vec3b, no_array,
    randn,
};
use opencv::imgproc::{INTER_LINEAR, LINE_8, WARP_INVERSE_MAP, ellipse, resize, warp_affine};
use opencv::prelude::*;

/// Size of the small pictures; the frames are twice as large.
pub const SMALL: (i32, i32) = (640, 360);
/// Size of the frames.
pub const FRAME: (u32, u32) = (1280, 720);
/// Time of a frame.
pub const FRAME_TIME: Duration = Duration::from_millis(40);

/// The transform that scales about and turns around `from` and puts it to `to`.
pub fn about(from: (f64, f64), to: (f64, f64), scale: f64, degrees: f64) -> Similarity {
    let angle = degrees.to_radians();
    let turn = Similarity { a: scale * angle.cos(), b: scale * angle.sin(), tx: 0.0, ty: 0.0 };
    Similarity {
        tx: to.0 - turn.a * from.0 + turn.b * from.1,
        ty: to.1 - turn.b * from.0 - turn.a * from.1,
        ..turn
    }
}

/// The photo seen under `to_small`; its edges go on beyond it.
pub fn seen(photo: &Mat, to_small: &Similarity) -> Mat {
    sampled(photo, to_small, BORDER_REPLICATE)
}

fn sampled(image: &Mat, to_small: &Similarity, border: i32) -> Mat {
    let Similarity { a, b, tx, ty } = to_small.inverse();
    let matrix = Mat::from_slice_2d(&[[a, -b, tx], [b, a, ty]]).unwrap();
    let mut picture = Mat::default();
    let (size, flags) = (Size::new(SMALL.0, SMALL.1), INTER_LINEAR | WARP_INVERSE_MAP);
    warp_affine(image, &mut picture, &matrix, size, flags, border, Scalar::default()).unwrap();
    picture
}

/// The picture with a camera's noise (Gaussian, σ in grey levels), the same for the same seed.
pub fn noisy(picture: &Mat, sigma: f64, seed: i32) -> Mat {
    core::set_rng_seed(seed).unwrap();
    let (rows, columns) = (picture.rows(), picture.cols());
    let mut noise = Mat::new_rows_cols_with_default(rows, columns, CV_16SC3, Scalar::default()).unwrap();
    randn(&mut noise, &Scalar::all(0.0), &Scalar::all(sigma)).unwrap();
    let mut sum = Mat::default();
    core::add(picture, &noise, &mut sum, &no_array(), CV_8UC3).unwrap();
    sum
}

/// The detector on small pictures; faces come back in pixels of the frame.
pub struct SmallDetector {
    detector: FaceDetector,
    pub options: DetectOptions,
    /// How often it ran.
    pub runs: u32,
}

impl SmallDetector {
    pub fn new() -> Self {
        Self { detector: super::detector(), options: DetectOptions::default(), runs: 0 }
    }

    pub fn faces(&mut self, small: &Mat) -> Result<Vec<Face>, DetectError> {
        self.runs += 1;
        let side = |length: i32| (length as u32).next_multiple_of(32);
        let input = InputSize { width: side(small.cols()), height: side(small.rows()), scale: 0.5 };
        self.detector.detect_scaled(small, input, &self.options)
    }
}

/// A tracker with its detector, fed with small pictures at 25 frames a second.
pub struct Rig {
    pub detector: SmallDetector,
    pub tracker: FaceTracker,
    pub options: TrackOptions,
    frames: u32,
}

impl Rig {
    pub fn new(detection_interval: u32) -> Self {
        let options = TrackOptions { detection_interval, ..TrackOptions::default() };
        Self { detector: SmallDetector::new(), tracker: FaceTracker::new(), options, frames: 0 }
    }

    pub fn next(&mut self, small: &Mat) -> Vec<Track> {
        let time = FRAME_TIME * self.frames;
        self.frames += 1;
        let Self { detector, tracker, options, .. } = self;
        let frame = (2 * small.cols() as u32, 2 * small.rows() as u32);
        tracker.update(small, frame, time, options, || detector.faces(small)).unwrap().to_vec()
    }
}

/// From the small picture to the frame.
pub fn in_frame(point: (f64, f64)) -> Point {
    Point { x: (point.0 * 2.0 + 0.5) as f32, y: (point.1 * 2.0 + 0.5) as f32 }
}

/// `point` of the frame, which follows `motion` of the small picture.
pub fn carried(point: Point, motion: &Similarity) -> Point {
    let small = Point { x: (point.x - 0.5) / 2.0, y: (point.y - 0.5) / 2.0 };
    let moved = motion.apply(small);
    in_frame((moved.x.into(), moved.y.into()))
}

/// `second` after `first`.
pub fn then(first: &Similarity, second: &Similarity) -> Similarity {
    let (a, b) = (second.a * first.a - second.b * first.b, second.b * first.a + second.a * first.b);
    let tx = second.a * first.tx - second.b * first.ty + second.tx;
    let ty = second.b * first.tx + second.a * first.ty + second.ty;
    Similarity { a, b, tx, ty }
}

/// The frames of a video of tests/data, BGR, decoded by GStreamer's program as users have it.
pub fn decoded(name: &str, width: i32, height: i32) -> Vec<Mat> {
    let location = format!("location={}", super::repository("tests/data").join(name).display());
    let caps = format!("video/x-raw,format=BGR,width={width},height={height},pixel-aspect-ratio=1/1");
    let line = ["filesrc", &location, "!", "decodebin", "!", "videoconvert", "!", "videoscale", "!", &caps];
    let output = Command::new("gst-launch-1.0").arg("-q").args(line).args(["!", "fdsink"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let picture =
        |pixels| Mat::new_rows_cols_with_bytes::<Vec3b>(height, width, pixels).unwrap().try_clone().unwrap();
    // GStreamer pads rows to multiples of 4 bytes; the sizes used here need none.
    assert_eq!(width % 4, 0);
    output.stdout.chunks_exact((width * height * 3) as usize).map(picture).collect()
}

/// A head cut out of a photo along an ellipse, to be put into other pictures.
pub struct Head {
    photo: Mat,
    mask: Mat,
    centre: (f64, f64),
    /// Scale at which the face is 60 pixels wide.
    scale: f64,
}

impl Head {
    fn new(name: &str, centre: (f64, f64), axes: (i32, i32), scale: f64) -> Self {
        let photo = super::photo(name);
        let mut mask = Mat::zeros_size(photo.size().unwrap(), CV_8UC1).unwrap().to_mat().unwrap();
        let middle = core::Point::new(centre.0 as i32, centre.1 as i32);
        let white = Scalar::all(255.0);
        ellipse(&mut mask, middle, Size::new(axes.0, axes.1), 0.0, 0.0, 360.0, white, -1, LINE_8, 0).unwrap();
        Self { photo, mask, centre, scale }
    }

    pub fn astronaut() -> Self {
        Self::new("astronaut.png", (222.0, 115.0), (62, 85), 0.7)
    }

    pub fn biden() -> Self {
        Self::new("biden.jpg", (580.0, 370.0), (175, 260), 0.22)
    }

    /// Puts the head's middle to `place` of the picture, over what is there.
    pub fn draw(&self, picture: &mut Mat, place: (f64, f64)) {
        let to_small = about(self.centre, place, self.scale, 0.0);
        let mask = sampled(&self.mask, &to_small, BORDER_CONSTANT);
        seen(&self.photo, &to_small).copy_to_masked(picture, &mask).unwrap();
    }
}

/// A picture without faces: the astronaut's background.
pub fn background() -> Mat {
    let photo = super::photo("astronaut.png");
    let wall = super::part(&photo, face_detect::Region { x: 320, y: 0, width: 192, height: 108 });
    let mut picture = Mat::default();
    resize(&wall, &mut picture, Size::new(SMALL.0, SMALL.1), 0.0, 0.0, INTER_LINEAR).unwrap();
    picture
}
