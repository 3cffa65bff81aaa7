// SPDX-License-Identifier: MIT OR Apache-2.0
//! The network without x_d: its size, its classes, guidance, its samplers against closed forms, and who may use it.

mod common;

use std::path::Path;

use common::{in_waves, small_model, wave};
use restore_core::{
    Checkpoint, Condition, DeviceChoice, DiffusionOptions, DiffusionRestorer, Generator, GeneratorOptions,
    NoiseSchedule, Precision, Prediction, RestoreError, Sampler, ScheduleKind, UNet, UNetConfig,
    seeded_noise,
};
use tch::{Device, Kind, Tensor, nn};

/// The small model without x_d.
fn small_generator(condition: Condition) -> Checkpoint {
    let mut config = small_model().config;
    config.unet.condition = condition;
    config.unet.residual = false;
    config.class_names =
        ["blue", "green", "red"][..condition.classes()].iter().map(|&name| name.into()).collect();
    in_waves(&config)
}

fn cpu() -> GeneratorOptions {
    GeneratorOptions {
        device: DeviceChoice::Cpu,
        precision: Some(Precision::Fp32),
        ..GeneratorOptions::default()
    }
}

fn opened(model: &Checkpoint, options: &GeneratorOptions) -> Generator {
    Generator::new(model, Path::new("small"), options).unwrap()
}

/// The network of a model and the variables that hold its weights.
fn network(model: &Checkpoint) -> (nn::VarStore, UNet) {
    let variables = nn::VarStore::new(Device::Cpu);
    let unet = UNet::new(&variables.root(), &model.config.unet).unwrap();
    model.copy_to(Path::new("small"), &variables).unwrap();
    (variables, unet)
}

fn parameters(config: &UNetConfig) -> i64 {
    let variables = nn::VarStore::new(Device::Cpu);
    UNet::new(&variables.root(), config).unwrap();
    variables.variables().values().map(|tensor| tensor.numel() as i64).sum()
}

fn difference(a: &Tensor, b: &Tensor) -> f64 {
    (a - b).abs().max().double_value(&[])
}

/// 35 746 307 is the count of the released code of DDPM for CIFAR-10 (Ho et al. 2020, appendix B), which has three input
/// channels: without x_d it is met exactly. x_d adds its three channels to the first convolution, and a class its embedding,
/// as wide as that of γ.
#[test]
fn without_x_d_the_ddpm_design_is_the_published_network() {
    let of = |condition| UNetConfig {
        condition,
        patch: 1,
        channel_mults: vec![1, 2, 2, 2],
        blocks: vec![2; 4],
        attention_levels: vec![1],
        ..UNetConfig::paper()
    };
    assert_eq!(parameters(&of(Condition::None)), 35_746_307);
    assert_eq!(parameters(&of(Condition::Degraded)), 35_746_307 + 3 * 9 * 128);
    assert_eq!(parameters(&of(Condition::Classes(10))), 35_746_307 + 10 * 4 * 128);
}

/// No class is what a network without classes is: of the same weights, it gives the same bits.
#[test]
fn no_class_is_the_network_without_classes() {
    let classes = small_generator(Condition::Classes(3));
    let mut without = small_generator(Condition::None);
    for (name, weight) in &mut without.weights {
        *weight = classes.weights[name].shallow_clone();
    }
    let (of_classes, of_none) = (network(&classes).1, network(&without).1);
    let (x_t, gamma) = (wave(&[4, 3, 32, 64], 0.37, 0.0), Tensor::from_slice(&[0.1_f32, 0.4, 0.7, 0.99]));
    let forward = |unet: &UNet, classes: [i64; 4]| {
        let classes = Tensor::from_slice(&classes);
        tch::no_grad(|| unet.forward(&x_t, &classes, &gamma, Kind::Float, false)).unwrap()
    };
    let plain = forward(&of_none, [0; 4]);
    assert_eq!(plain.size(), [4, 3, 32, 64]);
    assert!(forward(&of_classes, [3; 4]).equal(&plain));
    assert!(forward(&of_none, [2, 1, 0, 2]).equal(&plain), "a network without classes looks at none");
    // A class changes its own picture alone.
    let mixed = forward(&of_classes, [3, 0, 3, 2]);
    for (index, changes) in [(0, false), (1, true), (2, false), (3, true)] {
        let off = difference(&mixed.select(0, index), &plain.select(0, index));
        assert_eq!(off > 1e-3, changes, "picture {index} is off by {off}");
    }
    let error = tch::no_grad(|| {
        of_classes.forward(&x_t, &Tensor::from_slice(&[4_i64; 4]), &gamma, Kind::Float, false)
    });
    assert!(error.is_err(), "a number beyond that of no class");
}

