// SPDX-License-Identifier: MIT OR Apache-2.0
//! A small study on real faces, whose pictures tell their system by their tint.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Output;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use image::{Rgb, RgbImage};
use serde_json::Value;
use training::picture;
use training::study::key::Key;

use crate::common::{faces, idm, succeeded};

/// Names that occur nowhere by chance; each changes one colour.
pub const SYSTEMS: [&str; 3] = ["Zebra", "Quagga", "Okapi"];

/// Five faces, and the "results" of three systems: the faces a little reddish, greenish and bluish.
pub struct Study {
    pub folder: tempfile::TempDir,
    pub truth: PathBuf,
}

impl Study {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let truth = faces(folder.path());
        for (colour, system) in SYSTEMS.iter().enumerate() {
            let results = folder.path().join(system);
            std::fs::create_dir(&results).unwrap();
            for file in picture::list(&truth).unwrap() {
                let mut face = picture::read(&file).unwrap();
                face.pixels_mut().for_each(|Rgb(pixel)| pixel[colour] = pixel[colour].saturating_add(40));
                // Another size and ending than the truth's.
                let face = picture::resize_antialiased(&face, 80, 80).unwrap();
                picture::write(&results.join(format!("{}.jpg", picture::stem(&file))), &face).unwrap();
            }
        }
        Self { truth, folder }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn arguments(&self, page: &Path, more: &[&str]) -> Vec<String> {
        let mut args = vec!["study".to_owned(), "--truth".to_owned(), self.truth.display().to_string()];
        for system in SYSTEMS {
            args.extend(["--restored".to_owned(), format!("{system}={}", self.path(system).display())]);
        }
        args.extend(["--output".to_owned(), page.display().to_string()]);
        args.extend(more.iter().map(|&arg| arg.to_owned()));
        args
    }

    pub fn make(&self, page: &Path, more: &[&str]) -> Output {
        let args = self.arguments(page, more);
        idm(&args.iter().map(|arg| arg as &dyn AsRef<OsStr>).collect::<Vec<_>>())
    }

    /// Makes `page.html`, and reads its key.
    pub fn key(&self) -> Key {
        succeeded(&self.make(&self.path("page.html"), &[]));
        Key::read(&self.path("page.key.json")).unwrap()
    }

    pub fn tally(&self, files: &[&Path]) -> (Output, Value) {
        let (key, json) = (self.path("page.key.json"), self.path("tally.json"));
        let mut args: Vec<&dyn AsRef<OsStr>> = vec![&"study", &"--tally", &key, &"--json", &json];
        args.extend(files.iter().map(|file| file as &dyn AsRef<OsStr>));
        let output = idm(&args);
        let tally = std::fs::read(&json).map_or(Value::Null, |bytes| serde_json::from_slice(&bytes).unwrap());
        (output, tally)
    }
}

/// The JSON inside a page.
pub fn data(html: &str) -> Value {
    let start = html.find(r#"id="data">"#).unwrap() + r#"id="data">"#.len();
    let end = start + html[start..].find("</script>").unwrap();
    serde_json::from_str(&html[start..end]).unwrap()
}

/// The picture of a data URI, by way of a file in `folder`.
pub fn decoded(folder: &Path, uri: &Value) -> RgbImage {
    let (kind, base64) = uri.as_str().unwrap().split_once(";base64,").unwrap();
    assert!(["data:image/jpeg", "data:image/png"].contains(&kind), "{kind}");
    let file = folder.join("decoded");
    std::fs::write(&file, BASE64.decode(base64).unwrap()).unwrap();
    picture::read(&file).unwrap()
}

/// How much redder, greener and bluer a picture is than another, on average.
pub fn tint(picture: &RgbImage, truth: &RgbImage) -> usize {
    let mean = |picture: &RgbImage, colour: usize| {
        picture.pixels().map(|pixel| f64::from(pixel[colour])).sum::<f64>()
            / f64::from(picture.width()).powi(2)
    };
    let gains = [0, 1, 2].map(|colour| mean(picture, colour) - mean(truth, colour));
    (0..3).max_by(|&a, &b| gains[a].total_cmp(&gains[b])).unwrap()
}
