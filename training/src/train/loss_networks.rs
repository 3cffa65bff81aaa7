// SPDX-License-Identifier: MIT OR Apache-2.0
//! Pretrained networks that a training's loss looks through: a perceptual distance and an embedding of identity.

use std::path::{Path, PathBuf};

use tch::{CModule, Device, Kind, TchError, Tensor};

use super::config::DetailConfig;
use super::error::TrainError;

/// The files of the networks of `[detail]`'s terms; none is needed where the term has no weight.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct LossNetworkFiles {
    /// The network of detail.perceptual: TorchScript that takes two pictures in [0, 1] and gives their distance
    #[arg(long, value_name = "FILE")]
    pub perceptual: Option<PathBuf>,
    /// The network of detail.identity: TorchScript that takes whole faces in [0, 1] and gives their embeddings [N, D]
    #[arg(long, value_name = "FILE")]
    pub identity: Option<PathBuf>,
}

/// The networks in memory; each is there where its term has a weight.
pub(super) struct LossNetworks {
    perceptual: Option<CModule>,
    identity: Option<CModule>,
}

impl LossNetworks {
    /// Opens what `config` asks for. The perceptual network computes in `compute`, the one of identity in fp32: such files are often
    /// frozen, their weights constants that cannot be cast.
    pub fn open(
        config: &DetailConfig,
        files: &LossNetworkFiles,
        device: Device,
        compute: Kind,
    ) -> Result<Self, TrainError> {
        let needed = |weight: f64, term, file: &Option<PathBuf>| match (weight > 0.0, file) {
            (true, Some(file)) => Ok(Some(file.clone())),
            (true, None) => Err(TrainError::NoLossNetwork { term }),
            (false, _) => Ok(None),
        };
        let perceptual = needed(config.perceptual, "perceptual", &files.perceptual)?;
        let identity = needed(config.identity, "identity", &files.identity)?;
        Ok(Self {
            perceptual: perceptual.map(|path| open(&path, device, compute)).transpose()?,
            identity: identity.map(|path| open(&path, device, Kind::Float)).transpose()?,
        })
    }

    /// The mean perceptual distance between `y` and `x`, `[N, 3, H, W]` in [-1, 1], which the network sees in [0, 1] and in `compute`.
    pub fn distance(&self, y: &Tensor, x: &Tensor, compute: Kind) -> Result<Option<Tensor>, TchError> {
        let Some(network) = &self.perceptual else {
            return Ok(None);
        };
        let seen = |x: &Tensor| unit(x)?.f_to_kind(compute);
        let distance = network.forward_ts(&[seen(y)?, seen(x)?])?;
        Ok(Some(distance.f_to_kind(Kind::Float)?.f_mean(Kind::Float)?))
    }

    /// The mean of ‖e(y) − e(x)‖ / ‖e(x)‖, e the embedding; `y` and `x` whole faces, `[N, 3, S, S]` in [-1, 1]. (The identity preserving
    /// loss of GFPGAN, Wang et al. 2021, is the same idea with L1.)
    pub fn estrangement(&self, y: &Tensor, x: &Tensor) -> Result<Option<Tensor>, TchError> {
        let Some(network) = &self.identity else {
            return Ok(None);
        };
        let embedding = |face: &Tensor| -> Result<Tensor, TchError> {
            network.forward_ts(&[unit(face)?])?.f_flatten(1, -1)
        };
        let length = |embedding: &Tensor| -> Result<Tensor, TchError> {
            // Not 0, where the root has no slope.
            embedding.f_square()?.f_sum_dim_intlist(1, false, Kind::Float)?.f_add_scalar(1e-8)?.f_sqrt()
        };
        let truth = tch::no_grad(|| embedding(x))?;
        let away = length(&embedding(y)?.f_sub(&truth)?)?;
        Ok(Some(away.f_div(&length(&truth)?)?.f_mean(Kind::Float)?))
    }
}

/// `x`, in [-1, 1], in [0, 1].
fn unit(x: &Tensor) -> Result<Tensor, TchError> {
    x.f_add_scalar(1.0)?.f_mul_scalar(0.5)
}

/// A network whose weights have no gradients.
fn open(path: &Path, device: Device, kind: Kind) -> Result<CModule, TrainError> {
    let failed = |source| TrainError::LossNetwork { path: path.to_owned(), source };
    let mut network = CModule::load_on_device(path, device).map_err(failed)?;
    // A frozen module has no training mode to leave.
    let _ = network.f_set_eval();
    network.to(device, kind, false);
    for (_, weight) in network.named_parameters().map_err(failed)? {
        let _ = weight.f_set_requires_grad(false)?;
    }
    Ok(network)
}
