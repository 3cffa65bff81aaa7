// SPDX-License-Identifier: MIT OR Apache-2.0
//! The similarity fit against known transforms and against a general least-squares solver.

use face_detect::{DetectError, Point, Similarity, face_to_crop, template};
use opencv::core::{DECOMP_SVD, Mat, solve};
use opencv::prelude::*;

const FACE: [Point; 5] = [
    Point { x: 210.0, y: 131.5 },
    Point { x: 263.25, y: 140.0 },
    Point { x: 236.0, y: 165.75 },
    Point { x: 208.5, y: 190.0 },
    Point { x: 249.0, y: 197.0 },
];

fn turned(scale: f64, degrees: f64, tx: f64, ty: f64) -> Similarity {
    let angle = degrees.to_radians();
    Similarity { a: scale * angle.cos(), b: scale * angle.sin(), tx, ty }
}

fn assert_close(found: Similarity, expected: Similarity, tolerance: f64) {
    let pairs =
        [(found.a, expected.a), (found.b, expected.b), (found.tx, expected.tx), (found.ty, expected.ty)];
    for (found_value, expected_value) in pairs {
        let limit = tolerance * expected_value.abs().max(1.0);
        assert!((found_value - expected_value).abs() < limit, "{found:?} is not {expected:?}");
    }
}

#[test]
fn known_transforms_are_recovered() {
    for scale in [0.05, 0.7, 1.0, 9.0] {
        for degrees in [-179.0, -90.0, -12.0, 0.0, 33.0, 180.0] {
            let known = turned(scale, degrees, -320.5, 77.25);
            let found = Similarity::fit(&FACE, &FACE.map(|point| known.apply(point))).unwrap();
            assert_close(found, known, 1e-5); // the points are f32
            assert!((found.scale() - scale).abs() < 1e-5 * scale.max(1.0));
            let turn = (found.angle().to_degrees() - degrees).rem_euclid(360.0);
            assert!(turn.min(360.0 - turn) < 1e-3, "{turn}");
        }
    }
}

#[test]
fn the_inverse_undoes_and_a_shift_follows() {
    let known = turned(2.5, 40.0, 12.0, -7.0);
    for point in FACE {
        let back = known.inverse().apply(known.apply(point));
        assert!((back.x - point.x).abs() < 1e-3 && (back.y - point.y).abs() < 1e-3);
        let (plain, shifted) = (known.apply(point), known.translated(3.0, -4.0).apply(point));
        assert!((shifted.x - plain.x - 3.0).abs() < 1e-3 && (shifted.y - plain.y + 4.0).abs() < 1e-3);
    }
}

/// The same problem as one linear system, row by row `[x −y 1 0; y x 0 1] · (a b tx ty) = (u v)`, solved by OpenCV.
fn solved_by_svd(from: &[Point], to: &[Point]) -> Similarity {
    let mut rows = Vec::new();
    let mut right = Vec::new();
    for (source, target) in from.iter().zip(to) {
        let (x, y) = (f64::from(source.x), f64::from(source.y));
        rows.push(vec![x, -y, 1.0, 0.0]);
        rows.push(vec![y, x, 0.0, 1.0]);
        right.push(vec![f64::from(target.x)]);
        right.push(vec![f64::from(target.y)]);
    }
    let mut solution = Mat::default();
    let (rows, right) = (Mat::from_slice_2d(&rows).unwrap(), Mat::from_slice_2d(&right).unwrap());
    assert!(solve(&rows, &right, &mut solution, DECOMP_SVD).unwrap());
    let value = |row| *solution.at::<f64>(row).unwrap();
    Similarity { a: value(0), b: value(1), tx: value(2), ty: value(3) }
}

#[test]
fn noisy_points_give_the_least_squares_solution() {
    // Fixed "noise" of a few pixels, different for every point.
    for seed in 0..20 {
        let noise = |k: usize| ((k * 7919 + seed * 104_729) % 997) as f32 / 100.0 - 5.0;
        let known = turned(0.4 + seed as f64 / 10.0, seed as f64 * 17.0, 30.0, 60.0);
        let mut to = FACE.map(|point| known.apply(point));
        for (k, point) in to.iter_mut().enumerate() {
            point.x += noise(2 * k);
            point.y += noise(2 * k + 1);
        }
        assert_close(Similarity::fit(&FACE, &to).unwrap(), solved_by_svd(&FACE, &to), 1e-6);
    }
}

#[test]
fn a_mirrored_face_is_not_reflected() {
    // A reflection would carry every point exactly; a similarity cannot, and must not shear or flip.
    let mirrored = template(512).map(|point| Point { x: 511.0 - point.x, y: point.y });
    let fitted = Similarity::fit(&mirrored, &template(512)).unwrap();
    assert_close(fitted, solved_by_svd(&mirrored, &template(512)), 1e-6);
    let corner = |x, y| fitted.apply(Point { x, y });
    let (origin, right, down) = (corner(0.0, 0.0), corner(1.0, 0.0), corner(0.0, 1.0));
    let determinant = (right.x - origin.x) * (down.y - origin.y) - (right.y - origin.y) * (down.x - origin.x);
    assert!(determinant > 0.0, "{fitted:?}");
}

#[test]
fn a_face_on_the_template_needs_no_transform() {
    let identity = Similarity { a: 1.0, b: 0.0, tx: 0.0, ty: 0.0 };
    assert_close(face_to_crop(&template(512), 512).unwrap(), identity, 1e-6);
    // Pixel centres: halving the crop maps centre 0 to -0.25.
    let half = Similarity { a: 0.5, b: 0.0, tx: -0.25, ty: -0.25 };
    assert_close(face_to_crop(&template(512), 256).unwrap(), half, 1e-5);
}

#[test]
fn degenerate_points_are_refused() {
    let same = [Point { x: 3.0, y: 4.0 }; 5];
    let mut lost = FACE;
    lost[2].y = f32::NAN;
    let square = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)].map(|(x, y)| Point { x, y });
    let flipped = square.map(|point| Point { x: -point.x, y: point.y });
    let cases: [(&[Point], &[Point], &str); 6] = [
        (&same, &FACE, "coincide"),
        (&FACE, &same, "shrinks"),
        (&lost, &FACE, "not finite"),
        (&FACE[..1], &FACE[..1], "at least 2"),
        (&FACE, &FACE[..4], "equally long"),
        (&square, &flipped, "mirror image"),
    ];
    for (from, to, reason) in cases {
        let error = Similarity::fit(from, to).unwrap_err();
        assert!(matches!(error, DetectError::Degenerate { .. }), "{error:?}");
        assert!(error.to_string().contains(reason), "{error}");
    }
}
