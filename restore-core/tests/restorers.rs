// SPDX-License-Identifier: MIT OR Apache-2.0
//! The restorers on real and made faces: shapes, seeds, threads, batches, scripted networks, CUDA where there is one.

mod common;

use std::path::{Path, PathBuf};

use common::{small_model, wave};
use restore_core::{
    DeviceChoice, DiffusionOptions, DiffusionRestorer, PixelRange, Precision, RestoreError, RestoreOptions,
    Restorer, Sampler, Sampling, TorchScriptOptions, TorchScriptRestorer, UNet, WarmStart, seeded_noise,
};
use tch::{CModule, Device, Kind, Tensor};

fn cpu(precision: Precision) -> DiffusionOptions {
    DiffusionOptions { device: DeviceChoice::Cpu, precision: Some(precision), ..DiffusionOptions::default() }
}

fn small_restorer(options: &DiffusionOptions) -> DiffusionRestorer {
    DiffusionRestorer::new(&small_model(), Path::new("small"), options).unwrap()
}

fn faces(count: i64) -> Tensor {
    wave(&[count, 3, 32, 32], 0.731, 0.0)
}

#[test]
fn same_seed_same_bits_and_another_seed_another_face() {
    for precision in [Precision::Fp32, Precision::Bf16] {
        let restorer = small_restorer(&cpu(precision));
        let faces = faces(3);
        let first = restorer.restore(&faces, &[1, 2, 3]).unwrap();
        assert_eq!(first.size(), [3, 3, 32, 32]);
        assert!(first.abs().max().double_value(&[]) <= 1.0);
        assert!(first.equal(&restorer.restore(&faces, &[1, 2, 3]).unwrap()));
        assert!(first.equal(&small_restorer(&cpu(precision)).restore(&faces, &[1, 2, 3]).unwrap()));
        let other = restorer.restore(&faces, &[1, 2, 4]).unwrap();
        assert!(first.narrow(0, 0, 2).equal(&other.narrow(0, 0, 2)));
        assert!(!first.narrow(0, 2, 1).equal(&other.narrow(0, 2, 1)));
    }
}

#[test]
fn batches_of_any_size_agree_with_single_faces() {
    let restorer = small_restorer(&cpu(Precision::Fp32));
    let faces = faces(37);
    let seeds: Vec<u64> = (0..37).collect();
    let together = restorer.restore(&faces, &seeds).unwrap();
    for index in [0, 15, 16, 36] {
        let alone = restorer.restore(&faces.narrow(0, index, 1), &[index as u64]).unwrap();
        let error = (together.narrow(0, index, 1) - alone).abs().max().double_value(&[]);
        assert!(error < 1e-4, "face {index} is off by {error}");
    }
    assert_eq!(restorer.restore(&faces.narrow(0, 0, 0), &[]).unwrap().size(), [0, 3, 32, 32]);
}

/// With x0-prediction one step from γ is f(√γ start + √(1−γ) ε, x_d, γ) clipped, which a TorchScript-free way to run the
/// same network gives: the network itself.
#[test]
fn a_warm_start_is_the_start_noised_to_its_level() {
    let checkpoint = small_model();
    let options = DiffusionOptions { steps: Some(1), ..cpu(Precision::Fp32) };
    let restorer = DiffusionRestorer::new(&checkpoint, Path::new("small"), &options).unwrap();
    let (faces, start) = (faces(2), wave(&[2, 3, 32, 32], 0.37, 1.0));
    let from = |faces: &Tensor, start: &Tensor, gamma: f64| {
        let start = Some(WarmStart { faces: start, gamma });
        restorer.restore_with(faces, &[3, 4], &RestoreOptions { start, ..RestoreOptions::default() })
    };
    let restored = from(&faces, &start, 0.7).unwrap();

    let variables = tch::nn::VarStore::new(Device::Cpu);
    let unet = UNet::new(&variables.root(), &checkpoint.config.unet).unwrap();
    checkpoint.copy_to(Path::new("small"), &variables).unwrap();
    let noise = Tensor::stack(&[seeded_noise(3, 0, 32).unwrap(), seeded_noise(4, 0, 32).unwrap()], 0);
    let x_t = &start * 0.7_f64.sqrt() + noise * 0.3_f64.sqrt();
    let gamma = Tensor::from_slice(&[0.7_f32, 0.7]);
    let expected =
        tch::no_grad(|| unet.forward(&x_t, &faces, &gamma, Kind::Float, false).unwrap()).clamp(-1.0, 1.0);
    assert!((&restored - expected).abs().max().double_value(&[]) < 1e-5);
    // A hair above nothing of the start is a cold start.
    let difference = from(&faces, &start, 1e-9).unwrap() - restorer.restore(&faces, &[3, 4]).unwrap();
    assert!(difference.abs().max().double_value(&[]) < 1e-2);
    assert!(from(&faces, &start.narrow(0, 0, 1), 0.7).is_err());
}

