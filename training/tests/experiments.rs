// SPDX-License-Identifier: MIT OR Apache-2.0
//! scripts/experiments from end to end, as small as they can be: what they make, the page, going on, and what they refuse.

mod common;
#[path = "../examples/experiment-data/data.rs"]
mod experiment_data;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use common::{faces, failed, names, repository, succeeded, tiny_config, untrained_model};
use serde_json::Value;
use training::picture;

/// Faces that are taken, of which a quarter is held apart.
const FACES: usize = 160;

/// Windows about the faces of the portraits, as `folder/data/000.png` and on.
fn data(folder: &Path) -> PathBuf {
    let output = folder.join("data");
    experiment_data::faces(&output, FACES, 64).unwrap();
    output
}

fn colours(folder: &Path) -> PathBuf {
    experiment_data::colours(folder).unwrap()
}

/// A script of scripts/experiments on one core of the CPU.
fn experiment(name: &str, options: &[&str], paths: &[&Path]) -> Output {
    let mut command = Command::new(repository().join("scripts/experiments").join(name));
    command.env("IDM", env!("CARGO_BIN_EXE_idm")).env("OMP_NUM_THREADS", "1");
    command.args(["--quick", "--device", "cpu", "--faces", &FACES.to_string()]).args(options).args(paths);
    command.output().unwrap()
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn pictures(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let files = picture::list_tree(folder).unwrap();
    files.into_iter().map(|file| (file.clone(), std::fs::read(folder.join(file)).unwrap())).collect()
}

/// The page names what it shows, its pictures are there, and no folder of this machine is in it.
#[track_caller]
fn assert_page(experiment: &Path, name: &str, words: &[&str], folder: &Path) {
    let report = experiment.join("report");
    let page = std::fs::read_to_string(report.join(format!("{name}.md"))).unwrap();
    for word in words {
        assert!(page.contains(word), "{word:?} is not in: {page}");
    }
    for shown in page.split("](").skip(1).filter_map(|rest| rest.split_once(')')) {
        picture::read(&report.join(shown.0)).unwrap();
    }
    assert!(!page.contains(folder.to_str().unwrap()), "{page}");
}

/// f is an untrained residual network, which gives back what it gets: D* is D−, so both give the same generators, to the last figure.
#[test]
fn generators_of_three_sets_are_trained_and_measured() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (data, network, output) = (data(folder), colours(folder), folder.join("output"));
    let model = untrained_model(folder, true);
    let changes = [
        ("residual = true", "residual = false\ncondition = \"none\""),
        ("[degradation]\nclean_share = 0.1\n", ""),
        ("batch = 8", "batch = 4\nprecision = \"fp32\""),
        ("faces = 4", "faces = 0"),
    ];
    let config = tiny_config(folder, "generator.toml", &changes);
    let sizes =
        ["--size", "32", "--face-size", "64", "--network-size", "32", "--config", config.to_str().unwrap()];
    let numbers = ["--iterations", "20", "--samples", "20", "--curve-samples", "20", "--steps", "2"];
    let options = [sizes, numbers].concat();
    let run = |more: &[&str]| {
        experiment("generation", &[&options, more].concat(), &[&data, &network, &output, &model])
    };
    succeeded(&run(&[]));

    // Faces held apart are in no training set, and a part of D− is damaged, as the record says.
    let sources = ["training", "held-out"].map(|set| pictures(&output.join("sources").join(set)));
    assert_eq!((sources[0].len(), sources[1].len()), (120, 40));
    assert!(sources[1].iter().all(|(_, held)| sources[0].iter().all(|(_, seen)| seen != held)));
    let [clean, damaged, enhanced] =
        ["clean", "damaged", "enhanced"].map(|set| pictures(&output.join("sets").join(set)));
    let records = std::fs::read_to_string(output.join("sets/damaged/degradations.jsonl")).unwrap();
    let count = records.lines().filter(|line| line.contains("\"clean\":false")).count();
    let different = clean.iter().zip(&damaged).filter(|(clean, damaged)| clean != damaged).count();
    assert!(count == different && (16..57).contains(&count), "{count} are recorded, {different} differ");
    let decoded = |set: &str| -> Vec<image::RgbImage> {
        let files = picture::list(&output.join("sets").join(set)).unwrap();
        files.iter().map(|file| picture::read(file).unwrap()).collect()
    };
    assert!(enhanced.len() == 120 && decoded("damaged") == decoded("enhanced"));

    let distances = |run: &str, of: &str| {
        json(&output.join("distances").join(run).join(of))["frechet"]["distance"].clone()
    };
    for of in ["held-out.json", "damaged.json", "000005.json", "000020.json"] {
        assert_eq!(distances("damaged-0", of), distances("enhanced-0", of), "{of}");
        assert_ne!(distances("damaged-0", of), distances("clean-0", of), "{of}");
    }
    let models = output.join("runs/clean-0/models");
    assert_eq!(
        names(&models),
        ["000005", "000010", "000015", "000020"].map(|of| format!("{of}.safetensors"))
    );
    let bytes = |path: PathBuf| std::fs::read(path).unwrap();
    assert!(bytes(models.join("000020.safetensors")) == bytes(output.join("runs/clean-0/model.safetensors")));
    assert!(bytes(models.join("000005.safetensors")) != bytes(models.join("000020.safetensors")));
    let words = [
        "D−",
        "D*",
        "colours",
        "generation-curves.png",
        "of a single run",
        "idm generate --model",
        "$NETWORK",
        "$MODEL",
    ];
    assert_page(&output, "generation", &words, folder);

    // What is there stays; what is missing comes back as it was.
    let sample = output.join("samples/clean-0/000003.png");
    let before = bytes(sample.clone());
    std::fs::remove_file(&sample).unwrap();
    std::fs::remove_file(output.join("done/samples-clean-0")).unwrap();
    let said = succeeded(&run(&[]));
    assert_eq!(said.matches("== ").count(), 1, "{said}");
    assert!(said.contains("== samples-clean-0"), "{said}");
    assert_eq!(bytes(sample), before);
    failed(&run(&["--share", "0.5"]), &["other settings", "another OUTPUT"]);
    failed(&run(&["--samples", "10"]), &["20 samples"]);
    let missing = folder.join("missing");
    failed(
        &experiment("generation", &options, &[&missing, &network, &output, &model]),
        &["no folder", "missing"],
    );
}

