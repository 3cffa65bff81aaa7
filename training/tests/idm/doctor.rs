// SPDX-License-Identifier: MIT OR Apache-2.0
//! `idm doctor`: everything of this machine is right, and what is missing or broken has its remedy.

use std::path::Path;

use crate::common::{failed, idm, succeeded};

#[test]
fn the_shipped_models_are_found_and_timed() {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models");
    let result = idm(&[&"doctor", &"--models", &models]);
    let text = String::from_utf8_lossy(&result.stdout).into_owned();
    // An independent word for the precision: Linux's own list of the processor's features.
    let flags = std::fs::read_to_string("/proc/cpuinfo").unwrap();
    let precision = if flags.contains("avx512_bf16") { "bf16" } else { "fp32" };
    assert!(text.contains(&format!("networks compute in {precision}")), "{text}");
    for part in
        ["libtorch_cpu.so", "facerestore-fast.safetensors", "facerestore-live.safetensors", "a face in"]
    {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    let lines =
        |subject: &str| text.lines().filter(|line| line.contains(subject) && line.starts_with("ok")).count();
    assert_eq!(
        (lines("processor"), lines("libtorch "), lines("GPU"), lines("detector")),
        (1, 1, 1, 1),
        "{text}"
    );
}

#[test]
fn a_missing_and_a_broken_model_have_their_remedies() {
    let folder = tempfile::tempdir().unwrap();
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models");
    let live = std::fs::read(models.join("facerestore-live.safetensors")).unwrap();
    std::fs::write(folder.path().join("facerestore-live.safetensors"), &live[..live.len() / 2]).unwrap();
    let result = idm(&[&"doctor", &"--models", &folder.path()]);
    failed(&result, &["things are wrong"]);
    let text = String::from_utf8_lossy(&result.stdout).into_owned();
    let wrong: Vec<_> = text.lines().filter(|line| line.starts_with("WRONG")).collect();
    let about = |part: &str| wrong.iter().filter(|line| line.contains(part)).count();
    assert_eq!(about("facerestore-fast.safetensors is not in"), 1, "{text}");
    assert_eq!(about("face_detection_yunet_2023mar.onnx is not in"), 1, "{text}");
    assert_eq!(about("live model"), 1, "{text}");
    assert!(text.matches("→").count() >= 3, "{text}");
}

/// A word of the help that users search for.
#[test]
fn its_help_says_what_it_looks_at() {
    let result = idm(&[&"doctor", &"--help"]);
    succeeded(&result);
    assert!(String::from_utf8_lossy(&result.stdout).contains("how to get what it lacks"));
}
