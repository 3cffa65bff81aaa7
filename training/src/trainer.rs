//! One training run: draws γ and ε, takes the loss of Eq. 6 or 7, steps the optimiser and the moving average.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use restore_core::{Checkpoint, DeviceChoice, NoiseSchedule, Prediction, RestoreError, UNet};
use tch::{Device, Kind, Tensor, nn};

use crate::config::{Loss, TrainConfig};
use crate::optimiser::{AdamW, MovingAverage};

/// A run that cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// From the model or its files.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// From libtorch.
    #[error("libtorch: {0}")]
    Torch(#[from] tch::TchError),
    /// The loss is no number any more.
    #[error(
        "the loss of iteration {iteration} is {loss}, its gradient's norm {norm}; go on from the last checkpoint \
         with a lower optimiser.learning_rate"
    )]
    Diverged {
        /// Iteration, counted from 0.
        iteration: u64,
        /// The loss.
        loss: f64,
        /// The gradient's norm.
        norm: f64,
    },
    /// The state in the run's folder is of another configuration.
    #[error("{} is of another model configuration; use the configuration it was made with, or another --output", path.display())]
    OtherModel {
        /// The state file.
        path: PathBuf,
    },
}

/// What one iteration did.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// Iterations done so far.
    pub iterations: u64,
    /// Mean loss of the batch.
    pub loss: f64,
    /// Norm of the gradient before clipping.
    pub gradient_norm: f64,
    /// Learning rate in effect.
    pub learning_rate: f64,
}

/// A training run in memory.
pub struct Trainer {
    config: TrainConfig,
    schedule: NoiseSchedule,
    device: Device,
    compute: Kind,
    variables: nn::VarStore,
    weights: BTreeMap<String, Tensor>,
    unet: UNet,
    optimiser: AdamW,
    average: MovingAverage,
    iterations: u64,
}

impl Trainer {
    /// A run at its beginning, from fresh weights or those of `init`.
    ///
    /// # Errors
    /// [`TrainError`] when the model does not fit together, or `init` is of another network.
    pub fn new(config: &TrainConfig, device: DeviceChoice, init: Option<&Path>) -> Result<Self, TrainError> {
        let device = device.resolve()?;
        tch::manual_seed(config.run.seed as i64);
        let variables = nn::VarStore::new(device);
        let unet = UNet::new(&variables.root(), &config.model.unet)?;
        if let Some(path) = init {
            Checkpoint::open(path)?.copy_to(path, &variables)?;
        }
        let weights: BTreeMap<_, _> = variables.variables().into_iter().collect();
        Ok(Self {
            schedule: NoiseSchedule::new(config.model.diffusion.schedule, config.model.diffusion.timesteps)?,
            compute: config.run.precision.resolve(device).kind(),
            optimiser: AdamW::new(&config.optimiser, variables.variables().into_iter().collect())?,
            average: MovingAverage::new(config.run.ema, &weights)?,
            config: config.clone(),
            device,
            variables,
            weights,
            unet,
            iterations: 0,
        })
    }

    /// Iterations done.
    pub fn iterations(&self) -> u64 {
        self.iterations
    }

    /// The network, for its FLOPs.
    pub fn unet(&self) -> &UNet {
        &self.unet
    }

