// SPDX-License-Identifier: MIT OR Apache-2.0
//! The values of the element's properties.

use std::path::PathBuf;
use std::time::Duration;

use face_detect::{DetectOptions, PasteOptions};
use face_restore::{FrameOptions, TemporalOptions};
use gst::glib;
use gst::prelude::*;

use super::choices::{Mode, Precision, Sampler, TorchScriptRange};

pub(super) const DEFAULT_DEVICE: &str = "auto";
pub(super) const DEFAULT_STRENGTH: f64 = 1.0;
pub(super) const DEFAULT_TEMPORAL: f64 = 0.6;
pub(super) const DEFAULT_MAX_AGE: u32 = 500;
pub(super) const DEFAULT_MAX_FACES: u32 = 50;
pub(super) const DEFAULT_MIN_FACE_SIZE: u32 = 32;
pub(super) const DEFAULT_DETAIL: f64 = 1.0;
/// Of 120 frames of a badly degraded clip the face is found in 118 at 0.6 and in 92 at 0.7.
pub(super) const DEFAULT_DETECTION_THRESHOLD: f64 = 0.6;
pub(super) const DEFAULT_DETECTION_INTERVAL: u32 = 5;
/// A face that rests is restored in each fifth frame: six times a second, so that what little changes below the noise is not held
/// for long.
pub(super) const DEFAULT_MAX_REUSE: u32 = 4;

/// What is read when the element starts (READY → PAUSED).
#[derive(Debug, Clone)]
pub struct ModelSettings {
    /// Model file; `None` is the shipped one.
    pub model: Option<PathBuf>,
    /// Detector file, or `none`; `None` is the shipped one.
    pub detector: Option<PathBuf>,
    /// When a face is restored.
    pub mode: Mode,
    /// As the user wrote it.
    pub device: String,
    /// Of the network.
    pub precision: Precision,
    /// 0 is the model's own number.
    pub steps: u32,
    /// Of the diffusion model.
    pub sampler: Sampler,
    /// Of a TorchScript network.
    pub torchscript_range: TorchScriptRange,
    /// Of a TorchScript network.
    pub torchscript_output: u32,
}

/// What is read before each frame.
#[derive(Debug, Clone, Copy)]
pub struct FrameSettings {
    /// Share of restoration, 0 to 1.
    pub strength: f64,
    /// Share of the detail over the faithful mean, 0 to 1.
    pub detail: f64,
    /// Keep the input's low frequencies of colour.
    pub keep_color: bool,
    /// How far a face persists from frame to frame, 0 to 1.
    pub temporal: f64,
    /// Live: in milliseconds.
    pub max_age: u32,
    /// In frames.
    pub max_reuse: u32,
    /// Small faces in half crops.
    pub match_size: bool,
    /// Seed of the noise.
    pub seed: u64,
    /// Most faces in a frame.
    pub max_faces: u32,
    /// In pixels.
    pub min_face_size: u32,
    /// Least score of a face.
    pub detection_threshold: f64,
    /// Every how many frames faces are looked for.
    pub detection_interval: u32,
    /// Attach metas.
    pub attach_meta: bool,
    /// Draw boxes.
    pub draw_boxes: bool,
}

/// The values of all properties but `stats`.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Read when the element starts.
    pub model: ModelSettings,
    /// Read before each frame.
    pub frame: FrameSettings,
}

impl Default for ModelSettings {
    fn default() -> Self {
        Self {
            model: None,
            detector: None,
            mode: Mode::default(),
            device: DEFAULT_DEVICE.into(),
            precision: Precision::default(),
            steps: 0,
            sampler: Sampler::default(),
            torchscript_range: TorchScriptRange::default(),
            torchscript_output: 0,
        }
    }
}

impl Default for FrameSettings {
    fn default() -> Self {
        Self {
            strength: DEFAULT_STRENGTH,
            detail: DEFAULT_DETAIL,
            keep_color: true,
            temporal: DEFAULT_TEMPORAL,
            max_age: DEFAULT_MAX_AGE,
            max_reuse: DEFAULT_MAX_REUSE,
            match_size: false,
            seed: 0,
            max_faces: DEFAULT_MAX_FACES,
            min_face_size: DEFAULT_MIN_FACE_SIZE,
            detection_threshold: DEFAULT_DETECTION_THRESHOLD,
            detection_interval: DEFAULT_DETECTION_INTERVAL,
            attach_meta: false,
            draw_boxes: false,
        }
    }
}

