// SPDX-License-Identifier: MIT OR Apache-2.0
//! Gradients summed over parts of a batch. Alone in its process: every step seeds libtorch's generator, which threads share.

mod common;

use restore_core::{DeviceChoice, Precision, faces_from_rgb8};
use tch::{Kind, Tensor};
use training::data::degradation::Degradation;
use training::picture;
use training::train::config::TrainConfig;
use training::train::parallel::Group;
use training::train::state::LossSum;
use training::train::trainer::{StartFiles, Trainer};

/// Gradients after one step, by the name of the weight, read from the first moment: m = (1 − β₁) g when it was 0.
fn gradients(config: &TrainConfig, x: &Tensor, x_d: &Tensor) -> (f64, Vec<(String, Tensor)>) {
    let mut trainer = Trainer::new(config, DeviceChoice::Cpu, &StartFiles::default()).unwrap();
    let progress = trainer.step(x, x_d, &Group::alone()).unwrap();
    let state = trainer.state(LossSum::default()).unwrap();
    for (name, tensor) in &state.tensors {
        assert_eq!(
            tensor.kind(),
            Kind::Float,
            "{name}: weights, averages and moments are fp32 in any precision"
        );
    }
    let moments = state.part("optimiser.first").into_iter();
    let beta = config.optimiser.betas[0];
    (progress.loss, moments.map(|(name, moment)| (name, moment / (1.0 - beta))).collect())
}

/// Batch 2 four times and batch 8 once: the same γ and ε, the same loss and the same gradient but for rounding, which in
/// bf16 is 2⁻⁹ of a value. A sum that is not averaged would be four times as large, one that forgets a part a quarter off.
#[test]
fn four_batches_of_two_give_the_gradient_of_one_of_eight() {
    let folder = tempfile::tempdir().unwrap();
    let files = picture::list(&common::faces(folder.path())).unwrap();
    let clean: Vec<_> = (0..8)
        .map(|i| picture::resize_to_square(&picture::read(&files[i % files.len()]).unwrap(), 64).unwrap())
        .collect();
    let degraded: Vec<_> = clean
        .iter()
        .enumerate()
        .map(|(i, face)| Degradation::default().params_for(i as u64, "face").apply(face).unwrap())
        .collect();
    let tensor = |pictures: &[image::RgbImage]| {
        faces_from_rgb8(&pictures.iter().map(|face| face.as_raw().as_slice()).collect::<Vec<_>>(), 64)
            .unwrap()
    };
    let (x, x_d) = (tensor(&clean), tensor(&degraded));
    let mut config: TrainConfig = toml::from_str(include_str!("../configs/tiny.toml")).unwrap();
    config.optimiser.clip_norm = 1e9;
    for (precision, tolerance) in [(Precision::Fp32, 1e-5), (Precision::Bf16, 2e-2)] {
        config.run.precision = precision;
        (config.run.batch, config.optimiser.accumulate) = (8, 1);
        let (whole_loss, whole) = gradients(&config, &x, &x_d);
        (config.run.batch, config.optimiser.accumulate) = (2, 4);
        assert_eq!(config.faces_per_step(), 8);
        let (parts_loss, parts) = gradients(&config, &x, &x_d);
        assert!((whole_loss - parts_loss).abs() < 1e-2 * tolerance * whole_loss.max(1.0) + 1e-6);
        let norm = |tensor: &Tensor| f64::try_from(tensor.norm()).unwrap();
        let mut squares = [0.0, 0.0];
        for ((name, whole), (other, part)) in whole.iter().zip(&parts) {
            assert_eq!(name, other);
            squares[0] += norm(&(whole - part)).powi(2);
            squares[1] += norm(whole).powi(2);
        }
        let [difference, size] = squares.map(f64::sqrt);
        assert!(size > 1e-3, "there is a gradient");
        assert!(difference < tolerance * size, "{precision}: {difference} of {size}");
    }
}
