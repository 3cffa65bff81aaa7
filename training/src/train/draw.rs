// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is random in a training step: γ, ε, which samples are seen as inference sees them, and which without their class.

use std::ops::Range;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use restore_core::{NoiseSchedule, seeded_noise};
use tch::{Device, Kind, Tensor};

use super::error::TrainError;
use crate::jobs::in_parallel;

/// The draws of the samples of one step. Every sample of the run has generators of its own, known by its number: a resumed run
/// draws what it would have drawn, and so do processes or batches that part the samples otherwise.
#[derive(Debug)]
pub(super) struct Draw {
    /// γ of each sample.
    pub gammas: Vec<f32>,
    /// ε, `[N, 3, S, S]`, on the device.
    pub epsilon: Tensor,
    /// Whether a sample is restored as [`restore_core::Sampling::MeanDetail`] does, from x̂ in the place of x.
    pub on_policy: Vec<bool>,
    /// Whether a sample's class is left out, so that a generator learns what pictures of no class in particular are like
    /// (classifier-free guidance, Ho and Salimans 2022).
    pub classless: Vec<bool>,
}

/// Where the draws come from: the run's seed, its schedule, the share of samples on policy and of those without their class.
pub(super) struct Source<'a> {
    pub seed: u64,
    pub schedule: &'a NoiseSchedule,
    pub on_policy: f64,
    pub classless: f64,
}

impl Source<'_> {
    /// The draws of `samples` for faces of `side` pixels. On the CPU the noise is that of [`seeded_noise`]; on a GPU, which
    /// would wait for it, ε comes from libtorch's generator there, so a run that changes its device goes on with other draws.
    pub fn draw(&self, samples: Range<u64>, side: u32, device: Device) -> Result<Draw, TrainError> {
        // The loader has the streams of the seed itself.
        let seed = !self.seed;
        let draws = samples.clone().map(|sample| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(2 * sample);
            let gamma = self.schedule.draw(&mut rng) as f32;
            let mut chosen = |share| rng.random::<f64>() < share;
            (gamma, (chosen(self.on_policy), chosen(self.classless)))
        });
        let (gammas, (on_policy, classless)): (Vec<f32>, (Vec<bool>, Vec<bool>)) = draws.unzip();
        let noise = match device {
            Device::Cpu => noise_of_cpu(seed, samples.clone(), side)?,
            device => noise_of_gpu(seed, samples.clone(), side, device)?,
        };
        // Dropout alone draws from libtorch's generator.
        tch::manual_seed(torch_seed(seed, samples.start));
        Ok(Draw { gammas, epsilon: Tensor::f_stack(&noise, 0)?, on_policy, classless })
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
