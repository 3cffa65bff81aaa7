// SPDX-License-Identifier: MIT OR Apache-2.0
//! The loss of a network with a detail head: the mean by its first output, the sharp face by its second.

use std::collections::BTreeMap;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use restore_core::{NoiseSchedule, UNet};
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, TchError, Tensor};

use super::config::{DetailConfig, TrainConfig};
use super::discriminator::Discriminator;
use super::error::TrainError;
use super::eyes::eye_weights;
use super::local_energy::energy_distance;
use super::loss_networks::{LossNetworkFiles, LossNetworks};

/// What the detail head is trained by.
pub(super) struct DetailTraining {
    config: DetailConfig,
    seed: u64,
    /// γ of the detail.
    gamma: f32,
    /// γ_T, at which the coarse network gives the mean.
    noisiest: f32,
    networks: LossNetworks,
    /// How much each pixel counts in |y − x|, `[1, 1, S, S]`.
    weights: Tensor,
    discriminator: Option<Discriminator>,
}

/// The faces of one pass, on the device; `[N, 3, S, S]` in [-1, 1].
pub(super) struct Faces<'a> {
    pub x: &'a Tensor,
    pub x_d: &'a Tensor,
    pub epsilon: &'a Tensor,
    pub gammas: &'a [f32],
    pub on_policy: &'a [bool],
    /// The share of the step's faces that these are.
    pub share: f64,
}

/// Means of the loss's terms over a step's faces; 0 where a term is off.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Terms {
    /// |y − x|.
    pub pixel: f64,
    /// The perceptual distance.
    pub perceptual: f64,
    /// The distance in identity.
    #[serde(default)]
    pub identity: f64,
    /// The distance in local energy.
    #[serde(default)]
    pub energy: f64,
    /// What the discriminator holds against y.
    pub adversarial: f64,
    /// The discriminator's own loss.
    pub discriminator: f64,
}

impl std::ops::AddAssign for Terms {
    fn add_assign(&mut self, other: Self) {
        self.pixel += other.pixel;
        self.perceptual += other.perceptual;
        self.identity += other.identity;
        self.energy += other.energy;
        self.adversarial += other.adversarial;
        self.discriminator += other.discriminator;
    }
}

/// The window of a step, from the upper left corner of each of its faces.
#[derive(Clone, Copy)]
pub(super) struct Window {
    left: i64,
    top: i64,
    side: i64,
    /// Side of the part in its middle that the perceptual network sees at the window's size.
    seen: i64,
}

impl DetailTraining {
    /// The training that `config` asks for, if it does; `files` are the networks of its terms.
    pub fn new(
        config: &TrainConfig,
        schedule: &NoiseSchedule,
        files: Option<&LossNetworkFiles>,
        device: Device,
        compute: Kind,
    ) -> Result<Option<Self>, TrainError> {
        let (Some(detail), Some(gamma)) = (&config.detail, config.model.inference.detail_gamma) else {
            return Ok(None);
        };
        let none = LossNetworkFiles::default();
        let networks = LossNetworks::open(detail, files.unwrap_or(&none), device, compute)?;
        let discriminator = detail.adversarial.as_ref();
        let discriminator =
            discriminator.map(|term| Discriminator::new(term, config.optimiser.clip_norm, device));
        Ok(Some(Self {
            config: detail.clone(),
            seed: config.run.seed,
            gamma: gamma as f32,
            noisiest: schedule.gamma(schedule.timesteps()) as f32,
            networks,
            weights: eye_weights(config.pair_recipe().side().into(), detail.eyes, device)?,
            discriminator: discriminator.transpose()?,
        }))
    }

    /// The share of the samples that are seen as inference sees them.
    pub fn on_policy_share(&self) -> f64 {
        self.config.share
    }

    /// Before the passes of step `iteration` on faces of `side` pixels.
    pub fn begin(&mut self, iteration: u64, side: i64) -> Result<Window, TchError> {
        if let Some(discriminator) = self.adversary(iteration) {
            discriminator.follow_weights()?;
        }
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        // The streams from the end are nobody else's.
        rng.set_stream(u64::MAX - iteration);
        let window = i64::from(self.config.window);
        let mut offset = || rng.random_range(0..=side - window);
        let (left, top) = (offset(), offset());
        let seen = (window as f64 / rng.random_range(1.0..=self.config.zoom)).round() as i64;
        Ok(Window { left, top, side: window, seen })
    }

