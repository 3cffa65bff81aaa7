// SPDX-License-Identifier: MIT OR Apache-2.0
//! Opens the detector and the restoration model that the properties choose.

use std::path::Path;

use face_detect::FaceDetector;
use face_restore::{FaceStream, Finder, LiveWorker, Scene, TemporalRestorer};
use restore_core::{
    DeviceChoice, DiffusionOptions, DiffusionRestorer, Restorer, TorchScriptOptions, TorchScriptRestorer,
};

use crate::error::StartError;
use crate::facerestore::choices::Mode;
use crate::facerestore::settings::ModelSettings;
use crate::locate::{DETECTOR, LIVE_MODEL, MODEL};

/// File name endings that mean TorchScript; every other file is taken as a checkpoint of this project.
const TORCHSCRIPT_EXTENSIONS: [&str; 3] = ["pt", "pth", "torchscript"];

/// The value of the property `detector` that means: faces come from upstream.
const NO_DETECTOR: &str = "none";

/// Loads both networks, and in live mode starts the worker. `plugin` is the plugin's own file, near which shipped files are looked for. Returns also a
/// line for the log: what was loaded, and where it computes.
///
/// # Errors
/// [`StartError`], whose text names the file or property and the remedy.
pub fn open(settings: &ModelSettings, plugin: &Path) -> Result<(FaceStream, String), StartError> {
    let model = match settings.mode {
        Mode::Offline => MODEL,
        Mode::Live => LIVE_MODEL,
    };
    let model = model.locate(settings.model.as_deref(), plugin)?;
    let finder = open_finder(settings, plugin)?;
    let restorer = open_restorer(&model, settings)?;
    let loaded = format!("{}: {}", model.display(), restorer.description());
    let restorer = TemporalRestorer::new(restorer).map_err(|error| StartError::System(error.to_string()))?;
    let stream = match settings.mode {
        Mode::Offline => FaceStream::offline(Scene::new(finder), restorer),
        Mode::Live => {
            let worker = LiveWorker::start(restorer);
            let worker = worker.map_err(|error| StartError::System(error.to_string()))?;
            FaceStream::live(Scene::new(finder), worker)
        }
    };
    Ok((stream, loaded))
}

fn open_finder(settings: &ModelSettings, plugin: &Path) -> Result<Finder, StartError> {
    let chosen = settings.detector.as_deref();
    if chosen == Some(Path::new(NO_DETECTOR)) {
        return Ok(Finder::Upstream);
    }
    let detector = FaceDetector::open(&DETECTOR.locate(chosen, plugin)?)?;
    Ok(Finder::Detector(Box::new(detector)))
}

fn open_restorer(model: &Path, settings: &ModelSettings) -> Result<Box<dyn Restorer>, StartError> {
    let device: DeviceChoice = settings.device.parse().map_err(|_| StartError::Property {
        property: "device",
        value: settings.device.clone(),
        reason: "it must be auto, cpu, cuda or cuda:N",
    })?;
    let extension = model.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    if TORCHSCRIPT_EXTENSIONS.contains(&extension.to_ascii_lowercase().as_str()) {
        let range = settings.torchscript_range.into();
        let options = TorchScriptOptions {
            input_range: range,
            output_range: range,
            output_index: settings.torchscript_output as usize,
            device,
            ..Default::default()
        };
        return Ok(Box::new(TorchScriptRestorer::open(model, &options)?));
    }
    let options = DiffusionOptions {
        device,
        precision: Some(settings.precision.into()),
        steps: (settings.steps > 0).then_some(settings.steps as usize),
        sampler: settings.sampler.into(),
    };
    Ok(Box::new(DiffusionRestorer::open(model, &options)?))
}
