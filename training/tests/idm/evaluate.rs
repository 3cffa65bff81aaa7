// SPDX-License-Identifier: MIT OR Apache-2.0
//! `idm evaluate` as a user runs it: networks of measures, other systems' pictures, groups, reports, broken pictures, a
//! full disk and a closed pipe. The model gives back the picture that it got, so its figures are those of its input.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use serde_json::Value;
use tch::{CModule, Device, Kind, Tensor};
use training::evaluate::Scores;
use training::metrics::{Octave, grid, octaves};
use training::picture;

use crate::common::{
    faces, failed, idm, idm_command, idm_on_small_disk, names, succeeded, text, untrained_model,
};

/// A folder with five faces, the same degraded with seed 3, and the model.
struct Rig {
    folder: tempfile::TempDir,
    data: PathBuf,
    degraded: PathBuf,
    model: PathBuf,
}

impl Rig {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (data, model) = (faces(folder.path()), untrained_model(folder.path(), true));
        let degraded = folder.path().join("degraded");
        let degrade: [&dyn AsRef<OsStr>; 9] =
            [&"degrade", &"--input", &data, &"--output", &degraded, &"--seed", &"3", &"--size", &"64"];
        succeeded(&idm(&degrade));
        Self { folder, data, degraded, model }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn report(&self) -> PathBuf {
        self.path("report.json")
    }

    /// The arguments that every run has.
    fn args(&self) -> Vec<String> {
        let paths = [("--data", &self.data), ("--degraded", &self.degraded), ("--json", &self.report())]
            .map(|(option, path)| [option.to_owned(), path.display().to_string()]);
        let rest = ["evaluate", "--size", "64", "--device", "cpu", "--precision", "fp32"].map(str::to_owned);
        rest.into_iter().chain(paths.concat()).collect()
    }

    fn evaluate(&self, more: &[&dyn AsRef<OsStr>]) -> Output {
        let args = self.args();
        let all: Vec<&dyn AsRef<OsStr>> =
            args.iter().map(|arg| arg as &dyn AsRef<OsStr>).chain(more.iter().copied()).collect();
        // One thread: these networks are tiny, and the tests run side by side.
        idm_command(&all).env("OMP_NUM_THREADS", "1").output().unwrap()
    }

    /// The table and the JSON of a run that succeeds.
    #[track_caller]
    fn evaluated(&self, more: &[&dyn AsRef<OsStr>]) -> (String, Value) {
        (succeeded(&self.evaluate(more)), self.json())
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&std::fs::read(self.report()).unwrap()).unwrap()
    }

    /// Exports a network of two outputs a picture, mean red and mean green, or of the mean difference of a pair.
    fn network(&self, name: &str, pairs: bool) -> PathBuf {
        let example = || Tensor::zeros([2, 3, 64, 64], (Kind::Float, Device::Cpu));
        let mut forward = |inputs: &[Tensor]| {
            vec![match pairs {
                true => (&inputs[0] - &inputs[1]).abs().mean_dim([1, 2, 3].as_slice(), false, Kind::Float),
                false => inputs[0].narrow(1, 0, 2).mean_dim([2, 3].as_slice(), false, Kind::Float),
            }]
        };
        let examples: Vec<Tensor> = (0..1 + usize::from(pairs)).map(|_| example()).collect();
        let module = CModule::create_by_tracing("Network", "forward", &examples, &mut forward).unwrap();
        module.save(self.path(name)).unwrap();
        self.path(name)
    }
}

/// Mean of red, of green and of all values in [0, 1].
fn means(file: &Path) -> [f64; 2] {
    let face = picture::resize_antialiased(&picture::read(file).unwrap(), 64, 64).unwrap();
    let of = |colour: usize| face.pixels().map(|pixel| f64::from(pixel.0[colour])).sum::<f64>();
    [of(0), of(1)].map(|sum| sum / 255.0 / 4096.0)
}

