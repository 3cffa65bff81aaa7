// SPDX-License-Identifier: MIT OR Apache-2.0
//! `idm train` for a network with a detail head: what it needs, what it makes, and that the detail is one.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use restore_core::Checkpoint;
use tch::{CModule, Device, Kind, Tensor};
use training::metrics::sharpness;
use training::picture;

use crate::common::{DETAIL_HEAD, faces, failed, idm, succeeded, tiny_config, train};

/// Writes the mean square distance of two pictures, times `weight`, as a TorchScript network.
fn distance(folder: &Path, weight: f64) -> PathBuf {
    let picture = Tensor::zeros([1, 3, 48, 48], (Kind::Float, Device::Cpu));
    let mut forward = |inputs: &[Tensor]| {
        let square = (&inputs[0] - &inputs[1]).square();
        vec![square.mean_dim([1_i64, 2, 3].as_slice(), false, Kind::Float) * weight]
    };
    let examples = [picture.copy(), picture];
    let module = CModule::create_by_tracing("Distance", "forward", &examples, &mut forward).unwrap();
    let path = folder.join("distance.pt");
    module.save(&path).unwrap();
    path
}

/// Writes a face's mean colour, times 100, as a TorchScript network that embeds faces.
fn colour(folder: &Path) -> PathBuf {
    let mut forward =
        |inputs: &[Tensor]| vec![inputs[0].mean_dim([2_i64, 3].as_slice(), false, Kind::Float) * 100.0];
    let examples = [Tensor::zeros([1, 3, 48, 48], (Kind::Float, Device::Cpu))];
    let module = CModule::create_by_tracing("Colour", "forward", &examples, &mut forward).unwrap();
    let path = folder.join("colour.pt");
    module.save(&path).unwrap();
    path
}

/// The tiny configuration with a detail head and the table `[detail]`.
fn config(folder: &Path, table: &str, more: &[(&str, &str)]) -> PathBuf {
    let detail = format!("[detail]\nwindow = 48\n{table}\n[optimiser]");
    let mut changes = DETAIL_HEAD.to_vec();
    changes.push(("[optimiser]", &detail));
    changes.extend(more);
    tiny_config(folder, "detail.toml", &changes)
}

/// The last value of a column of metrics.csv.
fn last(run: &Path, column: &str) -> f64 {
    let table = std::fs::read_to_string(run.join("metrics.csv")).unwrap();
    let position = table.lines().next().unwrap().split(',').position(|name| name == column).unwrap();
    table.lines().last().unwrap().split(',').nth(position).unwrap().parse().unwrap()
}

#[test]
fn what_is_missing_or_does_not_fit_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let data = faces(folder.path());
    let run = folder.path().join("run");
    let train = |config: &Path, more: &[&dyn AsRef<OsStr>]| train(config, &data, &run, more);
    let perceptual = config(folder.path(), "perceptual = 0.5", &[]);
    failed(&train(&perceptual, &[]), &["detail.perceptual", "--perceptual FILE"]);
    failed(&train(&perceptual, &[&"--perceptual", &data.join("0.png")]), &["0.png", "TorchScript"]);
    let identity = config(folder.path(), "identity = 0.5", &[]);
    failed(&train(&identity, &[]), &["detail.identity", "--identity FILE"]);
    failed(&train(&identity, &[&"--identity", &data.join("0.png")]), &["0.png", "TorchScript"]);
    let without_head =
        tiny_config(folder.path(), "c.toml", &[("[optimiser]", "[detail]\nwindow = 48\n[optimiser]")]);
    failed(&train(&without_head, &[]), &["model.unet.detail_head", "[detail]"]);
    let without_table = tiny_config(folder.path(), "c.toml", &DETAIL_HEAD);
    failed(&train(&without_table, &[]), &["model.unet.detail_head", "[detail]"]);
    let nobody = config(folder.path(), "", &[("warmup = 10", "warmup = 10\nonly = [\"brunch.\"]")]);
    failed(&train(&nobody, &[]), &["\"brunch.\"", "encoder.", "sharp."]);
    let small = config(
        folder.path(),
        "energy = 1.0",
        &[("crop_size = 64", "crop_size = 28"), ("window = 48", "window = 16")],
    );
    failed(&train(&small, &[]), &["detail.energy is 1", "multiple of 4"]);
    let wide = config(folder.path(), "share = 1.5", &[]);
    failed(&train(&wide, &[]), &["detail.share is 1.5"]);
}

