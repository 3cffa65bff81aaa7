// SPDX-License-Identifier: MIT OR Apache-2.0
//! AdamW (Loshchilov and Hutter 2019) and the moving average of the weights, with states that can be saved.

use std::collections::BTreeMap;

use tch::{TchError, Tensor};

use super::config::OptimiserConfig;

/// AdamW over named fp32 variables. tch's own optimisers cannot save their moments, which resuming needs.
pub struct AdamW {
    config: OptimiserConfig,
    slots: Vec<Slot>,
    steps: u64,
}

struct Slot {
    name: String,
    weight: Tensor,
    first: Tensor,
    second: Tensor,
}

impl AdamW {
    /// An optimiser of `variables` with zero moments.
    ///
    /// # Errors
    /// [`TchError`] when memory runs out.
    pub fn new(config: &OptimiserConfig, variables: BTreeMap<String, Tensor>) -> Result<Self, TchError> {
        let slots = variables
            .into_iter()
            .map(|(name, weight)| {
                let (first, second) = (weight.f_zeros_like()?, weight.f_zeros_like()?);
                Ok(Slot { name, first: first.f_detach()?, second: second.f_detach()?, weight })
            })
            .collect::<Result<_, TchError>>()?;
        Ok(Self { config: config.clone(), slots, steps: 0 })
    }

    /// The gradients at hand, in the order of the variables' names; to change them in place.
    #[must_use]
    pub fn gradients(&self) -> Vec<Tensor> {
        self.slots.iter().map(|slot| slot.weight.grad()).collect()
    }

    /// One step with the gradients at hand, which it clears. Returns the norm of the gradient before clipping; when
    /// that is not finite nothing is changed.
    ///
    /// # Errors
    /// [`TchError`].
    pub fn step(&mut self, learning_rate: f64) -> Result<f64, TchError> {
        tch::no_grad(|| {
            let gradients = self.gradients();
            let norms = gradients.iter().map(Tensor::f_norm).collect::<Result<Vec<_>, _>>()?;
            let norm = f64::try_from(&Tensor::f_stack(&norms, 0)?.f_norm()?)?;
            if norm.is_finite() {
                self.steps += 1;
                let scale = (self.config.clip_norm / (norm + 1e-6)).min(1.0);
                for (slot, gradient) in self.slots.iter_mut().zip(&gradients) {
                    update(slot, &gradient.f_mul_scalar(scale)?, &self.config, self.steps, learning_rate)?;
                }
            }
            for mut gradient in gradients {
                let _ = gradient.f_zero_()?;
            }
            Ok(norm)
        })
    }

    /// The moments by name: `first.NAME` and `second.NAME`, in the shape of the variable.
    #[must_use]
    pub fn moments(&self) -> BTreeMap<String, Tensor> {
        let pairs = self.slots.iter().flat_map(|slot| {
            [("first", &slot.first), ("second", &slot.second)]
                .map(|(moment, tensor)| (format!("{moment}.{}", slot.name), tensor.shallow_clone()))
        });
        pairs.collect()
    }

    /// Puts back what [`moments`](Self::moments) gave after `steps` steps.
    ///
    /// # Errors
    /// [`TchError`] when one is missing or of another shape.
    pub fn restore(&mut self, moments: &BTreeMap<String, Tensor>, steps: u64) -> Result<(), TchError> {
        let moment = |name: String| {
            moments
                .get(&name)
                .ok_or_else(|| TchError::FileFormat(format!("the optimiser's moment {name} is missing")))
        };
        for slot in &mut self.slots {
            slot.first.f_copy_(moment(format!("first.{}", slot.name))?)?;
            slot.second.f_copy_(moment(format!("second.{}", slot.name))?)?;
        }
        self.steps = steps;
        Ok(())
    }
}

fn update(
    slot: &mut Slot,
    gradient: &Tensor,
    config: &OptimiserConfig,
    steps: u64,
    learning_rate: f64,
) -> Result<(), TchError> {
    let [beta1, beta2] = config.betas;
    let correction = |beta: f64| 1.0 - beta.powi(steps.min(i32::MAX as u64) as i32);
    if config.weight_decay > 0.0 {
        let _ = slot.weight.f_mul_scalar_(1.0 - learning_rate * config.weight_decay)?;
    }
    let _ = slot.first.f_lerp_(gradient, 1.0 - beta1)?;
    let _ = slot.second.f_lerp_(&gradient.f_square()?, 1.0 - beta2)?;
    let denominator = slot.second.f_sqrt()?.f_div_scalar(correction(beta2).sqrt())?.f_add_scalar(1e-8)?;
    let step = slot.first.f_div(&denominator)?.f_mul_scalar(learning_rate / correction(beta1))?;
    let _ = slot.weight.f_sub_(&step)?;
    Ok(())
}

/// An exponential moving average of weights: what a run saves as its model.
pub struct MovingAverage {
    decay: f64,
    averages: BTreeMap<String, Tensor>,
}

impl MovingAverage {
    /// Starts at the present weights.
    ///
    /// # Errors
    /// [`TchError`].
    pub fn new(decay: f64, weights: &BTreeMap<String, Tensor>) -> Result<Self, TchError> {
        let averages = weights
            .iter()
            .map(|(name, weight)| Ok((name.clone(), weight.f_detach_copy()?)))
            .collect::<Result<_, TchError>>()?;
        Ok(Self { decay, averages })
    }

