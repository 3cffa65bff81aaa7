// SPDX-License-Identifier: MIT OR Apache-2.0
//! The U-Net against published and hand-made counts, and its behaviour on tensors.

use restore_core::{Condition, Design, RestoreError, UNet, UNetConfig};
use tch::{Device, Kind, Tensor, nn};

fn parameters(config: &UNetConfig) -> i64 {
    let variables = nn::VarStore::new(Device::Cpu);
    UNet::new(&variables.root(), config).unwrap();
    variables.variables().values().map(|tensor| tensor.numel() as i64).sum()
}

fn tiny(design: Design) -> UNetConfig {
    UNetConfig {
        design,
        condition: Condition::Degraded,
        patch: 2,
        base_channels: 32,
        channel_mults: vec![1, 2],
        blocks: vec![1, 1],
        attention_levels: vec![1],
        head_channels: 32,
        residual: false,
        dropout: 0.0,
        detail_head: false,
        detail_width: 0,
        coarse: None,
    }
}

fn with_coarse(coarse: UNetConfig) -> UNetConfig {
    UNetConfig { coarse: Some(Box::new(coarse)), ..tiny(Design::Lean) }
}

/// DDPM's CIFAR-10 network has 35.7 M parameters (Ho et al. 2020, appendix B): ours differs by the condition's three
/// more input channels alone.
#[test]
fn ddpm_design_has_the_published_size_of_cifar10() {
    let config = UNetConfig {
        patch: 1,
        channel_mults: vec![1, 2, 2, 2],
        blocks: vec![2; 4],
        attention_levels: vec![1],
        ..UNetConfig::paper()
    };
    // 35 746 307 is the count of the authors' released code for three input channels.
    assert_eq!(parameters(&config) - 3 * 9 * 128, 35_746_307);
}

/// The same layers counted by a second program: this list, read off the paper's description.
#[test]
fn paper_network_has_about_120_million_parameters() {
    let conv = |input: i64, output: i64, kernel: i64| input * output * kernel * kernel + output;
    let block = |input: i64, output: i64| {
        let skip = if input == output { 0 } else { conv(input, output, 1) };
        2 * input
            + conv(input, output, 3)
            + conv(512, output, 1)
            + 2 * output
            + conv(output, output, 3)
            + skip
    };
    let attention =
        |channels: i64| 2 * channels + conv(channels, 3 * channels, 1) + conv(channels, channels, 1);
    let embedding = conv(128, 512, 1) + conv(512, 512, 1);
    let encoder = [(128, 128), (128, 128), (128, 128), (128, 128), (128, 128), (128, 128)]
        .into_iter()
        .chain([(128, 256), (256, 256), (256, 256), (256, 256)])
        .chain([(256, 512), (512, 512), (512, 512), (512, 512)])
        .map(|(input, output)| block(input, output))
        .sum::<i64>()
        + 3 * conv(128, 128, 3)
        + 2 * conv(256, 256, 3)
        + conv(512, 512, 3);
    let middle = 2 * block(512, 512) + attention(512);
    let decoder = [(1024, 512), (1024, 512), (1024, 512)] // grid 8: 512, 512, and the downsampler's 512
        .into_iter()
        .chain([(1024, 512), (1024, 512), (768, 512)]) // grid 16
        .chain([(768, 256), (512, 256), (512, 256)]) // grid 32
        .chain([(512, 256), (512, 256), (384, 256)]) // grid 64
        .chain([(384, 128), (256, 128), (256, 128)]) // grid 128
        .chain([(256, 128); 6]) // grids 256 and 512
        .map(|(input, output)| block(input, output))
        .sum::<i64>()
        + 2 * conv(512, 512, 3)
        + 2 * conv(256, 256, 3)
        + 2 * conv(128, 128, 3);
    // After every block of the grids 8, 16 (512 channels) and 32 (256): two going down, three going up.
    let attentions = 5 * (2 * attention(512) + attention(256));
    let counted =
        embedding + conv(6, 128, 3) + encoder + middle + decoder + attentions + 2 * 128 + conv(128, 3, 3);

    let config = UNetConfig::paper();
    assert_eq!(parameters(&config), counted);
    assert_eq!(counted, PAPER_PARAMETERS);
    assert_eq!(config.attention_grids(512), [32, 16, 8]);
}

const PAPER_PARAMETERS: i64 = 122_897_027;

