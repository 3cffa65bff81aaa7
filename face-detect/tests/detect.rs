// SPDX-License-Identifier: MIT OR Apache-2.0
//! The detector on real photos, checked against OpenCV's own FaceDetectorYN, and on bad input.

mod common;

use common::{detector, part, photo, repository, whole};
use face_detect::{DetectError, DetectOptions, Face, FaceDetector, InputSize, Region};
use opencv::core::{CV_8UC1, CV_8UC3, Mat, Rect, Scalar, Size, randu};
use opencv::imgproc::{INTER_AREA, resize};
use opencv::prelude::*;

/// Box (x, y, width, height), landmarks (x, y) ×5 and score as `cv2.FaceDetectorYN` of OpenCV 5.0 gives
/// them in Python: `FaceDetectorYN.create(model, "", (width, height), 0.6, 0.3, 5000).detect(image)`.
type Expected = [f32; 15];
/// astronaut.png as it is, 512×512.
const ASTRONAUT: Expected = [
    178.167, 62.908, 89.900, 113.332, 200.116, 101.820, 247.134, 102.619, 220.367, 124.545, 198.613, 142.774,
    239.668, 143.638, 0.9323,
];
/// biden.jpg halved by `cv2.resize(image, (485, 1102), interpolation=cv2.INTER_AREA)`.
const BIDEN_HALVED: Expected = [
    214.927, 90.018, 140.165, 193.172, 262.162, 159.785, 325.255, 168.673, 296.794, 203.663, 256.172,
    228.677, 311.463, 237.092, 0.9418,
];

fn assert_is(face: &Face, expected: &Expected) {
    let bbox = face.bbox;
    let mut found = vec![bbox.x, bbox.y, bbox.width, bbox.height];
    found.extend(face.landmarks.iter().flat_map(|point| [point.x, point.y]));
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() < 0.5, "{found} is not {expected}: {face:?}");
    }
    assert!((face.score - expected[14]).abs() < 0.01, "{face:?}");
}

fn resized(image: &Mat, width: i32, height: i32) -> Mat {
    let mut small = Mat::default();
    resize(image, &mut small, Size::new(width, height), 0.0, 0.0, INTER_AREA).unwrap();
    small
}

fn flat(width: i32, height: i32, value: f64) -> Mat {
    Mat::new_rows_cols_with_default(height, width, CV_8UC3, Scalar::all(value)).unwrap()
}

#[test]
fn the_decoding_agrees_with_opencv() {
    let faces = detector().detect(&photo("astronaut.png"), &DetectOptions::default()).unwrap();
    let [face] = &faces[..] else { panic!("{faces:?}") };
    assert_is(face, &ASTRONAUT);

    let halved = resized(&photo("biden.jpg"), 485, 1102);
    let input = InputSize { width: 512, height: 1120, scale: 1.0 };
    let faces = detector().detect_scaled(&halved, input, &DetectOptions::default()).unwrap();
    let [face] = &faces[..] else { panic!("{faces:?}") };
    assert_is(face, &BIDEN_HALVED);
}

#[test]
fn a_large_face_is_found_at_the_usual_size_and_reported_in_frame_pixels() {
    let image = photo("biden.jpg");
    for min_face_size in [16, 48, 300] {
        let options = DetectOptions { min_face_size, ..Default::default() };
        let faces = detector().detect(&image, &options).unwrap();
        let [face] = &faces[..] else { panic!("{faces:?}") };
        // The halved photo's landmarks, doubled about the outer edge; scales differ, so a few pixels of slack.
        for (point, expected) in face.landmarks.iter().zip(BIDEN_HALVED[4..].chunks(2)) {
            let (x, y) = (2.0 * expected[0] + 0.5, 2.0 * expected[1] + 0.5);
            assert!((point.x - x).hypot(point.y - y) < 20.0, "{point:?} is not ({x}, {y})");
        }
    }
}