#[test]
fn restorers_of_three_targets_are_trained_and_measured() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (data, real, output) = (data(folder), faces(folder), folder.join("output"));
    let config = tiny_config(
        folder,
        "restorer.toml",
        &[("batch = 8", "batch = 4\nprecision = \"fp32\""), ("faces = 4", "faces = 0")],
    );
    let options =
        ["--config", config.to_str().unwrap(), "--size", "64", "--iterations", "20", "--steps", "2"];
    let run = |more: &[&str]| experiment("restoration", &[&options, more].concat(), &[&data, &output, &real]);
    succeeded(&run(&[]));

    // x* are of D−, and f* is another model than the one trained as long without them.
    let model = |name: &str| std::fs::read(output.join("runs").join(name).join("model.safetensors")).unwrap();
    assert_eq!(picture::list_tree(&output.join("runs/enhanced")).unwrap().len(), 120);
    let models = ["first", "f-again", "second", "f-clean", "f-clean-again"].map(model);
    for (index, left) in models.iter().enumerate() {
        assert!(models[index + 1..].iter().all(|right| left != right), "two models are the same");
    }
    let evaluation = json(&output.join("evaluation/degraded/report.json"));
    assert_eq!(evaluation["systems"].as_array().unwrap().len(), 5);
    let clean = std::fs::read_to_string(output.join("evaluation/clean/report.md")).unwrap();
    assert!(clean.contains("100.00"), "the input is the truth there: {clean}");
    let quality = json(&output.join("quality/real.json"));
    assert_eq!(quality["sets"].as_array().unwrap().len(), 6);
    assert!(quality["sets"][5]["measures"][0]["difference"]["mean"].is_f64(), "{quality}");
    for page in ["study.html", "study.key.json", "study-real.html", "study-real.key.json"] {
        assert!(output.join(page).is_file(), "{page}");
    }
    let words = [
        "x* = f(x)",
        "f_clean again",
        "restoration-targets.jpg",
        "naturalness",
        "PSNR",
        "$REAL",
        "idm iterate --config",
    ];
    assert_page(&output, "restoration", &words, folder);

    let said = succeeded(&run(&[]));
    assert!(!said.contains("== "), "{said}");
    failed(&run(&["--size", "72"]), &["other settings"]);
    failed(&run(&["--size", "65"]), &["multiple of 8"]);
}

/// A page of what is not there, or is something else, is refused.
#[test]
fn an_experiment_that_is_not_complete_has_no_page() {
    let folder = tempfile::tempdir().unwrap();
    let report = || common::idm(&[&"report", &folder.path()]);
    failed(&report(), &["experiment.json", "is the experiment complete?"]);
    std::fs::write(folder.path().join("experiment.json"), "{\"experiment\": \"other\"}").unwrap();
    failed(&report(), &["experiment.json", "other"]);
    assert!(!folder.path().join("report").exists());
}