#[test]
fn several_threads_may_use_one_restorer() {
    let restorer = small_restorer(&cpu(Precision::Fp32));
    let expected: Vec<Tensor> = (0..4).map(|seed| restorer.restore(&faces(1), &[seed]).unwrap()).collect();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..4_u64)
            .map(|seed| {
                let restorer = &restorer;
                let input = faces(1);
                scope.spawn(move || {
                    (0..5).map(|_| restorer.restore(&input, &[seed]).unwrap()).collect::<Vec<_>>()
                })
            })
            .collect();
        for (worker, expected) in workers.into_iter().zip(&expected) {
            for result in worker.join().unwrap() {
                assert!((result - expected).abs().max().double_value(&[]) < 1e-5);
            }
        }
    });
}

#[test]
fn steps_and_sampler_come_from_the_model_unless_given() {
    let restorer = small_restorer(&cpu(Precision::Fp32));
    assert_eq!(restorer.steps(), 2);
    let ten = small_restorer(&DiffusionOptions { steps: Some(10), ..cpu(Precision::Fp32) });
    assert_eq!(ten.steps(), 10);
    let ddim = small_restorer(&DiffusionOptions { sampler: Some(Sampler::Ddim), ..cpu(Precision::Fp32) });
    let results: Vec<Tensor> =
        [&restorer, &ten, &ddim].iter().map(|r| r.restore(&faces(1), &[0]).unwrap()).collect();
    assert!(!results[0].equal(&results[1]) && !results[0].equal(&results[2]));
    let mut changed = restorer;
    for (steps, sampler, expected) in [(10, Sampler::Ddpm, 1), (2, Sampler::Ddim, 2), (2, Sampler::Ddpm, 0)] {
        changed.set_sampling(Sampling::Steps { steps, sampler }).unwrap();
        assert!(changed.restore(&faces(1), &[0]).unwrap().equal(&results[expected]), "{steps} {sampler}");
    }
    let none = Sampling::Steps { steps: 0, sampler: Sampler::Ddpm };
    assert!(changed.set_sampling(none).is_err() && changed.steps() == 2);
    assert!(changed.set_sampling(Sampling::MeanDetail { gamma: 0.9 }).is_err(), "it has no detail head");
    let error = DiffusionRestorer::new(
        &small_model(),
        Path::new("small"),
        &DiffusionOptions { steps: Some(2000), ..cpu(Precision::Fp32) },
    )
    .map(|_| ())
    .unwrap_err();
    assert!(error.to_string().contains("2000 sampling steps, must be 1 to 1000"), "{error}");
}

