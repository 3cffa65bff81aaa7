// SPDX-License-Identifier: MIT OR Apache-2.0
//! Networks of measures: tiny ones of known effect, as TorchScript and as ONNX, and what is said of unusable ones.

use std::path::{Path, PathBuf};

use image::{Rgb, RgbImage};
use tch::{CModule, Device, Kind, Tensor};
use training::metrics::{MetricNetwork, cosines, distances, pictures_tensor};

/// Exports a network of so many batches of pictures as `folder/name`.
fn traced(folder: &Path, name: &str, batches: usize, network: impl Fn(&[Tensor]) -> Tensor) -> PathBuf {
    let path = folder.join(name);
    let example = || Tensor::zeros([2, 3, 32, 32], (Kind::Float, Device::Cpu));
    let examples: Vec<Tensor> = (0..batches).map(|_| example()).collect();
    let mut forward = |inputs: &[Tensor]| vec![network(inputs)];
    let module = CModule::create_by_tracing("Network", "forward", &examples, &mut forward).unwrap();
    module.save(&path).unwrap();
    path
}

fn open(path: &Path) -> MetricNetwork {
    MetricNetwork::open(path, Device::Cpu).unwrap()
}

fn mean_colours(pictures: &Tensor) -> Tensor {
    pictures.mean_dim([2, 3].as_slice(), false, Kind::Float)
}

/// Pictures of one colour each.
fn plain(colours: &[[u8; 3]]) -> Tensor {
    let pictures: Vec<RgbImage> =
        colours.iter().map(|&colour| RgbImage::from_pixel(40, 40, Rgb(colour))).collect();
    pictures_tensor(&pictures.iter().collect::<Vec<_>>(), 40).unwrap()
}

#[track_caller]
fn close(values: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(values.len(), expected.len());
    for (value, expected) in values.iter().zip(expected) {
        assert!((value - expected).abs() < tolerance, "{values:?}, expected {expected:?}");
    }
}

/// The embedding is the mean colour in [0, 1], so likeness is known in closed form.
#[test]
fn identity_is_the_cosine_and_the_distance_of_embeddings() {
    let folder = tempfile::tempdir().unwrap();
    let mut network = open(&traced(folder.path(), "colour.pt", 1, |inputs| mean_colours(&inputs[0])));
    assert_eq!(network.name(), "colour");
    assert_eq!(network.milliseconds_per_picture(), None);
    let left = network.features(&plain(&[[255, 0, 0], [51, 102, 204], [10, 20, 30]])).unwrap();
    let right = network.features(&plain(&[[0, 255, 0], [102, 51, 0], [20, 40, 60]])).unwrap();
    // (0.2, 0.4, 0.8) and (0.4, 0.2, 0): 0.16 / √0.84 / √0.2; the last two point the same way.
    close(&cosines(&left, &right).unwrap(), &[0.0, 0.16 / (0.84_f64 * 0.2).sqrt(), 1.0], 1e-6);
    let third = (100.0_f64 + 400.0 + 900.0).sqrt() / 255.0;
    close(&distances(&left, &right).unwrap(), &[2.0_f64.sqrt(), 0.72_f64.sqrt(), third], 1e-6);
    assert!(network.milliseconds_per_picture().unwrap() > 0.0);
}