    /// Gradients of the discriminator at step `iteration`, to be averaged over processes in place.
    pub fn gradients(&mut self, iteration: u64) -> Vec<Tensor> {
        self.adversary(iteration).map_or_else(Vec::new, |discriminator| discriminator.gradients())
    }

    /// The discriminator's step; the norm of its gradient, 0 where it has not begun.
    pub fn step(&mut self, iteration: u64) -> Result<f64, TchError> {
        self.adversary(iteration).map_or(Ok(0.0), Discriminator::step)
    }

    fn adversary(&mut self, iteration: u64) -> Option<&mut Discriminator> {
        let from = self.config.adversarial.as_ref()?.from;
        self.discriminator.as_mut().filter(|_| iteration >= from)
    }

    /// The mean loss of some faces, and its gradients and the discriminator's, which are added to those at hand.
    ///
    /// A sample on policy goes the way of [`restore_core::Sampling::MeanDetail`]: x̂ from pure noise at γ_T, then x_t made of x̂.
    /// Another goes the way of Eq. 7. The prediction is held to x by L1 in both, so that it stays the mean; on policy y, the
    /// sharp face, is held to x by L1, by the perceptual distance, by identity, by local energy and by the discriminator.
    pub fn backward(
        &mut self,
        unet: &UNet,
        compute: Kind,
        faces: &Faces,
        window: Window,
        iteration: u64,
    ) -> Result<(Tensor, Terms), TrainError> {
        let (mean, heads) = self.forward(unet, compute, faces)?;
        let loss = heads.prediction.f_sub(faces.x)?.f_abs()?.f_mean(Kind::Float)?;
        let mut total = loss.f_mul_scalar(faces.share * self.config.mean)?;
        let mut terms = Terms::default();
        let chosen: Vec<i64> =
            (0_i64..).zip(faces.on_policy).filter(|(_, on)| **on).map(|(index, _)| index).collect();
        let share = faces.share * chosen.len() as f64 / faces.on_policy.len() as f64;
        if let Some(sharp) = &heads.sharp {
            // Every weight has a gradient, also in a pass without a sample on policy.
            total = total.f_add(&sharp.f_sum(Kind::Float)?.f_mul_scalar(0.0)?)?;
        }
        if let (Some(sharp), false) = (&heads.sharp, chosen.is_empty()) {
            let chosen = Tensor::f_from_slice(&chosen)?.f_to_device(faces.x.device())?;
            let pick = |tensor: &Tensor| tensor.f_index_select(0, &chosen);
            let y = pick(sharp)?;
            let (x, mean) = (pick(faces.x)?, pick(&mean.f_detach()?)?);
            let pixel = y.f_sub(&x)?.f_abs()?;
            terms.pixel = share * f64::try_from(pixel.f_detach()?.f_mean(Kind::Float)?)?;
            let pixel = pixel.f_mul(&self.weights)?.f_mean(Kind::Float)?;
            total = total.f_add(&pixel.f_mul_scalar(share * self.config.pixel)?)?;
            if let Some(distance) = self.networks.estrangement(&y, &x)? {
                terms.identity = share * f64::try_from(distance.f_detach()?)?;
                total = total.f_add(&distance.f_mul_scalar(share * self.config.identity)?)?;
            }
            if self.config.energy > 0.0 {
                let distance = energy_distance(&y, &x)?;
                terms.energy = share * f64::try_from(distance.f_detach()?)?;
                total = total.f_add(&distance.f_mul_scalar(share * self.config.energy)?)?;
            }
            let [y, x, mean] = [window.of(&y)?, window.of(&x)?, window.of(&mean)?];
            if let Some(distance) =
                self.networks.distance(&window.enlarge(&y)?, &window.enlarge(&x)?, compute)?
            {
                terms.perceptual = share * f64::try_from(distance.f_detach()?)?;
                total = total.f_add(&distance.f_mul_scalar(share * self.config.perceptual)?)?;
            }
            if let Some(suspicion) = self.judge([&y, &x, &mean], compute, share, iteration, &mut terms)? {
                total = total.f_add(&suspicion)?;
            }
        }
        total.f_backward()?;
        Ok((total.f_detach()?, terms))
    }

