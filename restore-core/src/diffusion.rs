//! `DiffusionRestorer`: the project's own model as a [`Restorer`].

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use tch::{Device, Kind, Tensor};

use crate::checkpoint::LoadedModel;
use crate::restorer::check_faces;
use crate::{
    Checkpoint, DeviceChoice, ModelConfig, NoiseSchedule, Precision, RestoreError, Restorer, Sampler,
    WarmStart, device_name, seeded_noise,
};

/// How to run a model; the defaults are the model's own.
#[derive(Debug, Clone, Copy, Default)]
pub struct DiffusionOptions {
    /// Where to compute.
    pub device: DeviceChoice,
    /// In which precision; `None` is [`Precision::Auto`].
    pub precision: Option<Precision>,
    /// Sampling steps; `None` is what the model file recommends.
    pub steps: Option<usize>,
    /// The sampler; `None` is what the model file recommends.
    pub sampler: Option<Sampler>,
}

/// Restores faces with a conditional diffusion model.
pub struct DiffusionRestorer {
    config: ModelConfig,
    device: Device,
    precision: Precision,
    sampler: Sampler,
    schedule: NoiseSchedule,
    /// γ of the sampler's steps, noisiest first, then 1.
    levels: Vec<f64>,
    /// One caller at a time: a tensor is not `Sync`, and one inference already uses all of libtorch's threads.
    state: Mutex<State>,
}

struct State {
    model: LoadedModel,
    /// Noise by (seed, draw): a video asks for the same again at every frame.
    noise: HashMap<(u64, u64), Tensor>,
}

/// Faces run through the network together; more are taken in turns, which bounds the memory.
const MAX_BATCH: i64 = 16;
/// Noise pictures kept, 3 MB each at 512×512.
const MAX_CACHED_NOISE: usize = 64;

impl DiffusionRestorer {
    /// Loads a model file.
    ///
    /// # Errors
    /// [`RestoreError::Io`] or [`RestoreError::Model`] when the file cannot be used, [`RestoreError::Device`] when the
    /// device cannot, [`RestoreError::Config`] when the number of steps is out of range.
    pub fn open(path: &Path, options: &DiffusionOptions) -> Result<Self, RestoreError> {
        Self::new(&Checkpoint::open(path)?, path, options)
    }

