// SPDX-License-Identifier: MIT OR Apache-2.0
//! `idm distance` as a user runs it: figures with a closed form, the cache, broken pictures and networks, a full disk, `kill -9`.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Output;

use image::{Rgb, RgbImage};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tch::{CModule, Device, Kind, Tensor};
use training::picture;

use crate::common::{failed, idm, idm_command, idm_on_small_disk, kill_9_when, names, succeeded, text};

const SIDE: u32 = 16;

/// Two sets of pictures of one colour each, which differ in their red alone.
struct Rig {
    folder: tempfile::TempDir,
    network: PathBuf,
}

impl Rig {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let network = traced(folder.path(), "colour.pt", levels);
        let rig = Self { folder, network };
        rig.pictures("real", &real_reds());
        rig.pictures("fake", &fake_reds());
        rig
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Pictures with these reds, half of them in a folder below.
    fn pictures(&self, name: &str, reds: &[u8]) {
        std::fs::create_dir_all(self.path(name).join("more")).unwrap();
        for (index, &red) in reds.iter().enumerate() {
            let folder = if index % 2 == 0 { self.path(name) } else { self.path(name).join("more") };
            let picture = RgbImage::from_pixel(SIDE, SIDE, Rgb([red, 100, 50]));
            picture::write(&folder.join(format!("{index:04}.png")), &picture).unwrap();
        }
    }

    fn args(&self, network: &Path, cache: &str) -> Vec<PathBuf> {
        let words = |words: &[&str]| words.iter().map(PathBuf::from).collect::<Vec<_>>();
        let mut args = words(&["distance"]);
        args.extend([self.path("real"), self.path("fake"), "--network".into(), network.to_owned()]);
        args.extend(words(&["--size", "16", "--device", "cpu", "--resamples", "5", "--output"]));
        args.extend([self.path("distance.json"), "--cache".into(), self.path(cache)]);
        args
    }

    fn run(&self, cache: &str) -> Output {
        idm(&borrowed(&self.args(&self.network, cache)))
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&std::fs::read(self.path("distance.json")).unwrap()).unwrap()
    }

    /// The folder of the network's features in a cache, and its segments.
    fn segments(&self, cache: &str) -> Vec<PathBuf> {
        let folders = names(&self.path(cache));
        assert_eq!(folders.len(), 1, "{folders:?}");
        let folder = self.path(cache).join(&folders[0]);
        names(&folder).into_iter().map(|name| folder.join(name)).collect()
    }
}

fn borrowed(args: &[PathBuf]) -> Vec<&dyn AsRef<OsStr>> {
    args.iter().map(|arg| arg as &dyn AsRef<OsStr>).collect()
}

fn traced(folder: &Path, name: &str, network: impl Fn(&Tensor) -> Tensor) -> PathBuf {
    let path = folder.join(name);
    let example = Tensor::zeros([2, 3, i64::from(SIDE), i64::from(SIDE)], (Kind::Float, Device::Cpu));
    let mut forward = |inputs: &[Tensor]| vec![network(&inputs[0])];
    let module = CModule::create_by_tracing("Network", "forward", &[example], &mut forward).unwrap();
    module.save(&path).unwrap();
    path
}

/// Mean red, green and blue in whole levels, so that distances are exact.
fn levels(pictures: &Tensor) -> Tensor {
    (pictures.mean_dim([2, 3].as_slice(), false, Kind::Float) * 255.0).round()
}

fn real_reds() -> Vec<u8> {
    (0..24).map(|index| 60 + 3 * index).collect()
}

fn fake_reds() -> Vec<u8> {
    (0..30).map(|index| 90 + index).collect()
}

/// Mean and standard deviation.
fn moments(reds: &[u8]) -> (f64, f64) {
    let values: Vec<f64> = reds.iter().map(|&red| f64::from(red)).collect();
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, (squares / (values.len() - 1) as f64).sqrt())
}