    /// The weighted adversarial term of `y`, from the iteration on from which there is one. The gradients of the discriminator's
    /// own loss on `y` and `x` beside `mean` are added to those at hand.
    fn judge(
        &mut self,
        [y, x, mean]: [&Tensor; 3],
        compute: Kind,
        share: f64,
        iteration: u64,
        terms: &mut Terms,
    ) -> Result<Option<Tensor>, TchError> {
        let weight = self.config.adversarial.as_ref().map_or(0.0, |term| term.weight);
        let Some(discriminator) = self.adversary(iteration) else {
            return Ok(None);
        };
        let suspicion = discriminator.forward(y, mean, compute, true)?;
        let suspicion = suspicion.f_neg()?.f_softplus()?.f_mean(Kind::Float)?;
        terms.adversarial = share * f64::try_from(suspicion.f_detach()?)?;
        let of_y = discriminator.forward(&y.f_detach()?, mean, compute, false)?;
        let of_x = discriminator.forward(x, mean, compute, false)?;
        let own = of_y.f_softplus()?.f_mean(Kind::Float)?;
        let own = own.f_add(&of_x.f_neg()?.f_softplus()?.f_mean(Kind::Float)?)?.f_mul_scalar(share)?;
        terms.discriminator = f64::try_from(own.f_detach()?)?;
        own.f_backward()?;
        Ok(Some(suspicion.f_mul_scalar(share * weight)?))
    }

    /// x̂ and what the network makes of it; x_t is as each sample's way wants it.
    fn forward(
        &self,
        unet: &UNet,
        compute: Kind,
        faces: &Faces,
    ) -> Result<(Tensor, restore_core::Heads), TrainError> {
        let device = faces.x.device();
        let each = |on: f32, off: fn(f32) -> f32| -> Result<Tensor, TchError> {
            let values = faces.on_policy.iter().zip(faces.gammas);
            let values: Vec<f32> =
                values.map(|(&policy, &gamma)| if policy { on } else { off(gamma) }).collect();
            Tensor::f_from_slice(&values)?.f_to_device(device)
        };
        let pixels = |values: &Tensor| values.f_view([-1, 1, 1, 1]);
        let noised = |x: &Tensor, signal: &Tensor, gamma: &Tensor| -> Result<Tensor, TchError> {
            let noise = pixels(&gamma.f_neg()?.f_add_scalar(1.0)?.f_sqrt()?)?;
            x.f_mul(&pixels(signal)?)?.f_add(&noise.f_mul(faces.epsilon)?)
        };
        let gamma = each(self.noisiest, |gamma| gamma)?;
        let first = noised(faces.x, &each(0.0, f32::sqrt)?, &gamma)?;
        let mean = unet.condition(&first, faces.x_d, &gamma, compute, true)?;
        let policy = pixels(&each(1.0, |_| 0.0)?)?;
        let base = faces.x.f_add(&mean.f_detach()?.f_sub(faces.x)?.f_mul(&policy)?)?;
        let gamma = each(self.gamma, |gamma| gamma)?;
        let x_t = noised(&base, &gamma.f_sqrt()?, &gamma)?;
        let heads = unet.heads(&x_t, &mean, &gamma, compute, true)?;
        Ok((mean, heads))
    }

    /// The discriminator's part of the run's state.
    pub fn state(&self) -> BTreeMap<String, Tensor> {
        self.discriminator.as_ref().map_or_else(BTreeMap::new, Discriminator::state)
    }

    /// Puts back what [`state`](Self::state) gave after `iterations` of the run.
    pub fn restore(&mut self, state: &BTreeMap<String, Tensor>, iterations: u64) -> Result<(), TchError> {
        let from = self.config.adversarial.as_ref().map_or(0, |term| term.from);
        match &mut self.discriminator {
            Some(discriminator) => discriminator.restore(state, iterations.saturating_sub(from)),
            None => Ok(()),
        }
    }
}

impl Window {
    fn of(self, pictures: &Tensor) -> Result<Tensor, TchError> {
        pictures.f_narrow(2, self.top, self.side)?.f_narrow(3, self.left, self.side)
    }

    /// What the perceptual network sees of what [`of`](Self::of) gave.
    fn enlarge(self, window: &Tensor) -> Result<Tensor, TchError> {
        if self.seen == self.side {
            return Ok(window.shallow_clone());
        }
        let from = (self.side - self.seen) / 2;
        let middle = window.f_narrow(2, from, self.seen)?.f_narrow(3, from, self.seen)?;
        middle.f_upsample_bilinear2d([self.side, self.side], false, None, None)
    }
}
