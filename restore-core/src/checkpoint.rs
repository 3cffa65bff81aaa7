// SPDX-License-Identifier: MIT OR Apache-2.0
//! A model as one safetensors file whose header metadata holds the JSON configuration.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use tch::{Device, Kind, Tensor, nn};

use crate::bytes::{tensor_from_bytes, tensor_to_bytes};
use crate::detail_branch::DetailBranch;
use crate::device::load_cuda;
use crate::layers::channels_last;
use crate::quantised::{SCALE_SUFFIX, expand, quantise};
use crate::{ModelConfig, RestoreError, UNet, write_atomically};

/// The newest layout of the file that this version reads: that of 8-bit weights. Other files are written as
/// [`PLAIN_VERSION`], which older programs read too.
const VERSION: u32 = 2;
const PLAIN_VERSION: u32 = 1;
/// Dimensions of a convolution's weight.
const CONVOLUTION: usize = 4;
/// What TorchScript files begin with.
const ARCHIVE: &[u8] = b"PK\x03\x04";
const FORMAT_KEY: &str = "facerestore";
const CONFIG_KEY: &str = "config";

/// The configuration and the weights of a model.
#[derive(Debug)]
pub struct Checkpoint {
    /// What the weights are of.
    pub config: ModelConfig,
    /// The weights by their path in the network, on the CPU.
    pub weights: BTreeMap<String, Tensor>,
}

/// A network with its weights in place, ready to run.
pub struct LoadedModel {
    /// Owns the weights.
    pub variables: nn::VarStore,
    /// The network.
    pub unet: UNet,
}

impl Checkpoint {
    /// A model with fresh weights drawn from `seed`. The seed is libtorch's global one.
    ///
    /// # Errors
    /// [`RestoreError::Config`] when the configuration is inconsistent.
    pub fn untrained(config: &ModelConfig, seed: i64) -> Result<Self, RestoreError> {
        config.validate()?;
        // Seeding asks for CUDA; without it there is only the CPU to seed.
        let _ = load_cuda();
        tch::manual_seed(seed);
        let variables = nn::VarStore::new(Device::Cpu);
        UNet::new(&variables.root(), &config.unet)?;
        Self::from_variables(config, &variables)
    }

    /// Copies the weights out of a variable store, to the CPU.
    ///
    /// # Errors
    /// [`RestoreError::Torch`].
    pub fn from_variables(config: &ModelConfig, variables: &nn::VarStore) -> Result<Self, RestoreError> {
        let weights = variables
            .variables()
            .into_iter()
            .map(|(name, tensor)| Ok((name, tensor.f_detach_copy()?.f_to_device(Device::Cpu)?)))
            .collect::<Result<_, RestoreError>>()?;
        Ok(Self { config: config.clone(), weights })
    }

    /// This model with `coarse` as the coarse network of its own (`unet.coarse`), in the place of one that it had.
    #[must_use]
    pub fn with_coarse(mut self, coarse: Self) -> Self {
        self.weights.retain(|name, _| !name.starts_with("coarse."));
        self.weights
            .extend(coarse.weights.into_iter().map(|(name, weight)| (format!("coarse.{name}"), weight)));
        self.config.unet.coarse = Some(Box::new(coarse.config.unet));
        self
    }

    /// This model with a detail head where it has none, to be trained: one that gives what the prediction's head gives, by filters of
    /// its own; and with a `width` above 0 with a branch ([`UNetConfig::detail_width`](crate::UNetConfig::detail_width)) where it has
    /// none, whose fresh weights add nothing and follow from libtorch's seed (what a trained head draws is dulled by it all the same).
    ///
    /// # Errors
    /// [`RestoreError::Torch`].
    pub fn with_detail_head(mut self, width: i64) -> Result<Self, RestoreError> {
        if !self.config.unet.detail_head {
            self.config.unet.detail_head = true;
            for part in ["weight", "bias"] {
                if let Some(output) = self.weights.get(&format!("output.{part}")) {
                    self.weights.insert(format!("sharp.{part}"), output.f_detach_copy()?);
                }
            }
        }
        if width == 0 || self.config.unet.detail_width > 0 {
            return Ok(self);
        }
        self.config.unet.detail_width = width;
        let variables = nn::VarStore::new(Device::Cpu);
        DetailBranch::new(&(variables.root() / "branch"), &self.config.unet)?;
        for (name, weight) in variables.variables() {
            self.weights.insert(name, weight.f_detach_copy()?);
        }
        Ok(self)
    }

