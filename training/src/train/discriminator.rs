// SPDX-License-Identifier: MIT OR Apache-2.0
//! The discriminator of the adversarial term: a small patch network with spectral norm, its optimiser and its state.

use std::collections::BTreeMap;

use tch::{Device, Kind, TchError, Tensor, nn};

use super::config::{AdversarialConfig, OptimiserConfig};
use super::optimiser::AdamW;

/// Input channels: the picture and the mean x̂ that it was drawn around, RGB each.
const INPUT: i64 = 6;
/// Slope of the leaky ReLU on the negative side, as Real-ESRGAN's.
const SLOPE: f64 = 0.2;

/// Says of each place of a picture whether it looks real beside x̂: four convolutions, the first two of stride 2, so that each
/// output judges 26×26 pixels. Every weight is divided by its largest singular value (Miyato et al. 2018), of which one step
/// of power iteration an update keeps count.
pub(super) struct Discriminator {
    layers: Vec<Layer>,
    optimiser: AdamW,
    learning_rate: f64,
    variables: nn::VarStore,
}

struct Layer {
    name: String,
    weight: Tensor,
    bias: Tensor,
    /// The left singular vector of the largest singular value, as far as it is known; of length 1.
    direction: Tensor,
    stride: i64,
}

impl Discriminator {
    /// Fresh weights from libtorch's generator.
    pub fn new(config: &AdversarialConfig, clip_norm: f64, device: Device) -> Result<Self, TchError> {
        let variables = nn::VarStore::new(device);
        let width = config.channels;
        let shapes = [
            (INPUT, width, 4, 2),
            (width, 2 * width, 4, 2),
            (2 * width, 4 * width, 3, 1),
            (4 * width, 1, 3, 1),
        ];
        let layers = shapes.into_iter().enumerate().map(|(index, (input, output, kernel, stride))| {
            let name = format!("layer{index}");
            let path = variables.root() / &name;
            let bound = 1.0 / ((input * kernel * kernel) as f64).sqrt();
            let init = nn::Init::Uniform { lo: -bound, up: bound };
            let direction = Tensor::f_randn([output], (Kind::Float, device))?;
            let length = direction.f_norm()?;
            Ok(Layer {
                weight: path.f_var("weight", &[output, input, kernel, kernel], init)?,
                bias: path.f_zeros("bias", &[output])?,
                direction: direction.f_div(&length)?,
                name,
                stride,
            })
        });
        let layers = layers.collect::<Result<Vec<_>, TchError>>()?;
        let options = OptimiserConfig {
            learning_rate: config.learning_rate,
            betas: config.betas,
            clip_norm,
            ..OptimiserConfig::default()
        };
        let optimiser = AdamW::new(&options, variables.variables().into_iter().collect())?;
        let discriminator = Self { layers, optimiser, learning_rate: config.learning_rate, variables };
        // So that there are gradients to average and to step by, even of a step without a sample.
        discriminator.nothing()?.f_backward()?;
        Ok(discriminator)
    }

    /// How real `pictures` look beside `means`, both `[N, 3, H, W]` in [-1, 1]: logits `[N, 1, H', W']`, fp32. Gradients
    /// reach the discriminator's weights unless they are `frozen`, and the pictures always.
    pub fn forward(
        &self,
        pictures: &Tensor,
        means: &Tensor,
        compute: Kind,
        frozen: bool,
    ) -> Result<Tensor, TchError> {
        let mut h = Tensor::f_cat(&[pictures, means], 1)?.f_to_kind(compute)?;
        let last = self.layers.len() - 1;
        for (index, layer) in self.layers.iter().enumerate() {
            let (weight, bias) = layer.normalised(frozen)?;
            let (weight, bias) = (weight.f_to_kind(compute)?, bias.f_to_kind(compute)?);
            h = h.f_conv2d(&weight, Some(&bias), [layer.stride; 2], [1, 1], [1, 1], 1)?;
            if index < last {
                h = h.f_maximum(&h.f_mul_scalar(SLOPE)?)?;
            }
        }
        h.f_to_kind(Kind::Float)
    }

    /// One step of power iteration for each layer, before the passes of an update.
    pub fn follow_weights(&mut self) -> Result<(), TchError> {
        self.layers.iter_mut().try_for_each(Layer::follow_weight)
    }

    /// The gradients at hand, to be averaged over processes in place.
    pub fn gradients(&self) -> Vec<Tensor> {
        self.optimiser.gradients()
    }

    /// One step with the gradients at hand, which it clears; the norm of the gradient.
    pub fn step(&mut self) -> Result<f64, TchError> {
        self.optimiser.step(self.learning_rate)
    }

    /// Everything that [`restore`](Self::restore) needs, by name.
    pub fn state(&self) -> BTreeMap<String, Tensor> {
        let weights = self.variables.variables().into_iter();
        let weights = weights.map(|(name, weight)| (format!("weights.{name}"), weight));
        let directions = self
            .layers
            .iter()
            .map(|layer| (format!("direction.{}", layer.name), layer.direction.shallow_clone()));
        let moments = self.optimiser.moments().into_iter();
        let moments = moments.map(|(name, moment)| (format!("optimiser.{name}"), moment));
        weights.chain(directions).chain(moments).collect()
    }

