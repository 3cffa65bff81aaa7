// SPDX-License-Identifier: MIT OR Apache-2.0
//! What should the faces look like? The conditional diffusion model on libtorch.
//!
//! A [`Restorer`] takes a batch of aligned faces and returns the restored ones. [`DiffusionRestorer`] runs the
//! project's own model, a [`Checkpoint`] of a [`UNet`] sampled on a [`NoiseSchedule`]; [`TorchScriptRestorer`] runs any
//! scripted restorer. A [`Generator`] makes pictures of noise alone, by the same network without a face to restore. This
//! crate knows nothing of frames, detection or GStreamer.

mod atomic;
mod bytes;
mod checkpoint;
mod choice;
mod config;
mod detail_branch;
mod device;
mod diffusion;
mod error;
mod generator;
mod layers;
mod level;
mod neighbours;
mod neutral;
mod noise;
mod quantised;
mod restorer;
mod sampler;
mod schedule;
mod shard;
mod shipped;
mod torchscript;
mod unet;

pub use atomic::{
    TEMPORARY_SUFFIX, stem_of_temporary, temporary_stem, write_atomically, write_atomically_with,
};
pub use bytes::{tensor_from_bytes, tensor_to_bytes};
pub use checkpoint::Checkpoint;
pub(crate) use choice::named_choice;
pub use config::{Condition, Design, DiffusionConfig, InferenceConfig, ModelConfig, UNetConfig};
pub use device::{DeviceChoice, Precision, cpu_has_fast_bf16, device_name};
pub use diffusion::{DiffusionOptions, DiffusionRestorer};
pub use error::RestoreError;
pub use generator::{Generator, GeneratorOptions};
pub use noise::seeded_noise;
pub use restorer::{RestoreOptions, Restorer, WarmStart, faces_from_bytes, faces_from_rgb8, faces_to_rgb8};
pub use sampler::{Prediction, Sampler, Sampling};
pub use schedule::{NoiseSchedule, ScheduleKind};
pub use shard::{Shard, ShardError};
pub use shipped::{LIVE_MODEL_FILE, MODEL_FILE, NotShipped, shipped, shipped_for};
pub use torchscript::{PixelRange, TorchScriptOptions, TorchScriptRestorer};
pub use unet::{Heads, UNet};
