// SPDX-License-Identifier: MIT OR Apache-2.0
//! Model files: what goes in comes out, and what is broken is refused with the file, the reason and the remedy.

mod common;

use std::collections::HashMap;
use std::path::Path;

use common::small_model;
use restore_core::{Checkpoint, Design, ModelConfig, RestoreError, UNetConfig};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use tch::{Device, Kind, Tensor};

fn saved(folder: &Path) -> std::path::PathBuf {
    let path = folder.join("model.safetensors");
    small_model().save(&path, Kind::Float).unwrap();
    path
}

#[test]
fn a_model_survives_saving_in_each_precision() {
    let folder = tempfile::tempdir().unwrap();
    let model = small_model();
    for (kind, tolerance) in [(Kind::Float, 0.0), (Kind::BFloat16, 0.01), (Kind::Half, 0.001)] {
        let path = folder.path().join("model.safetensors");
        model.save(&path, kind).unwrap();
        let read = Checkpoint::open(&path).unwrap();
        assert_eq!(read.config, model.config);
        assert_eq!(read.weights.len(), model.weights.len());
        for (name, weight) in &model.weights {
            let other = &read.weights[name];
            assert_eq!(other.kind(), kind);
            let error = (weight - other.to_kind(Kind::Float)).abs().max().double_value(&[]);
            assert!(error <= tolerance, "{name} is off by {error} in {kind:?}");
        }
        read.load(&path, Device::Cpu, Kind::Float).unwrap();
    }
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "temporary files are left: {left:?}");
}

/// Each weight is within half a step, 1/254 of its channel's largest; the file has a quarter of fp32's size; version 1 is kept
/// for the others, which older programs read; and scales that do not fit are refused.
#[test]
fn a_model_can_be_stored_in_8_bits() {
    let folder = tempfile::tempdir().unwrap();
    let [large, small] = ["fp32", "int8"].map(|name| folder.path().join(name));
    let model = small_model();
    model.save(&large, Kind::Float).unwrap();
    model.save(&small, Kind::Int8).unwrap();
    let read = Checkpoint::open(&small).unwrap();
    assert_eq!(read.config, model.config);
    assert!(read.weights.keys().eq(model.weights.keys()));
    for (name, weight) in &model.weights {
        let error = (weight - &read.weights[name]).abs();
        let limit = if weight.dim() == 4 { weight.abs().max().double_value(&[]) / 254.0 } else { 0.0 };
        assert!(error.max().double_value(&[]) <= limit * 1.0001, "{name}");
    }
    read.load(&small, Device::Cpu, Kind::Float).unwrap();
    let version = |path: &Path| {
        let bytes = std::fs::read(path).unwrap();
        let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
        header.metadata().as_ref().unwrap()["facerestore"].clone()
    };
    assert_eq!((version(&large), version(&small)), ("1".to_owned(), "2".to_owned()));

    let bytes = std::fs::read(&small).unwrap();
    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    let metadata = header.metadata().clone();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let without = file.iter().filter(|(name, _)| *name != "stem.weight.scale");
    let without = safetensors::serialize(without, metadata).unwrap();
    std::fs::write(&small, without).unwrap();
    let error = Checkpoint::open(&small).unwrap_err().to_string();
    assert!(error.contains("stem.weight") && error.contains("without its scales"), "{error}");
}

#[test]
fn a_missing_file_is_named() {
    let error = Checkpoint::open(Path::new("nowhere/model.safetensors")).unwrap_err().to_string();
    assert!(error.contains("nowhere/model.safetensors") && error.contains("No such file"), "{error}");
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = saved(folder.path());
    let bytes = std::fs::read(&path).unwrap();
    for length in [0, 1, 7, 8, 100, bytes.len() / 2, bytes.len() - 1] {
        std::fs::write(&path, &bytes[..length]).unwrap();
        let error = Checkpoint::open(&path).unwrap_err();
        assert!(matches!(error, RestoreError::Model { .. }), "{length} bytes: {error}");
        let text = error.to_string();
        assert!(text.contains("model.safetensors") && text.contains("Copy it again"), "{text}");
    }
}

#[test]
fn foreign_and_garbage_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.safetensors");
    std::fs::write(&path, b"version https://git-lfs.github.com/spec/v1 and more text of a pointer file")
        .unwrap();
    assert!(Checkpoint::open(&path).unwrap_err().to_string().contains("Git LFS pointer"));
    // A valid file of another project.
    let data = [0_u8; 4];
    let view = TensorView::new(Dtype::F32, vec![1], &data).unwrap();
    std::fs::write(&path, safetensors::serialize([("w", view)], None).unwrap()).unwrap();
    let error = Checkpoint::open(&path).unwrap_err().to_string();
    assert!(error.contains("no facerestore configuration"), "{error}");
}

/// Rewrites a model file with one change to its metadata.
fn with_metadata(path: &Path, change: impl FnOnce(&mut HashMap<String, String>)) {
    let bytes = std::fs::read(path).unwrap();
    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    let mut metadata = header.metadata().clone().unwrap();
    change(&mut metadata);
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let changed = safetensors::serialize(file.tensors(), Some(metadata)).unwrap();
    std::fs::write(path, changed).unwrap();
}