#[test]
fn every_weight_gets_a_gradient_and_of_the_classes_those_that_were_seen() {
    let (variables, unet) = network(&small_generator(Condition::Classes(3)));
    let (x_t, gamma) = (wave(&[3, 3, 32, 32], 0.37, 0.0), Tensor::from_slice(&[0.2_f32, 0.5, 0.9]));
    let classes = Tensor::from_slice(&[2_i64, 3, 0]);
    let output = unet.forward(&x_t, &classes, &gamma, Kind::Float, true).unwrap();
    output.square().mean(Kind::Float).backward();
    for (name, weight) in variables.variables() {
        assert!(weight.grad().norm().double_value(&[]) > 0.0, "{name}");
    }
    let rows = variables.variables()["classes.weight"].grad();
    let norms: Vec<bool> = (0..3).map(|row| rows.select(0, row).norm().double_value(&[]) > 0.0).collect();
    assert_eq!(norms, [true, false, true]);
}

/// One step, by hand: (1 + w) f(class) − w f(no class), clipped. w = 0 is the class's own.
#[test]
fn guidance_is_the_published_sum() {
    let model = small_generator(Condition::Classes(3));
    let unet = network(&model).1;
    let seeds = [5, 9];
    let x_t = Tensor::stack(&seeds.map(|seed| seeded_noise(seed, 0, 32).unwrap()), 0);
    let gamma = NoiseSchedule::new(ScheduleKind::Linear, 1000).unwrap().gamma(1000);
    let gamma = Tensor::from_slice(&[gamma as f32; 2]);
    let output = |classes: [i64; 2]| {
        let classes = Tensor::from_slice(&classes);
        tch::no_grad(|| unet.forward(&x_t, &classes, &gamma, Kind::Float, false)).unwrap()
    };
    let (own, none) = (output([1, 2]), output([3, 3]));
    assert!(difference(&own, &none) > 0.01);
    for guidance in [0.0, 0.5, 3.0] {
        let generator = opened(&model, &GeneratorOptions { steps: Some(1), guidance, ..cpu() });
        let made = generator.generate(&seeds, &[Some(1), Some(2)]).unwrap();
        let expected: Tensor = &own * (1.0 + guidance) - &none * guidance;
        assert!(difference(&made, &expected.clamp(-1.0, 1.0)) < 1e-5, "w = {guidance}");
        // Of no class there is nothing to guide.
        let any = generator.generate(&seeds, &[None, None]).unwrap();
        assert!(difference(&any, &none.clamp(-1.0, 1.0)) < 1e-5, "w = {guidance}");
    }
}

