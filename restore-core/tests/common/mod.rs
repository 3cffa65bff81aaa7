//! A small model whose output depends on all of its input, for tests of what surrounds a network.

use restore_core::{Checkpoint, Design, DiffusionConfig, InferenceConfig, ModelConfig, Sampler, UNetConfig};

/// A network of a few thousand weights for faces of 32 pixels, drawn from a seed, none of them zero.
pub fn small_model() -> Checkpoint {
    let config = ModelConfig {
        crop_size: 32,
        unet: UNetConfig {
            design: Design::Lean,
            patch: 2,
            base_channels: 16,
            channel_mults: vec![1, 2],
            blocks: vec![1, 1],
            attention_levels: vec![],
            head_channels: 16,
            residual: true,
            dropout: 0.0,
        },
        diffusion: DiffusionConfig::default(),
        inference: InferenceConfig { steps: 2, sampler: Sampler::Ddpm },
    };
    let mut checkpoint = Checkpoint::untrained(&config, 5).unwrap();
    for weight in checkpoint.weights.values_mut() {
        *weight = weight.detach_copy() + weight.randn_like() * 0.1;
    }
    checkpoint
}
