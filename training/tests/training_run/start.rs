// SPDX-License-Identifier: MIT OR Apache-2.0
//! What `idm train` starts from: another model by `--init`, and weights or a learning rate that it diverges with.

use std::path::Path;

use restore_core::{Checkpoint, ModelConfig};
use tch::Kind;

use crate::common::{faces, failed, names, succeeded, tiny_config, train, untrained_model};
use training::picture;

/// The network of tiny.toml.
const UNET: &str = r#"
design = "lean"
patch = 2
base_channels = 16
channel_mults = [1, 2]
blocks = [1, 1]
attention_levels = []
head_channels = 16
residual = true
"#;

/// Saves the untrained tiny model with another configuration and, in each weight's first value, `first`.
fn model(folder: &Path, name: &str, first: f64, change: impl Fn(&mut ModelConfig)) -> std::path::PathBuf {
    let mut checkpoint = Checkpoint::open(&untrained_model(folder, true)).unwrap();
    change(&mut checkpoint.config);
    for weight in checkpoint.weights.values_mut() {
        let _ = weight.view([-1]).narrow(0, 0, 1).fill_(first);
    }
    let path = folder.join(name);
    checkpoint.save(&path, Kind::Float).unwrap();
    path
}

/// A model of 128 pixels goes on at 64 (and another schedule and sampler): with a learning rate of almost nothing, and the
/// average starting at the weights, what comes out is what went in.
#[test]
fn weights_are_taken_over_at_another_resolution() {
    let folder = tempfile::tempdir().unwrap();
    let data = faces(folder.path());
    let large = model(folder.path(), "large.safetensors", 0.125, |config| {
        config.crop_size = 128;
        config.inference.steps = 10;
        config.diffusion.timesteps = 500;
    });
    let changes = [("iterations = 120", "iterations = 1"), ("learning_rate = 2e-3", "learning_rate = 1e-12")];
    let config = tiny_config(folder.path(), "c.toml", &changes);
    let run = folder.path().join("run");
    succeeded(&train(&config, &data, &run, &[&"--init", &large]));
    let (before, after) =
        (Checkpoint::open(&large).unwrap(), Checkpoint::open(&run.join("model.safetensors")).unwrap());
    assert_eq!(
        (after.config.crop_size, after.config.inference.steps, after.config.diffusion.timesteps),
        (64, 1, 1000)
    );
    for (name, weight) in &before.weights {
        // The rounding of bf16, which the model is saved in, and the step.
        let bound = weight.abs() / 256.0 + 1e-9;
        let difference = (weight - after.weights[name].to_kind(Kind::Float)).abs();
        assert!(bool::try_from(difference.less_equal_tensor(&bound).all()).unwrap(), "{name}");
    }
}

/// A network with a coarse one starts from two models: each one's weights are in their place after a step of almost nothing.
#[test]
fn the_coarse_network_starts_from_a_model_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let data = faces(folder.path());
    let fine = model(folder.path(), "fine.safetensors", 0.125, |_| {});
    let coarse = model(folder.path(), "coarse.safetensors", 0.25, |config| config.crop_size = 32);
    let changes = [
        ("iterations = 120", "iterations = 1"),
        ("learning_rate = 2e-3", "learning_rate = 1e-12"),
        ("[model.diffusion]", &format!("[model.unet.coarse]\n{UNET}\n[model.diffusion]")),
    ];
    let config = tiny_config(folder.path(), "c.toml", &changes);
    let run = folder.path().join("run");
    failed(
        &train(&config, &data, &run, &[&"--init", &fine]),
        &["is of another network", "unet.coarse is null there"],
    );
    succeeded(&train(&config, &data, &run, &[&"--init", &fine, &"--coarse", &coarse]));
    let after = Checkpoint::open(&run.join("model.safetensors")).unwrap();
    for (name, weight) in &after.weights {
        let first = weight.view([-1]).double_value(&[0]);
        let expected = if name.starts_with("coarse.") { 0.25 } else { 0.125 };
        assert!((first - expected).abs() < 1e-3, "{name} starts with {first}");
    }
    // What was made so can be gone on from by itself.
    let again = folder.path().join("again");
    let own = run.join("model.safetensors");
    succeeded(&train(&config, &data, &again, &[&"--init", &own]));
    // A coarse network without a place for it.
    let plain = tiny_config(folder.path(), "plain.toml", &[]);
    failed(
        &train(&plain, &data, &folder.path().join("no"), &[&"--init", &fine, &"--coarse", &coarse]),
        &["is of another network", "unet.coarse"],
    );
}

