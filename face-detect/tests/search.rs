// SPDX-License-Identifier: MIT OR Apache-2.0
//! The search of photos: large ones with small faces, photos that lie on their side, and what is no face.

mod common;

use common::{detector, part, photo};
use face_detect::{DetectError, DetectOptions, Face, FaceDetector, Point, Region, is_plausible, misfit};
use opencv::core::{
    CV_8UC3, Mat, ROTATE_90_CLOCKWISE, ROTATE_90_COUNTERCLOCKWISE, ROTATE_180, Rect, Scalar, Size, rotate,
};
use opencv::imgproc::{INTER_AREA, resize};
use opencv::prelude::*;

const EVERY_FACE: DetectOptions =
    DetectOptions { score_threshold: 0.6, nms_threshold: 0.3, min_face_size: 1, max_faces: usize::MAX };

fn resized(image: &Mat, width: i32, height: i32) -> Mat {
    let mut small = Mat::default();
    resize(image, &mut small, Size::new(width, height), 0.0, 0.0, INTER_AREA).unwrap();
    small
}

fn search(detector: &mut FaceDetector, image: &Mat) -> Vec<Face> {
    let shrunk = |width: u32, height: u32| Ok::<_, DetectError>(resized(image, width as i32, height as i32));
    detector.search((image.cols() as u32, image.rows() as u32), &EVERY_FACE, shrunk).unwrap()
}

/// `count` copies of `face` in rows of `columns` cells of that size, on grey, in a picture of `size`.
fn group(face: &Mat, count: i32, columns: i32, cell: (i32, i32), size: (i32, i32)) -> Mat {
    let mut group = Mat::new_rows_cols_with_default(size.1, size.0, CV_8UC3, Scalar::all(130.0)).unwrap();
    for index in 0..count {
        let place = Rect::new(index % columns * cell.0, index / columns * cell.1, face.cols(), face.rows());
        face.copy_to(&mut Mat::roi_mut(&mut group, place).unwrap()).unwrap();
    }
    group
}

/// The cells in which the noses of `faces` are, in increasing order.
fn cells(faces: &[Face], columns: i32, cell: (i32, i32)) -> Vec<i32> {
    let place = |nose: Point| nose.y as i32 / cell.1 * columns + nose.x as i32 / cell.0;
    let mut cells: Vec<i32> = faces.iter().map(|face| place(face.landmarks[2])).collect();
    cells.sort_unstable();
    cells
}

/// The astronaut's head, whose face is 113 of 220 pixels high, at a height of `height` pixels.
fn head(height: i32) -> Mat {
    let head = part(&photo("astronaut.png"), Region { x: 129, y: 10, width: 186, height: 220 });
    resized(&head, 186 * height / 220, height)
}

#[test]
fn of_forty_small_faces_all_are_found() {
    // Cells of odd size: the faces, 60 pixels high, lie at all places between those of the network's grids.
    let cell = (123, 145);
    let group = group(&head(116), 40, 8, cell, (8 * 123, 5 * 145));
    assert_eq!(cells(&search(&mut detector(), &group), 8, cell), (0..40).collect::<Vec<_>>());
}

#[test]
fn small_faces_of_a_large_photo_are_found_where_they_are() {
    // Faces of 40 pixels; as a whole the photo is shrunk to less than a third. One lies at the border of two tiles.
    let cell = (503, 407);
    let large = group(&head(78), 63, 9, cell, (4600, 3000));
    let options = DetectOptions { max_faces: 100, ..Default::default() };
    let mut detector = detector();
    assert!(detector.detect(&large, &options).unwrap().len() < 63, "the search is for what detection misses");
    let found = search(&mut detector, &large);
    assert_eq!(cells(&found, 9, cell), (0..63).collect::<Vec<_>>());
    // The nose tip is at (220.4, 124.5) of the astronaut.
    let scale = 78.0 / 220.0;
    let nose = ((220.4 - 129.0) * scale, (124.5 - 10.0) * scale);
    for face in &found {
        let place = face.landmarks[2];
        let (x, y) = (place.x % cell.0 as f32, place.y % cell.1 as f32);
        assert!((x - nose.0).hypot(y - nose.1) < 4.0, "{place:?}");
    }
}

#[test]
fn a_face_upright_is_found_as_detection_finds_it() {
    let astronaut = photo("astronaut.png");
    let mut detector = detector();
    let detected = detector.detect(&astronaut, &DetectOptions::default()).unwrap();
    assert_eq!(search(&mut detector, &astronaut), detected);
}

#[test]
fn a_photo_on_its_side_or_its_head_has_the_faces_where_they_are() {
    let astronaut = photo("astronaut.png");
    let mut detector = detector();
    let upright = detector.detect(&astronaut, &DetectOptions::default()).unwrap();
    let [upright] = upright[..] else { panic!("{upright:?}") };
    type Turned = fn(Point) -> Point;
    let turns: [(i32, Turned); 3] = [
        (ROTATE_90_CLOCKWISE, |point| Point { x: 511.0 - point.y, y: point.x }),
        (ROTATE_180, |point| Point { x: 511.0 - point.x, y: 511.0 - point.y }),
        (ROTATE_90_COUNTERCLOCKWISE, |point| Point { x: point.y, y: 511.0 - point.x }),
    ];
    for (code, turned) in turns {
        let mut lying = Mat::default();
        rotate(&astronaut, &mut lying, code).unwrap();
        let faces = search(&mut detector, &lying);
        let [face] = faces[..] else { panic!("{code}: {faces:?}") };
        for (found, wanted) in face.landmarks.into_iter().zip(upright.landmarks.map(turned)) {
            let off = (found.x - wanted.x).hypot(found.y - wanted.y);
            assert!(off < 3.0, "{code}: {found:?} is not {wanted:?}");
        }
        assert!(face.bbox.width > 0.0 && face.bbox.height > 0.0, "{face:?}");
    }
}

#[test]
fn real_faces_are_plausible_at_any_roll_and_scrambled_ones_are_not() {
    for name in ["astronaut.png", "biden.jpg"] {
        let face = common::only_face(&photo(name));
        let measured = misfit(&face.landmarks).unwrap();
        assert!(measured < 0.05, "{name}: {measured}");
        for degrees in [0.0_f32, 45.0, 90.0, 180.0, 270.0] {
            let (sin, cos) = degrees.to_radians().sin_cos();
            let rolled = face.landmarks.map(|p| Point { x: cos * p.x - sin * p.y, y: sin * p.x + cos * p.y });
            assert!((misfit(&rolled).unwrap() - measured).abs() < 1e-4, "{name} at {degrees}");
            assert!(is_plausible(&rolled), "{name} at {degrees}");
        }
        let [left_eye, right_eye, nose, left, right] = face.landmarks;
        assert!(!is_plausible(&[right_eye, left_eye, nose, right, left]), "{name}: a mirror image");
        assert!(!is_plausible(&[nose, left_eye, right_eye, right, left]), "{name}: scrambled");
    }
}