/// A report without what differs from run to run.
fn figures(report: &Value) -> Value {
    let mut report = report.clone();
    for set in ["real", "fake"] {
        for key in ["cached", "pictures_per_second"] {
            assert!(report[set].as_object_mut().unwrap().remove(key).is_some());
        }
    }
    report
}

/// One feature varies, so the distance is (μ₁ - μ₂)² + (σ₁ - σ₂)², and neighbours can be counted on a line: real reds lie 3
/// levels apart from 60 to 129, fake ones 1 apart from 90 to 119.
#[test]
fn figures_are_those_of_a_line() {
    let rig = Rig::new();
    let table = succeeded(&rig.run("cache"));
    let report = rig.json();
    let ((left, left_spread), (right, right_spread)) = (moments(&real_reds()), moments(&fake_reds()));
    let expected = (left - right).powi(2) + (left_spread - right_spread).powi(2);
    let distance = report["frechet"]["distance"].as_f64().unwrap();
    assert!((distance - expected).abs() < 1e-5, "{distance}, expected {expected}");
    assert!(report["frechet"]["standard_error"].as_f64().unwrap() > 0.0);
    assert_eq!(report["frechet"]["resamples"], 5);
    assert_eq!(report["frechet"]["name"], "Fréchet distance over colour");
    assert_eq!(report["kernel"]["name"], "kernel distance over colour");
    assert_eq!((&report["kernel"]["blocks"], &report["kernel"]["block_size"]), (&12.into(), &2.into()));
    let sha256: String = Sha256::digest(std::fs::read(&rig.network).unwrap())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(report["network"]["sha256"], sha256);
    assert_eq!(
        (&report["network"]["name"], &report["network"]["features"], &report["size"]),
        (&"colour".into(), &3.into(), &16.into())
    );
    assert_eq!((&report["real"]["pictures"], &report["fake"]["pictures"]), (&24.into(), &30.into()));
    // All fake reds lie among the real ones. Of those, the ones from 90 to 117 are fake reds themselves; beside them the
    // third neighbour of 90 among the fake reds is 93, of 119 is 116, so that 87 and 120 are within their balls, too.
    for (report, k) in report["neighbours"].as_array().unwrap().iter().zip([3.0, 5.0]) {
        assert_eq!(report["k"], k as i64);
        assert_eq!(report["precision"]["mean"], 1.0);
        let reach = |red: f64| (90.0 - k..=119.0 + k).contains(&red);
        let recalled = real_reds().iter().filter(|&&red| reach(f64::from(red))).count();
        assert_eq!(report["recall"]["mean"], recalled as f64 / 24.0, "k = {k}");
    }
    for part in [
        "Fréchet distance over colour ↓",
        "precision ↑, k = 3",
        "coverage ↑, k = 5",
        // Those from 90 to 117 are among the real ones, byte for byte.
        "30 pictures, 10 of them",
    ] {
        assert!(table.contains(part), "{part:?} is not in {table}");
    }
    assert!(!table.contains("FID") && !table.contains("KID"), "{table}");
    assert!(table.contains(&sha256[..12]), "{table}");
}

