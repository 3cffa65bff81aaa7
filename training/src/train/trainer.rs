//! One training run: draws γ and ε, takes the loss of Eq. 6 or 7, steps the optimiser and the moving average.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use restore_core::{Checkpoint, DeviceChoice, NoiseSchedule, Prediction, RestoreError, UNet, seeded_noise};
use tch::{Device, Kind, Tensor, nn};

use super::config::{Difference, Loss, TrainConfig, differences};
use super::optimiser::{AdamW, MovingAverage};
use super::parallel::{Group, GroupError, Share};
use super::state::{LossSum, RunState};
use crate::jobs::in_parallel;

/// A run that cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// From the model or its files.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// From libtorch.
    #[error("libtorch: {0}")]
    Torch(#[from] tch::TchError),
    /// From the other processes of the run.
    #[error(transparent)]
    Group(#[from] GroupError),
    /// The configuration cannot be written into the state.
    #[error("the configuration cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The loss is no number any more.
    #[error(
        "the run has diverged: the loss of iteration {iteration} is {loss}, the gradient's norm {norm}. Go on from the last \
         checkpoint (--resume) with a lower optimiser.learning_rate"
    )]
    Diverged {
        /// Iteration, counted from 0.
        iteration: u64,
        /// The loss.
        loss: f64,
        /// The gradient's norm; NaN without a finite loss.
        norm: f64,
        /// γ of each face of the batch.
        gammas: Vec<f32>,
    },
    /// Weights to go on from are of another network.
    #[error(
        "{} is of another network: {difference}. Use its value in the configuration, or start from fresh weights with \
         another --output", path.display()
    )]
    OtherNetwork {
        /// The model or state file.
        path: PathBuf,
        /// The first key that differs in a way that matters.
        difference: Box<Difference>,
    },
    /// A state whose parts do not fit the network that it says it is of.
    #[error("{} does not hold a whole state of its network", path.display())]
    Incomplete {
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
    /// A run at its beginning, from fresh weights or those of `init`; `coarse` are those of its coarse network, where `init`
    /// has none of its own.
    ///
    /// # Errors
    /// [`TrainError`] when the model does not fit together, [`TrainError::OtherNetwork`] when `init` is of another one.
    pub fn new(
        config: &TrainConfig,
        device: DeviceChoice,
        init: Option<&Path>,
        coarse: Option<&Path>,
    ) -> Result<Self, TrainError> {
        let device = device.resolve()?;
        tch::manual_seed(config.run.seed as i64);
        let variables = nn::VarStore::new(device);
        let unet = UNet::new(&variables.root(), &config.model.unet)?;
        if let Some(path) = init {
            let mut checkpoint = Checkpoint::open(path)?;
            if let Some(coarse) = coarse {
                checkpoint = checkpoint.with_coarse(Checkpoint::open(coarse)?);
            }
            check_network(path, &serde_json::to_value(&checkpoint.config)?, config)?;
            checkpoint.copy_to(path, &variables)?;
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

    /// The device in use.
    pub fn device(&self) -> Device {
        self.device
    }

    /// One optimiser step on clean faces `x` and their degraded versions `x_d`, [N, 3, S, S] in [-1, 1]. They go through
    /// the network `run.batch` at a time, their gradients summed in fp32 and averaged over the processes of `group`; how they
    /// are parted changes only the rounding.
    ///
    /// # Errors
    /// [`TrainError::Diverged`] on a loss that is not finite; the weights are then as before.
    pub fn step(&mut self, x: &Tensor, x_d: &Tensor, group: &Group) -> Result<Progress, TrainError> {
        let (x, x_d) = (x.f_to_device(self.device)?, x_d.f_to_device(self.device)?);
        let count = x.size()[0];
        let (gammas, epsilon) = self.draw(&x, group.share())?;
        let gamma = Tensor::f_from_slice(&gammas)?.f_to_device(self.device)?;
        let mut loss = Tensor::f_zeros([], (Kind::Float, self.device))?;
        let batch = self.config.run.batch as i64;
        for start in (0..count).step_by(self.config.run.batch) {
            let length = batch.min(count - start);
            let part = |tensor: &Tensor| tensor.f_narrow(0, start, length);
            let share = self
                .loss(&part(&x)?, &part(&x_d)?, &part(&gamma)?, &part(&epsilon)?)?
                .f_mul_scalar(length as f64 / count as f64)?;
            share.f_backward()?;
            let _ = loss.f_add_(&share.f_detach()?)?;
        }
        let mut shared = self.optimiser.gradients();
        shared.push(loss.shallow_clone());
        group.average(&mut shared)?;
        let learning_rate = self.config.learning_rate(self.iterations);
        let loss = f64::try_from(&loss)?;
        let gradient_norm = if loss.is_finite() { self.optimiser.step(learning_rate)? } else { f64::NAN };
        if !loss.is_finite() || !gradient_norm.is_finite() {
            return Err(TrainError::Diverged {
                iteration: self.iterations,
                loss,
                norm: gradient_norm,
                gammas,
            });
        }
        self.average.update(self.iterations, &self.weights)?;
        self.iterations += 1;
        Ok(Progress { iterations: self.iterations, loss, gradient_norm, learning_rate })
    }

    /// γ of each face and ε of the shape of `x`. Every sample of the run has generators of its own, known by its number:
    /// a resumed run draws what it would have drawn, and so do processes or batches that part the samples otherwise. On the
    /// CPU these are the draws of [`seeded_noise`]; on a GPU, which would wait for them, ε comes from libtorch's generator
    /// there, so a run that changes its device goes on with other draws.
    fn draw(&self, x: &Tensor, share: Share) -> Result<(Vec<f32>, Tensor), TrainError> {
        let (count, side) = (x.size()[0] as u64, x.size()[2] as u32);
        let first = (self.iterations * share.count + share.rank) * count;
        // The loader has the streams of the seed itself.
        let seed = !self.config.run.seed;
        let gammas = (first..first + count).map(|sample| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(2 * sample);
            self.schedule.draw(&mut rng) as f32
        });
        let samples = first..first + count;
        let noise = match self.device {
            Device::Cpu => noise_of_cpu(seed, samples, side)?,
            device => noise_of_gpu(seed, samples, side, device)?,
        };
        // Dropout alone draws from libtorch's generator.
        tch::manual_seed(torch_seed(seed, first));
        Ok((gammas.collect(), Tensor::f_stack(&noise, 0)?))
    }

    /// The mean loss (Eq. 6 or 7) of some faces `[N, 3, S, S]`, with γ `[N]` and ε of their shape.
    fn loss(&self, x: &Tensor, x_d: &Tensor, gamma: &Tensor, epsilon: &Tensor) -> Result<Tensor, TrainError> {
        let broadcast = gamma.f_view([-1, 1, 1, 1])?;
        let noise_scale = broadcast.f_neg()?.f_add_scalar(1.0)?.f_sqrt()?;
        let x_t = broadcast.f_sqrt()?.f_mul(x)?.f_add(&noise_scale.f_mul(epsilon)?)?;
        let output = self.unet.forward(&x_t, x_d, gamma, self.compute, true)?;
        let target = match self.config.model.diffusion.prediction {
            Prediction::X0 => x,
            Prediction::Epsilon => epsilon,
        };
        let error = output.f_sub(target)?;
        let loss = match self.config.run.loss {
            Loss::L1 => error.f_abs()?,
            Loss::L2 => error.f_square()?,
        };
        Ok(loss.f_mean(Kind::Float)?)
    }

    /// The model with the averaged weights, on the CPU.
    ///
    /// # Errors
    /// [`TrainError::Torch`].
    pub fn averaged_model(&self) -> Result<Checkpoint, TrainError> {
        let weights = self
            .average
            .weights()
            .iter()
            .map(|(name, weight)| Ok((name.clone(), weight.f_to_device(Device::Cpu)?)))
            .collect::<Result<_, TrainError>>()?;
        Ok(Checkpoint { config: self.config.model.clone(), weights })
    }

    /// Everything that [`resume`](Self::resume) needs; its tensors are the trainer's own, so save it before the next step.
    ///
    /// # Errors
    /// [`TrainError::Json`].
    pub fn state(&self, unlogged: LossSum) -> Result<RunState, TrainError> {
        let moments = self.optimiser.moments();
        let parts =
            [("weights", &self.weights), ("average", self.average.weights()), ("optimiser", &moments)];
        let tensors = parts.into_iter().flat_map(|(prefix, part)| {
            part.iter().map(move |(name, tensor)| (format!("{prefix}.{name}"), tensor.shallow_clone()))
        });
        Ok(RunState {
            config: serde_json::to_value(&self.config)?,
            iterations: self.iterations,
            unlogged,
            tensors: tensors.collect(),
        })
    }

    /// Goes on from a state; `path` is for messages.
    ///
    /// # Errors
    /// [`TrainError::OtherNetwork`] when it is of another network, [`TrainError::Incomplete`] when parts are missing.
    pub fn resume(&mut self, state: &RunState, path: &Path) -> Result<(), TrainError> {
        check_network(path, &state.config["model"], &self.config)?;
        let incomplete = || TrainError::Incomplete { path: path.to_owned() };
        let weights = Checkpoint { config: self.config.model.clone(), weights: state.part("weights") };
        weights.copy_to(path, &self.variables)?;
        let averages = state.part("average");
        for (name, weight) in &self.weights {
            let average = averages.get(name).filter(|average| average.size() == weight.size());
            average.ok_or_else(incomplete)?;
        }
        let averages = averages
            .iter()
            .map(|(name, average)| Ok((name.clone(), average.f_to_device(self.device)?)))
            .collect::<Result<_, TrainError>>()?;
        self.average = MovingAverage::new(self.config.run.ema, &averages)?;
        self.optimiser.restore(&state.part("optimiser"), state.iterations).map_err(|_| incomplete())?;
        self.iterations = state.iterations;
        Ok(())
    }
}

/// [`seeded_noise`] of each of `samples`, made by as many threads as libtorch has.
fn noise_of_cpu(seed: u64, samples: Range<u64>, side: u32) -> Result<Vec<Tensor>, TrainError> {
    let threads = tch::get_num_threads().max(1) as u64;
    let part = (samples.end - samples.start).div_ceil(threads).max(1);
    let parts = samples.clone().step_by(part as usize);
    let parts = parts.map(|start| start..(start + part).min(samples.end));
    let noise = |sample| seeded_noise(seed, 2 * sample + 1, side);
    let noise = in_parallel(parts, |samples| samples.map(noise).collect::<Result<Vec<_>, _>>());
    Ok(noise.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

/// Standard normal noise [3, `side`, `side`] for each of `samples`, from libtorch's generator on `device`.
fn noise_of_gpu(
    seed: u64,
    samples: Range<u64>,
    side: u32,
    device: Device,
) -> Result<Vec<Tensor>, TrainError> {
    let side = i64::from(side);
    let noise = |sample| {
        tch::manual_seed(torch_seed(seed, sample));
        Tensor::f_randn([3, side, side], (Kind::Float, device))
    };
    Ok(samples.map(noise).collect::<Result<_, _>>()?)
}

/// The seed of libtorch's generators for a sample of the run.
fn torch_seed(seed: u64, sample: u64) -> i64 {
    (seed as i64).wrapping_mul(1_000_003).wrapping_add(sample as i64)
}

/// Refuses weights that were made with the model configuration `made_with` and mean something else in `config`.
fn check_network(path: &Path, made_with: &serde_json::Value, config: &TrainConfig) -> Result<(), TrainError> {
    match differences(made_with, &config.model)?.into_iter().find(Difference::changes_network) {
        Some(difference) => {
            Err(TrainError::OtherNetwork { path: path.to_owned(), difference: difference.into() })
        }
        None => Ok(()),
    }
}