#[test]
fn another_network_is_refused_by_the_key_that_differs() {
    let folder = tempfile::tempdir().unwrap();
    let data = faces(folder.path());
    let run = folder.path().join("run");
    let config = tiny_config(folder.path(), "c.toml", &[]);
    let refused = |model: &Path, reason: &str| {
        failed(&train(&config, &data, &run, &[&"--init", &model]), &["is of another network", reason]);
        assert!(!run.join("state.safetensors").exists());
    };
    refused(&untrained_model(folder.path(), false), "unet.residual is false there and true here");
    let other = model(folder.path(), "epsilon.safetensors", 0.0, |config| {
        config.diffusion.prediction = restore_core::Prediction::Epsilon;
    });
    refused(&other, "diffusion.prediction is \"epsilon\" there and \"x0\" here");
    let broken = folder.path().join("broken.safetensors");
    std::fs::write(&broken, b"no model").unwrap();
    failed(
        &train(&config, &data, &run, &[&"--init", &broken]),
        &["broken.safetensors", "not a whole safetensors"],
    );
}

/// A weight that is no number, as after an overflow: the first loss is none, and the batch is saved: targets that are
/// faces of the data, inputs that are not the same, and γ of each.
#[test]
fn a_loss_that_is_no_number_stops_the_run_and_leaves_its_batch() {
    let folder = tempfile::tempdir().unwrap();
    let data = faces(folder.path());
    let poisoned = model(folder.path(), "nan.safetensors", f64::NAN, |_| {});
    let changes = [("batch = 8", "batch = 3"), ("clean_share = 0.1", "clean_share = 0.0")];
    let config = tiny_config(folder.path(), "c.toml", &changes);
    let run = folder.path().join("run");
    let output = train(&config, &data, &run, &[&"--init", &poisoned]);
    failed(
        &output,
        &["the run has diverged: the loss of iteration 0 is NaN", "learning_rate", "diverged/000000"],
    );
    assert!(!run.join("state.safetensors").exists(), "no checkpoint of a diverged run");
    let batch = run.join("diverged/000000");
    let pictures =
        ["00-degraded.png", "00-target.png", "01-degraded.png", "01-target.png", "02-degraded.png"];
    assert_eq!(names(&batch)[..5], pictures);
    let originals: Vec<_> = picture::list(&data)
        .unwrap()
        .iter()
        .map(|file| picture::resize_to_square(&picture::read(file).unwrap(), 64).unwrap())
        .flat_map(|face| [image::imageops::flip_horizontal(&face), face])
        .collect();
    for index in 0..3 {
        let target = picture::read(&batch.join(format!("{index:02}-target.png"))).unwrap();
        assert!(originals.contains(&target), "target {index} is a face of the data");
        assert_ne!(picture::read(&batch.join(format!("{index:02}-degraded.png"))).unwrap(), target);
    }
    let report: serde_json::Value =
        serde_json::from_slice(&std::fs::read(batch.join("batch.json")).unwrap()).unwrap();
    assert_eq!((report["iteration"].as_u64(), report["loss"].as_str()), (Some(0), Some("NaN")));
    let gammas = report["gammas"].as_array().unwrap();
    assert!(gammas.len() == 3 && gammas.iter().all(|gamma| (0.0..=1.0).contains(&gamma.as_f64().unwrap())));
}

/// A learning rate that throws the weights out of range: the checkpoint before is kept.
#[test]
fn a_diverging_run_keeps_its_last_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let data = faces(folder.path());
    let changes = [
        ("learning_rate = 2e-3", "learning_rate = 1e38"),
        ("warmup = 10", "warmup = 0"),
        ("checkpoint = 40", "checkpoint = 1"),
    ];
    let config = tiny_config(folder.path(), "c.toml", &changes);
    let run = folder.path().join("run");
    let output = train(&config, &data, &run, &[]);
    failed(&output, &["the run has diverged: the loss of iteration", "Its batch is in"]);
    assert!(run.join("state.safetensors").exists());
    assert_eq!(names(&run.join("diverged")).len(), 1);
}