    /// Reads and checks a model file.
    ///
    /// # Errors
    /// [`RestoreError::Io`] when it cannot be read, [`RestoreError::Model`] when it is not a model of this project, not even one of
    /// TorchScript, damaged, or of a newer version.
    pub fn open(path: &Path) -> Result<Self, RestoreError> {
        let bytes = std::fs::read(path).map_err(|source| RestoreError::Io {
            action: "read model",
            path: path.to_owned(),
            source,
        })?;
        if bytes.starts_with(ARCHIVE) {
            return Err(RestoreError::model(
                path,
                "it is an archive (ZIP), as TorchScript networks are, and not a safetensors file",
                "Such a file is a program, and runs only under a name that says so: where you trust it, end its name in .pt",
            ));
        }
        let damaged = |error: safetensors::SafeTensorError| {
            RestoreError::model(
                path,
                format!("it is not a whole safetensors file ({error}; {} bytes)", bytes.len()),
                "Copy it again; it may be cut off, a Git LFS pointer, or another kind of file",
            )
        };
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(damaged)?;
        let config = read_config(path, header.metadata())?;
        let file = SafeTensors::deserialize(&bytes).map_err(damaged)?;
        let mut weights = BTreeMap::new();
        for (name, view) in file.iter() {
            weights.insert(name.to_owned(), to_tensor(path, name, &view)?);
        }
        expand_all(path, &mut weights)?;
        check_count(path, &config, &weights)?;
        Ok(Self { config, weights })
    }

    /// Writes the model, weights in `kind`, whole or not at all: to a temporary name in the same folder, then renamed.
    /// [`Kind::Int8`] stores the convolutions in 8 bits with a scale for each output channel, and the rest in fp32.
    ///
    /// # Errors
    /// [`RestoreError::Io`], for example with a full disk; a file of that name stays as it was.
    pub fn save(&self, path: &Path, kind: Kind) -> Result<(), RestoreError> {
        let failed = |source| RestoreError::Io { action: "write model", path: path.to_owned(), source };
        let config = serde_json::to_string(&self.config)
            .map_err(|error| RestoreError::Config(format!("cannot be written as JSON: {error}")))?;
        let version = if kind == Kind::Int8 { VERSION } else { PLAIN_VERSION };
        let metadata =
            HashMap::from([(FORMAT_KEY.to_owned(), version.to_string()), (CONFIG_KEY.to_owned(), config)]);
        let mut contents = Vec::new();
        let mut store = |name: String, tensor: &Tensor| -> Result<(), RestoreError> {
            contents.push((name, tensor_to_bytes(tensor)?, tensor.size(), dtype(tensor.kind())?));
            Ok(())
        };
        for (name, weight) in &self.weights {
            match kind {
                Kind::Int8 if weight.dim() == CONVOLUTION => {
                    let (whole, scale) = quantise(weight)?;
                    store(name.clone() + SCALE_SUFFIX, &scale)?;
                    store(name.clone(), &whole)?;
                }
                Kind::Int8 => store(name.clone(), &weight.f_to_kind(Kind::Float)?)?,
                kind => store(name.clone(), &weight.f_to_kind(kind)?)?,
            }
        }
        let views = contents
            .iter()
            .map(|(name, bytes, shape, dtype)| {
                let shape = shape.iter().map(|&extent| extent as usize).collect();
                Ok((name, TensorView::new(*dtype, shape, bytes).map_err(serialisation)?))
            })
            .collect::<Result<Vec<_>, RestoreError>>()?;
        let bytes = safetensors::serialize(views, Some(metadata)).map_err(serialisation)?;
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        write_atomically(path, &bytes).map_err(failed)
    }

    /// Builds the network with these weights on `device` in `kind`, frozen.
    ///
    /// # Errors
    /// [`RestoreError::Model`] when a weight is missing, superfluous or of the wrong shape; `path` is for the message.
    pub fn load(&self, path: &Path, device: Device, kind: Kind) -> Result<LoadedModel, RestoreError> {
        let mut variables = nn::VarStore::new(device);
        let unet = UNet::new(&variables.root(), &self.config.unet)?;
        self.copy_to(path, &variables)?;
        variables.freeze();
        variables.set_kind(kind);
        for (_, mut weight) in variables.variables() {
            if weight.dim() == 4 {
                weight.f_set_data(&channels_last(&weight)?)?;
            }
        }
        Ok(LoadedModel { variables, unet })
    }

    /// Copies these weights into the variables of a network of the same configuration.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn copy_to(&self, path: &Path, variables: &nn::VarStore) -> Result<(), RestoreError> {
        let mismatch = |reason: String| {
            RestoreError::model(
                path,
                reason,
                "Its configuration and its weights are of different models; get the file anew",
            )
        };
        let targets = variables.variables();
        if let Some(name) = self.weights.keys().find(|name| !targets.contains_key(*name)) {
            return Err(mismatch(format!("it has a weight {name:?} that its configuration does not")));
        }
        for (name, mut target) in targets {
            let weight =
                self.weights.get(&name).ok_or_else(|| mismatch(format!("weight {name:?} is missing")))?;
            if weight.size() != target.size() {
                return Err(mismatch(format!(
                    "weight {name:?} has shape {:?}, its configuration asks for {:?}",
                    weight.size(),
                    target.size()
                )));
            }
            tch::no_grad(|| target.f_copy_(weight))?;
        }
        Ok(())
    }
}

