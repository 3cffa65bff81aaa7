// SPDX-License-Identifier: MIT OR Apache-2.0
//! The reverse process (Eq. 8): DDPM ancestral and DDIM steps on a respaced schedule.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::{RestoreError, named_choice};

/// What the network predicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Prediction {
    /// The clean face itself (Eq. 7).
    X0,
    /// The noise (Eq. 6).
    Epsilon,
}

named_choice! {
    /// How one step of the reverse process is taken.
    pub enum Sampler ("sampler") {
        /// Ancestral sampling: a fresh draw of noise in every step but the last (Ho et al. 2020).
        Ddpm = "ddpm",
        /// DDIM with η = 0: noise only at the start (Song et al. 2020).
        Ddim = "ddim",
    }
}

/// How a face is drawn from the model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Sampling {
    /// The reverse process (Eq. 8) in so many steps.
    Steps {
        /// Number of steps.
        steps: usize,
        /// How each is taken.
        sampler: Sampler,
    },
    /// The mean once, the detail once: the coarse network corrects x_d to x̂ (x_d itself where there is none), then one pass of
    /// the network at x_t = √γ x̂ + √(1−γ) ε gives the mean of what the face may have been, by its first head, and a sharp
    /// face by its second. It was trained on exactly this x_t, where the second step of [`Steps`](Self::Steps)
    /// sees its own soft answer after training on the truth (PMRF, Ohayon et al. 2024, and ELIR start from the mean likewise).
    MeanDetail {
        /// γ of x_t.
        gamma: f64,
    },
}

impl Prediction {
    /// The clean face that a network output stands for: itself, or (x_t − √(1−γ) ε) / √γ. Not clipped.
    fn to_x0(self, output: &Tensor, x_t: &Tensor, gamma: f64) -> Result<Tensor, RestoreError> {
        Ok(match self {
            Self::X0 => output.shallow_clone(),
            Self::Epsilon => {
                x_t.f_sub(&output.f_mul_scalar((1.0 - gamma).sqrt())?)?.f_div_scalar(gamma.sqrt())?
            }
        })
    }
}

impl Sampler {
    /// The loop of Eq. 8 from `x_t` over the noise levels γ = `levels`, noisiest first, then 1. `denoise` is the network's output
    /// at x_t and γ, `noise` the draw of a number, from 1 on, of the shape of `x_t`.
    ///
    /// # Errors
    /// Those of `denoise` and `noise`, [`RestoreError::Torch`].
    pub fn run(
        self,
        prediction: Prediction,
        mut x_t: Tensor,
        levels: &[f64],
        mut denoise: impl FnMut(&Tensor, f64) -> Result<Tensor, RestoreError>,
        mut noise: impl FnMut(u64) -> Result<Tensor, RestoreError>,
    ) -> Result<Tensor, RestoreError> {
        for (draw, pair) in (1_u64..).zip(levels.windows(2)) {
            let (gamma, next) = (pair[0], pair[1]);
            let output = denoise(&x_t, gamma)?;
            let noise = if self == Self::Ddpm && next < 1.0 { Some(noise(draw)?) } else { None };
            x_t = self.step(prediction, &x_t, &output, gamma, next, noise.as_ref())?;
        }
        Ok(x_t)
    }

    /// One step from `x_t` at noise level γ_t = `gamma` to the less noisy level γ_s = `next`.
    ///
    /// `output` is what the network made of `x_t`; `noise` is standard normal, used by [`Sampler::Ddpm`] alone and
    /// not in the last step (`next` = 1), whose result is the predicted face clipped to [-1, 1].
    ///
    /// DDPM draws from the posterior q(x_s | x_t, x0): mean
    /// √γ_s (1−α)/(1−γ_t) x0 + √α (1−γ_s)/(1−γ_t) x_t with α = γ_t/γ_s, which for ε is Eq. 8's
    /// (x_t − (1−α)/√(1−γ_t) ε)/√α, the same number. The variance is the posterior's (1−γ_s)/(1−γ_t) (1−α) for both;
    /// Eq. 8 prints 1−α, DDPM's other choice, whose excess noise is harmless over 1000 steps and not over 10: it is
    /// what makes few steps collapse. x0 is clipped to [-1, 1] under both parameterisations, as DDPM does.
    ///
    /// # Errors
    /// [`RestoreError::Torch`].
    pub fn step(
        self,
        prediction: Prediction,
        x_t: &Tensor,
        output: &Tensor,
        gamma: f64,
        next: f64,
        noise: Option<&Tensor>,
    ) -> Result<Tensor, RestoreError> {
        let x0 = prediction.to_x0(output, x_t, gamma)?.f_clamp(-1.0, 1.0)?;
        if next >= 1.0 {
            return Ok(x0);
        }
        match self {
            Self::Ddpm => {
                let alpha = gamma / next;
                let from_x0 = next.sqrt() * (1.0 - alpha) / (1.0 - gamma);
                let from_x_t = alpha.sqrt() * (1.0 - next) / (1.0 - gamma);
                let deviation = ((1.0 - next) / (1.0 - gamma) * (1.0 - alpha)).sqrt();
                let mean = x0.f_mul_scalar(from_x0)?.f_add(&x_t.f_mul_scalar(from_x_t)?)?;
                match noise {
                    Some(noise) => Ok(mean.f_add(&noise.f_mul_scalar(deviation)?)?),
                    None => Ok(mean),
                }
            }
            Self::Ddim => {
                let epsilon =
                    x_t.f_sub(&x0.f_mul_scalar(gamma.sqrt())?)?.f_div_scalar((1.0 - gamma).sqrt())?;
                Ok(x0.f_mul_scalar(next.sqrt())?.f_add(&epsilon.f_mul_scalar((1.0 - next).sqrt())?)?)
            }
        }
    }
}