#[test]
fn a_frame_shrunk_by_the_caller_gives_the_same_faces() {
    let image = photo("biden.jpg");
    let options = DetectOptions::default();
    let input = FaceDetector::input_size(970, 2204, options.min_face_size);
    let (width, height) = input.scaled(970, 2204);
    let small = resized(&image, width as i32, height as i32);
    let mut detector = detector();
    let direct = detector.detect(&image, &options).unwrap();
    let shrunk = detector.detect_scaled(&small, input, &options).unwrap();
    assert_eq!((direct.len(), shrunk.len()), (1, 1));
    for (a, b) in direct[0].landmarks.iter().zip(&shrunk[0].landmarks) {
        assert!((a.x - b.x).hypot(a.y - b.y) < 0.5 / input.scale, "{a:?} is not {b:?}");
    }
}

#[test]
fn a_face_that_fills_its_frame_and_one_cut_by_the_border_are_found() {
    let image = photo("astronaut.png");
    let filling = part(&image, Region { x: 175, y: 60, width: 97, height: 119 });
    assert_eq!(detector().detect(&filling, &DetectOptions::default()).unwrap().len(), 1);
    // A quarter of the face lies beyond the left edge.
    let cut = part(&image, Region { x: 200, y: 0, width: 311, height: 301 });
    let faces = detector().detect(&cut, &DetectOptions::default()).unwrap();
    let [face] = &faces[..] else { panic!("{faces:?}") };
    let nose = face.landmarks[2];
    assert!((nose.x - 20.4).abs() < 4.0 && (nose.y - 124.5).abs() < 4.0, "{face:?}");
}

#[test]
fn no_face_in_flat_and_noisy_frames_and_in_frames_of_one_pixel() {
    let mut noise = flat(320, 240, 0.0);
    randu(&mut noise, &Scalar::all(0.0), &Scalar::all(256.0)).unwrap();
    let mut detector = detector();
    for frame in [flat(640, 480, 128.0), noise, flat(1, 1, 255.0), flat(1, 700, 90.0), flat(33, 31, 0.0)] {
        let faces = detector.detect(&frame, &DetectOptions::default()).unwrap();
        assert!(faces.is_empty(), "{faces:?} in {:?}", frame.size());
    }
}

/// Fifty copies of the astronaut's face in cells of 128×150; those in cells 3, 10, 17, … 45 are larger.
fn crowd() -> Mat {
    let face = part(&photo("astronaut.png"), Region { x: 159, y: 40, width: 128, height: 150 });
    let small = resized(&face, 96, 112);
    let mut crowd = flat(1280, 750, 130.0);
    for cell in 0..50 {
        let image = if cell % 7 == 3 { &face } else { &small };
        let place = Rect::new(cell % 10 * 128, cell / 10 * 150, image.cols(), image.rows());
        image.copy_to(&mut Mat::roi_mut(&mut crowd, place).unwrap()).unwrap();
    }
    crowd
}

/// The cells of [`crowd`] that hold the faces, in increasing order.
fn cells(faces: &[Face]) -> Vec<i32> {
    let mut cells: Vec<i32> = faces
        .iter()
        .map(|face| face.landmarks[2].y as i32 / 150 * 10 + face.landmarks[2].x as i32 / 128)
        .collect();
    cells.sort_unstable();
    cells
}

#[test]
fn fifty_faces_are_found_once_each_and_limits_keep_the_largest() {
    let crowd = crowd();
    let large = [3, 10, 17, 24, 31, 38, 45];
    let mut detector = detector();
    let mut detect = |max_faces, min_face_size| {
        let options = DetectOptions { max_faces, min_face_size, ..Default::default() };
        detector.detect(&crowd, &options).unwrap()
    };
    let all = detect(100, 40);
    assert_eq!(cells(&all), (0..50).collect::<Vec<_>>());
    assert!(all.is_sorted_by(|a, b| a.bbox.area() >= b.bbox.area()));
    assert_eq!(detect(50, 40).len(), 50);
    assert_eq!(cells(&detect(7, 40)), large);
    assert_eq!(detect(0, 40), []);
    // The large faces measure about 113 pixels, the small ones 84.
    assert_eq!(cells(&detect(100, 98)), large);
}