fn read_config(path: &Path, metadata: &Option<HashMap<String, String>>) -> Result<ModelConfig, RestoreError> {
    let foreign = || {
        RestoreError::model(
            path,
            "its header has no facerestore configuration",
            "Models of other projects run as TorchScript exports (.pt); see the README",
        )
    };
    let metadata = metadata.as_ref().ok_or_else(foreign)?;
    let version = metadata.get(FORMAT_KEY).ok_or_else(foreign)?;
    match version.parse::<u32>() {
        Ok(version) if version <= VERSION => {}
        Ok(newer) => {
            return Err(RestoreError::model(
                path,
                format!("it has format version {newer}, this program reads up to {VERSION}"),
                "Update facerestore",
            ));
        }
        Err(_) => {
            return Err(RestoreError::model(
                path,
                format!("format version {version:?}"),
                "Get the file anew",
            ));
        }
    }
    let config: ModelConfig =
        serde_json::from_str(metadata.get(CONFIG_KEY).ok_or_else(foreign)?).map_err(|error| {
            RestoreError::model(
                path,
                format!("its configuration cannot be read: {error}"),
                "Update facerestore, or get the file anew",
            )
        })?;
    config.validate().map_err(|error| RestoreError::model(path, error.to_string(), "Get the file anew"))?;
    Ok(config)
}

/// Refuses a file with far fewer weights than its configuration asks for, before anybody makes a network of that size: a header
/// of a kilobyte can ask for terabytes.
fn check_count(
    path: &Path,
    config: &ModelConfig,
    weights: &BTreeMap<String, Tensor>,
) -> Result<(), RestoreError> {
    let held: u64 = weights.values().map(|weight| weight.numel() as u64).sum();
    let least = config.unet.least_weights();
    if held < least {
        return Err(RestoreError::model(
            path,
            format!("it holds {held} weights, and its configuration asks for at least {least}"),
            "Its configuration and its weights are of different models; get the file anew",
        ));
    }
    Ok(())
}

/// Puts float weights in the place of 8-bit ones and their scales.
fn expand_all(path: &Path, weights: &mut BTreeMap<String, Tensor>) -> Result<(), RestoreError> {
    let whole = weights.iter().filter(|(_, weight)| weight.kind() == Kind::Int8);
    let names: Vec<String> = whole.map(|(name, _)| name.clone()).collect();
    for name in names {
        let scale = weights.remove(&(name.clone() + SCALE_SUFFIX));
        let (Some(weight), Some(scale)) = (weights.get_mut(&name), scale) else {
            return Err(RestoreError::model(
                path,
                format!("weight {name:?} is stored in 8 bits without its scales"),
                "Get the file anew",
            ));
        };
        if weight.dim() != CONVOLUTION || scale.size() != weight.size()[..1] {
            return Err(RestoreError::model(
                path,
                format!(
                    "weight {name:?} of shape {:?} has scales of shape {:?}",
                    weight.size(),
                    scale.size()
                ),
                "Get the file anew",
            ));
        }
        *weight = expand(weight, &scale)?;
    }
    Ok(())
}

fn dtype(kind: Kind) -> Result<Dtype, RestoreError> {
    match kind {
        Kind::Float => Ok(Dtype::F32),
        Kind::BFloat16 => Ok(Dtype::BF16),
        Kind::Half => Ok(Dtype::F16),
        Kind::Int8 => Ok(Dtype::I8),
        other => Err(RestoreError::Config(format!("weights cannot be stored as {other:?}"))),
    }
}

fn to_tensor(path: &Path, name: &str, view: &TensorView) -> Result<Tensor, RestoreError> {
    let kind = match view.dtype() {
        Dtype::F32 => Kind::Float,
        Dtype::BF16 => Kind::BFloat16,
        Dtype::F16 => Kind::Half,
        Dtype::I8 => Kind::Int8,
        other => {
            return Err(RestoreError::model(
                path,
                format!("weight {name:?} is stored as {other:?}"),
                "Store weights as F32, BF16, F16 or, with scales, I8",
            ));
        }
    };
    Ok(tensor_from_bytes(view.data(), kind, view.shape())?)
}

fn serialisation(error: safetensors::SafeTensorError) -> RestoreError {
    RestoreError::Config(format!("the weights cannot be serialised: {error}"))
}
