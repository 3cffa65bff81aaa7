// SPDX-License-Identifier: MIT OR Apache-2.0
//! A small model whose output depends on all of its input, for tests of what surrounds a network.

use restore_core::{
    Checkpoint, Condition, Design, DiffusionConfig, InferenceConfig, ModelConfig, Sampler, UNetConfig,
};
use tch::{Device, Kind, Tensor};

/// A network of a few thousand weights for faces of 32 pixels, none of them zero.
pub fn small_model() -> Checkpoint {
    let config = ModelConfig {
        crop_size: 32,
        class_names: Vec::new(),
        unet: UNetConfig {
            design: Design::Lean,
            condition: Condition::Degraded,
            patch: 2,
            base_channels: 16,
            channel_mults: vec![1, 2],
            blocks: vec![1, 1],
            attention_levels: vec![],
            head_channels: 16,
            residual: true,
            dropout: 0.0,
            detail_head: false,
            detail_width: 0,
            coarse: None,
        },
        diffusion: DiffusionConfig::default(),
        inference: InferenceConfig { steps: 2, sampler: Sampler::Ddpm, spacing: 1.0, detail_gamma: None },
    };
    in_waves(&config)
}

/// A model of `config` with no weight at zero.
pub fn in_waves(config: &ModelConfig) -> Checkpoint {
    let mut checkpoint = Checkpoint::untrained(config, 5).unwrap();
    // libtorch's generator is global to the process, where tests run side by side; a wave is the same for all of them.
    for (index, weight) in checkpoint.weights.values_mut().enumerate() {
        let wave = wave(&weight.size(), 1.7, index as f64);
        *weight = wave * 0.2;
    }
    checkpoint
}

/// sin(`step`·i + `phase`) for the i-th element of a tensor of that shape: values that no generator is needed for.
pub fn wave(shape: &[i64], step: f64, phase: f64) -> Tensor {
    let count = shape.iter().product::<i64>();
    let angles = Tensor::arange(count, (Kind::Double, Device::Cpu)) * step + phase;
    angles.sin().to_kind(Kind::Float).view(shape)
}
