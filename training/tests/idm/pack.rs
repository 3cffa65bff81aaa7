// SPDX-License-Identifier: MIT OR Apache-2.0
//! `idm pack`: a smaller file of the same model, and one between two models.

use restore_core::Checkpoint;
use tch::Kind;

use crate::common::{failed, idm, succeeded, untrained_model};

#[test]
fn a_model_is_packed_and_averaged() {
    let folder = tempfile::tempdir().unwrap();
    let model = untrained_model(folder.path(), true);
    let mut changed = Checkpoint::open(&model).unwrap();
    for weight in changed.weights.values_mut() {
        *weight = &*weight + 1.0;
    }
    let (other, packed) = (folder.path().join("other.safetensors"), folder.path().join("packed.safetensors"));
    changed.save(&other, Kind::Float).unwrap();

    succeeded(&idm(&[&"pack", &"--model", &model, &"--output", &packed]));
    let size = |path: &std::path::Path| std::fs::metadata(path).unwrap().len() as f64;
    assert!(size(&packed) < 0.45 * size(&model), "{} of {}", size(&packed), size(&model));

    // A quarter of the way to weights that are larger by 1.
    let quarter = ["--average", other.to_str().unwrap(), "--share", "0.25", "--weights", "fp32"];
    let mut arguments: Vec<&dyn AsRef<std::ffi::OsStr>> =
        vec![&"pack", &"--model", &model, &"--output", &packed];
    arguments.extend(quarter.iter().map(|argument| argument as &dyn AsRef<std::ffi::OsStr>));
    succeeded(&idm(&arguments));
    let (before, after) = (Checkpoint::open(&model).unwrap(), Checkpoint::open(&packed).unwrap());
    for (name, weight) in &before.weights {
        let off = (&after.weights[name] - weight - 0.25).abs().max().double_value(&[]);
        assert!(off < 1e-5, "{name} is off by {off}");
    }

    let grey = untrained_model(folder.path(), false);
    let refused = idm(&[&"pack", &"--model", &model, &"--output", &packed, &"--average", &grey]);
    failed(&refused, &["grey.safetensors", "another network"]);
    failed(&idm(&[&"pack", &"--model", &model, &"--output", &model]), &["--output is --model itself"]);
}