#[test]
fn a_picture_follows_from_its_seed_and_class_alone() {
    let model = small_generator(Condition::Classes(3));
    for sampler in [Sampler::Ddpm, Sampler::Ddim] {
        let options = GeneratorOptions { steps: Some(10), sampler: Some(sampler), guidance: 1.0, ..cpu() };
        let generator = opened(&model, &options);
        let seeds: Vec<u64> = (0..8).collect();
        let classes: Vec<_> = (0..8).map(|index| [None, Some(0), Some(1), Some(2)][index % 4]).collect();
        let together = generator.generate(&seeds, &classes).unwrap();
        assert_eq!(together.size(), [8, 3, 32, 32]);
        assert!(together.abs().max().double_value(&[]) <= 1.0);
        for index in 0..8 {
            let alone = generator.generate(&seeds[index..=index], &classes[index..=index]).unwrap();
            let off = difference(&alone, &together.narrow(0, index as i64, 1));
            assert!(off < 1e-3, "{sampler}, picture {index} is off by {off}");
        }
        assert!(difference(&together.select(0, 1), &together.select(0, 5)) > 0.01, "the seed has no effect");
        let again = generator.generate(&seeds, &[None; 8]).unwrap();
        assert!(difference(&together.select(0, 1), &again.select(0, 1)) > 1e-3, "the class has no effect");
    }
    let generator = opened(&model, &cpu());
    assert_eq!(generator.generate(&[], &[]).unwrap().size(), [0, 3, 32, 32]);
    assert!(generator.generate(&[1], &[]).is_err());
    let error = generator.generate(&[1], &[Some(3)]).unwrap_err().to_string();
    assert!(error.contains("class number 3 of 3"), "{error}");
}

/// Pictures whose values are normal, μ ± s, have a denoiser in closed form: E[x0 | x_t] = μ + k (x_t − √γ μ) with
/// k = √γ s²/v and v = γ s² + 1 − γ.
fn of_normal(mean: f64, deviation: f64, x_t: &Tensor, gamma: f64) -> Tensor {
    let variance = deviation * deviation;
    let k = gamma.sqrt() * variance / (gamma * variance + 1.0 - gamma);
    (x_t - gamma.sqrt() * mean) * k + mean
}

/// With that denoiser a step of DDIM multiplies x_t − √γ μ by (√(γ γ') s² + √((1−γ)(1−γ')))/v. In many steps this is the
/// probability flow, along which it keeps its number of standard deviations: noise z becomes μ + s z.
#[test]
fn ddim_carries_noise_to_a_normal_distribution() {
    const MEAN: f64 = 0.1;
    const DEVIATION: f64 = 0.2;
    let schedule = NoiseSchedule::new(ScheduleKind::Linear, 1000).unwrap();
    // Pictures of some 3000 values, all within four deviations, are not clipped.
    let noise = seeded_noise(3, 0, 32).unwrap().to_kind(Kind::Double).clamp(-4.0, 4.0);
    for steps in [10, 100, 1000] {
        let levels = schedule.respaced(steps, 1.0).unwrap();
        let made = Sampler::Ddim
            .run(
                Prediction::X0,
                noise.shallow_clone(),
                &levels,
                |x_t, gamma| Ok(of_normal(MEAN, DEVIATION, x_t, gamma)),
                |_| panic!("DDIM draws no noise"),
            )
            .unwrap();
        let mut rest = &noise - levels[0].sqrt() * MEAN;
        for pair in levels.windows(2) {
            let (gamma, next) = (pair[0], pair[1]);
            let variance = DEVIATION * DEVIATION;
            let factor = (gamma * next).sqrt() * variance + ((1.0 - gamma) * (1.0 - next)).sqrt();
            rest *= factor / (gamma * variance + 1.0 - gamma);
        }
        assert!(difference(&made, &(rest + MEAN)) < 1e-9, "{steps} steps");
        if steps == 1000 {
            let flow = &noise * DEVIATION + MEAN;
            let off = difference(&made, &flow);
            assert!(off < 0.01 * 4.0 * DEVIATION, "off the flow by {off}");
        }
    }
}

