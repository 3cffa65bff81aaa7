// SPDX-License-Identifier: MIT OR Apache-2.0
//! Regions of interest from upstream with any numbers: faces that are tracked, aligned and never reach beyond the frame, or none.
#![no_main]

use std::sync::Once;
use std::time::Duration;

use face_detect::{DetectError, FaceTracker, TrackOptions, align, face_region, face_to_crop};
use facerestore_fuzz::Numbers;
use gstfacerestore::fuzzing::faces_of_region;
use libfuzzer_sys::fuzz_target;
use opencv::core::{CV_8UC1, CV_8UC3, Mat, Scalar};

const FRAME: (u32, u32) = (96, 64);

static INIT: Once = Once::new();

fuzz_target!(|input: &[u8]| {
    INIT.call_once(|| gst::init().expect("GStreamer"));
    let mut numbers = Numbers(input);
    let rectangle = [(); 4].map(|()| numbers.i32() as u32);
    let rectangle = (rectangle[0], rectangle[1], rectangle[2], rectangle[3]);
    let score = numbers.f64();
    let count = usize::from(numbers.bytes::<1>()[0] % 8);
    // Half of the numbers lie about the frame: any bit pattern seldom does.
    let near = numbers.bytes::<1>()[0];
    let mut coordinate = |index: usize| match near >> (index % 8) & 1 {
        0 => numbers.f64(),
        _ => f64::from(numbers.u16()) / 256.0 - 64.0,
    };
    let landmarks: Vec<[f64; 2]> =
        (0..count).map(|point| [coordinate(2 * point), coordinate(2 * point + 1)]).collect();
    let faces = faces_of_region(rectangle, &landmarks, score, FRAME);
    let picture = |kind| {
        Mat::new_rows_cols_with_default(FRAME.1 as i32, FRAME.0 as i32, kind, Scalar::all(90.0))
            .expect("a picture")
    };
    let (grey, frame) = (picture(CV_8UC1), picture(CV_8UC3));
    let mut tracker = FaceTracker::new();
    let options = TrackOptions { detection_interval: 1, ..TrackOptions::default() };
    for index in 0..3 {
        let found = || Ok::<_, DetectError>(faces.clone());
        let time = Duration::from_millis(40) * index;
        let tracks = tracker.update(&grey, FRAME, time, &options, found).expect("tracking does not fail");
        for track in tracks {
            let Ok(to_crop) = face_to_crop(&track.face.landmarks, 64) else { continue };
            let Some(region) = face_region(&to_crop, 64, FRAME.0, FRAME.1) else { continue };
            let part = opencv::core::Rect::new(region.x, region.y, region.width, region.height);
            let pixels = Mat::roi(&frame, part).expect("the region lies within the frame");
            align(&pixels, region, &to_crop, 64).expect("a face that is tracked can be aligned");
        }
    }
});
