// SPDX-License-Identifier: MIT OR Apache-2.0
//! The detector's outputs as any floats: faces are finite, in order, no more than asked for, and lead to regions within the frame.
#![no_main]

use face_detect::fuzzing::faces_of_outputs;
use face_detect::{DetectOptions, face_region, face_to_crop};
use facerestore_fuzz::Numbers;
use libfuzzer_sys::fuzz_target;

const FRAME: (u32, u32) = (640, 384);

fuzz_target!(|input: &[u8]| {
    let mut numbers = Numbers(input);
    let [columns, stride, most] = numbers.bytes();
    let factors = (numbers.f32(), numbers.f32());
    let options = DetectOptions {
        score_threshold: numbers.f32(),
        nms_threshold: numbers.f32(),
        min_face_size: u32::from(numbers.u16()),
        max_faces: most.into(),
    };
    let values: Vec<f32> =
        std::iter::from_fn(|| (!numbers.0.is_empty()).then(|| numbers.f32())).take(16_384).collect();
    let found = faces_of_outputs(&values, columns.into(), u32::from(stride), factors, &options);
    let Ok(faces) = found else { return };
    assert!(faces.len() <= options.max_faces);
    assert!(faces.is_sorted_by(|a, b| a.bbox.area() >= b.bbox.area()), "{faces:?}");
    for face in &faces {
        assert!(face.bbox.area().is_finite() && face.score >= 0.0, "{face:?}");
        for size in [64, 512] {
            let Ok(to_crop) = face_to_crop(&face.landmarks, size) else { continue };
            let Some(region) = face_region(&to_crop, size, FRAME.0, FRAME.1) else { continue };
            assert!(
                region.x >= 0 && region.width > 0 && region.x + region.width <= FRAME.0 as i32,
                "{region:?}"
            );
            assert!(
                region.y >= 0 && region.height > 0 && region.y + region.height <= FRAME.1 as i32,
                "{region:?}"
            );
        }
    }
});
