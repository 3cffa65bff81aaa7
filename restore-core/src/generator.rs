// SPDX-License-Identifier: MIT OR Apache-2.0
//! `Generator`: pictures of noise alone, by a network without x_d (section 4.2 of the paper).

use std::path::Path;

use tch::{Device, Kind, Tensor};

use crate::checkpoint::LoadedModel;
use crate::{
    Checkpoint, DeviceChoice, ModelConfig, NoiseSchedule, Precision, RestoreError, Sampler, device_name,
    seeded_noise,
};

/// How to sample a generator; the defaults are the model's own, without guidance.
#[derive(Debug, Clone, Copy, Default)]
pub struct GeneratorOptions {
    /// Where to compute.
    pub device: DeviceChoice,
    /// In which precision; `None` is [`Precision::Auto`].
    pub precision: Option<Precision>,
    /// Sampling steps; `None` is what the model file recommends.
    pub steps: Option<usize>,
    /// The sampler; `None` is what the model file recommends.
    pub sampler: Option<Sampler>,
    /// w of classifier-free guidance (Ho and Salimans 2022, Eq. 6): the network's output is taken as
    /// (1 + w) f(x_t, class) − w f(x_t), for x0 as for ε. 0 is the class's own output, in half the time.
    pub guidance: f64,
}

/// Makes pictures like those that its model was trained on.
pub struct Generator {
    config: ModelConfig,
    device: Device,
    precision: Precision,
    sampler: Sampler,
    guidance: f64,
    /// Noise levels of the steps, noisiest first, then 1.
    levels: Vec<f64>,
    model: LoadedModel,
}

impl Generator {
    /// Loads a model file.
    ///
    /// # Errors
    /// [`RestoreError::Io`] or [`RestoreError::Model`] when the file cannot be used or is a restorer, [`RestoreError::Device`]
    /// when the device cannot, [`RestoreError::Config`] when the steps or the guidance are out of range.
    pub fn open(path: &Path, options: &GeneratorOptions) -> Result<Self, RestoreError> {
        Self::new(&Checkpoint::open(path)?, path, options)
    }

    /// The same for a checkpoint in memory; `path` is for messages.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn new(
        checkpoint: &Checkpoint,
        path: &Path,
        options: &GeneratorOptions,
    ) -> Result<Self, RestoreError> {
        let config = checkpoint.config.clone();
        if !config.unet.condition.generates() {
            return Err(RestoreError::model(
                path,
                "it is a restorer, which needs a face to restore and makes none of noise",
                "Restore with idm restore, or train a generator (model.unet.condition, see \"Generators\" in training/README.md)",
            ));
        }
        if !options.guidance.is_finite() || options.guidance < 0.0 {
            let guidance = options.guidance;
            return Err(RestoreError::Config(format!("a guidance of {guidance}, must be 0 or more")));
        }
        let device = options.device.resolve()?;
        let precision = options.precision.unwrap_or(Precision::Auto).resolve(device);
        let schedule = NoiseSchedule::new(config.diffusion.schedule, config.diffusion.timesteps)?;
        let own = &config.inference;
        Ok(Self {
            levels: schedule.respaced(options.steps.unwrap_or(own.steps), own.spacing)?,
            sampler: options.sampler.unwrap_or(own.sampler),
            guidance: options.guidance,
            model: checkpoint.load(path, device, precision.kind())?,
            device,
            precision,
            config,
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

    /// Number of sampling steps.
    pub fn steps(&self) -> usize {
        self.levels.len() - 1
    }

    /// The sampler in use.
    pub fn sampler(&self) -> Sampler {
        self.sampler
    }

    /// What it is and where it computes, in a few words.
    pub fn description(&self) -> String {
        let (size, steps, sampler) = (self.config.crop_size, self.steps(), self.sampler);
        let (device, precision) = (device_name(self.device), self.precision);
        format!("generator of {size}×{size} pictures, {steps} steps of {sampler}, on {device} in {precision}")
    }

    /// Floating-point operations of one pass of the network for one picture; guidance takes two passes a step.
    pub fn flops(&self) -> i64 {
        self.model.unet.flops(i64::from(self.config.crop_size))
    }

    /// The number of the class of that name, if there is one ([`ModelConfig::class_names`]).
    pub fn class(&self, name: &str) -> Option<usize> {
        self.config.class_names.iter().position(|other| other == name)
    }

    /// One picture for each of `seeds`, of the class of that number in `classes`, or of any; `[N, 3, S, S]` in [-1, 1], S the crop
    /// size, fp32 on the CPU. A picture depends on its seed and class, and on those beside it by the rounding of the kernels
    /// alone.
    ///
    /// # Errors
    /// [`RestoreError::Shape`] unless there is one of `classes` for each of `seeds`, [`RestoreError::Config`] for a class that
    /// the model does not have, [`RestoreError::Torch`].
    pub fn generate(&self, seeds: &[u64], classes: &[Option<usize>]) -> Result<Tensor, RestoreError> {
        let (count, size) = (self.config.unet.condition.classes(), self.config.crop_size);
        if seeds.len() != classes.len() {
            let (seeds, classes) = (seeds.len(), classes.len());
            return Err(RestoreError::Shape(format!("{seeds} seeds and {classes} classes")));
        }
        if let Some(class) = classes.iter().flatten().find(|&&class| class >= count) {
            return Err(RestoreError::Config(format!("class number {class} of {count} classes, from 0 on")));
        }
        if seeds.is_empty() {
            let side = i64::from(size);
            return Ok(Tensor::f_zeros([0, 3, side, side], (Kind::Float, Device::Cpu))?);
        }
        let _no_grad = tch::no_grad_guard();
        let guided = self.guidance > 0.0 && classes.iter().any(Option::is_some);
        let numbers: Vec<i64> = classes.iter().map(|class| class.unwrap_or(count) as i64).collect();
        let classes = Tensor::f_from_slice(&numbers)?.f_to_device(self.device)?;
        let none = classes.f_full_like(count as i64)?;
        let pass = |x_t: &Tensor, classes: &Tensor, gamma: f64| -> Result<Tensor, RestoreError> {
            let gammas = Tensor::f_full([seeds.len() as i64], gamma, (Kind::Float, self.device))?;
            self.model.unet.forward(x_t, classes, &gammas, self.precision.kind(), false)
        };
        let denoise = |x_t: &Tensor, gamma: f64| -> Result<Tensor, RestoreError> {
            let of_class = pass(x_t, &classes, gamma)?;
            if !guided {
                return Ok(of_class);
            }
            let change = of_class.f_sub(&pass(x_t, &none, gamma)?)?;
            Ok(of_class.f_add(&change.f_mul_scalar(self.guidance)?)?)
        };
        let noise = |draw: u64| -> Result<Tensor, RestoreError> {
            let draws: Vec<Tensor> =
                seeds.iter().map(|&seed| seeded_noise(seed, draw, size)).collect::<Result<_, _>>()?;
            Ok(Tensor::f_stack(&draws, 0)?.f_to_device(self.device)?)
        };
        let prediction = self.config.diffusion.prediction;
        let pictures = self.sampler.run(prediction, noise(0)?, &self.levels, denoise, noise)?;
        Ok(pictures.f_to_device(Device::Cpu)?)
    }
}