    /// The same for a checkpoint in memory; `path` is for messages.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn new(
        checkpoint: &Checkpoint,
        path: &Path,
        options: &DiffusionOptions,
    ) -> Result<Self, RestoreError> {
        let config = checkpoint.config.clone();
        let device = options.device.resolve()?;
        let precision = options.precision.unwrap_or(Precision::Auto).resolve(device);
        let schedule = NoiseSchedule::new(config.diffusion.schedule, config.diffusion.timesteps)?;
        let levels =
            schedule.respaced(options.steps.unwrap_or(config.inference.steps), config.inference.spacing)?;
        let model = checkpoint.load(path, device, precision.kind())?;
        Ok(Self {
            sampler: options.sampler.unwrap_or(config.inference.sampler),
            config,
            device,
            precision,
            schedule,
            levels,
            state: Mutex::new(State { model, noise: HashMap::new() }),
        })
    }

    /// The model's configuration.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// The device in use.
    pub fn device(&self) -> Device {
        self.device
    }

    /// The precision in use, never [`Precision::Auto`].
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// The number of sampling steps in use.
    pub fn steps(&self) -> usize {
        self.levels.len() - 1
    }

    /// Samples in `steps` steps by `sampler` from now on, with the same weights.
    ///
    /// # Errors
    /// [`RestoreError::Config`] when the number of steps is out of range.
    pub fn set_sampling(&mut self, steps: usize, sampler: Sampler) -> Result<(), RestoreError> {
        self.levels = self.schedule.respaced(steps, self.config.inference.spacing)?;
        self.sampler = sampler;
        Ok(())
    }

    /// Floating-point operations of one step for one face of `size`×`size` pixels.
    pub fn flops(&self, size: i64) -> i64 {
        self.lock().model.unet.flops(size)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // A panic while the lock was held cannot have left the weights half-written: nothing writes them.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The sampling loop (Eq. 8) for one batch, x_d in [-1, 1] on the device, from pure noise or from `start` (on the
    /// device, too) noised to the first of `levels`.
    fn sample(
        &self,
        state: &mut State,
        x_d: &Tensor,
        start: Option<&Tensor>,
        levels: &[f64],
        seeds: &[u64],
    ) -> Result<Tensor, RestoreError> {
        let mut x_t = self.noise(state, seeds, 0, x_d)?;
        if let (Some(start), Some(gamma)) = (start, levels.first()) {
            x_t = start.f_mul_scalar(gamma.sqrt())?.f_add(&x_t.f_mul_scalar((1.0 - gamma).sqrt())?)?;
        }
        for (index, pair) in levels.windows(2).enumerate() {
            let (gamma, next) = (pair[0], pair[1]);
            let gammas = Tensor::f_full([seeds.len() as i64], gamma, (Kind::Float, self.device))?;
            let output = state.model.unet.forward(&x_t, x_d, &gammas, self.precision.kind(), false)?;
            let noise = if self.sampler == Sampler::Ddpm && next < 1.0 {
                Some(self.noise(state, seeds, index as u64 + 1, x_d)?)
            } else {
                None
            };
            x_t = self.sampler.step(
                self.config.diffusion.prediction,
                &x_t,
                &output,
                gamma,
                next,
                noise.as_ref(),
            )?;
        }
        Ok(x_t)
    }

    /// [`sample`](Self::sample) for any number of faces on any device.
    fn restore_in_batches(
        &self,
        faces: &Tensor,
        starts: Option<&Tensor>,
        levels: &[f64],
        seeds: &[u64],
    ) -> Result<Tensor, RestoreError> {
        check_faces(faces, seeds, self.crop_size())?;
        if seeds.is_empty() {
            return Ok(faces.f_to_kind(Kind::Float)?);
        }
        let count = seeds.len() as i64;
        let _no_grad = tch::no_grad_guard();
        let mut state = self.lock();
        let mut restored = Vec::new();
        for first in (0..count).step_by(MAX_BATCH as usize) {
            let length = MAX_BATCH.min(count - first);
            let part = |faces: &Tensor| -> Result<Tensor, RestoreError> {
                Ok(faces.f_narrow(0, first, length)?.f_to_device(self.device)?.f_to_kind(Kind::Float)?)
            };
            let (x_d, start) = (part(faces)?, starts.map(part).transpose()?);
            let seeds = &seeds[first as usize..(first + length) as usize];
            let sampled = self.sample(&mut state, &x_d, start.as_ref(), levels, seeds)?;
            restored.push(sampled.f_to_device(Device::Cpu)?);
        }
        Ok(Tensor::f_cat(&restored, 0)?)
    }

    /// Draw number `draw` of each seed's noise, stacked to the shape of `x_d`.
    fn noise(
        &self,
        state: &mut State,
        seeds: &[u64],
        draw: u64,
        x_d: &Tensor,
    ) -> Result<Tensor, RestoreError> {
        let size = x_d.size()[2] as u32;
        let mut faces = Vec::with_capacity(seeds.len());
        for &seed in seeds {
            if !state.noise.contains_key(&(seed, draw)) {
                if state.noise.len() >= MAX_CACHED_NOISE {
                    state.noise.clear();
                }
                state.noise.insert((seed, draw), seeded_noise(seed, draw, size)?.f_to_device(self.device)?);
            }
            faces.push(state.noise[&(seed, draw)].shallow_clone());
        }
        Ok(Tensor::f_stack(&faces, 0)?)
    }
}

impl Restorer for DiffusionRestorer {
    fn crop_size(&self) -> u32 {
        self.config.crop_size
    }

    fn description(&self) -> String {
        let size = self.config.crop_size;
        format!(
            "diffusion model for {size}×{size} faces, {} steps of {}, on {} in {}",
            self.steps(),
            self.sampler,
            device_name(self.device),
            self.precision
        )
    }

    fn restore(&self, faces: &Tensor, seeds: &[u64]) -> Result<Tensor, RestoreError> {
        self.restore_in_batches(faces, None, &self.levels, seeds)
    }

    fn restore_from(&self, faces: &Tensor, start: &WarmStart, seeds: &[u64]) -> Result<Tensor, RestoreError> {
        check_faces(start.faces, seeds, self.crop_size())?;
        let levels = self.schedule.respaced_from(start.gamma, self.steps(), self.config.inference.spacing)?;
        self.restore_in_batches(faces, Some(start.faces), &levels, seeds)
    }
}
