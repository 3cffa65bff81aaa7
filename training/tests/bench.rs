//! `idm bench`: its figures agree with each other and with the network's own count of operations.

mod common;

use restore_core::UNet;
use tch::{Device, nn};
use training::config::TrainConfig;

use common::{faces, failed, idm, repository, succeeded, untrained_model};

/// The first number after `label`.
#[track_caller]
fn number(report: &str, label: &str) -> f64 {
    let line =
        report.lines().find(|line| line.starts_with(label)).unwrap_or_else(|| panic!("{label} in {report}"));
    line.split_whitespace().find_map(|word| word.parse().ok()).unwrap_or_else(|| panic!("{line}"))
}

#[track_caller]
fn close(a: f64, b: f64, slack: f64) {
    assert!((a / b - 1.0).abs() < slack, "{a} is not {b}");
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
    close(gflop, 3.0 * unet.flops(64) as f64 / 1e9, 0.05);
    let (rate, speed) = (number(&report, "samples"), number(&report, "speed"));
    assert!((speed - gflop * rate / 1e3).abs() <= 0.001 + 0.05 * speed, "{report}");
    let share = number(&report, "share");
    assert!((share - 100.0 * speed / number(&report, "peak")).abs() <= 1.0 + 0.2 * share, "{report}");
    assert!((0.0..=100.0).contains(&number(&report, "waiting")), "{report}");

    let noise =
        succeeded(&idm(&[&"bench", &"--train", &"--config", &tiny, &"--size", &"32", &"--seconds", &"0.1"]));
    close(number(&noise, "work"), gflop / 4.0, 0.1);
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
    let without_recipe = idm(&[&"bench", &"--train", &"--model", &model]);
    assert_eq!(without_recipe.status.code(), Some(2), "clap's code for arguments that do not fit");
    assert!(common::text(&without_recipe.stderr).contains("--config"));
}
