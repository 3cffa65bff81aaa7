// SPDX-License-Identifier: MIT OR Apache-2.0
//! The mean once, the detail once: against the network itself, and its knob.

mod common;

use std::path::Path;

use common::{small_model, wave};
use restore_core::{
    Checkpoint, DeviceChoice, DiffusionOptions, DiffusionRestorer, NoiseSchedule, Precision, RestoreOptions,
    Restorer, Sampler, Sampling, UNet, UNetConfig, seeded_noise,
};
use tch::{Device, Kind, Tensor, nn};

const GAMMA: f64 = 0.956;

/// The small model with a coarse network and a detail head, none of its weights zero.
fn model() -> Checkpoint {
    let mut model = small_model().with_coarse(small_model()).with_detail_head(0).unwrap();
    model.config.inference.detail_gamma = Some(GAMMA);
    for (name, weight) in &mut model.weights {
        if name.starts_with("sharp.") {
            *weight = wave(&weight.size(), 0.9, 0.3) * 0.2;
        }
    }
    model.config.validate().unwrap();
    model
}

fn options() -> DiffusionOptions {
    DiffusionOptions {
        device: DeviceChoice::Cpu,
        precision: Some(Precision::Fp32),
        ..DiffusionOptions::default()
    }
}

fn restorer(options: &DiffusionOptions) -> DiffusionRestorer {
    DiffusionRestorer::new(&model(), Path::new("small"), options).unwrap()
}

fn faces() -> Tensor {
    wave(&[2, 3, 32, 32], 0.731, 0.0) * 0.5
}

fn with_detail(restorer: &DiffusionRestorer, detail: f64) -> Tensor {
    let options = RestoreOptions { detail: Some(detail), ..RestoreOptions::default() };
    restorer.restore_with(&faces(), &[3, 4], &options).unwrap()
}

/// x̂ by the coarse network from pure noise at γ_T, x_t = √γ x̂ + √(1−γ) ε, then both heads: put together from the network's
/// parts.
#[test]
fn it_is_one_pass_of_each_network() {
    let checkpoint = model();
    let variables = nn::VarStore::new(Device::Cpu);
    let unet = UNet::new(&variables.root(), &checkpoint.config.unet).unwrap();
    checkpoint.copy_to(Path::new("small"), &variables).unwrap();

    let x_d = faces();
    let noise = Tensor::stack(&[seeded_noise(3, 0, 32).unwrap(), seeded_noise(4, 0, 32).unwrap()], 0);
    let diffusion = &checkpoint.config.diffusion;
    let last = NoiseSchedule::new(diffusion.schedule, diffusion.timesteps).unwrap().gamma(1000);
    let gamma = |gamma: f64| Tensor::from_slice(&[gamma as f32, gamma as f32]);
    let (mean, heads) = tch::no_grad(|| {
        let mean = unet.condition(&noise, &x_d, &gamma(last), Kind::Float, false).unwrap();
        let x_t = &mean * GAMMA.sqrt() + &noise * (1.0 - GAMMA).sqrt();
        let heads = unet.heads(&x_t, &mean, &gamma(GAMMA), Kind::Float, false).unwrap();
        (mean, heads)
    });
    assert!((&mean - &x_d).abs().max().double_value(&[]) > 1e-3, "the coarse network corrects nothing");
    assert!((&heads.prediction - &mean).abs().max().double_value(&[]) > 1e-3);
    let restorer = restorer(&options());
    assert_eq!(restorer.sampling(), Sampling::MeanDetail { gamma: GAMMA });
    for detail in [0.0, 0.25, 1.0] {
        let expected =
            (&heads.prediction * (1.0 - detail) + heads.sharp.as_ref().unwrap() * detail).clamp(-1.0, 1.0);
        let error = (with_detail(&restorer, detail) - expected).abs().max().double_value(&[]);
        assert!(error < 1e-5, "detail {detail}: off by {error}");
    }
}

