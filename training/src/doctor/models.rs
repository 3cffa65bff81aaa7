// SPDX-License-Identifier: MIT OR Apache-2.0
//! The shipped models: where they are, whether they are whole, and how fast they restore a face.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use restore_core::{
    Checkpoint, DiffusionOptions, DiffusionRestorer, LIVE_MODEL_FILE, MODEL_FILE, RestoreError, Restorer,
    shipped,
};
use sha2::{Digest, Sha256};
use tch::{Device, Kind, Tensor};

use super::Finding;
use crate::digest::hexadecimal;

/// The restorers, for files and for calls.
pub const RESTORERS: [(&str, &str); 2] = [("model", MODEL_FILE), ("live model", LIVE_MODEL_FILE)];
/// The face detector (as `face_detect::DETECTOR_FILE`, which a build without OpenCV does not have).
const DETECTOR_FILE: &str = "face_detection_yunet_2023mar.onnx";
/// Digits of a hash that are printed.
const DIGITS: usize = 16;

/// Where to look for models.
pub struct Places {
    folder: Option<PathBuf>,
}

impl Places {
    /// In `folder`, or where programs look for those that were shipped with them.
    pub fn new(folder: Option<PathBuf>) -> Self {
        Self { folder }
    }

    fn find(&self, file: &str) -> Result<PathBuf, String> {
        let Some(folder) = &self.folder else {
            return shipped(file).map_err(|error| error.to_string());
        };
        let path = folder.join(file);
        if path.is_file() { Ok(path) } else { Err(format!("{file} is not in {}", folder.display())) }
    }
}

/// The detector's file, loaded where this program can.
pub fn detector(places: &Places) -> Finding {
    let path = match places.find(DETECTOR_FILE) {
        Ok(path) => path,
        Err(reason) => return missing("detector", reason),
    };
    #[cfg(feature = "detect")]
    if let Err(error) = face_detect::FaceDetector::open(&path) {
        return Finding::wrong(
            "detector",
            error,
            "copy the file again from the folder models of the project",
        );
    }
    Finding::right("detector", described(&path))
}

/// A restorer's file, loaded, and the time that a face takes.
pub fn restorer(places: &Places, subject: &'static str, file: &str) -> Finding {
    let path = match places.find(file) {
        Ok(path) => path,
        Err(reason) => return missing(subject, reason),
    };
    match time(&path) {
        Ok(text) => Finding::right(subject, format!("{}: {text}", described(&path))),
        Err(error) => {
            Finding::wrong(subject, error, "copy the file again from the folder models of the project")
        }
    }
}

fn missing(subject: &'static str, reason: String) -> Finding {
    Finding::wrong(subject, reason, "name its folder with --models, or copy it to one of these places")
}

/// Where it is, and enough of its hash to tell two versions apart.
fn described(path: &Path) -> String {
    let digest = fs::read(path).map(|bytes| hexadecimal(Sha256::new().chain_update(bytes)));
    let digest = digest.ok().and_then(|digits| digits.get(..DIGITS).map(str::to_owned));
    format!("{} (SHA-256 {}…)", path.display(), digest.unwrap_or_default())
}

/// Restores a face of noise, the second time against the clock.
fn time(path: &Path) -> Result<String, RestoreError> {
    let restorer = DiffusionRestorer::new(&Checkpoint::open(path)?, path, &DiffusionOptions::default())?;
    let side = i64::from(restorer.crop_size());
    let face = Tensor::f_randn([1, 3, side, side], (Kind::Float, Device::Cpu))?.f_clamp(-1.0, 1.0)?;
    let _ = restorer.restore(&face, &[0])?;
    let start = Instant::now();
    let _ = restorer.restore(&face, &[0])?;
    Ok(format!("a face in {:.0} ms, {}", start.elapsed().as_secs_f64() * 1e3, restorer.description()))
}