    /// Takes in the weights after iteration `step`, counted from 0. Early on the average is short,
    /// (1 + step)/(10 + step), so that it forgets the initial weights.
    ///
    /// # Errors
    /// [`TchError`].
    pub fn update(&mut self, step: u64, weights: &BTreeMap<String, Tensor>) -> Result<(), TchError> {
        let step = step as f64;
        let decay = self.decay.min((1.0 + step) / (10.0 + step));
        tch::no_grad(|| {
            for (name, average) in &mut self.averages {
                if let Some(weight) = weights.get(name) {
                    let _ = average.f_lerp_(weight, 1.0 - decay)?;
                }
            }
            Ok(())
        })
    }

    /// The averaged weights by name.
    pub fn weights(&self) -> &BTreeMap<String, Tensor> {
        &self.averages
    }
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;

    /// The recurrence of the paper (Algorithm 2) written out with scalars.
    #[test]
    fn adamw_follows_its_recurrence() {
        let config = OptimiserConfig {
            weight_decay: 0.1,
            betas: [0.9, 0.99],
            clip_norm: 1e9,
            ..OptimiserConfig::default()
        };
        let weight = Tensor::from_slice(&[1.0_f32]).set_requires_grad(true);
        let mut optimiser =
            AdamW::new(&config, BTreeMap::from([("w".to_owned(), weight.shallow_clone())])).unwrap();
        let (mut theta, mut first, mut second) = (1.0_f64, 0.0_f64, 0.0_f64);
        for step in 1..=20 {
            // d/dw of 0.5 (w − 3)²
            let loss = (&weight - 3.0).square().sum(Kind::Float) * 0.5;
            loss.backward();
            optimiser.step(0.05).unwrap();
            let gradient = theta - 3.0;
            theta *= 1.0 - 0.05 * 0.1;
            first = 0.9 * first + 0.1 * gradient;
            second = 0.99 * second + 0.01 * gradient * gradient;
            let bias = |beta: f64| 1.0 - beta.powi(step);
            theta -= 0.05 * (first / bias(0.9)) / ((second / bias(0.99)).sqrt() + 1e-8);
            assert!((weight.double_value(&[0]) - theta).abs() < 1e-5, "step {step}");
        }
    }

    #[test]
    fn clipping_bounds_the_gradient_and_a_nan_changes_nothing() {
        let config = OptimiserConfig { clip_norm: 1.0, betas: [0.0, 0.0], ..OptimiserConfig::default() };
        let weight = Tensor::zeros([4], (Kind::Float, Device::Cpu)).set_requires_grad(true);
        let variables = BTreeMap::from([("w".to_owned(), weight.shallow_clone())]);
        let mut optimiser = AdamW::new(&config, variables).unwrap();
        (weight.sum(Kind::Float) * 100.0).backward();
        assert!((optimiser.step(0.1).unwrap() - 200.0).abs() < 1e-3);
        assert_eq!(f64::try_from(weight.grad().sum(Kind::Double)).unwrap(), 0.0, "gradients are cleared");
        let before = weight.detach_copy();
        (weight.sum(Kind::Float) * f64::NAN).backward();
        assert!(optimiser.step(0.1).unwrap().is_nan());
        assert!(weight.equal(&before));
    }

    #[test]
    fn moments_survive_saving() {
        let make = |start: f32| {
            let weight = Tensor::from_slice(&[start]).set_requires_grad(true);
            let variables = BTreeMap::from([("w".to_owned(), weight.shallow_clone())]);
            (AdamW::new(&OptimiserConfig::default(), variables).unwrap(), weight)
        };
        let train = |(optimiser, weight): &mut (AdamW, Tensor)| {
            (&*weight - 3.0).square().sum(Kind::Float).backward();
            optimiser.step(0.1).unwrap();
        };
        let mut whole = make(1.0);
        for _ in 0..3 {
            train(&mut whole);
        }
        let mut resumed = make(whole.1.double_value(&[0]) as f32);
        resumed.0.restore(&whole.0.moments(), 3).unwrap();
        train(&mut whole);
        train(&mut resumed);
        assert_eq!(whole.1.double_value(&[0]), resumed.1.double_value(&[0]));
        assert!(resumed.0.restore(&BTreeMap::new(), 3).is_err());
    }

    #[test]
    fn the_average_warms_up_then_decays() {
        let weight = Tensor::from_slice(&[0.0_f32]);
        let mut weights = BTreeMap::from([("w".to_owned(), weight)]);
        let mut average = MovingAverage::new(0.5, &weights).unwrap();
        weights.insert("w".to_owned(), Tensor::from_slice(&[1.0_f32]));
        // step 0: decay 1/10, so 0.9 of the new value
        average.update(0, &weights).unwrap();
        assert!((average.weights()["w"].double_value(&[0]) - 0.9).abs() < 1e-6);
        average.update(1000, &weights).unwrap();
        assert!((average.weights()["w"].double_value(&[0]) - 0.95).abs() < 1e-6);
    }
}
