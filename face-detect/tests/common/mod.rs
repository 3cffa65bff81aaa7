// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the integration tests share: real photos, the detector, comparisons of images.
#![allow(dead_code)] // each test file uses its share

pub mod clip;

use std::path::{Path, PathBuf};

use face_detect::{DetectOptions, Face, FaceDetector, Region};
use opencv::core::{Mat, Vec3b};
use opencv::imgcodecs::{IMREAD_COLOR, imread};
use opencv::prelude::*;

/// The path of a file of the repository.
pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// A photo of tests/data as BGR.
pub fn photo(name: &str) -> Mat {
    let path = repository("tests/data").join(name);
    let image = imread(path.to_str().unwrap(), IMREAD_COLOR).unwrap();
    assert!(!image.empty(), "{}", path.display());
    image
}

/// The shipped detector.
pub fn detector() -> FaceDetector {
    FaceDetector::open(&repository("models/face_detection_yunet_2023mar.onnx")).unwrap()
}

/// The one face of a photo.
pub fn only_face(image: &Mat) -> Face {
    // The faces of the pictures are large, and the network takes less of them in.
    let options = DetectOptions { min_face_size: 48, ..DetectOptions::default() };
    let faces = detector().detect(image, &options).unwrap();
    let [face] = faces[..] else { panic!("{faces:?}") };
    face
}

/// The region that is the whole image.
pub fn whole(image: &Mat) -> Region {
    Region { x: 0, y: 0, width: image.cols(), height: image.rows() }
}

/// A copy of a part of an image.
pub fn part(image: &Mat, region: Region) -> Mat {
    let Region { x, y, width, height } = region;
    Mat::roi(image, opencv::core::Rect::new(x, y, width, height)).unwrap().try_clone().unwrap()
}

/// The pixel in column x of row y.
pub fn pixel(image: &Mat, x: i32, y: i32) -> [u8; 3] {
    image.at_2d::<Vec3b>(y, x).unwrap().0
}

/// All bytes in reading order.
pub fn bytes(image: &Mat) -> Vec<u8> {
    image.try_clone().unwrap().data_bytes().unwrap().to_vec()
}

/// The largest difference of two images of one size.
pub fn largest_difference(a: &Mat, b: &Mat) -> u8 {
    assert_eq!(a.size().unwrap(), b.size().unwrap());
    bytes(a).iter().zip(bytes(b)).map(|(a, b)| a.abs_diff(b)).max().unwrap()
}

/// Peak signal-to-noise ratio in dB over the pixels that `include` (column, row) names.
pub fn psnr_where(a: &Mat, b: &Mat, include: impl Fn(i32, i32) -> bool) -> f64 {
    assert_eq!(a.size().unwrap(), b.size().unwrap());
    let (mut sum, mut count) = (0.0, 0.0);
    for y in 0..a.rows() {
        for x in 0..a.cols() {
            if include(x, y) {
                for (a, b) in pixel(a, x, y).into_iter().zip(pixel(b, x, y)) {
                    sum += (f64::from(a) - f64::from(b)).powi(2);
                    count += 1.0;
                }
            }
        }
    }
    10.0 * (255.0_f64.powi(2) * count / sum).log10()
}

/// [`psnr_where`] over all pixels.
pub fn psnr(a: &Mat, b: &Mat) -> f64 {
    psnr_where(a, b, |_, _| true)
}