#[test]
fn distances_and_votes_are_read_in_every_allowed_shape() {
    let folder = tempfile::tempdir().unwrap();
    let (left, right) = (plain(&[[0, 0, 0], [255, 0, 0]]), plain(&[[51, 51, 51], [255, 0, 0]]));
    let difference = |inputs: &[Tensor]| (&inputs[0] - &inputs[1]).abs();
    let flat = traced(folder.path(), "flat.pt", 2, |inputs| {
        difference(inputs).mean_dim([1, 2, 3].as_slice(), false, Kind::Float)
    });
    let kept = traced(folder.path(), "kept.pt", 2, |inputs| {
        difference(inputs).mean_dim([1, 2, 3].as_slice(), true, Kind::Float)
    });
    for file in [flat, kept] {
        close(&open(&file).distances(&left, &right).unwrap(), &[0.2, 0.0], 1e-6);
    }
    // Shares k / 55 of the votes k = 1 to 10: the mean is 385 / 55.
    let shares = Tensor::arange_start(1, 11, (Kind::Float, Device::Cpu)) / 55.0;
    let base = |inputs: &[Tensor]| mean_colours(&inputs[0]).narrow(1, 0, 1);
    let votes = traced(folder.path(), "votes.pt", 1, |inputs| base(inputs) * 0.0 + &shares);
    close(&open(&votes).opinions(&left).unwrap(), &[7.0, 7.0], 1e-5);
    let scores = traced(folder.path(), "scores.pt", 1, |inputs| base(inputs) * 9.0 + 1.0);
    close(&open(&scores).opinions(&left).unwrap(), &[1.0, 10.0], 1e-5);
    let logits = traced(folder.path(), "logits.pt", 1, |inputs| base(inputs) + &shares * 2.0);
    let message = open(&logits).opinions(&left).unwrap_err().to_string();
    assert!(message.contains("logits.pt") && message.contains("add up to 2.000"), "{message}");
}

#[test]
fn unfitting_networks_are_named_with_what_they_gave() {
    let folder = tempfile::tempdir().unwrap();
    let pictures = plain(&[[1, 2, 3], [4, 5, 6]]);
    let file = traced(folder.path(), "colour.pt", 1, |inputs| mean_colours(&inputs[0]));
    let message = open(&file).opinions(&pictures).unwrap_err().to_string();
    for part in ["colour.pt", "[2, 3] for 2 pictures", "[N, 10]", "[N]"] {
        assert!(message.contains(part), "{part:?} is not in: {message}");
    }
    let message = open(&file).distances(&pictures, &pictures).unwrap_err().to_string();
    assert!(message.contains("colour.pt failed") && message.contains("[2, 3, 40, 40]"), "{message}");
    let whole = traced(folder.path(), "whole.pt", 1, |inputs| inputs[0].mean(Kind::Float));
    let message = open(&whole).features(&pictures).unwrap_err().to_string();
    assert!(message.contains("whole.pt gave [] for 2 pictures, expected [N, D]"), "{message}");
    let infinite = traced(folder.path(), "infinite.pt", 1, |inputs| mean_colours(&inputs[0]) / 0.0);
    let message = open(&infinite).features(&pictures).unwrap_err().to_string();
    assert!(message.contains("infinite.pt gave infinite"), "{message}");
}

#[test]
fn unusable_files_are_named_with_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let whole =
        std::fs::read(traced(folder.path(), "whole.pt", 1, |inputs| mean_colours(&inputs[0]))).unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let files = [
        (folder.path().join("nowhere.pt"), ["cannot read", "nowhere.pt"]),
        (write("half.pt", &whole[..whole.len() / 2]), ["half.pt", "torch.jit.script"]),
        (write("text.pt", b"no network"), ["text.pt", "not a whole TorchScript module"]),
        (write("empty.pt", b""), ["empty.pt", "not a whole TorchScript module"]),
        (write("text.onnx", b"no network"), ["text.onnx", "TorchScript"]),
        (write("empty.onnx", b""), ["empty.onnx", "TorchScript"]),
    ];
    for (path, parts) in files {
        let message = MetricNetwork::open(&path, Device::Cpu).err().expect("it opens").to_string();
        for part in parts {
            assert!(message.contains(part), "{part:?} is not in: {message}");
        }
    }
}

