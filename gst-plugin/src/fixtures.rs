// SPDX-License-Identifier: MIT OR Apache-2.0
//! What several tests need: a photograph, a model file with untrained weights, a look at what is documented.

use std::path::{Path, PathBuf};

use opencv::core::Mat;
use opencv::{imgcodecs, imgproc};
use restore_core::{Checkpoint, Design, DiffusionConfig, InferenceConfig, ModelConfig, Sampler, UNetConfig};

/// The astronaut: 512×512 pixels, RGB, one face, nose tip near (223, 130).
pub fn astronaut() -> Mat {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/astronaut.png");
    let image = imgcodecs::imread(path, imgcodecs::IMREAD_COLOR).unwrap();
    let mut rgb = Mat::default();
    imgproc::cvt_color_def(&image, &mut rgb, imgproc::COLOR_BGR2RGB).unwrap();
    rgb
}

/// Writes a small diffusion model (64×64 pixels, one step) into `folder`.
pub fn untrained_model(folder: &Path) -> PathBuf {
    let unet = UNetConfig {
        design: Design::Lean,
        base_channels: 16,
        channel_mults: vec![1, 2],
        blocks: vec![1, 1],
        head_channels: 16,
        // A residual network starts as the identity, which would leave nothing to see.
        residual: false,
        ..UNetConfig::fast()
    };
    let inference = InferenceConfig { steps: 1, sampler: Sampler::Ddim, ..InferenceConfig::default() };
    let diffusion = DiffusionConfig::default();
    let config = ModelConfig { crop_size: 64, class_names: Vec::new(), unet, diffusion, inference };
    let path = folder.join("untrained.safetensors");
    Checkpoint::untrained(&config, 1).unwrap().save(&path, tch::Kind::Float).unwrap();
    path
}

/// Every field of `structure`, and the type of each, is a word of `text`.
pub fn assert_described(structure: &gst::StructureRef, text: &str) {
    let words: Vec<&str> = text.split(|c: char| !c.is_alphanumeric() && c != '-').collect();
    for (name, value) in structure.iter() {
        for word in [name.as_str(), value.type_().name()] {
            assert!(words.contains(&word), "{word} of {structure:?} is not in {text:?}");
        }
    }
}
