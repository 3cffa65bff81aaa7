// SPDX-License-Identifier: MIT OR Apache-2.0
//! One training run: draws γ and ε, takes the loss of Eq. 6 or 7, steps the optimiser and the moving average.

use std::collections::BTreeMap;
use std::path::Path;

use restore_core::{Checkpoint, Condition, DeviceChoice, NoiseSchedule, Prediction, UNet};
use tch::{Device, Kind, Tensor, nn};

use super::config::{Difference, Loss, TrainConfig, differences};
use super::detail::{DetailTraining, Faces, Terms};
use super::draw::{Draw, Source};
use super::error::TrainError;
use super::loss_networks::LossNetworkFiles;
use super::optimiser::{AdamW, MovingAverage};
use super::parallel::{Group, Share};
use super::state::{LossSum, RunState};

/// What one iteration did.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// Iterations done so far.
    pub iterations: u64,
    /// Mean loss of the batch.
    pub loss: f64,
    /// Its terms beyond the prediction's, for a network with a detail head.
    pub terms: Terms,
    /// Norm of the gradient before clipping.
    pub gradient_norm: f64,
    /// Learning rate in effect.
    pub learning_rate: f64,
}

/// Files that a run begins with, each where it has one.
#[derive(Debug, Clone, Copy, Default)]
pub struct StartFiles<'a> {
    /// The model whose weights it starts from.
    pub init: Option<&'a Path>,
    /// The model of the weights of its coarse network, where `init` has none of its own.
    pub coarse: Option<&'a Path>,
    /// The networks of the loss's terms.
    pub networks: Option<&'a LossNetworkFiles>,
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
    detail: Option<DetailTraining>,
    iterations: u64,
}

