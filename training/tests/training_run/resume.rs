// SPDX-License-Identifier: MIT OR Apache-2.0
//! `idm train` after `kill -9`, with damaged states and on a full disk: nothing is lost but time.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use restore_core::Checkpoint;

use crate::common::{
    DETAIL_HEAD, GENERATOR, faces, failed, idm, idm_on_small_disk, kill_9_when, kills, names, succeeded,
    text, tiny_config,
};

/// A run of the tiny network on the faces of tests/data.
struct Training {
    folder: tempfile::TempDir,
    config: PathBuf,
    data: PathBuf,
}

impl Training {
    fn new(changes: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = faces(folder.path());
        let config = tiny_config(folder.path(), "c.toml", changes);
        Self { folder, config, data }
    }

    fn run_folder(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn arguments(&self, run: &Path, more: &[&str]) -> Vec<OsString> {
        let fixed: [&dyn AsRef<OsStr>; 9] = [
            &"train",
            &"--device",
            &"cpu",
            &"--config",
            &self.config,
            &"--data",
            &self.data,
            &"--output",
            &run,
        ];
        fixed
            .iter()
            .map(|argument| argument.as_ref().to_owned())
            .chain(more.iter().map(OsString::from))
            .collect()
    }

    fn run(&self, run: &Path, more: &[&str]) -> std::process::Output {
        idm(&references(&self.arguments(run, more)))
    }
}

fn references(arguments: &[OsString]) -> Vec<&dyn AsRef<OsStr>> {
    arguments.iter().map(|argument| argument as &dyn AsRef<OsStr>).collect()
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// metrics.csv without the two columns of measured times.
fn metrics(run: &Path) -> Vec<String> {
    let table = String::from_utf8(read(&run.join("metrics.csv"))).unwrap();
    let columns = |line: &str| {
        let kept = line.split(',').enumerate().filter(|(index, _)| !(5..7).contains(index));
        kept.map(|(_, value)| value).collect::<Vec<_>>().join(",")
    };
    table.lines().map(columns).collect()
}

/// Cuts off the last byte: what an interrupted copy leaves.
fn damage(path: &Path) {
    let bytes = read(path);
    std::fs::write(path, &bytes[..bytes.len() - 1]).unwrap();
}

fn assert_same_run(whole: &Path, parts: &Path) {
    assert_eq!(metrics(whole), metrics(parts));
    // A generator has none.
    if whole.join("validation.csv").exists() {
        assert!(read(&whole.join("validation.csv")) == read(&parts.join("validation.csv")));
    }
    let samples = names(&whole.join("samples"));
    assert!(samples.len() > 1 && samples == names(&parts.join("samples")), "{samples:?}");
    for file in samples {
        let [of_whole, of_parts] = [whole, parts].map(|run| read(&run.join("samples").join(&file)));
        assert!(of_whole == of_parts, "{file:?} differs");
    }
    // Not byte by byte: the order of the header's entries is the writer's whim.
    let [model, other] =
        [whole, parts].map(|run| Checkpoint::open(&run.join("model.safetensors")).unwrap().weights);
    assert_eq!(model.len(), other.len());
    for (name, weight) in &model {
        assert!(weight.equal(&other[name]), "{name} differs");
    }
    assert_eq!(names(whole), names(parts));
    // Of the events only the times differ, which have a fixed width.
    let events = |run: &Path| read(&run.join("events.out.tfevents.idm")).len();
    assert_eq!(events(whole), events(parts));
}

const SHORT: [(&str, &str); 4] = [
    ("iterations = 120", "iterations = 40"),
    ("checkpoint = 40", "checkpoint = 7"),
    ("interval = 40", "interval = 15"),
    ("faces = 4", "faces = 2"),
];

/// Killed in the middle of writing the model, of writing the state, and at random moments: the losses, the model and every
/// other file are those of a run that was never stopped, to the bit.
#[track_caller]
fn survives_kills(precision: &str, more: &[(&str, &str)]) {
    let batch = format!("batch = 2\nprecision = \"{precision}\"");
    // All 120 iterations: a shorter run would be over on a fast machine before it is killed.
    let mut changes = SHORT[1..].to_vec();
    changes.push(("batch = 8", &batch));
    changes.extend(more);
    goes_on_after_kills(&Training::new(&changes));
}

/// [`survives_kills`] of a run.
#[track_caller]
fn goes_on_after_kills(training: &Training) {
    let (whole, parts) = (training.run_folder("whole"), training.run_folder("parts"));
    succeeded(&training.run(&whole, &[]));

    let hidden = |prefix: &'static str| {
        let parts = parts.clone();
        move || {
            let entries = std::fs::read_dir(&parts).into_iter().flatten().flatten();
            entries.map(|entry| entry.file_name()).any(|name| name.to_string_lossy().starts_with(prefix))
        }
    };
    let states =
        || ["state.safetensors", "state.previous.safetensors"].iter().any(|name| parts.join(name).exists());
    let mut killed = 0;
    let mut kill_when = |reached: &mut dyn FnMut() -> bool| {
        let more: &[&str] = if states() { &["--resume"] } else { &[] };
        killed += usize::from(kill_9_when(&references(&training.arguments(&parts, more)), reached));
    };
    kill_when(&mut hidden(".model.safetensors"));
    kill_when(&mut hidden(".state.safetensors"));
    for _ in 0..kills(3) {
        let before = std::fs::read(parts.join("metrics.csv")).unwrap_or_default();
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let delay = Duration::from_millis(u64::from(now.subsec_micros() % 40));
        kill_when(&mut || {
            let changed = std::fs::read(parts.join("metrics.csv")).unwrap_or_default() != before;
            if changed {
                std::thread::sleep(delay);
            }
            changed
        });
    }
    assert!(killed >= 2, "the run was over after {killed} kills");
    let more: &[&str] = if states() { &["--resume"] } else { &[] };
    succeeded(&training.run(&parts, more));
    assert_same_run(&whole, &parts);
}

#[test]
fn kills_change_nothing_in_fp32() {
    survives_kills("fp32", &[]);
}

#[test]
fn kills_change_nothing_in_bf16() {
    survives_kills("bf16", &[]);
}

/// The discriminator's weights, singular vectors and moments, and the sums of the loss's terms, are part of the state.
#[test]
fn kills_change_nothing_with_a_discriminator() {
    let detail = "[detail]\nwindow = 48\n[detail.adversarial]\nfrom = 9\nchannels = 8\n[optimiser]";
    // And with a part of the weights that learns.
    let only = ("warmup = 10", "warmup = 10\nonly = [\"sharp.\", \"decoder.\"]");
    survives_kills("fp32", &[DETAIL_HEAD[0], DETAIL_HEAD[1], ("[optimiser]", detail), only]);
}

/// The draw of which pictures are seen without their class is the run's, too.
#[test]
fn kills_change_nothing_for_a_generator() {
    let classes = "batch = 2\nprecision = \"fp32\"\nclass_dropout = 0.3";
    let mut changes = SHORT[1..].to_vec();
    changes.extend(GENERATOR);
    changes.push(("batch = 8", classes));
    let training = Training::new(&changes);
    for (class, face) in [("a", "0.png"), ("a", "1.png"), ("b", "2.png"), ("b", "3.png"), ("b", "4.png")] {
        let folder = training.data.join(class);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::rename(training.data.join(face), folder.join(face)).unwrap();
    }
    goes_on_after_kills(&training);
    let model = Checkpoint::open(&training.run_folder("parts").join("model.safetensors")).unwrap();
    assert_eq!(model.config.class_names, ["a", "b"]);
}

#[test]
fn a_damaged_state_is_replaced_by_the_one_before_it() {
    let mut changes = SHORT.to_vec();
    changes.push(("batch = 8", "batch = 2\nprecision = \"fp32\""));
    let training = Training::new(&changes);
    let (whole, parts) = (training.run_folder("whole"), training.run_folder("parts"));
    succeeded(&training.run(&whole, &[]));
    let [state, previous] = ["state.safetensors", "state.previous.safetensors"].map(|name| parts.join(name));

    succeeded(&training.run(&parts, &[]));
    damage(&state);
    let output = training.run(&parts, &["--resume"]);
    succeeded(&output);
    let message = text(&output.stderr);
    for part in ["warning", "state.safetensors is damaged", "going on from the state before it, iteration 35"]
    {
        assert!(message.contains(part), "{message}");
    }
    assert_same_run(&whole, &parts);

    // As a kill between the two renames of a checkpoint leaves it.
    std::fs::rename(&state, &previous).unwrap();
    succeeded(&training.run(&parts, &["--resume"]));
    assert!(state.exists());

    damage(&state);
    std::fs::write(&previous, b"").unwrap();
    let model = read(&parts.join("model.safetensors"));
    failed(
        &training.run(&parts, &["--resume"]),
        &["cannot resume", "state.safetensors", "state.previous.safetensors", "--init", "model.safetensors"],
    );
    assert!(model == read(&parts.join("model.safetensors")));
}

/// A disk on which the run's first checkpoint fits and the next does not: the error says so, the first one is whole, and
/// with room again the run ends as if nothing had been.
#[test]
fn a_full_disk_costs_nothing_but_time() {
    let mut changes = SHORT.to_vec();
    changes.push(("batch = 8", "batch = 2\nprecision = \"fp32\""));
    let training = Training::new(&changes);
    let (whole, disk) = (training.run_folder("whole"), training.run_folder("disk"));
    succeeded(&training.run(&whole, &[]));
    std::fs::create_dir(&disk).unwrap();
    let run = disk.join("run");
    // A state of the tiny network has about 1 MB, a model 0.13 MB.
    let kilobytes = std::fs::metadata(whole.join("state.safetensors")).unwrap().len() / 1024;
    let arguments = training.arguments(&run, &[]);
    let output = idm_on_small_disk(&disk, kilobytes as u32 * 2, &references(&arguments));
    failed(&output, &["cannot write", "state.safetensors", "No space left on device"]);
    assert!(run.join("state.safetensors").exists() && !run.join("state.previous.safetensors").exists());
    succeeded(&training.run(&run, &["--resume"]));
    assert_same_run(&whole, &run);
}

#[test]
fn what_changed_since_a_run_stopped_is_said_or_refused() {
    let mut changes = SHORT.to_vec();
    changes[0] = ("iterations = 120", "iterations = 2");
    let training = Training::new(&changes);
    let run = training.run_folder("run");
    failed(&training.run(&run, &["--resume"]), &["holds no state of a run", "without --resume"]);
    succeeded(&training.run(&run, &[]));
    let changed = |name, from: (&str, &str)| {
        let mut changes = changes.clone();
        changes.push(from);
        let config = tiny_config(training.folder.path(), name, &changes);
        idm(&[
            &"train",
            &"--device",
            &"cpu",
            &"--config",
            &config,
            &"--data",
            &training.data,
            &"--output",
            &run,
            &"--resume",
        ])
    };
    let output = changed("rate.toml", ("learning_rate = 2e-3", "learning_rate = 1e-3"));
    succeeded(&output);
    assert!(text(&output.stderr).contains("optimiser.learning_rate is 0.002 there and 0.001 here"));
    let output = changed("network.toml", ("base_channels = 16", "base_channels = 32"));
    failed(
        &output,
        &["state.safetensors is of another network", "unet.base_channels is 16 there and 32 here"],
    );
    let output = changed("only.toml", ("warmup = 10", "warmup = 10\nonly = [\"decoder.\"]"));
    failed(&output, &["state.safetensors", "other weights learnt", "optimiser.only was []"]);
}
