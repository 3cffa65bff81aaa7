// SPDX-License-Identifier: MIT OR Apache-2.0
//! Time of each stage of one frame: detect, pass through, track, align, paste.

use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use face_detect::{
    Cells, DetectError, DetectOptions, Face, FaceDetail, FaceDetector, FaceTracker, InputSize, Look,
    PasteOptions, Region, Similarity, TrackOptions, align, correction, face_region, face_to_crop, paste,
    template,
};
use opencv::core::{Mat, Rect, Size, repeat};
use opencv::imgcodecs::{IMREAD_COLOR, imread};
use opencv::imgproc::{COLOR_BGR2GRAY, INTER_AREA, cvt_color_def, resize};
use opencv::prelude::*;

/// Eyes to mouth of the template make a face whose box is about half as wide as the crop.
const FACE_SHARE: f64 = 0.5;

fn repository(path: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path).to_str().unwrap().to_owned()
}

fn astronaut(width: i32, height: i32) -> Mat {
    let photo = imread(repository("tests/data/astronaut.png"), IMREAD_COLOR).unwrap();
    let mut image = Mat::default();
    resize(&photo, &mut image, Size::new(width, height), 0.0, 0.0, INTER_AREA).unwrap();
    image
}

/// The transform that brings a face of `face_size` pixels in the middle of a 1280×720 frame to the crop.
fn to_crop(face_size: f64, crop_size: u32) -> Similarity {
    let crop = face_size / FACE_SHARE;
    let landmarks = template(512).map(|mut point| {
        point.x = (640.0 + (f64::from(point.x) / 512.0 - 0.5) * crop) as f32;
        point.y = (360.0 + (f64::from(point.y) / 512.0 - 0.5) * crop) as f32;
        point
    });
    face_to_crop(&landmarks, crop_size).unwrap()
}

fn detect(criterion: &mut Criterion) {
    let model = repository("models/face_detection_yunet_2023mar.onnx");
    let mut detector = FaceDetector::open(Path::new(&model)).unwrap();
    for (width, height) in [(320, 320), (640, 384)] {
        let image = astronaut(width, height);
        let input = InputSize { width: width as u32, height: height as u32, scale: 1.0 };
        criterion.bench_function(&format!("detect/{width}x{height}"), |bencher| {
            bencher.iter(|| detector.detect_scaled(&image, input, &DetectOptions::default()).unwrap());
        });
    }
}

/// What a frame costs in which nobody is in sight: its cells, beside the picture that a tracker takes, which was read of every
/// frame before; and looks at a part of it, beside one at all of it.
fn pass_through(criterion: &mut Criterion) {
    let frame = astronaut(1280, 720);
    let mut grey = Mat::default();
    cvt_color_def(&frame, &mut grey, COLOR_BGR2GRAY).unwrap();
    criterion.bench_function("pass/cells", |bencher| {
        bencher.iter(|| {
            let rows: Vec<&[u8]> = grey.data_bytes().unwrap().chunks_exact(1280).collect();
            Cells::of(black_box(&rows), &[1.0], (1280, 720))
        });
    });
    criterion.bench_function("pass/tracker's-picture", |bencher| {
        bencher.iter(|| {
            let mut small = Mat::default();
            resize(black_box(&grey), &mut small, Size::new(800, 450), 0.0, 0.0, INTER_AREA).unwrap();
            small
        });
    });
    let rows: Vec<&[u8]> = grey.data_bytes().unwrap().chunks_exact(1280).collect();
    let mirrored: Vec<Vec<u8>> = rows.iter().map(|row| row.iter().rev().copied().collect()).collect();
    let mirrored: Vec<&[u8]> = mirrored.iter().map(Vec::as_slice).collect();
    let pictures = [&rows, &mirrored].map(|rows| Cells::of(rows, &[1.0], (1280, 720)));
    for (name, step) in [("skip", 0), ("skip-a-cut", 1)] {
        let (mut tracker, mut count) = (FaceTracker::new(), 0);
        criterion.bench_function(&format!("pass/{name}"), |bencher| {
            bencher.iter(|| {
                count += step;
                tracker.skip(&pictures[count % 2], (1280, 720), Duration::from_millis(33))
            });
        });
    }
    let model = repository("models/face_detection_yunet_2023mar.onnx");
    let mut detector = FaceDetector::open(Path::new(&model)).unwrap();
    let options = DetectOptions::default();
    let suspects = options.for_suspects();
    for look in Look::all_for((1280, 720), options.min_face_size) {
        let (width, height) = look.scaled();
        let part = astronaut(width as i32, height as i32);
        let InputSize { width, height, .. } = look.input;
        criterion.bench_function(&format!("pass/look-{width}x{height}"), |bencher| {
            bencher.iter(|| detector.look(&part, &look, &suspects).unwrap());
        });
    }
    criterion.bench_function("pass/detect", |bencher| {
        bencher.iter(|| detector.detect(&frame, &options).unwrap());
    });
}