impl Trainer {
    /// A run at its beginning, from fresh weights or those of a model in `files`.
    ///
    /// # Errors
    /// [`TrainError`] when the model does not fit together or a file cannot be used, [`TrainError::OtherNetwork`] when the
    /// model is of another network.
    pub fn new(config: &TrainConfig, device: DeviceChoice, files: &StartFiles) -> Result<Self, TrainError> {
        let device = device.resolve()?;
        tch::manual_seed(config.run.seed as i64);
        let variables = nn::VarStore::new(device);
        let unet = UNet::new(&variables.root(), &config.model.unet)?;
        if let Some(path) = files.init {
            let mut checkpoint = Checkpoint::open(path)?;
            if let Some(coarse) = files.coarse {
                checkpoint = checkpoint.with_coarse(Checkpoint::open(coarse)?);
            }
            if config.model.unet.detail_head {
                checkpoint = checkpoint.with_detail_head(config.model.unet.detail_width)?;
            }
            check_network(path, &serde_json::to_value(&checkpoint.config)?, config)?;
            checkpoint.copy_to(path, &variables)?;
        }
        let weights: BTreeMap<_, _> = variables.variables().into_iter().collect();
        let schedule = NoiseSchedule::new(config.model.diffusion.schedule, config.model.diffusion.timesteps)?;
        let compute = config.run.precision.resolve(device).kind();
        Ok(Self {
            detail: DetailTraining::new(config, &schedule, files.networks, device, compute)?,
            schedule,
            compute,
            optimiser: AdamW::new(&config.optimiser, learning(&weights, &config.optimiser.only)?)?,
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

    /// One optimiser step on clean faces `x` and their degraded versions `x_d`, [N, 3, S, S] in [-1, 1]; for a generator on pictures
    /// and, in the place of `x_d`, the numbers of their classes, `[N]` int64. They go through
    /// the network `run.batch` at a time, their gradients summed in fp32 and averaged over the processes of `group`; how they
    /// are parted changes only the rounding.
    ///
    /// # Errors
    /// [`TrainError::Diverged`] on a loss that is not finite; the weights are then as before.
    pub fn step(&mut self, x: &Tensor, x_d: &Tensor, group: &Group) -> Result<Progress, TrainError> {
        let (x, x_d) = (x.f_to_device(self.device)?, x_d.f_to_device(self.device)?);
        let draw = self.draw(&x, group.share())?;
        let x_d = self.leave_out_classes(x_d, &draw)?;
        let (loss, terms) = match self.detail.take() {
            None => (self.backward(&x, &x_d, &draw)?, Terms::default()),
            Some(mut detail) => {
                let result = self.backward_with_detail(&mut detail, &x, &x_d, &draw);
                self.detail = Some(detail);
                result?
            }
        };
        let mut shared = self.optimiser.gradients();
        shared.push(loss.shallow_clone());
        if let Some(detail) = &mut self.detail {
            shared.extend(detail.gradients(self.iterations));
        }
        group.average(&mut shared)?;
        let learning_rate = self.config.learning_rate(self.iterations);
        let loss = f64::try_from(&loss)?;
        let mut gradient_norm = if loss.is_finite() { self.optimiser.step(learning_rate)? } else { f64::NAN };
        if let Some(detail) = &mut self.detail
            && gradient_norm.is_finite()
            && !detail.step(self.iterations)?.is_finite()
        {
            gradient_norm = f64::NAN;
        }
        if !loss.is_finite() || !gradient_norm.is_finite() {
            return Err(TrainError::Diverged {
                iteration: self.iterations,
                loss,
                norm: gradient_norm,
                gammas: draw.gammas,
            });
        }
        self.average.update(self.iterations, &self.weights)?;
        self.iterations += 1;
        Ok(Progress { iterations: self.iterations, loss, terms, gradient_norm, learning_rate })
    }

    /// The draws for the faces of this process at this step.
    fn draw(&self, x: &Tensor, share: Share) -> Result<Draw, TrainError> {
        let (count, side) = (x.size()[0] as u64, x.size()[2] as u32);
        let first = (self.iterations * share.count + share.rank) * count;
        let on_policy = self.detail.as_ref().map_or(0.0, DetailTraining::on_policy_share);
        let classless = self.config.class_dropout();
        let source = Source { seed: self.config.run.seed, schedule: &self.schedule, on_policy, classless };
        source.draw(first..first + count, side, self.device)
    }

    /// The classes of a step's pictures, with that which stands for none where the draw leaves them out; x_d as it is.
    fn leave_out_classes(&self, x_d: Tensor, draw: &Draw) -> Result<Tensor, TrainError> {
        let Condition::Classes(count) = self.config.model.unet.condition else {
            return Ok(x_d);
        };
        let left_out = Tensor::f_from_slice(&draw.classless)?.f_to_device(self.device)?;
        Ok(x_d.f_masked_fill(&left_out, count as i64)?)
    }

    /// The mean loss (Eq. 6 or 7) of a step's faces and its gradients, `run.batch` faces at a time.
    fn backward(&self, x: &Tensor, x_d: &Tensor, draw: &Draw) -> Result<Tensor, TrainError> {
        let gamma = Tensor::f_from_slice(&draw.gammas)?.f_to_device(self.device)?;
        let mut loss = Tensor::f_zeros([], (Kind::Float, self.device))?;
        for (start, length, share) in self.parts(x) {
            let part = |tensor: &Tensor| tensor.f_narrow(0, start, length);
            let share = self
                .loss(&part(x)?, &part(x_d)?, &part(&gamma)?, &part(&draw.epsilon)?)?
                .f_mul_scalar(share)?;
            share.f_backward()?;
            let _ = loss.f_add_(&share.f_detach()?)?;
        }
        Ok(loss)
    }

    /// The same for a network with a detail head, and its discriminator's gradients.
    fn backward_with_detail(
        &self,
        detail: &mut DetailTraining,
        x: &Tensor,
        x_d: &Tensor,
        draw: &Draw,
    ) -> Result<(Tensor, Terms), TrainError> {
        let window = detail.begin(self.iterations, x.size()[2])?;
        let mut loss = Tensor::f_zeros([], (Kind::Float, self.device))?;
        let mut terms = Terms::default();
        for (start, length, share) in self.parts(x) {
            let part = |tensor: &Tensor| tensor.f_narrow(0, start, length);
            let range = start as usize..(start + length) as usize;
            let faces = Faces {
                x: &part(x)?,
                x_d: &part(x_d)?,
                epsilon: &part(&draw.epsilon)?,
                gammas: &draw.gammas[range.clone()],
                on_policy: &draw.on_policy[range],
                share,
            };
            let (part, of_part) =
                detail.backward(&self.unet, self.compute, &faces, window, self.iterations)?;
            let _ = loss.f_add_(&part)?;
            terms += of_part;
        }
        Ok((loss, terms))
    }

    /// The parts of a step: first face, how many, and which share of all.
    fn parts(&self, x: &Tensor) -> impl Iterator<Item = (i64, i64, f64)> + use<> {
        let (count, batch) = (x.size()[0], self.config.run.batch as i64);
        (0..count).step_by(batch as usize).map(move |start| {
            let length = batch.min(count - start);
            (start, length, length as f64 / count as f64)
        })
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
        let discriminator = self.detail.as_ref().map_or_else(BTreeMap::new, DetailTraining::state);
        let parts = [
            ("weights", &self.weights),
            ("average", self.average.weights()),
            ("optimiser", &moments),
            ("discriminator", &discriminator),
        ];
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
    /// [`TrainError::OtherNetwork`] when it is of another network, [`TrainError::OtherWeightsLearn`] when others learnt,
    /// [`TrainError::Incomplete`] when parts are missing.
    pub fn resume(&mut self, state: &RunState, path: &Path) -> Result<(), TrainError> {
        check_network(path, &state.config["model"], &self.config)?;
        let moments = state.part("optimiser");
        if !moments.keys().eq(self.optimiser.moments().keys()) {
            let then = state.config["optimiser"]["only"].as_array().cloned().unwrap_or_default();
            let then = serde_json::Value::Array(then).to_string();
            return Err(TrainError::OtherWeightsLearn { path: path.to_owned(), then });
        }
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
        self.optimiser.restore(&moments, state.iterations).map_err(|_| incomplete())?;
        if let Some(detail) = &mut self.detail {
            detail.restore(&state.part("discriminator"), state.iterations).map_err(|_| incomplete())?;
        }
        self.iterations = state.iterations;
        Ok(())
    }
}

/// Those of `weights` whose names begin with one of `only`, or all where it is empty; the others have no gradients from now on.
fn learning(
    weights: &BTreeMap<String, Tensor>,
    only: &[String],
) -> Result<BTreeMap<String, Tensor>, TrainError> {
    if let Some(prefix) = only.iter().find(|prefix| !weights.keys().any(|name| name.starts_with(*prefix))) {
        let mut parts: Vec<_> =
            weights.keys().filter_map(|name| Some(format!("{}.", name.split('.').next()?))).collect();
        parts.dedup();
        return Err(TrainError::NothingLearns { prefix: prefix.clone(), parts });
    }
    let learns = |name: &str| only.is_empty() || only.iter().any(|prefix| name.starts_with(prefix));
    let mut learning = BTreeMap::new();
    for (name, weight) in weights {
        if learns(name) {
            learning.insert(name.clone(), weight.shallow_clone());
        } else {
            let _ = weight.f_set_requires_grad(false)?;
        }
    }
    Ok(learning)
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