#[test]
fn wrong_shapes_are_errors() {
    let restorer = small_restorer(&cpu(Precision::Fp32));
    for (faces, seeds) in [
        (faces(2), vec![1]),
        (Tensor::zeros([1, 3, 24, 24], (Kind::Float, Device::Cpu)), vec![1]),
        (Tensor::zeros([1, 3, 8, 8], (Kind::Float, Device::Cpu)), vec![1]),
        (Tensor::zeros([1, 3, 16, 32], (Kind::Float, Device::Cpu)), vec![1]),
        (Tensor::zeros([1, 1, 32, 32], (Kind::Float, Device::Cpu)), vec![1]),
        (Tensor::zeros([0], (Kind::Float, Device::Cpu)), vec![]),
    ] {
        let error = restorer.restore(&faces, &seeds).unwrap_err();
        assert!(matches!(error, RestoreError::Shape(_)), "{error}");
    }
    assert!(matches!(restorer.restore_rgb8(&[&[0; 10]], &[1]).unwrap_err(), RestoreError::Shape(_)));
}

/// Of half the size a face is restored as by a model that is of that size.
#[test]
fn faces_of_half_the_size_are_taken() {
    let restorer = small_restorer(&cpu(Precision::Fp32));
    assert!(restorer.takes(32) && restorer.takes(16) && !restorer.takes(8) && !restorer.takes(64));
    let mut checkpoint = small_model();
    checkpoint.config.crop_size = 16;
    let half = DiffusionRestorer::new(&checkpoint, Path::new("half"), &cpu(Precision::Fp32)).unwrap();
    let small = wave(&[2, 3, 16, 16], 0.731, 0.0);
    let expected = half.restore(&small, &[1, 2]).unwrap();
    // The noise of one size is not taken for that of the other.
    let _ = restorer.restore(&faces(2), &[1, 2]).unwrap();
    let restored = restorer.restore(&small, &[1, 2]).unwrap();
    assert_eq!(restored.size(), [2, 3, 16, 16]);
    assert!(restored.equal(&expected));
    let large = faces(2);
    let start = Some(WarmStart { faces: &large, gamma: 0.5 });
    let options = RestoreOptions { start, ..RestoreOptions::default() };
    let error = restorer.restore_with(&small, &[1, 2], &options).unwrap_err();
    assert!(matches!(error, RestoreError::Shape(_)), "{error}");
}

#[test]
fn eight_bit_faces_make_the_round_trip() {
    let bytes: Vec<u8> = (0..32 * 32 * 3).map(|index| (index % 256) as u8).collect();
    let faces = restore_core::faces_from_rgb8(&[&bytes, &bytes], 32).unwrap();
    assert_eq!((faces.min().double_value(&[]), faces.max().double_value(&[])), (-1.0, 1.0));
    // Byte 3 · (32 y + x) + c is channel c of pixel (x, y).
    let expected = f64::from(bytes[3 * (32 + 5) + 2]) / 127.5 - 1.0;
    assert!((faces.double_value(&[1, 2, 1, 5]) - expected).abs() < 1e-6);
    assert_eq!(restore_core::faces_to_rgb8(&faces).unwrap(), [bytes.clone(), bytes]);
}

/// Exports a network that mirrors the picture, in the given conventions.
fn scripted(folder: &Path, range: PixelRange) -> PathBuf {
    let path = folder.join(format!("{range}.pt"));
    let example = Tensor::zeros([1, 3, 32, 32], (Kind::Float, Device::Cpu));
    let mut mirror = |inputs: &[Tensor]| vec![inputs[0].flip([3])];
    CModule::create_by_tracing("Mirror", "forward", &[example], &mut mirror).unwrap().save(&path).unwrap();
    path
}

