// SPDX-License-Identifier: MIT OR Apache-2.0
//! The configurations in training/configs: all of them can be used, and paper-512 is the paper's.

mod common;

use restore_core::{Condition, DeviceChoice, Precision, Prediction, Sampler, ScheduleKind, UNetConfig};
use tch::{Device, Kind, Tensor};
use training::data::degradation::Degradation;
use training::train::config::{Decay, Loss, TrainConfig};
use training::train::parallel::Group;
use training::train::trainer::{StartFiles, Trainer};

use common::repository;

fn open(name: &str) -> TrainConfig {
    TrainConfig::open(&repository().join("training/configs").join(name)).unwrap()
}

#[test]
fn every_configuration_is_valid() {
    let names = common::names(&repository().join("training/configs"));
    for name in ["fast-256.toml", "fast-512.toml", "generator-64.toml", "paper-512.toml", "tiny.toml"] {
        assert!(names.contains(&name.to_owned()), "{name} is missing");
    }
    // Recipes of damage are in a folder beside them.
    for name in names.iter().filter(|name| name.ends_with(".toml")) {
        open(name);
    }
}

/// Section 4.1 of the paper, and what METHOD.md quotes of it. The count of weights is tested in restore-core.
#[test]
fn paper_512_is_the_papers_recipe() {
    let config = open("paper-512.toml");
    assert_eq!(config.model.unet, UNetConfig::paper());
    assert_eq!(config.model.crop_size, 512);
    assert_eq!(config.model.unet.attention_grids(512), [32, 16, 8]);
    let diffusion = &config.model.diffusion;
    assert_eq!(
        (diffusion.schedule, diffusion.timesteps, diffusion.prediction),
        (ScheduleKind::Linear, 1000, Prediction::X0)
    );
    assert_eq!((config.model.inference.steps, config.model.inference.sampler), (10, Sampler::Ddpm));
    assert_eq!(config.pair_recipe().side(), 512);
    let degradation = &config.degradation;
    assert_eq!(*degradation, Degradation::default());
    assert_eq!((degradation.sigma, degradation.scale), ([0.2, 10.0], [1.0, 8.0]));
    assert_eq!((degradation.noise, degradation.quality), ([0.0, 15.0], [50, 100]));
    assert_eq!((config.run.loss, config.faces_per_step(), config.run.iterations), (Loss::L1, 32, 100_000));
    assert_eq!((config.optimiser.decay, config.optimiser.weight_decay), (Decay::Constant, 0.0));
    for iteration in [0, 1, 50_000, 99_999] {
        assert_eq!(config.learning_rate(iteration), 1e-4);
    }
}

/// Section 4.2 of the paper: 384×384, classes of ImageNet-1k, the restorer's architecture, 100 000 iterations.
#[test]
fn paper_generator_384_is_the_papers_network_without_a_degraded_face() {
    let config = open("paper-generator-384.toml");
    let unet = &config.model.unet;
    assert_eq!(*unet, UNetConfig { condition: Condition::Classes(1000), ..UNetConfig::paper() });
    assert_eq!((config.model.crop_size, config.pair_recipe().side()), (384, 384));
    assert_eq!(unet.attention_grids(384), [24, 12, 6]);
    assert_eq!((config.model.diffusion.prediction, config.run.loss), (Prediction::Epsilon, Loss::L2));
    assert_eq!((config.faces_per_step(), config.run.iterations), (32, 100_000));
    assert_eq!(config.class_dropout(), 0.1);
    assert_eq!(open("generator-64.toml").class_dropout(), 0.0);
}

#[test]
fn fast_512_trains_the_fast_network_on_windows_of_whole_faces() {
    let config = open("fast-512.toml");
    assert_eq!(config.model.unet, UNetConfig::fast());
    assert_eq!((config.model.crop_size, config.pair_recipe().side()), (512, 256));
}

/// Figure 10 compares p = 1 and p = 2. A fresh residual network gives its input back, so the first loss is the mean of
/// |x_d − x|^p, whatever γ and ε are drawn: 0.25 and 0.0625 for pictures that differ by a quarter everywhere.
#[test]
fn both_losses_run_and_are_those_of_figure_10() {
    let x = Tensor::f_rand([3, 3, 64, 64], (Kind::Float, Device::Cpu)).unwrap() * 0.5;
    let x_d = &x + 0.25;
    for (loss, expected) in [(Loss::L1, 0.25), (Loss::L2, 0.0625)] {
        for prediction in [Prediction::X0, Prediction::Epsilon] {
            let mut config = open("tiny.toml");
            config.run.loss = loss;
            config.run.precision = Precision::Fp32;
            config.model.diffusion.prediction = prediction;
            let mut trainer = Trainer::new(&config, DeviceChoice::Cpu, &StartFiles::default()).unwrap();
            let first = trainer.step(&x, &x_d, &Group::alone()).unwrap();
            if prediction == Prediction::X0 {
                assert!((first.loss - expected).abs() < 1e-5, "{loss:?}: {}", first.loss);
            }
            let second = trainer.step(&x, &x_d, &Group::alone()).unwrap();
            assert!(second.loss.is_finite() && first.gradient_norm > 0.0, "{loss:?} {prediction:?}");
        }
    }
}