/// The perceptual term is the network's own figure: in [0, 1] a mean square is a quarter of that in [-1, 1], and where it
/// alone is trained on, it falls. What the discriminator asks for makes the faces sharper than the mean.
#[test]
fn the_terms_are_learned_from_and_logged() {
    let folder = tempfile::tempdir().unwrap();
    let data = faces(folder.path());
    let network = distance(folder.path(), 10.0);
    let table = "perceptual = 1.0\n[detail.adversarial]\nweight = 0.2\nfrom = 20\nlearning_rate = 1e-3\nchannels = 16";
    let config = config(folder.path(), table, &[("iterations = 120", "iterations = 200")]);
    let run = folder.path().join("run");
    succeeded(&train(&config, &data, &run, &[&"--perceptual", &network]));
    let (pixel, perceptual) = (last(&run, "pixel"), last(&run, "perceptual"));
    // The mean of a square is at least the square of the mean: 10 · ((pixel / 2)²) over the share of samples on policy.
    assert!(perceptual > 0.0 && pixel > 0.0 && perceptual < 10.0 * pixel, "{perceptual} {pixel}");
    assert!(last(&run, "adversarial") > 0.0 && last(&run, "discriminator") > 0.0);

    let model = run.join("model.safetensors");
    let weights = Checkpoint::open(&model).unwrap().weights;
    let learnt = (&weights["sharp.weight"] - &weights["output.weight"]).abs().max().double_value(&[]);
    assert!(learnt > 1e-4, "the head has learnt nothing");
    let restored = |detail: &str| -> Vec<image::RgbImage> {
        let output = folder.path().join(format!("detail-{detail}"));
        succeeded(&idm(&[
            &"restore",
            &"--aligned",
            &"--device",
            &"cpu",
            &"--model",
            &model,
            &"--input",
            &data,
            &"--output",
            &output,
            &"--detail",
            &detail,
        ]));
        (0..5).map(|index| picture::read(&output.join(format!("{index}.png"))).unwrap()).collect()
    };
    let (mean, half, full) = (restored("0"), restored("0.5"), restored("1"));
    let difference = |a: &image::RgbImage, b: &image::RgbImage| -> u64 {
        a.as_raw().iter().zip(b.as_raw()).map(|(&a, &b)| u64::from(a.abs_diff(b))).sum()
    };
    let mut sharper = 0;
    for ((mean, half), full) in mean.iter().zip(&half).zip(&full) {
        let (to_half, to_full) = (difference(mean, half), difference(mean, full));
        assert!(0 < to_half && to_half < to_full, "{to_half} {to_full}");
        sharper += usize::from(sharpness(full, mean).unwrap() > 1.0);
    }
    assert!(sharper >= 3, "{sharper} of 5 are sharper with detail");
}

/// Both runs draw the same faces. The one that is held to the faces' mean colours alone comes nearer to them than one whose sharp face is
/// held to nothing.
#[test]
fn identity_is_learned_from_and_logged() {
    let folder = tempfile::tempdir().unwrap();
    let data = faces(folder.path());
    let network = colour(folder.path());
    let [held, free] = [1.0, 1e-6].map(|weight| {
        let table = format!("pixel = 0.0\nidentity = {weight:e}");
        let config = config(folder.path(), &table, &[]);
        let run = folder.path().join(format!("run-{weight:e}"));
        succeeded(&train(&config, &data, &run, &[&"--identity", &network]));
        last(&run, "identity")
    });
    assert!(held > 0.0 && held < free, "{held} {free}");
}

/// A branch that is added to a model learns alone: the rest of the weights stay to the last bit, and texture comes nearer to the truth's
/// than without the term.
#[test]
fn a_branch_alone_learns_how_much_texture_there_is() {
    let folder = tempfile::tempdir().unwrap();
    let data = faces(folder.path());
    let first = folder.path().join("first");
    let short = [("iterations = 120", "iterations = 10")];
    succeeded(&train(&config(folder.path(), "", &short), &data, &first, &[]));
    let first = first.join("model.safetensors");

    let branch = [
        ("detail_head = true", "detail_head = true\ndetail_width = 8"),
        ("warmup = 10", "warmup = 10\nonly = [\"branch.\"]"),
    ];
    // So small a weight moves nothing, by the ε of the optimiser.
    let [held, free] = [1.0, 1e-12].map(|weight| {
        let table = format!("share = 1.0\npixel = 0.0\nenergy = {weight:e}");
        let config = config(folder.path(), &table, &branch);
        let run = folder.path().join(format!("run-{weight:e}"));
        succeeded(&train(&config, &data, &run, &[&"--init", &first]));
        run
    });
    let (held_energy, free_energy) = (last(&held, "energy"), last(&free, "energy"));
    assert!(held_energy > 0.0 && held_energy < 0.9 * free_energy, "{held_energy} {free_energy}");

    let before = Checkpoint::open(&first).unwrap().weights;
    let after = Checkpoint::open(&held.join("model.safetensors")).unwrap().weights;
    let (branch, rest): (Vec<_>, Vec<_>) = after.iter().partition(|(name, _)| name.starts_with("branch."));
    assert!(rest.len() == before.len() && rest.iter().all(|(name, weight)| weight.equal(&before[*name])));
    let output = branch.iter().find(|(name, _)| *name == "branch.output.weight").unwrap().1;
    assert!(output.abs().max().double_value(&[]) > 1e-3, "the branch has learnt nothing");
}