    /// One optimiser step on clean faces `x` and their degraded versions `x_d`, [N, 3, S, S] in [-1, 1].
    ///
    /// # Errors
    /// [`TrainError::Diverged`] on a loss that is not finite; the weights are then as before.
    pub fn step(&mut self, x: &Tensor, x_d: &Tensor) -> Result<Progress, TrainError> {
        let (x, x_d) = (x.f_to_device(self.device)?, x_d.f_to_device(self.device)?);
        // Every iteration has generators of its own, so that a resumed run draws what it would have drawn.
        let mut rng = ChaCha8Rng::seed_from_u64(self.config.run.seed);
        rng.set_stream(self.iterations);
        tch::manual_seed(
            (self.config.run.seed as i64).wrapping_mul(1_000_003).wrapping_add(self.iterations as i64),
        );

        let gammas: Vec<f32> = (0..x.size()[0]).map(|_| self.schedule.draw(&mut rng) as f32).collect();
        let gamma = Tensor::f_from_slice(&gammas)?.f_to_device(self.device)?;
        let broadcast = gamma.f_view([-1, 1, 1, 1])?;
        let epsilon = x.f_randn_like()?;
        let noise_scale = broadcast.f_neg()?.f_add_scalar(1.0)?.f_sqrt()?;
        let x_t = broadcast.f_sqrt()?.f_mul(&x)?.f_add(&noise_scale.f_mul(&epsilon)?)?;

        let output = self.unet.forward(&x_t, &x_d, &gamma, self.compute, true)?;
        let target = match self.config.model.diffusion.prediction {
            Prediction::X0 => &x,
            Prediction::Epsilon => &epsilon,
        };
        let error = output.f_sub(target)?;
        let loss = match self.config.run.loss {
            Loss::L1 => error.f_abs()?,
            Loss::L2 => error.f_square()?,
        }
        .f_mean(Kind::Float)?;
        loss.f_backward()?;

        let learning_rate = self.config.learning_rate(self.iterations);
        let gradient_norm = self.optimiser.step(learning_rate)?;
        let loss = f64::try_from(&loss)?;
        if !loss.is_finite() || !gradient_norm.is_finite() {
            return Err(TrainError::Diverged { iteration: self.iterations, loss, norm: gradient_norm });
        }
        self.average.update(self.iterations, &self.weights)?;
        self.iterations += 1;
        Ok(Progress { iterations: self.iterations, loss, gradient_norm, learning_rate })
    }

    /// Writes the averaged weights as a model in bf16, whole or not at all.
    ///
    /// # Errors
    /// [`TrainError::Restore`], for example with a full disk.
    pub fn save_model(&self, path: &Path) -> Result<(), TrainError> {
        let weights = self
            .average
            .weights()
            .iter()
            .map(|(name, weight)| Ok((name.clone(), weight.f_to_device(Device::Cpu)?)))
            .collect::<Result<_, TrainError>>()?;
        Ok(Checkpoint { config: self.config.model.clone(), weights }.save(path, Kind::BFloat16)?)
    }

    /// Writes all that [`resume`](Self::resume) needs, whole or not at all.
    ///
    /// # Errors
    /// As [`save_model`](Self::save_model).
    pub fn save_state(&self, path: &Path) -> Result<(), TrainError> {
        let mut state = BTreeMap::new();
        let mut put = |prefix: &str, tensors: &BTreeMap<String, Tensor>| -> Result<(), TrainError> {
            for (name, tensor) in tensors {
                state.insert(format!("{prefix}.{name}"), tensor.f_detach()?.f_to_device(Device::Cpu)?);
            }
            Ok(())
        };
        put("weights", &self.weights)?;
        put("average", self.average.weights())?;
        put("optimiser", &self.optimiser.state()?)?;
        // An f32 holds whole numbers up to 16 million exactly.
        state.insert("iterations".to_owned(), Tensor::f_from_slice(&[self.iterations as f32])?);
        Ok(Checkpoint { config: self.config.model.clone(), weights: state }.save(path, Kind::Float)?)
    }

    /// Goes on from a state file.
    ///
    /// # Errors
    /// [`TrainError::OtherModel`] when it is of another model, [`TrainError::Restore`] when it is damaged.
    pub fn resume(&mut self, path: &Path) -> Result<(), TrainError> {
        let other = || TrainError::OtherModel { path: path.to_owned() };
        let state = Checkpoint::open(path)?;
        if state.config != self.config.model {
            return Err(other());
        }
        let part = |prefix: &str| -> BTreeMap<String, Tensor> {
            state
                .weights
                .iter()
                .filter_map(|(name, tensor)| {
                    Some((name.strip_prefix(prefix)?.strip_prefix('.')?.to_owned(), tensor.shallow_clone()))
                })
                .collect()
        };
        let weights = Checkpoint { config: state.config.clone(), weights: part("weights") };
        weights.copy_to(path, &self.variables)?;
        let averages = part("average");
        if averages.len() != self.weights.len() {
            return Err(other());
        }
        self.average = MovingAverage::new(self.config.run.ema, &averages)?;
        self.optimiser.restore(&part("optimiser"))?;
        let iterations = state.weights.get("iterations").ok_or_else(other)?;
        self.iterations = f64::try_from(iterations.f_sum(Kind::Double)?)? as u64;
        Ok(())
    }
}