/// Each convolution of the fast network at 512×512, written out: 2 · k² · C_in · C_out · grid².
#[test]
fn fast_network_takes_at_most_35_gflop_a_step_at_512() {
    let conv =
        |kernel: i64, input: i64, output: i64, grid: i64| 2 * kernel * kernel * input * output * grid * grid;
    let block = |channels: i64, grid: i64| 2 * conv(3, channels, channels, grid) + conv(1, 256, channels, 1);
    let down = conv(2, 64, 128, 64) + conv(2, 128, 256, 32) + conv(2, 256, 256, 16);
    let up = conv(1, 256, 256, 16) + conv(1, 256, 128, 32) + conv(1, 128, 64, 64);
    let blocks = 2 * (block(64, 128) + 2 * block(128, 64) + 2 * block(256, 32) + 2 * block(256, 16));
    let attention = conv(1, 256, 768, 16) + conv(1, 256, 256, 16) + 4 * 256 * 256 * 256;
    let middle = 2 * block(256, 16) + attention;
    let counted = conv(3, 96, 64, 128) + down + blocks + middle + up + conv(3, 64, 48, 128);

    let variables = nn::VarStore::new(Device::Cpu);
    let unet = UNet::new(&variables.root(), &UNetConfig::fast()).unwrap();
    assert_eq!(unet.flops(512), counted);
    assert!(counted <= 35_000_000_000, "{counted}");
}

#[test]
fn every_weight_of_both_designs_gets_a_gradient() {
    for design in [Design::Ddpm, Design::Lean] {
        tch::manual_seed(1);
        let variables = nn::VarStore::new(Device::Cpu);
        let unet = UNet::new(&variables.root(), &tiny(design)).unwrap();
        // Zero-initialised layers would hide what lies behind them.
        for (_, mut weight) in variables.variables() {
            let noise = weight.randn_like() * 0.1;
            tch::no_grad(|| weight += noise);
        }
        let x = Tensor::randn([2, 3, 32, 32], (Kind::Float, Device::Cpu));
        let gamma = Tensor::from_slice(&[0.2_f32, 0.9]);
        let output = unet.forward(&x, &x.roll([3], [3]), &gamma, Kind::Float, true).unwrap();
        assert_eq!(output.size(), [2, 3, 32, 32]);
        output.square().mean(Kind::Float).backward();
        for (name, weight) in variables.variables() {
            let norm = weight.grad().norm().double_value(&[]);
            assert!(norm > 0.0, "{design:?}: {name} has a gradient of norm {norm}");
        }
    }
}

#[test]
fn the_noise_level_and_the_condition_matter_and_faces_of_a_batch_do_not_mix() {
    for design in [Design::Ddpm, Design::Lean] {
        tch::manual_seed(2);
        let variables = nn::VarStore::new(Device::Cpu);
        let unet = UNet::new(&variables.root(), &tiny(design)).unwrap();
        for (_, mut weight) in variables.variables() {
            let noise = weight.randn_like() * 0.1;
            tch::no_grad(|| weight += noise);
        }
        let forward = |x_t: &Tensor, x_d: &Tensor, gamma: &[f32]| {
            tch::no_grad(|| unet.forward(x_t, x_d, &Tensor::from_slice(gamma), Kind::Float, false)).unwrap()
        };
        let x = Tensor::randn([2, 3, 32, 32], (Kind::Float, Device::Cpu));
        let (a, b) = (x.narrow(0, 0, 1), x.narrow(0, 1, 1));
        let differs = |p: &Tensor, q: &Tensor| (p - q).abs().max().double_value(&[]) > 1e-3;
        assert!(differs(&forward(&a, &b, &[0.1]), &forward(&a, &b, &[0.9])), "γ has no effect");
        assert!(differs(&forward(&a, &b, &[0.1]), &forward(&a, &a, &[0.1])), "x_d has no effect");
        assert!(differs(&forward(&a, &b, &[0.1]), &forward(&b, &b, &[0.1])), "x_t has no effect");
        let together = forward(&x, &x, &[0.1, 0.9]);
        let alone = forward(&b, &b, &[0.9]);
        assert!((together.narrow(0, 1, 1) - alone).abs().max().double_value(&[]) < 1e-4);
    }
}

#[test]
fn bf16_stays_close_to_fp32_and_a_residual_network_starts_as_the_identity() {
    let variables = nn::VarStore::new(Device::Cpu);
    let config = UNetConfig { residual: true, ..tiny(Design::Lean) };
    let unet = UNet::new(&variables.root(), &config).unwrap();
    let (x_t, x_d) = (
        Tensor::randn([1, 3, 32, 32], (Kind::Float, Device::Cpu)),
        Tensor::randn([1, 3, 32, 32], (Kind::Float, Device::Cpu)),
    );
    let gamma = Tensor::from_slice(&[0.5_f32]);
    let run = |kind| tch::no_grad(|| unet.forward(&x_t, &x_d, &gamma, kind, false)).unwrap();
    assert!(run(Kind::Float).equal(&x_d));
    for (_, mut weight) in variables.variables() {
        let noise = weight.randn_like() * 0.05;
        tch::no_grad(|| weight += noise);
    }
    let (full, half) = (run(Kind::Float), run(Kind::BFloat16));
    assert_eq!(half.kind(), Kind::Float);
    let scale = (&full - &x_d).abs().max().double_value(&[]);
    assert!((&full - &half).abs().max().double_value(&[]) < 0.05 * scale);
}

