// SPDX-License-Identifier: MIT OR Apache-2.0
//! `TorchScriptRestorer`: any scripted face restorer (GFPGAN, CodeFormer, RestoreFormer exports) as a [`Restorer`].

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use tch::{CModule, Device, IValue, Kind, Tensor};

use crate::neutral::keep_neutral;
use crate::restorer::check_faces;
use crate::{DeviceChoice, RestoreError, RestoreOptions, Restorer, device_name, named_choice};

named_choice! {
    /// What pixel values a scripted network takes or gives.
    pub enum PixelRange ("pixel range") {
        /// [-1, 1]: GFPGAN, CodeFormer and RestoreFormer.
        Signed = "signed",
        /// [0, 1].
        Unit = "unit",
        /// 0 to 255.
        Byte = "byte",
    }
}

impl PixelRange {
    /// (scale, offset) from [-1, 1] to this range.
    fn scale_and_offset(self) -> (f64, f64) {
        match self {
            Self::Signed => (1.0, 0.0),
            Self::Unit => (0.5, 0.5),
            Self::Byte => (127.5, 127.5),
        }
    }
}

/// The conventions of a scripted network; the defaults suit the exports of GFPGAN, CodeFormer and RestoreFormer.
#[derive(Debug, Clone, Copy)]
pub struct TorchScriptOptions {
    /// Width and height of the aligned face it takes.
    pub crop_size: u32,
    /// Values it takes, RGB.
    pub input_range: PixelRange,
    /// Values it gives, RGB.
    pub output_range: PixelRange,
    /// Which element is the picture where it returns a tuple or list.
    pub output_index: usize,
    /// Where to compute.
    pub device: DeviceChoice,
}

impl Default for TorchScriptOptions {
    fn default() -> Self {
        Self {
            crop_size: 512,
            input_range: PixelRange::Signed,
            output_range: PixelRange::Signed,
            output_index: 0,
            device: DeviceChoice::Auto,
        }
    }
}

/// Restores faces with a scripted network, in the precision of its weights; the seeds are ignored.
pub struct TorchScriptRestorer {
    options: TorchScriptOptions,
    device: Device,
    /// The kind of its weights, and so of what it takes.
    kind: Kind,
    /// One caller at a time: a scripted module is not `Sync`.
    network: Mutex<Network>,
}

struct Network {
    module: CModule,
    /// Known after the first answer. The call for any kind of output, `forward_is` of tch 0.24, never frees its inputs when it
    /// fails; a network that fails in each frame of a video would fill the memory.
    gives_a_tensor: bool,
}

impl TorchScriptRestorer {
    /// Loads a TorchScript file, and tries the network on a grey face: one that cannot restore any face would leave a whole video
    /// as it was. Such a file is a program: it can do whatever this process can.
    ///
    /// # Errors
    /// [`RestoreError::Io`] when it cannot be read, [`RestoreError::Model`] when it is not TorchScript or fails on that face,
    /// [`RestoreError::Device`] when the device cannot be used.
    pub fn open(path: &Path, options: &TorchScriptOptions) -> Result<Self, RestoreError> {
        // libtorch's own message for a missing file does not say that it is missing.
        std::fs::File::open(path).map_err(|source| RestoreError::Io {
            action: "read model",
            path: path.to_owned(),
            source,
        })?;
        let device = options.device.resolve()?;
        let mut module = CModule::load_on_device(path, device).map_err(|error| {
            let text = error.to_string();
            RestoreError::model(
                path,
                format!("it is not a TorchScript module ({})", text.lines().next().unwrap_or_default()),
                "Export the network with torch.jit.script or torch.jit.trace; a .pth of weights alone is not enough",
            )
        })?;
        module.f_set_eval()?;
        let kind = kind_of_weights(&module)?;
        let network = Network { module, gives_a_tensor: false };
        let restorer = Self { options: *options, device, kind, network: Mutex::new(network) };
        let side = i64::from(options.crop_size);
        let grey = Tensor::f_zeros([1, 3, side, side], (Kind::Float, Device::Cpu))?;
        let tried = restorer.restore(&grey, &[0]);
        let _ = tried.map_err(|error| {
            let reason = format!("it cannot restore a face of {side}×{side} pixels ({})", gist(&error));
            let remedy =
                "Export a network that takes and gives RGB faces of that size, or name the right output (torchscript-output)";
            RestoreError::model(path, reason, remedy)
        })?;
        Ok(restorer)
    }