#[test]
fn cached_features_are_those_that_were_seen_and_damaged_ones_are_seen_anew() {
    let rig = Rig::new();
    succeeded(&rig.run("cache"));
    let fresh = rig.json();
    assert_eq!((&fresh["real"]["cached"], &fresh["fake"]["cached"]), (&0.into(), &10.into()));
    // By content: under other names, too.
    std::fs::rename(rig.path("real/0000.png"), rig.path("real/0000 renamed.png")).unwrap();
    succeeded(&rig.run("cache"));
    let cached = rig.json();
    assert_eq!((&cached["real"]["cached"], &cached["fake"]["cached"]), (&24.into(), &30.into()));
    assert_eq!(figures(&cached), figures(&fresh));

    let segments = rig.segments("cache");
    assert_eq!(segments.len(), 2);
    let damage: [fn(&mut Vec<u8>); 3] = [
        |bytes| bytes.truncate(bytes.len() / 2),
        |bytes| *bytes.last_mut().unwrap() ^= 1,
        |bytes| bytes.clear(),
    ];
    for damage in damage {
        let mut bytes = std::fs::read(&segments[0]).unwrap();
        damage(&mut bytes);
        std::fs::write(&segments[0], bytes).unwrap();
        let output = rig.run("cache");
        succeeded(&output);
        assert!(text(&output.stderr).contains("was damaged"), "{}", text(&output.stderr));
        let report = rig.json();
        let counts =
            [&report["real"]["cached"], &report["fake"]["cached"]].map(|count| count.as_u64().unwrap());
        assert!(counts == [0, 30] || counts == [24, 10], "{counts:?}");
        assert_eq!(figures(&report), figures(&fresh));
        // The same features have the same name.
        assert_eq!(rig.segments("cache"), segments);
    }

    // Another size is another cache, and so is another network of the same name.
    let other = rig.path("other");
    std::fs::create_dir(&other).unwrap();
    let doubled = traced(&other, "colour.pt", |pictures| levels(pictures) * 2.0);
    succeeded(&idm(&borrowed(&rig.args(&doubled, "cache"))));
    let report = rig.json();
    assert_eq!(report["real"]["cached"], 0);
    let ratio =
        report["frechet"]["distance"].as_f64().unwrap() / fresh["frechet"]["distance"].as_f64().unwrap();
    assert!((ratio - 4.0).abs() < 1e-4, "{ratio}");
    assert_eq!(names(&rig.path("cache")).len(), 2);
}

#[test]
fn a_set_beside_itself_is_perfect_and_seen_once() {
    let rig = Rig::new();
    let mut args = rig.args(&rig.network, "cache");
    args[2] = rig.path("real");
    let with_home = |args: &[PathBuf]| {
        idm_command(&borrowed(args)).env("XDG_CACHE_HOME", rig.path("home")).output().unwrap()
    };
    // Without --cache: the user's.
    args.truncate(args.len() - 2);
    succeeded(&with_home(&args));
    let report = rig.json();
    assert!(report["frechet"]["distance"].as_f64().unwrap() < 1e-5, "{}", report["frechet"]);
    for report in report["neighbours"].as_array().unwrap() {
        for key in ["precision", "recall", "coverage"] {
            assert_eq!(report[key]["mean"], 1.0, "{key}");
        }
    }
    assert_eq!(report["fake"]["cached"], 24);
    assert_eq!(names(&rig.path("home/facerestore/features")).len(), 1);
}

#[test]
fn broken_pictures_are_left_out_named_and_counted() {
    let rig = Rig::new();
    let whole = std::fs::read(rig.path("real/0000.png")).unwrap();
    std::fs::write(rig.path("real/cut.png"), &whole[..whole.len() / 2]).unwrap();
    picture::write(&rig.path("fake/wide.png"), &RgbImage::new(20, 16)).unwrap();
    std::fs::write(rig.path("fake/animation.gif"), b"GIF89a").unwrap();
    let output = rig.run("cache");
    failed(
        &output,
        &[
            "cut.png is not a readable picture",
            "20×16 pixels are not square",
            "animation.gif",
            "3 of 57 pictures were left out",
        ],
    );
    let report = rig.json();
    assert_eq!((&report["real"]["pictures"], &report["fake"]["pictures"]), (&24.into(), &30.into()));
    assert_eq!(report["real"]["left_out"].as_array().unwrap().len(), 1);
    assert!(text(&output.stdout).contains("Fréchet distance over colour"));
}