    /// Puts back what [`state`](Self::state) gave after `steps` steps.
    ///
    /// # Errors
    /// [`TchError`] when something is missing or of another shape.
    pub fn restore(&mut self, state: &BTreeMap<String, Tensor>, steps: u64) -> Result<(), TchError> {
        let part = |name: &str| {
            state
                .get(name)
                .ok_or_else(|| TchError::FileFormat(format!("the discriminator's {name} is missing")))
        };
        tch::no_grad(|| -> Result<(), TchError> {
            for (name, mut weight) in self.variables.variables() {
                weight.f_copy_(part(&format!("weights.{name}"))?)?;
            }
            for layer in &mut self.layers {
                layer.direction.f_copy_(part(&format!("direction.{}", layer.name))?)?;
            }
            Ok(())
        })?;
        let moments = state.iter().filter_map(|(name, tensor)| {
            Some((name.strip_prefix("optimiser.")?.to_owned(), tensor.shallow_clone()))
        });
        self.optimiser.restore(&moments.collect(), steps)
    }

    /// 0, with a gradient of 0 for each weight.
    fn nothing(&self) -> Result<Tensor, TchError> {
        let mut sum = Tensor::f_zeros([], (Kind::Float, self.variables.device()))?;
        for weight in self.variables.variables().into_values() {
            sum = sum.f_add(&weight.f_sum(Kind::Float)?.f_mul_scalar(0.0)?)?;
        }
        Ok(sum)
    }
}

impl Layer {
    /// The weight over its largest singular value, and the bias.
    fn normalised(&self, frozen: bool) -> Result<(Tensor, Tensor), TchError> {
        let weight = if frozen { self.weight.f_detach()? } else { self.weight.shallow_clone() };
        let bias = if frozen { self.bias.f_detach()? } else { self.bias.shallow_clone() };
        let matrix = weight.f_flatten(1, -1)?;
        let right = tch::no_grad(|| -> Result<Tensor, TchError> {
            let right = matrix.f_tr()?.f_mv(&self.direction)?;
            right.f_div(&right.f_norm()?)
        })?;
        let largest = matrix.f_mv(&right)?.f_dot(&self.direction)?;
        Ok((weight.f_div(&largest)?, bias))
    }

    fn follow_weight(&mut self) -> Result<(), TchError> {
        tch::no_grad(|| {
            let matrix = self.weight.f_flatten(1, -1)?;
            let right = matrix.f_tr()?.f_mv(&self.direction)?;
            let left = matrix.f_mv(&right)?;
            let length = left.f_norm()?;
            self.direction.f_copy_(&left.f_div(&length)?)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After some steps of power iteration the weight that is used has the largest singular value 1, by libtorch's own SVD.
    #[test]
    fn a_weight_is_divided_by_its_largest_singular_value() {
        tch::manual_seed(5);
        let config = AdversarialConfig { channels: 8, ..AdversarialConfig::default() };
        let mut discriminator = Discriminator::new(&config, 1.0, Device::Cpu).unwrap();
        for _ in 0..200 {
            discriminator.follow_weights().unwrap();
        }
        for layer in &discriminator.layers {
            let (weight, _) = layer.normalised(true).unwrap();
            let (_, values, _) = weight.flatten(1, -1).svd(true, false);
            let largest = values.max().double_value(&[]);
            assert!((largest - 1.0).abs() < 1e-3, "{}: {largest}", layer.name);
        }
    }

    /// It learns to tell noise from grey, and a frozen pass leaves no gradient.
    #[test]
    fn it_learns_what_is_real() {
        tch::manual_seed(1);
        let config = AdversarialConfig { channels: 8, learning_rate: 1e-2, ..AdversarialConfig::default() };
        let mut discriminator = Discriminator::new(&config, 1.0, Device::Cpu).unwrap();
        let options = (Kind::Float, Device::Cpu);
        let (real, fake, mean) = (
            Tensor::randn([4, 3, 32, 32], options),
            Tensor::zeros([4, 3, 32, 32], options),
            Tensor::zeros([4, 3, 32, 32], options),
        );
        let logit = |discriminator: &Discriminator, x: &Tensor| {
            discriminator.forward(x, &mean, Kind::Float, false).unwrap().mean(Kind::Float)
        };
        for _ in 0..60 {
            discriminator.follow_weights().unwrap();
            let loss =
                logit(&discriminator, &real).neg().softplus() + logit(&discriminator, &fake).softplus();
            loss.backward();
            discriminator.step().unwrap();
        }
        let (real, fake) = (logit(&discriminator, &real), logit(&discriminator, &fake));
        assert!(real.double_value(&[]) > fake.double_value(&[]) + 0.5, "{real} {fake}");

        let input = mean.copy().set_requires_grad(true);
        discriminator.forward(&input, &mean, Kind::Float, true).unwrap().sum(Kind::Float).backward();
        assert!(input.grad().abs().sum(Kind::Float).double_value(&[]) > 0.0);
        assert!(
            discriminator.gradients().iter().all(|gradient| gradient.abs().max().double_value(&[]) == 0.0)
        );
    }
}