#[test]
fn the_knob_goes_from_the_mean_to_the_sample_without_a_step_back() {
    let mut restorer = restorer(&options());
    let (mean, sample) = (with_detail(&restorer, 0.0), with_detail(&restorer, 1.0));
    assert!(sample.equal(&restorer.restore(&faces(), &[3, 4]).unwrap()), "all of it unless told otherwise");
    let mut before = mean.shallow_clone();
    for step in 1..=10 {
        let now = with_detail(&restorer, f64::from(step) / 10.0);
        // Away from the mean and towards the sample, in each pixel.
        let away = (&now - &mean).abs().ge_tensor(&(&before - &mean).abs()).all();
        let towards = (&now - &sample).abs().le_tensor(&((&before - &sample).abs() + 1e-6)).all();
        assert!(bool::try_from(away).unwrap() && bool::try_from(towards).unwrap(), "step {step}");
        assert!(!now.equal(&before));
        before = now;
    }
    assert!(before.equal(&sample));
    restorer.set_detail(0.0);
    assert!(mean.equal(&restorer.restore(&faces(), &[3, 4]).unwrap()));
}

/// Steps or a sampler that are asked for are taken as ever, by the prediction alone: the detail is of no effect.
#[test]
fn plain_steps_know_no_detail() {
    let once = restorer(&options());
    let mut results = vec![with_detail(&once, 0.0), with_detail(&once, 1.0)];
    for (steps, sampler) in [(Some(4), None), (None, Some(Sampler::Ddim)), (Some(1), Some(Sampler::Ddpm))] {
        let restorer = restorer(&DiffusionOptions { steps, sampler, ..options() });
        let (steps, own) = (steps.unwrap_or(2), sampler.unwrap_or(Sampler::Ddpm));
        assert_eq!(restorer.sampling(), Sampling::Steps { steps, sampler: own });
        let restored = restorer.restore(&faces(), &[3, 4]).unwrap();
        assert!(with_detail(&restorer, 0.3).equal(&restored));
        assert!(!results.iter().any(|other| other.equal(&restored)), "{steps:?} {sampler:?}");
        results.push(restored);
    }
}

/// The head that a model gets begins as nothing, and what does not fit together is refused by name.
#[test]
fn a_fresh_head_changes_nothing_and_configurations_are_checked() {
    let mut fresh = small_model().with_detail_head(0).unwrap();
    fresh.config.inference.detail_gamma = Some(GAMMA);
    let fresh = DiffusionRestorer::new(&fresh, Path::new("fresh"), &options()).unwrap();
    assert!(with_detail(&fresh, 0.0).equal(&with_detail(&fresh, 1.0)));

    let mut broken = model().config;
    broken.inference.detail_gamma = Some(1.0);
    assert!(broken.validate().unwrap_err().to_string().contains("inference.detail_gamma is 1"));
    broken.inference.detail_gamma = None;
    assert!(broken.validate().unwrap_err().to_string().contains("unet.detail_head needs"));
    let mut headless = small_model().config;
    headless.inference.detail_gamma = Some(GAMMA);
    assert!(headless.validate().unwrap_err().to_string().contains("for a network with unet.detail_head"));
    let mut nested = model().config.unet;
    nested.coarse = Some(Box::new(UNetConfig { detail_head: true, ..small_model().config.unet }));
    assert!(nested.validate().unwrap_err().to_string().contains("unet.coarse has a detail head"));
    // Old files say nothing of it and read as they did.
    let text = serde_json::to_string(&small_model().config).unwrap();
    assert!(!text.contains("detail"));
}

