// SPDX-License-Identifier: MIT OR Apache-2.0
//! Videos that lie on their side or stand on their head, offline: the face is found, followed and restored as an upright one is.

use facerestore_tests::{Frame, Picture, Region, Rig, bytes, landmarks};
use gst_video::{VideoFormat, VideoRegionOfInterestMeta};

/// Frames of the clip, more than two looks of the detector.
const FRAMES: i32 = 13;
/// Width and height of the clip as it would stand.
const SIZE: (usize, usize) = (640, 512);
/// The astronaut's place in it at rest.
const LEFT: i32 = 64;
/// Where OpenCV's own FaceDetectorYN, in Python, sees the landmarks of the upright photograph: a head that is taken for an upright
/// one while it lies has its own a good deal further off than any look at a blurred one.
const LANDMARKS: [(f64, f64); 5] =
    [(200.1, 101.8), (247.1, 102.6), (220.4, 124.5), (198.6, 142.8), (239.7, 143.6)];

/// How far the astronaut has moved to the right and down in a frame: a slow sway.
fn sway(frame: i32) -> (i32, i32) {
    (frame, (frame - FRAMES / 2).abs())
}

/// A frame of the clip as it would stand.
fn standing(astronaut: &Picture, frame: i32) -> Picture {
    let mut scene = Picture::plain(SIZE.0, SIZE.1, [120, 110, 100]);
    let (right, down) = sway(frame);
    scene.put(astronaut, LEFT + right, down);
    scene
}

/// Where a point of the clip as it would stand is in the clip turned clockwise so many times.
fn turned((x, y): (f64, f64), quarters: usize) -> (f64, f64) {
    let (right, bottom) = (SIZE.0 as f64 - 1.0, SIZE.1 as f64 - 1.0);
    match quarters {
        1 => (bottom - y, x),
        2 => (right - x, bottom - y),
        3 => (y, right - x),
        _ => (x, y),
    }
}

/// The landmarks of the only face of a frame.
fn only_face(buffer: &gst::BufferRef) -> Vec<(f64, f64)> {
    let metas: Vec<_> = buffer.iter_meta::<VideoRegionOfInterestMeta>().collect();
    let [meta] = &metas[..] else { panic!("{} faces", metas.len()) };
    landmarks(meta.param("face").unwrap())
}

#[test]
fn a_face_is_restored_however_the_video_lies() {
    let (sharp, blurred) = (Picture::sharp(), Picture::astronaut());
    for quarters in 0..4 {
        let mut rig = Rig::new(&[("attach-meta", &true)]);
        let mut gains = Vec::new();
        for index in 0..FRAMES {
            let frame = Frame::new(&standing(&blurred, index).turned(quarters), VideoFormat::Rgb);
            let output = rig.push(&frame);
            let points = only_face(&output);
            let (right, down) = sway(index);
            let place = |x: f64, y: f64| turned((x + f64::from(LEFT + right), y + f64::from(down)), quarters);
            let expected = LANDMARKS.map(|(x, y)| place(x, y));
            for (point, expected) in points.iter().zip(expected) {
                let distance = (point.0 - expected.0).hypot(point.1 - expected.1);
                assert!(distance < 14.0, "{quarters} quarters, frame {index}: {point:?} for {expected:?}");
            }
            let stood = |picture: &Picture| picture.turned(4 - quarters);
            let restored = stood(&frame.with_bytes(bytes(&output)).to_picture());
            let skin = Region { x: 180 + LEFT + right, y: 75 + down, width: 90, height: 100 };
            let truth = standing(&sharp, index);
            gains.push(restored.psnr(&truth, skin) - standing(&blurred, index).psnr(&truth, skin));
        }
        assert_eq!(
            (rig.stat("tracks"), rig.stat("restored-faces")),
            (1, FRAMES as u64),
            "{quarters} quarters"
        );
        assert!(gains.iter().sum::<f64>() > 0.0, "{quarters} quarters: {gains:.2?} dB");
    }
}
