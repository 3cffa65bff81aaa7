// SPDX-License-Identifier: MIT OR Apache-2.0
//! `idm iterate` from end to end: interrupted anywhere, it makes the model of an undisturbed run; and what it reports.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Output;

use restore_core::Checkpoint;
use serde_json::Value;
use training::picture;

use crate::common::{faces, failed, idm, idm_on_small_disk, kill_9_when, names, succeeded, tiny_config};

fn config(folder: &Path) -> PathBuf {
    let changes = [
        ("iterations = 120", "iterations = 6"),
        ("batch = 8", "batch = 2\nprecision = \"fp32\""),
        ("checkpoint = 40", "checkpoint = 2"),
        ("faces = 4", "faces = 0"),
    ];
    tiny_config(folder, "tiny.toml", &changes)
}

/// Arguments of a run without validation.
#[expect(clippy::ptr_arg, reason = "a trait object needs a sized type")]
fn arguments<'a>(config: &'a PathBuf, data: &'a PathBuf, run: &'a PathBuf) -> Vec<&'a dyn AsRef<OsStr>> {
    vec![
        &"iterate",
        &"--config",
        config,
        &"--data",
        data,
        &"--output",
        run,
        &"--steps",
        &"2",
        &"--device",
        &"cpu",
    ]
}

fn with<'a>(args: &[&'a dyn AsRef<OsStr>], more: &'a [&'a str]) -> Vec<&'a dyn AsRef<OsStr>> {
    args.iter().copied().chain(more.iter().map(|arg| arg as &dyn AsRef<OsStr>)).collect()
}

#[track_caller]
fn same_weights(left: &Path, right: &Path) {
    let (left, right) = (Checkpoint::open(left).unwrap(), Checkpoint::open(right).unwrap());
    assert_eq!(left.weights.len(), right.weights.len());
    for (name, weight) in &left.weights {
        assert!(weight.equal(&right.weights[name]), "{name} differs");
    }
}

/// The file of a picture is nested and its neighbour is broken, as in a real set.
fn data(folder: &Path) -> PathBuf {
    let data = faces(folder);
    std::fs::create_dir(data.join("more")).unwrap();
    std::fs::rename(data.join("3.png"), data.join("more/3.png")).unwrap();
    std::fs::write(data.join("more/broken.png"), b"no picture").unwrap();
    data
}

#[test]
fn killed_anywhere_it_ends_with_the_model_of_an_undisturbed_run() {
    let folder = tempfile::tempdir().unwrap();
    let (config, data) = (config(folder.path()), data(folder.path()));
    let (calm, killed) = (folder.path().join("calm"), folder.path().join("killed"));
    let said = idm(&arguments(&config, &data, &calm));
    assert!(
        crate::common::text(&said.stderr).contains("broken.png"),
        "{}",
        crate::common::text(&said.stderr)
    );
    assert!(succeeded(&said).contains("both iterations done"));

    let args = arguments(&config, &data, &killed);
    let exists = |file: &str| killed.join(file).exists();
    let moments: [&dyn Fn() -> bool; 5] = [
        &|| exists("iterate.json"),
        &|| exists("first/state.safetensors"),
        &|| exists("enhanced/0.png"),
        &|| exists("second/state.safetensors"),
        &|| exists("model.safetensors"),
    ];
    let kills = moments.iter().filter(|moment| kill_9_when(&args, moment)).count();
    // The last moments are short; a busy machine may miss one.
    assert!(kills >= 3, "killed {kills} times only");
    succeeded(&idm(&args));
    for model in ["model.safetensors", "first/model.safetensors", "second/model.safetensors"] {
        same_weights(&calm.join(model), &killed.join(model));
    }
    same_weights(&killed.join("model.safetensors"), &killed.join("second/model.safetensors"));
    for file in picture::list_tree(&data).unwrap() {
        let read = |run: &Path| std::fs::read(run.join("enhanced").join(&file)).unwrap();
        assert!(read(&calm) == read(&killed), "{file:?}");
    }
    assert_eq!(std::fs::read(calm.join("enhanced/more/broken.png")).unwrap(), b"no picture");
    let changed =
        picture::read(&data.join("0.png")).unwrap() != picture::read(&calm.join("enhanced/0.png")).unwrap();
    assert!(changed, "x* is x");
    assert_eq!(names(&killed).iter().filter(|name| name.ends_with(".part")).count(), 0);
}

#[test]
fn a_full_disk_stops_it_with_a_reason_and_it_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let (config, data) = (config(folder.path()), faces(folder.path()));
    let run = folder.path().join("run");
    std::fs::create_dir(&run).unwrap();
    let args = arguments(&config, &data, &run);
    // A state of the tiny network has about a megabyte: enough for the first training's, not for all that follows.
    let full = idm_on_small_disk(&run, 2600, &args);
    failed(&full, &["No space left on device"]);
    succeeded(&idm(&args));
    let calm = folder.path().join("calm");
    succeeded(&idm(&arguments(&config, &data, &calm)));
    same_weights(&run.join("model.safetensors"), &calm.join("model.safetensors"));
}