/// A branch begins as nothing, and whatever it learns the mean stays as it is: the values, and the gradient of the mean's own filters.
#[test]
fn a_branch_adds_to_the_sharp_face_and_leaves_the_mean_alone() {
    let plain = small_model().with_coarse(small_model());
    let mut model = plain.with_detail_head(8).unwrap();
    model.config.inference.detail_gamma = Some(GAMMA);
    model.config.validate().unwrap();
    let restorer =
        |model: &Checkpoint| DiffusionRestorer::new(model, Path::new("branch"), &options()).unwrap();
    let mean = with_detail(&restorer(&model), 0.0);
    assert!(mean.equal(&with_detail(&restorer(&model), 1.0)));

    let mut branch: Vec<_> =
        model.weights.iter_mut().filter(|(name, _)| name.starts_with("branch.")).collect();
    assert_eq!(
        branch.len(),
        2 * (3 + 2 * 2),
        "weights and biases of three convolutions and two blocks of two"
    );
    for (index, (_, weight)) in branch.iter_mut().enumerate() {
        **weight = wave(&weight.size(), 0.9, index as f64) * 0.2;
    }
    let drawn = restorer(&model);
    assert!(mean.equal(&with_detail(&drawn, 0.0)));
    assert!((with_detail(&drawn, 1.0) - &mean).abs().mean(Kind::Float).double_value(&[]) > 1e-3);

    // Saved and read, it draws the same.
    let file = tempfile::NamedTempFile::new().unwrap();
    model.save(file.path(), Kind::Float).unwrap();
    let read = restorer(&Checkpoint::open(file.path()).unwrap());
    assert!(with_detail(&read, 1.0).equal(&with_detail(&drawn, 1.0)));

    let variables = nn::VarStore::new(Device::Cpu);
    let unet = UNet::new(&variables.root(), &model.config.unet).unwrap();
    model.copy_to(Path::new("branch"), &variables).unwrap();
    let gamma = Tensor::from_slice(&[GAMMA as f32; 2]);
    let heads = unet.heads(&faces(), &faces(), &gamma, Kind::Float, false).unwrap();
    heads.sharp.unwrap().mean(Kind::Float).backward();
    let gradient = |name: &str| variables.variables()[name].grad();
    assert!(!gradient("output.weight").defined(), "the mean's own filters learn from the mean alone");
    assert!(gradient("branch.stem.weight").abs().max().double_value(&[]) > 0.0);
    assert!(gradient("stem.weight").abs().max().double_value(&[]) > 0.0, "the features are shared");

    let operations = |model: &Checkpoint| {
        let variables = nn::VarStore::new(Device::Cpu);
        UNet::new(&variables.root(), &model.config.unet).unwrap().flops(32)
    };
    let plain = small_model().with_coarse(small_model()).with_detail_head(0).unwrap();
    // On the grid of 16: lift 16→8, stem 36→8, four of 8→8, output 8→4, two operations a weight and place.
    let weights = 16 * 8 + 9 * (36 * 8 + 4 * 8 * 8 + 8 * 4);
    assert_eq!(operations(&model) - operations(&plain), 2 * weights * 16 * 16);

    let refused = |unet: UNetConfig| unet.validate().unwrap_err().to_string();
    let unet = &model.config.unet;
    assert!(refused(UNetConfig { detail_head: false, ..unet.clone() }).contains("unet.detail_width is 8"));
    assert!(refused(UNetConfig { patch: 1, ..unet.clone() }).contains("an even unet.patch"));
}

/// With a branch that draws nothing yet, what the filters of the sharp face add to the mean is behind (1, 2, 1)/4 across and down, for
/// patches of two pixels; here by a convolution.
#[test]
fn beside_a_branch_the_detail_of_the_patches_has_nothing_of_their_period() {
    let headed = || {
        let mut model = small_model().with_coarse(small_model()).with_detail_head(0).unwrap();
        let sharp = model.weights.get_mut("sharp.weight").unwrap();
        *sharp = wave(&sharp.size(), 0.9, 0.4) * 0.1;
        model
    };
    let branched = headed().with_detail_head(8).unwrap();
    let heads = |model: &Checkpoint| {
        let variables = nn::VarStore::new(Device::Cpu);
        let unet = UNet::new(&variables.root(), &model.config.unet).unwrap();
        model.copy_to(Path::new("heads"), &variables).unwrap();
        let gamma = Tensor::from_slice(&[GAMMA as f32; 2]);
        let heads = unet.heads(&faces(), &faces(), &gamma, Kind::Float, false).unwrap();
        (heads.prediction.detach(), heads.sharp.unwrap().detach())
    };
    let (mean, whole) = heads(&headed());
    let (same_mean, left) = heads(&branched);
    assert!(mean.equal(&same_mean));
    let detail = whole - &mean;
    assert!(detail.abs().max().double_value(&[]) > 1e-2, "there is detail");
    let row = Tensor::from_slice(&[0.25_f32, 0.5, 0.25]);
    let kernel = row.outer(&row).expand([3, 1, 3, 3], false).contiguous();
    let none: Option<Tensor> = None;
    let expected = detail.conv2d(&kernel, none, [1, 1], [0, 0], [1, 1], 3);
    let side = expected.size()[2];
    let found = (left - mean).narrow(2, 1, side).narrow(3, 1, side);
    assert!((found - expected).abs().max().double_value(&[]) < 1e-5);
}
