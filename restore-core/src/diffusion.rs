// SPDX-License-Identifier: MIT OR Apache-2.0
//! `DiffusionRestorer`: the project's own model as a [`Restorer`].

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use tch::{Device, Kind, Tensor};

use crate::checkpoint::LoadedModel;
use crate::neutral::keep_neutral;
use crate::restorer::check_faces;
use crate::{
    Checkpoint, DeviceChoice, InferenceConfig, ModelConfig, NoiseSchedule, Precision, RestoreError,
    RestoreOptions, Restorer, Sampler, Sampling, WarmStart, device_name, seeded_noise,
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
    /// The sampler; `None` is what the model file recommends. With one of the two named, a model for
    /// [`Sampling::MeanDetail`] takes plain steps.
    pub sampler: Option<Sampler>,
}

impl DiffusionOptions {
    /// The sampling that is asked for of a model, whose own it is where nothing is.
    fn sampling(&self, own: &InferenceConfig) -> Sampling {
        match (self.steps, self.sampler, own.detail_gamma) {
            (None, None, Some(gamma)) => Sampling::MeanDetail { gamma },
            (steps, sampler, _) => {
                Sampling::Steps { steps: steps.unwrap_or(own.steps), sampler: sampler.unwrap_or(own.sampler) }
            }
        }
    }
}

/// Restores faces with a conditional diffusion model.
pub struct DiffusionRestorer {
    config: ModelConfig,
    device: Device,
    precision: Precision,
    sampling: Sampling,
    /// [`RestoreOptions::detail`] where a call names none.
    detail: f64,
    schedule: NoiseSchedule,
    /// One caller at a time: a tensor is not `Sync`, and one inference already uses all of libtorch's threads.
    state: Mutex<State>,
}

struct State {
    model: LoadedModel,
    noise: NoiseCache,
}

/// Noise by (seed, draw, size): a video asks for the same again at every frame.
type NoiseCache = HashMap<(u64, u64, u32), Tensor>;

/// Faces run through the network together; more are taken in turns, which bounds the memory.
const MAX_BATCH: i64 = 16;
/// Noise pictures kept, 3 MB each at 512×512.
const MAX_CACHED_NOISE: usize = 64;