#[test]
fn unusable_networks_and_sets_are_named() {
    let rig = Rig::new();
    let whole = std::fs::read(&rig.network).unwrap();
    let half = rig.path("half.pt");
    std::fs::write(&half, &whole[..whole.len() / 2]).unwrap();
    failed(&idm(&borrowed(&rig.args(&half, "cache"))), &["half.pt", "not a whole TorchScript module"]);
    let whole = traced(rig.folder.path(), "whole.pt", |pictures| pictures.mean(Kind::Float));
    failed(&idm(&borrowed(&rig.args(&whole, "cache"))), &["whole.pt gave []", "[N, D]"]);
    std::fs::create_dir(rig.path("empty")).unwrap();
    let mut args = rig.args(&rig.network, "cache");
    args[2] = rig.path("empty");
    failed(&idm(&borrowed(&args)), &["no pictures in", "empty"]);
    args[2] = rig.path("nowhere");
    failed(&idm(&borrowed(&args)), &["cannot read", "nowhere"]);
    rig.pictures("few", &[1, 2, 3]);
    args[2] = rig.path("few");
    failed(&idm(&borrowed(&args)), &["the kernel distance of 3 pictures", "at least 20"]);
    std::fs::write(rig.path("empty/broken.png"), b"nothing").unwrap();
    args[2] = rig.path("empty");
    failed(&idm(&borrowed(&args)), &["none of the 1 pictures", "broken.png"]);
}

#[test]
fn a_full_disk_is_named_and_the_next_run_goes_on() {
    let rig = Rig::new();
    let pixels = traced(rig.folder.path(), "pixels.pt", |pictures| pictures.flatten(1, -1));
    std::fs::create_dir(rig.path("disk")).unwrap();
    let args = rig.args(&pixels, "disk");
    // 24 pictures of 768 features are 72 KB.
    let full = idm_on_small_disk(&rig.path("disk"), 40, &borrowed(&args));
    failed(&full, &["cannot write", "No space left on device"]);
    assert_eq!(rig.segments("disk"), Vec::<PathBuf>::new());
    succeeded(&idm(&borrowed(&args)));
    assert_eq!(rig.segments("disk").len(), 2);
    // Fewer pictures than features.
    assert!(rig.json()["notes"][0].as_str().unwrap().contains("no full rank"));
}

/// What was seen before the kill is not seen again, and the figures are those of a run that was never stopped.
#[test]
fn a_killed_run_goes_on() {
    let rig = Rig::new();
    let reds: Vec<u8> = (0..1300_u32).map(|index| (index % 251) as u8).collect();
    rig.pictures("real", &reds);
    // Pictures of one colour are alike; an edge makes each file another one.
    for (index, file) in picture::list_tree(&rig.path("real")).unwrap().iter().enumerate() {
        let path = rig.path("real").join(file);
        let mut picture = picture::read(&path).unwrap();
        picture.put_pixel(0, 0, Rgb([(index % 256) as u8, (index / 256) as u8, 0]));
        picture::write(&path, &picture).unwrap();
    }
    succeeded(&rig.run("whole"));
    let whole = rig.json();
    let args = rig.args(&rig.network, "killed");
    let segment = || {
        let folder = rig.path("killed");
        let whole = |name: &String| names(&folder.join(name)).iter().any(|name| !name.starts_with('.'));
        folder.is_dir() && names(&folder).iter().any(whole)
    };
    kill_9_when(&borrowed(&args), segment);
    succeeded(&rig.run("killed"));
    let report = rig.json();
    assert!(report["real"]["cached"].as_u64().unwrap() >= 1024, "{}", report["real"]["cached"]);
    let near = |path: [&str; 2]| {
        let [left, right] = [&report, &whole].map(|report| report[path[0]][path[1]].as_f64().unwrap());
        assert!((left - right).abs() < 1e-6 * right.abs().max(1e-3), "{path:?}: {left}, {right}");
    };
    near(["frechet", "distance"]);
    near(["kernel", "mean"]);
    assert_eq!(report["real"]["pictures"], 1300);
}