impl FrameSettings {
    /// Whether faces are of any use with these settings.
    #[must_use]
    pub fn wants_faces(&self) -> bool {
        self.strength > 0.0 || self.annotates()
    }

    /// Whether a frame with faces is changed or annotated even when none of them is restored.
    #[must_use]
    pub fn annotates(&self) -> bool {
        self.attach_meta || self.draw_boxes
    }

    /// What the pipeline needs to know.
    #[must_use]
    pub fn options(&self) -> FrameOptions {
        FrameOptions {
            detect: DetectOptions {
                score_threshold: self.detection_threshold as f32,
                min_face_size: self.min_face_size,
                max_faces: self.max_faces as usize,
                ..Default::default()
            },
            detection_interval: self.detection_interval,
            temporal: TemporalOptions {
                seed: self.seed,
                persistence: self.temporal as f32,
                detail: self.detail as f32,
                most_reuse: self.max_reuse,
            },
            match_size: self.match_size,
            paste: PasteOptions { strength: self.strength as f32, keep_color: self.keep_color },
            max_age: Duration::from_millis(self.max_age.into()),
        }
    }
}

impl Settings {
    /// Stores a property's value. Its type and range are GObject's business; an empty path means the default.
    pub fn set(&mut self, name: &str, value: &glib::Value) {
        fn get<'a, T: glib::value::FromValue<'a>>(value: &'a glib::Value) -> T {
            value.get().expect("type checked upstream")
        }
        let path = || get::<Option<PathBuf>>(value).filter(|path| !path.as_os_str().is_empty());
        let (model, frame) = (&mut self.model, &mut self.frame);
        match name {
            "model" => model.model = path(),
            "detector" => model.detector = path(),
            "mode" => model.mode = get(value),
            "device" => {
                model.device = get::<Option<String>>(value).unwrap_or_else(|| DEFAULT_DEVICE.into());
            }
            "precision" => model.precision = get(value),
            "steps" => model.steps = get(value),
            "sampler" => model.sampler = get(value),
            "torchscript-range" => model.torchscript_range = get(value),
            "torchscript-output" => model.torchscript_output = get(value),
            "strength" => frame.strength = get(value),
            "keep-color" => frame.keep_color = get(value),
            "detail" => frame.detail = get(value),
            "temporal" => frame.temporal = get(value),
            "max-age" => frame.max_age = get(value),
            "max-reuse" => frame.max_reuse = get(value),
            "match-size" => frame.match_size = get(value),
            "seed" => frame.seed = get(value),
            "max-faces" => frame.max_faces = get(value),
            "min-face-size" => frame.min_face_size = get(value),
            "detection-threshold" => frame.detection_threshold = get(value),
            "detection-interval" => frame.detection_interval = get(value),
            "attach-meta" => frame.attach_meta = get(value),
            "draw-boxes" => frame.draw_boxes = get(value),
            _ => unimplemented!("property {name}"),
        }
    }

    /// A property's value.
    pub fn get(&self, name: &str) -> glib::Value {
        let (model, frame) = (&self.model, &self.frame);
        match name {
            "model" => model.model.to_value(),
            "detector" => model.detector.to_value(),
            "mode" => model.mode.to_value(),
            "device" => model.device.to_value(),
            "precision" => model.precision.to_value(),
            "steps" => model.steps.to_value(),
            "sampler" => model.sampler.to_value(),
            "torchscript-range" => model.torchscript_range.to_value(),
            "torchscript-output" => model.torchscript_output.to_value(),
            "strength" => frame.strength.to_value(),
            "keep-color" => frame.keep_color.to_value(),
            "detail" => frame.detail.to_value(),
            "temporal" => frame.temporal.to_value(),
            "max-age" => frame.max_age.to_value(),
            "max-reuse" => frame.max_reuse.to_value(),
            "match-size" => frame.match_size.to_value(),
            "seed" => frame.seed.to_value(),
            "max-faces" => frame.max_faces.to_value(),
            "min-face-size" => frame.min_face_size.to_value(),
            "detection-threshold" => frame.detection_threshold.to_value(),
            "detection-interval" => frame.detection_interval.to_value(),
            "attach-meta" => frame.attach_meta.to_value(),
            "draw-boxes" => frame.draw_boxes.to_value(),
            _ => unimplemented!("property {name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_element_and_the_library_start_with_the_same_faces() {
        assert_eq!(FrameSettings::default().options().detect, DetectOptions::default());
    }
}
