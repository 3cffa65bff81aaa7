// SPDX-License-Identifier: MIT OR Apache-2.0
//! Networks of known effect, exported as TorchScript, where a test needs more than the shipped model's gentle change.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
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

/// A network that gives the negative, and for as long as it is held does not answer.
#[derive(Debug)]
pub struct HangingNetwork {
    /// Its TorchScript file.
    pub model: PathBuf,
    /// Two bytes, which the network reads: 0 while it is held.
    switch: PathBuf,
}

impl HangingNetwork {
    /// Exports it into `folder`; it is not held.
    ///
    /// # Panics
    /// When a file cannot be written.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        let switch = folder.join("switch");
        std::fs::write(&switch, [1; 2]).unwrap();
        // The file is mapped, so that the loop sees it change. All that is read hangs on the faces or on the loop's count: libtorch
        // computes what is constant, and what is the same twice, only once.
        let forward = format!(
            "    zero = int(torch.mul(torch.max(torch.abs(faces)), 0.))
    switch = torch.from_file({:?}, True, torch.add(zero, 2), dtype=0)
    count = zero
    held = bool(torch.eq(torch.select(switch, 0, zero), 0))
    while held:
      count = torch.add(count, 1)
      held = bool(torch.eq(torch.select(switch, 0, torch.remainder(count, 2)), 0))
    return torch.neg(faces)
",
            switch.to_str().unwrap()
        );
        Self { model: scripted(folder, "hanging.pt", &forward), switch }
    }

    /// Lets a call of the network hang, or go on.
    ///
    /// # Panics
    /// When the file cannot be written.
    pub fn hold(&self, is_held: bool) {
        // Not cut to nothing first, as `fs::write` does: the network has it mapped.
        let file = OpenOptions::new().write(true).open(&self.switch).unwrap();
        file.write_all_at(&[u8::from(!is_held); 2], 0).unwrap();
    }
}

impl Drop for HangingNetwork {
    /// A thread in the network must not be there when the process ends.
    fn drop(&mut self) {
        self.hold(false);
    }
}

/// Writes a network as `folder/name` whose method `forward(self, faces)` has this body, in TorchScript: what a trace cannot have, as
/// a loop. The file is what `torch.jit.save` writes of a module without weights, an archive (ZIP) of four files.
fn scripted(folder: &Path, name: &str, forward: &str) -> PathBuf {
    let code = format!(
        "class Network(Module):
  __parameters__ = []
  __buffers__ = []
  training : bool
  def forward(self: __torch__.Network,
    faces: Tensor) -> Tensor:
{forward}"
    );
    // Pickled (protocol 2): an object of the class whose one attribute is `training`, false; no constants.
    let object = b"\x80\x02c__torch__\nNetwork\n)\x81}(X\x08\0\0\0training\x89ub.";
    let files: [(&str, &[u8]); 4] = [
        ("network/data.pkl", object),
        ("network/code/__torch__.py", code.as_bytes()),
        ("network/constants.pkl", b"\x80\x02)."),
        ("network/version", b"3\n"),
    ];
    let path = folder.join(name);
    std::fs::write(&path, archive(&files)).unwrap();
    path
}

/// A ZIP archive of files that are stored as they are (PKWARE's APPNOTE.TXT, 4.3).
fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut archive, mut directory) = (Vec::new(), Vec::new());
    for (name, contents) in files {
        let (length, offset) = (contents.len() as u32, archive.len() as u32);
        // Version needed, flags, method, time, date.
        let mut header = vec![20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0];
        header.extend([crc32fast::hash(contents), length, length].map(u32::to_le_bytes).as_flattened());
        // Lengths of the name and of what more there is, which is nothing.
        header.extend([name.len() as u16, 0].map(u16::to_le_bytes).as_flattened());
        archive.extend([b"PK\x03\x04", header.as_slice(), name.as_bytes(), contents].concat());
        directory.extend([b"PK\x01\x02\x14\0", header.as_slice(), &[0; 10]].concat());
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let (count, start) = (files.len() as u16, archive.len() as u32);
    archive.extend_from_slice(&directory);
    archive.extend(b"PK\x05\x06\0\0\0\0");
    archive.extend([count; 2].map(u16::to_le_bytes).as_flattened());
    archive.extend([directory.len() as u32, start].map(u32::to_le_bytes).as_flattened());
    archive.extend([0; 2]);
    archive
}
