// SPDX-License-Identifier: MIT OR Apache-2.0
//! `idm train` from end to end: it learns, resumes to the same bits, and says what is wrong.

use std::ffi::OsStr;
use std::path::Path;

use restore_core::Checkpoint;

use crate::common::{faces, succeeded, tiny_config, train};

fn losses(run: &Path) -> Vec<f64> {
    let text = std::fs::read_to_string(run.join("metrics.csv")).unwrap();
    text.lines().skip(1).map(|line| line.split(',').nth(2).unwrap().parse().unwrap()).collect()
}

/// 120 iterations on four faces and one kind of blur, the task that a network learns soonest: the mean loss of the last
/// quarter is well below that of the first (over five seeds on four other portraits: 0.64 to 0.68 of it).
#[test]
fn the_loss_falls() {
    let folder = tempfile::tempdir().unwrap();
    let data = faces(folder.path());
    let run = folder.path().join("run");
    let blur = "sigma = [8.0, 8.0]\nisotropic_probability = 1.0\nscale = [1.0, 1.0]\nnoise = [0.0, 0.0]\nquality = [100, 100]";
    let file = tiny_config(folder.path(), "c.toml", &[("clean_share = 0.1", blur)]);
    succeeded(&train(&file, &data, &run, &[]));
    let losses = losses(&run);
    assert_eq!(losses.len(), 12);
    let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
    assert!(mean(&losses[9..]) < 0.85 * mean(&losses[..3]), "{losses:?}");
    let model = Checkpoint::open(&run.join("model.safetensors")).unwrap();
    assert_eq!(model.config.crop_size, 64);
}

/// fp32, since a run interrupted by nothing is the reference for one stopped and resumed: the same bits.
#[test]
fn a_resumed_run_makes_the_same_model_as_one_never_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let data = faces(folder.path());
    let precision = ("batch = 8", "batch = 2\nprecision = \"fp32\"");
    let long = tiny_config(folder.path(), "long.toml", &[("iterations = 120", "iterations = 20"), precision]);
    let short =
        tiny_config(folder.path(), "short.toml", &[("iterations = 120", "iterations = 10"), precision]);
    let (whole, parts) = (folder.path().join("whole"), folder.path().join("parts"));
    succeeded(&train(&long, &data, &whole, &[]));
    succeeded(&train(&short, &data, &parts, &[&"--workers", &"1"]));
    succeeded(&train(&long, &data, &parts, &[&"--resume", &"--workers", &"3"]));
    assert_eq!(losses(&whole), losses(&parts));
    let read = |run: &Path| Checkpoint::open(&run.join("model.safetensors")).unwrap();
    let (whole, parts) = (read(&whole), read(&parts));
    assert_eq!(whole.weights.len(), parts.weights.len());
    for (name, weight) in &whole.weights {
        assert!(weight.equal(&parts.weights[name]), "{name} differs");
    }
}

#[test]
fn a_run_is_not_overwritten_and_can_start_from_another_model() {
    let folder = tempfile::tempdir().unwrap();
    let data = faces(folder.path());
    let file = tiny_config(folder.path(), "c.toml", &[("iterations = 120", "iterations = 1")]);
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    succeeded(&train(&file, &data, &first, &[]));
    let again = train(&file, &data, &first, &[]);
    assert!(!again.status.success());
    assert!(String::from_utf8_lossy(&again.stderr).contains("add --resume"));
    let model = first.join("model.safetensors");
    succeeded(&train(&file, &data, &second, &[&"--init", &model]));
}

#[test]
fn broken_files_are_passed_over_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let data = faces(folder.path());
    let whole = std::fs::read(data.join("0.png")).unwrap();
    std::fs::write(data.join("broken.png"), &whole[..whole.len() / 3]).unwrap();
    std::fs::write(data.join("empty.jpg"), b"").unwrap();
    let file = tiny_config(folder.path(), "c.toml", &[("iterations = 120", "iterations = 5")]);
    let output = train(&file, &data, &folder.path().join("run"), &[]);
    succeeded(&output);
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("broken.png") && text.contains("passed over"), "{text}");
}

#[test]
fn what_cannot_work_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let data = faces(folder.path());
    let run = folder.path().join("run");
    let failure = |config: &Path, data: &Path, more: &[&dyn AsRef<OsStr>]| {
        let output = train(config, data, &run, more);
        assert!(!output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let good = tiny_config(folder.path(), "good.toml", &[]);

    let empty = folder.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    assert!(failure(&good, &empty, &[]).contains("holds no pictures"));
    assert!(failure(&good, &folder.path().join("nowhere"), &[]).contains("nowhere"));
    assert!(failure(&good, &data, &[&"--resume"]).contains("state.safetensors"));

    std::fs::write(empty.join("x.png"), b"no picture").unwrap();
    assert!(failure(&good, &empty, &[]).contains("none of the 1 pictures"));

    let typo = tiny_config(folder.path(), "typo.toml", &[("learning_rate", "learning_rat")]);
    let text = failure(&typo, &data, &[]);
    assert!(text.contains("learning_rat") && text.contains("learning_rate"), "{text}");
    let odd = tiny_config(folder.path(), "odd.toml", &[("crop_size = 64", "crop_size = 63")]);
    assert!(failure(&odd, &data, &[]).contains("crop_size is 63"));
    let none = tiny_config(folder.path(), "none.toml", &[("batch = 8", "batch = 0")]);
    assert!(failure(&none, &data, &[]).contains("run.batch is 0"));
    assert!(failure(&folder.path().join("missing.toml"), &data, &[]).contains("missing.toml"));
}