#[test]
fn a_newer_version_is_refused_with_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let path = saved(folder.path());
    with_metadata(&path, |metadata| {
        metadata.insert("facerestore".into(), "3".into());
    });
    let error = Checkpoint::open(&path).unwrap_err().to_string();
    assert!(error.contains("version 3") && error.contains("Update facerestore"), "{error}");
}

#[test]
fn a_configuration_that_makes_no_sense_is_refused() {
    let changes = [
        ("\"patch\":2", "\"patch\":0", "unet.patch"),
        ("\"crop_size\":32", "\"crop_size\":33", "crop_size is 33"),
        ("\"timesteps\":1000", "\"timesteps\":0", "diffusion.timesteps"),
        ("\"crop_size\":32", "\"crop_size\":\"x\"", "cannot be read"),
        ("\"base_channels\":16", "\"base_channels\":9999999999", "unet.base_channels"),
    ];
    for (from, to, expected) in changes {
        let folder = tempfile::tempdir().unwrap();
        let path = saved(folder.path());
        with_metadata(&path, |metadata| {
            let config = metadata.get_mut("config").unwrap();
            assert!(config.contains(from), "{config}");
            *config = config.replace(from, to);
        });
        let error = Checkpoint::open(&path).unwrap_err().to_string();
        assert!(error.contains(expected) && error.contains("model.safetensors"), "{error}");
    }
}

/// A network of that size would take 10 TB; what the file holds is known before anybody makes it.
#[test]
fn a_small_file_that_asks_for_a_huge_network_is_refused_before_it_is_made() {
    for (from, to) in [
        ("\"base_channels\":16", "\"base_channels\":4096"),
        ("\"unet\":{", "\"unet\":{\"condition\":{\"classes\":100000},"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = saved(folder.path());
        with_metadata(&path, |metadata| {
            let config = metadata.get_mut("config").unwrap();
            assert!(config.contains(from), "{config}");
            *config = config.replace(from, to).replace("\"residual\":true", "\"residual\":false");
        });
        let error = Checkpoint::open(&path).unwrap_err().to_string();
        assert!(error.contains("weights, and its configuration asks for at least"), "{error}");
    }
}

/// The bound of the test before holds for both designs and for the shipped models.
#[test]
fn no_whole_model_is_taken_for_one_with_too_few_weights() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    for unet in
        [UNetConfig::fast(), UNetConfig { design: Design::Ddpm, base_channels: 32, ..UNetConfig::fast() }]
    {
        let config = ModelConfig { unet, crop_size: 64, ..small_model().config };
        Checkpoint::untrained(&config, 1).unwrap().save(&path, Kind::BFloat16).unwrap();
        Checkpoint::open(&path).unwrap();
    }
    for name in ["facerestore-fast.safetensors", "facerestore-live.safetensors"] {
        Checkpoint::open(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../models").join(name)).unwrap();
    }
}

#[test]
fn weights_that_do_not_fit_the_configuration_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let load = |checkpoint: &Checkpoint| {
        checkpoint.save(&path, Kind::Float).unwrap();
        Checkpoint::open(&path)
            .unwrap()
            .load(&path, Device::Cpu, Kind::Float)
            .map(|_| ())
            .unwrap_err()
            .to_string()
    };
    let mut model = small_model();
    model.weights.insert("stem.weight".into(), Tensor::zeros([2, 2], (Kind::Float, Device::Cpu)));
    let error = load(&model);
    assert!(error.contains("\"stem.weight\" has shape [2, 2]"), "{error}");

    let mut model = small_model();
    model.weights.remove("stem.weight");
    assert!(load(&model).contains("\"stem.weight\" is missing"));

    let mut model = small_model();
    model.weights.insert("extra".into(), Tensor::zeros([1], (Kind::Float, Device::Cpu)));
    assert!(load(&model).contains("\"extra\""));
}

/// A folder that does not accept files stands for a full disk: the temporary file cannot be made
/// or filled, and the error takes the same way.
#[test]
fn a_model_that_cannot_be_written_leaves_the_old_one() {
    let folder = tempfile::tempdir().unwrap();
    let blocked = folder.path().join("file");
    std::fs::write(&blocked, b"not a folder").unwrap();
    let error = small_model().save(&blocked.join("model.safetensors"), Kind::Float).unwrap_err();
    assert!(matches!(&error, RestoreError::Io { action: "write model", .. }), "{error}");
    assert_eq!(std::fs::read(&blocked).unwrap(), b"not a folder");
}

/// The weights of both models are there under their names, a coarse network of before is not, and the whole can be run.
#[test]
fn a_model_takes_another_as_its_coarse_network() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("both.safetensors");
    let mut coarse = small_model();
    let name = coarse.weights.keys().next().unwrap().clone();
    let _ = coarse.weights.get_mut(&name).unwrap().fill_(0.375);
    let both = small_model().with_coarse(small_model()).with_coarse(coarse);
    assert_eq!(both.weights.len(), 2 * small_model().weights.len());
    both.save(&path, Kind::Float).unwrap();
    let read = Checkpoint::open(&path).unwrap();
    assert_eq!(read.config, both.config);
    assert_eq!(*read.config.unet.coarse.as_deref().unwrap(), small_model().config.unet);
    let weight = &read.weights[&format!("coarse.{name}")];
    assert_eq!(weight.double_value(&vec![0; weight.dim()]), 0.375);
    assert!(read.weights[&name].equal(&small_model().weights[&name]));
    read.load(&path, Device::Cpu, Kind::Float).unwrap();
}
