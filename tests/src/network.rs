//! Networks of known effect, exported as TorchScript, where a test needs more than the shipped model's gentle change.

use std::path::{Path, PathBuf};

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