/// And 1000 ancestral steps draw from it: the mean of 12 288 values is within five standard errors of μ. Their deviation is
/// s · 0.9815, as the recursion of the variance over these steps has it (the last one gives the mean of what may be, not a
/// draw), within five standard errors, 0.0064 of it each.
#[test]
fn ddpm_draws_from_a_normal_distribution() {
    let levels = NoiseSchedule::new(ScheduleKind::Linear, 1000).unwrap().respaced(1000, 1.0).unwrap();
    let noise = |draw| seeded_noise(4, draw, 64);
    let denoise = |x_t: &Tensor, gamma: f64| Ok(of_normal(0.1, 0.2, x_t, gamma));
    let made = Sampler::Ddpm.run(Prediction::X0, noise(0).unwrap(), &levels, denoise, noise).unwrap();
    let (mean, deviation) = (made.mean(Kind::Double).double_value(&[]), made.std(true).double_value(&[]));
    let count = 3.0 * 64.0 * 64.0_f64;
    assert!((mean - 0.1).abs() < 5.0 * 0.2 / count.sqrt(), "{mean}");
    assert!((deviation / (0.2 * 0.9815) - 1.0).abs() < 5.0 * 0.0064, "{deviation}");
}

#[test]
fn restorers_and_generators_refuse_each_others_models() {
    let path = Path::new("a.safetensors");
    let options = DiffusionOptions { device: DeviceChoice::Cpu, ..DiffusionOptions::default() };
    for condition in [Condition::None, Condition::Classes(2)] {
        let error = DiffusionRestorer::new(&small_generator(condition), path, &options).err().unwrap();
        assert!(matches!(error, RestoreError::Model { .. }));
        let text = error.to_string();
        assert!(text.contains("a.safetensors") && text.contains("generator"), "{text}");
        assert!(text.contains("idm generate"), "{text}");
    }
    let error = Generator::new(&small_model(), path, &cpu()).err().unwrap();
    assert!(matches!(error, RestoreError::Model { .. }));
    let text = error.to_string();
    assert!(
        text.contains("a.safetensors") && text.contains("restorer") && text.contains("idm restore"),
        "{text}"
    );
    let options = GeneratorOptions { guidance: -0.5, ..cpu() };
    let error = Generator::new(&small_generator(Condition::None), path, &options).err().unwrap().to_string();
    assert!(error.contains("guidance of -0.5"), "{error}");
}

/// What a generator has is in its file; a restorer's says nothing of it, so that older programs read it as before.
#[test]
fn the_classes_are_in_the_file_and_a_restorers_header_is_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let model = small_generator(Condition::Classes(3));
    model.save(&path, Kind::Float).unwrap();
    let read = Checkpoint::open(&path).unwrap();
    assert_eq!(read.config, model.config);
    let generator = opened(&read, &cpu());
    assert_eq!(["blue", "red", "Red"].map(|name| generator.class(name)), [Some(0), Some(2), None]);
    let header = serde_json::to_string(&small_model().config).unwrap();
    assert!(!header.contains("condition") && !header.contains("class_names"), "{header}");
}

#[test]
fn parts_that_need_a_degraded_face_are_refused_by_name() {
    let generator = small_generator(Condition::Classes(3)).config;
    let unet = &generator.unet;
    let coarse = UNetConfig { condition: Condition::None, ..unet.clone() };
    let broken = [
        (UNetConfig { residual: true, ..unet.clone() }, "unet.residual"),
        (UNetConfig { detail_head: true, ..unet.clone() }, "unet.detail_head"),
        (UNetConfig { coarse: Some(Box::new(small_model().config.unet)), ..unet.clone() }, "unet.coarse"),
        (UNetConfig { condition: Condition::Classes(0), ..unet.clone() }, "0 classes"),
        (
            UNetConfig { coarse: Some(Box::new(coarse)), ..small_model().config.unet },
            "unet.coarse has a condition",
        ),
    ];
    for (config, expected) in broken {
        let error = config.validate().unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let mut names = generator.clone();
    names.class_names.pop();
    let error = names.validate().unwrap_err().to_string();
    assert!(error.contains("2 names") && error.contains("3 classes"), "{error}");
}
