//! `idm train` from end to end: it learns, resumes to the same bits, and says what is wrong.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use restore_core::Checkpoint;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn idm(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_idm")).args(args).output().unwrap()
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A folder of faces cut from the portraits in tests/data: the whole head and a closer view of each.
fn faces(folder: &Path) -> PathBuf {
    let out = folder.join("faces");
    std::fs::create_dir(&out).unwrap();
    let cuts = [
        ("astronaut.png", 150, 20, 180),
        ("astronaut.png", 170, 50, 130),
        ("biden.jpg", 250, 200, 560),
        ("biden.jpg", 320, 300, 420),
    ];
    for (index, (name, x, y, side)) in cuts.into_iter().enumerate() {
        let picture = image::open(repository().join("tests/data").join(name)).unwrap().to_rgb8();
        let cut = image::imageops::crop_imm(&picture, x, y, side, side).to_image();
        image::imageops::resize(&cut, 96, 96, image::imageops::FilterType::Triangle)
            .save(out.join(format!("{index}.png")))
            .unwrap();
    }
    out
}

/// The tiny configuration with some lines replaced.
fn config(folder: &Path, name: &str, changes: &[(&str, &str)]) -> PathBuf {
    let mut text = std::fs::read_to_string(repository().join("training/configs/tiny.toml")).unwrap();
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    let file = folder.join(name);
    std::fs::write(&file, text).unwrap();
    file
}

fn train(config: &Path, data: &Path, output: &Path, more: &[&str]) -> Output {
    let mut args = vec![
        "train",
        "--device",
        "cpu",
        "--config",
        path(config),
        "--data",
        path(data),
        "--output",
        path(output),
    ];
    args.extend(more);
    idm(&args)
}

fn assert_ok(output: &Output) {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

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
    let file = config(folder.path(), "c.toml", &[("clean_share = 0.1", blur)]);
    assert_ok(&train(&file, &data, &run, &[]));
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
    let long = config(folder.path(), "long.toml", &[("iterations = 120", "iterations = 20"), precision]);
    let short = config(folder.path(), "short.toml", &[("iterations = 120", "iterations = 10"), precision]);
    let (whole, parts) = (folder.path().join("whole"), folder.path().join("parts"));
    assert_ok(&train(&long, &data, &whole, &[]));
    assert_ok(&train(&short, &data, &parts, &["--workers", "1"]));
    assert_ok(&train(&long, &data, &parts, &["--resume", "--workers", "3"]));
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
    let file = config(folder.path(), "c.toml", &[("iterations = 120", "iterations = 1")]);
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    assert_ok(&train(&file, &data, &first, &[]));
    let again = train(&file, &data, &first, &[]);
    assert!(!again.status.success());
    assert!(String::from_utf8_lossy(&again.stderr).contains("add --resume"));
    let model = first.join("model.safetensors");
    assert_ok(&train(&file, &data, &second, &["--init", path(&model)]));
}

#[test]
fn broken_files_are_passed_over_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let data = faces(folder.path());
    let whole = std::fs::read(data.join("0.png")).unwrap();
    std::fs::write(data.join("broken.png"), &whole[..whole.len() / 3]).unwrap();
    std::fs::write(data.join("empty.jpg"), b"").unwrap();
    let file = config(folder.path(), "c.toml", &[("iterations = 120", "iterations = 5")]);
    let output = train(&file, &data, &folder.path().join("run"), &[]);
    assert_ok(&output);
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("broken.png") && text.contains("passed over"), "{text}");
}

#[test]
fn what_cannot_work_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let data = faces(folder.path());
    let run = folder.path().join("run");
    let failure = |config: &Path, data: &Path, more: &[&str]| {
        let output = train(config, data, &run, more);
        assert!(!output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let good = config(folder.path(), "good.toml", &[]);

    let empty = folder.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    assert!(failure(&good, &empty, &[]).contains("holds no pictures"));
    assert!(failure(&good, &folder.path().join("nowhere"), &[]).contains("nowhere"));
    assert!(failure(&good, &data, &["--resume"]).contains("state.safetensors"));

    std::fs::write(empty.join("x.png"), b"no picture").unwrap();
    assert!(failure(&good, &empty, &[]).contains("no readable picture"));

    let typo = config(folder.path(), "typo.toml", &[("learning_rate", "learning_rat")]);
    let text = failure(&typo, &data, &[]);
    assert!(text.contains("learning_rat") && text.contains("learning_rate"), "{text}");
    let odd = config(folder.path(), "odd.toml", &[("crop_size = 64", "crop_size = 63")]);
    assert!(failure(&odd, &data, &[]).contains("crop_size is 63"));
    let none = config(folder.path(), "none.toml", &[("batch = 8", "batch = 0")]);
    assert!(failure(&none, &data, &[]).contains("run.batch is 0"));
    assert!(failure(&folder.path().join("missing.toml"), &data, &[]).contains("missing.toml"));
}