/// The two ONNX files in tests/data, made by this with Python's onnx 1.23, beside the same networks in TorchScript:
/// ```python
/// w = ((np.arange(4 * 3 * 3 * 3) * 7 % 11) / 10 - 0.5).astype(np.float32).reshape(4, 3, 3, 3)
/// values = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
/// def features(of):
///     return [
///         helper.make_node("Conv", [of, "w"], [of + "1"], kernel_shape=[3, 3], strides=[2, 2]),
///         helper.make_node("Relu", [of + "1"], [of + "2"]),
///         helper.make_node("GlobalAveragePool", [of + "2"], [of + "3"]),
///         helper.make_node("Flatten", [of + "3"], [of + "4"]),
///     ]
/// def write(name, nodes, inputs, output, shape):
///     inputs = [values(i, ["N", 3, "H", "W"]) for i in inputs]
///     weights = [numpy_helper.from_array(w, "w")]
///     graph = helper.make_graph(nodes, name, inputs, [values(output, shape)], weights)
///     save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=7), name + ".onnx")
/// write("embedding", features("x"), ["x"], "x4", ["N", 4])
/// squares = [
///     helper.make_node("Sub", ["a4", "b4"], ["d"]),
///     helper.make_node("Mul", ["d", "d"], ["dd"]),
///     helper.make_node("ReduceSum", ["dd"], ["sum"], axes=[1], keepdims=1),
/// ]
/// write("distance", features("a") + features("b") + squares, ["a", "b"], "sum", ["N", 1])
/// ```
#[cfg(feature = "detect")]
#[test]
fn onnx_gives_what_torchscript_gives() {
    let weights: Vec<f32> = (0..108).map(|index| (index * 7 % 11) as f32 / 10.0 - 0.5).collect();
    let weights = Tensor::from_slice(&weights).view([4, 3, 3, 3]);
    let embedding = |pictures: &Tensor| {
        let none = None::<&Tensor>;
        let maps = pictures.conv2d(&weights, none, [2, 2], [0, 0], [1, 1], 1).relu();
        maps.mean_dim([2, 3].as_slice(), false, Kind::Float)
    };
    let folder = tempfile::tempdir().unwrap();
    let twin = traced(folder.path(), "embedding.pt", 1, |inputs| embedding(&inputs[0]));
    let pair = traced(folder.path(), "distance.pt", 2, |inputs| {
        let difference = embedding(&inputs[0]) - embedding(&inputs[1]);
        difference.square().sum_dim_intlist(1, false, Kind::Float)
    });
    let onnx = |name: &str| open(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name));
    let portrait = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/astronaut.png");
    let portrait = training::picture::read(&portrait).unwrap();
    let cut = |x, y| image::imageops::crop_imm(&portrait, x, y, 96, 96).to_image();
    let tensor = |cuts: [RgbImage; 3]| pictures_tensor(&cuts.iter().collect::<Vec<_>>(), 96).unwrap();
    let left = tensor([cut(180, 60), cut(0, 0), cut(300, 400)]);
    let right = tensor([cut(200, 80), cut(0, 0), cut(100, 300)]);

    let expected = open(&twin).features(&left).unwrap();
    let got = onnx("embedding.onnx").features(&left).unwrap();
    assert_eq!(got.size(), [3, 4]);
    assert!(f64::try_from((&got - &expected).abs().max()).unwrap() < 1e-5, "{got:?}, {expected:?}");
    assert!(f64::try_from(expected.std(true)).unwrap() > 0.01, "all embeddings are the same");
    let expected = open(&pair).distances(&left, &right).unwrap();
    let got = onnx("distance.onnx").distances(&left, &right).unwrap();
    close(&got, &expected, 1e-7);
    assert!(got[0] > 5e-6 && got[1] == 0.0 && got[2] > 5e-4, "{got:?}");
    let message = onnx("embedding.onnx").distances(&left, &right).unwrap_err().to_string();
    assert!(message.contains("embedding.onnx failed"), "{message}");
}

#[cfg(not(feature = "detect"))]
#[test]
fn onnx_needs_the_feature_detect() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/embedding.onnx");
    let message = MetricNetwork::open(&path, Device::Cpu).err().expect("it opens").to_string();
    assert!(message.contains("feature `detect`") && message.contains("TorchScript"), "{message}");
}
