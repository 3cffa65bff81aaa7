// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sampler steps against closed forms of the diffusion process.

use restore_core::{NoiseSchedule, Prediction, Sampler, ScheduleKind, seeded_noise};
use tch::{Device, Kind, Tensor};

fn schedule() -> NoiseSchedule {
    NoiseSchedule::new(ScheduleKind::Linear, 1000).unwrap()
}

fn largest_difference(a: &Tensor, b: &Tensor) -> f64 {
    (a - b).abs().max().double_value(&[])
}

/// Standard normal values, 3·`side`² of them. Not from libtorch's generator, which is global and which the tests that run
/// beside this one seed anew.
fn noise(draw: u64, side: u32) -> Tensor {
    seeded_noise(3, draw, side).unwrap().view([-1]).to_kind(Kind::Double)
}

/// Clean values inside (-1, 1), noise, and x_t by Eq. 5, in doubles.
fn forward_process(side: u32, gamma: f64) -> (Tensor, Tensor, Tensor) {
    let epsilon = noise(0, side);
    let x0 = (Tensor::arange(epsilon.numel() as i64, (Kind::Double, Device::Cpu)) * 1.7).sin() * 0.9;
    let x_t = &x0 * gamma.sqrt() + &epsilon * (1.0 - gamma).sqrt();
    (x0, epsilon, x_t)
}

#[test]
fn epsilon_and_x0_give_the_same_step_and_it_is_equation_8() {
    let levels = schedule().respaced(10, 1.0).unwrap();
    for pair in levels.windows(2) {
        let (gamma, next) = (pair[0], pair[1]);
        let (x0, epsilon, x_t) = forward_process(20, gamma);
        let noise = noise(1, 20);
        for sampler in [Sampler::Ddpm, Sampler::Ddim] {
            let by_x0 = sampler.step(Prediction::X0, &x_t, &x0, gamma, next, Some(&noise)).unwrap();
            let by_epsilon =
                sampler.step(Prediction::Epsilon, &x_t, &epsilon, gamma, next, Some(&noise)).unwrap();
            assert!(largest_difference(&by_x0, &by_epsilon) < 1e-9, "{sampler} at γ {gamma}");
        }
        if next < 1.0 {
            let mean = Sampler::Ddpm.step(Prediction::X0, &x_t, &x0, gamma, next, None).unwrap();
            let alpha = gamma / next;
            let printed = (&x_t - &epsilon * ((1.0 - alpha) / (1.0 - gamma).sqrt())) / alpha.sqrt();
            assert!(largest_difference(&mean, &printed) < 1e-9, "Eq. 8 at γ {gamma}");
        }
    }
}

/// With the true x0, ancestral steps must carry q(x_t | x0) into q(x_s | x0): mean √γ_s x0, variance 1 − γ_s.
#[test]
fn ddpm_keeps_the_marginals() {
    let side = 366;
    let count = 3 * side * side;
    for (gamma, next) in [(4e-5, 0.08), (0.08, 0.5), (0.5, 0.9), (0.9, 0.99)] {
        let (x0, _, x_t) = forward_process(side, gamma);
        let noise = noise(1, side);
        let x_s = Sampler::Ddpm.step(Prediction::X0, &x_t, &x0, gamma, next, Some(&noise)).unwrap();
        let rest: Tensor = x_s - &x0 * f64::sqrt(next);
        let (mean, variance) =
            (rest.mean(Kind::Double).double_value(&[]), rest.square().mean(Kind::Double).double_value(&[]));
        // Five standard errors of the mean and of the variance.
        let slack = 5.0 / f64::from(count).sqrt();
        assert!(mean.abs() < slack * (1.0 - next).sqrt(), "mean {mean} at γ {next}");
        assert!(
            (variance / (1.0 - next) - 1.0).abs() < slack * f64::sqrt(2.0),
            "variance {variance} at γ {next}"
        );
        let correlation = (&rest * &x0).mean(Kind::Double).double_value(&[]);
        assert!(correlation.abs() < slack, "the noise is not independent of x0: {correlation}");
    }
}

/// With the true x0, DDIM moves along the line through x0 and ε.
#[test]
fn ddim_keeps_the_noise() {
    let levels = schedule().respaced(4, 1.0).unwrap();
    let (x0, epsilon, mut x_t) = forward_process(20, levels[0]);
    for pair in levels.windows(2) {
        x_t = Sampler::Ddim.step(Prediction::X0, &x_t, &x0, pair[0], pair[1], None).unwrap();
        let expected = &x0 * pair[1].sqrt() + &epsilon * (1.0 - pair[1]).sqrt();
        assert!(largest_difference(&x_t, &expected) < 1e-9, "at γ {}", pair[1]);
    }
}

#[test]
fn any_number_of_steps_ends_at_the_predicted_face_clipped() {
    for steps in [1, 2, 3, 10, 1000] {
        for sampler in [Sampler::Ddpm, Sampler::Ddim] {
            let levels = schedule().respaced(steps, 1.0).unwrap();
            let (x0, _, mut x_t) = forward_process(4, levels[0]);
            let outside = &x0 * 3.0;
            for pair in levels.windows(2) {
                let noise = noise(1, 4);
                x_t = sampler.step(Prediction::X0, &x_t, &outside, pair[0], pair[1], Some(&noise)).unwrap();
            }
            assert!(x_t.equal(&outside.clamp(-1.0, 1.0)), "{sampler}, {steps} steps");
        }
    }
}

#[test]
fn samplers_are_named() {
    assert_eq!("ddim".parse::<Sampler>().unwrap(), Sampler::Ddim);
    let error = "euler".parse::<Sampler>().unwrap_err().to_string();
    assert!(error.contains("\"euler\"") && error.contains("ddpm, ddim"), "{error}");
}
