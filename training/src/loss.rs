//! The training loss: |f − x|^p of Eq. 6 and 7, and a term of ours that compares edges.

use restore_core::RestoreError;
use tch::{Kind, Tensor};

use crate::config::{Loss, RunConfig};

/// The mean over `[N, 3, S, S]` of |output − target|^p, plus `run.gradient_weight` times the mean absolute difference of
/// the two pictures' gradients (forward differences in x and y, both directions added). A blurred edge costs little in
/// the first and much in the second.
///
/// # Errors
/// [`RestoreError::Torch`] when the shapes differ.
pub fn loss(output: &Tensor, target: &Tensor, run: &RunConfig) -> Result<Tensor, RestoreError> {
    let error = output.f_sub(target)?;
    let distance = match run.loss {
        Loss::L1 => error.f_abs()?,
        Loss::L2 => error.f_square()?,
    };
    let mut loss = distance.f_mean(Kind::Float)?;
    if run.gradient_weight > 0.0 {
        for axis in [2, 3] {
            let steps = error.size()[axis as usize] - 1;
            let gradient = error.f_narrow(axis, 1, steps)?.f_sub(&error.f_narrow(axis, 0, steps)?)?;
            loss = loss.f_add(&gradient.f_abs()?.f_mean(Kind::Float)?.f_mul_scalar(run.gradient_weight)?)?;
        }
    }
    Ok(loss)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(loss: &str, gradient_weight: f64) -> RunConfig {
        let text =
            format!("iterations = 1\nbatch = 1\nloss = \"{loss}\"\ngradient_weight = {gradient_weight:?}");
        toml::from_str(&text).unwrap()
    }

    fn value(output: &Tensor, target: &Tensor, run: &RunConfig) -> f64 {
        f64::try_from(loss(output, target, run).unwrap()).unwrap()
    }

    /// An error that is 0.5 in the right half of 4×4 pixels: its mean is 0.25, and a third of its horizontal differences
    /// are 0.5.
    #[test]
    fn an_edge_in_the_wrong_place_costs_its_height() {
        let target = Tensor::zeros([1, 3, 4, 4], (Kind::Float, tch::Device::Cpu));
        let output = target.copy();
        let _ = output.narrow(3, 2, 2).fill_(0.5);
        for (p, distance) in [("l1", 0.25), ("l2", 0.125)] {
            assert!((value(&output, &target, &run(p, 0.0)) - distance).abs() < 1e-7);
            assert!((value(&output, &target, &run(p, 2.0)) - distance - 2.0 * 0.5 / 3.0).abs() < 1e-7);
            // The same edge, upright.
            let (output, target) = (output.transpose(2, 3), target.transpose(2, 3));
            assert!((value(&output, &target, &run(p, 2.0)) - distance - 2.0 * 0.5 / 3.0).abs() < 1e-7);
        }
    }

    /// Another brightness moves no edge.
    #[test]
    fn a_constant_error_has_no_gradient() {
        let target = Tensor::rand([2, 3, 8, 8], (Kind::Float, tch::Device::Cpu));
        let output = &target + 0.25;
        assert!((value(&output, &target, &run("l1", 3.0)) - 0.25).abs() < 1e-5);
    }
}
