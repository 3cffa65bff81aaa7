// SPDX-License-Identifier: MIT OR Apache-2.0
//! What several tests need: a photograph, the shipped networks, and networks of known effect.

use std::path::{Path, PathBuf};

use face_detect::FaceDetector;
use opencv::core::{Mat, MatTraitConst, MatTraitConstManual};
use opencv::{imgcodecs, imgproc};
use restore_core::{
    DeviceChoice, DiffusionOptions, DiffusionRestorer, RestoreError, RestoreOptions, Restorer,
};
use tch::Tensor;

use crate::picture::RgbPicture;
use crate::scene::{Finder, Scene};

/// The astronaut: 512×512 pixels, RGB, one face, nose tip near (223, 130).
pub fn astronaut() -> Mat {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/astronaut.png");
    let image = imgcodecs::imread(path, imgcodecs::IMREAD_COLOR).unwrap();
    let mut rgb = Mat::default();
    imgproc::cvt_color_def(&image, &mut rgb, imgproc::COLOR_BGR2RGB).unwrap();
    rgb
}

pub fn picture(rgb: &Mat) -> RgbPicture {
    RgbPicture::from_bytes(rgb.cols() as u32, rgb.rows() as u32, rgb.data_bytes().unwrap()).unwrap()
}

pub fn detector() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models").join(face_detect::DETECTOR_FILE)
}

/// A scene in which the shipped detector looks for faces.
pub fn scene() -> Scene {
    Scene::new(Finder::Detector(Box::new(FaceDetector::open(&detector()).unwrap())))
}

/// The smaller of the shipped models.
pub fn network() -> Box<dyn Restorer> {
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/facerestore-live.safetensors");
    let options = DiffusionOptions { device: DeviceChoice::Cpu, ..Default::default() };
    Box::new(DiffusionRestorer::open(&model, &options).unwrap())
}

/// Restores each crop of 64 pixels to what `answer` makes of it: a change that a test knows, or a failure at its command.
pub struct Answering<F>(pub F);

impl<F: Fn(&Tensor) -> Result<Tensor, RestoreError> + Send + Sync> Restorer for Answering<F> {
    fn crop_size(&self) -> u32 {
        64
    }

    fn description(&self) -> String {
        "a function".to_owned()
    }

    fn restore_with(&self, faces: &Tensor, _: &[u64], _: &RestoreOptions) -> Result<Tensor, RestoreError> {
        (self.0)(faces)
    }
}
