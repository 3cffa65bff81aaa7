// SPDX-License-Identifier: MIT OR Apache-2.0
//! `idm bench`: its figures agree with each other and with the network's own count of operations.

mod common;

use restore_core::UNet;
use tch::{Device, nn};
use training::train::config::TrainConfig;

use common::{GENERATOR, faces, failed, idm, repository, succeeded, tiny_config, untrained_model};

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

/// With a detail head the default is one pass of each network, and two steps stand beside it.
#[test]
fn a_model_with_a_detail_head_is_measured_beside_two_steps() {
    let sharp = repository().join("training/configs/sharp-512.toml");
    let arguments: [&dyn AsRef<std::ffi::OsStr>; 7] =
        [&"bench", &"--config", &sharp, &"--size", &"64", &"--seconds", &"0.2"];
    let report = succeeded(&idm(&arguments));
    assert!(report.contains("the mean once, the detail once"), "{report}");
    let line =
        report.lines().find(|line| line.starts_with("two steps")).unwrap_or_else(|| panic!("{report}"));
    let numbers: Vec<f64> = line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let [two, share] = numbers[..] else { panic!("{line}") };
    let times = report.lines().find(|line| line.starts_with("time")).unwrap();
    let own: Vec<f64> = times.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    // Times are shown to 0.1 ms, the share to 0.01.
    assert!((own[1] / two - share).abs() <= 0.006 + 0.06 / two * (1.0 + own[1] / two), "{report}");
    let in_steps = succeeded(&idm(&[&arguments[..], &[&"--steps", &"2"]].concat()));
    assert!(in_steps.contains("2 steps") && !in_steps.contains("two steps"), "{in_steps}");
}

/// A generator makes pictures and is trained on noise and a class; a step is one pass of its network, a training step three.
#[test]
fn a_generator_is_measured_too() {
    let folder = tempfile::tempdir().unwrap();
    let tiny = tiny_config(folder.path(), "generator.toml", &GENERATOR);
    let config = TrainConfig::open(&tiny).unwrap();
    let unet = UNet::new(&nn::VarStore::new(Device::Cpu).root(), &config.model.unet).unwrap();
    let made = succeeded(&idm(&[&"bench", &"--config", &tiny, &"--steps", &"3", &"--seconds", &"0.1"]));
    assert!(made.contains("picture     64×64, batch 1, 3 steps of ddpm"), "{made}");
    assert!((number(&made, "work") - unet.flops(64) as f64 / 1e9).abs() <= 0.005, "{made}");
    let trained =
        succeeded(&idm(&[&"bench", &"--train", &"--config", &tiny, &"--batch", &"2", &"--seconds", &"0.1"]));
    assert!((number(&trained, "work") - 3.0 * unet.flops(64) as f64 / 1e9).abs() <= 0.005, "{trained}");
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
