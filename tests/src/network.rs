// SPDX-License-Identifier: MIT OR Apache-2.0
//! Networks of known effect, exported as TorchScript, where a test needs more than the shipped model's gentle change.

use std::path::{Path, PathBuf};

use restore_core::{Checkpoint, DiffusionConfig, InferenceConfig, ModelConfig, UNetConfig};
use tch::{CModule, Device, Kind, Tensor};

/// Exports a network as `folder/name`, traced on faces of 32 pixels.
#[must_use]
pub fn traced(folder: &Path, name: &str, network: impl Fn(&Tensor) -> Tensor) -> PathBuf {
    let path = folder.join(name);
    let example = Tensor::zeros([1, 3, 32, 32], (Kind::Float, Device::Cpu));
    let mut forward = |inputs: &[Tensor]| vec![network(&inputs[0])];
    let module = CModule::create_by_tracing("Network", "forward", &[example], &mut forward).unwrap();
    module.save(&path).unwrap();
    path
}

/// Exports the network that gives the negative of the face: a large change in every pixel, and known.
#[must_use]
pub fn negative(folder: &Path) -> PathBuf {
    traced(folder, "negative.pt", |faces| -faces)
}

/// Exports a network that adds `amount` times what distinguishes a pixel from the mean of the 5×5 about it: contrast, whatever it
/// is of.
#[must_use]
pub fn sharpening(folder: &Path, amount: f64) -> PathBuf {
    traced(folder, "sharpening.pt", |faces| {
        let mean = faces.avg_pool2d([5, 5], [1, 1], [2, 2], false, false, None::<i64>);
        (faces + (faces - mean) * amount).clamp(-1.0, 1.0)
    })
}

/// Exports a network that takes a grey face, on which networks are tried, and fails for every other.
#[must_use]
pub fn failing(folder: &Path) -> PathBuf {
    traced(folder, "failing.pt", |faces| {
        // An element that is not there: libtorch raises an error.
        let index = faces.abs().max().ge(0.01).to_kind(Kind::Int64) * 1_000_000_000;
        let probe = faces.reshape([-1]).index_select(0, &index.reshape([1]));
        faces + probe * 0.0
    })
}

/// A diffusion model with a detail head for faces of 64 pixels: its mean is the face as it is, and its sharp face is lighter by
/// `change` of the range of 2 in each pixel.
#[must_use]
pub fn lightening(folder: &Path, change: f64) -> PathBuf {
    let unet = UNetConfig {
        base_channels: 16,
        channel_mults: vec![1, 2],
        blocks: vec![1, 1],
        head_channels: 16,
        detail_head: true,
        detail_width: 0,
        ..UNetConfig::fast()
    };
    let inference = InferenceConfig { detail_gamma: Some(0.956), ..InferenceConfig::default() };
    let diffusion = DiffusionConfig::default();
    let config = ModelConfig { crop_size: 64, class_names: Vec::new(), unet, diffusion, inference };
    let mut model = Checkpoint::untrained(&config, 1).unwrap();
    // Both heads of a residual network begin at nothing.
    let bias = model.weights.get_mut("sharp.bias").unwrap();
    let _ = tch::no_grad(|| bias.fill_(change));
    let path = folder.join("lightening.safetensors");
    model.save(&path, Kind::Float).unwrap();
    path
}
