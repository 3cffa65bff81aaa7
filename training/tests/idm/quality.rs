// SPDX-License-Identifier: MIT OR Apache-2.0
//! `idm quality` as a user runs it: damage is unnatural, a network's scores are what it says, what cannot be measured says why.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;
use tch::{CModule, Device, Kind, Tensor};
use training::picture;

use crate::common::{failed, idm, succeeded, test_data, text};

const SIDE: u32 = 128;

/// Windows of the portraits, as `folder/name/00.png` and on; those of `odd` lie between the others.
fn windows(folder: &Path, name: &str, odd: u32) -> PathBuf {
    let output = folder.join(name);
    std::fs::create_dir(&output).unwrap();
    let photos = ["astronaut.png", "biden.jpg"].map(|name| picture::read(&test_data(name)).unwrap());
    for index in 0..16 {
        let photo = &photos[index as usize % 2];
        let (x, y) = (60 + 20 * (index % 4) + 10 * odd, 20 + 20 * (index / 4) + 10 * odd);
        let cut = image::imageops::crop_imm(photo, x, y, 256, 256).to_image();
        let face = picture::resize_antialiased(&cut, SIDE, SIDE).unwrap();
        picture::write(&output.join(format!("{index:02}.png")), &face).unwrap();
    }
    output
}

/// A network that gives a picture's mean, 0 to 1.
fn brightness(folder: &Path) -> PathBuf {
    let path = folder.join("brightness.pt");
    let example = Tensor::zeros([2, 3, 32, 32], (Kind::Float, Device::Cpu));
    let mut forward = |inputs: &[Tensor]| vec![inputs[0].mean_dim([1, 2, 3].as_slice(), false, Kind::Float)];
    CModule::create_by_tracing("Network", "forward", &[example], &mut forward).unwrap().save(&path).unwrap();
    path
}

fn quality(more: &[&dyn AsRef<OsStr>]) -> Output {
    let mut args: Vec<&dyn AsRef<OsStr>> = vec![&"quality", &"--device", &"cpu", &"--patch", &"32"];
    args.extend(more);
    idm(&args)
}

fn named(name: &str, folder: &Path) -> String {
    format!("{name}={}", folder.display())
}

/// Blurred, noisy and coded faces are further from clean ones than clean ones of other places; each set is compared with the first by
/// name.
#[test]
fn damage_is_unnatural() {
    let folder = tempfile::tempdir().unwrap();
    let (natural, clean) = (windows(folder.path(), "natural", 0), windows(folder.path(), "clean", 1));
    let (damaged, json) = (folder.path().join("damaged"), folder.path().join("quality.json"));
    succeeded(&idm(&[&"degrade", &"--input", &clean, &"--output", &damaged, &"--seed", &"1"]));
    let sets = [named("clean", &clean), named("damaged", &damaged)];
    let said = succeeded(&quality(&[
        &"--natural",
        &natural,
        &"--pictures",
        &sets[0],
        &"--pictures",
        &sets[1],
        &"--output",
        &json,
    ]));
    assert!(
        said.contains("naturalness") && said.contains("minus clean") && said.contains("damaged"),
        "{said}"
    );
    let report: Value = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
    let [of_clean, of_damaged] = [0, 1].map(|set| &report["sets"][set]["measures"][0]);
    let mean = |of: &Value| of["mean"].as_f64().unwrap();
    assert!(of_clean["difference"].is_null());
    let difference = &of_damaged["difference"];
    assert!(difference["low"].as_f64().unwrap() > 0.0, "{difference}");
    let expected = mean(&of_damaged["mean"]) - mean(&of_clean["mean"]);
    assert!((mean(difference) - expected).abs() < 1e-9, "{difference}, expected {expected}");
    assert_eq!(report["sets"][1]["pictures"].as_object().unwrap().len(), 16);
}

#[test]
fn a_networks_scores_are_reported_under_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let (clean, network) = (windows(folder.path(), "clean", 0), brightness(folder.path()));
    let json = folder.path().join("quality.json");
    let args: [&dyn AsRef<OsStr>; 8] =
        [&"--pictures", &clean, &"--network", &network, &"--size", &"128", &"--output", &json];
    let said = succeeded(&quality(&args));
    assert!(said.contains("brightness") && !said.contains("naturalness"), "{said}");
    let report: Value = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
    for (name, values) in report["sets"][0]["pictures"].as_object().unwrap() {
        let bytes = picture::read(&clean.join(format!("{name}.png"))).unwrap().into_raw();
        let expected = bytes.iter().map(|&byte| f64::from(byte)).sum::<f64>() / bytes.len() as f64 / 255.0;
        let value = values[0].as_f64().unwrap();
        assert!((value - expected).abs() < 1e-5, "{name}: {value}, expected {expected}");
    }
}

#[test]
fn what_cannot_be_measured_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let (natural, clean) = (windows(folder.path(), "natural", 0), windows(folder.path(), "clean", 1));
    std::fs::write(clean.join("broken.png"), "broken").unwrap();
    let small = image::RgbImage::from_pixel(20, 20, image::Rgb([9; 3]));
    picture::write(&clean.join("small.png"), &small).unwrap();
    let output = quality(&[&"--natural", &natural, &"--pictures", &clean]);
    failed(&output, &["broken.png", "small.png", "32×32", "2 pictures were left out"]);
    assert!(text(&output.stdout).contains("naturalness"), "the others are measured");
    let empty = folder.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    failed(&quality(&[&"--natural", &natural, &"--pictures", &empty]), &["no pictures in", "empty"]);
    let one = folder.path().join("one");
    std::fs::create_dir(&one).unwrap();
    std::fs::copy(natural.join("00.png"), one.join("00.png")).unwrap();
    failed(&quality(&[&"--natural", &one, &"--pictures", &natural]), &["naturalness", "at least 37"]);
    assert_eq!(quality(&[&"--pictures", &natural]).status.code(), Some(2), "nothing to measure by");
}