    fn forward(&self, input: Tensor) -> Result<Tensor, RestoreError> {
        let mut network = self.network.lock().unwrap_or_else(PoisonError::into_inner);
        if network.gives_a_tensor {
            return Ok(network.module.forward_ts(&[input])?);
        }
        let output = network.module.forward_is(&[IValue::Tensor(input)])?;
        network.gives_a_tensor = matches!(output, IValue::Tensor(_));
        let index = self.options.output_index;
        let picked = match output {
            IValue::Tensor(tensor) => Some(tensor),
            IValue::TensorList(list) => list.into_iter().nth(index),
            IValue::Tuple(items) | IValue::GenericList(items) => match items.into_iter().nth(index) {
                Some(IValue::Tensor(tensor)) => Some(tensor),
                _ => None,
            },
            _ => None,
        };
        picked.ok_or_else(|| {
            RestoreError::Shape(format!("the scripted network's output {index} is not a tensor"))
        })
    }
}

/// The kind of the first weight that is no whole number; fp32 where there is none, as in a traced network of constants.
fn kind_of_weights(module: &CModule) -> Result<Kind, RestoreError> {
    let weights = module.named_parameters()?;
    let kinds = weights.iter().filter_map(|(_, weight)| weight.f_kind().ok());
    let floats = [Kind::Float, Kind::Half, Kind::BFloat16, Kind::Double];
    Ok(kinds.into_iter().find(|kind| floats.contains(kind)).unwrap_or(Kind::Float))
}

/// The line of a libtorch message that says what happened: it comes with a trace through the network's own code.
fn gist(error: &RestoreError) -> String {
    let text = error.to_string();
    let said = text.lines().find_map(|line| line.split_once("Error: ").map(|(_, said)| said));
    said.or_else(|| text.lines().next()).unwrap_or_default().trim().to_owned()
}

impl Restorer for TorchScriptRestorer {
    fn crop_size(&self) -> u32 {
        self.options.crop_size
    }

    fn description(&self) -> String {
        let size = self.options.crop_size;
        format!("TorchScript network for {size}×{size} faces, on {}", device_name(self.device))
    }

    fn restore_with(
        &self,
        faces: &Tensor,
        seeds: &[u64],
        _: &RestoreOptions,
    ) -> Result<Tensor, RestoreError> {
        check_faces(faces, seeds, self.crop_size())?;
        if seeds.is_empty() {
            return Ok(faces.f_to_kind(Kind::Float)?);
        }
        let _no_grad = tch::no_grad_guard();
        let (scale, offset) = self.options.input_range.scale_and_offset();
        let x_d = faces.f_to_device(self.device)?.f_to_kind(Kind::Float)?;
        let output = self.forward(x_d.f_mul_scalar(scale)?.f_add_scalar(offset)?.f_to_kind(self.kind)?)?;
        if output.size() != faces.size() {
            return Err(RestoreError::Shape(format!(
                "the scripted network gave {:?} for faces of {:?}",
                output.size(),
                faces.size()
            )));
        }
        let (scale, offset) = self.options.output_range.scale_and_offset();
        let restored =
            output.f_to_kind(Kind::Float)?.f_sub_scalar(offset)?.f_div_scalar(scale)?.f_clamp(-1.0, 1.0)?;
        Ok(keep_neutral(&x_d, restored)?.f_to_device(Device::Cpu)?)
    }
}