/// What tracking adds to each frame between detections: one face, fifty, and none (finding scene cuts).
fn track(criterion: &mut Criterion) {
    let model = repository("models/face_detection_yunet_2023mar.onnx");
    let mut detector = FaceDetector::open(Path::new(&model)).unwrap();
    let input = InputSize { width: 640, height: 384, scale: 1.0 };
    let options = DetectOptions { max_faces: 50, min_face_size: 20, ..DetectOptions::default() };
    let scenes = [
        (
            "no-face",
            Mat::roi(&astronaut(1280, 720), Rect::new(640, 360, 640, 360)).unwrap().try_clone().unwrap(),
        ),
        ("1-face", astronaut(640, 360)),
        ("50-faces", crowd()),
    ];
    for (name, picture) in scenes {
        // Back and forth by two pixels, so that there is something to follow.
        let views =
            [0, 2].map(|x| Mat::roi(&picture, Rect::new(x, 0, 638, 360)).unwrap().try_clone().unwrap());
        let faces = detector.detect_scaled(&views[0], input, &options).unwrap();
        let mut tracker = FaceTracker::new();
        let mut frame = 0;
        let mut step = || {
            let detect = || Ok::<Vec<Face>, DetectError>(faces.clone());
            let time = Duration::from_millis(33) * frame;
            let options = TrackOptions { detection_interval: u32::MAX, ..TrackOptions::default() };
            let tracks = tracker.update(&views[frame as usize % 2], (638, 360), time, &options, detect);
            frame += 1;
            tracks.unwrap().len()
        };
        println!("{} faces in {name}", step());
        criterion.bench_function(&format!("track/{name}"), |bencher| bencher.iter(&mut step));
    }
}

/// Fifty copies of the astronaut's face.
fn crowd() -> Mat {
    let photo = astronaut(512, 512);
    let mut face = Mat::default();
    let part = Mat::roi(&photo, Rect::new(159, 40, 128, 150)).unwrap();
    resize(&part, &mut face, Size::new(64, 72), 0.0, 0.0, INTER_AREA).unwrap();
    repeat(&face, 5, 10).unwrap()
}

fn align_and_paste(criterion: &mut Criterion) {
    let frame = astronaut(1280, 720);
    for crop_size in [256, 512] {
        let to_crop = to_crop(300.0, crop_size);
        let region = face_region(&to_crop, crop_size, 1280, 720).unwrap();
        let Region { x, y, width, height } = region;
        let part = Mat::roi(&frame, Rect::new(x, y, width, height)).unwrap();
        criterion.bench_function(&format!("align/300px-face-to-{crop_size}"), |bencher| {
            bencher.iter(|| align(&part, region, black_box(&to_crop), crop_size).unwrap());
        });

        let aligned = align(&part, region, &to_crop, crop_size).unwrap();
        let mut restored = Mat::default();
        opencv::core::bitwise_not(&aligned, &mut restored, &opencv::core::no_array()).unwrap();
        let options = PasteOptions::default();
        criterion.bench_function(&format!("detail/{crop_size}"), |bencher| {
            bencher.iter(|| FaceDetail::between(&aligned, &restored, true).unwrap());
        });
        criterion.bench_function(&format!("correction/{crop_size}-to-300px-face"), |bencher| {
            bencher.iter(|| correction(&aligned, &restored, &to_crop, 1280, 720, &options).unwrap());
        });
        let mut target = frame.try_clone().unwrap();
        criterion.bench_function(&format!("paste/{crop_size}-to-300px-face"), |bencher| {
            bencher.iter(|| paste(&mut target, &aligned, &restored, &to_crop, &options).unwrap());
        });
    }
}

criterion_group!(benches, detect, pass_through, track, align_and_paste);
criterion_main!(benches);