#[test]
fn it_reports_what_the_second_iteration_changed() {
    let folder = tempfile::tempdir().unwrap();
    let (config, data) = (config(folder.path()), faces(folder.path()));
    let run = folder.path().join("run");
    let args = arguments(&config, &data, &run);
    let validation = data.to_str().unwrap();
    let more = ["--validation", validation, "--second-iterations", "4"];
    let with_validation = with(&args, &more);
    let said = succeeded(&idm(&with_validation));
    let table = std::fs::read_to_string(run.join("iterations.md")).unwrap();
    assert!(said.contains(&table) && table.contains("| f\\*(x_d) − f(x_d) | "), "{table}");
    let second = std::fs::read_to_string(run.join("second.toml")).unwrap();
    assert!(second.contains("iterations = 4") && second.contains("seed = 1"), "{second}");

    // The same figures as idm evaluate gives, whose seed is 0, for each of the two models.
    let report: Value = serde_json::from_slice(&std::fs::read(run.join("iterations.json")).unwrap()).unwrap();
    let mean = |list: &str, row: usize| report[list][row]["psnr"]["mean"].as_f64().unwrap();
    for (model, row) in [("first", 1), ("second", 2)] {
        let (model, json) =
            (run.join(model).join("model.safetensors"), folder.path().join("evaluation.json"));
        let evaluated: Output = idm(&[
            &"evaluate",
            &"--model",
            &model,
            &"--data",
            &data,
            &"--steps",
            &"2",
            &"--device",
            &"cpu",
            &"--precision",
            &"fp32",
            &"--json",
            &json,
        ]);
        succeeded(&evaluated);
        let evaluation: Value = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
        let text = evaluation.to_string();
        // The mean of f(x_d), as evaluate writes it.
        let figure = serde_json::to_string(&report["means"][row]["psnr"]["mean"]).unwrap();
        assert!(text.contains(&figure), "{figure} is not in {text}");
    }
    assert!((mean("differences", 2) - (mean("means", 2) - mean("means", 1))).abs() < 1e-9);
    assert!((mean("differences", 3) - (mean("means", 4) - mean("means", 3))).abs() < 1e-9);
    assert_eq!(report["pictures"].as_array().unwrap().len(), 5);
    let modified = || std::fs::metadata(run.join("iterations.json")).unwrap().modified().unwrap();
    let before = modified();
    assert!(succeeded(&idm(&with_validation)).contains(&table));
    assert_eq!(modified(), before, "a finished run is not measured again");
}

/// A further stage: with a learning rate of almost nothing, f is what it started from.
#[test]
fn f_starts_from_a_model() {
    let folder = tempfile::tempdir().unwrap();
    let (config, data) = (config(folder.path()), faces(folder.path()));
    let [first, next] = ["first", "next"].map(|name| folder.path().join(name));
    succeeded(&idm(&arguments(&config, &data, &first)));
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace("learning_rate = 2e-3", "learning_rate = 1e-12")).unwrap();
    let model = first.join("model.safetensors");
    succeeded(&idm(&with(&arguments(&config, &data, &next), &["--init", model.to_str().unwrap()])));
    same_weights(&model, &next.join("first/model.safetensors"));
}

#[test]
fn a_run_of_something_else_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (config, data) = (config(folder.path()), faces(folder.path()));
    let run = folder.path().join("run");
    let args = arguments(&config, &data, &run);
    kill_9_when(&args, || run.join("first/state.safetensors").exists());
    failed(
        &idm(&with(&args, &["--second-iterations", "9"])),
        &["iterate.json", "second_iterations is 6", "another --output"],
    );
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace("learning_rate = 2e-3", "learning_rate = 1e-3")).unwrap();
    failed(&idm(&args), &["iterate.json", "optimiser.learning_rate is 0.002", "0.001"]);
    std::fs::write(&config, text).unwrap();
    std::fs::copy(data.join("0.png"), data.join("new.png")).unwrap();
    failed(&idm(&args), &["iterate.json", "other pictures", "5 of", "6 of"]);
    std::fs::remove_file(data.join("new.png")).unwrap();
    let inside = data.join("run");
    failed(&idm(&arguments(&config, &data, &inside)), &["lies in", "choose another"]);
    let fresh = folder.path().join("fresh");
    let fresh = arguments(&config, &data, &fresh);
    let mut many_steps = fresh.clone();
    many_steps[8] = &"5000";
    failed(&idm(&many_steps), &["--steps", "5000"]);
    failed(
        &idm(&with(&fresh, &["--validation", folder.path().join("run").to_str().unwrap()])),
        &["--validation", "no pictures"],
    );
    assert!(!folder.path().join("fresh").exists());
}