#[test]
fn networks_measure_under_their_files_names() {
    let rig = Rig::new();
    let (colours, distance) = (rig.network("two-colours.pt", false), rig.network("mean-change.pt", true));
    let (table, report) = rig.evaluated(&[
        &"--model",
        &rig.model,
        &"--steps",
        &"2",
        &"--identity",
        &colours,
        &"--perceptual",
        &distance,
        &"--inception",
        &colours,
    ]);
    for part in ["identity: two-colours, cosine ↑", "perceptual: mean-change ↓", "Fréchet: two-colours ↓"]
    {
        assert!(table.contains(part), "{part:?} is not in {table}");
    }
    assert!(table.contains("not measured (--nima FILE)"), "{table}");
    assert_eq!(report["networks"]["nima"], Value::Null);
    assert!(report["networks"]["identity"]["milliseconds_per_picture"].as_f64().unwrap() > 0.0);
    let mut distances = Vec::new();
    for face in report["faces"].as_array().unwrap() {
        let name = format!("{}.png", face["name"].as_str().unwrap());
        let ([r, g], [tr, tg]) = (means(&rig.degraded.join(&name)), means(&rig.data.join(&name)));
        let distance = (r - tr).hypot(g - tg);
        assert!((face["input"]["identity_distance"].as_f64().unwrap() - distance).abs() < 1e-5);
        let cosine = (r * tr + g * tg) / r.hypot(g) / tr.hypot(tg);
        assert!((face["input"]["identity_cosine"].as_f64().unwrap() - cosine).abs() < 1e-5);
        assert_eq!(face["systems"][0]["of_clean"]["identity_distance"], 0.0);
        assert_eq!(face["systems"][0]["twice"], face["input"]);
        distances.push(distance);
    }
    let mean = distances.iter().sum::<f64>() / 5.0;
    let system = &report["systems"][0];
    assert!((system["restored"]["identity_distance"]["mean"].as_f64().unwrap() - mean).abs() < 1e-5);
    assert!(system["restored"]["perceptual"]["mean"].as_f64().unwrap() > 0.001);
    assert_eq!(system["of_clean"]["perceptual"]["high"], 0.0);
    assert_eq!(system["second_pass"]["psnr"]["mean"], 0.0);
    assert_eq!(system["distribution"], report["input_distribution"]);
    assert!(report["input_distribution"]["frechet_distance"].as_f64().unwrap() > 0.0);

    let (table, report) = rig.evaluated(&[&"--model", &rig.model, &"--steps", &"1", &"--no-authenticity"]);
    assert!(!table.contains("identity:") && table.contains("not measured (--identity FILE)"), "{table}");
    assert!(report["systems"][0].get("of_clean").is_none() && !table.contains("Authenticity"), "{table}");
    let unfit = rig.evaluate(&[&"--model", &rig.model, &"--steps", &"1", &"--nima", &colours]);
    failed(&unfit, &["two-colours.pt gave [5, 2] for 5 pictures", "[N, 10]"]);
}

