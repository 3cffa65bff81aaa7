// SPDX-License-Identifier: MIT OR Apache-2.0
//! A model file: any bytes, or a whole safetensors file whose configuration is any text. It is a model or refused, and no file
//! makes a network of much more memory than it has itself.
#![no_main]

use std::collections::HashMap;

use facerestore_fuzz::file;
use libfuzzer_sys::fuzz_target;
use restore_core::Checkpoint;
use safetensors::tensor::{Dtype, TensorView};
use tch::{Device, Kind};

/// A file with this configuration and a few weights.
fn with_config(config: &str) -> Option<Vec<u8>> {
    let metadata =
        HashMap::from([("facerestore".to_owned(), "2".to_owned()), ("config".to_owned(), config.to_owned())]);
    let data = [0_u8; 64];
    let float = TensorView::new(Dtype::F32, vec![16], &data).ok()?;
    let whole = TensorView::new(Dtype::I8, vec![4, 4, 2, 2], &data).ok()?;
    let scale = TensorView::new(Dtype::F32, vec![4], &data[..16]).ok()?;
    safetensors::serialize(
        [("norm.weight", float), ("stem.weight", whole), ("stem.weight.scale", scale)],
        Some(metadata),
    )
    .ok()
}

fuzz_target!(|input: &[u8]| {
    let Some((kind, bytes)) = input.split_first() else { return };
    let whole = match std::str::from_utf8(bytes) {
        Ok(config) if kind % 2 == 0 => with_config(config),
        _ => None,
    };
    let path = file("model.safetensors", whole.as_deref().unwrap_or(bytes));
    if let Ok(model) = Checkpoint::open(&path) {
        let _ = model.load(&path, Device::Cpu, Kind::Float);
    }
});