/// A network whose own output is zero passes on what its coarse network corrected. That is run by hand here, at γ' whose
/// noise the mean of four pixels has: means of x_t over 2×2 pixels have signal √γ and noise √(1−γ)/2, so scaled by
/// s to unit variance, s²(γ + (1−γ)/4) = 1 and γ' = s²γ.
#[test]
fn a_coarse_network_corrects_the_condition_at_half_the_size() {
    tch::manual_seed(3);
    let coarse = UNetConfig { residual: true, ..tiny(Design::Lean) };
    let config = UNetConfig { coarse: Some(Box::new(coarse.clone())), ..coarse.clone() };
    let (whole, alone) = (nn::VarStore::new(Device::Cpu), nn::VarStore::new(Device::Cpu));
    let unet = UNet::new(&whole.root(), &config).unwrap();
    let small = UNet::new(&alone.root(), &coarse).unwrap();
    let weights = whole.variables();
    for (name, mut weight) in alone.variables() {
        let noise = weight.randn_like() * 0.1;
        tch::no_grad(|| {
            weight += noise;
            weights[&format!("coarse.{name}")].shallow_clone().copy_(&weight);
        });
    }
    let (x_t, x_d) = (
        Tensor::randn([1, 3, 32, 64], (Kind::Float, Device::Cpu)),
        Tensor::randn([1, 3, 32, 64], (Kind::Float, Device::Cpu)),
    );
    let gamma = 0.3_f64;
    let output = |unet: &UNet, x_t: &Tensor, x_d: &Tensor, gamma: f64| {
        let gamma = Tensor::from_slice(&[gamma as f32]);
        tch::no_grad(|| unet.forward(x_t, x_d, &gamma, Kind::Float, false)).unwrap()
    };
    let half = |x: &Tensor| x.view([1, 3, 16, 2, 32, 2]).mean_dim(&[3_i64, 5][..], false, Kind::Float);
    let scale = (gamma + (1.0 - gamma) / 4.0).sqrt().recip();
    let corrected = output(&small, &(half(&x_t) * scale), &half(&x_d), scale * scale * gamma);
    let correction = (corrected - half(&x_d)).upsample_bilinear2d([32, 64], false, None, None);
    assert!(correction.abs().max().double_value(&[]) > 0.01, "the coarse network does something");
    let found = output(&unet, &x_t, &x_d, gamma);
    assert!((found - x_d - correction).abs().max().double_value(&[]) < 1e-4);

    assert_eq!(unet.flops(64), small.flops(64) + small.flops(32));
    assert_eq!(parameters(&config), 2 * parameters(&coarse));
    assert_eq!((coarse.size_multiple(), config.size_multiple()), (4, 8));
    let odd = UNetConfig { coarse: Some(Box::new(UNetConfig { patch: 3, ..coarse.clone() })), ..coarse };
    assert_eq!(odd.size_multiple(), 12, "a multiple of 4 and of twice 6");
}

#[test]
fn sizes_and_configurations_that_do_not_fit_are_refused_by_name() {
    let variables = nn::VarStore::new(Device::Cpu);
    let unet = UNet::new(&variables.root(), &tiny(Design::Lean)).unwrap();
    let x = Tensor::zeros([1, 3, 30, 32], (Kind::Float, Device::Cpu));
    let error = unet.forward(&x, &x, &Tensor::from_slice(&[0.5_f32]), Kind::Float, false).unwrap_err();
    assert!(
        matches!(&error, RestoreError::Shape(text) if text.contains("32×30") && text.contains("multiples of 4"))
    );

    let broken = [
        (UNetConfig { blocks: vec![1], ..tiny(Design::Lean) }, "unet.blocks"),
        (UNetConfig { attention_levels: vec![2], ..tiny(Design::Lean) }, "unet.attention_levels"),
        (UNetConfig { head_channels: 48, ..tiny(Design::Lean) }, "unet.head_channels"),
        (UNetConfig { base_channels: 20, head_channels: 0, ..tiny(Design::Ddpm) }, "unet.base_channels"),
        (UNetConfig { patch: 0, ..tiny(Design::Lean) }, "unet.patch"),
        (UNetConfig { dropout: 1.0, ..tiny(Design::Lean) }, "unet.dropout"),
        (UNetConfig { channel_mults: vec![], ..tiny(Design::Lean) }, "unet.channel_mults"),
        (with_coarse(with_coarse(tiny(Design::Lean))), "unet.coarse"),
        (with_coarse(UNetConfig { patch: 0, ..tiny(Design::Lean) }), "unet.coarse: unet.patch"),
    ];
    for (config, field) in broken {
        let error = config.validate().unwrap_err().to_string();
        assert!(error.contains(field), "{error}");
    }
}