/// Of the model that gives back what it gets every distance is 0, but for that of x_d to x; of one that makes everything grey the
/// first steps are what is measured anyway.
#[test]
fn the_authenticity_curve_begins_with_the_authenticity() {
    let rig = Rig::new();
    let (colours, distance) = (rig.network("two-colours.pt", false), rig.network("mean-change.pt", true));
    let page = rig.path("page.html");
    let curve = |model: &PathBuf| {
        let model: [&dyn AsRef<OsStr>; 6] = [&"--model", model, &"--steps", &"1", &"--identity", &colours];
        let more: [&dyn AsRef<OsStr>; 6] =
            [&"--perceptual", &distance, &"--authenticity-curve", &"3", &"--html", &page];
        rig.evaluated(&[model, more].concat())
    };
    let points = |face: &Value, start: &str| face["authenticity_curve"][start].as_array().unwrap().clone();
    let (table, report) = curve(&rig.model);
    for face in report["faces"].as_array().unwrap() {
        let (clean, degraded) = (points(face, "clean"), points(face, "degraded"));
        assert_eq!((clean.len(), degraded.len()), (3, 3));
        for (key, measure) in [("identity", "identity_distance"), ("perceptual", "perceptual")] {
            assert!(
                clean.iter().all(|point| point["to_truth"][key] == 0.0 && point["to_previous"][key] == 0.0)
            );
            assert!(degraded.iter().all(|point| point["to_previous"][key] == 0.0));
            assert!(degraded.iter().all(|point| point["to_truth"][key] == face["input"][measure]));
        }
        assert!(clean.iter().all(|point| point["to_truth"]["rms"] == 0.0));
        assert!(degraded.iter().all(|point| point["to_previous"]["rms"] == 0.0));
        assert!(degraded[2]["to_truth"]["rms"].as_f64().unwrap() > 1.0);
    }
    assert_eq!(report["authenticity_curve"]["steps"][2]["clean"]["to_truth"]["rms"]["high"], 0.0);
    assert_eq!(report["authenticity_curve"]["system"], report["headline"]);
    assert!(
        table.contains("## Authenticity curve") && table.contains("from x_d: rms to the step before"),
        "{table}"
    );
    assert!(
        std::fs::read_to_string(&page).unwrap().contains("<img class=\"curve\" src=\"data:image/png;base64,")
    );

    let (_, report) = curve(&untrained_model(rig.folder.path(), false));
    for face in report["faces"].as_array().unwrap() {
        let (clean, degraded) = (points(face, "clean"), points(face, "degraded"));
        let system = &face["systems"][0];
        let steps = [(&clean[0], "of_clean"), (&degraded[0], "restored"), (&degraded[1], "twice")];
        for (point, measured) in steps {
            let (distances, scores) = (&point["to_truth"], &system[measured]);
            assert_eq!(distances["identity"], scores["identity_distance"], "{measured}");
            assert_eq!(distances["perceptual"], scores["perceptual"], "{measured}");
            let rms = 255.0 / 10_f64.powf(scores["psnr"].as_f64().unwrap() / 20.0);
            assert!(
                (distances["rms"].as_f64().unwrap() - rms).abs() < 1e-9 && rms > 1.0,
                "{measured}: {rms}"
            );
        }
        // The step before the first is x itself.
        assert_eq!(clean[0]["to_previous"], clean[0]["to_truth"]);
    }
    let (table, report) = rig.evaluated(&[&"--model", &rig.model, &"--steps", &"1"]);
    assert!(report.get("authenticity_curve").is_none() && !table.contains("Authenticity curve"), "{table}");
    let wrong = rig.evaluate(&[&"--model", &rig.model, &"--authenticity-curve", &"11"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(text(&wrong.stderr).contains("from 1 to 10"), "{}", text(&wrong.stderr));
}

#[test]
fn samplings_are_one_table() {
    let rig = Rig::new();
    let (table, report) =
        rig.evaluated(&[&"--model", &rig.model, &"--steps", &"1,3", &"--sampler", &"ddpm,ddim"]);
    let systems = report["systems"].as_array().unwrap();
    let names: Vec<&str> = systems.iter().map(|system| system["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["1 step, ddpm", "3 steps, ddpm", "1 step, ddim", "3 steps, ddim"]);
    for system in systems {
        assert_eq!(system["restored"], report["input"]);
        assert!(system["milliseconds_per_face"].as_f64().unwrap() > 0.0);
        assert!(table.contains(&format!("| {} ", system["name"].as_str().unwrap())), "{table}");
    }
    failed(&rig.evaluate(&[&"--model", &rig.model, &"--steps", &"1,0"]), &["steps"]);
}

/// One "system" gives back the degraded faces, one the truth; the second's pictures are twice as large.
#[test]
fn other_systems_are_scored_by_the_same_code() {
    let rig = Rig::new();
    let large = rig.path("large");
    std::fs::create_dir(&large).unwrap();
    for file in picture::list(&rig.data).unwrap() {
        let face = picture::resize_antialiased(&picture::read(&file).unwrap(), 64, 64).unwrap();
        let doubled = image::imageops::resize(&face, 128, 128, image::imageops::FilterType::Nearest);
        let name = file.with_extension("jpg");
        picture::write(&large.join(name.file_name().unwrap()), &doubled).unwrap();
    }
    let named = format!("GFPGAN={}", rig.degraded.display());
    let (table, report) = rig.evaluated(&[&"--restored", &named, &"--restored", &large]);
    let systems = report["systems"].as_array().unwrap();
    assert_eq!((&systems[0]["name"], &systems[1]["name"]), (&"GFPGAN".into(), &"large".into()));
    assert_eq!(systems[0]["restored"], report["input"]);
    assert_eq!(systems[0]["gain"]["ssim"]["mean"], 0.0);
    assert!(systems[1]["restored"]["psnr"]["mean"].as_f64().unwrap() > 35.0);
    assert!(report["notes"][0].as_str().unwrap().starts_with("large: 5 of 5 pictures had another size"));
    assert!(report.get("model").is_none() && table.starts_with("Restored pictures on 5 faces"), "{table}");

    // The difference is paired, face by face.
    let difference = &report["differences"][0];
    assert_eq!((&difference["system"], &difference["minus"]), (&"large".into(), &"GFPGAN".into()));
    let differences = report["faces"].as_array().unwrap().iter().map(|face| {
        let psnr = |index: usize| face["systems"][index]["restored"]["psnr"].as_f64().unwrap();
        psnr(1) - psnr(0)
    });
    let mean = differences.sum::<f64>() / 5.0;
    assert!((difference["psnr"]["mean"].as_f64().unwrap() - mean).abs() < 1e-9);

    let (_, report) = rig.evaluated(&[&"--model", &rig.model, &"--steps", &"2", &"--restored", &named]);
    assert_eq!(report["systems"][0]["restored"], report["systems"][1]["restored"]);
    let nothing = rig.evaluate(&[]);
    assert_eq!(nothing.status.code(), Some(2));
    assert!(text(&nothing.stderr).contains("--model"), "{}", text(&nothing.stderr));
    let nowhere = rig.evaluate(&[&"--restored", &"X=nowhere"]);
    assert!(text(&nowhere.stderr).contains("nowhere is no folder"), "{}", text(&nowhere.stderr));
}

#[test]
fn groups_have_figures_of_their_own() {
    let rig = Rig::new();
    let groups = rig.path("groups.csv");
    std::fs::write(&groups, "size,file,source\n64,0.jpg,ours\n64,1.png,theirs\n64,3.png,ours\n").unwrap();
    let (table, report) = rig.evaluated(&[&"--model", &rig.model, &"--steps", &"1", &"--groups", &groups]);
    let found: Vec<(&str, u64)> = report["groups"]
        .as_array()
        .unwrap()
        .iter()
        .map(|group| (group["group"].as_str().unwrap(), group["faces"].as_u64().unwrap()))
        .collect();
    assert_eq!(found, [("(none)", 2), ("ours", 2), ("theirs", 1)]);
    assert_eq!(report["faces"][0]["group"], "ours");
    let psnr = |face: usize| report["faces"][face]["input"]["psnr"].as_f64().unwrap();
    let ours = report["groups"][1]["input"]["psnr"]["mean"].as_f64().unwrap();
    assert!((ours - (psnr(0) + psnr(3)) / 2.0).abs() < 1e-9);
    assert!(table.contains("## Groups"), "{table}");
    std::fs::write(&groups, "file,age\n0.png,3\n").unwrap();
    let unusable = rig.evaluate(&[&"--model", &rig.model, &"--groups", &groups]);
    failed(&unusable, &["groups.csv has no column `source`"]);
    std::fs::write(&groups, "file,source\n0.png\n").unwrap();
    failed(&rig.evaluate(&[&"--model", &rig.model, &"--groups", &groups]), &["groups.csv", "line: 2"]);
}

/// The octaves and the grid of the input and of a "system" that gives it back are those of the library, under keys of their
/// own, and their columns end every table.
#[test]
fn octaves_and_grid_are_the_last_columns() {
    let rig = Rig::new();
    let (page, named) = (rig.path("page.html"), format!("same={}", rig.degraded.display()));
    let (table, report) = rig.evaluated(&[&"--restored", &named, &"--html", &page]);
    let last = "| octave 1 → 1 | octave 2 → 1 | octave 3 → 1 | octave 4 → 1 | octave 5 → 1 | grid → 1 |";
    let spaces = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let header = table.lines().map(spaces).find(|line| line.starts_with("| f(x_d) against x |")).unwrap();
    assert!(header.ends_with(&format!("| sharpness → 1 | ms a face {last}")), "{header}");
    let header = table.lines().map(spaces).find(|line| line.starts_with("| f(x_d) - x_d |")).unwrap();
    assert!(header.ends_with(&format!("| sharpness → 1 {last}")), "{header}");
    let page = std::fs::read_to_string(page).unwrap();
    for face in report["faces"].as_array().unwrap() {
        let name = format!("{}.png", face["name"].as_str().unwrap());
        let truth = picture::read(&rig.data.join(&name)).unwrap();
        let truth = picture::resize_antialiased(&truth, 64, 64).unwrap();
        let input = picture::read(&rig.degraded.join(&name)).unwrap();
        let octaves = octaves(&input, &truth).unwrap();
        let figures = Octave::ALL.iter().zip(octaves).map(|(octave, value)| (octave.key(), value));
        for (key, value) in figures.chain([("grid", grid(&input))]) {
            assert_eq!(face["input"].get(key).and_then(Value::as_f64), value, "{key} of {name}");
            assert_eq!(face["systems"][0]["restored"].get(key), face["input"].get(key), "{key} of {name}");
            assert_eq!(page.contains(&format!("<option value=\"{key}\"")), value.is_some(), "{key}");
        }
    }
    // 64 pixels are too few for the sixth octave.
    assert!(report["input"].get("octave_6").is_none());
    for key in ["octave_1", "octave_5", "grid"] {
        assert!(report["input"][key]["mean"].as_f64().unwrap() > 0.0, "{key}");
        assert_eq!(report["systems"][0]["gain"][key]["mean"], 0.0, "{key}");
    }
}

#[test]
fn broken_and_missing_faces_are_left_out_for_all_and_counted() {
    let rig = Rig::new();
    let whole = std::fs::read(rig.data.join("1.png")).unwrap();
    std::fs::write(rig.data.join("1.png"), &whole[..whole.len() / 2]).unwrap();
    let theirs = rig.path("theirs");
    std::fs::create_dir(&theirs).unwrap();
    for name in ["0.png", "1.png", "2.png", "4.png"] {
        std::fs::copy(rig.degraded.join(name), theirs.join(name)).unwrap();
    }
    let output = rig.evaluate(&[&"--model", &rig.model, &"--steps", &"1", &"--restored", &theirs]);
    failed(&output, &["1.png is not a readable picture", "no restored picture for", "3.png", "2 of 5 faces"]);
    let report = rig.json();
    let names: Vec<&str> =
        report["faces"].as_array().unwrap().iter().map(|face| face["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["0", "2", "4"]);
    assert_eq!(report["skipped"].as_array().unwrap().len(), 2);
    assert!(text(&output.stdout).contains("## Left out"), "{}", text(&output.stdout));
}

#[test]
fn reports_hold_every_face_or_the_ends_of_the_order() {
    let rig = Rig::new();
    let (report, page) = (rig.path("report"), rig.path("page.html"));
    let table = succeeded(&rig.evaluate(&[
        &"--model",
        &rig.model,
        &"--steps",
        &"1,2",
        &"--report",
        &report,
        &"--html",
        &page,
    ]));
    assert_eq!(std::fs::read_to_string(report.join("report.md")).unwrap(), table);
    assert_eq!(names(&report), ["index.html", "pictures", "report.json", "report.md"]);
    assert_eq!(std::fs::read(report.join("report.json")).unwrap(), std::fs::read(rig.report()).unwrap());
    // Input, two outputs, truth of five faces.
    assert_eq!(names(&report.join("pictures")).len(), 20);
    let index = std::fs::read_to_string(report.join("index.html")).unwrap();
    let sources: Vec<&str> =
        index.split("src=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert_eq!(sources.len(), 20);
    for source in sources {
        assert_eq!(picture::read(&report.join(source)).unwrap().dimensions(), (64, 64), "{source}");
    }
    let order: Vec<f64> = index
        .split("<article data-name=\"")
        .skip(1)
        .map(|rest| {
            let name = rest.split('"').next().unwrap();
            let file = format!("{name}.png");
            let truth = picture::read(&rig.data.join(&file)).unwrap();
            let truth = picture::resize_antialiased(&truth, 64, 64).unwrap();
            Scores::of(&picture::read(&rig.degraded.join(&file)).unwrap(), &truth).unwrap().psnr
        })
        .collect();
    assert!(order.len() == 5 && order.is_sorted(), "worst first: {order:?}");
    let page = std::fs::read_to_string(&page).unwrap();
    assert_eq!(page.matches("src=\"data:image/jpeg;base64,").count(), 20);
    assert!(!page.contains("src=\"pictures"));
}

#[test]
fn a_full_disk_is_named_and_leaves_no_half_files() {
    let rig = Rig::new();
    let disk = rig.path("disk");
    std::fs::create_dir(&disk).unwrap();
    let report = disk.join("report");
    let mut args = rig.args();
    args.extend(["--steps", "1", "--model"].map(str::to_owned));
    args.push(rig.model.display().to_string());
    args.extend(["--report".to_owned(), report.display().to_string()]);
    let args: Vec<&dyn AsRef<OsStr>> = args.iter().map(|arg| arg as &dyn AsRef<OsStr>).collect();
    let output = idm_on_small_disk(&disk, 40, &args);
    failed(&output, &["cannot write", "No space left on device"]);
    assert_eq!(names(&report), ["pictures"]);
    for name in names(&report.join("pictures")) {
        picture::read(&report.join("pictures").join(name)).unwrap();
    }
}

#[test]
fn a_closed_pipe_ends_the_program_quietly_after_its_files_are_written() {
    let rig = Rig::new();
    let mut args = rig.args();
    args.extend(["--steps", "1", "--model"].map(str::to_owned));
    args.push(rig.model.display().to_string());
    let args: Vec<&dyn AsRef<OsStr>> = args.iter().map(|arg| arg as &dyn AsRef<OsStr>).collect();
    let mut child = idm_command(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(!output.status.success(), "it wrote into a closed pipe");
    assert_eq!(text(&output.stderr), "");
    assert_eq!(rig.json()["faces"].as_array().unwrap().len(), 5);
}
