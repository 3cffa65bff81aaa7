//! `idm bench`: its figures agree with each other and with the network's own count of operations.

mod common;

use restore_core::UNet;
use tch::{Device, nn};
use training::train::config::TrainConfig;

use common::{faces, failed, idm, repository, succeeded, untrained_model};

/// The first number after `label`.
#[track_caller]
fn number(report: &str, label: &str) -> f64 {
    let line =
        report.lines().find(|line| line.starts_with(label)).unwrap_or_else(|| panic!("{label} in {report}"));
    line.split_whitespace().find_map(|word| word.parse().ok()).unwrap_or_else(|| panic!("{line}"))
}

#[test]
fn training_costs_three_forward_passes_and_the_figures_agree() {
    let folder = tempfile::tempdir().unwrap();
    let (tiny, data) = (repository().join("training/configs/tiny.toml"), faces(folder.path()));
    let config = TrainConfig::open(&tiny).unwrap();
    let unet = UNet::new(&nn::VarStore::new(Device::Cpu).root(), &config.model.unet).unwrap();
    let output = idm(&[
        &"bench",
        &"--train",
        &"--config",
        &tiny,
        &"--data",
        &data,
        &"--batch",
        &"2",
        &"--seconds",
        &"0.5",
    ]);
    let report = succeeded(&output);
    let gflop = number(&report, "work");
    assert!((gflop - 3.0 * unet.flops(64) as f64 / 1e9).abs() <= 0.005, "{report}");
    let (rate, speed) = (number(&report, "samples"), number(&report, "speed"));
    // Work is shown to 0.01 GFLOP, speed to 0.001 TFLOP/s.
    assert!((speed - gflop * rate / 1e3).abs() <= 0.001 + 0.005 * rate / 1e3, "{report}");
    let share = number(&report, "share");
    let peak = number(&report, "peak");
    assert!((share / 100.0 * peak - speed).abs() <= 0.001 + 0.005 * peak, "{report}");
    assert!((0.0..=100.0).contains(&number(&report, "waiting")), "{report}");

    let noise =
        succeeded(&idm(&[&"bench", &"--train", &"--config", &tiny, &"--size", &"32", &"--seconds", &"0.1"]));
    assert!((number(&noise, "work") - 3.0 * unet.flops(32) as f64 / 1e9).abs() <= 0.005, "{noise}");
    assert!(noise.contains("not measured"), "{noise}");
}

#[test]
fn restoration_is_measured_for_a_model_or_an_untrained_one() {
    let folder = tempfile::tempdir().unwrap();
    let model = untrained_model(folder.path(), true);
    let tiny = repository().join("training/configs/tiny.toml");
    let of_model = succeeded(&idm(&[&"bench", &"--model", &model, &"--seconds", &"0.1"]));
    let of_config = succeeded(&idm(&[&"bench", &"--config", &tiny, &"--steps", &"3", &"--seconds", &"0.1"]));
    assert_eq!(number(&of_model, "work"), number(&of_config, "work"));
    assert!(of_config.contains("3 steps"), "{of_config}");
}

#[test]
fn what_cannot_be_measured_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let model = untrained_model(folder.path(), true);
    let tiny = repository().join("training/configs/tiny.toml");
    failed(&idm(&[&"bench", &"--model", &model, &"--batch", &"0"]), &["--batch is 0"]);
    failed(&idm(&[&"bench", &"--train", &"--config", &tiny, &"--size", &"63"]), &["crop_size is 63"]);
    failed(&idm(&[&"bench", &"--train", &"--model", &model]), &["give --config"]);
}