impl DiffusionRestorer {
    /// Loads a model file.
    ///
    /// # Errors
    /// [`RestoreError::Io`] or [`RestoreError::Model`] when the file cannot be used or is a generator,
    /// [`RestoreError::Device`] when the device cannot, [`RestoreError::Config`] when the number of steps is out of range.
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
        if config.unet.condition.generates() {
            return Err(RestoreError::model(
                path,
                "it is a generator, which makes pictures of noise and restores none",
                "Sample it with idm generate, or give a restorer, which is trained without model.unet.condition",
            ));
        }
        let device = options.device.resolve()?;
        let precision = options.precision.unwrap_or(Precision::Auto).resolve(device);
        let schedule = NoiseSchedule::new(config.diffusion.schedule, config.diffusion.timesteps)?;
        let sampling = options.sampling(&config.inference);
        check_sampling(&sampling, &config, &schedule)?;
        let model = checkpoint.load(path, device, precision.kind())?;
        Ok(Self {
            sampling,
            detail: 1.0,
            config,
            device,
            precision,
            schedule,
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

    /// The sampling in use.
    pub fn sampling(&self) -> Sampling {
        self.sampling
    }

    /// Adds so much of the detail, 0 to 1, from now on, where a call names no other; all of it at the beginning.
    pub fn set_detail(&mut self, detail: f64) {
        self.detail = detail;
    }

    /// The number of sampling steps in use; the mean and the detail together are one.
    pub fn steps(&self) -> usize {
        match self.sampling {
            Sampling::Steps { steps, .. } => steps,
            Sampling::MeanDetail { .. } => 1,
        }
    }

    /// Samples so from now on, with the same weights.
    ///
    /// # Errors
    /// [`RestoreError::Config`] when the number of steps is out of range, or the model has no detail.
    pub fn set_sampling(&mut self, sampling: Sampling) -> Result<(), RestoreError> {
        check_sampling(&sampling, &self.config, &self.schedule)?;
        self.sampling = sampling;
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

    /// One batch, x_d in [-1, 1] on the device, from pure noise or from faces (on the device, too) noised to a γ.
    fn sample(
        &self,
        state: &mut State,
        x_d: &Tensor,
        start: Option<WarmStart>,
        detail: f64,
        seeds: &[u64],
    ) -> Result<Tensor, RestoreError> {
        let spacing = self.config.inference.spacing;
        match self.sampling {
            Sampling::MeanDetail { gamma } => self.sample_once(state, x_d, start, gamma, detail, seeds),
            Sampling::Steps { steps, sampler } => {
                let levels = match start {
                    Some(start) => self.schedule.respaced_from(start.gamma, steps, spacing)?,
                    None => self.schedule.respaced(steps, spacing)?,
                };
                self.sample_in_steps(state, x_d, start, &levels, sampler, seeds)
            }
        }
    }

    /// The loop of Eq. 8 over γ = `levels`, noisiest first, then 1.
    fn sample_in_steps(
        &self,
        state: &mut State,
        x_d: &Tensor,
        start: Option<WarmStart>,
        levels: &[f64],
        sampler: Sampler,
        seeds: &[u64],
    ) -> Result<Tensor, RestoreError> {
        let State { model, noise } = state;
        let mut x_t = self.noise(noise, seeds, 0, x_d)?;
        if let (Some(start), Some(&gamma)) = (start, levels.first()) {
            x_t = noised(start.faces, &x_t, gamma)?;
        }
        let denoise = |x_t: &Tensor, gamma: f64| {
            let gammas = Tensor::f_full([seeds.len() as i64], gamma, (Kind::Float, self.device))?;
            model.unet.forward(x_t, x_d, &gammas, self.precision.kind(), false)
        };
        let draw = |draw| self.noise(noise, seeds, draw, x_d);
        sampler.run(self.config.diffusion.prediction, x_t, levels, denoise, draw)
    }

    /// [`Sampling::MeanDetail`] with γ = `gamma` and the share `detail` of the detail; both passes have the same ε.
    fn sample_once(
        &self,
        state: &mut State,
        x_d: &Tensor,
        start: Option<WarmStart>,
        gamma: f64,
        detail: f64,
        seeds: &[u64],
    ) -> Result<Tensor, RestoreError> {
        let noise = self.noise(&mut state.noise, seeds, 0, x_d)?;
        let unet = &state.model.unet;
        let (compute, count) = (self.precision.kind(), seeds.len() as i64);
        let gammas = |gamma: f64| Tensor::f_full([count], gamma, (Kind::Float, self.device));
        let noisiest = self.schedule.gamma(self.schedule.timesteps());
        let (first, level) = match start {
            Some(start) => {
                let level = start.gamma.max(noisiest);
                (noised(start.faces, &noise, level)?, level)
            }
            None => (noise.shallow_clone(), noisiest),
        };
        let mean = unet.condition(&first, x_d, &gammas(level)?, compute, false)?;
        let heads = unet.heads(&noised(&mean, &noise, gamma)?, &mean, &gammas(gamma)?, compute, false)?;
        let face = match heads.sharp {
            Some(sharp) => heads.prediction.f_lerp(&sharp, detail)?,
            None => heads.prediction,
        };
        Ok(face.f_clamp(-1.0, 1.0)?)
    }

    /// Draw number `draw` of each seed's noise, stacked to the shape of `x_d`.
    fn noise(
        &self,
        cache: &mut NoiseCache,
        seeds: &[u64],
        draw: u64,
        x_d: &Tensor,
    ) -> Result<Tensor, RestoreError> {
        let size = x_d.size()[2] as u32;
        let mut faces = Vec::with_capacity(seeds.len());
        for &seed in seeds {
            let key = (seed, draw, size);
            if !cache.contains_key(&key) {
                if cache.len() >= MAX_CACHED_NOISE {
                    cache.clear();
                }
                cache.insert(key, seeded_noise(seed, draw, size)?.f_to_device(self.device)?);
            }
            faces.push(cache[&key].shallow_clone());
        }
        Ok(Tensor::f_stack(&faces, 0)?)
    }
}

impl Restorer for DiffusionRestorer {
    fn crop_size(&self) -> u32 {
        self.config.crop_size
    }

    /// The network is fully convolutional: it takes faces of half the size, too, where its grids divide them, in a quarter of the
    /// time.
    fn takes(&self, size: u32) -> bool {
        let whole = self.crop_size();
        size == whole || 2 * size == whole && i64::from(size) % self.config.unet.size_multiple() == 0
    }

    fn description(&self) -> String {
        let size = self.config.crop_size;
        let sampling = match self.sampling {
            Sampling::Steps { steps, sampler } => format!("{steps} steps of {sampler}"),
            Sampling::MeanDetail { .. } => "the mean once, the detail once".to_owned(),
        };
        let device = device_name(self.device);
        format!("diffusion model for {size}×{size} faces, {sampling}, on {device} in {}", self.precision)
    }

    fn restore_with(
        &self,
        faces: &Tensor,
        seeds: &[u64],
        options: &RestoreOptions,
    ) -> Result<Tensor, RestoreError> {
        let side = faces.size().last().copied().and_then(|side| u32::try_from(side).ok());
        let size = side.filter(|&side| self.takes(side)).unwrap_or(self.crop_size());
        check_faces(faces, seeds, size)?;
        if let Some(start) = &options.start {
            check_faces(start.faces, seeds, size)?;
        }
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
            let begun = options.start.as_ref().map(|start| part(start.faces)).transpose()?;
            let start = begun.as_ref().zip(options.start);
            let start = start.map(|(faces, start)| WarmStart { faces, gamma: start.gamma });
            let seeds = &seeds[first as usize..(first + length) as usize];
            let (x_d, detail) = (part(faces)?, options.detail.unwrap_or(self.detail));
            let sampled = keep_neutral(&x_d, self.sample(&mut state, &x_d, start, detail, seeds)?)?;
            restored.push(sampled.f_to_device(Device::Cpu)?);
        }
        Ok(Tensor::f_cat(&restored, 0)?)
    }
}

/// √γ `faces` + √(1−γ) `noise` (Eq. 5).
fn noised(faces: &Tensor, noise: &Tensor, gamma: f64) -> Result<Tensor, RestoreError> {
    Ok(faces.f_mul_scalar(gamma.sqrt())?.f_add(&noise.f_mul_scalar((1.0 - gamma).sqrt())?)?)
}

/// Whether a model of this configuration can be sampled so.
fn check_sampling(
    sampling: &Sampling,
    config: &ModelConfig,
    schedule: &NoiseSchedule,
) -> Result<(), RestoreError> {
    match sampling {
        Sampling::Steps { steps, .. } => {
            schedule.respaced(*steps, config.inference.spacing)?;
        }
        Sampling::MeanDetail { .. } if config.unet.detail_head => {}
        Sampling::MeanDetail { .. } => {
            return Err(RestoreError::Config("this model has no detail head (unet.detail_head)".into()));
        }
    }
    Ok(())
}