#[test]
fn damaged_missing_and_foreign_model_files_are_refused_by_name() {
    let error = |path: &std::path::Path| FaceDetector::open(path).err().unwrap();
    let model = std::fs::read(repository("models/face_detection_yunet_2023mar.onnx")).unwrap();
    let folder = std::env::temp_dir().join(format!("face-detect-test-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let missing = folder.join("no-such.onnx");
    assert!(matches!(error(&missing), DetectError::ModelUnreadable { .. }));
    assert!(error(&missing).to_string().contains("no-such.onnx"));

    let write = |name: &str, content: &[u8]| {
        let path = folder.join(name);
        std::fs::write(&path, content).unwrap();
        path
    };
    for (name, content) in [
        ("empty.onnx", &[][..]),
        ("text.onnx", &b"this is no network"[..]),
        ("truncated.onnx", &model[..model.len() / 2]),
    ] {
        let error = error(&write(name, content));
        assert!(matches!(error, DetectError::ModelCorrupt { .. }), "{name}: {error:?}");
        assert!(error.to_string().contains(name), "{error}");
    }
    // The same network with one output renamed, wherever its name occurs: same length, so still valid protobuf.
    let mut renamed = model.clone();
    let places: Vec<usize> = (0..renamed.len() - 6).filter(|&at| &renamed[at..at + 6] == b"obj_16").collect();
    places.iter().for_each(|&at| renamed[at..at + 6].copy_from_slice(b"abc_16"));
    let foreign = error(&write("foreign.onnx", &renamed));
    assert!(matches!(foreign, DetectError::ModelWrong { .. }), "{foreign:?}");
    assert!(foreign.to_string().contains("obj_16"), "{foreign}");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn wrong_frames_and_options_are_errors() {
    let mut detector = detector();
    let grey = Mat::new_rows_cols_with_default(64, 64, CV_8UC1, Scalar::all(1.0)).unwrap();
    for frame in [Mat::default(), grey] {
        let error = detector.detect(&frame, &DetectOptions::default()).unwrap_err();
        assert!(matches!(error, DetectError::WrongImage { what: "frame", .. }), "{error:?}");
    }
    let frame = flat(64, 64, 9.0);
    for threshold in [-0.1, 1.5, f32::NAN] {
        for options in [
            DetectOptions { score_threshold: threshold, ..Default::default() },
            DetectOptions { nms_threshold: threshold, ..Default::default() },
        ] {
            let error = detector.detect(&frame, &options).unwrap_err();
            assert!(matches!(error, DetectError::WrongValue { .. }), "{error:?}");
        }
    }
    for input in [
        InputSize { width: 32, height: 64, scale: 1.0 }, // too narrow for the frame
        InputSize { width: 100, height: 64, scale: 1.0 }, // no multiple of 32
        InputSize { width: 64, height: 64, scale: 0.0 },
        InputSize { width: u32::MAX - 31, height: 64, scale: 1.0 },
    ] {
        let error = detector.detect_scaled(&frame, input, &DetectOptions::default()).unwrap_err();
        assert!(matches!(error, DetectError::WrongImage { .. }), "{error:?}");
    }
    assert_eq!(whole(&frame), Region { x: 0, y: 0, width: 64, height: 64 });
}

#[test]
fn a_view_into_a_larger_image_is_seen_alone() {
    let image = photo("astronaut.png");
    let view = Mat::roi(&image, Rect::new(300, 0, 211, 300)).unwrap();
    // The astronaut's face ends left of the view; padding must not pull it in from the parent.
    let copy = view.try_clone().unwrap();
    let options = DetectOptions { score_threshold: 0.2, ..Default::default() };
    let mut detector = detector();
    assert_eq!(detector.detect(&view, &options).unwrap(), detector.detect(&copy, &options).unwrap());
}

#[test]
fn a_detector_can_move_to_another_thread() {
    let mut detector = detector();
    let image = photo("astronaut.png");
    let here = detector.detect(&image, &DetectOptions::default()).unwrap();
    let there = std::thread::spawn(move || detector.detect(&image, &DetectOptions::default()).unwrap());
    assert_eq!(there.join().unwrap(), here);
}