#[test]
fn scripted_networks_run_in_their_own_pixel_range() {
    let folder = tempfile::tempdir().unwrap();
    let faces = faces(2);
    for &range in PixelRange::ALL {
        let options = TorchScriptOptions {
            crop_size: 32,
            input_range: range,
            output_range: range,
            device: DeviceChoice::Cpu,
            ..TorchScriptOptions::default()
        };
        let restorer = TorchScriptRestorer::open(&scripted(folder.path(), range), &options).unwrap();
        let restored = restorer.restore(&faces, &[0, 0]).unwrap();
        assert!((restored - faces.flip([3])).abs().max().double_value(&[]) < 1e-6, "{range}");
    }
    // Read in another range than it was written in, the same network gives something else.
    let options = TorchScriptOptions {
        crop_size: 32,
        output_range: PixelRange::Unit,
        device: DeviceChoice::Cpu,
        ..TorchScriptOptions::default()
    };
    let restorer = TorchScriptRestorer::open(&scripted(folder.path(), PixelRange::Signed), &options).unwrap();
    let expected = ((faces.flip([3]) - 0.5) / 0.5).clamp(-1.0, 1.0);
    assert!((restorer.restore(&faces, &[0, 0]).unwrap() - expected).abs().max().double_value(&[]) < 1e-6);
}

#[test]
fn files_that_are_no_torchscript_are_refused_with_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.pth");
    std::fs::write(&path, b"not a zip").unwrap();
    let options = TorchScriptOptions { device: DeviceChoice::Cpu, ..TorchScriptOptions::default() };
    let open = |path: &Path| TorchScriptRestorer::open(path, &options).map(|_| ()).unwrap_err().to_string();
    let error = open(&path);
    assert!(error.contains("weights.pth") && error.contains("torch.jit.script"), "{error}");
    let error = open(&folder.path().join("missing.pt"));
    assert!(error.contains("missing.pt") && error.contains("No such file"), "{error}");
}

/// tests/data/half.pt is this network in the layout that `torch.jit.script(…).save` writes, with the colours' order reversed by
/// weights in fp16, which a trace made here could not have:
///
/// ```python
/// class Half(torch.nn.Module):
///     def __init__(self):
///         super().__init__()
///         self.weight = torch.nn.Parameter(torch.eye(3).flip(0).view(3, 3, 1, 1).half())
///     def forward(self, x):
///         return torch.conv2d(x, self.weight, None, [1, 1], [0, 0], [1, 1], 1)
/// ```
#[test]
fn a_network_in_half_precision_gets_faces_in_half_precision() {
    let options =
        TorchScriptOptions { crop_size: 32, device: DeviceChoice::Cpu, ..TorchScriptOptions::default() };
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/half.pt");
    let restorer = TorchScriptRestorer::open(&path, &options).unwrap();
    let faces = faces(2);
    let restored = restorer.restore(&faces, &[0, 0]).unwrap();
    assert_eq!(restored.kind(), Kind::Float);
    // fp16 has 11 bits of a value below 1.
    assert!((restored - faces.flip([1])).abs().max().double_value(&[]) < 1e-3);
}

/// Says so and ends where no GPU can be had: the machine decides, not the test.
#[test]
fn cuda_agrees_with_the_cpu() {
    let Ok(Device::Cuda(_)) = DeviceChoice::Auto.resolve() else {
        eprintln!("no CUDA device here, nothing compared");
        return;
    };
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/facerestore-fast.safetensors");
    let reference = DiffusionRestorer::open(&model, &cpu(Precision::Fp32)).unwrap();
    let size = i64::from(reference.crop_size());
    let face = (Tensor::linspace(0.0, 12.0, size * size * 3, (Kind::Float, Device::Cpu)).sin() * 0.8)
        .view([1, 3, size, size]);
    let expected = reference.restore(&face, &[1]).unwrap();
    for (precision, levels) in [(Precision::Fp32, 1.0), (Precision::Bf16, 4.0)] {
        let options = DiffusionOptions {
            device: DeviceChoice::Cuda(0),
            precision: Some(precision),
            ..DiffusionOptions::default()
        };
        let restored = DiffusionRestorer::open(&model, &options).unwrap().restore(&face, &[1]).unwrap();
        let error = (restored - &expected).abs().max().double_value(&[]) * 127.5;
        assert!(error <= levels, "{precision} on CUDA is {error} of 255 off");
    }
}
